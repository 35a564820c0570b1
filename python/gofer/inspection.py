"""inspection - look at queues and tasks, and act on them: what `app.inspect` is.

Snapshots are frozen dataclasses (snapshot.py). Points in time are aware datetimes in UTC, durations
are timedeltas, and None is what does not apply. Nothing is cached: each call asks the store.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, Optional

from .client import Client, Filter, Progress
from .errors import InvalidArgument
from .native import lib
from .pages import WALKED, Page, page_of, walk
from .payload import Codec, encoded
from .snapshot import (
    data_if, flag_of, headers_of, lines_of, list_of, number_if, number_of, read, read_with, span_if,
    span_of, text_if, text_of, time_if, time_of,
)  # fmt: skip
from .times import Duration, Moment, duration_ms, moment_ms

State = Literal["pending", "scheduled", "active", "retry", "completed", "archived", "aggregating"]
Severity = Literal["note", "warning", "error"]
Action = Literal["count", "run", "archive", "delete", "cancel"]

_ACTS: dict[str, int] = {
    "count": lib.GOFER_ACT_COUNT, "run": lib.GOFER_ACT_RUN, "archive": lib.GOFER_ACT_ARCHIVE,
    "delete": lib.GOFER_ACT_DELETE, "cancel": lib.GOFER_ACT_CANCEL,
}  # fmt: skip


@dataclass(frozen=True)
class QueueInfo:
    """One queue with its counts."""

    queue: str = text_of("queue")
    paused: bool = flag_of("paused")
    paused_at: Optional[datetime] = time_if("paused_at_ms")
    hours: Optional[str] = text_if("hours")
    """At which hours its tasks may be taken; None: at any."""
    closed: bool = flag_of("closed")
    """It is outside of its hours."""
    closed_until: Optional[datetime] = time_if("closed_until_ms")
    open_until: Optional[datetime] = time_if("open_until_ms")
    max_length: Optional[int] = number_if("max_length")
    """How many may be pending; None: any number."""
    age: Optional[timedelta] = span_if("age_ms")
    """After so long a task counts as one priority higher, and so on; None: never."""
    encrypted_only: bool = flag_of("encrypted_only")
    """Whether plain payloads are refused."""
    pending: int = number_of("pending")
    scheduled: int = number_of("scheduled")
    active: int = number_of("active")
    retry: int = number_of("retry")
    completed: int = number_of("completed")
    archived: int = number_of("archived")
    aggregating: int = number_of("aggregating")
    """Those that wait in groups."""
    groups: int = number_of("groups")
    size: int = number_of("size")
    """The waiting and the active ones."""
    processed: int = number_of("processed")
    """Today, UTC; so is failed."""
    failed: int = number_of("failed")
    processed_total: int = number_of("processed_total")
    failed_total: int = number_of("failed_total")
    archive_deleted: int = number_of("archive_deleted")
    """Archived tasks that Redis's limit of the archive deleted."""
    archive_limit: Optional[int] = number_if("archive_limit")
    """How many archived tasks stay; None: SQLite, which has no limit."""
    latency: timedelta = span_of("latency_ms")
    """Age of the oldest pending task; zero: none."""
    longest_running: timedelta = span_of("longest_running_ms")
    """How long the active task has run that was taken first; zero: none, or a Go worker has it."""
    unserved: bool = flag_of("unserved")
    """Tasks are pending, and no live worker serves the queue. Only queues() tells."""
    shards: Optional[int] = number_if("shards")
    """How many shards tasks are put into; None: it is not sharded, or is a shard."""
    shard: Optional[int] = number_if("shard")
    """Its number among the shards of its queue. Only shards() tells, as of the next two."""
    draining: bool = flag_of("draining")
    """It is taken from until it is empty, and not put into."""
    server: Optional[str] = text_if("server")
    """In a Redis Cluster, the address of the primary that has it."""


@dataclass(frozen=True)
class PausedType:
    """A type of which no task is taken."""

    type: str = text_of("type")
    """The type, or a prefix and "*": all types that begin so."""
    paused_at: datetime = time_of("paused_at_ms")
    waiting: int = number_of("waiting")
    """So many of its tasks were next in line and wait; others may stand in line behind them."""
    closed: bool = flag_of("closed")
    """Its hours say that it is closed, too."""
    closed_until: Optional[datetime] = time_if("closed_until_ms")


