"""The page's views of flows in a real Chromium: how far they are, a graph of steps, acts; and what
it says of a task that is encrypted."""
import json

import pytest
from browser import until

pytestmark = pytest.mark.usefixtures("has_web")

PLAN = {"steps": [
    {"name": "fetch", "type": "good"}, {"name": "a", "type": "bad", "retry": 0, "after": ["fetch"]},
    {"name": "b", "type": "good", "after": ["fetch"]},
    {"name": "join", "type": "good", "after": ["a", "b"]}]}


def start(gofer, id):
    gofer("flow", "start", "-", "--id", id, input=json.dumps(PLAN))


def state(gofer, id):
    return gofer.json("flow", "show", id)["state"]


def test_a_flow_is_shown_as_a_graph_and_retried(admin, gofer):
    start(gofer, "sales")
    gofer("worker", "--drain", "--shell", "good=true", "--shell", "bad=echo why >&2; exit 1")
    admin.open("/flows", "Flows")
    admin.sees("4 of 4")
    admin.sees("failed")
    admin.click("sales")
    admin.ready("sales")
    admin.sees("why")
    admin.sees("skipped")
    steps = admin.run(
        "return [...document.querySelectorAll('.step')].map((g) => [g.className.baseVal,"
        " g.querySelector('title').textContent])"
    )
    assert steps == [
        ["step good", "fetch: done"], ["step bad", "a: archived"], ["step good", "b: done"],
        ["step idle", "join: skipped"]]
    assert admin.run("return document.querySelectorAll('.plot .link').length") == 4
    admin.click("Retry", 'tr[data-key="a"]')
    until(lambda: state(gofer, "sales") == "running", "the flow to go on")
    admin.click("Cancel")
    admin.click("Cancel it")
    until(lambda: state(gofer, "sales") == "cancelled", "the flow's end")
    assert admin.complaints() == []


def test_a_flow_is_paused(admin, gofer):
    start(gofer, "sales")
    admin.open("/flows/sales", "sales")
    admin.click("Pause")
    until(lambda: state(gofer, "sales") == "paused", "the pause")
    admin.click("Unpause")
    until(lambda: state(gofer, "sales") == "running", "its end")
    assert admin.complaints() == []


def test_what_is_encrypted_says_so(admin, gofer):
    gofer.env["GOFER_KEYS"] = "k1:" + "A" * 43 + "="
    gofer.enqueue("t", "secret", "--id", "sealed")
    del gofer.env["GOFER_KEYS"]
    admin.open("/queues/default/tasks/sealed", "sealed")
    admin.sees("Encrypted with the key k1")
    admin.misses("Enqueue again")
    assert admin.complaints() == []
