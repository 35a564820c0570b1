"""gofer web is safe by default: who may reach it, who may do what, what a browser is told, and what
becomes of requests that mean harm."""
import json
import re
import select
import socket
import subprocess
import time

import pytest
from webserver import PATIENCE, Web

pytestmark = pytest.mark.usefixtures("has_web")

CONNECTIONS = 256


@pytest.fixture
def web(gofer):
    it = Web(gofer)
    yield it
    it.close()


def routes(web, token):
    """Every route of the server's own list: method, path with words in it, right."""
    for path, ways in web("/api/v1/routes", token=token).json["paths"].items():
        for method, way in ways.items():
            right = way.get("security", [{"token": [None]}])[0]["token"][0]
            yield method.upper(), re.sub(r"\{\w+\}", "word", path), right


# ---- who may reach it


def test_only_this_machine_unless_there_are_tokens_and_a_proxy(gofer):
    tokens = gofer.folder / "tokens"
    wide = ("web", "--listen", "0.0.0.0:0", "--tokens", tokens)
    assert "needs tokens" in gofer(*wide, code=2).why
    assert "needs tokens" in gofer(*wide, "--behind-proxy", code=2).why
    gofer("web", "token", "add", "ann", "--tokens", tokens)
    assert "--behind-proxy" in gofer(*wide, code=2).why
    assert "--anonymous" in gofer(*wide, "--behind-proxy", "--anonymous", "see", code=2).why
    web = Web(gofer, *wide[1:], "--behind-proxy")
    assert web.address.startswith("http://0.0.0.0:")
    assert web("/api/v1/queues", headers={"Host": "127.0.0.1"}).status == 401
    web.close()


def test_words_that_are_wrong(gofer):
    for words in (("--anonymous", "root"), ("--trusted-proxy", "nonsense"), ("--base", "x")):
        gofer("web", "--listen", "127.0.0.1:0", *words, code=2)


@pytest.mark.parametrize("host", ["evil.example.org", "localhost.evil.example.org", "127.0.0.2",
                                  "127.0.0.1.evil.example.org:80"])
def test_a_foreign_name_for_this_address_is_refused(web, host):
    answer = web("/api/v1/me", headers={"Host": host})
    assert answer.status == 400 and "--host" in answer.why


def test_a_name_of_its_own_is_told_by_an_option(gofer):
    web = Web(gofer, "--host", "gofer.example.org")
    assert web("/api/v1/me", headers={"Host": "gofer.example.org:443"}).status == 200
    assert web("/api/v1/me", headers={"Host": "www.example.org"}).status == 400
    web.close()


# ---- who may do what


ROLES = {
    None: {None, "see", "metrics"},
    "see": {None, "see", "metrics"},
    "metrics": {None, "metrics"},
    "see,payload": {None, "see", "payload", "metrics"},
    "see,enqueue": {None, "see", "enqueue", "metrics"},
    "operate": {None, "see", "payload", "enqueue", "operate", "metrics"},
    "admin": {None, "see", "payload", "enqueue", "operate", "admin", "metrics"},
}


@pytest.mark.parametrize("role", ROLES)
def test_every_route_asks_for_its_right(web, role):
    token = web.add_token("someone", role) if role else None
    may = ROLES[role]
    for method, path, right in routes(web, token):
        answer = web(path, method, token=token)
        denied = answer.status in (401, 403)
        assert denied == (right not in may), (method, path, right, answer)
        if denied:
            assert answer.json["error"]["code"] == "EDENIED"
            assert answer.status == (403 if token else 401)


def test_once_there_are_tokens_nobody_looks_without_one(gofer):
    gofer("web", "token", "add", "ann", "--tokens", gofer.folder / "web-tokens")
    web = Web(gofer)
    for method, path, right in routes(web, None):
        assert (web(path, method).status == 401) == (right is not None), (method, path)
    web.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_read_only_is_read_only_for_everybody(gofer, method):
    web = Web(gofer, "--read-only")
    token = web.add_token("root", "admin")
    gofer.enqueue("t", "x", "--id", "a")
    for way, path, right in routes(web, token):
        if way == method and right:     # who comes and goes needs none
            assert web(path, method, token=token).status == 403, path
    assert web("/api/v1/queues/default/tasks/a", token=token).json["payload"] == "x"
    web.close()