@dataclass(frozen=True)
class Attempt:
    """One of the latest attempts of a task."""

    attempt: int = number_of("attempt")
    kind: str = text_of("kind")
    """"done", "failed", "timeout", "crashed", "lost", "cancelled", "snoozed", "skipped" or
    "interrupted"."""
    at: Optional[datetime] = time_if("at_ms")
    """Its end."""
    duration: Optional[timedelta] = span_if("duration_ms")
    worker: Optional[str] = text_if("worker")
    error: Optional[str] = text_if("error")


@dataclass(frozen=True)
class LogLine:
    """One of the latest lines that a task's handler wrote."""

    at: Optional[datetime] = time_if("at_ms")
    level: str = text_of("level")
    text: str = text_of("text")


@dataclass(frozen=True)
class TaskInfo:
    """One task. payload and result are None in pages, which do not carry them."""

    id: str = text_of("id")
    type: str = text_of("type")
    queue: str = text_of("queue")
    state: State = text_of("state")
    payload: Optional[bytes] = data_if("payload")
    payload_size: int = number_of("payload_size")
    result: Optional[bytes] = data_if("result")
    headers: Mapping[str, str] = headers_of("headers")
    max_retry: int = number_of("max_retry")
    retried: int = number_of("retried")
    crashes: int = number_of("crashes")
    """How often a worker died of it."""
    suspect: int = number_of("suspect")
    """How often it may have been a worker's death since it last came to an end of its own."""
    last_error: Optional[str] = text_if("last_error")
    last_failed_at: Optional[datetime] = time_if("last_failed_at_ms")
    timeout: Optional[timedelta] = span_if("timeout_ms")
    deadline: Optional[datetime] = time_if("deadline_ms")
    retention: Optional[timedelta] = span_if("retention_ms")
    enqueued_at: Optional[datetime] = time_if("enqueued_at_ms")
    next_run_at: Optional[datetime] = time_if("next_run_at_ms")
    """Scheduled and retry only."""
    started_at: Optional[datetime] = time_if("started_at_ms")
    """Active only; so are worker and progress."""
    worker: Optional[str] = text_if("worker")
    progress_done: Optional[int] = number_if("progress_done")
    progress_total: Optional[int] = number_if("progress_total")
    progress_text: Optional[str] = text_if("progress_text")
    orphaned: bool = flag_of("orphaned")
    """Active, but its lease has run out: nobody works on it, and it will be recovered."""
    completed_at: Optional[datetime] = time_if("completed_at_ms")
    expires_at: Optional[datetime] = time_if("expires_at_ms")
    """When a completed task is removed."""
    archived_at: Optional[datetime] = time_if("archived_at_ms")
    group: Optional[str] = text_if("group")
    """Aggregating only."""
    start_by: Optional[datetime] = time_if("start_by_ms")
    """Dropped unless it has started by then."""
    priority: int = number_of("priority")
    tenant: Optional[str] = text_if("tenant")
    """With whose tasks it shares its queue."""
    limits: tuple[str, ...] = lines_of("limits")
    """The limit keys that it counts for."""
    limit_cost: Optional[int] = number_if("limit_cost")
    """What its start takes of their rates; None: 1."""
    ordered: Optional[str] = text_if("ordered")
    """The key of those tasks of its queue that run one after the other."""
    ordered_dead: Optional[str] = text_if("ordered_dead")
    """"block": archived, it holds them up; None: it does not."""
    waits_for: Optional[str] = text_if("waits_for")
    """Of a pending task: the limit key that has no room for it."""
    retry_policy: Optional[str] = text_if("retry")
    on_dead: Optional[str] = text_if("on_dead")
    on_dead_queue: Optional[str] = text_if("on_dead_queue")
    on_done: Optional[str] = text_if("on_done")
    on_done_queue: Optional[str] = text_if("on_done_queue")
    schedule: Optional[str] = text_if("schedule")
    """The cron entry it comes from."""
    unique: Optional[str] = text_if("unique")
    """What its lock lives for."""
    encrypted: Optional[str] = text_if("encrypted")
    """The id of the key that its payload is encrypted with; None in pages."""
    decrypted: bool = flag_of("decrypted")
    """The client's keys opened payload and result."""
    sealed_for: Optional[str] = text_if("sealed_for")
    """What its encrypted payload is bound to in place of its id."""
    snoozes: int = number_of("snoozes")
    cancel_requested: bool = flag_of("cancel_requested")
    checkpoint_size: int = number_of("checkpoint_size")
    """Bytes."""
    attempts: tuple[Attempt, ...] = list_of(Attempt, "attempts")
    """The latest, oldest first; empty in pages. So is log."""
    log: tuple[LogLine, ...] = list_of(LogLine, "log")


