"""limits - how many tasks of a key run: what `app.limits` is.

Limits are data in the store, the same for all who put and take tasks. docs/limits.md has the whole
story.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Optional, TypeVar

from .client import Client
from .errors import InvalidArgument
from .info import Info
from .native import lib
from .snapshot import number_if, number_of, read, span_if, text_if, text_of, time_if
from .task import word_of
from .times import Duration, duration_ms

Over = Literal["wait", "refuse", "cancel-oldest"]
Scope = Literal["store", "queue"]

T = TypeVar("T")

_OVER: dict[str, int] = {
    "wait": lib.GOFER_OVER_WAIT, "refuse": lib.GOFER_OVER_REFUSE,
    "cancel-oldest": lib.GOFER_OVER_CANCEL_OLDEST,
}  # fmt: skip
_SCOPE: dict[str, int] = {"store": lib.GOFER_SCOPE_STORE, "queue": lib.GOFER_SCOPE_QUEUE}


@dataclass(frozen=True)
class Limit:
    """A limit."""

    name: str = text_of("name")
    """A key, or a prefix and "*": each key that begins so counts for itself."""
    concurrency: Optional[int] = number_if("concurrency")
    """So many run at a time; None: any number."""
    rate: Optional[int] = number_if("rate")
    """So many start in `per`; None: any number, and per and burst are None, too."""
    per: Optional[timedelta] = span_if("per_ms")
    burst: Optional[int] = number_if("burst")
    """So many of them at once."""
    over: str = text_of("over")
    """What becomes of a task that has no room: "wait", "refuse" or "cancel-oldest"."""
    scope: str = text_of("scope")
    """What counts together: "store" (all queues) or "queue" (each by itself)."""


@dataclass(frozen=True)
class LimitKey:
    """A key that tasks run for or wait for, with the numbers of its limit."""

    key: str = text_of("key")
    queue: Optional[str] = text_if("queue")
    """Of a limit that each queue counts by itself."""
    limit: Optional[str] = text_if("limit")
    """The name of its limit; None: it has none."""
    concurrency: Optional[int] = number_if("concurrency")
    rate: Optional[int] = number_if("rate")
    per: Optional[timedelta] = span_if("per_ms")
    burst: Optional[int] = number_if("burst")
    running: int = number_of("running")
    """Tasks of it that workers have taken."""
    waiting: int = number_of("waiting")
    next_start_at: Optional[datetime] = time_if("next_start_at_ms")
    """Not before then does the next one start, by its rate or a pause."""
    paused_until: Optional[datetime] = time_if("paused_until_ms")
    occupant: Optional[str] = text_if("occupant")
    """Of tasks that run one after the other (a key "ordered:..."): the id of the one whose turn it
    is."""


class Limits:
    """The limits. Iterating gives them by name.

    Errors everywhere: BrokerError, Unsupported (the store has no limits).
    """

    def __init__(self, client: Callable[[], AbstractContextManager[Client]]) -> None:
        self._client = client

    def __iter__(self) -> Iterator[Limit]:
        """A page at a time is asked for, as it is needed."""
        return _all(Limit, self._page)

    def _page(self, cursor: str | None) -> Info:
        with self._client() as client:
            return client.limits(cursor, 1000)

    def put(
        self,
        name: str,
        *,
        concurrency: int | None = None,
        rate: int | None = None,
        per: Duration = 1,
        burst: int | None = None,
        over: Over = "wait",
        scope: Scope = "store",
    ) -> None:
        """Limit the tasks of a key, or change the limit that there is: all its numbers. It holds
        at once, for all workers; those that run go on. At least one of concurrency and rate is
        given.

        name         a key as tasks name it (`limits` of a task); a prefix and "*": each key that
                     begins so counts for itself; "queue:NAME": all tasks of that queue
        concurrency  so many run at a time
        rate, per    so many start in so long
        burst        so many of them at once; None: what the rate allows in 100 ms, at least 1
        over         what becomes of a task that has no room: it waits, it is archived unrun
                     ("refuse"), or it waits and the one that runs longest is asked to stop
        scope        what counts together: all queues, or each by itself

        InvalidArgument: the name or a number is wrong.
        """
        for what, number in (("concurrency", concurrency), ("rate", rate), ("burst", burst)):
            if number is not None and number == 0:
                raise InvalidArgument(f"{what} is 0: it must be from 1; None means any number")
        with self._client() as client:
            client.limit_put(
                name, concurrency=concurrency or 0, rate=rate or 0,
                per_ms=0 if rate is None else duration_ms(per, "per"), burst=burst or 0,
                over=word_of(_OVER, over, "over"), scope=word_of(_SCOPE, scope, "scope"),
            )  # fmt: skip

    def remove(self, name: str) -> None:
        """Who waits for it may run. NotFound: there is no limit of this name."""
        with self._client() as client:
            client.limit_remove(name)

    def keys(self, *, blocked: bool = False) -> Iterator[LimitKey]:
        """The keys that tasks run for or wait for; with blocked those alone that some wait for. A
        page at a time is asked for, as it is needed."""

        def page(cursor: str | None) -> Info:
            with self._client() as client:
                return client.limit_keys(blocked, cursor, 1000)

        return _all(LimitKey, page)

    def key(self, key: str) -> list[LimitKey]:
        """One key: one entry, or one for each queue if these count by themselves. NotFound: no
        limit is its, and no task runs or waits for it."""
        with self._client() as client:
            return [read(LimitKey, record) for record in client.limit_key(key)]

    def pause(self, key: str, delay: Duration) -> None:
        """No task of this key starts for so long; 0: that is over. A shorter time than what is
        left of an earlier pause changes nothing."""
        with self._client() as client:
            client.limit_pause(key, duration_ms(delay, "delay"))


def _all(kind: type[T], page: Callable[[str | None], Info]) -> Iterator[T]:
    cursor: str | None = None
    while True:
        found: Any = page(cursor)
        yield from (read(kind, record) for record in found)
        if not found.has("next_cursor"):
            return
        cursor = found.text("next_cursor")
