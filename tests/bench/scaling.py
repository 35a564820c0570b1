"""What a sharded queue carries over a Redis Cluster of one, two and three primaries on this
machine, and what workers cost that have nothing to do.

    tests/bench/scaling.py [--build FOLDER] [--tasks N] [--rounds N] [--idle WORKERS]

It starts and ends the servers by itself. A line of JSON for each figure (the median of the rounds,
which take the topologies in turn, with the least and the most), then a table. CPU times are what
to go by: the rates are those of servers, producer and worker sharing the machine's cores. They are
the kernel's for the children and what the servers say of themselves (INFO).
"""
from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Dict, List, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "redis"))

from topology import Running, Setup, Topology  # noqa: E402

QUEUE = "default"              # that of bench.c
SHARDS_EACH = 4                # of each primary
SETTLE_S, LOOK_S = 25.0, 10.0   # of workers that have nothing to do


def environment(url: str) -> Dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GOFER_")}
    return {**kept, "GOFER_URL": url}


def info(topology: Topology, section: str) -> Dict[str, str]:
    """Of all primaries, their numbers added up."""
    sums: Dict[str, float] = {}
    for server in topology.primaries():
        for line in server.call("INFO", section).decode().splitlines():
            name, _, value = line.partition(":")
            try:
                sums[name] = sums.get(name, 0) + float(value)
            except ValueError:
                pass
    return {name: str(value) for name, value in sums.items()}


def server_cpu(topology: Topology) -> float:
    told = info(topology, "cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def commands(topology: Topology) -> Dict[str, Tuple[float, float]]:
    """How often each command was run, and for how many microseconds."""
    sums: Dict[str, Tuple[float, float]] = {}
    for server in topology.primaries():
        for line in server.call("INFO", "commandstats").decode().splitlines():
            if not line.startswith("cmdstat_"):
                continue
            name, _, text = line[len("cmdstat_") :].partition(":")
            told = dict(pair.split("=") for pair in text.split(","))
            calls, us = sums.get(name, (0, 0))
            sums[name] = (calls + float(told["calls"]), us + float(told["usec"]))
    return sums


def client_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(topology: Topology, tasks: int, words: List[str]) -> Dict[str, float]:
    """One run of bench: its rate, and µs of CPU for each task, the clients' and the servers'."""
    servers, clients = server_cpu(topology), client_cpu()
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    rate = float(done.stdout.split()[1])    # "NAME RATE …"
    each = 1e6 / tasks
    return {
        "rate": rate,
        "client_us": (client_cpu() - clients) * each,
        "server_us": (server_cpu(topology) - servers) * each,
    }


def load(topology: Topology, build: str, tasks: int) -> Dict[str, Dict[str, float]]:
    bench, url = os.path.join(build, "bench", "bench"), topology.url
    return {
        "put": measured(topology, tasks, [bench, "enqueue", url, "4", str(tasks), "100", "put"]),
        "drain": measured(topology, tasks, [bench, "drain", url, str(tasks), "drain", "there"]),
    }


def idle(topology: Topology, gofer: str, count: int) -> Dict[str, float]:
    """What so many idle workers ask the servers for, a second."""
    words = [gofer, "worker", "--queue", QUEUE, "--concurrency", "1", "--shell", "x=true"]
    workers = [
        subprocess.Popen(
            words, env=environment(topology.url), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    try:
        time.sleep(SETTLE_S + count * 0.05)
        before, cpu = commands(topology), server_cpu(topology)
        time.sleep(LOOK_S)
        after, used = commands(topology), server_cpu(topology) - cpu
        if any(worker.poll() is not None for worker in workers):
            sys.exit("scaling.py: a worker ended by itself")
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    figures = {"workers": float(count), "server_share": used / LOOK_S}
    for name, (calls, us) in sorted(after.items()):
        more = calls - before.get(name, (0, 0))[0]
        if more >= LOOK_S and name not in ("info", "role", "ping"):
            figures[f"{name}_per_s"] = more / LOOK_S
    return figures


def shard(topology: Topology, gofer: str, count: int) -> None:
    words = [gofer, "queue", "shard", QUEUE, str(count)]
    subprocess.run(words, env=environment(topology.url), stdout=subprocess.DEVNULL, check=True)


def put_line(**figures: object) -> None:
    print(json.dumps(figures), flush=True)


def one_round(primaries: int, shards: int, args: argparse.Namespace) -> Dict[str, Dict[str, float]]:
    gofer = os.path.join(args.build, "gofer")
    kind, setup = ("cluster", Setup(primaries=primaries)) if primaries else ("single", Setup())
    with Running(kind, setup) as topology:
        if shards > 1:
            shard(topology, gofer, shards)
        return load(topology, args.build, args.tasks)


def main(words: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=int, default=64)
    args = parser.parse_args(words)
    cases = [(0, 1), (0, 4)] + [(n, n * SHARDS_EACH) for n in (1, 2, 3)]
    runs: Dict[Tuple[int, int], List[Dict[str, Dict[str, float]]]] = {case: [] for case in cases}
    for _ in range(args.rounds):
        for case in cases:
            runs[case].append(one_round(*case, args))
    rows = []
    for (primaries, shards), done in runs.items():
        where = f"{primaries} primaries" if primaries else "one server"
        for phase in ("put", "drain"):
            figures: Dict[str, object] = {}
            for name in ("rate", "client_us", "server_us"):
                values = sorted(run[phase][name] for run in done)
                figures[name] = round(statistics.median(values), 2)
                figures[name + "_range"] = [round(values[0], 2), round(values[-1], 2)]
            put_line(where=where, shards=shards, phase=phase, load=os.getloadavg()[0], **figures)
            rows.append((where, shards, phase, figures))
    print(f"\n{'':14} {'shards':>6} {'':5} {'tasks/s':>9} {'client µs':>10} {'servers µs':>10}")
    for where, shards, phase, f in rows:
        print(
            f"{where:14} {shards:6} {phase:5} {f['rate']:9.0f} {f['client_us']:10.2f}"
            f" {f['server_us']:10.2f}"
        )
    for shards in (1, 12):
        if args.idle == 0:
            break
        with Running("cluster", Setup()) as topology:
            gofer = os.path.join(args.build, "gofer")
            shard(topology, gofer, shards)
            put_line(where="3 primaries", shards=shards, phase="idle",
                     **idle(topology, gofer, args.idle))
    return 0


if __name__ == "__main__":
    sys.exit(main())
