"""events - how tasks end, and listening to what happens to them.

Listening blocks in the library, which Python cannot interrupt: so it is done in turns, and for
asyncio in a thread of its own. A fork ends the turns that are under way; they go on after it.
Waiting for the end of a task is in waits.py.

Threads: any, but an Events object is for one at a time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from .client import Client, Listener
from .errors import Timeout
from .holds import Turn
from .snapshot import (
    data_if, flag_of, number_if, number_of, read, span_if, text_if, text_of, time_if,
)
from .times import Duration, duration_ms

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Use = Callable[[], AbstractContextManager[Client]]

LISTEN_TURN_MS = 500


@dataclass(frozen=True)
class Outcome:
    """How a task ended."""

    id: str = text_of("id")
    queue: str = text_of("queue")
    outcome: str = text_of("outcome")
    """"done", "archived", "cancelled", "expired", "revoked", "deleted", or "gone": it is not there
    any more, and how it ended is not known: it was done and not kept, or deleted; what fails for
    good stays as archived."""
    result: Optional[bytes] = data_if("result")
    """What its handler left, if it is done."""
    last_error: Optional[str] = text_if("last_error")
    finished_at: Optional[datetime] = time_if("finished_at_ms")
    decrypted: bool = flag_of("decrypted")
    """The result came encrypted, and the client's keys opened it."""

    @property
    def ok(self) -> bool:
        return self.outcome == "done"

    def json(self) -> Any:
        """The result decoded from JSON; None if there is none. ValueError: it is not JSON."""
        return json.loads(self.result) if self.result else None


@dataclass(frozen=True)
class Event:
    """Something that happened to a task. What does not apply is None."""

    event: str = text_of("event")
    """"enqueued", "replaced", "started", "done", "retried", "archived", "cancelled", "revoked",
    "expired", "snoozed", "requeued", "progress" or "log"."""
    at: Optional[datetime] = time_if("at_ms")
    id: str = text_of("id")
    type: str = text_of("type")
    queue: str = text_of("queue")
    worker: Optional[str] = text_if("worker")
    attempt: Optional[int] = number_if("attempt")
    duration: Optional[timedelta] = span_if("duration_ms")
    error: Optional[str] = text_if("error")
    progress_done: Optional[int] = number_if("progress_done")
    progress_total: Optional[int] = number_if("progress_total")
    progress_text: Optional[str] = text_if("progress_text")
    level: Optional[str] = text_if("level")
    text: Optional[str] = text_if("text")
    lost: int = number_of("lost")
    """How many events were lost before this one."""
    more: int = number_of("more")
    """How many further ones of this event and queue there were; of events(sums=True)."""


def _in_thread(function: Callable[[Future[T]], T]) -> Future[T]:
    """Run it in a thread of its own, which does not keep the program from ending. It may look
    whether its future was cancelled."""
    from concurrent.futures import Future, InvalidStateError  # late: it takes milliseconds

    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function(future)
        except BaseException as error:
            try:
                future.set_exception(error)
            except InvalidStateError:
                pass  # nobody waits for it
        else:
            try:
                future.set_result(result)
            except InvalidStateError:
                pass

    threading.Thread(target=run, name="gofer", daemon=True).start()
    return future


# ---- listening -------------------------------------------------------------------------


class Events:
    """What happens to tasks, live: an iterator and an async iterator of Event.

    with app.events(timeout="10s") as events:
        for event in events:
            print(event.event, event.id)

    timeout  ends the iteration when nothing has happened for so long; None: never
    sums     of what happens fast, some are told, and in Event.more how many further ones there
             were: it costs workers next to nothing

    It listens from the with (or the first step) on; other programs tell it within a second. Nothing
    is kept for who does not listen, and a listener that is too slow loses events: Event.lost tells.
    After a fork or app.close() it listens anew, from its next step on. Leaving the with, or
    close(), ends it.
    """

    def __init__(self, use: Use, timeout: Duration | None, sums: bool = False) -> None:
        self._use = use
        self._sums = sums
        self._timeout_ms = None if timeout is None else duration_ms(timeout, "timeout")
        # held by who uses the listener; a signal handler may close it
        self._turn = Turn()
        self._listener: Listener | None = None
        self._client: Client | None = None
        self._closed = False
        self._coming: Future[Event] | None = None  # of an async step that was cancelled, too

    def _listen(self, client: Client) -> Listener:
        # Locks: _turn held
        if self._listener is None or self._client is not client:
            self._client, self._listener = client, client.listen(sums=self._sums)
        return self._listener

    def _open(self) -> None:
        with self._turn.take(), self._use() as client:
            self._listen(client)

    def _next(self) -> Event:
        """Timeout: nothing happened. StopIteration cannot be raised into a future."""
        end = None if self._timeout_ms is None else time.monotonic() + self._timeout_ms / 1000
        while not self._closed:
            left = LISTEN_TURN_MS if end is None else int((end - time.monotonic()) * 1000)
            with self._turn.take(), self._use() as client:
                if self._closed:
                    break
                try:
                    return read(Event, self._listen(client).next(min(max(left, 0), LISTEN_TURN_MS)))
                except Timeout:
                    if left <= 0:
                        raise
        raise Timeout("the listener is closed")

    def close(self) -> None:
        """End it. Repeating is fine. It may take half a second if another thread is in a step."""
        self._closed = True
        with self._turn.take():
            listener, self._listener = self._listener, None
            if listener is not None:
                listener.release()

    # ---- as an iterator

    def __enter__(self) -> Events:
        self._open()
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        try:
            return self._next()
        except Timeout:
            raise StopIteration from None

    # ---- as an async iterator

    async def __aenter__(self) -> Events:
        import asyncio

        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import asyncio

        self._closed = True
        await asyncio.to_thread(self.close)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        import asyncio

        # A cancelled step leaves its thread behind, and the event that comes
        # there is the next step's.
        if self._coming is None:
            self._coming = _in_thread(lambda _: self._next())
        coming = self._coming
        try:
            event = await asyncio.shield(asyncio.wrap_future(coming))
        except Timeout:
            self._coming = None
            raise StopAsyncIteration from None
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._coming = None
            raise
        self._coming = None
        return event
