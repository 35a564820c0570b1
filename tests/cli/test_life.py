"""A task's whole life from the command line: what can be asked for it, changing it, waiting for it,
watching it."""
import json
import os
import re
import subprocess

import pytest
from conftest import wait_for


class Stream:
    """A gofer that goes on running; its lines are read from a file."""

    def __init__(self, gofer, *args):
        self.path = gofer.folder / f"stream{len(os.listdir(gofer.folder))}"
        self.out = open(self.path, "wb")
        self.process = subprocess.Popen(
            [gofer.bin, *args], stdout=self.out, stderr=subprocess.PIPE, env=gofer.env
        )

    @property
    def lines(self):
        return self.path.read_text().splitlines()

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()
        self.out.close()

    def wait(self):
        code = self.process.wait(30)
        self.process.stderr.close()
        self.out.close()
        return code


@pytest.fixture
def stream(gofer):
    streams = []

    def start(*args):
        streams.append(Stream(gofer, *args))
        return streams[-1]

    yield start
    for s in streams:
        if s.process.poll() is None:
            s.end()


# ---- enqueue


def test_unique_refuses_or_returns_the_one_that_is_there(gofer):
    gofer("enqueue", "t", "x", "--unique", "1h", "--id", "one")
    assert "'one'" in gofer("enqueue", "t", "x", "--unique", "1h", code=4).err
    assert gofer.enqueue("t", "x", "--unique", "1h", "--return-existing") == "one"
    gofer("enqueue", "t", "y", "--unique", "1h")
    gofer("enqueue", "t", "a", "--unique", "1h", "--unique-key", "k", "--id", "keyed")
    assert (
        gofer.enqueue("u", "b", "--unique", "1h", "--unique-key", "k", "--return-existing")
        == "keyed"
    )
    gofer("task", "cancel", "one")
    gofer("enqueue", "t", "x", "--unique", "1h")


def test_unique_until_is_kept_with_the_task(gofer):
    gofer("enqueue", "t", "--unique", "1h", "--unique-until", "start", "--id", "s")
    gofer("enqueue", "t", "ttl", "--unique", "1h", "--unique-until", "ttl", "--id", "l")
    assert gofer.json("task", "show", "s")["unique"] == "start"
    assert gofer.json("task", "show", "l")["unique"] == "ttl"
    gofer("task", "rm", "l", "s")
    gofer("enqueue", "t", "--unique", "1h")
    gofer("enqueue", "t", "ttl", "--unique", "1h", code=4)


def test_what_a_task_was_given_is_shown(gofer):
    gofer(
        "enqueue",
        "t",
        "--id",
        "x",
        "--expires",
        "10m",
        "--retry-policy",
        "fixed:30s",
        "--on-dead",
        "alarm@ops",
        "--in",
        "5m",
    )
    got = gofer.json("task", "show", "x")
    assert (
        got["retry"] == "fixed:30s" and got["on_dead"] == "alarm" and got["on_dead_queue"] == "ops"
    )
    assert 0 < got["start_by_ms"] - got["enqueued_at_ms"] <= 600_000
    out = gofer("task", "show", "x").out
    assert "start by" in out and "retry       fixed:30s\n" in out and "on dead     alarm\n" in out


def test_on_dead_enqueues_a_task(gofer):
    gofer("enqueue", "bad", "--retry", "0", "--on-dead", "alarm@ops")
    gofer("worker", "--drain", "--exec", "bad=false")
    assert gofer.states("ops")["pending"] == 1


def test_batch_lines_have_the_same_members(gofer):
    lines = [
        {"type": "t", "id": "a", "unique": "1h", "unique_key": "k", "unique_until": "ttl"},
        {"type": "u", "unique": "1h", "unique_key": "k", "return_existing": True},
        {"type": "v", "unique": 60, "unique_key": "k"},
        {
            "type": "t",
            "id": "b",
            "expires": "10m",
            "retry_policy": "fixed:1s",
            "on_dead": "alarm@ops",
        },
        {"type": "t", "id": "c", "group": "g"},
        {"type": "t", "unique_until": "sometime"},
        {"type": "t", "return_existing": 1},
        {"type": "t", "on_daed": "x"},
    ]
    got = gofer(
        "enqueue",
        "--batch",
        "--json",
        input="".join(json.dumps(line) + "\n" for line in lines),
        code=4,
    )
    items = {i["line"]: i for i in got.json["items"]}
    assert items[1]["id"] == items[2]["id"] == "a" and items[3]["error"] == "EDUPLICATE"
    assert items[4]["id"] == "b" and items[5]["id"] == "c"
    assert (
        "\"done\", \"start\" or \"ttl\"" in items[6]["message"]
        and "true or false" in items[7]["message"]
    )
    assert "did you mean 'on_dead'?" in items[8]["message"]
    shown = gofer.json("task", "show", "b")
    assert (
        shown["retry"] == "fixed:1s"
        and shown["on_dead"] == "alarm"
        and shown["on_dead_queue"] == "ops"
    )
    assert gofer.states()["aggregating"] == 1


