"""pull - a worker of the library whose tasks are taken and run by this process.

The lower floor of local.py: cffi in, Deliveries and Endings out. A task's handle lives from take to
finish; what comes later for it (a progress of a thread that its function left behind) goes nowhere.

Threads: any, once started. Locks: `_lock` guards the handles. fork: not in a child.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Protocol

from .client import Client
from .client.flowing import taken
from .errors import BrokerError, Empty, Timeout, WrongState, check
from .holds import Turn
from .info import Info, py_text
from .native import ffi, lib
from .put import Put, c_options
from .running.delivery import Delivery, Ending, Part
from .times import c_text

MOST = 64  # tasks of one take

_REASONS = {
    lib.GOFER_CANCEL_TIMEOUT: "timeout",
    lib.GOFER_CANCEL_STOP: "stop",
    lib.GOFER_CANCEL_LEASE: "lease",
    lib.GOFER_CANCEL_REQUEST: "asked",
}


class Groups(Protocol):
    """Who aggregates for a worker. Called on threads of the library."""

    def patterns(self) -> Sequence[str]: ...

    def combine(self, delivery: Delivery) -> Put | Ending:
        """The task that a group becomes, or why there is none."""

    def refused(self, delivery: Delivery, why: str) -> None:
        """It became none: its tasks go back."""


# Those of the workers that are there, by what the library is given in their place.
_groups: dict[int, Groups] = {}
_numbers = itertools.count(1)


class Pull:
    """A worker that has been started; also the Channel of its tasks."""

    def __init__(
        self, client: Client, settings: Mapping[str, str], queues: Mapping[str, int],
        policies: Mapping[str, str], groups: Groups,
    ) -> None:  # fmt: skip
        """With the setting pull=0 it takes no tasks, and aggregates alone."""
        out = ffi.new("gofer_worker **")
        client._call(lambda handle: lib.gofer_worker_new(out, handle))
        self._worker: Any = ffi.gc(out[0], lib.gofer_worker_free)
        for key, value in {"pull": "1", **settings}.items():
            check(lib.gofer_worker_set(self._worker, c_text(key, "setting"), c_text(value, key)))
        for queue, weight in queues.items():
            check(lib.gofer_worker_queue(self._worker, c_text(queue, "queue"), weight))
        for type, policy in policies.items():
            words = c_text(type, "task type"), c_text(policy, "retry policy")
            check(lib.gofer_worker_retry(self._worker, *words))
        self._number = next(_numbers)
        _groups[self._number] = groups
        user = ffi.cast("void *", self._number)
        for pattern in groups.patterns():
            told = c_text(pattern, "group pattern"), _aggregate_function(), user, ffi.NULL
            check(lib.gofer_worker_aggregate(self._worker, *told))
        self.stopping: bool = False
        self.failure: BrokerError | None = None  # its store failed for good, and it has ended
        self._freed = False
        self._lock = Turn()  # tasks are interrupted at any line, and their calls with them
        self._tasks: dict[int, Any] = {}
        self._asking: dict[int, int] = {}  # calls of parent under way, by task
        self._refs = itertools.count(1)
        self._taken = ffi.new("gofer_task *[]", MOST)  # for who takes: one thread
        self._count = ffi.new("size_t *")
        check(lib.gofer_worker_start(self._worker))

    @property
    def id(self) -> str:
        return py_text(lib.gofer_worker_id(self._worker))

    # ---- tasks ------------------------------------------------------------------

    def take(self, timeout_ms: int) -> list[Delivery] | None:
        """The ready tasks, none: not in that time; None: the worker has ended. Threads: one."""
        try:
            check(
                lib.gofer_worker_take(self._worker, self._taken, MOST, timeout_ms, self._count)
            )  # fmt: skip
        except Empty:
            return []
        except WrongState:
            return None
        return [self._delivery(self._taken[index]) for index in range(self._count[0])]

    def _delivery(self, task: Any) -> Delivery:
        size = ffi.new("size_t *")
        payload = bytes(ffi.buffer(lib.gofer_task_payload(task, size), size[0]))
        left_ms = lib.gofer_task_remaining_ms(task)
        ref = next(self._refs)
        with self._lock.take():
            self._tasks[ref] = task
        return Delivery(
            ref,
            py_text(lib.gofer_task_id(task)),
            py_text(lib.gofer_task_type(task)),
            py_text(lib.gofer_task_queue(task)),
            lib.gofer_task_attempt(task),
            lib.gofer_task_max_retry(task),
            left_ms if left_ms < lib.GOFER_MAX_DURATION_MS else 0,
            lib.gofer_task_deadline_ms(task),
            _headers(task),
            payload,
            _checkpoint(task),
        )

    def cancelled(self, ref: int) -> str | None:
        """Why it should end, if it should."""
        with self._lock.take():
            task = self._tasks.get(ref)
            return _REASONS.get(lib.gofer_task_cancelled(task)) if task is not None else None

    def finish(self, ref: int, ending: Ending) -> None:
        """Report what came of it."""
        with self._lock.take():
            task = self._tasks.pop(ref)
        while ref in self._asking:  # a thread that its function has left behind
            time.sleep(0.001)
        outcome = _outcome(task, ending)
        check(
            lib.gofer_worker_finish(
                self._worker, ffi.new("gofer_task *[]", [task]), ffi.new("int32_t[]", [outcome]), 1
            )
        )

    # ---- what running tasks tell ------------------------------------------------

    def progress(self, ref: int, done: int, total: int, text: str) -> None:
        with self._lock.take():
            task = self._tasks.get(ref)
            if task is not None:
                check(lib.gofer_task_progress(task, done, total, _words(text)))

    def log(self, ref: int, level: int, text: str) -> None:
        with self._lock.take():
            task = self._tasks.get(ref)
            if task is not None:
                lib.gofer_task_log(task, level, _words(text))

    def checkpoint(self, ref: int, data: Optional[bytes]) -> None:
        with self._lock.take():
            task = self._tasks.get(ref)
            if task is not None:
                check(lib.gofer_task_checkpoint(task, data or b"", len(data or b"")))

    def parent(self, ref: int, step: str) -> Optional[bytes]:
        with self._lock.take():
            task = self._tasks.get(ref)
            if task is None:
                raise WrongState("the task has ended")
            self._asking[ref] = self._asking.get(ref, 0) + 1
        out, size = ffi.new("void **"), ffi.new("size_t *")
        try:
            check(lib.gofer_task_parent(task, c_text(step, "name of a step"), out, size))
            return taken(out[0], size[0])
        finally:
            with self._lock.take():
                self._asking[ref] -= 1
                if not self._asking[ref]:
                    del self._asking[ref]

    # ---- its life ---------------------------------------------------------------

    def stats(self) -> Info:
        """Errors, as of figures: WrongState (it has been freed)."""
        return self._look(lib.gofer_worker_stats)

    def figures(self) -> Info:
        return self._look(lib.gofer_worker_figures)

    def _look(self, function: Any) -> Info:
        out = ffi.new("gofer_info **")
        with self._lock.take():
            if self._freed:
                raise WrongState("this worker has ended")
            check(function(self._worker, out))
        return Info(ffi.gc(out[0], lib.gofer_info_free))

    def stop(self) -> None:
        """Begin to stop; a second call does not wait for the grace."""
        self.stopping = True
        lib.gofer_worker_stop(self._worker)

    def wait(self, timeout_ms: int) -> bool:
        """Whether it has ended within that time; failure has the reason if its store failed."""
        try:
            check(lib.gofer_worker_wait(self._worker, timeout_ms))
        except Timeout:
            return False
        except BrokerError as error:
            self.failure = error
        return True

    def free(self) -> None:
        """After the last take. Tasks that still run may be finished later, to no effect."""
        with self._lock.take():
            self._freed = True
        ffi.release(self._worker)
        _groups.pop(self._number, None)


def _on_group(group: Any, user: Any) -> int:
    """An aggregator of the library: its thread is here until the group's task is made."""
    text = "the worker has ended"
    try:
        groups = _groups.get(int(ffi.cast("intptr_t", user)))
        if groups is not None:
            delivery = _group(group)
            text = _made(group, groups.combine(delivery))
            if not text:
                return 0
            groups.refused(delivery, text)
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
    return int(lib.gofer_group_fail(group, _words(text)))


