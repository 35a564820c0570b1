"""acting - a client acts on tasks, queues and workers: on one, or on all that match.

Threads: any.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..errors import HandlerFailed
from ..native import ffi, lib
from ..put import fit
from ..times import c_text
from .filters import Filter
from .opened import Opened, text_or_null

Progress = Callable[[int, int], object]
"""Told how many were looked at and how many of them were acted on; returning False stops there."""


class Acting(Opened):
    """A client that acts."""

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
            text_or_null(queue, "queue"),
            text_or_null(task_id, "task id"),
            data,
            len(data),
        )

    def task_reschedule(self, task_id: str, run_at_ms: int, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState."""
        when = fit("run_at_ms", run_at_ms)
        self._call(
            lib.gofer_client_task_reschedule,
            text_or_null(queue, "queue"),
            text_or_null(task_id, "task id"),
            when,
        )

    def task_delay(self, task_id: str, delay_ms: int, queue: str | None = None) -> None:
        """Errors: NotFound, WrongState, InvalidArgument."""
        which = text_or_null(queue, "queue"), text_or_null(task_id, "task id")
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
        which = text_or_null(queue, "queue"), text_or_null(state, "state"), match.c(kept)
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
        self._call(lib.gofer_client_queue_pause, text_or_null(queue, "queue"))

    def queue_unpause(self, queue: str) -> None:
        self._call(lib.gofer_client_queue_unpause, text_or_null(queue, "queue"))

    def queue_bound(self, queue: str, max_length: int) -> None:
        """0: any number. Errors: InvalidArgument, Unsupported (it is sharded)."""
        length = fit("max_length", max_length)
        self._call(lib.gofer_client_queue_bound, text_or_null(queue, "queue"), length)

    def type_pause(self, type: str) -> None:
        """A type, or a prefix and "*". Errors: InvalidArgument, QueueFull (100 are paused)."""
        self._call(lib.gofer_client_type_pause, c_text(type, "type"))

    def type_unpause(self, type: str) -> None:
        self._call(lib.gofer_client_type_unpause, c_text(type, "type"))

    def hours_put(self, name: str, hours: str) -> None:
        """Errors: InvalidArgument, QueueFull (100 have hours), Unsupported."""
        self._call(lib.gofer_client_hours_put, c_text(name, "name"), c_text(hours, "hours"))

    def hours_remove(self, name: str) -> None:
        """Errors: InvalidArgument, NotFound, Unsupported."""
        self._call(lib.gofer_client_hours_remove, c_text(name, "name"))

    def queue_age(self, queue: str, age_ms: int) -> None:
        """0: priorities do not grow. Errors: InvalidArgument."""
        age = fit("age_ms", age_ms)
        self._call(lib.gofer_client_queue_age, text_or_null(queue, "queue"), age)
    def queue_encrypt(self, queue: str, required: bool) -> None:
        """Whether plain payloads are refused. Errors: InvalidArgument."""
        self._call(lib.gofer_client_queue_encrypt, text_or_null(queue, "queue"), int(required))

    def queue_delete(self, queue: str, force: bool = False) -> None:
        """Errors: NotFound, WrongState (active tasks; without force: any task)."""
        self._call(lib.gofer_client_queue_delete, text_or_null(queue, "queue"), int(force))

    def queue_shard(self, queue: str, shards: int) -> None:
        """shards: 1 to 128. Errors: InvalidArgument, Unsupported."""
        self._call(
            lib.gofer_client_queue_shard, text_or_null(queue, "queue"), fit("shards", shards)
        )

    def _on_task(self, function: Any, task_id: str, queue: str | None) -> None:
        self._call(function, text_or_null(queue, "queue"), text_or_null(task_id, "task id"))

    def _on_tasks(self, function: Any, queue: str, state: str) -> int:
        count = ffi.new("int64_t *")
        self._call(function, text_or_null(queue, "queue"), text_or_null(state, "state"), count)
        return int(count[0])


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
