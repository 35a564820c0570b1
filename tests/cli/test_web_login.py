"""Logging in by a browser: a token for a cookie, which no script reads and no other site sends."""
import http.cookies

import pytest
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
