"""gofer limit, and the options, lines and entries that name keys of limits."""
import json
import re

import pytest
from conftest import wait_for
from test_audit import last


@pytest.fixture
def limits(store):
    """The gofer of the test, on each store that has limits."""
    if store("limit", "ls", code=None).code:
        pytest.skip("n/a: this store has no limits")
    return store


def busy(gofer, key, running):
    """Whether so many tasks of the key run."""
    found = gofer("limit", "show", key, "--json", code=None)
    return not found.code and found.json["items"][0]["running"] == running


def test_a_limit_is_put_listed_and_removed(limits):
    limits("limit", "put", "smtp:*", "--concurrency", "5", "--rate", "100/1m", "--burst", "20")
    limits("limit", "put", "api", "--rate", "10/s", "--over", "refuse", "--scope", "queue")
    limits("limit", "put", "mail", "--concurrency", "2", "--over", "cancel-oldest")
    assert limits.json("limit", "ls")["items"] == [
        {"name": "api", "rate": 10, "per_ms": 1000, "burst": 1, "over": "refuse",
         "scope": "queue"},
        {"name": "mail", "concurrency": 2, "over": "cancel-oldest", "scope": "store"},
        {"name": "smtp:*", "concurrency": 5, "rate": 100, "per_ms": 60000, "burst": 20,
         "over": "wait", "scope": "store"},
    ]
    rows = limits("limit", "ls").out
    assert re.search(r"^smtp:\* +5 +100/1m +20 +wait +store$", rows, re.M)
    assert re.search(r"^mail +2 +- +- +cancel-oldest +store$", rows, re.M)
    limits("limit", "put", "smtp:*", "--concurrency", "7")      # all numbers are replaced
    assert limits.json("limit", "ls")["items"][2] == {
        "name": "smtp:*", "concurrency": 7, "over": "wait", "scope": "store"}
    assert limits("limit", "rm", "api", "smtp:*").out == "removed api\nremoved smtp:*\n"
    assert limits("limit", "rm", "api", "mail", code=3).out == "removed mail\n"
    got = limits("limit", "ls")
    assert got.out == "" and "no limits" in got.err


def test_a_list_is_longer_than_a_page(limits):
    for number in range(3):
        limits("limit", "put", f"k{number}", "--concurrency", "1")
    assert [one["name"] for one in limits.json("limit", "ls")["items"]] == ["k0", "k1", "k2"]


@pytest.mark.parametrize("words, why", [
    ([], "--concurrency or --rate is needed"),
    (["--concurrency", "0"], "--concurrency"),
    (["--rate", "many"], "'many' is not so many"), (["--rate", "5/x"], "'5/x' is not so many"),
    (["--rate", "0/s"], "'0/s' is not so many"), (["--rate", "5/0s"], "'5/0s' is not so many"),
    (["--rate", "5/"], "'5/' is not so many"), (["--rate", "1000001/s"], "is not so many"),
    (["--concurrency", "1", "--burst", "2"], "--burst needs --rate"),
    (["--concurrency", "1", "--over", "drop"], "--over"),
])
def test_a_wrong_limit_is_refused(gofer, words, why):
    assert why in gofer("limit", "put", "k", *words, code=2).why


def test_a_wrong_name_is_refused(limits):
    assert "before its end" in limits("limit", "put", "a*b", "--rate", "1", code=2).why
    assert "several queues" in limits("limit", "put", "queue:*", "--rate", "1", code=2).why
    for over in ("refuse", "cancel-oldest"):
        words = ("--concurrency", "1", "--over", over)
        assert "stay in line" in limits("limit", "put", "queue:q", *words, code=2).why
    limits("limit", "put", "queue:q", "--concurrency", "1", "--over", "wait")
    assert limits("limit", "show", "none", code=3).out == ""