@pytest.mark.parametrize("words, text", [
    (["--unique-key", "k"], "need --unique"),
    (["--return-existing"], "need --unique"),
    (["--unique", "0"], "--unique needs a duration over 0"),
    (["--expires", "0"], "--expires needs a duration over 0"),
    (["--unique", "1h", "--unique-until", "strat"], "did you mean 'start'?"),
    (["--retry-policy", "sometimes"], "sometimes"),
    (["--on-dead", "@ops"], "on_dead is empty"),
    (["--group", ""], "group"),
])
def test_wrong_wishes_are_refused(gofer, words, text):
    got = gofer("enqueue", "t", *words, code=2)
    assert text in got.err and got.out == ""


# ---- changing what waits


def test_edit_and_reschedule(gofer):
    gofer("enqueue", "t", "old", "--id", "x")
    assert gofer("task", "edit", "x", "new").out == "edited x\n"
    assert gofer("task", "show", "x", "--payload").out == "new"
    gofer("task", "edit", "x", "-", input=b"\x00\xff")
    assert gofer("task", "show", "x", "--payload").raw == b"\x00\xff"
    assert gofer("task", "reschedule", "x", "--in", "2h").out == "rescheduled x\n"
    assert gofer.states()["scheduled"] == 1
    gofer("task", "reschedule", "x", "--at", "2020-01-01T00:00:00Z")
    assert gofer.states()["pending"] == 1
    gofer("task", "reschedule", "x", "--in", "1h")
    gofer("task", "reschedule", "x", "--in", "0")
    assert gofer.states()["pending"] == 1
    assert "either --in or --at" in gofer("task", "reschedule", "x", code=2).err
    gofer("task", "edit", "none", "y", code=3)
    gofer("task", "reschedule", "none", "--in", "1h", code=3)
    gofer("task", "edit", "x", "@/no/such/file", code=3)
    gofer("task", "edit", "x", code=2)


# ---- waiting


def test_wait_prints_the_result_and_tells_the_outcome_by_its_code(gofer):
    gofer("enqueue", "good", "--id", "g", "--retention", "1h")
    gofer("enqueue", "bad", "--id", "b", "--retry", "0")
    gofer("enqueue", "never", "--id", "n")
    assert "has not come to its end" in gofer("wait", "n", "--timeout", "0", code=7).err
    gofer(
        "worker",
        "--drain",
        "--shell",
        "good=printf 'a\\0b'",
        "--shell",
        "bad=echo broken >&2; exit 1",
        "--exec",
        "never=false",
        "--set",
        "retry_delay_max=1ms",
    )
    assert gofer("wait", "g").raw == b"a\0b"
    assert gofer.json("wait", "g")["outcome"] == "done"
    assert "was archived: exit code 1: broken" in gofer("wait", "b", code=1).err
    gofer("enqueue", "good", "--id", "c")
    gofer("task", "cancel", "c")
    assert "was cancelled" in gofer("wait", "c", code=4).err
    gofer("wait", "none", code=3)
    gofer("wait", code=2)


def test_wait_is_told_of_the_end_while_it_waits(gofer, stream):
    gofer("enqueue", "t", "--id", "x", "--in", "1h")
    waiting = stream("wait", "x")
    gofer.worker("--shell", "t=printf yes")
    assert waiting.process.poll() is None
    gofer("task", "run", "x")
    assert waiting.wait() == 0 and waiting.lines == ["yes"]


# ---- watching


def test_watch_follows_a_task_to_its_end(gofer, stream):
    handlers = gofer.folder / "handlers.lua"
    handlers.write_text(
        "gofer.handle('t', function(task) task:log('info', 'half\\27[31m way') task:progress(1, 2,"
        " 'on') return 'r' end)\n"
    )
    gofer("enqueue", "t", "--id", "x", "--retention", "1h", "--in", "1h")
    watching, listening = stream("watch", "x"), stream("watch", "x", "--json")
    wait_for(lambda: watching.lines, "the watch to begin")
    gofer.worker("--lua", handlers)
    # Who listens is known to workers within a second.
    wait_for(lambda: gofer("task", "reschedule", "x", "--in", "1500ms") and True)
    assert watching.wait() == 0
    text = "\n".join(watching.lines)
    assert "x is scheduled in queue default" in text
    assert (
        "started" in text
        and "half\\x1b[31m way" in text
        and "done" in text
        and text.endswith("r")
        and "\x1b" not in text
    )
    assert listening.wait() == 0
    events = [json.loads(line) for line in listening.lines]
    assert events[-1]["outcome"] == "done" and {"started", "done"} <= {
        e.get("event") for e in events
    }
    assert gofer("watch", "x").out.endswith("r")
    gofer("watch", "none", code=3)


