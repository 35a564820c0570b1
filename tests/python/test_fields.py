"""The table of fields, held to the package and to stores in which every kind is filled.

docs/fields.schema.json is printed from the table (core/src/info/fields.h). What a store hands out
is walked through the C interface: what is not listed, listed and not seen, or of another type
fails.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import gofer
import pytest
from gofer._gofer import ffi, lib
from gofer.put import Mold

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "redis"), str(ROOT / "tests" / "fields")]
import schema  # noqa: E402
from resp import Connection  # noqa: E402
from topology import Running, Setup  # noqa: E402

PATIENCE = 60  # seconds; only ever waited for in full when something is broken

CLASSES: dict[type, str] = {
    gofer.QueueInfo: "queue", gofer.TaskInfo: "task", gofer.Attempt: "attempt",
    gofer.LogLine: "log_line", gofer.WorkerInfo: "worker", gofer.RunningTask: "running_task",
    gofer.ChildProcess: "child_process",
    gofer.GroupInfo: "group", gofer.StoreInfo: "store", gofer.Figures: "type_stats",
    gofer.Finding: "finding", gofer.AuditRecord: "audit", gofer.StepFigures: "step_stats",
    gofer.DayInfo: "history_day", gofer.Event: "event", gofer.Outcome: "outcome",
    gofer.Entry: "entry", gofer.EntryOption: "entry_option", gofer.Ticked: "ticked",
    gofer.Synced: "synced",
    gofer.CronInfo: "cron_explained", gofer.Tick: "cron_tick",
    gofer.WorkerStats: "worker_counts", gofer.WorkerFigures: "worker_figures",
    gofer.TypeFigures: "worker_type", gofer.CallFigures: "worker_call",
    gofer.TimeCount: "time_count", gofer.Limit: "limit", gofer.LimitKey: "limit_key",
    gofer.FlowInfo: "flow", gofer.FlowStep: "flow_step",
    gofer.Tenant: "tenant", gofer.PausedType: "paused_type",
    gofer.HoursInfo: "hours",
}  # fmt: skip
# Python has a generic page of its own, does not migrate and does not rekey.
WITHOUT_CLASS = {"task_page", "migrated", "migrated_entries", "rekeyed"}
# What C and the command line alone can do so far: tests/cli/test_breaker.py looks at it.
NOT_IN_PYTHON = {"breaker"}
SNAPSHOTS = {name: kind for name, kind in schema.KINDS.items() if kind["x-functions"]}
READ_BY_HANDLERS = {"dead_task", "grouped_task"}
# What need not be seen here: losses, sums, what takes a worker's death or a Go scheduler, what is
# over in a moment, and the size of a payload that is too large to go along.
RARE = {"hours.error", "event.lost", "event.more", "task.suspect", "task.cancel_requested",
        "dead_task.payload_size", "task.orphaned", "entry.options", "entry_option.option",
        "queue.server", "flow_step.error", "flow_step.result_size", *(
            f"flow_step.{name}" for name in ("made_of", "made", "made_ended", "made_failed")), *(
            f"{kind}.{name}" for kind in ("task", "entry", "outcome")      # of clients with keys
            for name in ("encrypted", "decrypted", "sealed_for")),
        *(f"rekeyed.{name}" for name in schema.fields("rekeyed"))}  # fmt: skip


# ---- the package ------------------------------------------------------------------------------


def names(kind: type) -> set[str]:
    return {each.metadata["name"] for each in fields(kind)}


def form(field: dict[str, Any]) -> str:
    """integer, boolean, string, bytes, headers or list."""
    if field.get("$ref", "").endswith("/bytes"):
        return "bytes"
    if "additionalProperties" in field:
        return "headers"
    return "list" if schema.kind_of(field) else str(field["type"])


# Texts of several lines, of which Python makes tuples.
LINES = {"limits", "after"}


def python_type(name: str, field: dict[str, Any]) -> type:
    """What a class is to have for it."""
    if name in LINES:
        return tuple
    by_unit = {"ms": timedelta, "unix_ms": datetime, "date": date}
    by_form = {
        "integer": int, "boolean": bool, "string": str, "bytes": bytes, "headers": Mapping,
        "list": tuple,
    }  # fmt: skip
    return by_unit.get(field.get("x-unit", ""), by_form[form(field)])


def declared_type(hint: Any) -> Any:
    """The type of an annotation: without Optional, and str where certain words are meant."""
    inner = [each for each in typing.get_args(hint) if each is not type(None)]
    if typing.get_origin(hint) is typing.Union:
        return declared_type(inner[0])
    origin = typing.get_origin(hint) or hint
    if origin is typing.Literal:
        return str
    return Mapping if issubclass(origin, Mapping) else origin


def test_every_kind_has_its_class() -> None:
    assert SNAPSHOTS.keys() == set(CLASSES.values()) | WITHOUT_CLASS | NOT_IN_PYTHON


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind.__name__))
def test_the_classes_have_the_fields(kind: type) -> None:
    listed, hints = schema.fields(CLASSES[kind]), typing.get_type_hints(kind)
    assert names(kind) == listed.keys()
    declared = {each.metadata["name"]: declared_type(hints[each.name]) for each in fields(kind)}
    assert declared == {name: python_type(name, field) for name, field in listed.items()}


# ---- gofer.h ----------------------------------------------------------------------------------


HEADER = (ROOT / "core/include/gofer/gofer.h").read_text()


def comment_on(function: str) -> str:
    before = HEADER[: HEADER.index(f"GOFER_API gofer_status {function}(")]
    return before[before.rindex("/**") : before.rindex("*/")]


def same_of_tasks(kind: str) -> set[str]:
    """Fields that mean what they mean to tasks."""
    of_task = schema.fields("task")
    return {
        name
        for name, field in schema.fields(kind).items()
        if name in of_task and python_type(name, field) is python_type(name, of_task[name])
    }


@pytest.mark.parametrize("kind", SNAPSHOTS)
def test_the_header_names_the_fields(kind: str) -> None:
    comments = " ".join(comment_on(function) for function in SNAPSHOTS[kind]["x-functions"])
    unsaid = schema.fields(kind).keys() - set(re.findall(r"\w+", comments)) - {"items"}
    if "as a task has them" in " ".join(comments.replace("*", " ").split()):
        unsaid -= same_of_tasks(kind)
    assert unsaid == set()


AS_ANOTHER = {  # "as above"
    "gofer_client_queue",
    "gofer_client_schedule",
    "gofer_client_limit_key",
    "gofer_client_stats_minutes",
    "gofer_client_tenant",
}


def test_the_header_names_no_other_fields() -> None:
    listed = {name for kind in SNAPSHOTS for name in schema.fields(kind)}
    functions = {each for kind in SNAPSHOTS.values() for each in kind["x-functions"]}
    for function in functions:
        comment = comment_on(function)
        told = re.search(r"\b(?:Fields|the fields?)\b.*?(?=Errors:|$)", comment, re.S)
        assert told or function in AS_ANOTHER, function
        words = set(re.findall(r"\b[a-z0-9]+_[a-z0-9_]+\b", told.group(0) if told else ""))
        assert {word for word in words if not word.startswith("gofer_")} <= listed, function


# ---- stores -----------------------------------------------------------------------------------


class Seen:
    """Walks snapshots, holds them to the table, and keeps which fields there were, by kind."""

    def __init__(self) -> None:
        kinds = (SNAPSHOTS.keys() | READ_BY_HANDLERS) - NOT_IN_PYTHON
        self.of: dict[str, set[str]] = {kind: set() for kind in kinds}

    def one(self, kind: str, info: gofer.Info) -> None:
        self._walk(kind, info)
        self.json(kind, info.json())

    def all(self, kind: str, infos: gofer.Info) -> None:
        """A list, which has no fields of its own."""
        assert infos.fields() == []
        for info in infos:
            self.one(kind, info)

    def page(self, infos: gofer.Info) -> None:
        self.of["task_page"] |= {"items", *infos.fields()}
        self.json("task_page", infos.json())
        for info in infos:
            self.one("task", info)

    def json(self, kind: str, text: str) -> None:
        assert schema.complaints(json.loads(text), {"$ref": f"#/$defs/{kind}"}, kind) == []

    def written(self, kind: str, text: bytes) -> None:
        """What a handler read: JSON, and no snapshot."""
        self.json(kind, text.decode())
        self.of[kind] |= json.loads(text).keys()

    def _walk(self, kind: str, info: gofer.Info) -> None:
        listed = schema.fields(kind)
        for name in info.fields():
            assert name in listed, f"{kind}.{name} is not in the table"
            assert self._found(info, name) == FOUND[form(listed[name])], f"{kind}.{name}"
            if form(listed[name]) == "boolean":
                assert info.number(name) in (0, 1)
            self._inside(listed[name], info.child(name))
        self.of[kind] |= set(info.fields())

    def _found(self, info: gofer.Info, name: str) -> str:
        """What the C interface takes a field for."""
        raw, field, size = info._info, name.encode(), ffi.new("size_t *")
        assert lib.gofer_info_has(raw, field) == 1
        if lib.gofer_info_child(raw, field):
            return "child"
        if lib.gofer_info_text(raw, field):
            return "text"
        if lib.gofer_info_bytes(raw, field, size):
            return "bytes"
        assert lib.gofer_info_int(raw, field, 1) == lib.gofer_info_int(raw, field, 2)
        return "number"

    def _inside(self, field: dict[str, Any], child: "gofer.Info | None") -> None:
        kind = schema.kind_of(field)
        if child is not None and kind:
            assert child.fields() == []
            for record in child:
                self._walk(kind, record)
        elif child is not None:
            assert all(self._found(child, name) == "text" for name in child.fields())


FOUND = {
    "integer": "number", "boolean": "number", "string": "text", "bytes": "bytes",
    "headers": "child", "list": "child",
}  # fmt: skip


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def listening(url: str, seen: Seen) -> Iterator[None]:
    over, failures = threading.Event(), []

    def listen(listener: gofer.Listener) -> None:
        while not over.is_set():
            try:
                seen.one("event", listener.next(200))
            except gofer.Timeout:
                pass
            except BaseException as failure:
                failures.append(failure)
                raise

    with gofer.Client(url) as client:
        thread = threading.Thread(target=listen, args=[client.listen()])
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert failures == []


def enqueue_all_kinds(app: gofer.Gofer) -> None:
    options: dict[str, Any] = {
        "headers": {"k": "v"}, "timeout": "50s", "retention": "1h", "retry_policy": "fixed:1h",
        "on_dead": ("notify", "other"), "on_done": ("told", "other"), "expires": "2h",
        "priority": 3,
    }  # fmt: skip
    nightly = app.item("t", {"n": 1}, **options)
    app.schedule("nightly", "@daily", nightly, jitter="3s", tz="Europe/Berlin")
    app.schedule("often", "@every 1s", app.item("tick", retention="1h"))
    app.enqueue("t", queue="orphan", delay="1h", unique="1h", **options)
    app.enqueue("t", queue="orphan", group="g")
    app.enqueue("t", queue="orphan")
    app.enqueue("t", queue="orphan", id="held")
    app.enqueue("slow", id="slow", retention="1h", deadline="2h")
    app.enqueue("bad", id="bad", retry=0, on_dead=("notify", "other"))
    app.enqueue("part", {"n": 1}, group="whole")
    app.enqueue("bad", id="again", retry=100, retry_policy="fixed:1s")
    app.enqueue("nap", id="nap")
    app.enqueue("t", queue="mine")
    app.inspect.pause("still")
    app.enqueue("t", queue="orphan", tenant="acme")
    app.schedule("shared", "@daily", app.item("t", tenant="acme"))
    app.inspect.bound("still", 1000)
    app.inspect.pause_type("stopped:*")
    for name in ("queue:still", "type:stopped:*"):       # one of two halves is open
        app.hours.put(name, "00:00-12:00")
    for name in ("queue:orphan", "type:going:*"):
        app.hours.put(name, "12:00-24:00")
    app.inspect.age("still", 60)
    app.inspect.require_encrypted("still")
    if has_limits(app):
        enqueue_limited(app)


def has_limits(app: gofer.Gofer) -> bool:
    try:
        return list(app.limits) is not None
    except gofer.Unsupported:
        return False


def enqueue_limited(app: gofer.Gofer) -> None:
    """A task that waits for its key, and an entry whose tasks name one."""
    app.limits.put("each:*", concurrency=5, rate=100, per="1m", burst=20, scope="queue")
    app.limits.pause("each:a", "1h")
    app.enqueue("tick", id="limited", limits="each:a", limit_cost=2)
    app.schedule("limited", "@daily", app.item("t", limits="each:b", limit_cost=2))
    try:
        ordered: dict[str, Any] = {"ordered": "k", "ordered_dead": "block"}
        app.enqueue("slow", id="ordered", **ordered)
        app.enqueue("slow", id="next", **ordered)
        app.schedule("ordered", "@daily", app.item("t", **ordered))
    except gofer.Unsupported:
        pass


def see_limits(client: gofer.Client, seen: Seen) -> None:
    """Once a worker has met that task; on a store without limits there is nothing to see."""
    try:
        seen.all("limit", client.limits())
    except gofer.Unsupported:
        for kind, names in (("task", {"limits", "limit_cost", "waits_for"}),
                            ("entry", {"limits", "limit_cost"}),
                            ("limit", schema.on_store("limit", "redis")),
                            ("limit_key", schema.on_store("limit_key", "redis"))):
            seen.of[kind] |= names
        return
    until(lambda: client.task("limited").has("waits_for"))
    seen.all("limit_key", client.limit_keys(True))
    seen.all("limit_key", client.limit_key("each:a"))
    seen.one("task", client.task("limited"))


def see_flows(client: gofer.Client, seen: Seen) -> None:
    """On a store that has them: one that is cancelled."""
    mold = Mold("t", {})
    steps: list[Any] = [("a", mold, b"", [], None), ("b", mold, b"", [("a", 0)], None)]
    try:
        client.flow_start(steps, flow_id="flow", deadline_ms=int(time.time() * 1000) + 3600_000)
    except gofer.Unsupported:
        return
    client.flow_act("flow", lib.GOFER_FLOW_ABORT)
    until(lambda: client.flow("flow").has("ended_at_ms"))
    seen.one("flow", client.flow("flow"))


SLOW = """echo checkpoint-text 7 >&3
while test ! -e finish; do echo progress 1 2 half >&3; echo log info hello >&3; sleep 0.1; done
echo done"""
CHILD = f"child={sys.executable} {ROOT / 'examples/children/child.py'}"
WORDS = ["--aggregate", "whole:whole=cat", "--group-max-size", "1", "--child", CHILD]


@contextmanager
def working(url: str, folder: Path) -> Iterator[None]:
    handlers = {
        "slow": SLOW, "bad": "echo no >&2; exit 1", "nap": "echo snooze 1h >&3; exit 75",
        "tick": "true", "whole": "cat > making; mv making whole",
    }  # fmt: skip
    words = [word for type, does in handlers.items() for word in ("--shell", f"{type}={does}")]
    command = [os.environ["GOFER_BIN"], "--url", url, "worker", *words, *WORDS]
    with open(folder / "log", "w") as log:
        worker = subprocess.Popen(command, cwd=folder, stderr=log)
    try:
        yield
    finally:
        (folder / "finish").touch()
        worker.terminate()
        worker.wait()


def look(client: gofer.Client, seen: Seen) -> None:
    seen.all("queue", client.queues())
    seen.all("worker", client.workers())
    seen.all("group", client.groups("orphan"))
    seen.all("tenant", client.tenants("orphan"))
    seen.all("paused_type", client.types_paused())
    seen.all("hours", client.hours(None))
    seen.one("store", client.store())
    seen.one("store", client.store("orphan"))
    seen.all("type_stats", client.stats(None, 1))
    seen.all("step_stats", client.stats_hours(None, None, 1))
    seen.all("step_stats", client.stats_minutes(None, None, 1))
    seen.all("history_day", client.history(None, 1))
    seen.all("entry", client.schedules())
    seen.all("ticked", client.schedule_history("often"))
    seen.page(client.find(None, None, gofer.Filter(), None, 200))
    seen.page(client.find(None, None, gofer.Filter(), None, 1))
    seen.page(client.tasks("orphan", "pending"))
    for id in ("slow", "bad", "again"):
        seen.one("task", client.task(id))


def see_audit(client: gofer.Client, seen: Seen) -> None:
    kept = {
        name: ffi.new("char[]", name.encode())
        for name in ("actor", "via", "address", "act", "queue", "target", "outcome", "message")
    }
    record = ffi.new("gofer_audit *")
    lib.gofer_audit_init(record)
    for name, text in kept.items():
        setattr(record, name, text)
    assert lib.gofer_client_audit_add(client._handle, record) == 0
    seen.all("audit", client.audit("act*", "act"))


def see_handlers(client: gofer.Client, folder: Path, seen: Seen) -> None:
    """What the handlers of dead and of grouped tasks read."""
    dead = next(iter(client.tasks("other", "pending")))
    seen.written("dead_task", client.task(dead.text("id")).data("payload"))
    until((folder / "whole").exists)
    for each in json.loads((folder / "whole").read_bytes()):
        seen.written("grouped_task", json.dumps(each).encode())


def see_migration(client: gofer.Client, folder: Path, seen: Seen) -> None:
    """Into a store that has something else under an id and under a name."""
    there = f"sqlite:{folder / 'there.db'}"
    with gofer.Gofer(there) as app, gofer.Client(there) as to:
        app.enqueue("another", queue="orphan", id="held")
        app.schedule("nightly", "@hourly", app.item("another"))
        pages, cursor = 0, ffi.NULL
        while cursor is not None:
            page = client._look(lib.gofer_client_migrate, to._handle, b"orphan", cursor, 0)
            seen.one("migrated", page)
            cursor = page.text("next_cursor").encode() if page.has("next_cursor") else None
            pages += 1
            assert pages < 100
        moved = client._look(lib.gofer_client_migrate_schedules, to._handle, 0)
        seen.one("migrated_entries", moved)


def see_worker(client: gofer.Client, seen: Seen) -> None:
    """The counts and figures of a worker of this process, which has ended a task."""
    worker, tasks = ffi.new("gofer_worker **"), ffi.new("gofer_task *[1]")

    def told(look: Any) -> gofer.Info:
        out = ffi.new("gofer_info **")
        assert look(worker[0], out) == 0
        return gofer.Info(ffi.gc(out[0], lib.gofer_info_free))

    assert lib.gofer_worker_new(worker, client._handle) == 0
    assert lib.gofer_worker_set(worker[0], b"pull", b"1") == 0
    assert lib.gofer_worker_queue(worker[0], b"mine", 1) == 0
    assert lib.gofer_worker_start(worker[0]) == 0
    assert lib.gofer_worker_take(worker[0], tasks, 1, 30_000, ffi.new("size_t *")) == 0
    assert lib.gofer_worker_finish(worker[0], tasks, [lib.GOFER_DONE], 1) == 0
    until(lambda: len(told(lib.gofer_worker_figures).child("types")) > 0)
    seen.one("worker_counts", told(lib.gofer_worker_stats))
    seen.one("worker_figures", told(lib.gofer_worker_figures))
    lib.gofer_worker_free(worker[0])


def work(client: gofer.Client, folder: Path, seen: Seen) -> None:
    """While a worker is at it, and when it is done."""
    slow = lambda: client.task("slow")  # noqa: E731
    until(lambda: slow().has("progress_text") and slow().has("checkpoint_size"))
    until(lambda: client.task("bad").text("state") == "archived")
    until(lambda: client.task("nap").number("snoozes"))
    until(lambda: len(client.schedule_history("often")) and client.schedule("often").has("last_id"))
    until(lambda: all(each.child("tasks") for each in client.workers() if each.has("tasks")))
    until(lambda: any(each.child("child_processes") for each in client.workers()))
    see_limits(client, seen)
    look(client, seen)
    until(lambda: not missing(seen, "event"))
    (folder / "finish").touch()
    until(lambda: slow().text("state") == "completed")
    until(lambda: len(client.stats(None, 1)))
    look(client, seen)
    see_handlers(client, folder, seen)
    see_audit(client, seen)


def see_shards(client: gofer.Client, url: str, seen: Seen) -> None:
    """Of a queue that has fewer shards than it had, where there may be more than one."""
    if url.startswith("redis"):
        client.queue_shard("default", 3)
        client.queue_shard("default", 2)
    seen.one("queue", client.queue("default"))
    seen.all("queue", client.queue_shards("default"))


def see(url: str, folder: Path, spoil: Callable[[], object]) -> Seen:
    seen = Seen()
    with gofer.Client(url, timeout_ms=60000) as client, listening(url, seen):
        with gofer.Gofer(url, timeout="60s") as app:
            enqueue_all_kinds(app)
        with working(url, folder):
            work(client, folder, seen)
        for id in ("slow", "bad"):
            seen.one("outcome", client.wait(id, None, 0))
        seen.one("cron_explained", gofer.client.cron_check("@every 90s", None, 0, 2))
        see_worker(client, seen)
        see_flows(client, seen)
        see_migration(client, folder, seen)
        seen.one("synced", client.schedules_sync("file", b'{"entries":[]}'))
        see_shards(client, url, seen)
        spoil()
        seen.all("finding", client.check())
    return seen


def missing(seen: Seen, kind: str, store: str = "redis") -> set[str]:
    rare = {name for name in schema.fields(kind) if f"{kind}.{name}" in RARE}
    return schema.on_store(kind, store) - rare - seen.of[kind]


def compare(seen: Seen, store: str) -> None:
    """What the table says this store has was seen, and nothing else."""
    for kind, found in seen.of.items():
        assert missing(seen, kind, store) == set(), kind
        assert found <= schema.on_store(kind, store), kind


def needs_worker() -> None:
    if "GOFER_BIN" not in os.environ:
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")


def test_the_fields_of_a_file(url: str, tmp_path: Path) -> None:
    needs_worker()
    spoil = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    )
    harm = "DELETE FROM ids WHERE id = 'again'"
    words = [sys.executable, "-c", spoil, url[len("sqlite:") :], harm]
    # Two copies of SQLite must not share a file in one process.
    seen = see(url, tmp_path, lambda: subprocess.run(words, check=True))
    compare(seen, "sqlite")


def test_the_fields_of_redis(tmp_path: Path) -> None:
    needs_worker()
    servers = ("redis-server", "valkey-server")
    if not (os.environ.get("GOFER_REDIS_SERVER") or any(map(shutil.which, servers))):
        pytest.skip("no redis-server")
    with Running("single", Setup(appendonly=True)) as topology:
        host, port = topology.url.split("//")[1].split("/")[0].rsplit(":", 1)
        with Connection((host, int(port))) as redis:
            ghost = ("LPUSH", "asynq:{default}:pending", "ghost")
            seen = see(topology.url, tmp_path, lambda: redis(*ghost))
    compare(seen, "redis")