def test_payloads_are_for_who_may_see_them(gofer):
    gofer.enqueue("t", "secret-payload", "--id", "a", "--header", "k=secret-header", "--retry", "0")
    gofer("worker", "--drain", "--shell", "t=echo secret-error >&2; exit 1")
    web = Web(gofer)
    see = web.add_token("see", "see")
    payload = web.add_token("payload", "see,payload")
    for path in ("/api/v1/queues/default/tasks/a", "/api/v1/tasks", "/api/v1/overview",
                 "/api/v1/workers", "/api/v1/check"):
        assert "secret" not in web(path, token=see).text, path
    whole = web("/api/v1/queues/default/tasks/a", token=payload).text
    assert all(f"secret-{what}" in whole for what in ("payload", "header", "error")), whole
    assert web("/api/v1/tasks?error=secret", token=see).status == 403
    assert web("/api/v1/tasks?error=secret", token=payload).status == 200
    web.close()


# ---- tokens


def test_a_token_is_shown_once_and_kept_as_a_digest(gofer):
    path = gofer.folder / "tokens"
    token = gofer("web", "token", "add", "ann", "--role", "operate", "--tokens", path).out.strip()
    assert re.fullmatch(r"gofer_[A-Za-z0-9_-]{43}", token)
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    listed = gofer("web", "token", "ls", "--tokens", path).out
    assert listed.split() == ["ann", "operate"] and token not in listed
    assert gofer.json("web", "token", "ls", "--tokens", path) == {
        "items": [{"name": "ann", "role": "operate"}]}
    assert "of this name" in gofer("web", "token", "add", "ann", "--tokens", path, code=1).why
    for name in ("", "a b", "a:b", "ä", "x" * 64, "a\nb"):
        gofer("web", "token", "add", name, "--tokens", path, code=1)
    gofer("web", "token", "add", "x" * 63, "--tokens", path)
    assert "no such role" in gofer("web", "token", "add", "bob", "--role", "root", "--tokens",
                                   path, code=1).why
    gofer("web", "token", "rm", "ann", "--tokens", path)
    assert "no token" in gofer("web", "token", "rm", "ann", "--tokens", path, code=1).why
    for words in (("add",), ("ls", "x"), ("rm",), ("show",), ()):
        gofer("web", "token", *words, "--tokens", path, code=2)


def test_many_who_add_and_remove_tokens_at_once_lose_none(gofer):
    path = gofer.folder / "tokens"
    gofer("web", "token", "add", "old", "--tokens", path)
    path.chmod(0o640)

    def start(*words):
        return subprocess.Popen([gofer.bin, "web", "token", *words, "--tokens", path],
                                stdout=subprocess.PIPE, env=gofer.env)
    running = [start("add", f"t{i}") for i in range(40)] + [start("rm", "old")]
    shown = [it.communicate(timeout=PATIENCE)[0] for it in running]
    assert not any(it.returncode for it in running)
    assert len(set(shown)) == 41
    names = {it["name"] for it in gofer.json("web", "token", "ls", "--tokens", path)["items"]}
    assert names == {f"t{i}" for i in range(40)}
    assert path.stat().st_mode & 0o777 == 0o640
    assert not [it for it in path.parent.iterdir() if it.name.startswith("tokens.")
                and it.name != "tokens.lock"]


def test_a_running_server_sees_tokens_come_and_go(web, gofer):
    token = web.add_token("ann", "admin")
    assert web("/api/v1/queues", token=token).status == 200
    gofer("web", "token", "rm", "ann", "--tokens", gofer.folder / "web-tokens")
    assert web("/api/v1/queues", token=token).status == 401


def test_the_first_token_ends_the_open_door(web, gofer):
    assert web("/api/v1/queues").status == 200
    web.add_token("ann", "see")
    assert web("/api/v1/queues").status == 401
    gofer("web", "token", "rm", "ann", "--tokens", gofer.folder / "web-tokens")
    assert web("/api/v1/queues").status == 200


def test_a_file_that_others_may_write_gives_nobody_rights(web, gofer):
    token = web.add_token("ann", "admin")
    path = gofer.folder / "web-tokens"
    path.chmod(0o622)
    path.write_text(path.read_text())
    assert web("/api/v1/queues", token=token).status == 401
    assert "others may write" in gofer("web", "token", "ls", "--tokens", path, code=1).why


