"""client - the library's client handle as a class: bytes in, ids and snapshots out.

The lower of two floors: names, ids and times as the library has them (milliseconds, bytes). Most
programs use gofer.Gofer, which adds tasks, Python types and life after fork. This file and times.py
alone call the library's functions.

Threads: a Client may be used by any threads at once; the interpreter is free (no GIL) while the
library works. fork: in a child every method raises Forked, and closing is safe.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

from ._gofer import ffi, lib
from .errors import Forked, GoferError, InvalidArgument, WrongState, check, error_of
from .times import c_text

NO_RETRY: int = lib.GOFER_NO_RETRY
NO_TIMEOUT_MS: int = lib.GOFER_NO_TIMEOUT


@dataclass(frozen=True)
class Put:
    """One task on its way in, as gofer_enqueue_options has it: 0 and None mean the default."""

    type: str
    payload: bytes = b""
    queue: Optional[str] = None
    task_id: Optional[str] = None
    run_at_ms: int = 0
    delay_ms: int = 0
    timeout_ms: int = 0
    deadline_ms: int = 0
    retention_ms: int = 0
    max_retry: int = 0
    headers: Optional[Mapping[str, str]] = None


class Info:
    """A snapshot from inspection: a record with named fields, or a list of records.

    It lives as long as anything taken from it does. Threads: any.
    """

    __slots__ = ("_info", "_root")

    def __init__(self, info: Any, root: Any = None) -> None:
        self._info = info
        self._root = root  # what must outlive a borrowed record

    def __len__(self) -> int:
        return int(lib.gofer_info_count(self._info))

    def __iter__(self) -> Iterator[Info]:
        for index in range(len(self)):
            yield Info(lib.gofer_info_at(self._info, index), self._root or self._info)

    def fields(self) -> list[str]:
        count = lib.gofer_info_field_count(self._info)
        return [_str(lib.gofer_info_field_name(self._info, index)) for index in range(count)]

    def has(self, field: str) -> bool:
        return bool(lib.gofer_info_has(self._info, field.encode()))

    def number(self, field: str) -> int:
        """The number; 0 if it is missing."""
        return int(lib.gofer_info_int(self._info, field.encode(), 0))

    def text(self, field: str) -> str:
        """The text; "" if it is missing."""
        found = lib.gofer_info_text(self._info, field.encode())
        return _str(found) if found else ""

    def data(self, field: str) -> bytes:
        """The bytes; b"" if they are missing."""
        size = ffi.new("size_t *")
        found = lib.gofer_info_bytes(self._info, field.encode(), size)
        return ffi.unpack(ffi.cast("const char *", found), size[0]) if found else b""

    def child(self, field: str) -> Info | None:
        found = lib.gofer_info_child(self._info, field.encode())
        return Info(found, self._root or self._info) if found else None

    def json(self) -> str:
        """The whole as JSON text."""
        out = ffi.new("char **")
        check(lib.gofer_info_json(self._info, out))
        return _take_text(out[0])


class Client:
    """An open store. Use it as a context manager, or close it; a forgotten one closes itself.

    url          "sqlite:PATH", "redis://host", "memory:", None: $GOFER_URL, else a file in the user's state
                 folder
    timeout_ms   the longest wait for the store in one call; 0: 5000
    max_payload  bytes per payload and per result; 0: 16 MiB

    Errors: InvalidArgument (malformed URL), Unsupported (unknown scheme), Denied, Corrupt (not a
    gofer database), VersionMismatch (newer schema), BrokerError, NoMemory.
    """

    def __init__(self, url: str | None = None, *, timeout_ms: int = 0, max_payload: int = 0) -> None:
        options = ffi.new("gofer_client_options *")
        lib.gofer_client_options_init(options)
        options.timeout_ms = _fit("timeout_ms", timeout_ms)
        options.max_payload = _fit("max_payload", max_payload)
        out = ffi.new("gofer_client **")
        check(lib.gofer_client_open(out, _text(url, "url"), options))
        self._handle: Any = ffi.gc(out[0], lib.gofer_client_close)
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards the two below
        self._calls = 0
        self._closing = False
        self.url: str = _str(lib.gofer_client_url(self._handle))  # passwords as "***"

    def close(self) -> None:
        """Close. Calls that other threads are in are let finish first: the last one closes.
        Closing twice, or in a forked child, is fine."""
        if os.getpid() != self._pid:  # the lock may be held by a thread that is not here
            ffi.release(self._handle)
            return
        with self._lock:
            self._closing = True
            idle = self._calls == 0
        if idle:
            ffi.release(self._handle)

    @property
    def closed(self) -> bool:
        return self._closing

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<gofer.Client {self.url}{' closed' if self.closed else ''}>"

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The handle, kept open meanwhile."""
        if os.getpid() != self._pid:
            raise Forked(f"the client was opened by process {self._pid}; open a new one after fork")
        with self._lock:
            if self._closing:
                raise WrongState(f"the client of {self.url} is closed")
            self._calls += 1
        try:
            yield self._handle
        finally:
            with self._lock:
                self._calls -= 1
                last = self._closing and self._calls == 0
            if last:
                ffi.release(self._handle)

    def _call(self, function: Any, *args: Any) -> None:
        with self._open() as handle:
            check(function(handle, *args))

    def _look(self, function: Any, *args: Any) -> Info:
        """Call a function that hands out a snapshot."""
        out = ffi.new("gofer_info **")
        self._call(function, *args, out)
        return Info(ffi.gc(out[0], lib.gofer_info_free))

    # ---- putting tasks in ----------------------------------------------------

    def ping(self) -> None:
        """Check that the store answers. Errors: as opening."""
        self._call(lib.gofer_client_ping)

    def enqueue(self, put: Put) -> str:
        """Add one task and return its id; it is durable then. A repeat with the same id, type, queue
        and payload adds nothing and is no error.

        Errors: InvalidArgument, TaskExists (the id is held by another task), TooBig, NoSpace,
        BrokerError, Uncertain.
        """
        kept: list[Any] = []
        options = _options(put, kept)
        payload = ffi.from_buffer(put.payload)
        out = ffi.new("char **")
        self._call(
            lib.gofer_client_enqueue, c_text(put.type, "task type"), payload, len(payload), options, out
        )
        return _take_text(out[0])

    def enqueue_many(self, puts: Sequence[Put]) -> list[str | GoferError]:
        """Add many tasks in one call; each has its own fate: its id, or the error (not raised).

        Raises only what concerns the whole: Forked, WrongState, NoMemory.
        """
        count = len(puts)
        kept: list[Any] = []
        types = [ffi.new("char[]", c_text(put.type, "task type")) for put in puts]
        payloads = [ffi.from_buffer(put.payload) for put in puts]
        options = [_options(put, kept) for put in puts]
        statuses = ffi.new("gofer_status[]", [1] * count)  # 1: not a status, so not reached
        ids = ffi.new("char *[]", count)
        with self._open() as handle:
            status = lib.gofer_client_enqueue_many(
                handle, count, ffi.new("char *[]", types), ffi.new("void *[]", payloads),
                ffi.new("size_t[]", [len(payload) for payload in payloads]),
                ffi.new("gofer_enqueue_options *[]", options), statuses, ids,
            )  # fmt: skip
            if status != lib.GOFER_OK and 1 in list(statuses):
                check(status)
            text = _str(lib.gofer_error_last())
        return list(_fates(puts, status, text, list(statuses), ids))

    # ---- looking -----------------------------------------------------------------

    def queues(self) -> Info:
        return self._look(lib.gofer_client_queues)

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
        """Errors: NotFound, WrongState (not active)."""
        self._on_task(lib.gofer_client_task_cancel, task_id, queue)

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


