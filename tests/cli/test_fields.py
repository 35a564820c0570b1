"""What every command prints with --json keeps docs/fields.schema.json, on both stores."""
import json
import subprocess
import sys

from conftest import PATIENCE, ROOT, Worker, wait_for

sys.path.insert(0, str(ROOT / "tests" / "fields"))
from schema import KINDS, SCHEMA, complaints  # noqa: E402

WITHOUT = {"completion", "flow result", "help", "top", "web"}       # these print no JSON


class Held:
    """Runs commands of a store, holds what they print to the schema, and keeps which were seen."""

    def __init__(self, gofer):
        self.gofer = gofer
        self.left = {(one["command"], one["with"]): one for one in SCHEMA["x-answers"]}
        self.all = dict(self.left)

    def hold(self, command, options, lines):
        answer = self.all[command, options]
        self.left.pop((command, options), None)
        values = [json.loads(line) for line in lines]
        assert values and (answer["lines"] or len(values) == 1), (command, lines)
        for value in values:
            assert complaints(value, answer["schema"]) == [], (command, value)
        return values

    def __call__(self, command, *args, options="", code=0, **how):
        done = self.gofer(*command.split(), *args, "--json", code=code, **how)
        return self.hold(command, options, done.out.splitlines())[0]


def look(run):
    """At tasks, queues, groups and entries of every kind, on the way."""
    for command in ("queue ls", "worker ls", "task ls", "group ls", "cron ls", "stats"):
        run(command)
    run("queue show", "default")
    run("queue ls", "--shards", options="--shards")
    run("queue shard", "default", "1")
    run("queue bound", "default", "1000")
    run("queue age", "default", "1m")
    run("queue encrypt", "default", "require")
    run("queue show", "default")
    run("queue encrypt", "default", "accept")
    run("doctor", code=None)
    for task in run("task ls", "--limit", "100")["items"]:
        run("task show", task["id"])
    assert run("task ls", "--limit", "1")["more"]


def fill(run):
    run("enqueue", "ok", '{"n":1}', "--id", "kept", "--retention", "1h", "--header", "k=v",
        "--timeout", "50s")
    run("enqueue", "bin", "-", "--id", "bytes", "--in", "1h", "--retry-policy", "fixed:1h",
        "--on-dead", "alarm@other", "--unique", "1h", input=b"\xff\x00")
    run("enqueue", "bad", "--id", "bad", "--retry", "0")
    run("enqueue", "slow", "--id", "slow", "--retention", "1h")
    run("enqueue", "later", "--in", "1h", "--count", "3", options="--count, --batch")
    batch = '{"type":"later","id":"b1","in":"1h"}\nno json\n{"type":"later","id":"b2","in":"1h"}'
    many = run("enqueue", "--batch", options="--count, --batch", code=2, input=batch)
    assert many["added"] == 2 and many["refused"] == 1
    for group in ("g1", "g2", "g3", "g4"):
        run("enqueue", "mail", "--group", group)
    run("cron add", "nightly", "@daily", "report", "--tz", "Europe/Berlin", "--jitter", "3s")
    run("cron run", "nightly")
    run("cron history", "nightly")
    run("cron show", "nightly")


def act_on_tasks(run):
    missing = run("task run", "b1", "none", code=3)["items"]
    assert missing[0]["done"] and missing[1]["error"] == "ENOTFOUND"
    run("task edit", "b2", "{}")
    run("task reschedule", "b2", "--in", "2h")
    for act in ("archive", "cancel", "rm"):
        run(f"task {act}", "b2" if act != "cancel" else "b1")
    run("task run", "--state", "scheduled", "--type", "nothing", options="--all")
    for act in ("archive", "cancel", "rm"):
        run(f"task {act}", "--all", "--state", "pending", "--queue", "default", "--dry-run",
            options="--all")
    for group, act in zip(("g1", "g2", "g3"), ("run", "archive", "rm")):
        run(f"group {act}", group)
    for act in ("pause", "unpause"):
        run(f"queue {act}", "default", "spare")
    run("queue rm", "spare", "missing", code=3)