@dataclass(frozen=True)
class RunningTask:
    """A task that a worker runs, as its latest heartbeat told."""

    id: str = text_of("id")
    type: str = text_of("type")
    queue: str = text_of("queue")
    payload: Optional[bytes] = data_if("payload")
    """Empty if it is large."""
    started_at: Optional[datetime] = time_if("started_at_ms")
    deadline: Optional[datetime] = time_if("deadline_ms")


@dataclass(frozen=True)
class ChildProcess:
    """A child process of a worker, as its latest heartbeat told."""

    name: str = text_of("name")
    """What it calls itself (of `--python`: the app), else what the log calls it."""
    number: int = number_of("number")
    """Its place among those of its command, from 0 on."""
    pid: int = number_of("pid")
    state: str = text_of("state")
    """starting, ready, leaving (it ends what it runs) or ending (it was told to end)."""
    running: int = number_of("running")
    want: int = number_of("want")
    """Tasks that it runs at a time; 0: it gets none."""
    processed: int = number_of("processed")
    """Tasks that it has ended."""
    memory: Optional[int] = number_if("memory")
    """Bytes, resident."""
    started_at: Optional[datetime] = time_if("started_at_ms")


@dataclass(frozen=True)
class WorkerInfo:
    """One live worker."""

    worker: str = text_of("worker")
    host: str = text_of("host")
    pid: int = number_of("pid")
    started_at: Optional[datetime] = time_if("started_at_ms")
    state: str = text_of("state")
    """active, quiet, stopping, or lacking (it has not what its tasks need, and takes fewer)."""
    concurrency: int = number_of("concurrency")
    """Of its slots; children come on top."""
    running: int = number_of("running")
    """In slots and children."""
    queues: str = text_of("queues")
    """With their weights: "mail=3 low=1"."""
    strict: bool = flag_of("strict")
    tasks: tuple[RunningTask, ...] = list_of(RunningTask, "tasks")
    """What it runs; only a store on Redis knows, and at most 1000 of them."""
    children: int = number_of("children")
    """Child processes that are alive; some seconds old, as are the following."""
    child_restarts: int = number_of("child_restarts")
    """Children that died and were replaced, since its start."""
    children_want: int = number_of("children_want")
    """Tasks that its children run at a time,"""
    children_busy: int = number_of("children_busy")
    """and now: they are among running."""
    child_processes: tuple[ChildProcess, ...] = list_of(ChildProcess, "child_processes")
    """At most 1000."""


@dataclass(frozen=True)
class GroupInfo:
    """A group with tasks in it."""

    group: str = text_of("group")
    size: int = number_of("size")
    oldest_at: Optional[datetime] = time_if("oldest_at_ms")
    newest_at: Optional[datetime] = time_if("newest_at_ms")


@dataclass(frozen=True)
class _Timings:
    """How many tasks ended, and how long they waited and ran, right within 10 %."""

    done: int = number_of("done")
    failed: int = number_of("failed")
    wait_p50: timedelta = span_of("wait_p50_ms")
    """Half of them waited no longer."""
    wait_p90: timedelta = span_of("wait_p90_ms")
    wait_p99: timedelta = span_of("wait_p99_ms")
    wait_max: timedelta = span_of("wait_max_ms")
    run_p50: timedelta = span_of("run_p50_ms")
    run_p90: timedelta = span_of("run_p90_ms")
    run_p99: timedelta = span_of("run_p99_ms")
    run_max: timedelta = span_of("run_max_ms")


@dataclass(frozen=True)
class Figures(_Timings):
    """How long tasks of one queue and type waited and ran, right within 10 %."""

    queue: str = text_of("queue")
    type: str = text_of("type")


@dataclass(frozen=True)
class StepFigures(_Timings):
    """How long tasks waited and ran in one hour, or one minute, right within 10 %."""

    at: Optional[datetime] = time_if("at_ms")
    """When it began."""


