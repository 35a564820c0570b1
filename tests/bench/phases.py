"""phases - what is measured of each queue: one function a phase, which gives figures by name.

A name with an @ is a figure of a series: "rate@4", with four worker processes. Every measurement
begins with an empty store; what it takes to fill it is outside.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from machine import Worker
from queues import InPython, Queue
from stores import Stores, server_cpu_us

IDLE_START_S = 2  # that bench's mode idle waits for the worker's start to be over


@dataclass(frozen=True)
class Sizes:
    """How much is measured. Phases that one task costs a commit or a round trip have fewer."""

    tasks: int = 20000
    one: int = 5000
    starts: int = 200
    polled_starts: int = 6
    limit: int = 50000
    workers: "tuple[int, ...]" = (1, 2, 4, 8)
    backlogs: "tuple[int, ...]" = (10**4, 10**5, 10**6)
    queues: "tuple[int, ...]" = (1, 100, 10**4, 10**5)
    payloads: "tuple[int, ...]" = (64, 4096, 1 << 20)
    payload_bytes: int = 64 << 20
    work_ms: "tuple[int, ...]" = (0, 1, 100)
    timed: "tuple[int, int, int]" = (10**6, 10000, 10)  # in all, due a second, seconds
    rates: "tuple[int, ...]" = (100, 1000, 10000)
    rate_s: int = 2
    crowds: "tuple[tuple[int, int, int], ...]" = ((1, 1, 1), (4, 1, 1), (1, 4, 1), (4, 4, 100))
    rest_s: int = 5
    limit_s: float = 600  # longest run of one program


FULL = Sizes()
QUICK = Sizes(
    tasks=5000, one=1000, starts=50, polled_starts=3, limit=20000, workers=(1, 2),
    backlogs=(10**4, 10**5), queues=(1, 100, 10**4), payload_bytes=16 << 20,
    timed=(10**5, 10000, 3), rates=(100, 1000), rest_s=2, limit_s=120,
)  # fmt: skip
SMOKE = Sizes(
    tasks=200, one=20, starts=3, polled_starts=1, limit=200, workers=(1, 2), backlogs=(200,),
    queues=(1, 10), payloads=(64, 4096), payload_bytes=1 << 20, work_ms=(0, 1),
    timed=(200, 100, 1), rates=(20,), rate_s=1, crowds=((2, 2, 3),), rest_s=1, limit_s=60,
)  # fmt: skip


class Measuring:
    """One queue, and what a phase does with it."""

    def __init__(self, queue: Queue, sizes: Sizes, stores: Stores, build: Path) -> None:
        self.queue, self.sizes, self.folder = queue, sizes, stores.folder
        self.bench = str(build / "bench" / "bench")
        self.store = stores.get(queue.store)

    def words(self, mode: str, *words: object) -> "list[str]":
        address = self.store.url if self.queue.name == "gofer" else self.store.address
        return [*self.queue.program, mode, address, *map(str, words)]

    def environment(self, knobs: "dict[str, object]") -> "dict[str, str]":
        told = {f"BENCH_{name.upper()}": str(value) for name, value in knobs.items()}
        return {**os.environ, **self.queue.environment, **told}

    def run(self, mode: str, *words: object, **knobs: object) -> "dict[str, float]":
        """A program's lines "name value". RuntimeError: it has failed."""
        try:
            done = subprocess.run(
                self.words(mode, *words), env=self.environment(knobs), timeout=self.sizes.limit_s,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{mode}: longer than {self.sizes.limit_s:.0f} s") from None
        if done.returncode:
            raise RuntimeError(f"{mode}: {done.stderr.strip()[-300:] or done.returncode}")
        pairs = [line.split() for line in done.stdout.splitlines()]
        if not pairs and mode != "backlog":
            raise RuntimeError(f"{mode}: it printed no figure")
        return {name.removeprefix("f_"): float(value) for name, value in pairs}

    def limits(self) -> "dict[str, float]":
        """Of a raw program, which measures all it can in one go."""
        self.store.fresh()
        words = [*self.queue.program, self.store.address, str(self.sizes.limit)]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


def renamed(got: "dict[str, float]") -> "dict[str, float]":
    """The programs' names as those of the figures."""
    names = {
        "f": "rate",
        "p50_us": "start_p50_us",
        "p99_us": "start_p99_us",
        "producer_cpu_us": "client_cpu_us",
    }
    return {names.get(name, name): value for name, value in got.items() if name != "put"}


def puts(threads: int, batch: int, small: bool) -> Callable[[Measuring], "dict[str, float]"]:
    def phase(m: Measuring) -> "dict[str, float]":
        count = m.sizes.one if small else m.sizes.tasks
        m.store.fresh()
        return renamed(m.run("enqueue", threads, count, batch, "f"))

    return phase


def drain_of(m: Measuring, count: int, **knobs: object) -> "dict[str, float]":
    m.store.fresh()
    empty = m.store.memory()
    m.run("backlog", count, **knobs)
    full, before = m.store.memory(), server_cpu_us(m.store)
    got = renamed(m.run("drain", count, "f", "there", **knobs))
    after = server_cpu_us(m.store)
    if before is not None and after is not None:
        got["server_cpu_us"] = (after - before) / count
    if empty is not None and full is not None:
        got["stored_bytes"] = (full - empty) / count
    return got


def drain(m: Measuring) -> "dict[str, float]":
    return drain_of(m, m.sizes.tasks)


def live(m: Measuring) -> "dict[str, float]":
    m.store.fresh()
    before = server_cpu_us(m.store)
    got = renamed(m.run("live", m.sizes.one, 0, "f"))
    after = server_cpu_us(m.store)
    if before is not None and after is not None:
        got["server_cpu_us"] = (after - before) / m.sizes.one
    return got


def rates(m: Measuring) -> "dict[str, float]":
    """Live, so many tasks each second."""
    figures = {}
    for rate in m.sizes.rates:
        m.store.fresh()
        got = renamed(m.run("live", rate * m.sizes.rate_s, rate, "f"))
        for name in ("start_p50_us", "start_p99_us", "worker_cpu_us"):
            figures[f"{name}@{rate}"] = got[name]
    return figures


def half(m: Measuring) -> "dict[str, float]":
    """Live at half of what it sustains: how fast a task starts in a worker that has work."""
    m.store.fresh()
    most = m.run("live", m.sizes.one, 0, "f")["f"]
    m.store.fresh()
    rate = max(1, int(most / 2))
    got = renamed(m.run("live", rate * m.sizes.rate_s, rate, "f"))
    return {name: got[name] for name in ("rate", "start_p50_us", "start_p99_us")}


def crowd(m: Measuring) -> "dict[str, float]":
    """Live with so many producers, workers and queues, beside the producers alone."""
    figures = {}
    for producers, workers, many in m.sizes.crowds:
        knobs = {"producers": producers, "workers": workers, "queues": many}
        name = f"{producers}p{workers}w{many}q"
        m.store.fresh()
        figures[f"alone@{name}"] = m.run("put", m.sizes.one, "f", **knobs)["f"]
        m.store.fresh()
        got = m.run("live", m.sizes.one, 0, "f", **knobs)
        figures[f"rate@{name}"] = got["f"]
        figures[f"worker_cpu_us@{name}"] = got["worker_cpu_us"]
    return figures


def idle(m: Measuring) -> "dict[str, float]":
    m.store.fresh()
    starts = m.sizes.polled_starts if m.queue.name == "asynq" else m.sizes.starts
    got = renamed(m.run("latency", starts, "f"))
    return {name: got[name] for name in ("start_p50_us", "start_p99_us")}


def scale(m: Measuring) -> "dict[str, float]":
    """Worker processes beside one another, from the first task that leaves to the last."""
    figures = {}
    for workers in m.sizes.workers:
        m.store.fresh()
        m.run("backlog", m.sizes.tasks)
        waiting = subprocess.Popen(
            m.words("await", m.sizes.tasks, "f"),
            text=True,
            env=m.environment({}),
            stdout=subprocess.PIPE,
        )
        with contextlib.ExitStack() as stack:
            stack.callback(waiting.kill)
            for i in range(workers):
                log = m.folder / f"worker-{i}.log"
                stack.enter_context(Worker(m.words("work"), m.folder, m.environment({}), log))
            out, _ = waiting.communicate(timeout=m.sizes.limit_s)
        if waiting.returncode:
            raise RuntimeError("await has failed")
        figures[f"rate@{workers}"] = float(out.split()[1])
    return figures


def backlog(m: Measuring) -> "dict[str, float]":
    figures = {}
    for count in m.sizes.backlogs:
        got = drain_of(m, count)
        figures[f"rate@{count}"] = got["rate"]
        figures[f"worker_kib@{count}"] = got["worker_kib"]
    return figures


def queues(m: Measuring) -> "dict[str, float]":
    """As many tasks, over so many queues, taken by one pattern."""
    count = max(m.sizes.tasks, *m.sizes.queues)
    return {f"rate@{n}": drain_of(m, count, queues=n)["rate"] for n in m.sizes.queues}


def payload(m: Measuring) -> "dict[str, float]":
    figures = {}
    for size in m.sizes.payloads:
        count = max(8, min(m.sizes.tasks, m.sizes.payload_bytes // size))
        m.store.fresh()
        figures[f"put@{size}"] = m.run("enqueue", 1, min(count, m.sizes.one), 1, "f", payload=size)[
            "f"
        ]
        figures[f"rate@{size}"] = drain_of(m, count, payload=size)["rate"]
    return figures


def work(m: Measuring) -> "dict[str, float]":
    """Handlers that take so long, ten at a time."""
    figures = {}
    for ms in m.sizes.work_ms:
        count = m.sizes.tasks if ms == 0 else max(10, min(m.sizes.tasks, 2000 // ms * 10))
        figures[f"rate@{ms}ms"] = drain_of(m, count, work_ms=ms)["rate"]
    return figures


def kept(m: Measuring) -> "dict[str, float]":
    """Done tasks stay for an hour, and of a hundred five fail for good."""
    return drain_of(m, m.sizes.tasks, keep_s=3600, fail=5)


def timed(m: Measuring) -> "dict[str, float]":
    m.store.fresh()
    got = m.run("timed", *m.sizes.timed, "f")
    return {
        "rate": got["f"],
        "late_p50_us": got["p50_us"],
        "late_p99_us": got["p99_us"],
        "worker_cpu_us": got["worker_cpu_us"],
    }


def rest(m: Measuring) -> "dict[str, float]":
    """A worker that has nothing to do: CPU and memory, and how often it asks Redis."""
    m.store.fresh()
    asked = m.store.info("stats", "total_commands_processed") if m.queue.store == "redis" else 0
    words = [m.bench, "idle", str(m.sizes.rest_s), "f", *m.words("work")]
    done = subprocess.run(
        words, env=m.environment({}), check=True, text=True, stdout=subprocess.PIPE
    )
    got = {
        name.removeprefix("f_"): float(value)
        for name, value in map(str.split, done.stdout.splitlines())
    }
    figures = {"worker_cpu_percent": got["cpu_percent"], "worker_kib": got["rss_kib"]}
    if m.queue.store == "redis":
        asked = m.store.info("stats", "total_commands_processed") - asked
        figures["commands"] = asked / (m.sizes.rest_s + IDLE_START_S)
    return figures


PHASES: "dict[str, tuple[str, Callable[[Measuring], dict]]]" = {
    "single": ("enqueue, one call after the other", puts(1, 1, True)),
    "threads": ("enqueue, 16 threads of one client", puts(16, 1, False)),
    "bulk": ("enqueue, a hundred in a call", puts(1, 100, False)),
    "drain": ("a backlog, one worker with 10 slots", drain),
    "live": ("a producer puts tasks in one by one beside a worker", live),
    "rates": ("live, so many tasks a second", rates),
    "half": ("live at half of what it sustains", half),
    "crowd": ("live with so many producers, workers and queues", crowd),
    "idle": ("from the call of enqueue to the start, in an idle worker", idle),
    "rest": ("a worker that has nothing to do", rest),
    "scale": ("a backlog, by so many worker processes", scale),
    "backlog": ("a backlog of so many tasks", backlog),
    "queues": ("a backlog over so many queues, taken by a pattern", queues),
    "payload": ("payloads of so many bytes: put one by one, and drained", payload),
    "work": ("handlers that take so long, 10 slots", work),
    "kept": ("a drain with retention, and 5 % that fail", kept),
    "timed": ("scheduled tasks that fall due: how late they start", timed),
}

RAW_FIGURES = {
    "single": "limit_one",
    "threads": "limit_threads",
    "bulk": "limit_insert",
    "drain": "limit_cycle",
}


def measure(phase: str, m: Measuring) -> "dict[str, float]":
    """The figures of one phase of one queue."""
    if m.queue.name.startswith("raw "):
        return {"rate": m.limits()[RAW_FIGURES[phase]]}
    if isinstance(m.queue.prepare, InPython):
        m.store.fresh()
        return m.queue.prepare.measure(phase, m.sizes.one, m.folder, m.store.url)
    return PHASES[phase][1](m)
