"""counts - what a worker in this process has done since its start: what `app.worker().stats()` and
`.figures()` give.

Snapshots are frozen dataclasses (snapshot.py); the store is not asked. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional

from .snapshot import flag_of, list_of, number_of, span_if, span_of, text_of, time_if


@dataclass(frozen=True)
class WorkerStats:
    """What a worker is at, and has done since its start."""

    state: str = text_of("state")
    """new, active, lacking (it has not what its tasks need, and takes fewer), quiet, stopping or
    ended."""
    started_at: Optional[datetime] = time_if("started_at_ms")
    answered_at: Optional[datetime] = time_if("answered_at_ms")
    """When the store last answered it, which it asks every second."""
    concurrency: int = number_of("concurrency")
    """Tasks that it runs at a time: plain and async ones together."""
    running: int = number_of("running")
    ready: int = number_of("ready")
    """Tasks that it has taken and not begun."""
    processed: int = number_of("processed")
    """Attempts that ended, failed ones too."""
    failed: int = number_of("failed")
    retried: int = number_of("retried")
    """Tasks that are to be tried again."""
    archived: int = number_of("archived")
    revoked: int = number_of("revoked")
    """Tasks that were dropped by themselves."""
    cancelled: int = number_of("cancelled")
    expired: int = number_of("expired")
    stale: int = number_of("stale")
    """Outcomes of tasks that somebody else had by then."""
    outcomes_lost: int = number_of("outcomes_lost")
    """Tasks whose outcome could not be handed in before the end: they run again."""
    lost_slots: int = number_of("lost_slots")
    """Threads of the library whose handlers did not come back."""
    unhandled: int = number_of("unhandled")
    """Tasks that a drain left, for nobody is for their types."""
    recovered: int = number_of("recovered")
    """Tasks of dead workers that it put back or archived."""
    ticks_missed: int = number_of("ticks_missed")
    """Ticks of cron entries that were missed, and left out by the entry's policy."""
    reconnects: int = number_of("reconnects")
    """How often the store's server was connected to again."""
    children: int = number_of("children")
    """Child processes; a worker in this process has none, and none of the following."""
    child_restarts: int = number_of("child_restarts")
    children_want: int = number_of("children_want")
    children_busy: int = number_of("children_busy")
    spans_exported: int = number_of("spans_exported")
    """Spans that the library's exporter has sent, which is that of `gofer worker` alone."""
    spans_dropped: int = number_of("spans_dropped")


@dataclass(frozen=True)
class TimeCount:
    """How many times were below a bound."""

    below: Optional[timedelta] = span_if("below_ms")
    """A power of two in milliseconds; they are not below half of it. None: longer than all
    bounds."""
    count: int = number_of("count")


@dataclass(frozen=True)
class TypeFigures:
    """Attempts of one queue and type."""

    queue: str = text_of("queue")
    type: str = text_of("type")
    done: int = number_of("done")
    retried: int = number_of("retried")
    archived: int = number_of("archived")
    revoked: int = number_of("revoked")
    requeued: int = number_of("requeued")
    """Put back, and no attempt was used up."""
    snoozed: int = number_of("snoozed")
    cancelled: int = number_of("cancelled")
    expired: int = number_of("expired")
    failed: int = number_of("failed")
    """They are among retried and archived."""
    waits: tuple[TimeCount, ...] = list_of(TimeCount, "waits")
    """How long those waited that succeeded or failed, by size."""
    wait_total: timedelta = span_of("wait_total_ms")
    runs: tuple[TimeCount, ...] = list_of(TimeCount, "runs")
    """How long they ran."""
    run_total: timedelta = span_of("run_total_ms")


@dataclass(frozen=True)
class CallFigures:
    """Calls of one kind to the store."""

    call: str = text_of("call")
    """exchange (outcomes in, tasks out), extend, forward, recover, register, progress, events,
    figures, tidy or purge."""
    errors: int = number_of("errors")
    times: tuple[TimeCount, ...] = list_of(TimeCount, "times")
    total: timedelta = span_of("total_ms")


@dataclass(frozen=True)
class WorkerFigures:
    """What a worker has done since its start, by queue and type, and what it asked of its store."""

    types: tuple[TypeFigures, ...] = list_of(TypeFigures, "types")
    calls: tuple[CallFigures, ...] = list_of(CallFigures, "calls")
    limited: bool = flag_of("limited")
    """There are more than 1000 queues and types: the rest is under the type _other."""