def test_watch_ends_when_the_task_is_deleted(gofer, stream):
    gofer("enqueue", "t", "--id", "x", "--in", "1h")
    watching = stream("watch", "x")
    wait_for(lambda: watching.lines, "the watch to begin")
    gofer("task", "rm", "x")
    assert watching.wait() in (3, 4)


def test_events_are_told_as_they_come(gofer, stream):
    every = stream("events", "--json")
    some = stream("events", "--type", "mail:*", "--event", "enqueued", "--count", "2")

    # From within a second on: until the first is heard.
    def heard():
        gofer("enqueue", "report", "--queue", "r", "--in", "1h")
        return every.lines and some.process.poll() is None

    wait_for(heard, "the first event")
    gofer("enqueue", "mail:send", "--id", "m1", "--in", "1h")

    def both():
        gofer("enqueue", "mail:read", "--queue", "q", "--in", "1h")
        return some.process.poll() is not None

    wait_for(both, "two events of mail")
    assert some.wait() == 0
    assert (
        all(" enqueued " in line and "mail:" in line for line in some.lines)
        and len(some.lines) == 2
    )
    events = [json.loads(line) for line in every.lines]
    assert {"report"} <= {e["type"] for e in events} and all(
        e["event"] == "enqueued" for e in events
    )
    every.end()


def test_unknown_events_are_refused(gofer):
    assert "did you mean 'done'?" in gofer("events", "--event", "started,doen", code=2).err


# ---- show


def test_attempts_are_shown(gofer):
    gofer("enqueue", "t", "--id", "x", "--retry", "1")
    gofer(
        "worker", "--drain", "--shell", "t=echo broken >&2; exit 1", "--set", "retry_delay_max=1ms"
    )
    got = gofer.json("task", "show", "x")
    assert [a["kind"] for a in got["attempts"]["items"]] == ["failed", "failed"]
    out = gofer("task", "show", "x").out
    assert "ATTEMPT  OUTCOME" in out and out.count("exit code 1: broken") == 3


# ---- groups


def test_groups(gofer):
    for i in range(3):
        gofer("enqueue", "t", "--queue", "mail", "--group", "g1", "--id", f"a{i}")
    gofer("enqueue", "t", "--queue", "mail", "--group", "g2", "--id", "b")
    gofer("enqueue", "t", "--queue", "other", "--group", "h", "--id", "c")
    groups = gofer.json("group", "ls")["items"]
    assert [(g["queue"], g["group"], g["size"]) for g in groups] == [
        ("mail", "g1", 3),
        ("mail", "g2", 1),
        ("other", "h", 1),
    ]
    assert len(gofer.json("group", "ls", "--queue", "mail")["items"]) == 2
    assert "g1" in gofer("group", "ls").out
    assert "GROUPED" in gofer("queue", "ls").out and re.search(
        r"groups +2\n", gofer("queue", "show", "mail").out
    )
    assert (
        gofer("group", "run", "g1", "--queue", "mail", "--dry-run").out
        == "would have made pending 3 aggregating tasks\n"
    )
    assert (
        gofer("group", "run", "g1", "--queue", "mail").out == "made pending 3 aggregating tasks\n"
    )
    assert gofer("group", "archive", "g*", "--queue", "mail").out == "archived 1 aggregating task\n"
    assert gofer("group", "delete", "h", "--queue", "other").out == "deleted 1 aggregating task\n"
    assert "no groups" in gofer("group", "ls").err
    gofer("group", "run", code=2)
    gofer("group", "ls", "--queue", "none", code=3)


def test_very_many_groups_come_in_tables_of_a_thousand(gofer):
    gofer("enqueue", "--batch", input="\n".join(
        json.dumps({"type": "t", "queue": "q", "group": f"g{i:04}"}) for i in range(1234)))
    want = [f"g{i:04}" for i in range(1234)]
    assert [g["group"] for g in gofer.json("group", "ls")["items"]] == want
    out = gofer("group", "ls", "--queue", "q").out
    assert out.count("GROUP ") == 2
    assert re.findall(r"^q +(g\d+) ", out, re.M) == want