@dataclass(frozen=True)
class StoreInfo:
    """What a store says of itself, or of a queue in it."""

    store: str = text_of("store")
    """"redis", "valkey" or "sqlite"."""
    address: Optional[str] = text_if("address")
    """Of the server; on SQLite the file. None for a queue."""
    memory: Optional[int] = number_if("memory")
    """Bytes: what the server uses, or the size of the file. Of a queue about what it takes; None on
    SQLite."""
    disk_size: Optional[int] = number_if("disk_size")
    """Bytes of the file system that the file is on. This and the next: None on Redis, and for a
    queue."""
    disk_free: Optional[int] = number_if("disk_free")
    """Bytes of it that are free for this user."""
    reserve: Optional[int] = number_if("reserve")
    """Bytes of FILE-reserve, which is given up on a full disk; None before a task was added."""
    reserve_whole: Optional[int] = number_if("reserve_whole")
    """Bytes that it has while nothing of it is given up; None as well."""
    text: Optional[str] = text_if("text")
    """The answer of a server to INFO; None on SQLite and for a queue."""


@dataclass(frozen=True)
class Finding:
    """Something that may be wrong with the store, its settings or what is in it."""

    severity: Severity = text_of("severity")
    """"note": there is nothing to do."""
    code: str = text_of("code")
    """A stable word. If it ends in "-unseen", this could not be looked at."""
    queue: Optional[str] = text_if("queue")
    """None: it is about several, or about the store as a whole."""
    text: str = text_of("text")
    advice: Optional[str] = text_if("advice")
    examples: Optional[str] = text_if("examples")
    count: int = number_of("count")
    repaired: int = number_of("repaired")
    """How many of them."""


@dataclass(frozen=True)
class AuditRecord:
    """What somebody did, with the web interface or a command."""

    at: datetime = time_of("at_ms")
    """By the store's clock."""
    actor: str = text_of("actor")
    """Who: a token's or a proxy's user, or user@host of a command."""
    via: str = text_of("via")
    """"web", "cli", "top", or another program's word."""
    address: Optional[str] = text_if("address")
    act: str = text_of("act")
    """A stable word such as "queue.pause"."""
    queue: Optional[str] = text_if("queue")
    target: Optional[str] = text_if("target")
    """A task's id, the name of a schedule, a worker, or a filter."""
    outcome: str = text_of("outcome")
    """"ok", "begun", "stopped", "failed", or the name of a status such as "ENOTFOUND"."""
    message: Optional[str] = text_if("message")
    """Why it failed."""
    count: int = number_of("count")
    """How many it was done to."""


@dataclass(frozen=True)
class DayInfo:
    """What one day (UTC) saw."""

    day: date = read_with(lambda info, name: date.fromisoformat(info.text(name)), "date")
    processed: int = number_of("processed")
    failed: int = number_of("failed")


