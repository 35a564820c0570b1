"""A fan-in of 100,000: ten flows of as many steps as a plan may have, of which one joins all
others. Each join runs once, and after all of its parts."""
from __future__ import annotations

import json
import time
from typing import Dict

from stage import PATIENCE_S, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"flows": 10, "parts": 9999}
SMOKE = {"flows": 2, "parts": 200}


def prove(store: Store, flows: int, parts: int) -> str:
    steps = [{"name": f"part-{n}", "type": "part", "queue": "q"} for n in range(parts)]
    steps.append({"name": "join", "type": "join", "queue": "q", "after": "part-*"})
    began = time.monotonic()
    for number in range(flows):
        store.run("flow", "start", "-", "--id", f"f{number}", text=json.dumps({"steps": steps}))
    started = time.monotonic() - began
    with Crew(store, 2, "--concurrency", "8"):
        wait_for(lambda: all("ended_at_ms" in one for one in store.json("flow", "ls")["items"]),
                 "the flows to end", 4 * PATIENCE_S)
    took = time.monotonic() - began
    ended: Dict[str, int] = {f"f{number}": 0 for number in range(flows)}
    joins = 0
    for note in store.notes():
        flow = note.id.split(":")[0]
        if note.type == b"join" and note.what == "b":
            joins += 1
            check(ended[flow] == parts, f"{note.id} began when {ended[flow]} parts had ended")
        ended[flow] += note.type == b"part" and note.what == "e"
    check(joins == flows, f"{joins} joins ran, of {flows}")
    states = {one["id"]: one["state"] for one in store.json("flow", "ls")["items"]}
    check(set(states.values()) == {"done"}, f"the flows are {states}")
    return (f"{flows} flows of {parts} parts and a join, started in {started:.1f} s, ended after"
            f" {took:.1f} s: each join ran once, after all its parts")
