"""A rate of a hundred in six seconds and a burst of twenty over ten such periods, with tasks always
waiting: by the store's time no stretch of any length has more starts than burst and rate allow, and
the whole comes within one of it."""
from __future__ import annotations

from typing import List

from history import Claims
from stage import PATIENCE_S, Crew, Store, check, wait_for

STORES = ("sqlite", "redis")
FULL = {"periods": 10}
SMOKE = {"periods": 1}
RATE, PERIOD_S, BURST = 100, 6, 20
EACH_S = PERIOD_S / RATE
# A script of Redis starts with a look at the clock; when it takes tasks is told a little later.
SLACK_S = 0.02


def most_over(starts: List[float]) -> float:
    """By how many starts the worst stretch is above what it may have."""
    worst, least = -float(BURST), float("inf")
    for number, at in enumerate(starts):
        spent = number - at / EACH_S
        least = min(least, spent)
        worst = max(worst, spent - least + 1 - BURST)
    return worst


def prove(store: Store, periods: int) -> str:
    store.run("limit", "put", "k", "--rate", f"{RATE}/{PERIOD_S}s", "--burst", str(BURST))
    count = periods * RATE + BURST
    store.enqueue({"type": "t", "limits": ["k"]} for _ in range(count + 2 * BURST))
    claims = Claims(store)
    with Crew(store, 2, "--concurrency", "8"):
        wait_for(lambda: store.ended() >= count, "the tasks to run", PATIENCE_S)
    starts = [event.at for event in claims.end() if event.what == "take"]
    over = most_over(starts)
    check(over <= SLACK_S / EACH_S, f"{over:.2f} starts more than a stretch may have")
    last = [at for at in starts if at > starts[-1] - PERIOD_S]
    left = [BURST + (at - starts[0]) / EACH_S - number - 1 for number, at in enumerate(starts)]
    short = min(left[-len(last):])
    check(short <= 1, f"{short:.2f} starts less than the whole may have")
    return (f"{len(starts)} starts in {starts[-1] - starts[0]:.1f} s, the worst stretch at"
            f" {over:+.2f} of what it may have, the whole at {-short:+.2f}")
