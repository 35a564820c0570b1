"""queues - what is measured: gofer, the raw limits of its stores, and its peers, each set up as its
own documentation advises for many short tasks.

Most are programs with the same modes (bench.c, go/main.go, node/main.js, ruby/main.rb); those in
Python are measured by python/run.py. What a queue needs is made ready once, or it is passed over.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from stores import Missing, needed

HERE = Path(__file__).resolve().parent
BASIC = frozenset({"single", "threads", "bulk", "drain", "live", "rates", "half", "idle", "rest"})
# No peer serves queues by a pattern, and not all keep what is done.
MORE = BASIC | {"scale", "backlog", "payload", "work", "timed", "kept"}
ALL = MORE | {"queues", "crowd"}


@dataclass
class Queue:
    """One queue on one store.

    program   what goes before the mode; filled in by prepare
    phases    those that it can be measured in
    how       what was set, for the reader of the figures
    """

    name: str
    store: str
    prepare: Callable[["Queue", Path], None]
    phases: "frozenset[str]" = MORE
    how: str = "as it comes"
    broker: str = ""  # gofer's, whose run it belongs to
    program: "list[str]" = field(default_factory=list)
    environment: "dict[str, str]" = field(default_factory=dict)
    version: str = ""


def run_quietly(words: "list[str]", folder: Path) -> str:
    """Its output; what it says when it fails is why the queue is passed over."""
    done = subprocess.run(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "it failed").splitlines()[-1]
        raise Missing(f"{words[0]} {words[1]}: {last}")
    return done.stdout.strip()


def built(name: str) -> Callable[[Queue, Path], None]:
    def prepare(queue: Queue, build: Path) -> None:
        program = build / "bench" / name
        if not program.exists():
            sys.exit(f"no {program}: build first, or say where with --build FOLDER")
        queue.program = [str(program)]

    return prepare


def go(peer: str, module: str) -> Callable[[Queue, Path], None]:
    """All the peers in Go are one program."""

    def prepare(queue: Queue, build: Path) -> None:
        needed("go")
        program = build / "bench" / "peers"
        run_quietly(["go", "build", "-o", str(program), "."], HERE / "go")
        words = ["go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", module]
        listed = run_quietly(words, HERE / "go")
        queue.version, _, folder = listed.partition(" ")
        queue.program = [str(program), peer]
        queue.environment = {"GOQITE_SCHEMA": f"{folder}/schema_sqlite.sql"}

    return prepare


def node(queue: Queue, build: Path) -> None:
    needed("npm")
    folder = build / "bench-peers" / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "main.js"):
        shutil.copy(HERE / "node" / name, folder)
    if not (folder / "node_modules" / "ioredis").exists():
        run_quietly(["npm", "install", "--no-audit", "--no-fund", "--silent"], folder)
    words = [needed("node"), "-p", "require('bullmq/package.json').version"]
    queue.version = run_quietly(words, folder)
    queue.program = [words[0], str(folder / "main.js")]


def ruby(queue: Queue, build: Path) -> None:
    """Of the packages of this Ruby, as gem or the system has installed them."""
    asked = ["-e", "require 'sidekiq'; puts Sidekiq::VERSION"]
    queue.version = run_quietly([needed("ruby"), *asked], build)
    queue.program = ["ruby", str(HERE / "ruby" / "main.rb")]


class InPython:
    """A peer in Python by way of python/run.py, whose figures are those of these phases."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, queue: Queue, build: Path) -> None:
        sys.path.insert(0, str(HERE / "python"))
        import run as in_python  # only now: it is a program of its own

        self.module = in_python
        self.peer = next(peer for peer in in_python.PEERS if peer.name == self.name)
        queue.how = self.peer.how
        self.given = argparse.Namespace(build=build, python=None, tasks=0, slow_tasks=0, idle=0)
        try:
            folder = in_python.environment_of(self.peer, build, None)
        except subprocess.CalledProcessError as error:
            raise Missing(f"pip: {error}") from None
        versions = in_python.versions_of(self.peer, folder)
        queue.version = next(iter(versions.values()))

    def measure(self, phase: str, tasks: int, folder: Path, url: str) -> "dict[str, float]":
        os.environ["GOFER_TEST_REDIS"] = url
        self.given.tasks = self.given.slow_tasks = tasks
        self.given.idle = min(tasks, 200)
        bench = self.module.Bench(self.peer, self.given, folder)
        {"drain": bench.drain, "single": bench.enqueue, "bulk": bench.enqueue, "idle": bench.idle}[
            phase
        ]()
        got = bench.medians()
        return {
            "drain": lambda: {"rate": got["drain"]},
            "single": lambda: {"rate": got["one"]},
            "bulk": lambda: {"rate": got["many"]},
            "idle": lambda: {
                "start_p50_us": got["idle_p50_ms"] * 1e3,
                "start_p99_us": got["idle_p99_ms"] * 1e3,
            },
        }[phase]()


RAW = frozenset({"single", "bulk", "drain"})
PYTHON = frozenset({"single", "bulk", "drain", "idle"})

QUEUES = (
    Queue("gofer", "sqlite", built("bench"), ALL, broker="sqlite"),
    Queue("raw sqlite", "sqlite", built("limit_sqlite"), RAW, "the same rows and syncs, no queue",
          "sqlite"),
    Queue("goqite", "sqlite", go("goqite", "maragu.dev/goqite"),
          BASIC | {"payload", "timed"},
          "WAL, one connection, synchronous=FULL; a transaction for many; slots poll each 100 ms",
          "sqlite"),
    Queue("river", "postgres", go("river", "github.com/riverqueue/river"), MORE,
          "PostgreSQL with its defaults, looks for jobs as in River's own benchmark (2 and 20 ms); "
          "InsertManyFast for many", "sqlite"),
    Queue("gofer", "redis", built("bench"), ALL, broker="redis"),
    Queue("raw redis", "redis", built("limit_redis"), RAW | {"threads"},
          "the same keys by scripts, no queue", "redis"),
    Queue("asynq", "redis", go("asynq", "github.com/hibiken/asynq"), MORE,
          "as it comes; a loop for many", "redis"),
    Queue("beanstalkd", "beanstalkd", go("beanstalkd", "github.com/beanstalkd/go-beanstalk"),
          MORE - {"kept"},
          "without its log; a connection for each slot; a loop for many", "redis"),
    Queue("bullmq", "redis", node, MORE, "removeOnComplete; addBulk for many", "redis"),
    Queue("sidekiq", "redis", ruby, MORE - {"timed", "kept"},
          "no retries; push_bulk for many; a process, ten threads", "redis"),
    Queue("celery", "redis", InPython("celery"), PYTHON, broker="redis"),
    Queue("dramatiq", "redis", InPython("dramatiq"), PYTHON, broker="redis"),
    Queue("taskiq", "redis", InPython("taskiq stream"), PYTHON, broker="redis"),
)  # fmt: skip
