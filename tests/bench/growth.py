#!/usr/bin/env python3
"""growth.py - does a task cost more where there is more: a small store beside a large one.

    tests/bench/growth.py [--build FOLDER] [--large N] [--tasks N] [--rounds N] [KIND ...]

Fills a store of its own on each broker with `pending`, `scheduled`, `completed` (kept by a
retention) or `archived` tasks, with `queues` (a tenth of N, a pattern takes from 200 of them), or
with a `history` of 90 days, once with a thousand and once with N, and counts the CPU that putting
and running a task takes beside that: of the process, and of Redis, with its commands, those inside
scripts counted. The two take turns; medians.
It judges nothing, and the status is 0 whenever all could be measured.
"""
import argparse
import contextlib
import os
import pathlib
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "redis"))
from resp import Connection  # noqa: E402
from topology import Running, Setup  # noqa: E402

KINDS = ["pending", "scheduled", "completed", "archived", "queues", "history"]
SMALL = 1000
ARCHIVED_MAX = 9000  # of a queue: Redis keeps no more than 9,999
ARCHIVE = r"""
local queue = ARGV[1]
local key = 'asynq:{' .. queue .. '}:'
redis.call('SADD', 'asynq:queues', queue)
for i = 1, ARGV[2] do
    local id = string.format('old%07d', i)
    redis.call('ZADD', key .. 'archived', ARGV[3], id)
    redis.call('HSET', key .. 't:' .. id, 'state', 'archived',
        'msg', '\010\004noop\026\010' .. id .. '\034' .. string.char(#queue) .. queue)
end
"""


class Sqlite:
    def __init__(self, folder, name):
        self.path = pathlib.Path(folder) / f"{name}.db"
        self.url = f"sqlite:{self.path}"

    def used(self):
        return 0.0, 0

    def archive(self, bench, count):
        subprocess.run([bench, "fill", self.url, "archived", str(count)], check=True)

    def history(self, bench, days):
        subprocess.run([bench, "fill", self.url, "pending", "1"], check=True)
        today = int(time.time()) // 86400
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.executemany("INSERT OR IGNORE INTO day SELECT qid, ?, 1000, 7 FROM queue",
                           [(today - n,) for n in range(1, days)])
            db.executemany(
                "INSERT INTO stat VALUES('bench', ?, ?, 9, 1, zeroblob(448), zeroblob(448))",
                [(f"t{t}", today * 24 - hour) for t in range(50) for hour in range(days * 2)])

    def close(self):
        pass


class Redis:
    def __init__(self, folder, name):
        self.stack = contextlib.ExitStack()
        running = self.stack.enter_context(Running("single", Setup()))
        self.url = running.url
        host, port = self.url.split("//")[1].split("/")[0].rsplit(":", 1)
        self.call = self.stack.enter_context(Connection((host, int(port))))

    def used(self):
        """Its CPU in seconds, and the commands that it has run, those of scripts counted."""
        cpu = re.findall(r"used_cpu_(?:sys|user):([\d.]+)", self.call("INFO", "cpu").decode())
        calls = re.findall(r"calls=(\d+)", self.call("INFO", "commandstats").decode())
        return sum(map(float, cpu)), sum(map(int, calls))

    def archive(self, bench, count):
        for at in range(0, count, ARCHIVED_MAX):
            queue = f"old{at}" if at else "bench"
            self.call("EVAL", ARCHIVE, 0, queue, min(ARCHIVED_MAX, count - at), int(time.time()))

    def history(self, bench, days):
        for n in range(1, days):
            day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400 * n))
            self.call("SET", f"asynq:{{bench}}:processed:{day}", 1000)
            self.call("SET", f"asynq:{{bench}}:failed:{day}", 7)

    def close(self):
        self.stack.close()


def filled(broker, folder, kind, count, bench):
    store = broker(folder, f"{kind}{count}")
    if kind == "archived":
        store.archive(bench, count)
    elif kind == "history":
        store.history(bench, 90 if count > SMALL else 1)
    else:
        count = max(200, count // 10) if kind == "queues" else count
        subprocess.run([bench, "fill", store.url, kind, str(count)], check=True)
    return store


def measure(store, kind, tasks, bench):
    before = store.used()
    out = subprocess.run(
        [bench, "cost", store.url, "mail:*" if kind == "queues" else "bench", str(tasks)],
        check=True, capture_output=True, text=True).stdout
    found = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
    cpu, commands = (b - a for a, b in zip(before, store.used()))
    found["store_cpu_us"] = cpu * 1e6 / tasks
    found["commands"] = commands / tasks
    return found


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--build", default=str(HERE.parent.parent / "build" / "release"))
    words.add_argument("--large", type=int, default=1000000)
    words.add_argument("--tasks", type=int, default=20000)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--broker", choices=["sqlite", "redis"], action="append")
    words.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND")
    args = words.parse_args()
    bench = os.path.join(args.build, "bench", "bench")
    brokers = args.broker or ["sqlite", "redis"]
    print(f"| | a task beside {SMALL:,} | beside {args.large:,} | ratio |")
    print("|---|---|---|---|")
    for name in brokers:
        for kind in args.kinds:
            with tempfile.TemporaryDirectory(dir=args.build) as folder:
                broker = {"sqlite": Sqlite, "redis": Redis}[name]
                small, large = (filled(broker, folder, kind, n, bench)
                                for n in (SMALL, args.large))
                rounds = [[measure(s, kind, args.tasks, bench) for s in (small, large)]
                          for _ in range(args.rounds)]
                small.close()
                large.close()
            middle = [{key: statistics.median(r[i][key] for r in rounds) for key in rounds[0][0]}
                      for i in (0, 1)]
            for what, field, unit in (
                    ("put", "put_cpu_us", "µs"), ("run", "run_cpu_us", "µs"),
                    ("server", "store_cpu_us", "µs"), ("server", "commands", "commands"),
                    ("memory", "memory_kib", "KiB")):
                a, b = (m[field] for m in middle)
                if a:
                    print(f"| {name}, {kind}: {what} | {a:.1f} {unit} | {b:.1f} {unit} | "
                          f"{b / a:.2f} × |", flush=True)


if __name__ == "__main__":
    main()
