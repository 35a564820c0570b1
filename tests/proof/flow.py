"""A flow of 10,000 steps in layers, whose workers are killed a thousand times at random: each
step's task is put in once, each step ends once, and the flow ends."""
from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections import Counter
from typing import Dict, List

from stage import PATIENCE_S, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"layers": 20, "width": 500, "kills": 1000, "step_ms": 500, "workers": 8}
SMOKE = {"layers": 6, "width": 8, "kills": 10, "step_ms": 300, "workers": 2}
LEASE_S, AFTER = 3, 3


def plan(layers: int, width: int, step_ms: int) -> str:
    """Each step comes after some of the layer before, by chance."""
    steps = []
    for layer in range(layers):
        for place in range(width):
            step: Dict = {"name": f"{layer}.{place}", "type": "t", "queue": "q",
                          "payload": str(step_ms)}
            if layer:
                before = random.sample(range(width), min(AFTER, width))
                step["after"] = [f"{layer - 1}.{one}" for one in before]
            steps.append(step)
    return json.dumps({"steps": steps}, separators=(",", ":"))  # a plan has 1 MiB at most


class Births:
    """How often each task of the queue has been put in: of SQLite the rows of `ids` that were
    added, of Redis the keys that were not there before."""

    def __init__(self, store: Store) -> None:
        self.store, self.seen = store, Counter()  # type: Store, Counter
        if store.kind == "sqlite":
            self._sql("CREATE TABLE births(n INTEGER PRIMARY KEY, id TEXT);"
                      "CREATE TRIGGER birth AFTER INSERT ON ids BEGIN"
                      "  INSERT INTO births(id) VALUES(NEW.id); END;")
            return
        server = store.topology.data[0]
        server.call("CONFIG", "SET", "notify-keyspace-events", "En")
        self.connection = server.connect(timeout=3600)
        self.connection("SUBSCRIBE", "__keyevent@0__:new", "proof")
        self.connection.reply()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _sql(self, script: str) -> None:
        db = sqlite3.connect(self.store.db, timeout=60)
        db.executescript(script)
        db.close()

    def _listen(self) -> None:
        front = b"asynq:{q}:t:"
        while True:
            _, channel, key = self.connection.reply()
            if channel == b"proof":
                return
            if key.startswith(front):
                self.seen[key[len(front):].decode()] += 1

    def end(self) -> "Counter[str]":
        if self.store.kind == "sqlite":
            db = sqlite3.connect(self.store.db, timeout=60)
            self.seen.update(id for (id,) in db.execute("SELECT id FROM births"))
            db.close()
        else:
            self.store.topology.data[0].call("PUBLISH", "proof", "over")
            self.thread.join(60)
        return self.seen


def look(store: Store, flow: str, count: int, births: "Counter[str]") -> None:
    """At what has become of the flow."""
    shown = store.json("flow", "show", flow)
    states = Counter(step["state"] for step in shown["steps"]["items"])
    check(shown["state"] == "done" and states == {"done": count},
          f"the flow is {shown['state']}, its steps {dict(states)}")
    ids = {f"{flow}:{number}" for number in range(count)}
    check(set(births) == ids and max(births.values()) == 1,
          f"{len(births)} tasks were put in, of {count}, some {max(births.values())} times")
    counts = store.counts()
    check(counts["processed"] == count, f"{counts['processed']} ends were counted, of {count}")
    ran = {note.id for note in store.notes() if note.what == "e"}
    check(ran == ids, f"{len(ran)} steps ran, of {count}")


def disturb(crew: Crew, kills: int) -> None:
    while crew.killed < kills:
        time.sleep(random.uniform(0.05, 0.3))
        crew.kill_one()


def prove(store: Store, layers: int, width: int, kills: int, step_ms: int,
          workers: int) -> str:
    store.run("ping")
    births = Births(store)
    store.run("flow", "start", "-", "--id", "f", text=plan(layers, width, step_ms))
    began = time.monotonic()
    with Crew(store, workers, "--concurrency", "8", lease_s=LEASE_S) as crew:
        disturb(crew, kills)

        def ended() -> bool:
            return "ended_at_ms" in store.json("flow", "ls")["items"][0]

        early = ended()
        wait_for(ended, "the flow to end", 4 * PATIENCE_S)
    took = time.monotonic() - began
    look(store, "f", layers * width, births.end())
    begun = sum(note.what == "b" for note in store.notes())
    killed_in: List[str] = [f"{crew.killed} workers killed"] + ["(some after its end)"] * early
    return (f"{layers * width} steps in {layers} layers, {' '.join(killed_in)}, {begun} runs begun:"
            f" each task put in once, each end counted once, ended after {took:.0f} s")
