#!/usr/bin/env python3
"""rekey_killed.py GOFER URL [--seconds N] [--seed N] - `gofer rekey` under load, and killed.

Producers put in, workers run, fail, retry and leave results, people run and archive tasks by hand,
and meanwhile the first key changes: `gofer rekey` is killed (SIGKILL) at any moment and begun anew,
again and again. Each task that was put in succeeds, once; and when `gofer rekey` has come to its
end on a queue at rest, all that tasks have opens with the new key alone. URL "sqlite": a file of
its own. By hand: --seconds 600.
"""

import argparse
import base64
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Dict, List

BATCH, WORKERS, PATIENCE_S = 20, 2, 120
OLD, NEW = (f"{name}:{base64.b64encode(name.encode() * 32).decode()}" for name in "ab")
# Every third fails at first. One write of so few bytes is not torn.
COMMAND = (
    'work=read n; [ $((n % 3)) != 0 ] || [ "$GOFER_TASK_ATTEMPT" -gt 1 ] || exit 1; '
    'echo "$n" >>done; echo "result $n"'
)


class Store:
    """The gofer command on one store, with the keys of one file."""

    def __init__(self, gofer: str, url: str, folder: str) -> None:
        self.gofer, self.url, self.folder = gofer, url, pathlib.Path(folder)
        self.put_in = 0

    def keys(self, *keys: str) -> None:
        """Others see the file whole, as it was or as it is."""
        new = self.folder / "keys.new"
        new.touch(0o600)
        new.write_text("\n".join(keys))
        new.rename(self.folder / "keys")

    def start(self, *words: str, **how: Any) -> "subprocess.Popen[str]":
        command = [self.gofer, "--url", self.url, "--keys", "./keys", *words]
        return subprocess.Popen(command, cwd=self.folder, text=True, **how)

    def run(self, *words: str, text: str = "", codes: "tuple[int, ...]" = (0,)) -> str:
        """What a command prints."""
        started = self.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = started.communicate(text)
        if started.returncode not in codes:
            raise RuntimeError(f"{words} ended with {started.returncode}")
        return out

    def worker(self) -> "subprocess.Popen[str]":
        return self.start(
            *("worker", "--queue", "q", "--concurrency", "4", "--lease", "60s"),
            *("--log-level", "error", "--shell", COMMAND),
        )

    def produce(self) -> None:
        """Some tasks, each with its number as its payload; some are for later."""
        lines = []
        for number in range(self.put_in, self.put_in + BATCH):
            task: Dict[str, Any] = {"type": "work", "payload": f"{number}\n", "id": f"t{number}"}
            if number % 7 == 0:
                task["in"] = "1s"
            lines.append(json.dumps(task))
        self.run(
            *("enqueue", "--batch", "--queue", "q", "--retention", "1h"),
            *("--retry", "1000", "--retry-policy", "fixed:50ms"),
            text="\n".join(lines),
        )
        self.put_in += BATCH

    def queue(self) -> Dict[str, Any]:
        shown: Dict[str, Any] = json.loads(self.run("queue", "show", "q", "--json"))
        return shown


def act(store: Store) -> None:
    """What people do meanwhile; a queue that has none of these has nothing to do."""
    words = random.choice(
        [
            ("run", "--state", "scheduled"),
            ("archive", "--state", "retry"),
            ("run", "--state", "archived"),
        ]
    )
    store.run("task", words[0], "--all", "--queue", "q", *words[1:], "--quiet")


def disturb(store: Store, seconds: float) -> int:
    """How often it was killed before its end."""
    begun, killed, rotated = time.monotonic(), 0, False
    stop = threading.Event()

    def produce() -> None:
        while not stop.is_set():
            store.produce()

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        while time.monotonic() < begun + seconds or not rotated or killed < 3:
            if not rotated and store.put_in >= 5 * BATCH:
                store.keys(NEW, OLD)
                rotated = True
            rekey = store.start("rekey", "q", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.random() ** 2 * 0.5)
            killed += rekey.poll() is None
            rekey.kill()
            rekey.wait()
            act(store)
            if time.monotonic() > begun + seconds + PATIENCE_S:
                raise RuntimeError(f"killed {killed} times, keys changed: {rotated}")
    finally:
        stop.set()
        producer.join()
    return killed


def rest(store: Store) -> None:
    """Until all tasks have come to their end."""
    until = time.monotonic() + PATIENCE_S
    waits = ("pending", "active", "scheduled", "retry", "archived")
    while any(store.queue()[state] for state in waits):
        store.run("task", "run", "--all", "--queue", "q", "--state", "archived", "--quiet")
        if time.monotonic() > until:
            raise RuntimeError(f"tasks do not come to their end: {store.queue()}")
        time.sleep(0.1)


def faults(store: Store) -> List[str]:
    """What is wrong at the end, to who has the new key alone."""
    wrong = []
    done = collections.Counter((store.folder / "done").read_text().split())
    for number in map(str, range(store.put_in)):
        if done[number] != 1:
            wrong.append(f"task {number} succeeded {done[number]} times")
    store.keys(NEW)
    listed = json.loads(store.run("task", "ls", "--queue", "q", "--state", "completed", "--all",
                                  "--json"))["items"]
    if len(listed) != store.put_in:
        wrong.append(f"{len(listed)} tasks are kept, of {store.put_in}")
    seen = json.loads(store.run("rekey", "q", "--json", codes=(0, 1)))
    if (seen["current"], seen["plain"], seen["left"]) != (store.put_in, 0, 0):
        wrong.append(f"with the new key alone: {seen}")
    for task in random.sample(listed, min(40, len(listed))):
        number = task["id"][1:]
        shown = json.loads(store.run("task", "show", task["id"], "--queue", "q", "--json"))
        if (shown.get("payload"), shown.get("result")) != (f"{number}\n", f"result {number}\n"):
            wrong.append(f"task {number}: {shown.get('payload')!r}, {shown.get('result')!r}")
    return wrong


def check(store: Store, seconds: float) -> List[str]:
    """What is wrong."""
    store.keys(OLD, NEW)
    store.produce()
    workers = [store.worker() for _ in range(WORKERS)]
    try:
        killed = disturb(store, seconds)
        rest(store)
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()
    last = json.loads(store.run("rekey", "q", "--json"))
    print(f"{store.put_in} tasks, killed {killed} times, the last pass: {last}")
    again = json.loads(store.run("rekey", "q", "--json"))
    wrong = [] if again["rewritten"] == 0 else [f"more was found: {again}"]
    return wrong + faults(store)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gofer")
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    random.seed(options.seed)
    gofer = os.path.abspath(options.gofer)  # commands run elsewhere
    with tempfile.TemporaryDirectory(prefix="gofer-rekey-") as folder:
        url = f"sqlite:{folder}/tasks.db" if options.url == "sqlite" else options.url
        wrong = check(Store(gofer, url, folder), options.seconds)
    print(*wrong, f"seed {options.seed}: {len(wrong)} wrong", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
