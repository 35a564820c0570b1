"""Five at a time over eight workers, one of which is killed each second: by the store's own order
of events never six claims are valid at a time, and when nobody is killed any more five handlers run
again within a lease and the five seconds in which workers look for leases that have run out."""
from __future__ import annotations

import time

from history import Claims, running
from stage import MARGIN_S, PATIENCE_S, Crew, Store, check, most_at_once, wait_for

STORES = ("sqlite", "redis")
FULL = {"seconds": 120, "lease_s": 10, "tasks": 20000}
SMOKE = {"seconds": 4, "lease_s": 3, "tasks": 3000}
MOST, WORKERS, LOOK_S = 5, 8, 5


def prove(store: Store, seconds: int, lease_s: int, tasks: int) -> str:
    store.run("limit", "put", "k", "--concurrency", str(MOST))
    store.enqueue({"type": "t", "payload": "50", "limits": ["k"]} for _ in range(tasks))
    claims = Claims(store)
    with Crew(store, WORKERS, "--concurrency", "4", lease_s=lease_s) as crew:
        crew.kill_for(seconds, every=1)
        calm = time.monotonic()

        def back() -> float:
            later = [note for note in store.notes() if note.at > calm and note.pid in crew.pids()]
            ended = {(note.id, note.attempt) for note in later if note.what == "b"}
            pairs = [note for note in later if (note.id, note.attempt) in ended]
            return next((at for at, now in most_at_once(pairs) if now == MOST), 0)

        took = wait_for(back, "five to run again", PATIENCE_S) - calm
    counts = [number for _, number in running(claims.end())]
    check(max(counts) <= MOST, f"{max(counts)} claims were valid at a time")
    promised = lease_s + LOOK_S + MARGIN_S
    check(took <= promised, f"five ran again after {took:.1f} s, not within {promised} s")
    return (f"{crew.killed} of {WORKERS} workers killed, {len(counts)} events of claims, never more"
            f" than {max(counts)} valid; five ran again {took:.1f} s after the last kill"
            f" (lease {lease_s} s)")
