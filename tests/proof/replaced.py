"""Flows over three queues, each in another slot of a Cluster, whose primaries are replaced one
after the other meanwhile: each flow ends, each of its steps has run and ended once as the flow
counts them, and none begins before those that it comes after have ended. Then all servers are
flushed in the middle of flows: they are lost, gofer says so, and what is put from then on runs."""
from __future__ import annotations

import json
import threading
import time
from typing import Dict, List

import events
from stage import PATIENCE_S, Crew, Note, Store, check, wait_for

STORES = ("cluster",)
# An enqueue or an end counts when a replica has it: so no primary's end loses any.
QUERY = "?wait-replicas=1"
FULL = {"flows": 100, "width": 30, "failovers": 40, "every_s": 6.0, "step_ms": 200}
SMOKE = {"flows": 4, "width": 4, "failovers": 2, "every_s": 6.0, "step_ms": 200}
QUEUES = ("a", "b", "c")    # the slots of {a}, {b} and {c} are a third of all apart


def plan(width: int, step_ms: int) -> Dict:
    """One step, then some side by side, then one, each in the next queue."""
    def step(name: str, place: int, after: List[str]) -> Dict:
        return {"name": name, "type": "t", "queue": QUEUES[place % len(QUEUES)],
                "payload": str(step_ms), "after": after}

    middle = [f"m{place}" for place in range(width)]
    return {"steps": [step("first", 0, []),
                      *(step(name, place + 1, ["first"]) for place, name in enumerate(middle)),
                      step("last", 2, middle)]}


def start(store: Store, name: str, wanted: Dict) -> None:
    """However often it takes: who repeats it with the same id starts nothing twice."""
    def started() -> bool:
        done = store.command("flow", "start", "-", "--id", name, text=json.dumps(wanted))
        check(done.returncode in (0, 5), done.stderr.decode())
        return done.returncode == 0

    wait_for(started, f"the flow {name} to start", PATIENCE_S)


def show(store: Store, name: str) -> Dict:
    """None yet: {}: no server tells."""
    done = store.command("flow", "show", name, "--json")
    return json.loads(done.stdout) if done.returncode == 0 else {}


def look_at_order(notes: List[Note], name: str, width: int) -> None:
    def ends(place: int) -> List[float]:
        return [note.at for note in notes if note.what == "e" and note.id == f"{name}:{place}"]

    def begins(place: int) -> float:
        return min(note.at for note in notes
                   if note.what == "b" and note.id == f"{name}:{place}")

    last = width + 1
    for place in range(1, last):
        check(ends(0) and begins(place) >= min(ends(0)), f"{name}:{place} began before the first")
        check(ends(place) and begins(last) >= min(ends(place)),
              f"the last of {name} began before {place} had ended")


def replace(store: Store, failovers: int, every_s: float) -> None:
    for _ in range(failovers):
        events.failover(store.topology)
        time.sleep(every_s)


def flushed(store: Store, width: int, step_ms: int) -> None:
    for name in ("lost1", "lost2"):
        start(store, name, plan(width, 10 * step_ms))
    wait_for(lambda: any(note.what == "b" and note.id.startswith("lost")
                         for note in store.notes()), "a step of them to begin", PATIENCE_S)
    for server in store.topology.primaries():
        server.call("FLUSHALL")
    for name in ("lost1", "lost2"):
        done = store.command("flow", "show", name)
        check(done.returncode == 3 and name.encode() in done.stderr,
              f"of a flow that was flushed: {done.returncode}, {done.stderr.decode()}")
    start(store, "new", plan(width, step_ms))
    wait_for(lambda: show(store, "new").get("state") == "done", "a new flow to end", PATIENCE_S)
    check(show(store, "lost1") == {}, "a lost flow came back")


def prove(store: Store, flows: int, width: int, failovers: int, every_s: float,
          step_ms: int) -> str:
    store.run("ping")
    names = [f"f{number}" for number in range(flows)]
    queues = [word for queue in QUEUES for word in ("--queue", queue)]
    with Crew(store, 3, "--concurrency", "8", *queues) as crew:
        breaker = threading.Thread(target=replace, args=(store, failovers, every_s))
        breaker.start()
        for name in names:
            start(store, name, plan(width, step_ms))
            time.sleep(failovers * every_s / flows)
        breaker.join()
        for name in names:
            wait_for(lambda: "ended_at_ms" in show(store, name), f"the flow {name} to end: "
                     f"{crew.log()}", PATIENCE_S)
        for name in names:
            shown = show(store, name)
            states = {step["state"] for step in shown["steps"]["items"]}
            check(shown["state"] == "done" and states == {"done"},
                  f"the flow {name} is {shown['state']}, its steps {states}")
            look_at_order(store.notes(), name, width)
        runs = sum(note.what == "e" and note.id.startswith("f") for note in store.notes())
        flushed(store, width, step_ms)
    return (f"{flows} flows of {width + 2} steps in 3 slots ended, each in order, over {failovers}"
            f" primaries that were replaced, by {runs} runs; then what was flushed was lost, and"
            " said so")
