"""Limits by the JSON interface, and in the metrics; on each store that has them."""
import pytest
from conftest import wait_for
from exposition import samples

pytestmark = pytest.mark.usefixtures("has_web")

API = "/api/v1/limits"


@pytest.fixture
def limits(store):
    if store("limit", "ls", code=None).code:
        pytest.skip("n/a: this store has no limits")
    return store


def test_a_limit_is_put_listed_and_removed(limits, admin_web):
    web = admin_web
    assert web(API).json == {"items": []} or web(API).json["items"] == []
    body = {"concurrency": 5, "rate": 100, "per": "1m", "burst": 20, "over": "refuse",
            "scope": "queue"}
    assert web(f"{API}/smtp%3A*", "PUT", body).status == 200
    assert web(f"{API}/api", "PUT", {"concurrency": 1}).status == 200
    items = web(API).json["items"]
    assert items == [
        {"name": "api", "concurrency": 1, "over": "wait", "scope": "store"},
        {"name": "smtp:*", "concurrency": 5, "rate": 100, "per_ms": 60000, "burst": 20,
         "over": "refuse", "scope": "queue"}]
    page = web(f"{API}?limit=1").json
    assert page["items"] == items[:1]
    assert web(f"{API}?cursor={page['next_cursor']}").json["items"] == items[1:]
    assert web(f"{API}/api", "DELETE").status == 200
    assert web(f"{API}/api", "DELETE").status == 404


@pytest.mark.parametrize("body, why", [
    ({}, "concurrency or a rate"), ({"concurrency": 0}, "concurrency"),
    ({"concurrency": "5"}, "concurrency"), ({"rate": 1, "per": "soon"}, "'per'"),
    ({"rate": 1, "over": "drop"}, "'over'"), ({"rate": 1, "scope": 1}, "'scope'"),
    ({"concurrency": 1, "burst": 2}, "burst"), ({"colour": 1}, "colour"),
])
def test_a_wrong_limit_is_refused(limits, admin_web, body, why):
    got = admin_web(f"{API}/api", "PUT", body)
    assert got.status == 400 and why in got.text
    assert admin_web(f"{API}/a*b", "PUT", {"concurrency": 1}).status == 400


def test_who_runs_and_who_waits(limits, admin_web):
    web = admin_web
    web(f"{API}/api", "PUT", {"concurrency": 1})
    one = {"type": "hold", "id": "a", "limits": ["api"]}
    assert web("/api/v1/tasks", "POST", one).status == 200
    worker = limits.worker("--shell", "hold=while [ ! -e go ]; do sleep 0.05; done")
    wait_for(lambda: web(f"{API}/keys/api").json["items"][0]["running"], "it to run")
    assert web(f"{API}/keys?blocked=1").json["items"] == []
    two = {"type": "hold", "id": "b", "limits": ["api"], "limit_cost": 2}
    assert web("/api/v1/tasks", "POST", two).status == 200
    wait_for(lambda: web(f"{API}/keys?blocked=1").json["items"], "the other to wait")
    key = {"key": "api", "limit": "api", "concurrency": 1, "running": 1, "waiting": 1}
    assert web(f"{API}/keys").json["items"] == [key]
    task = web("/api/v1/queues/default/tasks/b").json
    assert (task["waits_for"], task["limits"], task["limit_cost"]) == ("api", "api", 2)
    got = samples(web("/metrics").text)
    assert [got[f'gofer_limit_{name}{{key="api"}}'] for name in ("running", "waiting", "max")] == [
        1, 1, 1]
    (limits.folder / "go").touch()
    wait_for(lambda: not web(f"{API}/keys?blocked=1").json["items"], "the other to run")
    worker.stop()
    assert web(f"{API}/keys/none").status == 404


def test_a_pause_begins_and_ends(limits, admin_web):
    web = admin_web
    assert web(f"{API}/keys/smtp%3Aa/pause", "POST", {"for": "1h"}).status == 200
    assert "paused_until_ms" in web(f"{API}/keys/smtp%3Aa").json["items"][0]
    assert web(f"{API}/keys/smtp%3Aa/unpause", "POST").status == 200
    assert web(f"{API}/keys/smtp%3Aa").status == 404
    for body in ({}, {"for": "0"}, {"for": 5}, {"for": "soon"}):
        assert web(f"{API}/keys/smtp%3Aa/pause", "POST", body).status == 400, body


def test_who_may_do_what(limits, web):
    see, operate, admin = (web.add_token(role, role) for role in ("see", "operate", "admin"))
    put = (f"{API}/api", "PUT", {"concurrency": 1})
    assert [web(*put, token=token).status for token in (see, operate)] == [403, 200]
    assert [web(API, token=token).status for token in (see, operate)] == [200, 200]
    assert [web(f"{API}/api", "DELETE", token=token).status
            for token in (see, operate, admin)] == [403, 403, 200]
