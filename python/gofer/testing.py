"""testing - for the tests of applications: a store in memory, tasks that run at once, a clock.

    with app.eager():
        assert add.enqueue(1, 2).wait().json() == 3

The pytest plugin (gofer_pytest) makes fixtures of these. Threads: one test at a time.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, TypeVar

from .app import Gofer
from .errors import HandlerFailed, NotFound, WrongState
from .events import Outcome
from .ids import new_id
from .inspection import Inspector, LogLine, State, TaskInfo
from .limits import Limits
from .payload import Codec, encoded
from .put import Mold, Put
from .running.delivery import LEVELS, Control, Delivery, Ending, Part
from .running.grouping import fitting
from .running.runner import Runner
from .task import Handle, Item, Result, Task
from .times import Duration, duration_ms

T = TypeVar("T")
Groups = dict[tuple[str, str], list[Part]]
"""The tasks of groups, by queue and name."""

WAITING: tuple[State, ...] = ("pending", "scheduled", "retry")


@contextmanager
def on_memory(app: Gofer) -> Iterator[Gofer]:
    """The application uses an empty store in memory meanwhile, whatever its URL is. Closing it has
    no effect: a web app's lifespan does so at its end, and a test looks at the tasks after that."""
    app.close()
    before = app._connection.move("memory:")
    vars(app)["close"] = lambda: None
    try:
        yield app
    finally:
        del vars(app)["close"]
        app.close()
        app._connection.move(before)


# ---- at once ----------------------------------------------------------------------------


@contextmanager
def eager(app: Gofer) -> Iterator[Eager]:
    """Meanwhile each task runs at once, where it is enqueued, and the store is not asked.

    Arguments are encoded, decoded and validated as ever, options are checked, and hooks and
    middleware are called. One attempt is made, without its timeout; delays are not waited for. What
    a task raises is its outcome: handle.wait() gives it.
    """
    running = Eager(app)
    remove = running.install()
    try:
        yield running
    finally:
        remove()


class Eager:
    """What has run at once; also what the handles of these tasks ask."""

    stopping: bool = False

    def __init__(self, app: Gofer) -> None:
        self._app = app
        self._runner = Runner(app)
        self.inspect: EagerInspector = EagerInspector(app._connection.use, app.codec_of)
        """In the place of the application's: it knows the tasks that were put in here, too."""
        self.limits: EagerLimits = EagerLimits(app._connection.use)
        """Likewise: a pause holds nobody up."""
        self.tasks: dict[str, Task[..., Any]] = app.tasks
        self.codec_of: Callable[[str], Codec] = app.codec_of
        self.items: list[Item] = []
        """What was enqueued, in order."""
        self.outcomes: dict[str, Outcome] = {}
        """How the tasks have ended, by id."""
        self.records: dict[str, Record] = {}
        """What is known of each, by id."""
        self.inspect.records = self.records
        self._running: dict[int, Record] = {}
        self._refs = itertools.count(1)

    def install(self) -> Callable[[], None]:
        """Have the application put in here; the way back."""
        attributes = vars(self._app)
        names = ("_put_many", "_put", "inspect", "limits")
        before = {name: attributes[name] for name in names if name in attributes}
        attributes.update(
            _put_many=self.put_many, _put=self.put, inspect=self.inspect, limits=self.limits
        )

        def remove() -> None:
            for name in names:
                attributes.pop(name, None)
            attributes.update(before)

        return remove

    def put_many(self, items: list[Item]) -> list[Result]:
        groups: Groups = {}
        results = [Result(self._take(item, groups), None) for item in items]
        self._aggregate(groups)
        return results

    def put(self, mold: Mold, payload: bytes) -> Handle[Any]:
        groups: Groups = {}
        handle = self._take(Item(mold, payload), groups)
        self._aggregate(groups)
        return handle

    def _take(self, item: Item, groups: Groups) -> Handle[Any]:
        put = item.put
        queue, task_id = put.queue or "default", put.task_id or new_id()
        self.items.append(item)
        record = self.records[task_id] = Record(task_id, queue, put)
        if put.group is not None:
            part = Part(task_id, put.type, put.headers or {}, put.payload)
            groups.setdefault((queue, put.group), []).append(part)
        elif self._runner.prepared(put.type) is not None:  # else it is somebody else's
            delivery = Delivery(
                next(self._refs), task_id, put.type, queue, headers=dict(put.headers or {}),
                payload=put.payload,
            )  # fmt: skip
            self._running[delivery.ref] = record
            try:
                record.outcome = _outcome(delivery, self._run(delivery))
            finally:
                del self._running[delivery.ref]
            self.outcomes[task_id] = record.outcome
        return Handle(task_id, put.type, queue, self)

    def _run(self, delivery: Delivery) -> Ending:
        control = Control(delivery.ref, self)
        prepared = self._runner.prepared(delivery.type)
        if prepared is None or not prepared.is_async:
            return self._runner.run(delivery, control)
        return _in_a_loop(self._runner.arun(delivery, control))

    def _aggregate(self, groups: Groups) -> None:
        """What was put in by one call is a set."""
        for (queue, group), parts in groups.items():
            by = self._runner.aggregating(group)
            if by is None:  # it is somebody else's
                continue
            delivery = Delivery(1, group, "", queue, parts=parts)
            control = Control(delivery.ref, self)
            made = (
                _in_a_loop(self._runner.acombine(delivery, control))
                if by.is_async
                else self._runner.combine(delivery, control)
            )
            if isinstance(made, Ending):
                raise HandlerFailed(f"the aggregator of the group '{group}': {made.text}")
            for part in parts:
                self.records[part.id].end("gone")
            given = {name: value for name, value in vars(made).items() if name not in _IN_AN_ITEM}
            self.put(Mold(made.type, {**given, "queue": queue}), made.payload)

    # ---- for handles

    def wait(
        self, task_id: str, queue: str | None = None, *, timeout: Duration | None = None
    ) -> Outcome:
        record = self.records.get(task_id)
        if record is None or record.outcome is None:
            raise NotFound(f"the task '{task_id}' did not run: no function here is for it")
        return record.outcome

    async def wait_async(
        self, task_id: str, queue: str | None = None, *, timeout: Duration | None = None
    ) -> Outcome:
        return self.wait(task_id, queue, timeout=timeout)

    # ---- what running tasks tell

    def progress(self, ref: int, done: int, total: int, text: str) -> None:
        record = self._running.get(ref)
        if record is not None:
            record.progress = done, total, text

    def log(self, ref: int, level: int, text: str) -> None:
        record = self._running.get(ref)
        if record is not None:
            word = next(word for word, number in LEVELS.items() if number == level)
            record.log.append(LogLine(datetime.now(timezone.utc), word, text))

    def checkpoint(self, ref: int, data: Optional[bytes]) -> None: ...

    def parent(self, ref: int, step: str) -> Optional[bytes]:
        raise WrongState("a task that runs where it is enqueued is of no flow")


