"""waits - the waits of an application for the ends of its tasks: any number, in one thread.

The library waits for all of them on one connection (gofer_waits), and has a descriptor that is
readable when one is over. The thread sleeps on that and on a pipe, by which it hears of new waits,
of those that were given up, and of a fork or a close, for which it lets go of the client at once;
after it, it begins all its waits anew. Who waits is told by a queue of his own, or by a future of
his loop, one call into the loop for all that are over at a time.

Threads: any, and any number of loops. Locks: none that is shared (see holds.py). fork: the waits
of the parent are the parent's; a child starts a thread of its own.
"""

from __future__ import annotations

import copy
import itertools
import os
import select
import threading
import time
import weakref
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

from .errors import NotFound, WrongState
from .events import Outcome
from .holds import Turn
from .snapshot import read

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from .client import Client, EndWaits
    from .connection import Connection

# What came of a wait.
Fate = Union[Outcome, BaseException]

LONGEST_S = 1e6  # of one sleep; threading.TIMEOUT_MAX may be less than a duration of gofer's


class Entry(NamedTuple):
    """One who waits: in a thread (box), or in a loop."""

    task_id: str
    queue: Optional[str]
    box: Optional[SimpleQueue[Fate]]
    loop: Optional[asyncio.AbstractEventLoop] = None
    future: Optional[asyncio.Future[Optional[Outcome]]] = None


