"""asyncio_enqueue.py [TASKS] - awaits of aenqueue at once, beside a thread for each call.

    PYTHON tests/bench/asyncio_enqueue.py 5000

Measures and judges nothing. Each round runs both ways in turn, in a file of its own; the last line
is the median of the rounds' ratios. Needs the package gofer.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import gofer

ROUNDS = 5
Way = Callable[[gofer.Gofer], Awaitable[object]]


async def shared(app: gofer.Gofer) -> object:
    return await app.aenqueue("t", b"x" * 64)


async def threads(app: gofer.Gofer) -> object:
    return await asyncio.to_thread(app.enqueue, "t", b"x" * 64)


def seconds(way: Way, count: int, at_once: int) -> float:
    with tempfile.TemporaryDirectory() as folder, gofer.Gofer(f"{folder}/bench.db") as app:
        app.ping()

        async def main() -> float:
            await way(app)
            begun = time.perf_counter()
            for _ in range(0, count, at_once):
                await asyncio.gather(*(way(app) for _ in range(at_once)))
            return time.perf_counter() - begun

        return asyncio.run(main())


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    for at_once in (count, 100, 1):
        tasks = count if at_once > 1 else max(count // 10, 1)
        ratios = []
        for _ in range(ROUNDS):
            one, other = seconds(shared, tasks, at_once), seconds(threads, tasks, at_once)
            ratios.append(other / one)
            print(f"{at_once} at once: {tasks / one:.0f}/s, in threads {tasks / other:.0f}/s")
        print(f"{at_once} at once: {statistics.median(ratios):.2f} times as many")


if __name__ == "__main__":
    print(f"gofer {gofer.version}, {Path(sys.executable).name} {sys.version.split()[0]}")
    main()
