"""Logging in by a browser: a token for a cookie, which no script reads and no other site sends.
And by a name and password, which programs send with each request."""
import base64
import http.cookies
import os
import pathlib
import pty
import select
import signal
import subprocess
import termios
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import PATIENCE, wait_for
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")


def log_in(web, token, **how):
    """The cookie's name, its value, and its attributes."""
    answer = web.post("/login", {"token": token}, **how)
    assert answer.status == 200, answer
    assert answer.headers["cache-control"] == "no-store"
    (name, morsel), = http.cookies.SimpleCookie(answer.headers["set-cookie"]).items()
    return name, morsel.value, morsel


def cookie(value, name="gofer"):
    return {"Cookie": f"{name}={value}"}


def name_of(web, value, **more):
    return web("/api/v1/me", headers=cookie(value, **more)).json["name"]


def test_a_token_gives_a_cookie_that_is_for_this_site_alone(web):
    token = web.add_token("ann", "operate")
    name, value, morsel = log_in(web, token)
    assert name == "gofer" and len(value) == 43 and value not in token
    assert morsel["httponly"] and morsel["samesite"] == "Strict" and morsel["path"] == "/"
    assert not morsel["secure"] and not morsel["domain"] and not morsel["max-age"]
    assert log_in(web, token)[1] != value


def test_who_has_the_cookie_has_the_rights_of_the_token(gofer, web):
    see, value = web.add_token("see", "see"), None
    assert web("/api/v1/queues").status == 401
    _, value, _ = log_in(web, see)
    mine = web("/api/v1/me", headers=cookie(value)).json
    assert mine == {"name": "see", "rights": ["see", "metrics"]}
    gofer.enqueue("t", "secret", "--id", "a")
    assert "secret" not in web("/api/v1/queues/default/tasks/a", headers=cookie(value)).text
    assert web.post("/api/v1/queues/default/pause", headers=cookie(value)).status == 403
    _, value, _ = log_in(web, web.add_token("ann", "operate"))
    assert web.post("/api/v1/queues/default/pause", headers=cookie(value)).status == 200
    assert gofer.states()["paused"]


@pytest.mark.parametrize("site", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                                  {"Origin": "https://evil.example.org"}, {"X-Gofer": None}])
def test_other_sites_do_nothing_with_it(gofer, web, site):
    token = web.add_token("root", "admin")
    _, value, _ = log_in(web, token)
    gofer.enqueue("t", "x")
    refused = web.post("/api/v1/queues/default/pause", headers={**cookie(value), **site})
    assert refused.status == 403 and not gofer.states()["paused"]
    assert web.post("/login", {"token": token}, headers=site).status == 403
    assert web.post("/logout", headers={**cookie(value), **site}).status == 403
    assert name_of(web, value) == "root"


def test_logging_out_ends_it(web):
    token = web.add_token("ann", "operate")
    _, value, _ = log_in(web, token)
    _, other, _ = log_in(web, token)
    answer = web.post("/logout", headers=cookie(value))
    assert answer.status == 200
    assert answer.headers["set-cookie"].startswith("gofer=; ")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert web("/api/v1/queues", headers=cookie(value)).status == 401
    assert name_of(web, other) == "ann"
    assert web.post("/logout").status == 200


def test_it_ends_with_its_token(gofer, web):
    web.add_token("root", "admin")
    _, value, _ = log_in(web, web.add_token("ann", "operate"))
    assert name_of(web, value) == "ann"
    gofer("web", "token", "rm", "ann", "--tokens", gofer.folder / "web-tokens")
    assert web("/api/v1/queues", headers=cookie(value)).status == 401
    # A new token of the same name is another one.
    web.add_token("ann", "operate")
    assert web("/api/v1/queues", headers=cookie(value)).status == 401


def test_a_new_server_knows_no_old_sessions(gofer, web):
    _, value, _ = log_in(web, web.add_token("ann", "operate"))
    again = Web(gofer)
    assert again("/api/v1/queues", headers=cookie(value)).status == 401
    again.close()