def version() -> str:
    """Version of the library in use, "0.1.0"."""
    return _str(lib.gofer_version_text())


def _fates(
    puts: Sequence[Put], status: int, text: str, statuses: list[int], ids: Any
) -> Iterator[str | GoferError]:
    """Each task's id or error. The library tells the cause of the first failure, which has that
    status; the others get the general sentence of theirs."""
    for index, (put, each) in enumerate(zip(puts, statuses)):
        if each == lib.GOFER_OK:
            yield _take_text(ids[index])
        elif each == status:
            yield error_of(each, text or None)
            status = lib.GOFER_OK
        else:
            where = f"task {index} of the batch, '{put.type}' for queue '{put.queue or 'default'}'"
            yield error_of(each, f"{where}: {error_of(each)}")


def _options(put: Put, kept: list[Any]) -> Any:
    """gofer_enqueue_options of a task. What it points to is added to `kept`, and must be held while
    it is in use."""

    def held(text: bytes) -> Any:
        kept.append(ffi.new("char[]", text))
        return kept[-1]

    options = ffi.new("gofer_enqueue_options *")
    lib.gofer_enqueue_options_init(options)
    if put.queue is not None:
        options.queue = held(c_text(put.queue, "queue"))
    if put.task_id is not None:
        options.task_id = held(c_text(put.task_id, "task id"))
    for name in ("run_at_ms", "delay_ms", "timeout_ms", "deadline_ms", "retention_ms", "max_retry"):
        setattr(options, name, _fit(name, getattr(put, name)))
    if put.headers:
        pairs = [held(c_text(word, "header")) for pair in put.headers.items() for word in pair]
        kept.append(ffi.new("char *[]", [*pairs, ffi.NULL]))
        options.headers = kept[-1]
    return options


def _fit(name: str, value: int) -> int:
    """The number, if its C type holds it; the library checks the range that makes sense."""
    bits = 31 if name == "max_retry" else 63
    if not -(2**bits) <= value < 2**bits:
        raise InvalidArgument(f"{name} is {value}: out of range")
    return value


def _text(value: str | None, what: str) -> Any:
    return ffi.NULL if value is None else c_text(value, what)


def _str(borrowed: Any) -> str:
    return str(ffi.string(borrowed).decode("utf-8", "replace"))


def _take_text(owned: Any) -> str:
    """The text, its memory given back."""
    return _str(ffi.gc(owned, lib.gofer_free))
