"""gofer web behind a proxy that has people log in: whom it names, in which groups, and what others
say of themselves."""
import http.client
import json
import socket

import pytest
from conftest import wait_for
from webserver import PATIENCE, Answer, Web

pytestmark = pytest.mark.usefixtures("has_web")

USER, GROUPS = "X-Forwarded-User", "X-Forwarded-Groups"
LOGIN = ("--auth-header", USER, "--role-header", GROUPS, "--role-map", "ops=operate",
         "--role-map", "dev=see", "--role-map", "cn=admins,dc=x=admin", "--role-map",
         "mailers=operate:mail*,report")
TRUSTED = ("--trusted-proxy", "127.0.0.1")


def named(user, *groups, **more):
    return {USER: user, GROUPS: ", ".join(groups), **more}


@pytest.fixture
def web(gofer):
    it = Web(gofer, *LOGIN, *TRUSTED, "--log-level", "info")
    yield it
    it.close()


def me(web, headers, **how):
    return web("/api/v1/me", headers=headers, **how).json


def test_whom_the_proxy_names_may_what_his_groups_may(web, gofer):
    assert me(web, named("ann", "dev")) == {"name": "ann", "rights": ["see", "metrics"]}
    assert me(web, named("ann", "dev", "ops"))["rights"] == ["see", "payload", "enqueue", "operate",
                                                            "metrics"]
    assert web("/api/v1/queues", headers=named("ann", "x", "dev")).status == 200
    gofer.enqueue("t", "x")
    pause = "/api/v1/queues/default/pause"
    assert web.post(pause, headers=named("ann", "dev")).status == 403
    assert web.post(pause, headers=named("bob", "ops")).status == 200
    assert gofer.states()["paused"]


@pytest.mark.parametrize("groups", [(), ("x",), ("devs",), ("DEV",), ("de v",), ("dev=see",)])
def test_who_is_in_no_group_of_the_map_may_nothing(web, groups):
    answer = web("/api/v1/queues", headers=named("ann", *groups))
    assert answer.status == 403 and "ann" in answer.why
    assert me(web, named("ann", *groups)) == {"name": "ann", "rights": []}


@pytest.mark.parametrize("headers", [{}, {USER: ""}, {GROUPS: "ops"}])
def test_whom_the_proxy_does_not_name_is_nobody(web, headers):
    """Although there are no tokens: people log in at the proxy."""
    answer = web("/api/v1/queues", headers=headers)
    assert answer.status == 401 and USER in answer.why
    assert web("/healthz", headers=headers).status == 200


@pytest.mark.parametrize("name", ["-", "x" * 64, "\xff", " "])
def test_a_name_that_is_none(web, name):
    assert web("/api/v1/queues", headers=named(name, "ops")).status in (400, 401)


@pytest.mark.parametrize("twice", [USER, USER.lower(), GROUPS, "Authorization", "Cookie", "Origin",
                                   "Sec-Fetch-Site", "X-Gofer"])
def test_a_header_that_is_there_twice_is_refused(web, twice):
    """Who is behind the proxy sent one, perhaps, and the proxy the other."""
    more = f"{USER}: ann\r\n{GROUPS}: dev\r\n"
    one = f"{twice}: same-origin\r\n"
    count = 1 if twice.lower() in (USER.lower(), GROUPS.lower()) else 2
    answer = web.raw(f"GET /api/v1/queues HTTP/1.1\r\nHost: localhost\r\n{more}{one * count}\r\n")
    assert answer.startswith("HTTP/1.1 400 ") and "twice" in answer


def test_what_others_say_of_themselves_is_dropped_and_logged(gofer):
    web = Web(gofer, *LOGIN, "--trusted-proxy", "127.0.0.9")
    for _ in range(3):
        answer = web("/api/v1/queues", headers=named("root", "ops"))
        assert answer.status == 401 and "this needs a token" in answer.why
    assert me(web, named("root", "ops")) == {"name": None, "rights": []}
    wait_for(lambda: "was dropped" in web.log)
    assert web.log.count(f"{USER} of 127.0.0.1 was dropped") == 1     # once a minute
    assert "root" not in web.log
    token = web.add_token("ann", "see")
    assert me(web, named("root", "ops"), token=token)["name"] == "ann"
    web.close()


