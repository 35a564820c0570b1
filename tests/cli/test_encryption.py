"""Encrypted tasks at the command line: keys that are not there, envelopes that were swapped, queues
that refuse what is plain, flows and groups; on both brokers."""
import json
import sys

import pytest

from conftest import wait_for
from webserver import Web

ONE = {"GOFER_KEYS": "one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
TWO = {"GOFER_KEYS": "two://////////////////////////////////////////8="}
BOTH = {"GOFER_KEYS": TWO["GOFER_KEYS"] + " " + ONE["GOFER_KEYS"]}


def work(gofer, *words, env=None):
    gofer("worker", "--drain", "--log-level", "error", *words, env=env)


def test_what_a_worker_has_no_key_for_waits_until_it_has(store):
    store.enqueue("t", "secret", "--id", "a", "--retention", "1h", env=ONE)
    work(store, "--shell", "t=cat", env=TWO)
    shown = store("task", "show", "a").out
    assert "archived" in shown and "encrypted by" in shown
    assert "encrypted with key 'one', which is not among the keys here" in shown
    assert "secret" not in shown
    assert store.json("task", "show", "a")["encrypted"] == "one"
    assert store("task", "show", "a", "--payload").raw.startswith(b"gfe1one\0")
    store("task", "run", "a")
    work(store, "--shell", "t=cat")                    # none at all
    assert "there are no keys here" in store("task", "show", "a").out
    store("task", "run", "a")
    work(store, "--shell", "t=cat", env=BOTH)
    done = store.json("task", "show", "a", env=ONE)
    assert (done["state"], done["payload"]) == ("completed", "secret")
    assert store("task", "show", "a", "--result", env=TWO).raw == b"secret"


def test_an_envelope_opens_in_its_own_task_alone(store):
    for name in ("a", "b"):
        store.enqueue("t", f"of {name}", "--id", name, "--retention", "1h", env=ONE)
    theirs = {name: store("task", "show", name, "--payload").raw for name in ("a", "b")}
    store("task", "edit", "a", "-", input=theirs["b"])
    changed = bytearray(theirs["b"])
    changed[-1] ^= 1
    store("task", "edit", "b", "-", input=bytes(changed))
    work(store, "--shell", "t=cat", env=ONE)
    for name, bytes_of in (("a", theirs["b"]), ("b", bytes(changed))):
        shown = store("task", "show", name, env=ONE).out
        assert "archived" in shown and "it was changed, or it is another task's" in shown
        assert store("task", "show", name, "--payload").raw == bytes_of      # kept
        store("task", "edit", name, "-", input=theirs[name])
        store("task", "run", name)
    work(store, "--shell", "t=cat", env=ONE)
    assert store("task", "show", "a", "--result", env=ONE).raw == b"of a"
    assert store("task", "show", "b", "--result", env=ONE).raw == b"of b"


def test_a_queue_refuses_what_is_plain(store):
    assert store("queue", "encrypt", "q", "require").out == "closed to plain payloads q\n"
    got = store("enqueue", "t", "x", "--queue", "q", code=6)
    assert "the queue 'q' takes encrypted payloads alone, and that of 't' is plain" in got.err
    store("enqueue", "t", "x", "--queue", "q", "--plain", code=6, env=ONE)
    batch = "\n".join(json.dumps({"type": "t", "id": name, "plain": name == "b"}) for name in "abc")
    got = store("enqueue", "--batch", "--queue", "q", input=batch, code=None, env=ONE)
    assert got.code == 6 and "takes encrypted payloads alone" in got.err
    assert store.states("q")["pending"] == 2
    assert "refused" in store("queue", "show", "q").out
    store("task", "edit", "a", "plain", code=6)
    store("task", "edit", "a", "sealed", env=ONE)
    assert store("queue", "encrypt", "q", "accept").out == "opened to plain payloads q\n"
    store.enqueue("t", "x", "--queue", "q")
    assert "neither" in store("queue", "encrypt", "q", "maybe", code=2).err


def test_plans_of_what_is_plain_are_refused(store):
    """Flows and cron entries, whose tasks others put; those that are there go on."""
    def flow(name, *queues):
        steps = [{"name": f"s{at}", "type": "t", "payload": "p", "queue": queue}
                 for at, queue in enumerate(queues)]
        return {"words": ("flow", "start", "-", "--id", name),
                "input": json.dumps({"steps": steps})}

    def start(plan, code=0, env=None):
        return store(*plan["words"], input=plan["input"], code=code, env=env)

    def entry(name, *words, code=0, env=None):
        return store("cron", "add", name, "@yearly", "t", "p", "--queue", "q", *words, code=code,
                     env=env)

    start(flow("before", "q"))
    entry("before")
    store("queue", "encrypt", "q", "require")
    got = start(flow("plain", "other", "q"), code=6)
    assert "the queue 'q' takes encrypted payloads alone, and that of 't' is plain" in got.err
    assert [one["id"] for one in store.json("flow", "ls")["items"]] == ["before"]
    start(flow("elsewhere", "other"))
    start(flow("sealed", "other", "q"), env=ONE)
    assert "takes encrypted payloads alone" in entry("plain", code=6).err
    entry("before", "--retry", "7", "--replace", code=6)
    entry("sealed", env=ONE)
    lines = [{"name": name, "spec": "@yearly", "type": "t", "queue": queue}
             for name, queue in (("one", "other"), ("two", "q"))]
    (store.folder / "entries.json").write_text(json.dumps({"entries": lines}))
    assert "takes encrypted" in store("cron", "sync", "entries.json", code=6).err
    names = [one["name"] for one in store.json("cron", "ls")["items"]]
    assert names == ["before", "sealed"]              # all or nothing of the file
    store("cron", "run", "sealed")
    assert "takes encrypted" in store("cron", "run", "before", code=6).err
    work(store, "--queue", "q", "--queue", "other", "--shell", "t=cat", env=ONE)
    for name in ("before", "sealed", "elsewhere"):
        assert store.json("flow", "show", name)["state"] == "done"


def test_what_follows_on_an_encrypted_task_is_encrypted(store):
    """Into whatever queue it goes, and it is never lost for being plain."""
    for queue in ("default", "strict"):
        store("queue", "encrypt", queue, "require")
    follow = ("--on-done", "note@strict", "--on-dead", "alarm@strict", "--retry", "0")
    store.enqueue("good", "secret", "--id", "a", *follow, env=ONE)
    store.enqueue("bad", "secret", "--id", "b", *follow, env=ONE)
    store("queue", "encrypt", "default", "accept")
    store.enqueue("good", "known", "--id", "c", *follow)
    work(store, "--shell", "good=cat", "--shell", "bad=exit 1", env=ONE)
    ids = {one["id"] for one in store.json("task", "ls", "--queue", "strict")["items"]}
    assert ids == {"done:a:1", "dead:b:1", "done:c:1"}
    for name in sorted(ids):
        shown = store.json("task", "show", name, "--queue", "strict")
        assert shown["encrypted"] == "one"
        assert b"secret" not in store("task", "show", name, "--queue", "strict", "--payload").raw
    told = store.json("task", "show", "done:a:1", "--queue", "strict", env=ONE)["payload"]
    assert json.loads(told)["payload"] == "secret"
    store.enqueue("good", "known", "--id", "d", *follow)
    work(store, "--shell", "good=cat")                 # a worker without keys
    plain = store.json("task", "show", "done:d:1", "--queue", "strict")
    assert plain["state"] == "pending" and "encrypted" not in plain
    work(store, "--queue", "strict", "--encrypted-only", "--shell", "*=cat >/dev/null", env=ONE)
    assert store.states("strict")["archived"] == 1     # done:d:1
    assert store("task", "show", "done:d:1", "--queue", "strict", "--payload").raw


def test_a_worker_refuses_what_is_plain(store):
    store.enqueue("t", "forged", "--id", "plain")
    store.enqueue("t", "secret", "--id", "sealed", env=ONE)
    work(store, "--encrypted-only", "--shell", "t=cat >>seen", env=ONE)
    assert (store.folder / "seen").read_text() == "secret"
    shown = store("task", "show", "plain").out
    assert "archived" in shown and "this worker runs encrypted tasks alone" in shown
    assert store("task", "show", "plain", "--payload").raw == b"forged"
    got = store("worker", "--encrypted-only", "--drain", "--shell", "t=cat", code=None)
    assert got.code != 0 and "has no keys" in got.err


@pytest.mark.parametrize("how", ["lua", "shell"])
def test_steps_read_what_others_have_left(store, how):
    plan = {"steps": [{"name": "a", "type": "a", "payload": "one"},
                      {"name": "b", "type": "b", "payload": "two", "after": ["a"]}]}
    store("flow", "start", "-", "--id", "f", input=json.dumps(plan), env=ONE)
    if how == "lua":
        (store.folder / "h.lua").write_text("""
            gofer.handle("a", function(task) return "left by " .. task.raw end)
            gofer.handle("b", function(task)
                local _, raw = task:parent("a")
                return raw .. ", then " .. task.raw
            end)""")
        handlers = ("--lua", "h.lua")
    else:
        handlers = ("--shell", "a=printf 'left by '; cat", "--shell",
                    f"b={store.bin} flow result \"$GOFER_FLOW\" a; printf ', then '; cat")
    work(store, *handlers, env=ONE)
    assert store("flow", "result", "f", "b", env=ONE).raw == b"left by one, then two"
    assert store("flow", "result", "f", "a").raw.startswith(b"gfe1one\0")
    got = store("flow", "result", "f", "a", env=TWO, code=None)
    assert got.code != 0 and "encrypted with key 'one'" in got.err


AGGREGATE = """
import json, sys
print("+".join(task["payload"] for task in json.load(sys.stdin)), end="")
"""
SCRIPT = """
gofer.aggregate("g", function(group, tasks)
    local all = {}
    for i, task in ipairs(tasks) do all[i] = task.raw end
    return "joined", table.concat(all, "+"), { retention = "1h" }
end)"""


@pytest.mark.parametrize("how", ["lua", "command"])
def test_groups_are_opened_and_what_they_become_is_encrypted(store, how):
    for text in ("one", "two"):
        store.enqueue("part", text, "--group", "g", env=ONE)
    (store.folder / "aggregate.py").write_text(AGGREGATE)
    (store.folder / "g.lua").write_text(SCRIPT)
    aggregator = ("--lua", "g.lua") if how == "lua" else (
        "--aggregate", f"g:joined={sys.executable} aggregate.py")
    worker = store.worker("--group-max-size", "2", *aggregator, env=ONE)
    wait_for(lambda: store.states().get("pending"), "the combined task")
    worker.stop()
    (made,) = store.json("task", "ls", "--state", "pending")["items"]
    assert store.json("task", "show", made["id"])["encrypted"] == "one"
    assert store("task", "show", made["id"], "--payload").raw.startswith(b"gfe1one\0")
    work(store, "--shell", "joined=cat >seen", env=ONE)
    assert (store.folder / "seen").read_text() == "one+two"


def test_what_is_plain_does_not_get_into_what_a_group_becomes(store):
    """Nor is it lost, and the others wait for each other."""
    store.enqueue("part", "forged", "--id", "plain", "--group", "g")
    for text in ("one", "two"):
        store.enqueue("part", text, "--group", "g", env=ONE)
    (store.folder / "g.lua").write_text(SCRIPT)
    worker = store.worker("--group-max-size", "2", "--group-grace", "1s", "--lua", "g.lua",
                          "--encrypted-only", env=ONE)
    wait_for(lambda: store.states()["pending"] == store.states()["archived"] == 1,
             "the combined task, and the other one to be set aside")
    worker.stop()
    assert store("task", "show", "plain", "--payload").raw == b"forged"
    assert store.json("task", "show", "plain")["state"] == "archived"
    work(store, "--shell", "joined=cat >seen", env=ONE)
    assert (store.folder / "seen").read_text() == "one+two"


@pytest.mark.usefixtures("has_web")
def test_the_json_interface_says_that_it_is_refused(store):
    web = Web(store)
    try:
        root = web.add_token("root", "admin")
        where = "/api/v1/queues/q/encrypt"
        assert web.post(where, {"required": True}, token=root).status == 200
        assert web("/api/v1/queues/q", token=root).json["encrypted_only"] is True
        for body in ({"type": "t", "queue": "q"}, [{"type": "t", "queue": "q"}]):
            got = web.post("/api/v1/tasks", body, token=root)
            assert (got.status, got.json["error"]["code"]) == (403, "EDENIED"), got.json
        plan = {"steps": [{"name": "a", "type": "t", "queue": "q"}]}
        entry = {"spec": "@yearly", "type": "t", "queue": "q"}
        for got in (web.post("/api/v1/flows", plan, token=root),
                    web("/api/v1/schedules/e", "PUT", entry, token=root)):
            assert (got.status, got.json["error"]["code"]) == (403, "EDENIED"), got.json
        assert web.post(where, {}, token=root).status == 400
        assert web.post(where, {"required": False}, token=root).status == 200
        assert web.post("/api/v1/tasks", {"type": "t", "queue": "q"}, token=root).status == 200
    finally:
        web.close()