def _made(group: Any, made: Put | Ending) -> str:
    """Give the library the task that a group has become; why there is none, or nothing."""
    if isinstance(made, Ending):
        return made.text or "it was put back"
    try:
        kept: list[Any] = []
        name, options = c_text(made.type, "task type"), c_options(made, kept)
        check(lib.gofer_group_combine(group, name, made.payload, len(made.payload), options))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


@functools.lru_cache(maxsize=None)  # late: it loads the library
def _aggregate_function() -> Any:
    """What the library is to call, by which it calls _on_group."""
    ffi.def_extern(name="gofer_py_aggregate", error=1)(_on_group)
    return lib.gofer_py_aggregate


def _group(group: Any) -> Delivery:
    size = ffi.new("size_t *")
    parts = []
    for index in range(lib.gofer_group_count(group)):
        task = lib.gofer_group_at(group, index)
        payload = lib.gofer_task_payload(task, size)
        parts.append(
            Part(
                py_text(lib.gofer_task_id(task)),
                py_text(lib.gofer_task_type(task)),
                _headers(task),
                bytes(ffi.buffer(payload, size[0])) if size[0] else b"",
            )
        )
    name, queue = lib.gofer_group_name(group), lib.gofer_group_queue(group)
    return Delivery(0, py_text(name), "", py_text(queue), parts=parts)


def _headers(task: Any) -> dict[str, str]:
    count = lib.gofer_task_header_count(task)
    if not count:
        return {}
    words = ffi.new("char *[2]")
    headers = {}
    for index in range(count):
        check(lib.gofer_task_header_at(task, index, words, words + 1))
        headers[py_text(words[0])] = py_text(words[1])
    return headers


def _checkpoint(task: Any) -> bytes | None:
    data, size = ffi.new("void **"), ffi.new("size_t *")
    check(lib.gofer_task_resume(task, data, size))
    return bytes(ffi.buffer(data[0], size[0])) if data[0] else None


def _outcome(task: Any, ending: Ending) -> int:
    kind, text, result, delay_ms = ending
    if kind == "done":
        if result and lib.gofer_task_result(task, result, len(result)) != lib.GOFER_OK:
            error = py_text(lib.gofer_error_last())
            return int(lib.gofer_task_skip_retry(task, _words(f"it ran, but: {error}")))
        return int(lib.GOFER_DONE)
    if kind == "retry":
        if delay_ms >= 0:
            return int(lib.gofer_task_retry_in(task, delay_ms, _words(text)))
        return int(lib.gofer_task_fail(task, _words(text)))
    if kind == "archive":
        return int(lib.gofer_task_skip_retry(task, _words(text)))
    if kind == "revoke":
        return int(lib.gofer_task_revoke(task, _words(text)))
    if kind == "snooze":
        return int(lib.gofer_task_snooze(task, delay_ms, _words(text)))
    return int(lib.GOFER_REQUEUE)


def _words(text: str) -> bytes:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace")
