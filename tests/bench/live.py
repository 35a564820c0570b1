#!/usr/bin/env python3
"""live.py [OPTION...] - live flow of several builds in turn: one process puts, another runs.

Where run.sh compares gofer with its peers, this compares gofer with itself, for who changes how a
worker and its store speak with each other. For both stores, at several rates: what the producer
makes alone and beside the worker, how many tasks a second come to their end, CPU for a task
(producer, worker, Redis), the time from enqueue to start, and, of Redis, the scripts for a task.
Builds that are to be compared (--build NAME=FOLDER, several times) and Asynq run in turn in every
round; printed are medians, with the lowest and the highest of the rounds. --calls has perf count
the system calls of the worker; that is not free, so it is for a run of its own. Rate 0: as fast as
it goes.

It judges nothing. Redis is started here (tests/redis/servers.py); the files of SQLite lie in the
first build's folder, on a real disk if that is on one. Where others use that disk, --fsync-us has
the files in memory (--folder), and every fsync take so long (fsync.c). Asynq needs go and the
module proxy.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
Figures = Dict[str, List[float]]
COLUMNS = (
    ("sustained", "/s"), ("put", "/s"), ("alone", "/s"), ("producer_cpu", "us"),
    ("worker_cpu", "us"), ("store_cpu", "us"), ("p50", "us"), ("p99", "us"),
    ("scripts", ""), ("calls", ""),
)


def parse(words: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage="live.py [OPTION...]", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each at a fixed rate")
    parser.add_argument("--tasks", type=int, default=20000, help="of each as fast as it goes")
    parser.add_argument("--rates", default="0,100,1000,10000")
    parser.add_argument("--stores", default="sqlite,redis")
    parser.add_argument("--build", action="append", metavar="[NAME=]FOLDER")
    parser.add_argument("--no-asynq", action="store_true")
    parser.add_argument("--calls", action="store_true", help="count the worker's system calls")
    parser.add_argument("--fsync-us", type=int, metavar="N", help="a disk that takes N us a sync")
    parser.add_argument("--folder", help="for the files of SQLite (--fsync-us: /dev/shm)")
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args(words)


def run(words: List[str]) -> Dict[str, float]:
    out = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: float(value) for name, value in map(str.split, out.splitlines())}


def counted(words: List[str]) -> Tuple[Dict[str, float], Optional[float]]:
    """Like run, and the system calls of the process that it starts."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as program:
        children = Path(f"/proc/{program.pid}/task/{program.pid}/children")
        child = ""
        while not child and program.poll() is None:
            child = children.read_text().strip()
        perf = subprocess.Popen(
            ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", child],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )
        out = program.communicate()[0]
        told = perf.communicate()[1]
    figures = {name: float(value) for name, value in map(str.split, out.splitlines())}
    for line in told.splitlines():
        if "raw_syscalls" in line and line.split(",")[0].isdigit():
            return figures, float(line.split(",")[0])
    return figures, None


class Redis:
    def __init__(self, url: str) -> None:
        self.url = url
        self.address = url[len("redis://"):].split("/")[0]

    def ask(self, *words: str) -> str:
        host, port = self.address.rsplit(":", 1)
        return subprocess.run(
            ["redis-cli", "-h", host, "-p", port, *words], check=True, stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def fresh(self) -> None:
        self.ask("flushall", "sync")

    def cpu_us(self) -> float:
        lines = (line.split(":") for line in self.ask("info", "cpu").split() if ":" in line)
        return 1e6 * sum(float(v) for k, v in lines if k in ("used_cpu_sys", "used_cpu_user"))

    def scripts(self) -> float:
        total = 0.0
        for line in self.ask("info", "commandstats").split():
            if line.split(":")[0] in ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_fcall"):
                total += float(line.split("calls=")[1].split(",")[0])
        return total


class Bench:
    """One program to be measured: a build of gofer's, or Asynq's."""

    def __init__(self, name: str, program: str, redis: Optional[Redis], folder: Path) -> None:
        self.name, self.redis, self.folder = name, redis, folder
        self.words = [program, "asynq"] if name == "Asynq" else [program]
        self.serial = 0

    def place(self) -> str:
        if self.redis:
            self.redis.fresh()
            return self.redis.address if self.name == "Asynq" else self.redis.url
        for old in self.folder.glob("store-*"):
            old.unlink()
        self.serial += 1
        return f"sqlite:{self.folder}/store-{self.name}-{self.serial}.db"

    def alone(self, tasks: int) -> float:
        return run(self.words + ["enqueue", self.place(), "1", str(tasks), "1", "x"])["x"]

    def live(self, tasks: int, rate: int, calls: bool) -> Dict[str, float]:
        place = self.place()
        cpu, scripts = (self.redis.cpu_us(), self.redis.scripts()) if self.redis else (0.0, 0.0)
        words = self.words + ["live", place, str(tasks), str(rate), "x"]
        entered: Optional[float] = None
        if calls:
            found, entered = counted(words)
        else:
            found = run(words)
        names = {                                # the peers' program tells no rate of puts
            "sustained": "x", "put": "x_put", "worker_cpu": "x_worker_cpu_us",
            "producer_cpu": "x_producer_cpu_us" if self.name != "Asynq" else "x_client_cpu_us",
            "p50": "x_p50_us", "p99": "x_p99_us",
        }
        figures = {ours: found[its] for ours, its in names.items() if its in found}
        if self.redis:
            figures["store_cpu"] = (self.redis.cpu_us() - cpu) / tasks
            figures["scripts"] = (self.redis.scripts() - scripts) / tasks
        if entered is not None:
            figures["calls"] = entered / tasks
        return figures


def asynq_program(folder: Path) -> Optional[str]:
    if not shutil.which("go"):
        print("note: no go here, so Asynq is not measured", file=sys.stderr)
        return None
    built = subprocess.run(["go", "build", "-o", folder / "peers", "."], cwd=HERE / "go")
    if built.returncode:
        print("note: Asynq could not be built, so it is not measured", file=sys.stderr)
        return None
    return str(folder / "peers")


def measure(bench: Bench, rate: int, args: argparse.Namespace, figures: Figures) -> None:
    tasks = int(rate * args.seconds) if rate else args.tasks
    if bench.name == "Asynq" and 0 < rate < 1000:
        return                                   # it asks once a second while it is idle
    found = bench.live(tasks, rate, args.calls)
    if rate == 0 and not args.calls:
        found["alone"] = bench.alone(tasks)
    for name, value in found.items():
        figures.setdefault(name, []).append(value)


def shown(name: str, values: List[float]) -> str:
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    text = f"{middle:,.{digits}f}"
    return text if len(values) < 2 else (
        f"{text} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"
    )


def table(all_figures: Dict[Tuple[str, str, int], Figures]) -> None:
    for (store, name, rate), figures in all_figures.items():
        print(f"\n{store}, {name}, {'as fast as it goes' if rate == 0 else f'{rate:,}/s'}")
        for column, unit in COLUMNS:
            if column in figures:
                print(f"  {column:14}{shown(column, figures[column])} {unit}")
        parts = [k for k in ("producer_cpu", "worker_cpu", "store_cpu") if k in figures]
        if parts:
            sums = [sum(each) for each in zip(*(figures[k] for k in parts))]
            print(f"  {'cpu in all':14}{shown('cpu', sums)} us")


def main(words: List[str]) -> None:
    args = parse(words)
    stores = args.stores.split(",")
    if "redis" in stores and "GOFER_TEST_REDIS" not in os.environ:
        server = [sys.executable, str(HERE.parent / "redis" / "servers.py"), "single", "--"]
        os.execv(sys.executable, server + [sys.executable, __file__] + words)
    builds = args.build or [str(HERE.parent.parent / "build" / "release")]
    pairs = [b.split("=", 1) if "=" in b else ["gofer", b] for b in builds]
    named = [[name, str(Path(folder).resolve())] for name, folder in pairs]
    if args.fsync_us is not None:
        os.environ["BENCH_FSYNC_US"] = str(args.fsync_us)
        os.environ["LD_PRELOAD"] = str(Path(named[-1][1]).resolve() / "bench" / "libfsync.so")
        args.folder = args.folder or "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="live-", dir=args.folder or named[0][1]) as text:
        folder = Path(text)
        asynq = None if args.no_asynq or "redis" not in stores else asynq_program(folder)
        benches: List[Tuple[str, Bench]] = []
        for store in stores:
            redis = Redis(os.environ["GOFER_TEST_REDIS"]) if store == "redis" else None
            programs = [(name, f"{build}/bench/bench") for name, build in named]
            if redis and asynq:
                programs.append(("Asynq", asynq))
            benches += [(store, Bench(n, p, redis, folder)) for n, p in programs]
        rates = [int(rate) for rate in args.rates.split(",")]
        figures: Dict[Tuple[str, str, int], Figures] = {
            (store, bench.name, rate): {}
            for store in stores for rate in rates for of, bench in benches if of == store
        }
        for number in range(args.rounds):
            load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
            print(f"round {number + 1} of {args.rounds}, load {load}", file=sys.stderr)
            for rate in rates:
                for store, bench in benches if number % 2 == 0 else benches[::-1]:
                    measure(bench, rate, args, figures[store, bench.name, rate])
    found = {key: value for key, value in figures.items() if value}
    table(found)
    if args.json:
        lines = [
            {"store": s, "program": n, "rate": r, "rounds": args.rounds,
             **{k: statistics.median(v) for k, v in f.items()}}
            for (s, n, r), f in found.items()
        ]
        Path(args.json).write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main(sys.argv[1:])
