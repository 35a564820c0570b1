"""What the tasks of every queue do: the same functions, so that only the queues differ.

The store is $BENCH_STORE, and what tasks have to tell goes to the file $BENCH_FILE.
"""

import os
import struct
import time

STORE = os.environ["BENCH_STORE"]
STAMP = struct.Struct("=qq")
_told = os.open(os.environ["BENCH_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class Failure(Exception):
    """What three of ten tasks of `some` end with."""


def noop(text: str) -> None:
    """Nothing, with an argument of 64 bytes."""


def stamp(sent_ns: int) -> None:
    """Tells when it was sent and when it began, by the clock of the machine."""
    os.write(_told, STAMP.pack(sent_ns, time.monotonic_ns()))


def some(number: int) -> None:
    """Three of ten fail."""
    if number % 10 < 3:
        raise Failure(f"number {number} is one of those")


async def rest(seconds: float) -> None:
    """Waits on the event loop; tells that it has begun."""
    import asyncio  # those that have no coroutines need not load it

    os.write(_told, STAMP.pack(0, time.monotonic_ns()))
    await asyncio.sleep(seconds)
