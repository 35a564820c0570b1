"""inspection - look at queues and tasks, and act on them: what `app.inspect` is.

Snapshots are frozen dataclasses; each names, field by field, where in the library's snapshot it is
read from. Points in time are aware datetimes in UTC, durations are timedeltas, and None is what does
not apply. Nothing is cached: each call asks the store.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, Generic, Literal, Optional, TypeVar

from .client import Client, Info
from .times import datetime_of, timedelta_of

State = Literal["pending", "scheduled", "active", "retry", "completed", "archived"]

T = TypeVar("T")


def _read_with(read: Callable[[Info, str], object], name: str) -> Any:
    return field(metadata={"read": lambda info: read(info, name)})


def _number(name: str) -> Any:
    return _read_with(Info.number, name)


def _text(name: str) -> Any:
    return _read_with(Info.text, name)


def _flag(name: str) -> Any:
    return _read_with(lambda info, name: bool(info.number(name)), name)


def _if_there(read: Callable[[Info, str], object], name: str) -> Any:
    return _read_with(lambda info, name: read(info, name) if info.has(name) else None, name)


def _time(name: str) -> Any:
    return _if_there(lambda info, name: datetime_of(info.number(name)), name)


def _span(name: str) -> Any:
    return _if_there(lambda info, name: timedelta_of(info.number(name)), name)


def _headers(info: Info, name: str) -> Mapping[str, str]:
    child = info.child(name)
    return {} if child is None else {key: child.text(key) for key in child.fields()}


def read(kind: type[T], info: Info) -> T:
    """One snapshot of that class, from one record."""
    return kind(**{each.name: each.metadata["read"](info) for each in fields(kind)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class QueueInfo:
    """One queue with its counts."""

    queue: str = _text("queue")
    paused: bool = _flag("paused")
    paused_at: Optional[datetime] = _time("paused_at_ms")
    pending: int = _number("pending")
    scheduled: int = _number("scheduled")
    active: int = _number("active")
    retry: int = _number("retry")
    completed: int = _number("completed")
    archived: int = _number("archived")
    size: int = _number("size")
    """The waiting and the active ones."""
    processed: int = _number("processed")
    """Today, UTC; so is failed."""
    failed: int = _number("failed")
    processed_total: int = _number("processed_total")
    failed_total: int = _number("failed_total")
    latency: timedelta = _read_with(lambda info, name: timedelta_of(info.number(name)), "latency_ms")
    """Age of the oldest pending task; zero: none."""


@dataclass(frozen=True)
class TaskInfo:
    """One task. payload and result are None in pages, which do not carry them."""

    id: str = _text("id")
    type: str = _text("type")
    queue: str = _text("queue")
    state: State = _text("state")
    payload: Optional[bytes] = _if_there(Info.data, "payload")
    payload_size: int = _number("payload_size")
    result: Optional[bytes] = _if_there(Info.data, "result")
    headers: Mapping[str, str] = _read_with(_headers, "headers")
    max_retry: int = _number("max_retry")
    retried: int = _number("retried")
    crashes: int = _number("crashes")
    """How often a worker died under it."""
    last_error: Optional[str] = _if_there(Info.text, "last_error")
    last_failed_at: Optional[datetime] = _time("last_failed_at_ms")
    timeout: Optional[timedelta] = _span("timeout_ms")
    deadline: Optional[datetime] = _time("deadline_ms")
    retention: Optional[timedelta] = _span("retention_ms")
    enqueued_at: Optional[datetime] = _time("enqueued_at_ms")
    next_run_at: Optional[datetime] = _time("next_run_at_ms")
    """Scheduled and retry only."""
    started_at: Optional[datetime] = _time("started_at_ms")
    """Active only; so are worker and progress."""
    worker: Optional[str] = _if_there(Info.text, "worker")
    progress_done: Optional[int] = _if_there(Info.number, "progress_done")
    progress_total: Optional[int] = _if_there(Info.number, "progress_total")
    progress_text: Optional[str] = _if_there(Info.text, "progress_text")
    completed_at: Optional[datetime] = _time("completed_at_ms")
    expires_at: Optional[datetime] = _time("expires_at_ms")
    """When a completed task is removed."""
    archived_at: Optional[datetime] = _time("archived_at_ms")


@dataclass(frozen=True)
class WorkerInfo:
    """One live worker."""

    worker: str = _text("worker")
    host: str = _text("host")
    pid: int = _number("pid")
    started_at: Optional[datetime] = _time("started_at_ms")
    state: str = _text("state")
    """"active", "quiet" or "stopping"."""
    concurrency: int = _number("concurrency")
    running: int = _number("running")
    queues: str = _text("queues")
    """With their weights: "mail=3 low=1"."""
    strict: bool = _flag("strict")


@dataclass(frozen=True)
class DayInfo:
    """What one day (UTC) saw."""

    day: date = _read_with(lambda info, name: date.fromisoformat(info.text(name)), "date")
    processed: int = _number("processed")
    failed: int = _number("failed")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of a list. next_cursor asks for the following ones; None: there are none."""

    items: list[T]
    next_cursor: Optional[str]


class Inspector:
    """Look at queues and tasks, and act on them.

    `queue=None` looks for a task in all queues. Errors everywhere: BrokerError, InvalidArgument
    (a malformed name), NotFound (no such queue or task).
    """

    def __init__(self, client: Callable[[], AbstractContextManager[Client]]) -> None:
        self._client = client

    # ---- looking ---------------------------------------------------------------

    def queues(self) -> list[QueueInfo]:
        """All queues, by name."""
        with self._client() as client:
            return [read(QueueInfo, record) for record in client.queues()]

    def queue(self, queue: str) -> QueueInfo:
        with self._client() as client:
            return read(QueueInfo, client.queue(queue))

    def page(
        self, queue: str = "default", state: State = "pending", *, cursor: str | None = None, limit: int = 30
    ) -> Page[TaskInfo]:
        """At most `limit` (1 to 1000) tasks of one state, in the order they will run, ran or failed."""
        with self._client() as client:
            info = client.tasks(queue, state, cursor, limit)
        following = info.text("next_cursor") if info.has("next_cursor") else None
        return Page([read(TaskInfo, record) for record in info], following)

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

    def workers(self) -> list[WorkerInfo]:
        with self._client() as client:
            return [read(WorkerInfo, record) for record in client.workers()]

    def history(self, queue: str | None = None, days: int = 7) -> list[DayInfo]:
        """Daily counts of one queue (None: all), newest first, at most `days` (1 to 90)."""
        with self._client() as client:
            return [read(DayInfo, record) for record in client.history(queue, days)]

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
        """Ask the worker that runs a task to stop it; does not wait for that. Unless the handler
        succeeds nevertheless, the task has failed and is retried as usual. WrongState: it is not
        active."""
        with self._client() as client:
            client.task_cancel(task_id, queue)

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

    def delete_queue(self, queue: str, *, force: bool = False) -> None:
        """Remove a queue. WrongState: it has active tasks or, without `force`, any."""
        with self._client() as client:
            client.queue_delete(queue, force)
