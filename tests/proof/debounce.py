"""Sixty-four callers at once and one key: one task, which has what one of the last calls said. And
however long they go on, it is due when the cap says so, counted from the first call."""
from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections import Counter
from typing import Any, Dict, List

from stage import GOFER, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"calls": 2000, "seconds": 60}
SMOKE = {"calls": 20, "seconds": 4}
CALLERS, ROUND_S = 64, 1.0
ROUNDING_MS = 1000      # times of Redis are whole seconds, rounded up


def call(store: Store, calls: int, **options: Any) -> List[Dict]:
    """All callers at once, each so many times: what they were told."""
    command = [GOFER, "enqueue", "--batch", "--json", "--queue", "q"]
    callers = []
    for number in range(CALLERS):
        # Files, for nobody reads what one is told while others are still begun.
        lines, answers = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        for n in range(calls):
            task = {"type": "t", "payload": f"caller {number} call {n}", **options}
            lines.write(json.dumps(task).encode() + b"\n")
        lines.seek(0)
        callers.append((subprocess.Popen(command, stdin=lines, stdout=answers, env=store.env),
                        answers))
        lines.close()
    told: List[Dict] = []
    for caller, answers in callers:
        check(caller.wait() == 0, f"a caller ended with {caller.returncode}")
        answers.seek(0)
        told += json.loads(answers.read())["items"]
        answers.close()
    return told


def one_task(store: Store, calls: int) -> None:
    told = call(store, calls, debounce="1h", max_wait="2h", debounce_key="one")
    effects = Counter(item["effect"] for item in told)
    check(effects == {"created": 1, "replaced": CALLERS * calls - 1}, f"effects: {dict(effects)}")
    ids = {item["id"] for item in told}
    check(len(ids) == 1, f"{len(ids)} tasks")
    payload = store.json("task", "show", ids.pop())["payload"]
    check(payload.endswith(f" call {calls - 1}"), f"the task has what no last call said: {payload}")


def capped(store: Store, seconds: int) -> "tuple[int, float]":
    """Calls that never cease, and a cap that is over before they do."""
    cap_ms = int(seconds * 750)
    debounce, cap = f"{cap_ms * 2 // 3}ms", f"{cap_ms}ms"
    first_ms, until = 0.0, time.monotonic() + seconds
    ids, latest, rounds = set(), 0.0, 0
    while time.monotonic() < until:
        told = call(store, 1, debounce=debounce, max_wait=cap, debounce_key="two")
        first_ms = first_ms or time.time() * 1000      # after the first call, so never before it
        ids |= {item["id"] for item in told}
        rounds += 1
        shown = store.json("task", "show", told[0]["id"])
        latest = max(latest, shown["next_run_at_ms"] - first_ms)
        time.sleep(ROUND_S / 4)
    check(len(ids) == 1, f"{len(ids)} tasks, though none was due to a worker")
    check(latest <= cap_ms + ROUNDING_MS, f"due {latest:.0f} ms after the first call, not {cap}")
    with Crew(store, 1):
        wait_for(lambda: ids <= {note.id for note in store.notes() if note.what == "e"},
                 "the task to run")
    told = call(store, 1, debounce="1h", debounce_key="two")
    check(Counter(item["effect"] for item in told)["created"] == 1, "the next call made no task")
    return rounds * CALLERS, latest / 1000


def prove(store: Store, calls: int, seconds: int) -> str:
    one_task(store, calls)
    rounds, latest = capped(store, seconds)
    return (f"{CALLERS} callers, {CALLERS * calls} calls: one task; {rounds} calls in {seconds} s"
            f" and a cap of {seconds * 0.75:g} s: due {latest:.2f} s after the first at the latest,"
            f" and the next call made another one")
