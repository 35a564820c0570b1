"""Ordered keys through retries, dead tasks and workers that are killed: never two of a key run at
a time, none begins before all that came before it have ended, and all end. Behind a dead one the
others go on, or with `block` wait until it is deleted."""
from __future__ import annotations

import time
from collections import defaultdict
from typing import Dict, Iterator, List, Set

from stage import PATIENCE_S, Crew, Note, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"keys": 100, "each": 1000, "kills": 120, "lease_s": 10}
SMOKE = {"keys": 6, "each": 30, "kills": 4, "lease_s": 3}
WORKERS = 4
HOLD_S = 0.3            # how long a blocked key is watched


def blocks(key: int) -> bool:
    return key % 10 == 1


def payload(number: int) -> str:
    return "2 0 dead" if number % 20 == 10 else "2 1" if number % 7 == 3 else "2"


def tasks(keys: int, each: int) -> Iterator[Dict]:
    for number in range(1, each + 1):
        for key in range(keys):
            yield {"type": "t", "id": f"{key}.{number}", "ordered": f"k{key}",
                   "payload": payload(number), "ordered_dead": "block" if blocks(key) else
                   "continue"}


class Releases:
    """Deletes the dead ones that block their keys."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.begun: Dict[str, float] = {}

    def __call__(self) -> None:
        dead = {note.id for note in self.store.notes() if note.what == "d"}
        for id in sorted(dead - set(self.begun)):
            if blocks(int(id.split(".")[0])):
                self._release(id)

    def _release(self, id: str) -> None:
        shown = self.store.command("task", "show", id, "--json")
        if shown.returncode == 0 and b'"state":"archived"' in shown.stdout:
            time.sleep(HOLD_S)
            self.begun[id] = time.monotonic()
            self.store.run("task", "rm", id)


def faults(notes: List[Note], deaths: Dict[int, float], released: Dict[str, float]) -> Set[str]:
    """What is wrong with the order of one key."""
    wrong, ended, dead_id = set(), 0, ""
    open_run: "Note | None" = None
    for note in notes:
        number = int(note.id.split(".")[1])
        if note.what != "b":
            open_run = None
            if note.what in "ed":
                ended, dead_id = max(ended, number), note.id if note.what == "d" else ""
            continue
        if open_run and not deaths.get(open_run.pid, float("inf")) < note.at:
            wrong.add(f"{note.id} began while {open_run.id} ran")
        if number not in (ended, ended + 1):
            wrong.add(f"{note.id} began when {ended} had ended")
        if dead_id and number == ended + 1 and not released.get(dead_id, 0) < note.at:
            wrong.add(f"{note.id} began behind {dead_id}, which blocks")
        open_run = note
    return wrong


def prove(store: Store, keys: int, each: int, kills: int, lease_s: int) -> str:
    store.enqueue(tasks(keys, each), "--retry", "1000", "--retry-policy", "fixed:10ms")
    release = Releases(store)
    left = ("pending", "active", "scheduled", "retry")
    with Crew(store, WORKERS, "--concurrency", "8", lease_s=lease_s) as crew:
        while crew.killed < kills:
            time.sleep(0.5)
            crew.kill_one()
            release()

        def over() -> bool:
            release()
            return sum(store.counts().get(state, 0) for state in left) == 0

        wait_for(over, "all to end", 10 * PATIENCE_S)
    by_key: Dict[str, List[Note]] = defaultdict(list)
    for note in store.notes():
        by_key[note.id.split(".")[0]].append(note)
    wrong: Set[str] = set()
    for key, notes in by_key.items():
        numbers = {int(n.id.split(".")[1]) for n in notes if n.what in "ed"}
        released = release.begun if blocks(int(key)) else defaultdict(lambda: -1.0)
        wrong |= faults(notes, crew.deaths, released)
        wrong |= set() if len(numbers) == each else {f"key {key}: {len(numbers)} ended"}
    check(not wrong, f"{len(wrong)} wrong: {sorted(wrong)[:5]}")
    check(len(by_key) == keys, f"{len(by_key)} keys of {keys} ran")
    runs = sum(note.what == "b" for note in store.notes())
    return (f"{keys} keys of {each} tasks, {runs} runs, {crew.killed} workers killed,"
            f" {len(release.begun)} dead ones that blocked: each key in its order, one at a time")
