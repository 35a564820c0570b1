"""schedules - cron entries: what `app.schedules` is, and cron_check.

Entries are data in the store: any gofer worker enqueues their tasks, exactly one for an entry and a
tick however many workers there are. docs/schedules.md has the whole story.

Threads: any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Optional, Union

from .client import Client, cron_check as _cron_check
from .native import lib
from .pages import WALKED, Page, page_of, walk
from .put import Put
from .snapshot import (
    data_if, flag_of, headers_of, lines_of, list_of, number_if, number_of, read, span_if,
    text_if, text_of, time_if,
)  # fmt: skip
from .task import Enqueuer, Item, word_of
from .times import Duration, Moment, duration_ms, moment_ms

Missed = Literal["once", "skip", "all"]
Overlap = Literal["allow", "skip", "queue", "cancel"]

_MISSED: dict[str, int] = {
    "once": lib.GOFER_MISSED_ONCE, "skip": lib.GOFER_MISSED_SKIP, "all": lib.GOFER_MISSED_ALL,
}  # fmt: skip
_OVERLAP: dict[str, int] = {
    "allow": lib.GOFER_OVERLAP_ALLOW, "skip": lib.GOFER_OVERLAP_SKIP,
    "queue": lib.GOFER_OVERLAP_QUEUE,
    "cancel": lib.GOFER_OVERLAP_CANCEL,
}  # fmt: skip


@dataclass(frozen=True)
class EntryOption:
    """An option of a Go scheduler's entry."""

    option: str = text_of("option")
    """As Go prints it: MaxRetry(3)."""


@dataclass(frozen=True)
class Entry:
    """A cron entry."""

    name: str = text_of("name")
    spec: str = text_of("spec")
    tz: Optional[str] = text_if("tz")
    type: str = text_of("type")
    queue: str = text_of("queue")
    payload: Optional[bytes] = data_if("payload")
    payload_size: Optional[int] = number_if("payload_size")
    """None for entries of Go schedulers, as is what else they do not say."""
    encrypted: Optional[str] = text_if("encrypted")
    """The id of the key that the payload is encrypted with."""
    decrypted: bool = flag_of("decrypted")
    sealed_for: Optional[str] = text_if("sealed_for")
    """What the encrypted payload is bound to."""
    paused: bool = flag_of("paused")
    missed: Optional[str] = text_if("missed")
    missed_max: Optional[int] = number_if("missed_max")
    overlap: Optional[str] = text_if("overlap")
    jitter: Optional[timedelta] = span_if("jitter_ms")
    next_run_at: Optional[datetime] = time_if("next_run_at_ms")
    last_tick_at: Optional[datetime] = time_if("last_tick_ms")
    last_enqueued_at: Optional[datetime] = time_if("last_enqueued_at_ms")
    last_id: Optional[str] = text_if("last_id")
    last_status: Optional[str] = text_if("last_status")
    """"enqueued", "enqueued: 75 s late", "skipped: ...", "waiting: ...", "due: ..." or "failed:
    ..."."""
    source: Optional[str] = text_if("source")
    """"api", or the file it comes from."""
    foreign: bool = flag_of("foreign")
    """Kept by a Go scheduler."""
    headers: Mapping[str, str] = headers_of("headers")
    """Its tasks have these, and the following options."""
    max_retry: Optional[int] = number_if("max_retry")
    timeout: Optional[timedelta] = span_if("timeout_ms")
    retention: Optional[timedelta] = span_if("retention_ms")
    expires: Optional[timedelta] = span_if("expires_ms")
    """Dropped unless it has started so long after its tick."""
    priority: int = number_of("priority")
    tenant: Optional[str] = text_if("tenant")
    limits: tuple[str, ...] = lines_of("limits")
    limit_cost: Optional[int] = number_if("limit_cost")
    ordered: Optional[str] = text_if("ordered")
    ordered_dead: Optional[str] = text_if("ordered_dead")
    retry_policy: Optional[str] = text_if("retry")
    on_dead: Optional[str] = text_if("on_dead")
    on_dead_queue: Optional[str] = text_if("on_dead_queue")
    on_done: Optional[str] = text_if("on_done")
    on_done_queue: Optional[str] = text_if("on_done_queue")
    go_options: tuple[EntryOption, ...] = list_of(EntryOption, "options")
    """What a Go scheduler says of its tasks; of foreign entries."""


@dataclass(frozen=True)
class Ticked:
    """A task that an entry enqueued."""

    id: str = text_of("id")
    tick_at: Optional[datetime] = time_if("tick_ms")
    enqueued_at: Optional[datetime] = time_if("enqueued_at_ms")


@dataclass(frozen=True)
class Synced:
    """What a sync changed."""

    added: int = number_of("added")
    changed: int = number_of("changed")
    removed: int = number_of("removed")
    unchanged: int = number_of("unchanged")


@dataclass(frozen=True)
class Tick:
    at: Optional[datetime] = time_if("at_ms")
    local: str = text_of("local")
    """RFC 3339 in the entry's zone."""


