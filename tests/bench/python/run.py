#!/usr/bin/env python3
"""run.py - measures gofer's Python workers and client beside Celery, RQ, Dramatiq, Huey, arq and
Taskiq, in the same run, on the same Redis (and on SQLite what runs there).

    tests/bench/python/run.py [--rounds 3] [--tasks 20000] [--only NAME]... [--json FILE] ...

Starts its own redis-server, and makes an environment for each queue in the build folder (by pip)
if it is not there. What is compared runs in turn in every round; the medians are printed. It judges
nothing: the exit status is 0 whenever all could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import Worker, cpu_s, memory_kib, until
from peers import PEERS, Peer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests" / "redis"))
from resp import Connection  # noqa: E402

REST_S = 12  # how long the thousand tasks wait: begun, and then measured for REST_LOOK_S
REST_LOOK_S = 5
COLUMNS = (  # name, heading, format, divisor
    ("drain", "drain/s", "{:,.0f}"),
    ("one", "enqueue/s", "{:,.0f}"),
    ("many", "bulk/s", "{:,.0f}"),
    ("idle_p50_ms", "start p50 ms", "{:.2f}"),
    ("idle_p99_ms", "p99 ms", "{:.2f}"),
    ("memory_mib", "idle MiB", "{:.1f}"),
    ("memory_share_mib", "(PSS)", "{:.1f}"),
    ("rest_cpu_percent", "1000 waiting", "{:.1f} %"),
    ("flat_mib", "grown MiB", "{:+.1f}"),
)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--python", help="a Python that has gofer; default: one is made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=20000, help="to drain and to enqueue")
    parser.add_argument("--slow-tasks", type=int, default=1000, help="the same for slow queues")
    parser.add_argument("--idle", type=int, default=200, help="starts of an idle worker; 0: none")
    parser.add_argument("--waiting", type=int, default=1000, help="waiting tasks; 0: none")
    parser.add_argument("--flat", type=int, default=20000, help="tasks, 30 %% failing; 0: none")
    parser.add_argument("--gofer-flat", type=int, default=200000, help="the same for gofer")
    parser.add_argument("--only", action="append", help="a queue's name; may be repeated")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--smoke", action="store_true", help="gofer alone, tiny counts: it runs")
    given = parser.parse_args()
    if given.smoke:
        given.only = ["gofer", "gofer async", "gofer, SQLite"]
        given.rounds, given.tasks, given.idle = 1, 200, 5
        given.waiting, given.flat, given.gofer_flat = 0, 500, 500
    return given


def environment_of(peer: Peer, build: Path, python: "str | None") -> Path:
    """The programs of a queue, installed if they are not there yet."""
    if not peer.packages and python:
        return Path(python).parent
    folder = build / "bench-peers" / peer.venv
    done = folder / "installed"
    packages = peer.packages or (str(ROOT / "python"),)
    if not done.exists() or not peer.packages:
        print(f"installing {peer.venv}", file=sys.stderr)
        if not folder.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True, stdout=sys.stderr)
        done.touch()
    return folder / "bin"


def versions_of(peer: Peer, bin_folder: Path) -> "dict[str, str]":
    """Which releases were measured."""
    names = [name.split("[")[0] for name in peer.packages if "/" not in name]
    code = "import importlib.metadata as m, sys; print(*[m.version(n) for n in sys.argv[1:]])"
    words = [str(bin_folder / "python"), "-c", code, *names]
    return dict(zip(names, subprocess.check_output(words, text=True).split()))


class Bench:
    """One queue under measurement."""

    def __init__(self, peer: Peer, given: argparse.Namespace, folder: Path) -> None:
        self.peer, self.given, self.folder = peer, given, folder
        self.bin = environment_of(peer, given.build, given.python)
        self.figures: "dict[str, list[float]]" = {}
        self.told = folder / "told"
        self.tasks = given.slow_tasks if peer.slow else given.tasks
        url = os.environ["GOFER_TEST_REDIS"]
        host, _, port = url.split("//")[1].split("/")[0].rpartition(":")
        self.redis = Connection((host, int(port)), timeout=60)
        self.store = url if peer.store == "redis" else ""
        self.serial = 0

    def note(self, name: str, value: float) -> None:
        self.figures.setdefault(name, []).append(value)

    def fresh(self) -> None:
        """An empty store, and an empty file for what tasks tell."""
        self.told.write_bytes(b"")
        if self.peer.store == "redis":
            self.redis("FLUSHALL", "SYNC")
            return
        for old in self.folder.glob("store-*"):
            old.unlink()
        self.serial += 1
        self.store = str(self.folder / f"store-{self.serial}.db")

    def left(self) -> int:
        if self.peer.store == "redis":
            return self.peer.left(self.redis)
        with sqlite3.connect(self.store, timeout=30) as base:
            (count,) = base.execute(self.peer.left).fetchone()
        base.close()
        return count

    def environment(self) -> "dict[str, str]":
        programs = os.pathsep.join([str(self.bin), os.environ["PATH"]])
        return {
            **os.environ,
            **self.peer.environment,
            "PATH": programs,
            "PYTHONPATH": str(HERE / "apps"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BENCH_STORE": self.store,
            "BENCH_FILE": str(self.told),
            "BENCH_REST": str(REST_S),
            "GOFER_URL": self.store,
        }

    def client(self, *words: object) -> "list[float]":
        """What the client's program prints."""
        command = [str(self.bin / "python"), str(HERE / "apps" / "client.py"), self.peer.app]
        done = subprocess.run(
            command + [str(word) for word in words],
            env=self.environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return [float(word) for word in done.stdout.split()]

    def worker(self, template: "tuple[str, ...] | None" = None) -> Worker:
        filled = {
            "bin": self.bin,
            "store": self.store,
            "gofer": self.given.build / "gofer",
        }
        command = [word.format_map(filled) for word in template or self.peer.worker]
        return Worker(command, self.folder, self.environment(), self.folder / "worker.log")

    # ---- what is measured ------------------------------------------------------------

    def drain(self) -> None:
        """From the moment when the first task leaves the store to that when none is left."""
        self.fresh()
        self.client("fill", "noop", self.tasks)
        with self.worker() as worker:
            begun = until(lambda: self.left() < self.tasks, 60, worker, 0.001)
            ended = until(lambda: self.left() == 0, 600, worker)
        self.note("drain", self.tasks / (ended - begun))

    def enqueue(self) -> None:
        for action in ("one", "many"):
            self.fresh()
            (rate,) = self.client(action, self.tasks)
            self.note(action, rate)

    def idle(self) -> None:
        """Memory of a worker that has run a few tasks, then how soon it starts one."""
        self.fresh()
        with self.worker() as worker:
            self.client("idle", 5)
            time.sleep(1)
            resident, share = memory_kib(worker.pid)
            self.note("memory_mib", resident / 1024)
            self.note("memory_share_mib", share / 1024)
            before, at = cpu_s(worker.pid), time.perf_counter()
            time.sleep(2)
            spent = (cpu_s(worker.pid) - before) / (time.perf_counter() - at)
            self.note("idle_cpu_percent", 100 * spent)
            median, late = self.client("idle", self.given.idle)
            self.note("idle_p50_ms", median)
            self.note("idle_p99_ms", late)

    def rest(self) -> None:
        """The CPU of a worker in which a thousand coroutines wait."""
        self.fresh()
        count = self.given.waiting
        with self.worker(self.peer.together) as worker:
            self.client("fill", "rest", count)
            until(lambda: self.told.stat().st_size >= 16 * count, REST_S - REST_LOOK_S, worker)
            before, at = cpu_s(worker.pid), time.perf_counter()
            time.sleep(REST_LOOK_S)
            spent = (cpu_s(worker.pid) - before) / (time.perf_counter() - at)
        self.note("rest_cpu_percent", 100 * spent)

    def flat(self) -> None:
        """How much the worker's memory grows from a fifth of the tasks to the last."""
        self.fresh()
        count = self.given.gofer_flat if not self.peer.packages else self.given.flat
        count = min(count, self.given.slow_tasks) if self.peer.slow else count
        self.client("fill", "some", count)
        with self.worker() as worker:
            until(lambda: self.left() <= count * 4 // 5, 600, worker)
            early, _ = memory_kib(worker.pid)
            until(lambda: self.left() == 0, 3600, worker)
            late, _ = memory_kib(worker.pid)
        self.note("flat_mib", (late - early) / 1024)
        self.note("flat_tasks", count)

    def round(self, number: int) -> None:
        self.drain()
        self.enqueue()
        if number:
            return  # what follows varies less, and takes long
        if self.given.idle:
            self.idle()
        if self.given.waiting and self.peer.together:
            self.rest()
        if self.given.flat:
            self.flat()

    def medians(self) -> "dict[str, float]":
        return {name: statistics.median(values) for name, values in self.figures.items()}


def in_c(given: argparse.Namespace, url: str) -> "dict[str, float]":
    """The client in C on the same Redis, where its program was built."""
    program = given.build / "bench" / "bench"
    if not program.exists():
        return {}
    figures = {}
    for name, batch in (("one", 1), ("many", 100)):
        words = [str(program), "enqueue", url, "1", str(given.tasks), str(batch), name]
        figures[name] = float(subprocess.check_output(words, text=True).split()[1])
    return figures


def table(results: "dict[str, dict[str, float]]") -> None:
    width = max(len(name) for name in results) + 2
    print(" " * width + "".join(f"{heading:>14}" for _, heading, _ in COLUMNS))
    for name, figures in results.items():
        cells = (form.format(figures[key]) if key in figures else "-" for key, _, form in COLUMNS)
        print(f"{name:<{width}}" + "".join(f"{cell:>14}" for cell in cells))


def compare(results: "dict[str, dict[str, float]]") -> None:
    """The ratios that say more than the figures do."""
    mine = results.get("gofer")
    others = [p.name for p in PEERS if p.packages and p.store == "redis" and p.name in results]
    if mine is None or not others:
        return
    for what in ("drain", "one", "many"):
        ratios = sorted((mine[what] / results[name][what], name) for name in others)
        print(f"gofer's {what}: " + ", ".join(f"{ratio:.1f} x {name}" for ratio, name in ratios))


def measure(given: argparse.Namespace) -> None:
    peers = [peer for peer in PEERS if not given.only or peer.name in given.only]
    unknown = set(given.only or ()) - {peer.name for peer in peers}
    if unknown:
        sys.exit(
            f"no such queue: {', '.join(unknown)}; there are "
            + ", ".join(peer.name for peer in PEERS)
        )
    given.build = given.build.resolve()
    if not (given.build / "gofer").exists():
        sys.exit(f"no {given.build}/gofer: build first, or say where with --build FOLDER")
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=given.build))
    try:
        benches = [Bench(peer, given, folder) for peer in peers]
        in_c_rounds = []
        for number in range(given.rounds):
            for bench in benches:
                print(f"round {number + 1} of {given.rounds}: {bench.peer.name}", file=sys.stderr)
                bench.round(number)
            benches[0].redis("FLUSHALL", "SYNC")
            in_c_rounds.append(in_c(given, os.environ["GOFER_TEST_REDIS"]))
            results = {bench.peer.name: bench.medians() for bench in benches}
            for name in in_c_rounds[0]:
                value = statistics.median(figures[name] for figures in in_c_rounds)
                results.setdefault("gofer in C", {})[name] = value
            if given.json:  # after each round: a run that is broken off has not been for nothing
                whole = {"rounds": number + 1, "figures": results}
                given.json.write_text(json.dumps(whole, indent=1) + "\n")
        report(given, benches, results)
    finally:
        shutil.rmtree(folder)


def report(given, benches: "list[Bench]", results: "dict[str, dict[str, float]]") -> None:
    print(
        f"medians of {given.rounds} rounds, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {given.tasks:,} tasks "
        f"({given.slow_tasks:,} for those that are slow)"
    )
    table(results)
    compare(results)
    versions = {}
    for bench in benches:
        if bench.peer.packages:
            versions.update(versions_of(bench.peer, bench.bin))
        print(f"{bench.peer.name}: {bench.peer.how}")
    if versions:
        print("versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()))


def main() -> None:
    given = parse()
    if "GOFER_TEST_REDIS" not in os.environ:
        servers = str(ROOT / "tests" / "redis" / "servers.py")
        words = [sys.executable, servers, "single", "--", sys.executable, __file__, *sys.argv[1:]]
        os.execv(sys.executable, words)
    measure(given)


if __name__ == "__main__":
    main()