def test_lines_that_are_none_are_passed_over(web, gofer):
    token = web.add_token("ann", "admin")
    path = gofer.folder / "web-tokens"
    line = path.read_text().splitlines()[-1]
    digest = line.split(":")[2]
    path.write_text("\n".join([
        "", "nonsense", "a:b", f"bob:{digest}", f":see:{digest}", f"bob:see:{digest[:-1]}",
        f"bob:see:{digest[:-1]}g", "x" * 10000, f"carl:root:{digest}", line]))
    assert web("/api/v1/me", token=token).json["name"] == "ann"


def test_guesses_have_to_wait(web):
    """Five within a minute; then even the right one waits, and others do not."""
    token = web.add_token("ann", "see")
    for i in range(5):
        assert web("/api/v1/queues", token=f"gofer_{i}").status == 401
    answer = web("/api/v1/queues", token=token)
    assert answer.status == 429 and answer.headers["retry-after"] == "60"
    assert web("/healthz").status == 200


@pytest.mark.parametrize("given", [
    "Basic YTpi", "Bearer", "Bearer ", "bearer x", "x", "Bearer \xe4", "Bearer " + "x" * 4000])
def test_what_is_no_token_of_ours_is_none(web, given):
    web.add_token("ann", "admin")
    answer = web("/api/v1/queues", headers={"Authorization": given})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_never_taken(web):
    token = web.add_token("ann", "admin")
    for query in (f"token={token}", f"access_token={token}"):
        assert web(f"/api/v1/queues?{query}").status == 401
    assert token not in web.log


# ---- what a browser is told


POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
          "connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'; require-trusted-types-for 'script'")


def refused(web):
    """The headers of what is answered before there is a request."""
    head = web.raw(f"GET /healthz HTTP/1.1\r\n{HOST} folded\r\n\r\n").split("\r\n\r\n")[0]
    return {name.lower(): value for name, value in
            (line.split(": ", 1) for line in head.split("\r\n")[1:])}


def test_every_answer_has_the_headers(web):
    for path in ("/", "/healthz", "/metrics", "/api/v1/queues", "/nothing", "/api/v1/queues/%00",
                 "refused"):
        headers = web(path).headers if path != "refused" else refused(web)
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
        assert not [name for name in headers if name.startswith("access-control")]
        assert "server" not in headers


@pytest.mark.parametrize("headers", [
    {"X-Gofer": None}, {"X-Gofer": "2"}, {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example.org"}, {"Origin": "null"},
])
def test_a_page_of_others_changes_nothing(web, gofer, headers):
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "x")
    answer = web("/api/v1/queues/default/pause", "POST", headers=headers, token=token)
    assert answer.status == 403
    assert web("/api/v1/queues/default", token=token).json["paused"] is False


def test_a_body_that_a_form_can_send_is_refused(web, gofer):
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "x", "--id", "a")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        answer = web("/api/v1/queues/default/tasks/a", "PATCH", b'{"payload":1}',
                     headers={"Content-Type": kind}, token=token)
        assert answer.status == 400, kind


@pytest.mark.parametrize("method", ["POST", "PUT", "TRACE", "OPTIONS", "CONNECT", "PROPFIND"])
def test_a_method_that_an_address_does_not_know(web, method):
    answer = web("/healthz", method)
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


def test_looking_changes_nothing(web, gofer):
    token = web.add_token("ann", "admin")
    gofer.enqueue("t", "x", "--id", "a")
    for method, path, _ in list(routes(web, token)):
        if method != "GET":
            assert web(path, token=token).status in (200, 400, 404, 405), path
    assert gofer.states()["pending"] == 1


# ---- requests that mean harm

HOST = "Host: localhost\r\n"