def test_a_token_in_the_header_goes_first(web):
    _, value, _ = log_in(web, web.add_token("ann", "operate"))
    bob = web.add_token("bob", "see")
    assert web("/api/v1/me", headers=cookie(value), token=bob).json["name"] == "bob"
    assert web("/api/v1/queues", headers=cookie(value), token="gofer_x").status == 401


def test_guesses_have_to_wait(web):
    token = web.add_token("ann", "operate")
    for _ in range(5):
        answer = web.post("/login", {"token": "gofer_guess"})
        assert answer.status == 401 and "set-cookie" not in answer.headers
    assert web.post("/login", {"token": token}).status == 429


@pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": None}, {"token": "x", "more": 1},
                                  [], "{"])
def test_a_body_that_is_none(web, body):
    answer = web.post("/login", body, headers={"Content-Type": "application/json"})
    assert answer.status == 400 and "set-cookie" not in answer.headers, answer


def test_read_only_lets_people_in(gofer):
    web = Web(gofer, "--read-only")
    _, value, _ = log_in(web, web.add_token("root", "admin"))
    mine = web("/api/v1/me", headers=cookie(value)).json
    assert mine == {"name": "root", "rights": ["see", "payload", "metrics"]}
    assert web.post("/logout", headers=cookie(value)).status == 200
    web.close()


def test_behind_a_proxy_with_tls_the_cookie_never_travels_in_the_open(gofer):
    web = Web(gofer, "--behind-proxy")
    token = web.add_token("ann", "operate")
    https = {"X-Forwarded-Proto": "https"}
    for said in (https, {}):
        name, value, morsel = log_in(web, token, headers=said)
        assert name == "__Host-gofer" and morsel["secure"] and morsel["path"] == "/"
        assert morsel["httponly"] and morsel["samesite"] == "Strict" and not morsel["domain"]
    mine = web("/api/v1/me", headers={**https, **cookie(value, name="__Host-gofer")})
    assert mine.json["name"] == "ann"
    # The plain name could have been set by another host of the domain.
    assert web("/api/v1/queues", headers={**https, **cookie(value)}).status == 401
    gone = web.post("/logout", headers={**https, **cookie(value, name="__Host-gofer")})
    assert gone.headers["set-cookie"].startswith("__Host-gofer=; ")
    web.close()


@pytest.mark.parametrize("text", ["gofer=", "gofer", "gofer=" + "x" * 200, "; ;=; gofer=y",
                                  "xgofer={}", "gofer={}x", "gofer={"])
def test_cookies_that_are_none(web, text):
    _, value, _ = log_in(web, web.add_token("ann", "operate"))
    headers = {"Cookie": text.replace("{}", value)}
    assert web("/api/v1/queues", headers=headers).status == 401
    assert name_of(web, value) == "ann"


def test_ours_is_found_among_others(web):
    _, value, _ = log_in(web, web.add_token("ann", "operate"))
    headers = {"Cookie": f"a=b; gofers=x; gofer={value}; c=d"}
    assert web("/api/v1/me", headers=headers).json["name"] == "ann"


# ---- names and passwords

PASSWORD = "correct horse: staple"


def basic(name, password=PASSWORD):
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def test_a_name_and_password_are_read_and_kept_by_scrypt(gofer, web):
    web.add_password("bob", "operate", PASSWORD)
    tokens = (gofer.folder / "web-tokens").read_text()
    assert "bob:operate:scrypt$16384$8$5$" in tokens and "horse" not in tokens
    listed = gofer("web", "token", "ls", "--tokens", gofer.folder / "web-tokens")
    assert listed.out.split() == ["bob", "operate", "(password)"]
    listed = gofer.json("web", "token", "ls", "--tokens", gofer.folder / "web-tokens")
    assert listed == {"items": [{"name": "bob", "role": "operate", "password": True}]}
    assert web("/api/v1/queues").status == 401
    mine = web("/api/v1/me", headers=basic("bob")).json
    assert mine["name"] == "bob" and "operate" in mine["rights"]
    assert web.post("/api/v1/queues/default/pause", headers=basic("bob")).status == 200
    # With a body, too, which comes after it has been proven who sends it.
    assert web.post("/api/v1/tasks", {"type": "t"}, headers=basic("bob")).status == 200


