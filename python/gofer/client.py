"""client - the library's client handle as a class: bytes in, ids and snapshots out.

The lower of two floors: names, ids and times as the library has them (milliseconds, bytes). Most
programs use gofer.Gofer, which adds tasks, Python types and life after fork. This file, info.py,
put.py and times.py alone call the library's functions.

Threads: a Client may be used by any threads at once; the interpreter is free (no GIL) while the
library works. fork: in a child every method raises Forked, and closing is safe.
"""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

from .errors import (
    Forked,
    GoferError,
    HandlerFailed,
    InvalidArgument,
    NoMemory,
    Timeout,
    WrongState,
    check,
    error_of,
)
from .holds import Hold, Holds
from .info import Info, py_text, take_text
from .native import ffi, lib
from .put import Mold, Put, c_options, fit
from .times import c_text


class Client:
    """An open store. Use it as a context manager, or close it; a forgotten one closes itself.

    url          "sqlite:PATH", "redis://host", "memory:", None: $GOFER_URL, else a file in the
                 user's state folder
    timeout_ms   the longest wait for the store in one call; 0: 5000
    max_payload  bytes per payload and per result; 0: 16 MiB

    Errors: InvalidArgument (malformed URL), Unsupported (unknown scheme), Denied, Corrupt (not a
    gofer database), VersionMismatch (newer schema), BrokerError, NoMemory.
    """

    def __init__(
        self, url: str | None = None, *, timeout_ms: int = 0, max_payload: int = 0
    ) -> None:
        options = ffi.new("gofer_client_options *")
        lib.gofer_client_options_init(options)
        options.timeout_ms = fit("timeout_ms", timeout_ms)
        options.max_payload = fit("max_payload", max_payload)
        self._owned = _owned("gofer_py_gate **", lib.gofer_py_gate_free)
        status = lib.gofer_py_gate_open(self._owned, _text(url, "url"), options)
        if status == lib.GOFER_PY_NO_MEMORY:
            raise NoMemory("no memory for a client")
        check(status)
        self._gate: Any = self._owned[0]
        self._handle: Any = lib.gofer_py_gate_client(self._gate)
        self._pid = os.getpid()
        self._holds: Holds[Any] = Holds()
        self._closing = False
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
        self._waits: EndWaits | None = None
        self.url: str = py_text(lib.gofer_client_url(self._handle))  # passwords as "***"

    def close(self) -> None:
        """Close. Calls that other threads are in are let finish first: the last one closes.
        Closing twice, or in a forked child, is fine."""
        self._closing = True  # seen by whoever enters from here on
        if os.getpid() != self._pid:  # those inside are threads that are not here
            self._release(lib.gofer_py_gate_drop)
        else:
            self._release_if_over()

    def _release_if_over(self) -> None:
        if self._closing and not self._holds.any():
            self._release(lib.gofer_py_gate_close)

    def _release(self, close: Callable[[Any], None]) -> None:
        for listener in list(self._listeners):  # they end before it does
            listener.release()
        if self._waits is not None:
            self._waits.release()
        close(self._gate)

    def pause(self, on: bool) -> bool:
        """Let no more calls of try_put in, or let them in again. Whether one is inside."""
        return bool(lib.gofer_py_gate_pause(self._gate, on))

    @property
    def closed(self) -> bool:
        return self._closing

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<gofer.Client {self.url}{' closed' if self.closed else ''}>"

    def _open(self) -> Hold[Any]:
        """The handle, kept open meanwhile."""
        if os.getpid() != self._pid:
            raise Forked(f"the client was opened by process {self._pid}: close it before you fork")
        return Hold(self._holds, self._handle_now, self._release_if_over)

    def held(self) -> Hold[Any]:
        """A hold on it: a close meanwhile lets it open until the end. Errors: WrongState (it is
        closed), Forked."""
        return self._open()

    def _handle_now(self, hold: Hold[Any]) -> Any:
        if self._closing:
            raise WrongState(f"the client of {self.url} is closed")
        return self._handle

    def _call(self, function: Any, *args: Any) -> None:
        with self._open() as handle:
            check(function(handle, *args))

    def _look(self, function: Any, *args: Any) -> Info:
        """Call a function that hands out a snapshot."""
        out = ffi.new("gofer_info **")
        try:
            self._call(function, *args, out)
        except GoferError:
            # a check that could not look everywhere tells what it found
            lib.gofer_info_free(out[0])
            raise
        return Info(ffi.gc(out[0], lib.gofer_info_free))

    # ---- putting tasks in ----------------------------------------------------

    def ping(self) -> None:
        """Check that the store answers. Errors: as opening."""
        self._call(lib.gofer_client_ping)

    def enqueue(self, put: Put) -> str:
        """Add one task and return its id; it is durable then. A repeat with the same id, type,
        queue and payload adds nothing and is no error.

        Errors: InvalidArgument, TaskExists (the id is held by another task), TooBig, NoSpace,
        BrokerError, Uncertain.
        """
        return self.put(Mold(put.type, vars(put)), _bytes(put.payload))

    def enqueue_many(self, puts: Sequence[Put]) -> list[str | GoferError]:
        """Add many tasks in one call; each has its own fate: its id, or the error (not raised).

        Raises only what concerns the whole: Forked, WrongState, NoMemory.
        """
        molds = [Mold(put.type, vars(put)) for put in puts]
        return self.put_many(molds, [_bytes(put.payload) for put in puts])

    def put(self, mold: Mold, payload: bytes) -> str:
        """As enqueue."""
        with self._open():
            return _id_of(lib.gofer_py_put(self._gate, 1, mold.c(), payload, len(payload)))

    def try_put(self, mold: Mold, payload: bytes) -> str | None:
        """As put, at less cost, for who can do it the other way if this is not the moment: None,
        and nothing was done. It is none while the client is paused, when it is closed, and in a
        forked child."""
        one = lib.gofer_py_put(self._gate, 0, mold.c(), payload, len(payload))
        return None if one.status in _ANOTHER_WAY else _id_of(one)

    def put_many(self, molds: Sequence[Mold], payloads: Sequence[bytes]) -> list[str | GoferError]:
        """As enqueue_many."""
        batch = _Batch(molds, payloads)
        with self._open():
            batch.put(self._gate, 1)
            return batch.fates()

    def try_put_many(
        self, molds: Sequence[Mold], payloads: Sequence[bytes]
    ) -> list[str | GoferError] | None:
        """As put_many, in the way of try_put."""
        batch = _Batch(molds, payloads)
        return None if batch.put(self._gate, 0) in _ANOTHER_WAY else batch.fates()

    # ---- waiting and watching --------------------------------------------------------

    def wait(self, task_id: str, queue: str | None = None, timeout_ms: int = -1) -> Info:
        """Block until a task has come to its end; negative: for ever. A signal is noticed only
        then. Errors: NotFound (no such task when the wait began), Timeout."""
        which = _text(queue, "queue"), _text(task_id, "task id")
        return self._look(lib.gofer_client_wait, *which, fit("timeout_ms", timeout_ms))

    def interrupt(self) -> None:
        """End the waits and the listeners' steps that are under way: they raise Timeout within 50
        ms."""
        self._call(lib.gofer_client_interrupt)

    def waits(self) -> EndWaits:
        """Its waits for the ends of many tasks, made when first asked for. Threads: the one that
        waits."""
        if self._waits is None:
            self._waits = EndWaits(self)
        return self._waits

    def listen(self) -> Listener:
        """A listener to what happens to tasks from now on. Errors: Unsupported."""
        return Listener(self)

    # ---- schedules ---------------------------------------------------------------------

    def schedule_put(
        self, name: str, spec: str, put: Put, *, tz: str | None = None, missed: int = 0,
        missed_max: int = 0,
        overlap: int = 0, jitter_ms: int = 0, paused: bool = False, new: bool = False,
    ) -> None:  # fmt: skip
        """Add a cron entry, or change the one of this name. `put` is what it enqueues; without id,
        times, unique and group. Errors: InvalidArgument, TaskExists (new, and the name is
        taken)."""
        kept: list[Any] = []
        options = ffi.new("gofer_schedule_options *")
        lib.gofer_schedule_options_init(options)
        task = c_options(put, kept)  # it lives as long as this name
        options.task = task
        if tz is not None:
            kept.append(ffi.new("char[]", c_text(tz, "tz")))
            options.tz = kept[-1]
        numbers = {
            "missed": missed,
            "missed_max": missed_max,
            "overlap": overlap,
            "jitter_ms": jitter_ms,
        }
        for key, value in numbers.items():
            setattr(options, key, fit(key, value))
        options.paused = int(paused)
        payload = ffi.from_buffer(put.payload)
        self._call(
            lib.gofer_client_schedule_put, c_text(name, "name"), c_text(spec, "spec"),
            c_text(put.type, "task type"),
            payload, len(payload), options, int(new),
        )  # fmt: skip

    def schedule_remove(self, name: str) -> None:
        """Errors: NotFound."""
        self._call(lib.gofer_client_schedule_remove, c_text(name, "name"))

    def schedule_pause(self, name: str, paused: bool) -> None:
        """Errors: NotFound."""
        self._call(lib.gofer_client_schedule_pause, c_text(name, "name"), int(paused))

    def schedule_run(self, name: str) -> str:
        """Enqueue its task now; the task's id. Errors: NotFound."""
        out = ffi.new("char **")
        self._call(lib.gofer_client_schedule_run, c_text(name, "name"), out)
        return take_text(out[0])

    def schedules(self) -> Info:
        return self._look(lib.gofer_client_schedules)

    def schedule(self, name: str) -> Info:
        """Errors: NotFound."""
        return self._look(lib.gofer_client_schedule, c_text(name, "name"))

    def schedule_history(self, name: str, limit: int = 0) -> Info:
        """The latest it enqueued, newest first; limit 1 to 1000, 0: 30. Errors: NotFound."""
        return self._look(
            lib.gofer_client_schedule_history, c_text(name, "name"), fit("limit", limit)
        )

    def schedules_sync(self, source: str, json: bytes) -> Info:
        """Errors: InvalidArgument (says where), TaskExists (a name of another source)."""
        text = ffi.from_buffer(json)
        return self._look(
            lib.gofer_client_schedules_sync, c_text(source, "source"), text, len(text)
        )

    # ---- looking -----------------------------------------------------------------

    def queues(self) -> Info:
        return self._look(lib.gofer_client_queues)

    def queues_page(
        self, queue: str | None = None, cursor: str | None = None, limit: int = 0
    ) -> Info:
        """A page of the queues of a name or pattern ("mail:*"; None: all): `limit` records, 1 to
        1000 (0: 30), and the text field next_cursor unless it is the last. Errors:
        InvalidArgument."""
        if not 0 <= limit <= 1000:
            raise InvalidArgument(f"limit is {limit}: it must be from 1 to 1000, or 0 (30)")
        which = _text(queue, "queue"), _text(cursor, "cursor")
        return self._look(lib.gofer_client_queues_page, *which, limit)

    def queue(self, queue: str) -> Info:
        """Errors: NotFound."""
        return self._look(lib.gofer_client_queue, _text(queue, "queue"))

    def tasks(self, queue: str, state: str, cursor: str | None = None, limit: int = 0) -> Info:
        """A page: `limit` records, 1 to 1000 (0: 30), and the text field next_cursor unless it is
        the last. Errors: InvalidArgument, NotFound (no such queue)."""
        if not 0 <= limit <= 1000:
            raise InvalidArgument(f"limit is {limit}: it must be from 1 to 1000, or 0 (30)")
        which = _text(queue, "queue"), _text(state, "state")
        return self._look(lib.gofer_client_tasks, *which, _text(cursor, "cursor"), limit)

    def task(self, task_id: str, queue: str | None = None) -> Info:
        """Errors: NotFound. Without a queue all are looked in, as in the next three."""
        return self._look(lib.gofer_client_task, _text(queue, "queue"), _text(task_id, "task id"))

    def find(
        self,
        queue: str | None,
        state: str | None,
        match: Filter,
        cursor: str | None = None,
        limit: int = 0,
    ) -> Info:
        """A page of the tasks that match; it may hold none and yet have a next_cursor."""
        if not 0 <= limit <= 1000:
            raise InvalidArgument(f"limit is {limit}: it must be from 1 to 1000, or 0 (30)")
        kept: list[Any] = []
        which = _text(queue, "queue"), _text(state, "state"), match.c(kept)
        return self._look(lib.gofer_client_find, *which, _text(cursor, "cursor"), limit)

    def groups(self, queue: str) -> Info:
        return self._look(lib.gofer_client_groups, _text(queue, "queue"))

    def stats(self, queue: str | None, hours: int) -> Info:
        """Errors: InvalidArgument (hours: 1 to 168)."""
        if not 1 <= hours <= 168:
            raise InvalidArgument(f"hours is {hours}: it must be from 1 to 168")
        return self._look(lib.gofer_client_stats, _text(queue, "queue"), hours)

    def audit(
        self,
        actor: str | None = None,
        act: str | None = None,
        since_ms: int = 0,
        cursor: str | None = None,
        limit: int = 0,
    ) -> Info:
        """A page of who did what, newest first; it may hold none and yet have a next_cursor."""
        if not 0 <= limit <= 1000:
            raise InvalidArgument(f"limit is {limit}: it must be from 1 to 1000, or 0 (30)")
        match = ffi.new("gofer_audit_filter *")
        lib.gofer_audit_filter_init(match)
        kept = [
            ffi.NULL if text is None else ffi.new("char[]", c_text(text, what))
            for text, what in ((actor, "actor"), (act, "act"))
        ]
        match.actor, match.act = kept
        match.since_ms = fit("since_ms", since_ms)
        return self._look(lib.gofer_client_audit, match, _text(cursor, "cursor"), limit)

    def stats_hours(self, queue: str | None, type: str | None, hours: int) -> Info:
        """Errors: InvalidArgument (hours: 1 to 192)."""
        if not 1 <= hours <= 192:
            raise InvalidArgument(f"hours is {hours}: it must be from 1 to 192")
        return self._look(
            lib.gofer_client_stats_hours, _text(queue, "queue"), _text(type, "type"), hours
        )

    def store(self, queue: str | None = None) -> Info:
        """Errors: NotFound (no such queue)."""
        return self._look(lib.gofer_client_store, _text(queue, "queue"))

    def workers(self) -> Info:
        return self._look(lib.gofer_client_workers)

    def check(self, repair: bool = False) -> Info:
        """Findings. It may take long."""
        return self._look(lib.gofer_client_check, int(repair))

    def history(self, queue: str | None, days: int) -> Info:
        """Daily counts, newest first. Errors: InvalidArgument."""
        if not 1 <= days <= 90:
            raise InvalidArgument(f"days is {days}: it must be from 1 to 90")
        return self._look(lib.gofer_client_history, _text(queue, "queue"), days)

    # ---- acting --------------------------------------------------------------------

    def task_run(self, task_id: str, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState (pending, active or completed)."""
        self._on_task(lib.gofer_client_task_run, task_id, queue)

    def task_archive(self, task_id: str, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState."""
        self._on_task(lib.gofer_client_task_archive, task_id, queue)

    def task_delete(self, task_id: str, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState (active)."""
        self._on_task(lib.gofer_client_task_delete, task_id, queue)

    def task_cancel(self, task_id: str, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState (completed or archived)."""
        self._on_task(lib.gofer_client_task_cancel, task_id, queue)

    def task_edit(self, task_id: str, payload: bytes, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState, TooBig."""
        data = ffi.from_buffer(payload)
        self._call(
            lib.gofer_client_task_edit,
            _text(queue, "queue"),
            _text(task_id, "task id"),
            data,
            len(data),
        )

    def task_reschedule(self, task_id: str, run_at_ms: int, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState."""
        when = fit("run_at_ms", run_at_ms)
        self._call(
            lib.gofer_client_task_reschedule, _text(queue, "queue"), _text(task_id, "task id"), when
        )

    def task_delay(self, task_id: str, delay_ms: int, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState, InvalidArgument."""
        which = _text(queue, "queue"), _text(task_id, "task id")
        self._call(lib.gofer_client_task_delay, *which, fit("delay_ms", delay_ms))

    def act(
        self,
        act: int,
        queue: str | None,
        state: str | None,
        match: Filter,
        progress: Progress | None = None,
    ) -> int:
        """A GOFER_ACT_ number. How many; also if progress returned False and so stopped it. What
        progress raises is raised here. Errors: InvalidArgument, WrongState."""
        kept: list[Any] = []
        done = ffi.new("int64_t *")
        call = _ProgressCall(progress)
        function, user = (
            (_progress_function(), ffi.new_handle(call)) if progress else (ffi.NULL, ffi.NULL)
        )
        which = _text(queue, "queue"), _text(state, "state"), match.c(kept)
        try:
            self._call(lib.gofer_client_act, act, *which, function, user, done)
        except HandlerFailed:
            if call.error is not None:
                raise call.error from None
            if not call.stopped:
                raise
        return int(done[0])

    def worker_set(self, worker: str, key: str, value: str) -> None:
        """Errors: NotFound, InvalidArgument, Unsupported."""
        words = c_text(worker, "worker"), c_text(key, "key"), c_text(value, "value")
        self._call(lib.gofer_client_worker_set, *words)

    def tasks_run(self, queue: str, state: str) -> int:
        """How many. On an error some may be done; the same with the next two."""
        return self._on_tasks(lib.gofer_client_tasks_run, queue, state)

    def tasks_archive(self, queue: str, state: str) -> int:
        return self._on_tasks(lib.gofer_client_tasks_archive, queue, state)

    def tasks_delete(self, queue: str, state: str) -> int:
        return self._on_tasks(lib.gofer_client_tasks_delete, queue, state)

    def queue_pause(self, queue: str) -> None:
        self._call(lib.gofer_client_queue_pause, _text(queue, "queue"))

    def queue_unpause(self, queue: str) -> None:
        self._call(lib.gofer_client_queue_unpause, _text(queue, "queue"))

    def queue_delete(self, queue: str, force: bool = False) -> None:
        """Errors: NotFound, WrongState (active tasks; without force: any task)."""
        self._call(lib.gofer_client_queue_delete, _text(queue, "queue"), int(force))

    def _on_task(self, function: Any, task_id: str, queue: str | None) -> None:
        self._call(function, _text(queue, "queue"), _text(task_id, "task id"))

    def _on_tasks(self, function: Any, queue: str, state: str) -> int:
        count = ffi.new("int64_t *")
        self._call(function, _text(queue, "queue"), _text(state, "state"), count)
        return int(count[0])


class Listener:
    """Hears what happens to tasks. One thread at a time; ends with its client. Threads: one."""

    def __init__(self, client: Client) -> None:
        self._owned = _owned("gofer_events **", lib.gofer_events_close)
        with client._open() as handle:
            check(lib.gofer_events_open(self._owned, handle))
            self._handle: Any = self._owned[0]
            self._client = client
            client._listeners.add(self)

    def next(self, timeout_ms: int) -> Info:
        """The next event. Errors: Timeout, WrongState (the client is closed)."""
        out = ffi.new("gofer_info **")
        with self._client._open():
            check(lib.gofer_events_next(self._handle, fit("timeout_ms", timeout_ms), out))
        return Info(ffi.gc(out[0], lib.gofer_info_free))

    def release(self) -> None:
        """Stop listening. Repeating is fine."""
        self._handle = ffi.NULL
        ffi.release(self._owned)


class EndWaits:
    """The ends of many tasks; ends with its client, which must be held open meanwhile. Threads:
    one."""

    def __init__(self, client: Client) -> None:
        self._owned = _owned("gofer_waits **", lib.gofer_waits_close)
        with client._open() as handle:
            check(lib.gofer_waits_open(self._owned, handle))
        self._handle: Any = self._owned[0]
        self._room = ffi.new("int64_t *"), ffi.new("gofer_status *"), ffi.new("gofer_info **")
        self.fd: int = lib.gofer_waits_fd(self._handle)
        """Readable while there is something to tell."""

    def add(self, tag: int, task_id: str, queue: str | None) -> None:
        """Wait for this one too. Errors: InvalidArgument."""
        which = _text(queue, "queue"), _text(task_id, "task id")
        check(lib.gofer_waits_add(self._handle, *which, tag))

    def remove(self, tag: int) -> None:
        check(lib.gofer_waits_remove(self._handle, tag))

    def told(self) -> Iterator[tuple[int, Info | GoferError]]:
        """Those that are over, by their tags: what Client.wait would have given, or raised."""
        tag, how, end = self._room
        while True:
            try:
                check(lib.gofer_waits_next(self._handle, 0, tag, how, end))
            except Timeout:
                return
            if how[0] == lib.GOFER_OK:
                yield tag[0], Info(ffi.gc(end[0], lib.gofer_info_free))
            else:
                yield tag[0], error_of(how[0], py_text(lib.gofer_error_last()))

    @property
    def released(self) -> bool:
        return not self._handle

    def release(self) -> None:
        """End it. Repeating is fine."""
        self._handle = ffi.NULL
        ffi.release(self._owned)


@dataclass(frozen=True)
class Filter:
    """Which tasks are meant, as gofer_filter has it."""

    type: Optional[str] = None
    error: Optional[str] = None
    id: Optional[str] = None
    group: Optional[str] = None
    older_ms: int = 0
    younger_ms: int = 0
    fingerprint: Optional[str] = None

    def c(self, kept: list[Any]) -> Any:
        found = ffi.new("gofer_filter *")
        lib.gofer_filter_init(found)
        for name in ("type", "error", "id", "group", "fingerprint"):
            text = getattr(self, name)
            if text is not None:
                kept.append(ffi.new("char[]", c_text(text, name)))
                setattr(found, name, kept[-1])
        found.older_ms = fit("older_ms", self.older_ms)
        found.younger_ms = fit("younger_ms", self.younger_ms)
        return found


Progress = Callable[[int, int], object]
"""Told how many were looked at and how many of them were acted on; returning False stops there."""


class _ProgressCall:
    """What became of a progress function."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.error: BaseException | None = None
        self.stopped = False


def _on_progress(user: Any, looked: int, done: int) -> int:
    call: _ProgressCall = ffi.from_handle(user)
    try:
        call.stopped = call.progress is not None and call.progress(looked, done) is False
    except BaseException as error:
        call.error = error
        return 1
    return int(call.stopped)


@functools.lru_cache(maxsize=None)  # late: it loads the library
def _progress_function() -> Any:
    """What the library is to call, by which it calls _on_progress."""
    ffi.def_extern(name="gofer_py_progress", error=1)(_on_progress)
    return lib.gofer_py_progress


def cron_check(spec: str, tz: str | None = None, from_ms: int = 0, count: int = 0) -> Info:
    """Explain a cron spec, with its next ticks. Errors: InvalidArgument."""
    out = ffi.new("gofer_info **")
    numbers = fit("from_ms", from_ms), fit("count", count)
    check(lib.gofer_cron_check(c_text(spec, "spec"), _text(tz, "tz"), *numbers, out))
    return Info(ffi.gc(out[0], lib.gofer_info_free))


def version() -> str:
    """Version of the library in use, "0.1.0"."""
    return py_text(lib.gofer_version_text())


# What says that nothing was done, and that the client is not to be used now, or here.
_ANOTHER_WAY = (lib.GOFER_PY_SHUT, lib.GOFER_EFORKED)


def _id_of(one: Any) -> str:
    """The id of a task that is in. Errors: what it was refused for. Call it right after, as
    check."""
    check(one.status)
    text: bytes = ffi.string(one.id)
    return text.decode("utf-8", "replace") if text else take_text(one.long_id)


class _Batch:
    """Many tasks on their way in, packed for one call."""

    def __init__(self, molds: Sequence[Mold], payloads: Sequence[bytes]) -> None:
        count = len(molds)
        self._molds = molds
        self._c_molds = ffi.new("gofer_py_mold *[]", [mold.c() for mold in molds])
        self._payloads = ffi.from_buffer(b"".join(payloads))
        self._sizes = ffi.new("size_t[]", list(map(len, payloads)))
        self._statuses = ffi.new("gofer_status[]", count)
        self._ids = ffi.new("char *[]", count)
        self._c = ffi.new("gofer_py_batch *")
        self._c.count = count
        self._c.molds = self._c_molds
        self._c.payloads = self._payloads
        self._c.sizes = self._sizes
        self._c.statuses = self._statuses
        self._c.ids = self._ids
        self._status = 0
        self._why = ""

    def put(self, gate: Any, anyway: int) -> int:
        """The status of the whole."""
        self._status = lib.gofer_py_put_many(gate, anyway, self._c)
        if self._status != lib.GOFER_OK:
            self._why = py_text(lib.gofer_error_last())
        return int(self._status)

    def fates(self) -> list[str | GoferError]:
        """Each task's id or error. Raises what concerns the whole."""
        status = self._status
        if status == lib.GOFER_OK:
            return list(self._texts())
        if status == lib.GOFER_PY_NO_MEMORY:
            raise NoMemory("no memory for a batch of tasks")
        if lib.GOFER_PY_NOT_REACHED in list(self._statuses):
            raise error_of(status, self._why or None)
        return list(self._mixed())

    def _texts(self) -> list[str]:
        if not self._c.text:  # there was no memory to make one of them all
            return [take_text(each) if each else "" for each in self._ids]
        text = ffi.gc(self._c.text, lib.gofer_py_text_free)
        self._c.text = ffi.NULL
        whole: bytes = ffi.unpack(text, self._c.text_size)
        return whole.decode("utf-8", "replace").split("\0")[:-1]

    def _mixed(self) -> Iterator[str | GoferError]:
        """The library tells the cause of the first failure, which has the status of the whole; the
        others get the general sentence of theirs."""
        first = self._status
        for index, (task_id, each) in enumerate(zip(self._texts(), list(self._statuses))):
            if each == lib.GOFER_OK:
                yield task_id
            elif each == first:
                yield error_of(each, self._why or None)
                first = lib.GOFER_OK
            else:
                mold = self._molds[index]
                where = f"task {index} of the batch, '{mold.type}' for queue '{mold.queue}'"
                yield error_of(each, f"{where}: {error_of(each)}")


def _bytes(payload: Any) -> bytes:
    return payload if type(payload) is bytes else bytes(memoryview(payload))


def _owned(kind: str, close: Any) -> Any:
    """Room for a handle, which is closed with it. It is there before the handle, so that none is
    lost to an exception that a signal handler raises where it is handed over."""
    return ffi.gc(ffi.new(kind), lambda out: close(out[0]))


def _text(value: str | None, what: str) -> Any:
    return ffi.NULL if value is None else c_text(value, what)
