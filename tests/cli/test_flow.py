"""gofer flow: plans as JSON, what is shown of a flow, acts, and the exit codes of waiting."""
import json
import re

import pytest

PLAN = {"steps": [
    {"name": "load", "type": "load", "after": ["fetch"]},
    {"name": "fetch", "type": "fetch", "payload": {"url": "x"}, "queue": "slow"},
    {"name": "mail", "type": "mail", "after": {"load": "always"}, "priority": 5},
    {"name": "alarm", "type": "alarm", "after": {"load": "failure", "fetch": "always"}},
]}


@pytest.fixture
def flows(store):
    """The gofer of the test, on each store that has flows."""
    if store("flow", "ls", code=None).code:
        pytest.skip("n/a: this store has no flows")
    return store


def start(gofer, plan, *words):
    return gofer("flow", "start", "-", *words, input=json.dumps(plan)).out.strip()


def test_a_store_without_flows_says_so(store):
    got = store("flow", "ls", code=None)
    assert got.code == 0 or "flows" in got.err


def test_a_command_reads_what_a_step_has_left(flows):
    plan = {"steps": [{"name": "a", "type": "a"}, {"name": "b", "type": "b", "after": ["a"]},
                      {"name": "c", "type": "none", "after": ["b"]}]}
    start(flows, plan, "--id", "f")
    flows.enqueue("alone", "--id", "alone", "--retention", "1h")
    assert "not done" in flows("flow", "result", "f", "a", code=4).err
    flows("worker", "--drain", "--shell", "a=printf 'one\\0two'", "--shell", "none=true",
          "--shell", f"b={flows.bin} flow result \"$GOFER_FLOW\" a",
          "--shell", "alone=echo ${GOFER_FLOW-none}", env={"GOFER_FLOW": "another"})
    assert flows("flow", "result", "f", "b").raw == b"one\0two"
    assert flows("flow", "result", "f", "c").raw == b""
    assert flows("task", "show", "alone", "--result").out == "none\n"
    flows("flow", "result", "f", "nobody", code=3)


def test_a_step_runs_for_each_item_of_a_list(flows):
    plan = {"steps": [{"name": "rows", "type": "rows"},
                      {"name": "load", "type": "load", "each": "rows"},
                      {"name": "sum", "type": "sum", "after": "load"}]}
    start(flows, plan, "--id", "f")
    flows("worker", "--drain", "--shell", "rows=echo '[20, {\"base64\": \"MQ==\"}, \"2\"]'",
          "--shell", "load=cat", "--shell", 'sum=gofer flow result "$GOFER_FLOW" load'
          .replace("gofer", str(flows.bin)))
    assert flows("flow", "wait", "f").out == "done\n"
    assert json.loads(flows("flow", "result", "f", "load").out) == [20, 1, 2]
    assert json.loads(flows("flow", "result", "f", "sum").out) == [20, 1, 2]
    assert flows("flow", "result", "f", "load.2").out == "1"
    shown = flows("flow", "show", "f").out
    assert re.findall(r"^ +([0-9]) +(\S+) +(done.*?)  ", shown, re.M) == [
        ("1", "rows", "done"), ("2", "load", "done 3/3"), ("3", "sum", "done")]
    steps = flows.json("flow", "show", "f")["steps"]["items"]
    assert [step["name"] for step in steps] == ["rows", "load", "sum", "load.1", "load.2", "load.3"]
    assert (steps[1]["made"], steps[1]["made_failed"], steps[3]["made_of"]) == (3, 0, "load")


def test_what_is_no_list_fails_the_step(flows):
    plan = {"steps": [{"name": "rows", "type": "rows"},
                      {"name": "load", "type": "load", "each": "rows"}]}
    start(flows, plan, "--id", "f")
    flows("worker", "--drain", "--shell", "rows=echo nothing")
    assert flows("flow", "wait", "f", code=1).out == "failed\n"
    steps = flows.json("flow", "show", "f")["steps"]["items"]
    assert "no JSON list" in steps[0]["error"] and steps[1]["state"] == "skipped"