def test_whoever_shows_another_is_not_let_in(gofer):
    web = Web(gofer, "--trusted-proxy", "127.0.0.1")
    web.add_password("bob", "operate", PASSWORD)
    web.add_token("ann", "operate")
    wrong = [("bob", PASSWORD + "x"), ("bob", PASSWORD[:-1]), ("bob", ""), ("Bob", PASSWORD),
             ("", PASSWORD), ("ann", PASSWORD), ("bob", "x" * 1024), ("bob", "x" * 1025)]
    for i, (name, password) in enumerate(wrong):
        far = {"X-Forwarded-For": f"192.0.2.{i}"}       # each has failures of his own
        answer = web("/api/v1/queues", headers={**far, **basic(name, password)})
        assert answer.status == 401 and "not known" in answer.why
        if name == "bob":
            refused = web.post("/login/password", {"name": name, "password": password},
                               headers=far)
            assert refused.status == 401 and "set-cookie" not in refused.headers
    web.close()


def test_a_password_gives_a_cookie_too_and_ends_with_its_line(gofer, web):
    web.add_token("root", "admin")
    web.add_password("bob", "see", PASSWORD)
    answer = web.post("/login/password", {"name": "bob", "password": PASSWORD})
    assert answer.status == 200 and answer.json["name"] == "bob"
    value = http.cookies.SimpleCookie(answer.headers["set-cookie"])["gofer"].value
    assert name_of(web, value) == "bob"
    assert web("/api/v1/queues", headers=basic("bob")).status == 200
    gofer("web", "token", "rm", "bob", "--tokens", gofer.folder / "web-tokens")
    assert web("/api/v1/queues", headers=cookie(value)).status == 401
    assert web("/api/v1/queues", headers=basic("bob")).status == 401
    web.add_password("bob", "see", "another " + PASSWORD)
    assert web("/api/v1/queues", headers=cookie(value)).status == 401
    assert web("/api/v1/queues", headers=basic("bob")).status == 401
    assert web("/api/v1/queues", headers=basic("bob", "another " + PASSWORD)).status == 200


def test_guesses_of_passwords_have_to_wait(web):
    web.add_password("bob", "see", PASSWORD)
    for _ in range(5):
        assert web("/api/v1/queues", headers=basic("bob", "a wrong guess")).status == 401
    refused = web("/api/v1/queues", headers=basic("bob"))
    assert refused.status == 429 and refused.headers["retry-after"] == "60"
    assert web.post("/login/password", {"name": "bob", "password": PASSWORD}).status == 429


@pytest.mark.parametrize("body", [{}, {"name": "bob"}, {"password": PASSWORD}, [],
                                  {"name": 1, "password": PASSWORD},
                                  {"name": "bob", "password": None},
                                  {"name": "bob", "password": PASSWORD, "token": "x"}])
def test_a_body_without_name_and_password(web, body):
    web.add_password("bob", "see", PASSWORD)
    answer = web.post("/login/password", body)
    assert answer.status == 400 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("password, code", [
    ("x" * 11, 2), ("", 2), ("é" * 11, 2), ("x" * 1025, 2), ("with a tab\t in it", 2),
    (b"not utf-8 \xff\xff\xff", 2), (b"with a NUL\0 in it", 2),
    ("x" * 12, 0), ("é" * 12, 0), ("x" * 1024, 0), ("  blanks stay  ", 0)])
def test_what_will_do_as_a_password(gofer, web, password, code):
    line = password if isinstance(password, bytes) else password.encode()
    done = gofer("web", "token", "add", "bob", "--password", "--tokens",
                 gofer.folder / "web-tokens", input=line + b"\nnext line\n", code=code)
    assert done.out == "" and (code == 0 or "password" in done.why)
    if code:
        assert not (gofer.folder / "web-tokens").exists()
    else:
        assert web("/api/v1/me", headers=basic("bob", password)).json["name"] == "bob"