def over(path, headers, target="/api/v1/me"):
    """A request over a Unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    try:
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        return Answer(response, response.read())
    finally:
        connection.close()


def test_who_comes_by_the_unix_socket_is_believed(gofer):
    path = gofer.folder / "s.sock"
    web = Web(gofer, *LOGIN, "--listen", "127.0.0.1:0", "--listen", f"unix:{path}")
    assert over(path, named("ann", "dev")).json == {"name": "ann", "rights": ["see", "metrics"]}
    assert over(path, {}, "/api/v1/queues").status == 401
    assert me(web, named("ann", "dev"))["name"] is None
    web.close()


def test_a_token_goes_first(web):
    token = web.add_token("bob", "see,payload")
    assert me(web, named("ann", "ops"), token=token)["name"] == "bob"
    assert web("/api/v1/queues", headers=named("ann", "ops"), token="gofer_x").status == 401
    cookie = web.post("/login", {"token": token}).headers["set-cookie"].partition(";")[0]
    assert me(web, {"Cookie": cookie})["name"] == "bob"
    assert me(web, named("ann", "ops", Cookie=cookie))["name"] == "ann"


def test_other_sites_do_nothing_with_it(web):
    for site in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.org"},
                 {"X-Gofer": None}):
        answer = web.post("/api/v1/queues/q/pause", headers=named("ann", "ops", **site))
        assert answer.status == 403, site


def test_read_only_holds_for_them_too(gofer):
    web = Web(gofer, *LOGIN, *TRUSTED, "--read-only")
    assert me(web, named("ann", "ops"))["rights"] == ["see", "payload", "metrics"]
    assert web.post("/api/v1/queues/q/pause", headers=named("ann", "ops")).status == 403
    web.close()


def test_without_groups_the_map_knows_users(gofer):
    web = Web(gofer, "--auth-header", "Remote-User", "--role-map", "ann=operate", "--role-map",
              "*=see", *TRUSTED)
    assert "operate" in me(web, {"Remote-User": "ann"})["rights"]
    assert me(web, {"Remote-User": "bob"})["rights"] == ["see", "metrics"]
    assert me(web, {"Remote-User": "bob", "X-Forwarded-Groups": "ann"})["rights"] == [
        "see", "metrics"]
    web.close()


def test_anonymous_visitors_are_let_in_if_they_are_asked_in(gofer):
    web = Web(gofer, *LOGIN, *TRUSTED, "--anonymous", "see")
    assert web("/api/v1/queues").status == 200
    assert me(web, named("ann", "ops"))["name"] == "ann"
    web.close()


def test_failures_count_for_who_is_behind_the_proxy(web):
    """And what a visitor wrote before it is his word alone."""
    token = web.add_token("ann", "see")
    for i in range(5):
        far = {"X-Forwarded-For": f"10.1.1.{i}, 10.0.0.1"}
        assert web("/api/v1/queues", headers=far, token="gofer_x").status == 401
    assert web("/api/v1/queues", headers=far, token=token).status == 429
    near = {"X-Forwarded-For": "10.0.0.1, 10.0.0.2"}
    assert web("/api/v1/queues", headers=near, token=token).status == 200


def test_failures_count_for_the_address_itself_if_no_proxy_of_ours_says_another(gofer):
    web = Web(gofer)
    token = web.add_token("ann", "see")
    for i in range(5):
        web("/api/v1/queues", headers={"X-Forwarded-For": f"10.0.0.{i}"}, token="gofer_x")
    assert web("/api/v1/queues", headers={"X-Forwarded-For": "10.0.0.9"}, token=token).status == 429
    web.close()


@pytest.mark.parametrize("proto, secure", [("https", True), ("http, https", True),
                                           ("http", False), ("https, http", False), (None, False)])
def test_a_trusted_proxy_says_whether_the_cookie_is_secure(web, proto, secure):
    token = web.add_token("ann", "see")
    how = {"X-Forwarded-Proto": proto}
    cookie = web.post("/login", {"token": token}, headers=how).headers["set-cookie"]
    assert cookie.startswith("__Host-gofer=" if secure else "gofer=")
    assert ("; Secure" in cookie) == secure
    # And only the one of its own kind is taken.
    assert web("/api/v1/queues", headers={"Cookie": cookie.partition(";")[0], **how}).status == 200
    other = "http" if secure else "https"
    assert web("/api/v1/queues", headers={"Cookie": cookie.partition(";")[0],
                                          "X-Forwarded-Proto": other}).status == 401


def test_what_others_say_of_tls_does_not_count(gofer):
    web = Web(gofer)
    token = web.add_token("ann", "see")
    answer = web.post("/login", {"token": token}, headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["set-cookie"].startswith("gofer=")
    web.close()


@pytest.mark.parametrize("words, why", [
    (LOGIN, "--trusted-proxy"),
    (("--auth-header", USER, *TRUSTED), "--role-map"),
    (("--role-header", GROUPS, *TRUSTED), "--auth-header"),
    (("--role-map", "a=see", *TRUSTED), "--auth-header"),
    (("--auth-header", USER, "--role-map", "a=root", *TRUSTED), "no such role"),
    (("--auth-header", USER, "--role-map", "a", *TRUSTED), "GROUP=ROLE"),
    (("--auth-header", USER, "--role-map", "a=see:", *TRUSTED), "QUEUES"),
    (("--auth-header", "X Y", "--role-map", "a=see", *TRUSTED), "--auth-header"),
    (("--auth-header", "Authorization", "--role-map", "a=see", *TRUSTED), "--auth-header"),
    (("--auth-header", USER, "--role-header", USER, "--role-map", "a=see", *TRUSTED),
     "--role-header"),
])
def test_words_that_are_wrong(gofer, words, why):
    assert why in gofer("web", "--listen", "127.0.0.1:0", *words, code=2).why


def test_the_proxy_is_what_people_log_in_at_beyond_this_machine(gofer):
    wide = ("web", "--listen", "0.0.0.0:0", "--tokens", gofer.folder / "none", *LOGIN, *TRUSTED)
    assert "--behind-proxy" in gofer(*wide, code=2).why
    web = Web(gofer, *wide[1:], "--behind-proxy")
    headers = named("ann", "dev", Host="127.0.0.1")
    assert web("/api/v1/queues", headers=headers).status == 200
    assert web("/api/v1/queues", headers={"Host": "127.0.0.1"}).status == 401
    web.close()


def test_no_names_of_groups_or_tokens_come_back(web):
    token = web.add_token("ann", "see")
    for headers in (named("ann", "secret-group"), {"Authorization": f"Bearer {token}x"}):
        for path in ("/api/v1/me", "/api/v1/queues", "/api/v1/nothing"):
            text = json.dumps(web(path, headers=headers).headers) + web(path, headers=headers).text
            assert "secret-group" not in text and token not in text
