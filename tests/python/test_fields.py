"""Every field that the library puts into a snapshot is in the class that Python makes of it, and gofer.h names it."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import gofer
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "redis"))
from resp import Connection  # noqa: E402
from topology import Running, Setup  # noqa: E402

PATIENCE = 60  # seconds; only ever waited for in full when something is broken

# Each class, and the function of gofer.h whose comment names its fields.
CLASSES: dict[type, str] = {
    gofer.QueueInfo: "gofer_client_queues", gofer.TaskInfo: "gofer_client_task", gofer.Attempt: "gofer_client_task",
    gofer.LogLine: "gofer_client_task", gofer.WorkerInfo: "gofer_client_workers",
    gofer.RunningTask: "gofer_client_workers", gofer.GroupInfo: "gofer_client_groups",
    gofer.Figures: "gofer_client_stats", gofer.Finding: "gofer_client_check", gofer.DayInfo: "gofer_client_history",
    gofer.Event: "gofer_events_next", gofer.Outcome: "gofer_client_wait", gofer.Entry: "gofer_client_schedules",
    gofer.Ticked: "gofer_client_schedule_history", gofer.Synced: "gofer_client_schedules_sync",
    gofer.CronInfo: "gofer_cron_check", gofer.Tick: "gofer_cron_check",
}  # fmt: skip
INSIDE = {"attempts": gofer.Attempt, "log": gofer.LogLine, "tasks": gofer.RunningTask, "ticks": gofer.Tick}
# What need not be seen here: losses, what takes a worker's death, and what is over in a moment.
RARE = {"lost", "suspect", "cancel_requested"}
# Options that the tasks of cron entries have, "as a task has them".
OPTIONS = {"payload_size", "headers", "max_retry", "timeout_ms", "retention_ms", "retry", "on_dead", "on_dead_queue"}


def names(kind: type) -> set[str]:
    return {each.metadata["name"] for each in fields(kind)}


def comment_on(function: str) -> str:
    header = (ROOT / "core/include/gofer/gofer.h").read_text()
    before = header[: header.index(f"GOFER_API gofer_status {function}(")]
    return before[before.rindex("/**") : before.rindex("*/")]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind.__name__))
def test_the_header_names_the_fields(kind: type) -> None:
    told = set(re.findall(r"\w+", comment_on(CLASSES[kind])))
    assert names(kind) - told == (OPTIONS if kind is gofer.Entry else set())


class Seen:
    """Which fields there were, by class."""

    def __init__(self) -> None:
        self.of: dict[type, set[str]] = {kind: set() for kind in CLASSES}

    def record(self, kind: type, record: dict[str, Any]) -> None:
        self.of[kind] |= record.keys()
        for name, inner in INSIDE.items():
            for item in record.get(name, {}).get("items", []):
                self.record(inner, item)

    def one(self, kind: type, info: gofer.Info) -> None:
        self.record(kind, json.loads(info.json()))

    def all(self, kind: type, infos: gofer.Info) -> None:
        for info in infos:
            self.one(kind, info)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def listening(url: str, seen: Seen) -> Iterator[None]:
    over = threading.Event()

    def listen(listener: gofer.Listener) -> None:
        while not over.is_set():
            try:
                seen.one(gofer.Event, listener.next(200))
            except gofer.Timeout:
                pass

    with gofer.Client(url) as client:
        thread = threading.Thread(target=listen, args=[client.listen()])
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def enqueue_all_kinds(app: gofer.Gofer) -> None:
    options: dict[str, Any] = {
        "headers": {"k": "v"}, "timeout": "50s", "retention": "1h", "retry_policy": "fixed:1h", "on_dead": ("notify", "other"),
        "expires": "2h",
    }  # fmt: skip
    app.schedule("nightly", "@daily", app.item("t", {"n": 1}, **options), jitter="3s", tz="Europe/Berlin")
    app.schedule("often", "@every 1s", app.item("tick", retention="1h"))
    app.enqueue("t", queue="orphan", delay="1h", unique="1h", **options)
    app.enqueue("t", queue="orphan", group="g")
    app.enqueue("t", queue="orphan")
    app.enqueue("slow", id="slow", retention="1h", deadline="2h")
    app.enqueue("bad", id="bad", retry=0)
    app.enqueue("bad", id="again", retry=100, retry_policy="fixed:1s")
    app.enqueue("nap", id="nap")
    app.inspect.pause("still")


SLOW = """echo checkpoint-text 7 >&3
while test ! -e finish; do echo progress 1 2 half >&3; echo log info hello >&3; sleep 0.1; done
echo done"""


@contextmanager
def working(url: str, folder: Path) -> Iterator[None]:
    handlers = {"slow": SLOW, "bad": "echo no >&2; exit 1", "nap": "echo snooze 1h >&3; exit 75", "tick": "true"}
    words = [word for type, command in handlers.items() for word in ("--shell", f"{type}={command}")]
    with open(folder / "log", "w") as log:
        worker = subprocess.Popen([os.environ["GOFER_BIN"], "--url", url, "worker", *words], cwd=folder, stderr=log)
    try:
        yield
    finally:
        (folder / "finish").touch()
        worker.terminate()
        worker.wait()


def look(client: gofer.Client, seen: Seen) -> None:
    seen.all(gofer.QueueInfo, client.queues())
    seen.all(gofer.WorkerInfo, client.workers())
    seen.all(gofer.GroupInfo, client.groups("orphan"))
    seen.all(gofer.Figures, client.stats(None, 1))
    seen.all(gofer.DayInfo, client.history(None, 1))
    seen.all(gofer.Entry, client.schedules())
    seen.all(gofer.Ticked, client.schedule_history("often"))
    seen.all(gofer.TaskInfo, client.find(None, None, gofer.Filter(), None, 200))
    for id in ("slow", "bad", "again"):
        seen.one(gofer.TaskInfo, client.task(id))


def see(url: str, folder: Path, spoil: Callable[[], object]) -> Seen:
    seen = Seen()
    with gofer.Gofer(url, timeout="60s") as app, gofer.Client(url, timeout_ms=60000) as client, listening(url, seen):
        enqueue_all_kinds(app)
        with working(url, folder):
            until(lambda: client.task("slow").has("progress_text") and client.task("slow").has("checkpoint_size"))
            until(lambda: client.task("bad").text("state") == "archived" and client.task("nap").number("snoozes"))
            until(lambda: len(client.schedule_history("often")) and client.schedule("often").has("last_id"))
            until(lambda: all(worker.child("tasks") for worker in client.workers() if worker.has("tasks")))
            look(client, seen)
            until(lambda: names(gofer.Event) - RARE <= seen.of[gofer.Event])
            (folder / "finish").touch()
            until(lambda: client.task("slow").text("state") == "completed")
            until(lambda: len(client.stats(None, 1)))
            look(client, seen)
        for id in ("slow", "bad"):
            seen.one(gofer.Outcome, client.wait(id, None, 0))
        seen.one(gofer.Synced, client.schedules_sync("file", b'{"entries":[]}'))
        seen.one(gofer.CronInfo, gofer.client.cron_check("@every 90s", None, 0, 2))
        spoil()
        seen.all(gofer.Finding, client.check())
    return seen


def compare(seen: Seen, unseen: set[str]) -> None:
    """What was seen is declared; what is declared was seen, but for these, which the store does not know."""
    for kind, found in seen.of.items():
        assert found <= names(kind), kind
        assert names(kind) - RARE - found <= unseen, kind


def needs_worker() -> None:
    if "GOFER_BIN" not in os.environ:
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")


def test_the_fields_of_a_file(url: str, tmp_path: Path) -> None:
    needs_worker()
    spoil = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    words = [sys.executable, "-c", spoil, url[len("sqlite:") :], "DELETE FROM ids WHERE id = 'again'"]
    seen = see(url, tmp_path, lambda: subprocess.run(words, check=True))  # two copies of SQLite: two processes
    compare(seen, {"tasks"} | names(gofer.RunningTask))


def test_the_fields_of_redis(tmp_path: Path) -> None:
    needs_worker()
    if not (os.environ.get("GOFER_REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.skip("no redis-server")
    with Running("single", Setup(appendonly=True)) as topology:
        host, port = topology.url.split("//")[1].split("/")[0].rsplit(":", 1)
        with Connection((host, int(port))) as redis:
            seen = see(topology.url, tmp_path, lambda: redis("LPUSH", "asynq:{default}:pending", "ghost"))
    compare(seen, set())
