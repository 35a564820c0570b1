"""A limit becomes 5, 50, 2 and none while many tasks wait for it: no take by the store's own order
of events is above the number of its time, more run within a second of it, every task runs once, and
all are taken in the order in which they came."""
from __future__ import annotations

import time
from typing import Dict, List, NamedTuple

from history import Claims, Event, running
from stage import MARGIN_S, PATIENCE_S, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"tasks": 100000, "pause_s": 20}
SMOKE = {"tasks": 4000, "pause_s": 1}
ALL = 10 ** 9


class Step(NamedTuple):
    """A number, and when it was asked for and held."""

    asked: float
    held: float
    most: int


def put(store: Store, most: int) -> Step:
    asked = time.time()
    if most == ALL:
        store.run("limit", "rm", "k")
    else:
        store.run("limit", "put", "k", "--concurrency", str(most))
    return Step(asked, time.time(), most)


def at_work(events: List[Event], steps: List[Step]) -> Dict[int, float]:
    """No take is above the number of its time; how long it took until more ran than before."""
    took: Dict[int, float] = {}
    place = 0
    for event, now in running(events):
        while place + 1 < len(steps) and event.at >= steps[place + 1].asked:
            place += 1
        step = steps[place]
        if event.what != "take" or event.at < step.held:
            continue    # while one number takes the place of another, either may be looked at
        check(now <= step.most,
              f"{now} ran at a time {event.at - step.held:.2f} s after {step.most} were allowed")
        if place and step.most > steps[place - 1].most and now > steps[place - 1].most:
            took.setdefault(step.most, event.at - step.held)
    return took


def prove(store: Store, tasks: int, pause_s: int) -> str:
    steps = [put(store, 5)]
    ids = [f"{number:07}" for number in range(tasks)]
    store.enqueue({"type": "t", "payload": "40", "id": id, "limits": ["k"]} for id in ids)
    claims = Claims(store)
    with Crew(store, 8, "--concurrency", "10"):
        for most in (50, 2, ALL):
            time.sleep(pause_s)
            steps.append(put(store, most))
        wait_for(lambda: store.ended() >= tasks, "the tasks to run", 10 * PATIENCE_S)
    events = claims.end()
    took = at_work(events, steps)
    for most in (50, ALL):
        check(took.get(most, ALL) <= 1 + MARGIN_S, f"no more ran when {most} were allowed: {took}")
    done = sorted(note.id for note in store.notes() if note.what == "e")
    check(done == ids, f"{len(done)} runs of {len(set(done))} tasks, of {tasks}")
    taken = [event.id for event in events if event.what == "take"]
    check(taken == ids, "they were not taken in their order, from "
          + str(next((pair for pair in zip(taken, ids) if pair[0] != pair[1]), len(taken))))
    return (f"{tasks} tasks, each run once and all taken in order; more ran {took[50]:.2f} s after"
            f" 5 became 50, and {took[ALL]:.2f} s after 2 became none")