def test_a_flow_is_shown_in_layers(flows):
    assert start(flows, PLAN, "--id", "f") == "f"
    shown = flows("flow", "show", "f").out
    assert re.search(r"^f +running +0 +4 +0 ", shown, re.M)
    rows = re.findall(r"^ +([0-9]) +(\w+) +(\w+) ", shown, re.M)
    assert rows == [("1", "fetch", "pending"), ("2", "load", "waiting"),
                    ("3", "alarm", "waiting"), ("3", "mail", "waiting")]
    flow = flows.json("flow", "show", "f")
    assert [step["name"] for step in flow["steps"]["items"]] == ["load", "fetch", "mail", "alarm"]
    assert flow["steps"]["items"][3]["after"] == "load:failure\nfetch:always"
    assert flow["steps"]["items"][1]["id"] == "f:1"
    assert flows("flow", "wait", "f", "--timeout", "0", code=7).out == ""
    assert start(flows, PLAN, "--id", "f") == "f"      # the same again
    other = {"steps": PLAN["steps"][1:2]}
    assert "another plan" in flows("flow", "start", "-", "--id", "f", input=json.dumps(other),
                                   code=4).err


def test_a_worker_runs_a_flow(flows):
    flows.worker("--queue", "slow", "--queue", "default", "--shell", "*=cat")
    flow = start(flows, PLAN)
    assert flows("flow", "wait", flow, "--timeout", "60s").out == "done\n"
    steps = flows.json("flow", "show", flow)["steps"]["items"]
    states = {step["name"]: step["state"] for step in steps}
    assert states == {"fetch": "done", "load": "done", "mail": "done", "alarm": "skipped"}
    assert flows.json("flow", "ls", "--state", "done")["items"][0]["id"] == flow


def test_acts(flows):
    plan = {"steps": [{"name": "a", "type": "t"}, {"name": "b", "type": "t", "after": "a"}]}
    start(flows, plan, "--id", "f")
    assert flows("flow", "pause", "f").out == "paused f\n"
    assert flows("flow", "resume", "f").out == "unpaused f\n"
    assert flows("flow", "cancel", "f").out == "cancelled f\n"
    assert flows("flow", "wait", "f", code=4).out == "cancelled\n"
    flows("flow", "cancel", "f", code=4)
    assert flows("flow", "retry", "f").out == "retried f\n"
    flows("task", "archive", "f:0")
    assert flows("flow", "wait", "f", code=1).out == "failed\n"
    flows("flow", "retry", "f", "--step", "b", code=4)
    assert flows("flow", "retry", "f", "--step", "a").out == "retried f\n"
    flows("flow", "show", "none", code=3)
    flows("flow", "wait", "none", code=3)


@pytest.mark.parametrize("plan, why", [
    ("[]", "must be a JSON object"), ("{", "flow start: "), ("{}", "no steps"),
    ('{"step": []}', "no member"), ('{"steps": [1]}', "must be an object"),
    ('{"steps": [{"type": "t"}]}', "'name' is missing"),
    ('{"steps": [{"name": "a"}]}', "step 'a': 'type' is missing"),
    ('{"steps": [{"name": "a", "type": "t", "after": 1}]}', "'after' must be"),
    ('{"steps": [{"name": "a", "type": "t", "after": {"b": "soon"}}]}', "'after' must be"),
    ('{"steps": [{"name": "a", "type": "t", "queues": "q"}]}', "did you mean 'queue'"),
    ('{"steps": [{"name": "a", "type": "t", "name": "b"}]}', "given twice"),
    ('{"steps": [{"name": "a", "type": "t"}], "on_dead": "x"}', "'on_dead' must be"),
    ('{"steps": [{"name": "a", "type": "t"}], "deadline": "x"}', "'deadline' must be"),
    ('{"steps": [{"name": "a", "type": "t", "after": ["a"]}]}', "waits for itself"),
    ('{"steps": [{"name": "a", "type": "t", "after": ["b"]}]}', "which is no step"),
    ('{"steps": [{"name": "a", "type": "t", "each": "b"}]}', "which is no step"),
    ('{"steps": [{"name": "a", "type": "t", "each": 1}]}', "'each' must be a string"),
    ('{"steps": [{"name": "a", "type": "t", "each": "a"}]}', "step 'a'"),
    ('{"steps": [{"name": "a", "type": "t"}, {"name": "b", "type": "t", "each": "a",'
     ' "payload": 1}]}', "a payload"),
    ('{"steps": [{"name": "a", "type": "t"}, {"name": "b", "type": "t", "each": "a"},'
     ' {"name": "c", "type": "t", "each": "a"}]}', "only one"),
    ('{"steps": [{"name": "a", "type": "t"}, {"name": "b", "type": "t", "each": "a"},'
     ' {"name": "b.1", "type": "t"}]}', "of steps that are made"),
])
def test_what_is_no_plan_is_refused(flows, plan, why):
    got = flows("flow", "start", "-", input=plan, code=None)
    assert got.code == 2 and why in got.err
    assert not flows.json("flow", "ls")["items"]
