"""gofer web with a certificate of its own: what is spoken, files that will not do, files that
change, and visitors who shake hands slowly or never."""
import contextlib
import json
import os
import shutil
import socket
import ssl
import time

import pytest
from conftest import wait_for
from process import make_certificates, run_openssl
from test_web_events import Stream
from webserver import PATIENCE, Web

pytestmark = pytest.mark.usefixtures("has_web")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Certificates of two authorities: folders."""
    if not shutil.which("openssl"):
        pytest.skip("n/a: no openssl command")
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for folder in folders:
        make_certificates(str(folder))
    return folders


@pytest.fixture
def files(gofer, made):
    """Copies that a test may change: the options that name them."""
    for name in ("server.crt", "server.key"):
        shutil.copy(made[0] / name, gofer.folder / name)
    (gofer.folder / "server.key").chmod(0o600)
    return ("--tls-cert", gofer.folder / "server.crt", "--tls-key", gofer.folder / "server.key")


@pytest.fixture
def web(gofer, made, files):
    it = Web(gofer, "--log-level", "info", *files, ca=made[0] / "ca.crt")
    yield it
    it.close()


def put(gofer, payload):
    """A task `a` that is too large for a command line."""
    gofer("enqueue", "--batch", input=json.dumps({"type": "t", "id": "a", "payload": payload}))


def test_everything_is_spoken_under_tls(web, gofer):
    assert web.address.startswith("https://127.0.0.1:")
    assert web("/healthz").json == {"ok": True}
    token = web.add_token("ann", "admin")
    put(gofer, "x" * 500000)
    task = web("/api/v1/queues/default/tasks/a", token=token)
    assert task.json["payload"] == "x" * 500000
    big = {"type": "t", "id": "b", "payload": "y" * 900000}
    answer = web.post("/api/v1/tasks", big, token=token).json
    assert answer == {"id": "b", "effect": "created"}
    assert web.post("/api/v1/tasks", {**big, "payload": "y" * (1 << 20)}, token=token).status == 413
    assert web("/api/v1/queues", headers={"Host": "evil.example.org"}).status == 400
    with web.connect() as s:
        assert s.version() == "TLSv1.3"
        s.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 400 ")
    assert "strict-transport-security" not in web("/healthz").headers


def test_who_logs_in_has_a_cookie_that_tls_alone_carries(web):
    answer = web.post("/login", {"token": web.add_token("ann", "see")})
    said, _, attributes = answer.headers["set-cookie"].partition("; ")
    assert said.startswith("__Host-gofer=") and "Secure" in attributes.split("; ")
    assert web("/api/v1/me", headers={"Cookie": said}).json["name"] == "ann"
    plain = said.removeprefix("__Host-")
    assert web("/api/v1/queues", headers={"Cookie": plain}).status == 401


def test_pages_of_the_same_name_without_tls_are_others(web):
    """Who is between may make one of them."""
    token = web.add_token("ann", "admin")
    for origin, status in ((f"https://{web.url.netloc}", 200), (f"http://{web.url.netloc}", 403)):
        answer = web.post("/api/v1/queues/q/pause", headers={"Origin": origin}, token=token)
        assert answer.status == status, origin


def test_a_request_has_one_answer_and_then_the_end(web):
    with web.connect() as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
        got = b""
        while chunk := s.recv(65536):
            got += chunk
    assert got.count(b"HTTP/1.1 200") == 1


def test_events_are_heard_under_tls(web, gofer):
    stream = Stream(web)
    assert stream.status == 200
    wait_for(lambda: gofer.enqueue("t", "x") and True)
    assert stream.next()
    assert web.stop() == 0              # and it ends in good order while somebody listens
    stream.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_not_spoken(web, version):
    web.tls.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1)
    web.tls.set_ciphers("ALL:@SECLEVEL=0")
    web.tls.minimum_version = version
    web.tls.maximum_version = version
    with pytest.raises(OSError):
        web.connect().close()


def test_tls_1_2_is_spoken_with_ciphers_that_sign(web):
    web.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with web.connect() as s:
        name, version, _ = s.cipher()
        assert version == "TLSv1.2" and name.startswith("ECDHE-") and "GCM" in name
    web.tls.set_ciphers("AES128-SHA:ECDHE-RSA-AES128-SHA")
    with pytest.raises(OSError):
        web.connect().close()


def test_another_protocol_is_not_ours(web):
    web.tls.set_alpn_protocols(["h2", "http/1.1"])
    with web.connect() as s:
        assert s.selected_alpn_protocol() == "http/1.1"
    web.tls.set_alpn_protocols(["smtp"])
    with pytest.raises(OSError):
        web.connect().close()


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x80\x00", b" "])
def test_what_comes_plain_is_told_so(web, sent):
    with web.connect(plain=True) as s:
        s.sendall(sent)
        got = b""
        while chunk := s.recv(4096):
            got += chunk
    assert got.startswith(b"HTTP/1.1 400 ") and b"say https" in got
    assert web("/healthz").status == 200


def test_a_handshake_that_is_none_ends_the_connection_and_nothing_else(web):
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 500,
                 b"\x16" * 100, b"\x16\x03\x01\x00\x00" * 50, b"\x16\x03\xff"):
        with web.connect(plain=True) as s:
            s.sendall(sent)
            with contextlib.suppress(OSError):      # the server may have ended it already
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
    assert web("/healthz").status == 200


def test_who_is_cut_off_leaves_nothing_behind(web):
    """In the handshake, in the head, and in the answer."""
    before = len(os.listdir(f"/proc/{web.process.pid}/fd"))
    for _ in range(40):
        for sent in (b"", b"GET / HT", b"GET /api/v1/routes HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            s = web.connect()
            s.sendall(sent)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            s.close()
    wait_for(lambda: len(os.listdir(f"/proc/{web.process.pid}/fd")) <= before, "descriptors")
    assert web("/healthz").status == 200


def test_handshakes_that_never_come_keep_nobody_out(web):
    """More sockets than there is room for, from this very address: silent, with half a handshake,
    and with half a head."""
    idle, half = [], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    try:
        for i in range(300):
            idle.append(web.connect(plain=i % 10 != 0))
            if i % 10 == 0:
                idle[-1].sendall(b"GET / HTTP/1.1\r\nHo")
            elif i % 2:
                idle[-1].sendall(half)
            if i % 60 == 0:
                assert web("/healthz").status == 200
        assert web("/healthz").status == 200
        assert idle[1].recv(100) == b""             # those that came first have made way
    finally:
        for s in idle:
            s.close()
    assert web("/healthz").status == 200


def test_a_handshake_has_ten_seconds(web):
    with web.connect(plain=True) as silent, web.connect(plain=True) as slow:
        start = time.monotonic()
        slow.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert silent.recv(1) == b"" and slow.recv(1) == b""
        assert 8 < time.monotonic() - start < PATIENCE


def test_a_reader_that_does_not_read_holds_nobody_up(web, gofer):
    put(gofer, "x" * 2000000)
    slow = []
    try:
        for _ in range(20):
            slow.append(web.connect())
            slow[-1].sendall(b"GET /api/v1/queues/default/tasks/a HTTP/1.1\r\n"
                             b"Host: localhost\r\n\r\n")
        assert web("/api/v1/queues").status == 200
        # And one that is only slow gets it all.
        got = 0
        while chunk := slow[0].recv(50000):
            got += len(chunk)
        assert got > 2000000
    finally:
        for s in slow:
            s.close()


# ---- files


def fails(gofer, files, code=1):
    return gofer("web", "--listen", "127.0.0.1:0", "--tokens", gofer.folder / "t", *files,
                 code=code).why


def test_files_that_will_not_do(gofer, made, files):
    cert, key = gofer.folder / "server.crt", gofer.folder / "server.key"
    assert "go together" in fails(gofer, files[:2], code=2)
    assert "go together" in fails(gofer, files[2:], code=2)
    key.chmod(0o644)
    assert "others may read" in fails(gofer, files)
    key.chmod(0o600)
    shutil.copy(made[1] / "server.key", key)
    assert "key" in fails(gofer, files) and "mismatch" in fails(gofer, files)
    key.write_text("nonsense")
    assert f"{key}: it is no key" in fails(gofer, files)
    run_openssl(str(gofer.folder), "genrsa", "-aes128", "-passout", "pass:x", "-out", "server.key",
                "2048")
    key.chmod(0o600)
    assert "without a password" in fails(gofer, files)
    cert.write_text("nonsense")
    assert f"{cert}: it is no certificate" in fails(gofer, files)
    cert.unlink()
    assert f"{cert}: No such file" in fails(gofer, files)
    cert.mkdir()
    assert str(cert) in fails(gofer, files)


def test_a_certificate_that_has_expired(gofer, made, files):
    for words in (("req", "-new", "-subj", "/CN=localhost", "-out", "csr", "-key", "server.key"),
                  ("x509", "-req", "-in", "csr", "-signkey", "server.key", "-days", "0", "-out",
                   "server.crt")):
        run_openssl(str(gofer.folder), *words)
    why = fails(gofer, files)
    assert "the certificate has expired: 20" in why and "UTC" in why


def test_files_that_change_are_read_again(web, made, gofer):
    """And what will not do is said, once, while the old ones go on."""
    second = ssl.create_default_context(cafile=made[1] / "ca.crt")
    cert, key = gofer.folder / "server.crt", gofer.folder / "server.key"

    def replace(name, folder):
        shutil.copy(folder / name, gofer.folder / "new")
        (gofer.folder / "new").chmod(0o600)
        (gofer.folder / "new").rename(gofer.folder / name)

    assert web("/healthz").status == 200
    replace("server.crt", made[1])          # the key is still the old one's
    assert web("/healthz").status == 200
    assert web("/healthz").status == 200
    assert web.log.count("the certificate stays as it was") == 1
    replace("server.key", made[1])
    web.tls, first = second, web.tls
    assert web("/healthz").status == 200
    assert "read again" in web.log
    cert.write_text("nonsense")
    assert web("/healthz").status == 200
    key.unlink()
    assert web("/healthz").status == 200
    web.tls = first
    with pytest.raises(ssl.SSLCertVerificationError):
        web.connect()


# ---- beyond this machine


def test_tls_and_tokens_open_the_door_to_others(gofer, made, files):
    tokens = gofer.folder / "tokens"
    wide = ("--listen", "0.0.0.0:0", "--tokens", tokens)
    assert "needs tokens" in gofer("web", *wide, *files, code=2).why
    gofer("web", "token", "add", "ann", "--tokens", tokens)
    assert "--tls-cert" in gofer("web", *wide, code=2).why
    web = Web(gofer, *wide, *files, ca=made[0] / "ca.crt")
    assert web.address.startswith("https://0.0.0.0:")
    web.url = web.url._replace(netloc=f"127.0.0.1:{web.url.port}")
    assert web("/api/v1/queues").status == 401
    web.close()


def test_a_unix_socket_beside_it_stays_plain(gofer, made, files):
    path = gofer.folder / "s.sock"
    web = Web(gofer, "--listen", "127.0.0.1:0", "--listen", f"unix:{path}", *files,
              ca=made[0] / "ca.crt")
    assert web.process.stdout.readline().decode().strip() == f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(12) == b"HTTP/1.1 200"
    assert web("/healthz").status == 200
    web.close()
