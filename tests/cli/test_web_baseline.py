"""The security baseline of gofer web, line by line: which test shows what, and what no other test
shows. Files are of this folder unless they name another.

- only this machine, unless there are credentials and TLS or a proxy:
    test_web_safety (only_this_machine), test_web_tls (tls_and_tokens_open), test_web_proxy
    (log_in_at_beyond)
- Host is a name of ours; methods are those of the table, else 405 with Allow:
    test_web_safety (a_foreign_name, a_method_that_an_address_does_not_know)
- what changes something comes from our page: Sec-Fetch-Site, Origin, X-Gofer, media type; no
  CORS; GET changes nothing:
    test_web_safety (a_page_of_others, a_body_that_a_form, looking_changes_nothing),
    test_web_login and test_web_proxy (other_sites), unit/web_guard_test, here
    (every_route_from_every_origin)
- the headers of every answer:
    test_web_safety (every_answer_has_the_headers)
- tokens: 256 bit, shown once, kept as digests, in a file that others may not write; many
  writers lose nothing:
    test_web_safety (a_token_is_shown_once, many_who_add)
- passwords: by scrypt, bounded in time and memory, read from a terminal without echo, never in
  the open, forgotten with their line:
    test_web_login, unit/web_access_test, unit/web_guard_test
- five failures of an address, then 429:
    test_web_safety and test_web_login (guesses_have_to_wait, guesses_of_passwords), test_web_proxy
    (failures_count), here (the_fifth_failure)
- login by cookie: name, attributes, idle end, logout:
    test_web_login, test_web_proxy (whether_the_cookie_is_secure), unit/web_sessions_test
- login by a proxy: trusted addresses and Unix sockets alone, else dropped and logged:
    test_web_proxy
- rights by route, roles, read-only, some queues only:
    test_web_safety (every_route_asks_for_its_right, read_only), test_web_queues, here
- payloads for who may see them; masks; what is encrypted stays opaque:
    test_web_safety (payloads_are_for), test_web_masks, unit/web_masks_test
- audit of every act:
    test_audit
- limits:
    unit/web_head_test (heads, fields, addresses, from both sides), test_web_safety (ten
    seconds, connections), test_web_events and unit/web_streams_test (streams), here (the rest;
    calls to the store at a time: so_many_calls)
- both lengths: 400; tokens in an address: 401 and in no log:
    test_web_safety (a_head_that_is_wrong, a_token_in_the_address), here (no_secret_is_logged)
"""
import base64
import contextlib
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import wait_for
from proxy import DELAY, Proxy
from webserver import Web

pytestmark = pytest.mark.usefixtures("has_web")

HOST = "Host: localhost\r\n"
MIB = 1 << 20


# ---- every route, every way to be somebody, every origin


PROXY = ("--auth-header", "X-User", "--role-header", "X-Groups", "--trusted-proxy", "127.0.0.1",
         *(word for role in ("see", "operate", "admin", "metrics")
           for word in ("--role-map", f"{role}s={role}")))
RIGHTS = {
    "see": {"see", "metrics"},
    "operate": {"see", "payload", "enqueue", "operate", "metrics"},
    "admin": {"see", "payload", "enqueue", "operate", "admin", "metrics"},
    "metrics": {"metrics"},
}


def ways_in(web, role):
    """The headers by which one is somebody of this role: by token, by password, by cookie, by the
    proxy."""
    token = web.add_token(f"a-{role}", role)
    cookie = web.post("/login", {"token": token}).headers["set-cookie"].partition(";")[0]
    web.add_password(f"b-{role}", role, "correct horse")
    password = base64.b64encode(f"b-{role}:correct horse".encode()).decode()
    return {"token": {"Authorization": f"Bearer {token}"}, "cookie": {"Cookie": cookie},
            "password": {"Authorization": f"Basic {password}"},
            "proxy": {"X-User": "ann", "X-Groups": f"{role}s"}}


@pytest.mark.parametrize("role", RIGHTS)
def test_every_route_asks_for_its_right_however_one_came_in(gofer, role):
    web = Web(gofer, *PROXY)
    ways = ways_in(web, role)
    for path, methods in web("/api/v1/routes").json["paths"].items():
        for method, way in methods.items():
            right = way.get("security", [{"token": [None]}])[0]["token"][0]
            target = re.sub(r"\{\w+\}", "word", path)
            if target in ("/login", "/login/password", "/logout"):
                continue            # it would end the session
            may = right is None or right in RIGHTS[role]
            for name, headers in ways.items():
                answer = web(target, method.upper(), headers=headers)
                assert (answer.status in (401, 403)) != may, (name, method, path, answer)
            if right:
                assert web(target, method.upper()).status == 401, (method, path)
    web.close()