class Waits:
    """The waits of a Connection. Its client is opened when there are some."""

    def __init__(self, connection: Connection) -> None:
        self._connection = weakref.ref(connection)
        self._beginning = Turn()
        self._tags = itertools.count(1)
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._entries: dict[int, Entry] = {}
        self._words: SimpleQueue[int] = SimpleQueue()  # tags of those that are new, or given up
        self._begun: set[int] = set()  # the thread's: those that the library waits for,
        self._again: set[int] = set()  #   those that it has waited for at some time,
        self._at: Optional[weakref.ref[EndWaits]] = None  # by which waits
        self._thread: Optional[threading.Thread] = None
        self._pipe: tuple[int, int] | None = None
        self._forget: Callable[[], object] = int  # the close that wakes the thread to its end

    def after_fork_in_child(self) -> None:
        pipe = self._pipe
        self._forget()  # else it is closed twice
        self._beginning = Turn()
        self._start()
        for descriptor in pipe or ():
            os.close(descriptor)

    # ---- waiting ------------------------------------------------------------------

    def wait(self, task_id: str, queue: str | None, timeout_ms: int) -> Outcome:
        """In this thread; negative timeout_ms: for ever. Errors: as Gofer.wait."""
        if timeout_ms == 0:
            return self.look(task_id, queue)
        end = time.monotonic() + timeout_ms / 1000 if timeout_ms > 0 else float("inf")
        box: SimpleQueue[Fate] = SimpleQueue()
        tag = next(self._tags)
        try:
            self._begin(tag, Entry(task_id, queue, box))
            while True:
                left = end - time.monotonic()
                try:
                    return _given(box.get(timeout=max(min(left, LONGEST_S), 0)))
                except Empty:
                    if left <= LONGEST_S:
                        break
        finally:
            self._give_up(tag)
        return self.look(task_id, queue)  # or Timeout; it may not have been asked for so far

    async def await_end(self, task_id: str, queue: str | None, timeout_ms: int) -> Outcome:
        """The same in a coroutine of any loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        if timeout_ms != 0:
            future: asyncio.Future[Optional[Outcome]] = loop.create_future()
            tag = next(self._tags)
            timer = None
            try:
                self._begin(tag, Entry(task_id, queue, None, loop, future))
                if timeout_ms > 0:
                    timer = loop.call_later(timeout_ms / 1000, _end, future, None)
                outcome = await future
            finally:
                if timer is not None:
                    timer.cancel()
                self._give_up(tag)
            if outcome is not None:
                return outcome
        return await loop.run_in_executor(None, self.look, task_id, queue)

    def look(self, task_id: str, queue: str | None) -> Outcome:
        """Its end, if it has ended. Errors: Timeout: it has not; NotFound."""
        with self._the_connection().use() as client:
            return read(Outcome, client.wait(task_id, queue, 0))

    def _the_connection(self) -> Connection:
        connection = self._connection()
        if connection is None:
            raise RuntimeError("the application is gone")
        return connection

    # ---- words to the thread --------------------------------------------------------

    def _begin(self, tag: int, entry: Entry) -> None:
        if self._thread is None or self._pid != os.getpid():
            self._start_thread()
        self._entries[tag] = entry
        self._words.put(tag)
        self.wake()

    def _give_up(self, tag: int) -> None:
        if self._entries.pop(tag, None) is not None:
            self._words.put(tag)
            self.wake()

    def wake(self) -> None:
        """Make the thread look at its words, and whether it has to let go of the client."""
        pipe = self._pipe
        if pipe is not None and self._pid == os.getpid():
            try:
                os.write(pipe[1], b".")
            except BlockingIOError:
                pass  # full: it will look

    def _start_thread(self) -> None:
        if self._pid != os.getpid():  # forked by C code that told Python nothing
            self.after_fork_in_child()
        with self._beginning.take():
            if self._thread is not None:
                return
            if self._pipe is None:
                self._pipe = os.pipe()
                os.set_blocking(self._pipe[0], False)
                os.set_blocking(self._pipe[1], False)
                # One step, of what nobody else closes: the thread, which may have found out before,
                # closes the other end alone.
                farewell = weakref.finalize(self, os.close, self._pipe[1])
                farewell.atexit = False
                self._forget = farewell.detach
            thread = threading.Thread(
                target=_serve, args=(self._pipe, weakref.ref(self)), name="gofer-waits",
                daemon=True,
            )  # fmt: skip
            self._thread = thread
            thread.start()

    # ---- what the thread does -------------------------------------------------------

    def serve(self, pipe: tuple[int, int]) -> None:
        """Until nobody waits."""
        while self._entries or self._has_to_remove():
            fates: list[tuple[int, Fate]] = []
            try:
                with self._the_connection().use() as client:
                    try:
                        with client.held():
                            fates = self._gather(client, pipe[0])
                    except WrongState:
                        if not client.closed:  # else closed just now: the next is opened
                            raise
            except Exception as error:  # it cannot be opened: they all hear of it
                fates = [(tag, copy.copy(error)) for tag in list(self._entries)]
            # Without the client: who is told may close the application at once.
            self._tell(fates)

    def _has_to_remove(self) -> bool:
        """Who waited last has given up, and the library still waits."""
        waits = self._at() if self._at is not None else None
        return waits is not None and not waits.released and not self._words.empty()

    def _gather(self, client: Client, wakes: int) -> list[tuple[int, Fate]]:
        """Those that are over; none: the client has to be let go of, or nobody waits."""
        waits = client.waits()
        if self._at is None or self._at() is not waits:
            self._at = weakref.ref(waits)
            self._again |= self._begun
            self._begun.clear()
            for tag in list(self._entries):
                self._pass_on(waits, tag)
        self._take_words(waits, wakes)
        if self._must_let_go(client) or not self._entries:
            return []
        sleep = select.poll()
        sleep.register(wakes, select.POLLIN)
        sleep.register(waits.fd, select.POLLIN)
        sleep.poll()
        self._take_words(waits, wakes)
        return self._take_fates(waits)

    def _must_let_go(self, client: Client) -> bool:
        connection = self._connection()
        return connection is None or connection.wants_back(client)

    def _take_words(self, waits: EndWaits, wakes: int) -> None:
        try:
            while len(os.read(wakes, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                tag = self._words.get_nowait()
            except Empty:
                return
            self._pass_on(waits, tag)

    def _pass_on(self, waits: EndWaits, tag: int) -> None:
        entry = self._entries.get(tag)
        if entry is None:
            if tag in self._begun:
                waits.remove(tag)
            self._begun.discard(tag)
            self._again.discard(tag)
        elif tag not in self._begun:
            try:
                waits.add(tag, entry.task_id, entry.queue)
                self._begun.add(tag)
            except Exception as error:
                self._tell([(tag, error)])

    def _take_fates(self, waits: EndWaits) -> list[tuple[int, Fate]]:
        fates: list[tuple[int, Fate]] = []
        for tag, fate in waits.told():
            self._begun.discard(tag)
            entry = self._entries.get(tag)
            if entry is None:
                continue
            if isinstance(fate, NotFound) and tag in self._again:
                # It ended between two waits for it, and the store has not kept it for the second.
                fates.append((tag, Outcome(entry.task_id, entry.queue or "", "gone", None, None,
                    None, False)))  # fmt: skip
            elif isinstance(fate, BaseException):
                fates.append((tag, fate))
            else:
                fates.append((tag, read(Outcome, fate)))
        return fates

    def _tell(self, fates: list[tuple[int, Fate]]) -> None:
        by_loop: dict[int, tuple[asyncio.AbstractEventLoop, list[tuple[Entry, Fate]]]] = {}
        for tag, fate in fates:
            self._again.discard(tag)
            entry = self._entries.pop(tag, None)
            if entry is None:
                continue
            if entry.box is not None:
                entry.box.put(fate)
            elif entry.loop is not None:
                by_loop.setdefault(id(entry.loop), (entry.loop, []))[1].append((entry, fate))
        for loop, told in by_loop.values():
            try:
                loop.call_soon_threadsafe(_end_all, told)
            except RuntimeError:
                pass  # the loop was closed meanwhile: nobody waits any more


def _serve(pipe: tuple[int, int], ref: weakref.ref[Waits]) -> None:
    """The thread: it keeps an application only while somebody waits."""
    idle = select.poll()
    idle.register(pipe[0], select.POLLIN)
    while True:
        idle.poll()
        waits = ref()
        if waits is None:
            os.close(pipe[0])
            return
        if not waits._entries:  # a wait that was given up, or a fork
            try:
                os.read(pipe[0], 4096)
            except BlockingIOError:
                pass
        waits.serve(pipe)
        del waits


def _given(fate: Fate) -> Outcome:
    if isinstance(fate, BaseException):
        raise fate
    return fate


def _end(future: asyncio.Future[Optional[Outcome]], fate: Fate | None) -> None:
    if future.done():
        return  # cancelled meanwhile
    if isinstance(fate, BaseException):
        future.set_exception(fate)
    else:
        future.set_result(fate)


def _end_all(told: list[tuple[Entry, Fate]]) -> None:
    for entry, fate in told:
        assert entry.future is not None
        _end(entry.future, fate)