class Record:
    """What is known of a task that was put in here."""

    def __init__(self, id: str, queue: str, put: Put) -> None:
        self.id: str = id
        self.queue: str = queue
        self.put: Put = put
        self.at: datetime = datetime.now(timezone.utc)
        self.outcome: Optional[Outcome] = None
        """None: no function here is for it, or it runs."""
        self.progress: Optional[tuple[int, int, str]] = None
        self.log: list[LogLine] = []

    def end(self, how: str, why: str | None = None) -> None:
        """Without a run."""
        now = datetime.now(timezone.utc)
        self.outcome = Outcome(self.id, self.queue, how, None, why, now, False)

    def info(self) -> TaskInfo:
        """As a store has it; one that is done as if it had a retention."""
        put, outcome = self.put, self.outcome
        blank = {each.name: _BLANK.get(str(each.type)) for each in fields(TaskInfo)}
        told: dict[str, Any] = {
            "id": self.id, "queue": self.queue, "type": put.type, "state": self._state(),
            "payload": put.payload, "payload_size": len(put.payload),
            "headers": dict(put.headers or {}), "max_retry": max(put.max_retry, 0),
            "priority": put.priority, "tenant": put.tenant,
            "limits": put.limits or (), "limit_cost": put.limit_cost or None,
            "ordered": put.ordered,
            "group": put.group, "enqueued_at": self.at, "log": tuple(self.log),
        }  # fmt: skip
        if self.progress is not None:
            told.update(zip(("progress_done", "progress_total", "progress_text"), self.progress))
        if outcome is not None and outcome.ok:
            told.update(result=outcome.result, completed_at=outcome.finished_at)
        elif outcome is not None:
            told.update(last_error=outcome.last_error, archived_at=outcome.finished_at)
        return TaskInfo(**{**blank, **told})

    def _state(self) -> State:
        if self.outcome is None:
            return "aggregating" if self.put.group is not None else "pending"
        return "completed" if self.outcome.ok else "archived"


# What there is not, by the type of the field; None for those that may be missing.
_BLANK: dict[str, Any] = {
    "int": 0, "bool": False, "str": "", "Mapping[str, str]": {}, "tuple[Attempt, ...]": (),
    "tuple[str, ...]": (),
}  # fmt: skip


class EagerLimits(Limits):
    """What tasks ask of limits that run at once; all else is asked of the store."""

    def pause(self, key: str, delay: Duration) -> None:
        duration_ms(delay, "delay")


class EagerInspector(Inspector):
    """What handles ask of eager tasks; all else is asked of the store."""

    records: Mapping[str, Record] = {}

    def task(self, task_id: str, queue: str | None = None) -> TaskInfo:
        record = self.records.get(task_id)
        if record is None:
            return super().task(task_id, queue)
        if record.outcome is not None and record.outcome.outcome in ("revoked", "gone"):
            raise NotFound(f"the task '{task_id}' is not there any more")
        return record.info()

    def cancel(self, task_id: str, queue: str | None = None) -> None:
        record = self.records.get(task_id)
        if record is None:
            super().cancel(task_id, queue)
        elif record.outcome is not None:
            raise WrongState(f"the task '{task_id}' has ended: it ran where it was enqueued")
        else:  # nobody here runs it
            record.end("cancelled", "cancelled")


