#!/usr/bin/env python3
"""ordered_killed.py GOFER URL [--seconds N] [--seed N] - tasks in their order, and killed workers.

Three workers share tasks of some ordered keys; one of them is killed (SIGKILL) and started anew,
again and again. Each task writes its number down when its command begins and when it ends: of a key
none begins before all that came before it have ended, and all of them end. A command ends with its
worker, so one that is run again begins again. URL "sqlite": a file of its own. By hand: --seconds
600.
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
from typing import List

KEYS, EACH, WORKERS, PATIENCE_S = 6, 20, 3, 120
COMMAND = (
    'work=read key n; echo "begin $n" >>"$key"; sleep 0.01; '
    '[ $((n % 4)) != 0 ] || [ "$GOFER_TASK_ATTEMPT" -gt 1 ] || exit 1; echo "end $n" >>"$key"'
)


class Store:
    """The gofer command on one store."""

    def __init__(self, gofer: str, url: str, folder: str) -> None:
        self.gofer, self.url, self.folder = gofer, url, folder

    def run(self, *words: str, text: str = "") -> str:
        """What a command prints."""
        command = [self.gofer, "--url", self.url, *words]
        done = subprocess.run(command, check=True, input=text, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def worker(self) -> "subprocess.Popen[bytes]":
        """One with a lease so short that it is often waited for."""
        return subprocess.Popen(
            [self.gofer, "--url", self.url, "worker", "--queue", "q", "--concurrency", "4"]
            + ["--lease", "2s", "--log-level", "error", "--set", "crash_limit=1000"]
            + ["--shell", COMMAND],
            start_new_session=True,
            cwd=self.folder,
        )

    def left(self) -> int:
        """How many tasks there are."""
        queue = json.loads(self.run("queue", "show", "q", "--json"))
        return sum(queue.get(state, 0) for state in ("pending", "active", "scheduled", "retry"))


def end(worker: "subprocess.Popen[bytes]", how: int) -> None:
    """The worker, and what its commands have left running."""
    try:
        os.killpg(worker.pid, how) if how == signal.SIGKILL else worker.send_signal(how)
    except ProcessLookupError:
        pass
    worker.wait()


def disturb(store: Store, workers: List["subprocess.Popen[bytes]"], seconds: float) -> None:
    """Kills one after the other."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.3)
        number = random.randrange(WORKERS)
        end(workers[number], signal.SIGKILL)
        workers[number] = store.worker()


def faults(key: str, lines: List[str]) -> List[str]:
    """What is wrong with the order of one key."""
    ended, wrong = 0, []
    for line in lines:
        what, number = line.split()
        if what == "begin" and int(number) not in (ended, ended + 1):
            wrong.append(f"{key}: {number} began when {ended} had ended")
        elif what == "end":
            ended = max(ended, int(number))
    if ended != EACH:
        wrong.append(f"{key}: {ended} ended, of {EACH}")
    return wrong


def check(store: Store, seconds: float) -> List[str]:
    """What is wrong."""
    tasks = [
        {"type": "work", "payload": f"k{key} {n}\n", "ordered": f"k{key}"}
        for n in range(1, EACH + 1)
        for key in range(KEYS)
    ]
    store.run(
        *("enqueue", "--batch", "--queue", "q", "--retry", "1000", "--retry-policy", "fixed:10ms"),
        text="\n".join(map(json.dumps, tasks)),
    )
    workers = [store.worker() for _ in range(WORKERS)]
    try:
        disturb(store, workers, seconds)
        until = time.monotonic() + PATIENCE_S
        while store.left() > 0 and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        for worker in workers:
            end(worker, signal.SIGTERM)
    wrong = []
    for key in range(KEYS):
        path = pathlib.Path(store.folder) / f"k{key}"
        wrong += faults(path.name, path.read_text().splitlines())
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gofer")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    random.seed(options.seed)
    gofer = os.path.abspath(options.gofer)  # workers are elsewhere
    with tempfile.TemporaryDirectory(prefix="gofer-ordered-") as folder:
        url = f"sqlite:{folder}/tasks.db" if options.url == "sqlite" else options.url
        wrong = check(Store(gofer, url, folder), options.seconds)
    print(*wrong, f"seed {options.seed}: {len(wrong)} wrong", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