@pytest.mark.parametrize("request_, status", [
    ("GET /healthz HTTP/1.1\r\n\r\n", 400),
    (f"GET /healthz HTTP/1.1\r\n{HOST}{HOST}\r\n", 400),
    (f"GET /healthz HTTP/1.1\r\n{HOST} folded\r\n\r\n", 400),
    (f"GET /healthz HTTP/1.1\r\n{HOST}A: b\x00c\r\n\r\n", 400),
    (f"GET /healthz HTTP/1.1\n{HOST}\n", 400),
    (f"GET http://localhost/healthz HTTP/1.1\r\n{HOST}\r\n", 400),
    (f"GET /healthz HTTP/2.0\r\n{HOST}\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    (f"POST /healthz HTTP/1.1\r\n{HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
     "\r\n", 400),
    (f"POST /healthz HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n", 501),
    (f"GET /{'x' * 5000} HTTP/1.1\r\n{HOST}\r\n", 414),
    (f"GET /healthz HTTP/1.1\r\n{HOST}A: {'x' * (1 << 20)}\r\n\r\n", 431),
    ("GET /healthz HTTP/1.1\r\n" + HOST + "A: b\r\n" * 65 + "\r\n", 431),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
])
def test_a_head_that_is_wrong_is_answered(web, request_, status):
    assert web.raw(request_.encode("latin-1")).startswith(f"HTTP/1.1 {status} ")
    assert web("/healthz").status == 200


def test_a_connection_has_one_request(web):
    """What comes behind it is never read, so there is nothing to be smuggled."""
    one = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"
    answer = web.raw(one + one + one)
    assert answer.count("HTTP/1.1 ") == 1 and "Connection: close" in answer


def test_a_head_may_come_byte_by_byte(web):
    with web.connect() as s:
        for byte in f"GET /healthz HTTP/1.1\r\n{HOST}\r\n".encode():
            s.sendall(bytes([byte]))
            time.sleep(0.002)
        assert s.recv(12) == b"HTTP/1.1 200"


def test_idle_sockets_keep_nobody_out(web):
    """More than there is room for, from this very address."""
    idle = []
    try:
        for i in range(CONNECTIONS + 50):
            idle.append(web.connect())
            if i % 2:
                idle[-1].sendall(b"GET / HTTP/1.1\r\nHo")
            if i % 50 == 0:
                assert web("/healthz").status == 200
        assert web("/healthz").status == 200
        # Those that came first have made way.
        assert idle[0].recv(1) == b""
    finally:
        for s in idle:
            s.close()
    assert web("/healthz").status == 200


def test_a_request_has_ten_seconds(web):
    """For its head, and for its body."""
    token = web.add_token("ann", "admin")
    head = (f"PATCH /api/v1/queues/q/tasks/a HTTP/1.1\r\n{HOST}X-Gofer: 1\r\n"
            f"Authorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    with web.connect() as slow_head, web.connect() as slow_body:
        slow_head.sendall(b"GET / HTTP/1.1\r\n")
        slow_body.sendall(head.encode())
        start, open_ = time.monotonic(), [slow_head, slow_body]
        while open_ and time.monotonic() - start < PATIENCE:
            if slow_body in open_:
                try:
                    slow_body.send(b" ")
                except OSError:
                    open_.remove(slow_body)
            for s in select.select(open_, [], [], 0.5)[0]:
                got = s.recv(4096)
                assert not got or got.startswith(b"HTTP/1.1 408"), got
                open_.remove(s)
        assert not open_
        assert time.monotonic() - start > 8
    assert web("/healthz").status == 200


def test_a_reader_that_does_not_read_holds_nobody_up(web, gofer):
    lines = "\n".join(json.dumps({"type": "t", "payload": "x" * 2000}) for _ in range(1000))
    gofer("enqueue", "--batch", input=lines)
    slow = []
    try:
        for _ in range(20):
            s = web.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(f"GET /api/v1/tasks?limit=1000 HTTP/1.1\r\n{HOST}\r\n".encode())
            slow.append(s)
        assert web("/api/v1/queues").status == 200
    finally:
        for s in slow:
            s.close()


def test_hostile_names_come_back_as_they_are_and_harm_nothing(web, gofer):
    hostile = '<script>alert(1)</script>"\'\\\u0301\U0001f600'
    gofer("enqueue", "--batch", input=json.dumps(
        {"type": hostile, "queue": "q&lt;" + hostile, "id": "a", "payload": hostile}))
    token = web.add_token("ann", "admin")
    task = web("/api/v1/tasks", token=token).json["items"][0]
    assert task["type"] == hostile
    assert task["queue"] == "q&lt;" + hostile
    assert '<script>alert(1)</script>\\"' in web("/metrics", token=token).text
    assert web("/api/v1/tasks", token=token).headers["content-type"] == "application/json"
