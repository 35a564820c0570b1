"""Tasks of very many keys, of which all but one are blocked: how many they are makes no difference
to the work that the store has with a task of the key that is not, and those go through."""
from __future__ import annotations

import time
from typing import Dict, Iterator, Tuple

from stage import PATIENCE_S, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"tasks": 1000000, "keys": 10000, "free": 20000}
SMOKE = {"tasks": 3000, "keys": 50, "free": 3000}
# What is measured are a worker's seconds and, of Redis, commands; the first depend on the moment.
MOST = {"sqlite": 3.0, "redis": 1.5}


def free(front: str, count: int) -> Iterator[Dict]:
    for number in range(count):
        yield {"type": "t", "id": f"{front}.{number}", "limits": ["free"]}


def commands(store: Store) -> int:
    """How many the server has run, those of scripts too."""
    text = store.topology.data[0].call("INFO", "commandstats").decode()
    return sum(int(line.split("calls=")[1].split(",")[0])
               for line in text.splitlines() if "calls=" in line)


def take(store: Store, front: str, count: int) -> Tuple[float, float]:
    """Puts in so many that may run, and has them run: the work with each, and its time."""
    store.enqueue(free(front, count))
    with Crew(store, 1, "--concurrency", "4") as crew:
        before = commands(store) if store.kind == "redis" else 0
        began = time.monotonic()

        def through() -> bool:
            return sum(note.what == "e" and note.id.startswith(front + ".")
                       for note in store.notes()) >= count

        wait_for(through, "those that may to run", PATIENCE_S)
        took = time.monotonic() - began
        work = commands(store) - before if store.kind == "redis" else crew.cpu_s()
    return work / count, took / count


def prove(store: Store, tasks: int, keys: int, free: int) -> str:
    # One of each key starts; the others have an hour to wait.
    store.run("limit", "put", "k:*", "--rate", "1/1h", "--burst", "1")
    store.run("limit", "put", "free", "--concurrency", "1000")
    alone, alone_s = take(store, "alone", free)
    began = time.monotonic()
    store.enqueue({"type": "t", "limits": [f"k:{number % (keys - 1)}"]} for number in range(tasks))
    take(store, "last", 1)      # behind all of them: each has been looked at
    aside = time.monotonic() - began
    among, among_s = take(store, "among", free)
    started = sum(note.what == "e" and "." not in note.id for note in store.notes())
    check(started == keys - 1, f"{started} of the blocked keys started, not {keys - 1}")
    waiting = sum(row["waiting"] for row in store.json("limit", "blocked", "--all")["items"]) \
        if keys < 1000 else tasks - started
    check(waiting == tasks - started, f"{waiting} wait, not {tasks - started}")
    ratio = among / alone
    check(ratio <= MOST[store.kind], f"a task was {ratio:.2f} times the work")
    what = "commands" if store.kind == "redis" else "s of a worker"
    return (f"{tasks} tasks of {keys} keys, {keys - 1} blocked (put in and aside in {aside:.0f} s):"
            f" a task of the other is {among:.3g} {what}, without them {alone:.3g} (ratio"
            f" {ratio:.2f}), {among_s * 1e6:.0f} µs, without {alone_s * 1e6:.0f} µs")
