"""One tenant with very many tasks, and 999 who come after it with ten each: each of these is done
within twice its fair time, counted in takes."""
from __future__ import annotations

from collections import Counter
from typing import Dict, Iterator

from history import Claims
from stage import PATIENCE_S, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"many": 1000000, "others": 999}
SMOKE = {"many": 2000, "others": 20}
EACH = 10


def tasks(many: int, others: int) -> Iterator[Dict]:
    for number in range(many):
        yield {"type": "t", "id": f"many.{number}", "tenant": "many"}
    for tenant in range(others):
        for number in range(EACH):
            yield {"type": "t", "id": f"t{tenant}.{number}", "tenant": f"t{tenant}"}


def prove(store: Store, many: int, others: int) -> str:
    store.enqueue(tasks(many, others))
    claims = Claims(store)

    def small() -> int:
        return sum(note.what == "e" and note.id[0] == "t" for note in store.notes())

    with Crew(store, 2, "--concurrency", "4"):
        wait_for(lambda: small() >= others * EACH, "the others to be done", PATIENCE_S)
    served: Counter = Counter()
    worst = 0.0
    for take, event in enumerate((e for e in claims.end() if e.what == "take"), 1):
        tenant = event.id.split(".")[0]
        served[tenant] += 1
        if tenant != "many":
            worst = max(worst, take / (served[tenant] * (others + 1)))
    check(worst <= 2, f"a task was taken at {worst:.2f} of its fair time")
    check(all(served[f"t{tenant}"] == EACH for tenant in range(others)), "some were taken twice")
    return (f"{many} tasks of one tenant and {others} others of {EACH}: the worst was taken at"
            f" {worst:.3f} of its fair time, when the one had had {served['many']}")
