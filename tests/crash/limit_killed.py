#!/usr/bin/env python3
"""limit_killed.py GOFER URL [--seconds N] [--seed N] - a limit of five, and killed workers.

Four workers share tasks of one limit key of which five may run; one of them is killed (SIGKILL) and
started anew, again and again. Never are there more than five claims with a valid lease, by the
store's own time; and once nobody is killed any more, five run again. URL "sqlite": a file of its
own. By hand: --seconds 600.
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
from typing import Callable, List
from urllib.parse import urlparse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "redis")]
sys.dont_write_bytecode = True

from resp import Connection  # noqa: E402

MOST, WORKERS, TASKS, PATIENCE_S = 5, 4, 3000, 120
VALID = (
    "local now = redis.call('TIME') "
    "return redis.call('ZCOUNT', 'asynq:{q}:lease', '(' .. now[1], '+inf')"
)


class Store:
    """The gofer command on one store."""

    def __init__(self, gofer: str, url: str) -> None:
        self.gofer, self.url = gofer, url
        self.running: Callable[[], int] = self._shown
        if url.startswith("redis:"):
            parts = urlparse(url)
            self.redis = Connection((parts.hostname, parts.port))
            self.running = self._leased

    def run(self, *words: str) -> str:
        """What a command prints."""
        command = [self.gofer, "--url", self.url, *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def worker(self) -> "subprocess.Popen[bytes]":
        """One with a lease so short that it is often waited for."""
        return subprocess.Popen(
            [self.gofer, "--url", self.url, "worker", "--queue", "q", "--concurrency", "4"]
            + ["--lease", "2s", "--log-level", "error", "--shell", "work=sleep 0.02"],
            start_new_session=True,
        )

    def _leased(self) -> int:
        return int(self.redis("EVAL", VALID, "1", "asynq:{q}:lease"))

    def _shown(self) -> int:
        items = json.loads(self.run("limit", "show", "k", "--json"))["items"]
        return sum(item["running"] for item in items)


def end(worker: "subprocess.Popen[bytes]", how: int) -> None:
    """The worker, and what its commands have left running."""
    try:
        os.killpg(worker.pid, how) if how == signal.SIGKILL else worker.send_signal(how)
    except ProcessLookupError:
        pass
    worker.wait()


def disturb(store: Store, workers: List["subprocess.Popen[bytes]"], seconds: float) -> int:
    """Kills one after the other; the most that ran at a time."""
    most, begun, killed = 0, time.monotonic(), 0.0
    while time.monotonic() < begun + seconds:
        most = max(most, store.running())
        if time.monotonic() - killed > 0.3:
            killed, number = time.monotonic(), random.randrange(WORKERS)
            end(workers[number], signal.SIGKILL)
            workers[number] = store.worker()
        time.sleep(0.01)
    return most


def calm(store: Store) -> "tuple[int, bool]":
    """Nobody is killed: the most that ran at a time, and whether all places were taken again."""
    most, until = 0, time.monotonic() + PATIENCE_S
    while most < MOST and time.monotonic() < until:
        most = max(most, store.running())
        time.sleep(0.01)
    return most, most == MOST


def check(store: Store, seconds: float) -> List[str]:
    """What is wrong."""
    store.run("limit", "put", "k", "--concurrency", str(MOST))
    store.run("enqueue", "work", "--queue", "q", "--count", str(TASKS), "--limit", "k")
    workers = [store.worker() for _ in range(WORKERS)]
    try:
        disturbed = disturb(store, workers, seconds)
        calmed, back = calm(store)
    finally:
        for worker in workers:
            end(worker, signal.SIGTERM)
    wrong = []
    if max(disturbed, calmed) > MOST:
        wrong.append(f"{max(disturbed, calmed)} ran at a time, where {MOST} may")
    if not back:
        wrong.append(f"no more than {calmed} ran at a time when nobody was killed any more")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gofer")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory(prefix="gofer-limit-") as folder:
        url = f"sqlite:{folder}/tasks.db" if options.url == "sqlite" else options.url
        wrong = check(Store(options.gofer, url), options.seconds)
    print(*wrong, f"seed {options.seed}: {len(wrong)} wrong", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
