#!/usr/bin/env python3
"""flow_killed.py GOFER URL [--flows N] [--seconds N] [--seed N] - flows, and killed workers.

Many small flows (one step, three beside each other, one that joins them, and one after a failure)
are run by workers that are killed (SIGKILL) and started anew, again and again. Then nobody is
killed: each flow ends, and is done; and of each step there was one task, which was done once. URL
"sqlite": a file of its own. By hand: --flows 2000 --seconds 600.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from typing import Dict, List

WORKERS, PATIENCE_S = 3, 120
# Of each run a line: which task.
HANDLER = 'echo "$GOFER_TASK_ID" >> "$LEDGER"'
PLAN = {"steps": [
    {"name": "first", "type": "t"},
    {"name": "part-1", "type": "t", "queue": "p", "after": "first"},
    {"name": "part-2", "type": "t", "queue": "q", "after": "first"},
    {"name": "part-3", "type": "t", "after": "first"},
    {"name": "join", "type": "t", "queue": "q", "after": "part-*"},
    {"name": "alarm", "type": "t", "after": {"join": "failure"}},
]}
WANT = {"first": "done", "part-1": "done", "part-2": "done", "part-3": "done", "join": "done",
        "alarm": "skipped"}


class Store:
    """The gofer command on one store."""

    def __init__(self, gofer: str, url: str, ledger: pathlib.Path) -> None:
        self.gofer, self.url, self.ledger = gofer, url, ledger

    def run(self, *words: str, text: str = "") -> str:
        """What a command prints."""
        command = [self.gofer, "--url", self.url, *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                              input=text).stdout

    def worker(self) -> "subprocess.Popen[bytes]":
        """One with a lease so short that it is often waited for, and no limit on crashes."""
        return subprocess.Popen(
            [self.gofer, "--url", self.url, "worker", "--queue", "q", "--queue", "p", "--queue",
             "default", "--concurrency", "4", "--lease", "2s", "--log-level", "error",
             "--set", "crash_limit=1000", "--shell", "t=" + HANDLER],
            start_new_session=True, env=dict(os.environ, LEDGER=str(self.ledger)))

    def flows(self) -> List[Dict]:
        """All of them, without their steps."""
        return json.loads(self.run("flow", "ls", "--json"))["items"]


def end(worker: "subprocess.Popen[bytes]", how: int) -> None:
    """The worker, and what its commands have left running."""
    try:
        os.killpg(worker.pid, how) if how == signal.SIGKILL else worker.send_signal(how)
    except ProcessLookupError:
        pass
    worker.wait()


def start(store: Store, number: int) -> None:
    """Twice, as who has lost the answer does."""
    for _ in range(2):
        store.run("flow", "start", "-", "--id", f"f{number}", text=json.dumps(PLAN))


def check(store: Store, count: int, seconds: float) -> List[str]:
    """What is wrong."""
    workers = [store.worker() for _ in range(WORKERS)]
    begun, killed, started = time.monotonic(), time.monotonic(), 0
    try:
        while started < count or time.monotonic() < begun + seconds:
            if started < count:
                start(store, started)
                started += 1
            if time.monotonic() - killed > 0.3:
                killed, number = time.monotonic(), random.randrange(WORKERS)
                end(workers[number], signal.SIGKILL)
                workers[number] = store.worker()
            time.sleep(0.005)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and any("ended_at_ms" not in f for f in store.flows()):
            time.sleep(0.1)
    finally:
        for worker in workers:
            end(worker, signal.SIGTERM)
    return look(store, count)


def look(store: Store, count: int) -> List[str]:
    """At all flows: how each has ended, and that no task ran that should not."""
    wrong = []
    flows = store.flows()
    if len(flows) != count:
        wrong.append(f"{len(flows)} flows, not {count}")
    for flow in flows:
        shown = json.loads(store.run("flow", "show", flow["id"], "--json"))
        states = {step["name"]: step["state"] for step in shown["steps"]["items"]}
        if shown["state"] != "done" or states != WANT:
            wrong.append(f"{flow['id']} is {shown['state']}: {states}")
    ran = store.ledger.read_text(encoding="ascii").split()
    missing = {f"f{i}:{n}" for i in range(count) for n in range(5)} - set(ran)
    foreign = {task for task in ran if task.endswith(":5")}
    if missing or foreign:
        wrong.append(f"never ran: {sorted(missing)[:5]}, ran without need: {sorted(foreign)[:5]}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gofer")
    parser.add_argument("url")
    parser.add_argument("--flows", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory(prefix="gofer-flow-") as folder:
        url = f"sqlite:{folder}/tasks.db" if options.url == "sqlite" else options.url
        store = Store(options.gofer, url, pathlib.Path(folder) / "ledger")
        wrong = check(store, options.flows, options.seconds)
    print(*wrong, f"seed {options.seed}: {len(wrong)} wrong", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