def act_on_entries(run, folder):
    run("cron pause", "nightly")
    run("cron unpause", "nightly")
    (folder / "entries.json").write_text('{"entries":[]}')
    run("cron sync", folder / "entries.json")
    run("cron rm", "nightly", "none", code=3)


def act_on_types(run):
    run("type pause", "mail:*", "a*b", code=2)
    run("type ls")
    run("type unpause", "mail:*")
    run("hours put", "queue:none", "mon 01:00-02:00")
    run("hours ls")
    run("hours show", "queue:none")
    run("hours rm", "queue:none", "type:none", code=3)
    run("breaker put", "type:none")
    run("breaker ls")
    run("breaker close", "type:none")
    run("breaker rm", "type:none", code=None)


def act_on_tenants(run):
    run("tenant put", "acme", "--weight", "2")
    run("tenant ls")
    run("tenant show", "acme")
    run("tenant rm", "acme", "none", code=3)


def act_on_limits(run):
    """On a store that has them."""
    if run.gofer("limit", "ls", code=None).code:
        for word in ("put", "ls", "show", "blocked", "pause", "rm"):
            del run.left[f"limit {word}", ""]
        return
    run("limit put", "api:*", "--concurrency", "5", "--rate", "100/1m", "--over", "refuse")
    run("limit pause", "api:a", "1h")
    run("limit ls")
    run("limit show", "api:a")
    run("limit blocked", "--all")
    run("limit rm", "api:*", "none", code=3)


def rekey(run):
    key = "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    run.gofer.enqueue("t", "--id", "sealed", "--queue", "sealed", env={"GOFER_KEYS": key})
    assert run("rekey", "sealed", env={"GOFER_KEYS": key})["current"] == 1


def act_on_flows(run):
    """On a store that has them."""
    if run.gofer("flow", "ls", code=None).code:
        for word in ("start", "ls", "show", "wait", "retry", "pause", "unpause", "cancel"):
            del run.left[f"flow {word}", ""]
        return
    plan = {"steps": [{"name": "a", "type": "t", "queue": "brief"},
                      {"name": "b", "type": "t", "after": {"a": "failure"}, "queue": "brief"}]}
    run("flow start", "-", "--id", "f", input=json.dumps(plan))
    run("flow pause", "f")
    run("flow unpause", "f", "none", code=3)
    run("flow cancel", "f")
    run("flow wait", "f", code=4)
    run("flow show", "f")
    run("flow ls")
    run("flow retry", "f")
    run.gofer("task", "rm", "f:0", "--queue", "brief")
    run.gofer("task", "rm", "f:1", "--queue", "brief")


def listen(gofer, *args):
    command = [gofer.bin, *args, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=gofer.env, cwd=gofer.folder)
    gofer.workers.append(Worker(process, None))     # ended with them, whatever becomes of the test
    return process


def heard(process):
    out, _ = process.communicate(timeout=2 * PATIENCE)
    return out.decode().splitlines()


SLOW = """echo checkpoint saved >&3
while test ! -e finish; do echo progress 1 2 half >&3; echo log info hello >&3; sleep 0.1; done"""