@dataclass(frozen=True)
class CronInfo:
    """A spec, explained."""

    text: str = text_of("text")
    """In words."""
    tz: str = text_of("tz")
    per_day: Optional[str] = text_if("per_day")
    """Runs on an average day, as text."""
    every: Optional[timedelta] = span_if("every_ms")
    ticks: tuple[Tick, ...] = list_of(Tick, "ticks")


def cron_check(
    spec: str, *, tz: str | None = None, start: Moment | None = None, count: int = 5
) -> CronInfo:
    """Explain a cron spec, with its next ticks.

    spec   five fields, or "@daily", "@every 90s" and their like
    tz     a zone of the tz database; None: UTC, or the spec's own CRON_TZ=
    start  the ticks after this time; None: now
    count  how many, 0 to 1000

    InvalidArgument says what is wrong with it: "31 February never comes".
    """
    return read(
        CronInfo, _cron_check(spec, tz, 0 if start is None else moment_ms(start, "start"), count)
    )


class Schedules:
    """The cron entries. Iterating gives them by name, those of Go schedulers in the same Redis too.

    Errors everywhere: NotFound (no entry of this name), BrokerError, Unsupported (the store
    cannot).
    """

    def __init__(
        self, client: Callable[[], AbstractContextManager[Client]], item: Callable[[str, Any], Item]
    ) -> None:
        self._client = client
        self._item = item

    def __iter__(self) -> Iterator[Entry]:
        return walk(self._client, Entry, lambda client, at: client.schedules_page(at, WALKED))

    def page(self, *, cursor: str | None = None, limit: int = 100) -> Page[Entry]:
        """At most `limit` (1 to 1000) of them, by name, those of Go schedulers last."""
        with self._client() as client:
            return page_of(Entry, client.schedules_page(cursor, limit))

    def __getitem__(self, name: str) -> Entry:
        with self._client() as client:
            return read(Entry, client.schedule(name))

    def put(
        self,
        name: str,
        spec: str,
        task: Union[str, Item, Enqueuer[[], Any]],
        payload: Any = b"",
        *,
        tz: str | None = None,
        missed: Missed = "once",
        missed_max: int = 10,
        overlap: Overlap = "allow",
        jitter: Duration = 0,
        paused: bool = False,
        new: bool = False,
    ) -> None:
        """Add an entry, or change the one of this name.

        spec        see cron_check
        task        what it enqueues: task.item(...) for a task with arguments, a task without any,
                    or a type with its payload; with their options, but for id, times, unique and
                    group
        missed      ticks that came due while no worker ran: one run for all, none, or one each, at
        most missed_max overlap     when the task before has not come to its end: enqueue all the
        same, leave the tick out, enqueue
                    once that has ended, or cancel that one
        jitter      each task runs up to so much later, by chance
        new         raise TaskExists if there is one of this name

        InvalidArgument: the spec, the zone or an option is wrong.
        """
        put = self._put(task, payload)
        with self._client() as client:
            client.schedule_put(
                name, spec, put, tz=tz, missed=word_of(_MISSED, missed, "missed"),
                missed_max=missed_max, overlap=word_of(_OVERLAP, overlap, "overlap"),
                jitter_ms=duration_ms(jitter, "jitter"), paused=paused, new=new,
            )  # fmt: skip

    def _put(self, task: Union[str, Item, Enqueuer[[], Any]], payload: Any) -> Put:
        if isinstance(task, Enqueuer):
            task = task.item()
        if isinstance(task, Item):
            if payload != b"":
                raise TypeError(
                    "the payload goes with a type; a task's arguments go into task.item(...)"
                )
            return task.put
        return self._item(task, payload).put

    def remove(self, name: str) -> None:
        """Its tasks stay."""
        with self._client() as client:
            client.schedule_remove(name)

    def pause(self, name: str) -> None:
        """No ticks until unpause; what came due meanwhile is left out."""
        with self._client() as client:
            client.schedule_pause(name, True)

    def unpause(self, name: str) -> None:
        with self._client() as client:
            client.schedule_pause(name, False)

    def run(self, name: str) -> str:
        """Enqueue its task now, beside its ticks; gives the id."""
        with self._client() as client:
            return client.schedule_run(name)

    def history(self, name: str, limit: int = 30) -> list[Ticked]:
        """The latest that it enqueued, newest first, at most limit (1 to 1000)."""
        with self._client() as client:
            return [read(Ticked, record) for record in client.schedule_history(name, limit)]

    def sync(self, source: str, entries: Union[str, Sequence[Mapping[str, Any]]]) -> Synced:
        """Make the entries that have this source be these: JSON text as docs/schedules.md has it,
        or a list of mappings with the same keys. Entries of other sources stay. InvalidArgument:
        nothing was changed; TaskExists: a name belongs to another source."""
        text = entries if isinstance(entries, str) else json.dumps({"entries": list(entries)})
        with self._client() as client:
            return read(Synced, client.schedules_sync(source, text.encode()))