@pytest.mark.parametrize("site", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"X-Gofer": None},
    {"Origin": "http://evil.example.org"}, {"Origin": "null"}])
def test_every_route_from_every_origin(gofer, site):
    """Whoever one is, nothing is changed for a page of another site."""
    web = Web(gofer, *PROXY)
    for path, methods in web("/api/v1/routes").json["paths"].items():
        for method in methods:
            if method == "get":
                continue
            for headers in ways_in_once(web).values():
                answer = web(re.sub(r"\{\w+\}", "word", path), method.upper(),
                             headers={**headers, **site})
                assert answer.status == 403 and answer.json["error"]["code"] == "EDENIED", path
    web.close()


def ways_in_once(web):
    if not hasattr(web, "ways"):
        web.ways = ways_in(web, "admin")
    return web.ways


# ---- limits, from both sides


def test_the_fifth_failure_is_the_last(web):
    token = web.add_token("ann", "see")
    for _ in range(4):
        assert web("/api/v1/queues", token="gofer_x").status == 401
    assert web("/api/v1/queues", token=token).status == 200
    assert web("/api/v1/queues", token="gofer_x").status == 401
    assert web("/api/v1/queues", token=token).status == 429


def head(size=0, fields=0, target="/healthz"):
    """A request's head of so many bytes, or with so many fields."""
    text = f"GET {target} HTTP/1.1\r\n{HOST}" + "A: b\r\n" * max(0, fields - 1)
    if size:
        text += "B: " + "x" * (size - len(text) - len("B: \r\n\r\n")) + "\r\n"
    return text + "\r\n"


@pytest.mark.parametrize("text, status", [
    (head(8192), 200), (head(8193), 431), (head(fields=64), 200), (head(fields=65), 431),
    (head(target="/healthz?" + "x" * 4087), 400), (head(target="/healthz?" + "x" * 4088), 414),
])
def test_heads_from_both_sides(web, text, status):
    assert web.raw(text).startswith(f"HTTP/1.1 {status} ")


def test_a_body_has_a_mebibyte(web):
    token = web.add_token("ann", "admin")
    blank = json.dumps({"type": "t", "payload": ""})

    def put(size):
        body = blank.replace('""', '"' + "x" * (size - len(blank)) + '"').encode()
        assert len(body) == size
        return web("/api/v1/tasks", "POST", body, headers={"Content-Type": "application/json"},
                   token=token)
    assert put(MIB).status == 200
    assert put(MIB + 1).status == 413


def test_a_page_has_a_thousand_tasks(web):
    token = web.add_token("ann", "admin")
    assert web("/api/v1/tasks?limit=1000", token=token).status == 200
    for limit in ("1001", "0", "-1", "1e3", ""):
        assert web(f"/api/v1/tasks?limit={limit}", token=token).status == 400
    many = [{"type": "t"} for _ in range(1001)]
    assert web.post("/api/v1/tasks", many, token=token).status == 413
    assert web.post("/api/v1/tasks", many[1:], token=token).json["added"] == 1000


def stream_of(web):
    """None: there was no place. One that somebody has just left may be free a moment later."""
    s, got = web.connect(), b""
    with contextlib.suppress(ConnectionError):
        s.sendall(f"GET /api/v1/events HTTP/1.1\r\n{HOST}\r\n".encode())
        while len(got) < len(b"HTTP/1.1 200") and (more := s.recv(1)):
            got += more
    if got == b"HTTP/1.1 200":
        return s
    s.close()
    return None


def streams_of(web, count):
    return [wait_for(lambda: stream_of(web), "a place") for _ in range(count)]


def test_an_address_has_so_many_connections(web):
    """32 that are being served; idle ones make way, so these here are not idle."""
    served = streams_of(web, 31)
    assert web("/healthz").status == 200
    served += streams_of(web, 1)
    with web.connect() as s, contextlib.suppress(ConnectionError):
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not s.recv(100).startswith(b"HTTP/1.1 200")
    served.pop().close()
    # That it has gone is seen when something is written to it.
    wait_for(lambda: web.gofer.enqueue("t", "x") and answered(web), "room")
    for s in served:
        s.close()


def answered(web):
    with contextlib.suppress(OSError):
        return web("/healthz").status == 200
    return False