def seconds(pid):
    """Of the processor, that it has taken."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="n/a: no /proc")
def test_a_program_pays_for_its_password_once(web):
    web.add_password("bob", "see", PASSWORD)
    start = seconds(web.process.pid)
    assert web("/api/v1/me", headers=basic("bob")).status == 200
    once = seconds(web.process.pid) - start
    for _ in range(30):
        assert web("/api/v1/me", headers=basic("bob")).status == 200
    assert seconds(web.process.pid) - start < 10 * once


def memory_at_the_most(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) << 10


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="n/a: no /proc")
def test_many_strangers_take_neither_the_loop_nor_the_memory(gofer):
    """Each from an address of his own, as the proxy says."""
    web = Web(gofer, "--trusted-proxy", "127.0.0.1")
    web.add_password("bob", "see", PASSWORD)

    def guess(i):
        far = {"X-Forwarded-For": f"192.0.2.{i}"}
        return web("/api/v1/queues", headers={**far, **basic("bob", f"a wrong guess {i}")}).status

    with ThreadPoolExecutor(20) as pool:
        guesses = [pool.submit(guess, i) for i in range(20)]
        wait_for(lambda: any(one.done() for one in guesses), "the first answer")
        # Eight wait, one after the other; the server answers meanwhile.
        looks = 0
        while not all(one.done() for one in guesses):
            assert web("/healthz").status == 200
            looks += 1
        statuses = [one.result() for one in guesses]
    assert set(statuses) == {401, 503} and statuses.count(401) >= 8
    assert looks > 8
    if not os.environ.get("GOFER_SANITIZED"):
        assert memory_at_the_most(web.process.pid) < 64 << 20
    assert web("/api/v1/queues", headers=basic("bob")).status == 200
    web.close()


# ---- on a terminal


class Terminal:
    """`gofer web token add bob --password` on one, which echoes what is typed unless told not to"""

    def __init__(self, gofer):
        self.mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [gofer.bin, "web", "token", "add", "bob", "--password", "--tokens",
             gofer.folder / "web-tokens"], stdin=theirs, stdout=theirs, stderr=theirs,
            env=gofer.env, start_new_session=True,
            preexec_fn=lambda: __import__("fcntl").ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.seen = b""

    def sees(self, text, after=0):
        while text not in self.seen[after:]:
            try:
                there = select.select([self.mine], [], [], PATIENCE)[0]
                more = os.read(self.mine, 4096) if there else b""
            except OSError:         # the other end is closed
                more = b""
            assert more, self.seen
            self.seen += more
        return self.seen.index(text, after) + len(text)

    def types(self, text):
        os.write(self.mine, text)

    def end(self):
        code = self.process.wait(PATIENCE)
        os.close(self.mine)
        return code


def test_on_a_terminal_it_is_asked_for_twice_and_not_shown(gofer, web):
    terminal = Terminal(gofer)
    first = terminal.sees(b"password: ")
    terminal.types(PASSWORD.encode() + b"\n")
    terminal.sees(b"password, again: ", first)
    terminal.types(PASSWORD.encode() + b"\n")
    assert terminal.end() == 0 and b"horse" not in terminal.seen
    assert web("/api/v1/me", headers=basic("bob")).json["name"] == "bob"


def test_two_that_differ_are_none(gofer):
    terminal = Terminal(gofer)
    first = terminal.sees(b"password: ")
    terminal.types(PASSWORD.encode() + b"\n")
    terminal.sees(b"again: ", first)
    terminal.types(PASSWORD.encode() + b"x\n")
    terminal.sees(b"not the same")
    assert terminal.end() == 2 and not (gofer.folder / "web-tokens").exists()


def test_who_thinks_better_of_it_has_his_echo_back(gofer):
    terminal = Terminal(gofer)
    terminal.sees(b"password: ")
    assert not termios.tcgetattr(terminal.mine)[3] & termios.ECHO
    terminal.types(b"correct\x03")
    terminal.process.wait(PATIENCE)
    assert termios.tcgetattr(terminal.mine)[3] & termios.ECHO
    assert terminal.end() == -signal.SIGINT and not (gofer.folder / "web-tokens").exists()