class Inspector:
    """Look at queues and tasks, and act on them.

    `queue=None` looks for a task in all queues. Errors everywhere: BrokerError, InvalidArgument
    (a malformed name), NotFound (no such queue or task).
    """

    def __init__(
        self, client: Callable[[], AbstractContextManager[Client]], codec_of: Callable[[str], Codec]
    ) -> None:
        self._client = client
        self._codec_of = codec_of

    # ---- looking ---------------------------------------------------------------

    def queues(self) -> list[QueueInfo]:
        """All queues, by name; of more than a thousand on Redis it may miss those of the last five
        seconds."""
        return list(
            walk(self._client, QueueInfo, lambda client, at: client.queues_page(None, at, WALKED))
        )

    def queues_page(
        self, queue: str | None = None, *, cursor: str | None = None, limit: int = 100
    ) -> Page[QueueInfo]:
        """At most `limit` (1 to 1000) queues of a name or a pattern ("mail:*"; None: all), by name:
        for stores with many, for a page costs only what it holds."""
        with self._client() as client:
            return page_of(QueueInfo, client.queues_page(queue, cursor, limit))

    def queue(self, queue: str) -> QueueInfo:
        with self._client() as client:
            return read(QueueInfo, client.queue(queue))

    def shards(self, queue: str) -> list[QueueInfo]:
        """The shards of a queue, each as a queue by itself, those that are being emptied last; of
        one that is not sharded itself alone. NotFound: no such queue."""
        with self._client() as client:
            return [read(QueueInfo, record) for record in client.queue_shards(queue)]

    def page(
        self,
        queue: str = "default",
        state: State = "pending",
        *,
        cursor: str | None = None,
        limit: int = 30,
    ) -> Page[TaskInfo]:
        """At most `limit` (1 to 1000) tasks of one state, in the order they will run, ran or
        failed."""
        with self._client() as client:
            return page_of(TaskInfo, client.tasks(queue, state, cursor, limit))

    def tasks(self, queue: str = "default", state: State = "pending") -> Iterator[TaskInfo]:
        """All tasks of one state, fetched page by page while you iterate. Tasks that move meanwhile
        may be missed; none is given twice by the list itself."""
        cursor: str | None = None
        while True:
            page = self.page(queue, state, cursor=cursor, limit=200)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def task(self, task_id: str, queue: str | None = None) -> TaskInfo:
        """One task, with its payload and, when completed and kept, its result."""
        with self._client() as client:
            return read(TaskInfo, client.task(task_id, queue))

    def find(
        self,
        queue: str | None = None,
        state: State | None = None,
        *,
        type: str | None = None,
        error: str | None = None,
        id: str | None = None,
        group: str | None = None,
        older: Duration | None = None,
        younger: Duration | None = None,
        fingerprint: str | None = None,
    ) -> Iterator[TaskInfo]:
        """The tasks that match everything given, fetched while you iterate.

        queue, state    a name, a pattern ("mail:*"), None: all; None: every state
        type, id, group  the whole, or a prefix ending in "*"
        error            part of the last error
        fingerprint      the kind of the last error: its telling line with # in place of each number
                         and id, and '*' of what is quoted
        older, younger   started, failed, completed, archived, else enqueued (as the state tells) so
                         long ago or longer; less long ago
        """
        match = Filter(type, error, id, group, *_bounds(older, younger), fingerprint)
        return self._find(queue, state, match)

    def _find(self, queue: str | None, state: State | None, match: Filter) -> Iterator[TaskInfo]:
        cursor: str | None = None
        while True:
            with self._client() as client:
                info = client.find(queue, state, match, cursor, 200)
            yield from [read(TaskInfo, record) for record in info]
            if not info.has("next_cursor"):
                return
            cursor = info.text("next_cursor")

    def groups(self, queue: str = "default") -> list[GroupInfo]:
        """The groups of a queue that have tasks in them, by name."""
        return list(
            walk(self._client, GroupInfo, lambda client, at: client.groups_page(queue, at, WALKED))
        )

    def groups_page(
        self, queue: str = "default", *, cursor: str | None = None, limit: int = 100
    ) -> Page[GroupInfo]:
        """At most `limit` (1 to 1000) of them, by name: for queues with many. A page may hold fewer
        before the last."""
        with self._client() as client:
            return page_of(GroupInfo, client.groups_page(queue, cursor, limit))

    def stats(self, queue: str | None = None, hours: int = 1) -> list[Figures]:
        """How long tasks waited and ran in the last hours (1 to 168), by queue and type. None: all
        queues."""
        with self._client() as client:
            return [read(Figures, record) for record in client.stats(queue, hours)]

    def audit(
        self, *, actor: str | None = None, act: str | None = None, since: Moment | None = None
    ) -> Iterator[AuditRecord]:
        """Who did what, newest first, fetched while you iterate: what is left of it, the latest
        10,000 unless `gofer audit --keep` has said otherwise.

        actor, act  the whole, or a prefix ending in "*": "task.*"
        since       none before
        """
        since_ms = 0 if since is None else moment_ms(since, "since")
        return self._audit(actor, act, since_ms)

    def _audit(self, actor: str | None, act: str | None, since_ms: int) -> Iterator[AuditRecord]:
        cursor: str | None = None
        while True:
            with self._client() as client:
                info = client.audit(actor, act, since_ms, cursor, 200)
            yield from [read(AuditRecord, record) for record in info]
            if not info.has("next_cursor"):
                return
            cursor = info.text("next_cursor")

    def stats_hours(
        self, queue: str | None = None, type: str | None = None, hours: int = 24
    ) -> list[StepFigures]:
        """The same hour by hour, oldest first: each of the last hours (1 to 192), the one that has
        begun among them. None: all queues, all types."""
        with self._client() as client:
            return [read(StepFigures, r) for r in client.stats_hours(queue, type, hours)]

    def stats_minutes(
        self, queue: str | None = None, type: str | None = None, minutes: int = 60
    ) -> list[StepFigures]:
        """The same minute by minute: each of the last minutes (1 to 60). What a worker ran counts
        for the minute in which it told the store, up to five seconds later."""
        with self._client() as client:
            return [read(StepFigures, r) for r in client.stats_minutes(queue, type, minutes)]

    def workers(self) -> list[WorkerInfo]:
        """Live workers, by host and process."""
        return list(
            walk(self._client, WorkerInfo, lambda client, at: client.workers_page(at, WALKED))
        )

    def workers_page(self, *, cursor: str | None = None, limit: int = 100) -> Page[WorkerInfo]:
        """At most `limit` (1 to 1000) of them. A page may hold fewer before the last."""
        with self._client() as client:
            return page_of(WorkerInfo, client.workers_page(cursor, limit))

    def history(self, queue: str | None = None, days: int = 7) -> list[DayInfo]:
        """Daily counts of one queue (None: all), newest first, at most `days` (1 to 90)."""
        with self._client() as client:
            return [read(DayInfo, record) for record in client.history(queue, days)]

    def store(self, queue: str | None = None) -> StoreInfo:
        """What the store says of itself; with a queue, about how much memory that takes. Errors:
        NotFound (no such queue)."""
        with self._client() as client:
            return read(StoreInfo, client.store(queue))

    def check(self, repair: bool = False) -> list[Finding]:
        """What may be wrong with the store, as `gofer doctor` tells; empty when all is well. With
        `repair`, what can be mended without risk is mended; no payload is ever deleted. It may take
        many times the timeout."""
        with self._client() as client:
            return [read(Finding, record) for record in client.check(repair)]

    # ---- acting ------------------------------------------------------------------

    def run(self, task_id: str, queue: str | None = None) -> None:
        """Make a scheduled, retry or archived task pending now, at the end of its queue.
        WrongState: it is pending, active or completed."""
        with self._client() as client:
            client.task_run(task_id, queue)

    def archive(self, task_id: str, queue: str | None = None) -> None:
        """Set a pending, scheduled or retry task aside. WrongState: it is in another state."""
        with self._client() as client:
            client.task_archive(task_id, queue)

    def delete(self, task_id: str, queue: str | None = None) -> None:
        """Delete a task. WrongState: it is active."""
        with self._client() as client:
            client.task_delete(task_id, queue)

    def cancel(self, task_id: str, queue: str | None = None) -> None:
        """Cancel a task. One that waits is archived at once. The worker of an active one is asked
        to stop it, which is not waited for: unless its handler succeeds nevertheless, it is
        archived and not retried (a Go worker retries it). WrongState: it is completed or
        archived."""
        with self._client() as client:
            client.task_cancel(task_id, queue)

    def edit(self, task_id: str, payload: Any, queue: str | None = None) -> None:
        """Replace the payload of a task that waits: bytes as they are, anything else encoded as
        app.enqueue would. Its unique lock stays that of the old one. WrongState: it is active or
        completed."""
        if isinstance(payload, (bytes, bytearray, memoryview)):
            written = bytes(payload)
        else:
            written = encoded(self._codec_of(self.task(task_id, queue).type), payload)
        with self._client() as client:
            client.task_edit(task_id, written, queue)

    def reschedule(
        self,
        task_id: str,
        at: Moment | None = None,
        *,
        delay: Duration | None = None,
        queue: str | None = None,
    ) -> None:
        """Let a task that is pending, scheduled, to be retried or archived run at that time, or so
        long from now. WrongState: it is active or completed."""
        if (at is None) == (delay is None):
            raise InvalidArgument("reschedule: give a time, or a delay")
        with self._client() as client:
            if at is not None:
                client.task_reschedule(task_id, moment_ms(at, "at"), queue)
            else:
                client.task_delay(task_id, duration_ms(delay or 0, "delay"), queue)

    def act(
        self,
        action: Action,
        queue: str | None = None,
        state: State | None = None,
        *,
        type: str | None = None,
        error: str | None = None,
        id: str | None = None,
        group: str | None = None,
        older: Duration | None = None,
        younger: Duration | None = None,
        fingerprint: str | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Run, archive, delete or cancel all tasks that match (see find), or count them; gives how
        many.

        state None: every state that the action allows. progress is told (looked, done) now and
        then; when it returns False the rest is left, and what it raises is raised here. WrongState:
        the state does not allow it.
        """
        if action not in _ACTS:
            raise InvalidArgument(f"action is {action!r}: it must be one of {', '.join(_ACTS)}")
        match = Filter(type, error, id, group, *_bounds(older, younger), fingerprint)
        with self._client() as client:
            return client.act(_ACTS[action], queue, state, match, progress)

    def set_worker(self, worker: str, key: str, value: str | int) -> None:
        """Change a live worker, wherever it runs: "concurrency" (8), "queues" ("mail=3 low
        report:*"), "state" ("quiet", "active", "stop"). It heeds within a second. NotFound: no such
        live worker; Unsupported: a Go worker, or a store that cannot."""
        with self._client() as client:
            client.worker_set(worker, key, str(value))

    def run_all(self, queue: str, state: State) -> int:
        """The same for all tasks of one state: how many. On an error some may be done."""
        with self._client() as client:
            return client.tasks_run(queue, state)

    def archive_all(self, queue: str, state: State) -> int:
        with self._client() as client:
            return client.tasks_archive(queue, state)

    def delete_all(self, queue: str, state: State) -> int:
        with self._client() as client:
            return client.tasks_delete(queue, state)

    def pause(self, queue: str) -> None:
        """Stop the taking of tasks from a queue, which may be new. Repeating is fine."""
        with self._client() as client:
            client.queue_pause(queue)

    def unpause(self, queue: str) -> None:
        with self._client() as client:
            client.queue_unpause(queue)

    def bound(self, queue: str, max_length: int | None) -> None:
        """Refuse (QueueFull) what is enqueued while a queue, which may be new, has so many pending
        tasks; None: any number may be. It is kept in the broker and holds for all of gofer's
        producers at once. Repeating is fine. Unsupported: the queue is sharded."""
        with self._client() as client:
            client.queue_bound(queue, max_length or 0)

    def pause_type(self, type: str) -> None:
        """Stop the taking of tasks of a type (or a prefix and "*"), in whatever queue; those that
        run go on, and those of other types, too. It is kept in the broker and holds for all of
        gofer's workers. Repeating is fine."""
        with self._client() as client:
            client.type_pause(type)

    def unpause_type(self, type: str) -> None:
        """The end of that, by the name that was paused."""
        with self._client() as client:
            client.type_unpause(type)

    def paused_types(self) -> list[PausedType]:
        """The types that are paused, by their names."""
        with self._client() as client:
            types = client.types_paused()
            return [read(PausedType, record) for record in types if record.has("paused_at_ms")]

    def age(self, queue: str, each: Duration | None) -> None:
        """Let priorities grow in a queue, which may be new: for each time so long that a task has
        waited it counts as one priority higher. None: they stay as they are. It is kept in the
        broker. Repeating is fine."""
        with self._client() as client:
            client.queue_age(queue, 0 if each is None else duration_ms(each, "each"))
    def require_encrypted(self, queue: str, required: bool = True) -> None:
        """Refuse (Denied) what is enqueued plain into a queue, which may be new; False: accept it
        again. It is kept in the broker and holds for all of gofer's producers at once. Repeating
        is fine."""
        with self._client() as client:
            client.queue_encrypt(queue, required)

    def delete_queue(self, queue: str, *, force: bool = False) -> None:
        """Remove a queue. WrongState: it has active tasks or, without `force`, any."""
        with self._client() as client:
            client.queue_delete(queue, force)

    def shard(self, queue: str, shards: int) -> None:
        """Spread a queue over 1 (not sharded) to 128 shards, which may be on different servers of a
        Redis Cluster. Producers and workers follow within a second or two, and go on naming the
        queue alone. Repeating is fine. Unsupported: more than 1, in a file or in memory."""
        with self._client() as client:
            client.queue_shard(queue, shards)


def _bounds(older: Duration | None, younger: Duration | None) -> tuple[int, int]:
    return (
        0 if older is None else duration_ms(older, "older"),
        0 if younger is None else duration_ms(younger, "younger"),
    )