def test_a_task_waits_and_says_for_what(limits):
    limits("limit", "put", "api", "--concurrency", "1")
    first = limits.enqueue("hold", "--limit", "api")
    worker = limits.worker("--shell", "hold=while [ ! -e go ]; do sleep 0.05; done",
                           "--shell", "quick=true")
    wait_for(lambda: busy(limits, "api", 1), "the first to run")
    second = limits.enqueue("hold", "--limit", "zone", "--limit", "api", "--cost", "3")
    wait_for(lambda: limits.json("limit", "blocked")["items"], "the second to wait")
    key = limits.json("limit", "blocked")["items"][0]
    assert key == {"key": "api", "limit": "api", "concurrency": 1, "running": 1, "waiting": 1}
    assert re.search(r"^api +- +api +1 +1 +1 +- +-$", limits("limit", "blocked").out, re.M)
    task = limits.json("task", "show", second)
    assert (task["limits"], task["limit_cost"], task["waits_for"]) == ("api\nzone", 3, "api")
    shown = limits("task", "show", second).out
    assert re.search(r"^limits +api, zone$", shown, re.M)
    assert re.search(r"^waits for +api$", shown, re.M)
    assert "waits for api" in limits("task", "ls", "--state", "pending").out
    assert "waits_for" not in limits.json("task", "show", first)
    keys = limits.json("limit", "blocked", "--all")["items"]
    assert [one["key"] for one in keys if one["waiting"]] == ["api"]
    (limits.folder / "go").touch()
    wait_for(lambda: limits("task", "show", second, code=None).code == 3, "both to be done")
    assert worker.stop() == 0
    assert limits("limit", "blocked").out == ""


def test_a_pause_holds_a_key_up_until_it_is_over(limits):
    assert limits("limit", "pause", "api", "1h").out == "paused api\n"
    assert "limit" not in limits.json("limit", "show", "api")["items"][0]
    limits.enqueue("t", "--limit", "api")
    limits.worker("--shell", "t=true")
    wait_for(lambda: limits.json("limit", "blocked")["items"], "the task to wait")
    assert re.search(r"^api +- +- +0 +- +1 +in \d+m \d+s +in \d+m \d+s$",
                     limits("limit", "blocked").out, re.M)
    assert limits("limit", "pause", "api", "0").out == "unpaused api\n"
    wait_for(lambda: limits.states().get("pending") == 0, "the task to run")
    assert "'soon'" in limits("limit", "pause", "api", "soon", code=2).why


def test_a_command_may_pause_its_key(limits):
    name = limits.enqueue("call", "--limit", "api")
    limits.worker("--shell",
                  "call=echo 'limit-pause api 1h 429 Too Many Requests' >&3; exit 75")
    wait_for(lambda: limits.json("task", "show", name)["state"] == "retry", "it to be put off")
    task = limits.json("task", "show", name)
    assert task["retried"] == 0 and task["last_error"] == "429 Too Many Requests"
    assert "paused_until_ms" in limits.json("limit", "show", "api")["items"][0]


def test_options_of_keys_are_checked(limits):
    five = [word for key in "abcde" for word in ("--limit", key)]
    assert "4 times" in limits("enqueue", "t", *five, code=2).why
    assert "--cost needs --limit" in limits("enqueue", "t", "--cost", "2", code=2).why
    assert "is of a queue" in limits("enqueue", "t", "--limit", "queue:a", code=2).why
    assert "twice" in limits("enqueue", "t", "--limit", "a", "--limit", "a", code=2).why


def test_a_line_of_a_batch_names_keys(limits):
    lines = [{"type": "t", "id": "a", "limits": ["y", "x"], "limit_cost": 2},
             {"type": "t", "id": "b"}, {"type": "t", "id": "c", "limits": []},
             {"type": "t", "limits": "x"}, {"type": "t", "limits": [1]},
             {"type": "t", "limits": ["1", "2", "3", "4", "5"]},
             {"type": "t", "limits": ["x"], "limit_cost": 0}]
    got = limits("enqueue", "--batch", "--limit", "z", input="\n".join(map(json.dumps, lines)),
                 code=2)
    shown = [limits.json("task", "show", name) for name in "abc"]
    assert [(one.get("limits"), one.get("limit_cost")) for one in shown] == [
        ("x\ny", 2), ("z", None), (None, None)]
    for number, why in ((4, "'limits' must be a list"), (5, "'limits' must be a list of strings"),
                        (6, "at most 4"), (7, "'limit_cost' must be")):
        assert re.search(rf"line {number}: .*{why}", got.err)