def _in_a_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread of its own: a loop may run in this one, and there is one loop in a
    thread."""
    results: list[T] = []
    thread = threading.Thread(
        target=lambda: results.append(asyncio.run(coroutine)), name="gofer-eager"
    )
    thread.start()
    thread.join()
    return results[0]


_WORDS = {"done": "done", "revoke": "revoked"}


def _outcome(delivery: Delivery, ending: Ending) -> Outcome:
    word = _WORDS.get(ending.kind, "archived")
    return Outcome(
        delivery.id,
        delivery.queue,
        word,
        ending.result or None,
        ending.text or None,
        datetime.now(timezone.utc),
        False,
    )


# ---- in a store in memory -----------------------------------------------------------------


_IN_AN_ITEM = ("type", "payload")  # of a Put: the rest is in its mold
MOST_OF_A_SET = 10000  # group_max_size takes no more


def run_pending(app: Gofer) -> int:
    """Run tasks in this process until none is pending or active: how many runs there were. Groups
    that the application has an aggregator for are ready at once, and what they become is run, too;
    one whose aggregator fails stays as it is, which `logging` tells."""
    runs = 0
    failed: set[tuple[str, str]] = set()
    while True:
        runs += _run_tasks(app)
        groups = _groups_of(app, failed)
        if not groups:
            return runs
        # At once those are ready that have as many tasks as the largest; then come the next.
        failed |= _aggregate(app, min(max(groups.values()), MOST_OF_A_SET), failed)


def _run_tasks(app: Gofer) -> int:
    queues = [info.queue for info in app.inspect.queues()]
    if not queues:
        return 0
    worker = app.worker(queues=queues)
    worker.aggregates = False
    worker.start()
    try:
        while any(info.pending or info.active for info in app.inspect.queues()):
            time.sleep(0.002)
    finally:
        figures = worker.stop()
    return figures["processed"]


def _aggregate(app: Gofer, size: int, failed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Make tasks of all groups of this size, while no task is run that could add to them. Those
    whose aggregator has failed."""
    queues = [info.queue for info in app.inspect.queues()]
    worker = app.worker(queues=queues, group_max_size=size, grace="1m")
    worker.runs_tasks = False
    worker.start()
    try:
        while any(
            count >= size for count in _groups_of(app, {*failed, *worker.failed_groups}).values()
        ):
            time.sleep(0.002)
    finally:
        worker.stop()  # waits for those that are under way
    return set(worker.failed_groups)


def _groups_of(app: Gofer, but: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """How many tasks wait in each group that this application aggregates."""
    if not app.aggregators:
        return {}
    return {
        (queue.queue, info.group): info.size
        for queue in app.inspect.queues()
        for info in app.inspect.groups(queue.queue)
        if fitting(app.aggregators, info.group) and (queue.queue, info.group) not in but
    }


class Clock:
    """A clock that runs ahead of the real one. It moves what waits for a time: scheduled tasks and
    those to be tried again. Deadlines, retention and cron entries go by the real time."""

    def __init__(self, app: Gofer) -> None:
        self._app = app
        self.ahead: timedelta = timedelta(0)

    @property
    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.ahead

    def advance(self, span: Duration) -> int:
        """Move it on, and make pending what is due by then: how many tasks."""
        self.ahead += timedelta(milliseconds=duration_ms(span, "span"))
        due = [
            info
            for queue in self._app.inspect.queues()
            for state in WAITING[1:]
            for info in self._app.inspect.tasks(queue.queue, state)
            if info.next_run_at is not None and info.next_run_at <= self.now
        ]
        due.sort(key=lambda info: info.next_run_at or self.now)
        for info in due:
            self._app.inspect.run(info.id, info.queue)
        return len(due)


def find_enqueued(
    app: Gofer, task: Any, arguments: Mapping[str, Any]
) -> tuple[Optional[TaskInfo], list[Any]]:
    """The first task of this type that waits with these arguments; the bodies of the others."""
    name = task if isinstance(task, str) else task.name
    codec = app.codec_of(name)
    wanted = codec.decode(encoded(codec, dict(arguments))) if arguments else None
    others: list[Any] = []
    for queue in app.inspect.queues():
        for state in (*WAITING, "aggregating"):
            for info in app.inspect.tasks(queue.queue, state):
                if info.type != name:
                    continue
                whole = app.inspect.task(info.id, info.queue)
                body = _body(whole.payload, codec)
                if wanted is None or body == wanted or _holds(body, wanted):
                    return whole, others
                others.append(body)
    return None, others


def _body(payload: bytes | None, codec: Codec) -> Any:
    try:
        return codec.decode(payload) if payload else None
    except ValueError:
        return payload


def _holds(body: Any, wanted: Any) -> bool:
    """Whether the arguments are among those of the body."""
    if not isinstance(body, dict) or not isinstance(wanted, dict):
        return False
    return all(key in body and body[key] == value for key, value in wanted.items())