def run_all(run, gofer):
    """A worker runs them, somebody listens, and one is watched to its end."""
    events = listen(gofer, "events", "--count", "1")
    serving = gofer.worker("--shell", "ok=echo fine", "--shell", "bad=echo no >&2; exit 1",
                           "--shell", f"slow={SLOW}", "--child",
                           f"none={sys.executable} {ROOT / 'examples/children/child.py'}")
    wait_for(lambda: any("child_processes" in each
                         for each in gofer.json("worker", "ls")["items"]), "the child to be seen")
    wait_for(lambda: gofer.json("task", "show", "slow").get("progress_text"), "progress")
    wait_for(lambda: gofer.json("task", "show", "bad")["state"] == "archived", "the failure")
    wait_for(lambda: gofer.json("task", "show", "kept")["state"] == "completed", "the success")
    look(run)
    run.hold("events", "", heard(events))
    watch = listen(gofer, "watch", "slow")
    first = watch.stdout.readline()                 # it is there, and hears
    (gofer.folder / "finish").touch()
    *before, end = [first.decode(), *heard(watch)]
    run.hold("watch", "", before)
    run.hold("watch", "at the end", [end])
    run("wait", "kept")
    run("wait", "bad", code=1)
    worker = gofer.json("worker", "ls")["items"][0]["worker"]
    run("worker set", worker, "concurrency=2", "stop")
    assert serving.wait() == 0


def tokens(run, path):
    for words in (("add", "ann", "--role", "operate"), ("ls",), ("rm", "ann")):
        run("web token", *words, "--tokens", path)


def measure(run):
    words = ["--tasks", "10", "--rounds", "1", "--time", "50ms", "--json"]
    ground, *figures = run.gofer("bench", *words).out.splitlines()
    run.hold("bench", "first", [ground])
    run.hold("bench", "then", figures)


def test_what_every_command_prints(store, tmp_path):
    run = Held(store)
    if run("version")["web"]:
        tokens(run, tmp_path / "tokens")
    else:
        del run.left["web token", ""]
    run("ping")
    run("cron check", "@every 90s")
    fill(run)
    run_all(run, store)
    act_on_tasks(run)
    run("audit")
    measure(run)
    look(run)
    act_on_entries(run, tmp_path)
    act_on_limits(run)
    act_on_types(run)
    act_on_flows(run)
    rekey(run)
    act_on_tenants(run)
    store.enqueue("ok", "--queue", "brief")
    assert run("worker", "--drain", "--queue", "brief", "--exec", "*=true")["processed"] == 1
    there = f"sqlite:{tmp_path / 'there.db'}"
    assert run("migrate", store.env["GOFER_URL"], there, "--dry-run")["active"] == 0
    run("migrate", store.env["GOFER_URL"], there, code=None)
    assert sorted(run.left) == []


def test_an_error_is_a_failure(store):
    for args, code in ((("task", "show", "none"), 3), (("task", "show"), 2), (("no such",), 2)):
        error = json.loads(store(*args, "--json", code=code).err.splitlines()[-1])
        assert complaints(error, {"$ref": "#/$defs/failure"}) == []
        assert error["error"]["exit"] == code


def test_the_schema_has_every_command(gofer):
    lines = gofer("help", "--markdown").out.splitlines()
    told = {line.split("gofer ", 1)[1] for line in lines if line.startswith("### gofer ")}
    maybe = {"top", "web", "web token"}
    assert {one["command"] for one in SCHEMA["x-answers"]} | WITHOUT == told | maybe


def test_the_validator_finds_what_is_wrong():
    good = {"error": {"exit": 3, "status": None, "message": "no"}}
    wrong = [
        {}, {"error": {**good["error"], "more": 1}}, {"error": {**good["error"], "exit": "3"}},
        {"error": {**good["error"], "exit": True}}, {"error": {**good["error"], "message": None}},
        {"error": []}, [good],
    ]
    assert complaints(good, {"$ref": "#/$defs/failure"}) == []
    assert all(complaints(each, {"$ref": "#/$defs/failure"}) for each in wrong)
    entry = {"name": "n", "foreign": False, "payload": {"base64": "/w=="}}
    assert complaints(entry, {"$ref": "#/$defs/entry"}) == []
    assert complaints({**entry, "payload": {"base": "/w=="}}, {"$ref": "#/$defs/entry"})
    assert complaints({**entry, "headers": {"k": 1}}, {"$ref": "#/$defs/entry"})
    assert len(KINDS) > 20