def test_a_cron_entry_names_keys(limits):
    limits("cron", "add", "nightly", "@daily", "t", "--limit", "b", "--limit", "a", "--cost", "2")
    assert re.search(r"^limits +a, b \(cost 2\)$", limits("cron", "show", "nightly").out, re.M)
    (limits.folder / "cron.json").write_text(json.dumps({"entries": [
        {"name": "hourly", "spec": "@hourly", "type": "t", "limits": ["c"], "limit_cost": 4}]}))
    limits("cron", "sync", "cron.json")
    entry = limits.json("cron", "show", "hourly")
    assert (entry["limits"], entry["limit_cost"]) == ("c", 4)
    limits("cron", "run", "hourly")
    assert limits.json("task", "ls")["items"][0]["limits"] == "c"
    for limit in ("c", [2], list("abcde")):
        (limits.folder / "bad.json").write_text(json.dumps({"entries": [
            {"name": "x", "spec": "@hourly", "type": "t", "limits": limit}]}))
        assert "'limits' must be" in limits("cron", "sync", "bad.json", code=2).why


@pytest.fixture
def orders(limits):
    """On each store that can run tasks one after the other."""
    if limits("enqueue", "t", "--queue", "probe", "--ordered", "k", code=None).code:
        pytest.skip("n/a: this store has no order")
    limits("queue", "rm", "probe", "--force")
    return limits


def test_tasks_run_one_after_the_other(orders):
    lines = [{"type": "t", "id": "a", "ordered": "k", "ordered_dead": "block", "retry": 0},
             {"type": "t", "id": "b", "ordered": "k"},
             {"type": "t", "ordered": 5}, {"type": "t", "ordered": "k", "ordered_dead": "stop"}]
    got = orders("enqueue", "--batch", input="\n".join(map(json.dumps, lines)), code=2)
    assert "'ordered' must be" in got.err and "'ordered_dead' must be" in got.err
    worker = orders.worker("--shell", "t=test -e go", "--concurrency", "4")
    wait_for(lambda: orders.json("task", "show", "a")["state"] == "archived", "it to fail")
    wait_for(lambda: orders.json("limit", "blocked")["items"], "the next one to wait")
    shown = orders("task", "show", "a").out
    assert re.search(r"^ordered +k$", shown, re.M) and re.search(r"^when dead +block$", shown, re.M)
    key = orders.json("limit", "blocked")["items"][0]
    assert (key["key"], key["queue"], key["occupant"]) == ("ordered:k", "default", "a")
    assert orders.json("task", "show", "b")["waits_for"] == "ordered:k"
    (orders.folder / "go").touch()
    orders("task", "run", "a")
    wait_for(lambda: orders("task", "show", "b", code=None).code == 3, "both to be done")
    worker.stop()
    assert "needs --ordered" in orders("enqueue", "t", "--ordered-dead", "block", code=2).why


def test_a_cron_entry_is_ordered(orders):
    orders("cron", "add", "nightly", "@daily", "t", "--ordered", "k", "--ordered-dead", "block")
    assert re.search(r"^ordered +k$", orders("cron", "show", "nightly").out, re.M)
    (orders.folder / "cron.json").write_text(json.dumps({"entries": [
        {"name": "hourly", "spec": "@hourly", "type": "t", "ordered": "k", "ordered_dead": "block"}
    ]}))
    orders("cron", "sync", "cron.json")
    entry = orders.json("cron", "show", "hourly")
    assert (entry["ordered"], entry["ordered_dead"]) == ("k", "block")


def test_acts_on_limits_are_in_the_audit(limits):
    ok = {"outcome": "ok", "count": 1}
    limits("limit", "put", "api", "--concurrency", "1")
    assert last(limits) == {"act": "limit.put", "target": "api", **ok}
    limits("limit", "pause", "api", "1m")
    assert last(limits) == {"act": "limit.pause", "target": "api", **ok}
    limits("limit", "pause", "api", "0")
    assert last(limits) == {"act": "limit.unpause", "target": "api", **ok}
    limits("limit", "rm", "api")
    assert last(limits) == {"act": "limit.delete", "target": "api", **ok}
    limits("limit", "rm", "api", code=3)
    assert last(limits)["outcome"] == "ENOTFOUND"


def test_a_store_without_limits_says_so(redis, gofer):
    got = gofer("limit", "ls", code=None)
    if got.code == 0:
        pytest.skip("n/a: Redis has limits")
    assert "limits" in got.why and got.out == ""
    assert "limits" in gofer("enqueue", "t", "--limit", "a", code=2).why