def test_a_worker_aggregates_by_a_command(gofer):
    for i in range(3):
        gofer("enqueue", "part", str(i), "--group", "user:7", "--retry", "3")
    script = gofer.folder / "join.sh"
    script.write_text("#!/bin/sh\ngrep -o '\"payload\":\"[0-9]\"' | tr -dc 0-9\n")
    script.chmod(0o755)
    worker = gofer.worker(
        "--aggregate",
        f"user:*:digest:all={script}",
        "--group-max-size",
        "3",
        "--shell",
        "digest:all=cat",
        "--queue",
        "default",
    )
    wait_for(lambda: gofer.states().get("processed") == 1, "the digest to be run")
    assert worker.stop() == 0


@pytest.mark.parametrize("words, text", [
    (["--aggregate", "g=cmd"], "GROUP:TYPE=COMMAND"),
    (["--aggregate", "g:=cmd"], "GROUP:TYPE=COMMAND"),
    (["--aggregate", "g:t="], "the command is missing"),
    (["--aggregate", "g:t='x"], "left open"),
    (["--aggregate", "g:t=true", "--group-max-size", "many"], "--group-max-size many"),
    (["--exec", "t=true", "--retry", "t"], "TYPE=POLICY"),
    (["--exec", "t=true", "--retry", "t=sometimes"], "--retry t=sometimes"),
])
def test_wrong_worker_options_are_told(gofer, words, text):
    assert text in gofer("worker", *words, code=2).err


# ---- a worker from afar


def test_a_worker_is_changed_from_afar(gofer):
    worker = gofer.worker("--exec", "t=true", "--concurrency", "2")
    id = gofer.live(worker.process.pid)["worker"]
    assert gofer("worker", "set", id, "concurrency=5").out == f"told worker {id}: concurrency=5\n"
    wait_for(lambda: gofer.live(worker.process.pid)["concurrency"] == 5, "the concurrency")
    gofer("server", "set", id[:20], "quiet", "queues=mail=3 low")
    wait_for(lambda: gofer.live(worker.process.pid)["state"] == "quiet", "the quiet")
    wait_for(lambda: "mail=3" in gofer.live(worker.process.pid)["queues"], "the queues")
    gofer("worker", "set", id, "resume")
    wait_for(lambda: gofer.live(worker.process.pid)["state"] == "active", "the resumption")
    assert gofer.json("server", "ls")["items"][0]["worker"] == id
    assert "none of concurrency=N" in gofer("worker", "set", id, "colour=red", code=2).err
    assert "none of" in gofer("worker", "set", id, "faster", code=2).err
    gofer("worker", "set", id, "concurrency=none", code=2)
    gofer("worker", "set", "nobody", "quiet", code=3)
    gofer("worker", "set", id, code=2)
    gofer("worker", "set", id, "stop")
    assert worker.wait() == 0


def test_queues_that_a_pattern_leaves_out_are_told(gofer):
    task = '{"type": "t", "queue": "q%d"}\n'
    gofer("enqueue", "--batch", input="".join(task % n for n in range(1003)))
    worker = gofer.worker("--queue", "q*", "--exec", "none=true", "--log-level", "warn")
    wait_for(lambda: "more queues match than a worker serves" in worker.log, "the warning")
    assert "left_out=3" in worker.log


def test_all_queues_of_a_pattern_have_their_turn(store):
    """Of more than a worker serves at a time those with tasks, in turn."""
    task = '{"type": "t", "queue": "q%04d"}\n'
    store("enqueue", "--batch", "--quiet", input="".join(task % n for n in range(2500)))
    store("enqueue", "t", "--queue", "z")
    (store.folder / "t.lua").write_text('gofer.handle("t", function() end)')
    worker = store.worker("--queue", "q*", "--lua", "t.lua", "--drain", ready=False)
    assert worker.wait() == 0, worker.log
    left = [q["queue"] for q in store.json("queue", "ls")["items"] if q["size"]]
    assert left == ["z"]
    assert worker.log.count("more queues match than a worker serves") == 1


def test_types_have_figures(gofer):
    gofer("enqueue", "t", "--count", "5")
    gofer("enqueue", "bad", "--retry", "0")
    worker = gofer.worker("--exec", "t=true", "--exec", "bad=false")
    wait_for(lambda: gofer.states()["processed"] == 6, "all to be run")
    assert worker.stop() == 0
    types = {t["type"]: t for t in gofer.json("stats", "--hours", "1")["types"]}
    assert types["t"]["done"] == 5 and types["bad"]["failed"] == 1
    assert "WAIT 50%" in gofer("stats").out
    gofer("stats", "--hours", "0", code=2)