# ---- secrets


def test_no_secret_is_logged_or_comes_back(gofer):
    """Tokens, cookies and payloads in every place that a request has."""
    web = Web(gofer, *PROXY, "--log-level", "debug")
    token = web.add_token("ann", "admin")
    cookie = web.post("/login", {"token": token}).headers["set-cookie"].partition(";")[0]
    session = cookie.partition("=")[2]
    payload = "zq-payload-zq"
    web.add_password("bob", "admin", "zq-password-zq")
    basic = base64.b64encode(b"bob:zq-password-zq").decode()
    secrets = (token, session, payload, "zq-password-zq", basic)
    web.post("/api/v1/tasks", {"type": "t", "id": "a", "payload": payload}, token=token)
    for secret in secrets:
        for path in (f"/{secret}", f"/api/v1/queues/{secret}", f"/api/v1/tasks?token={secret}",
                     f"/api/v1/tasks?{secret}=1", f"/api/v1/acts/{secret}", f"/healthz?x={secret}"):
            answer = web(path)
            assert answer.status in (400, 401, 403, 404), path
            assert answer.status == 400 or secret not in answer.text
        for headers in ({"Authorization": f"Bearer {secret}x"}, {"Authorization": secret},
                        {"Authorization": f"Basic {secret}"},
                        {"Cookie": f"gofer={secret}x; other={secret}"}, {"X-User": secret},
                        {"X-Groups": secret}, {"Host": secret}, {"Origin": secret},
                        {"X-Forwarded-For": secret}, {"Last-Event-ID": secret}):
            for path in ("/api/v1/queues", "/api/v1/me", "/nothing"):
                answer = web(path, headers=headers)
                assert secret not in json.dumps(answer.headers)
                if "X-User" not in headers:     # whose name is told to himself
                    assert secret not in answer.text, (headers, path)
        for body in (secret, {"token": secret + "x"}, {"name": secret, "password": secret},
                     {secret: 1}, {"type": secret, "at": secret}):
            for path in ("/login", "/login/password", "/api/v1/tasks", "/api/v1/acts"):
                web.post(path, body, headers={"Content-Type": "application/json"})
        for raw in (f"GET / {secret}\r\n\r\n", f"{secret}\r\n\r\n",
                    f"GET /{secret}\x00 HTTP/1.1\r\n"):
            assert secret not in web.raw(raw)
    with socket.create_connection((web.url.hostname, web.url.port)) as s:
        s.sendall(f"GET /healthz HTTP/1.1\r\n{HOST}Cookie: {cookie}\r\n".encode())
    web.close()
    for secret in secrets:
        assert secret not in web.log
    assert token not in (gofer.folder / "web-tokens").read_text()


# ---- calls to the store at a time


class Counting(Proxy):
    """Knows how many connections wait for an answer, and how many did so at the most."""

    def __init__(self, target):
        self.waiting, self.most = set(), 0
        super().__init__(target)

    def _up(self, client, server):
        counted = self

        class Heard:
            def recv(self, size):
                data = client.recv(size)
                counted.waiting.add(client)
                counted.most = max(counted.most, len(counted.waiting))
                return data

            def __getattr__(self, name):
                return getattr(client, name)

        super()._up(Heard(), server)

    def _down(self, client, server):
        counted = self

        class Answered:
            def sendall(self, data):
                counted.waiting.discard(client)
                client.sendall(data)

            def __getattr__(self, name):
                return getattr(client, name)

        super()._down(Answered(), server)


CALLS = 8       # to the store at a time


def test_so_many_calls_to_the_store_are_made_at_a_time(gofer, redis):
    """However many ask: the others wait, and what needs no store does not."""
    host, port = gofer.env["GOFER_URL"].split("//")[1].split("/")[0].rsplit(":", 1)
    gofer.enqueue("t", "--queue", "mail", "--in", "1h")
    proxy = Counting((host, int(port)))
    gofer.env["GOFER_URL"] = f"redis://{proxy.address}"
    web = Web(gofer)
    token = web.add_token("ann", "admin")
    assert web("/readyz").status == 200
    proxy.delay_s, proxy.mode, proxy.most = 0.05, DELAY, 0
    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(web, "/api/v1/queues/mail", token=token) for _ in range(48)]
        assert web("/healthz").status == 200
        assert {answer.result().status for answer in answers} == {200}
    assert 1 < proxy.most <= CALLS
    web.close()
    proxy.refuse()
