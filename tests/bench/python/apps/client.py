"""client.py APP ACTION [KIND] COUNT - puts tasks into the queue of one of the apps beside it.

one COUNT         one call a task, one after the other; prints how many a second
many COUNT        a hundred a call; prints how many a second
fill KIND COUNT   the same, told to nobody
idle COUNT        one at a time to a worker that sleeps; prints the median and the 99th
                  percentile of the time from the call to the start, in milliseconds
"""

import asyncio
import importlib
import os
import statistics
import sys
import time

import work

BATCH = 100
TEXT = "x" * 62  # with its quotes 64 bytes of JSON
LONGEST_WAIT_S = 30
VALUES = {
    "noop": lambda count: [TEXT] * count,
    "some": lambda count: list(range(count)),
    "rest": lambda count: [float(os.environ["BENCH_REST"])] * count,
}


async def rate(count, calls):
    """How many tasks a second, over calls of one or many."""
    begun = time.perf_counter()
    for call in calls:
        waiting = call()
        if waiting is not None:
            await waiting
    return count / (time.perf_counter() - begun)


def one_by_one(app, kind, values):
    return (lambda value=value: app.enqueue(kind, value) for value in values)


def in_batches(app, kind, values):
    return (
        lambda start=start: app.enqueue_many(kind, values[start : start + BATCH])
        for start in range(0, len(values), BATCH)
    )


async def idle(app, count):
    """Milliseconds from the call to the start, for tasks sent after pauses."""
    path = os.environ["BENCH_FILE"]
    size = os.path.getsize(path)
    for _ in range(count):
        await asyncio.sleep(0.02)
        waiting = app.enqueue("stamp", time.monotonic_ns())
        if waiting is not None:
            await waiting
        size += work.STAMP.size
        give_up = time.monotonic() + LONGEST_WAIT_S
        while os.path.getsize(path) < size:
            if time.monotonic() > give_up:
                raise SystemExit("no worker has run the task")
            await asyncio.sleep(0.002)
    with open(path, "rb") as file:
        file.seek(-count * work.STAMP.size, os.SEEK_END)
        stamps = list(work.STAMP.iter_unpack(file.read()))
    return sorted((began - sent) / 1e6 for sent, began in stamps)


async def main(name, action, *rest):
    app = importlib.import_module(name)
    if hasattr(app, "connect"):
        await app.connect()
    kind, count = (rest[0] if len(rest) > 1 else "noop"), int(rest[-1])
    if action == "idle":
        times = await idle(app, count)
        print(statistics.median(times), times[min(len(times) - 1, len(times) * 99 // 100)])
        return
    values = VALUES[kind](count)
    if action == "one":
        app_calls = one_by_one(app, kind, values)
    else:
        app_calls = in_batches(app, kind, values)
    print(await rate(count, app_calls))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
