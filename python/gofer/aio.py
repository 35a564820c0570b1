"""aio - puts tasks in for asyncio: many callers' tasks in one call of the library.

One thread for each application takes what all loops have handed over since its last call, puts it
in with enqueue_many, so that thousands of awaits share commits, and tells each loop once for all of
its own. No thread is started for a call and none waits for one: while a commit is under way the
next batch gathers by itself, and an idle application's task goes at once.

Knows no store: the application gives what puts a batch in.

Threads: any, and any number of loops. fork: what the parent has handed over stays the parent's; a
child starts a thread of its own.
"""

from __future__ import annotations

import asyncio
import copy
import os
import re
import threading
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple, Union

from .errors import GoferError
from .holds import Turn
from .task import Item, Result

PutMany = Callable[[list[Item]], list[Result]]

# Of one batch: so that the first of many are told soon, and a fork waits for no more than this.
MOST = 1000
MOST_BYTES = 4 << 20


class Entry(NamedTuple):
    """What one await has handed over."""

    items: list[Item]
    future: asyncio.Future[list[Result]]
    loop: asyncio.AbstractEventLoop

    def size(self) -> int:
        return sum(len(item.payload) for item in self.items)


# What is handed over. A queue is told when all before it is in; None ends the thread.
Word = Union[Entry, "SimpleQueue[None]", None]
Batch = list[Entry]


class Batcher:
    """Puts tasks in for asyncio. put_many: puts in a batch, in the thread of this Batcher."""

    def __init__(self, put_many: PutMany) -> None:
        self._put_many = put_many
        self._start()

    def _start(self) -> None:
        self._line: SimpleQueue[Word] = SimpleQueue()
        self._beginning = Turn()  # a signal handler may come in between
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    async def put(self, items: list[Item]) -> list[Result]:
        """Their fates, in order. Cancelling does not take the tasks back. Raises what concerns the
        whole batch."""
        if not items:
            return []
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Result]] = loop.create_future()
        if self._thread is None or self._pid != os.getpid():
            self._begin()
        self._line.put(Entry(items, future, loop))
        return await future

    def _begin(self) -> None:
        if self._pid != os.getpid():
            self._start()
        with self._beginning.take():
            if self._thread is not None:
                return
            line = self._line
            thread = threading.Thread(
                target=_serve, args=(line, weakref.WeakMethod(self.put_now)), name="gofer-aio",
                daemon=True,
            )  # fmt: skip
            thread.start()
            self._thread = thread
            weakref.finalize(self, line.put, None).atexit = False

    def put_now(self, items: list[Item]) -> list[Result]:
        return self._put_many(items)

    def flush(self) -> None:
        """Wait until what was handed over before is in, or refused."""
        if self._thread is None or self._pid != os.getpid():
            return
        if self._thread is threading.current_thread():
            return  # a garbage collection there closes the application
        done: SimpleQueue[None] = SimpleQueue()
        self._line.put(done)
        while self._thread.is_alive():
            try:
                return done.get(timeout=1)
            except Empty:
                pass


def _serve(line: SimpleQueue[Word], put_many: weakref.WeakMethod[PutMany]) -> None:
    held: Word = None
    while True:
        entry = held if held is not None else line.get()
        held = None
        if entry is None:
            return
        if isinstance(entry, SimpleQueue):
            entry.put(None)
            continue
        batch, held, ended = _gather(entry, line)
        _put(batch, put_many())
        del entry, batch
        if ended:
            return


def _gather(first: Entry, line: SimpleQueue[Word]) -> tuple[Batch, Word, bool]:
    """A batch of what is there now; what is the next one's; whether nothing follows."""
    batch = [first]
    count, size = len(first.items), first.size()
    while count < MOST and size < MOST_BYTES:
        try:
            entry = line.get_nowait()
        except Empty:
            break
        if entry is None:
            return batch, None, True
        if isinstance(entry, SimpleQueue):
            return batch, entry, False
        count += len(entry.items)
        size += entry.size()
        if count > MOST or size > MOST_BYTES:
            return batch, entry, False
        batch.append(entry)
    return batch, None, False


def _put(batch: Batch, put_many: PutMany | None) -> None:
    fates: list[list[Result] | BaseException]
    try:
        if put_many is None:
            raise RuntimeError("the application is gone")
        results = put_many([item for entry in batch for item in entry.items])
    except BaseException as error:
        # one for each, since whoever raises it adds its own traceback
        fates = [copy.copy(error) for _ in batch]
    else:
        fates, at = [], 0
        for entry in batch:
            end = at + len(entry.items)
            fates.append(_own(results[at:end]))
            at = end
    by_loop: dict[int, tuple[asyncio.AbstractEventLoop, list[tuple[Entry, object]]]] = {}
    for entry, fate in zip(batch, fates):
        by_loop.setdefault(id(entry.loop), (entry.loop, []))[1].append((entry, fate))
    for loop, told in by_loop.values():
        try:
            loop.call_soon_threadsafe(_tell, told)
        except RuntimeError:
            pass  # the loop was closed meanwhile: nobody waits any more


def _tell(told: list[tuple[Entry, object]]) -> None:
    for entry, fate in told:
        if entry.future.done():
            continue  # cancelled meanwhile
        if isinstance(fate, BaseException):
            entry.future.set_exception(fate)
        else:
            entry.future.set_result(fate)  # type: ignore[arg-type]


_PLACE = re.compile(r"task (\d+) of the batch")


def _own(results: list[Result]) -> list[Result]:
    """The results of one await, whose errors do not speak of places in a batch that it did not
    make."""
    for index, result in enumerate(results):
        if result.error is not None:
            results[index] = Result(None, _own_error(result.error, index, len(results)))
    return results


def _own_error(error: GoferError, index: int, count: int) -> GoferError:
    text = str(error)
    place = _PLACE.match(text)
    if place is None:
        return error
    rest = text[place.end() :]
    if count > 1:
        return type(error)(f"task {index} of the batch{rest}", error.status)
    return type(error)(rest.lstrip(",: "), error.status)
