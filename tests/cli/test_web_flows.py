"""Flows by the JSON interface, on each store that has them."""
import pytest
from conftest import wait_for

pytestmark = pytest.mark.usefixtures("has_web")

API = "/api/v1/flows"
PLAN = {"id": "f", "steps": [
    {"name": "fetch", "type": "fetch", "payload": {"n": 1}},
    {"name": "part", "type": "count", "after": ["fetch"], "queue": "low"},
    {"name": "mail", "type": "mail", "after": {"part": "always"}}]}


@pytest.fixture
def flows(store):
    if store("flow", "ls", code=None).code:
        pytest.skip("n/a: this store has no flows")
    return store


def test_a_flow_is_started_and_shown(flows, admin_web):
    web = admin_web
    assert web(API).json["items"] == []
    assert web(API, "POST", PLAN).json == {"id": "f"}
    assert web(API, "POST", PLAN).json == {"id": "f"}
    other = web(API, "POST", {"steps": [{"name": "a", "type": "t"}]}).json["id"]
    flow = web(f"{API}/f").json
    assert (flow["state"], flow["total"], flow["ended"]) == ("running", 3, 0)
    steps = {step["name"]: step for step in flow["steps"]["items"]}
    assert steps["part"]["queue"] == "low" and steps["part"]["after"] == "fetch"
    assert steps["mail"]["after"] == "part:always" and steps["fetch"]["id"] == "f:0"
    page = web(f"{API}?limit=1").json
    assert [each["id"] for each in page["items"]] == [other]
    assert "steps" not in page["items"][0]
    rest = web(f"{API}?cursor={page['next_cursor']}").json
    assert [each["id"] for each in rest["items"]] == ["f"]
    assert web(f"{API}?state=done").json["items"] == []
    assert web(f"{API}/nobody").status == 404


def test_acts_on_a_flow(flows, admin_web):
    web = admin_web
    web(API, "POST", PLAN)
    assert web(f"{API}/f/pause", "POST").status == 200
    assert web(f"{API}/f").json["state"] == "paused"
    assert web(f"{API}/f/unpause", "POST").status == 200
    assert web(f"{API}/f/retry", "POST").status == 409
    assert web(f"{API}/f/cancel", "POST").status == 200
    wait_for(lambda: web(f"{API}/f").json["state"] == "cancelled", "its end")
    assert web(f"{API}/f/cancel", "POST").status == 409
    assert web(f"{API}/f/retry", "POST", {"step": "nobody"}).status == 409
    assert web(f"{API}/f/retry", "POST", {"step": "fetch"}).status == 200
    assert web(f"{API}/f").json["state"] == "running"
    acts = [(each["act"], each["target"]) for each in web("/api/v1/audit").json["items"]]
    assert ("flow.start", "f") in acts and ("flow.retry", "f") in acts


@pytest.mark.parametrize("body, why", [
    ({}, "steps"), ({"steps": []}, "step"), ({"steps": [{"name": "a"}]}, "type"),
    ({"steps": [{"name": "a", "type": "t", "after": ["b"]}]}, "'b'"),
    ({"steps": [{"name": "a", "type": "t"}], "colour": 1}, "colour"), ([], "object"),
])
def test_a_wrong_plan_is_refused(flows, admin_web, body, why):
    got = admin_web(API, "POST", body)
    assert got.status == 400 and why in got.text
    assert admin_web(API).json["items"] == []
