"""hours - when tasks of a queue or a type may be taken: what `app.hours` is.

Hours are data in the store, the same for all who take tasks. docs/guards.md has the whole story.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Optional

from .client import Client
from .snapshot import flag_of, number_if, read, text_if, text_of, time_if


@dataclass(frozen=True)
class HoursInfo:
    """The hours of a queue or a type, and how it is now by the store's clock."""

    name: str = text_of("name")
    """"queue:NAME", or "type:TYPE", where TYPE may be a prefix and "*"."""
    hours: str = text_of("hours")
    """As they were given."""
    closed: bool = flag_of("closed")
    closed_until: Optional[datetime] = time_if("closed_until_ms")
    """None: it is open, or will not open within a year."""
    open_until: Optional[datetime] = time_if("open_until_ms")
    """None: it is closed, or will not close within a year."""
    waiting: Optional[int] = number_if("waiting")
    """Of a type: so many of its tasks were next in line and wait."""
    error: Optional[str] = text_if("error")
    """Why the hours cannot be read here; so it is closed."""


class Hours:
    """The hours of queues and types. Iterating gives them by name.

    Errors everywhere: BrokerError, Unsupported (the store has no hours).
    """

    def __init__(self, client: Callable[[], AbstractContextManager[Client]]) -> None:
        self._client = client

    def __iter__(self) -> Iterator[HoursInfo]:
        with self._client() as client:
            return iter([read(HoursInfo, record) for record in client.hours(None)])

    def put(self, name: str, hours: str) -> None:
        """Let tasks of a queue or a type be taken at certain hours alone, or change these. It
        holds for all of gofer's workers, within a second: outside of its hours tasks wait, and
        come back in their order when it opens; those that run go on.

        name   "queue:NAME", or "type:TYPE", where TYPE may be a prefix and "*"
        hours  windows, the zone of their times (none: UTC) and dates that have none:
               "mon-fri 01:00-05:00, sat Europe/Rome; not 2026-12-25"

        InvalidArgument: says what is wrong where; QueueFull: 100 have hours.
        """
        with self._client() as client:
            client.hours_put(name, hours)

    def remove(self, name: str) -> None:
        """It is open at any time. NotFound: it has none."""
        with self._client() as client:
            client.hours_remove(name)

    def get(self, name: str) -> HoursInfo:
        """Those of one queue or type. NotFound: it has none."""
        with self._client() as client:
            (record,) = client.hours(name)
            return read(HoursInfo, record)
