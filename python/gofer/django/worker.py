# mypy: disable-error-code="import-not-found,import-untyped,no-any-return", allow-untyped-decorators
"""worker - what the children of a worker load: Django, set up, and all tasks of one backend.

    gofer worker --python gofer.django.worker:app

`manage.py gofer_worker` runs this. $GOFER_DJANGO_BACKEND names the backend. Tasks are those in the
`tasks` modules of the installed apps and whatever these import.

Plain tasks run in threads, each with database connections of its own; async ones on the loop, each
with a thread of its own for what Django does in threads, as in a request.
"""

from __future__ import annotations

import inspect
import os
import socket
from collections.abc import AsyncGenerator, Generator
from typing import Any, NoReturn

import django

django.setup()  # before what follows: backends and signals want the settings

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import close_old_connections, connections
from django.utils.module_loading import autodiscover_modules

from ..app import Gofer
from ..context import Context
from ..control import GiveUp
from ..running.final import is_final
from .backend import GoferBackend, backend_of
from .contract import (
    TaskContext,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
    module_path,
    normalize_json,
    task_finished,
    task_started,
)
from .results import note_of, now
from .tasks import known, options_of

VARIABLE = "GOFER_DJANGO_BACKEND"
"""The environment's word for the backend."""


def application(alias: str) -> Gofer:
    """The application of a backend, with all its tasks. Once per process."""
    autodiscover_modules("tasks")
    backend = backend_of(alias)
    app = backend.app
    for type, task in known(alias).items():
        make = _async_call if inspect.iscoroutinefunction(task.func) else _plain_call
        options: Any = {
            name: value
            for name, value in options_of(task).items()
            if name in ("retry", "retry_policy", "timeout", "retention")
        }
        app.task(name=type, queue=task.queue_name, **options)(make(backend, task))
    app.middleware(_own_connections)
    app.middleware(_own_thread)
    return app


# ---- database connections --------------------------------------------------------


def _own_connections(ctx: Context) -> Generator[None, Any, None]:
    """As around a request: none that is broken or too old at the start, none kept too long."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


async def _own_thread(ctx: Context) -> AsyncGenerator[None, Any]:
    """The same for an async task: what it does by sync_to_async and the ORM is done in one thread,
    which is its own and ends with it, with its connections."""
    async with ThreadSensitiveContext():
        try:
            yield
        finally:
            await sync_to_async(connections.close_all)()


# ---- one task ----------------------------------------------------------------------


class Run:
    """One attempt of a Django task: its result as receivers of signals see it."""

    def __init__(self, backend: GoferBackend, task: Any, ctx: Context) -> None:
        self._sender, self._ctx, self._backend = type(backend), ctx, backend
        self._task = task.using(queue_name=ctx.queue)
        self.result: Any = None

    def begin(self, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The words of the signal that it has started."""
        moment = now()
        self.result = TaskResult(
            task=self._task,
            id=self._ctx.id,
            status=TaskResultStatus.RUNNING,
            enqueued_at=_enqueued_at(self._ctx),
            started_at=moment,
            last_attempted_at=moment,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=self._backend.alias,
            errors=[],
            worker_ids=[],
        )
        if self._ctx.attempt > 1:
            self._recall()
        # One for each attempt, whether the store still knows of all of them or not.
        missing = self._ctx.attempt - 1 - len(self.result.worker_ids)
        self.result.worker_ids[:0] = [""] * missing
        del self.result.worker_ids[self._ctx.attempt - 1 :]
        self.result.worker_ids.append(f"{socket.gethostname()}:{os.getppid()}")
        return {"sender": self._sender, "task_result": self.result}

    def _recall(self) -> None:
        """What is known of the attempts before."""
        try:
            before = self._backend.get_result(self._ctx.id)
        except (TaskResultDoesNotExist, OSError):
            return
        self.result.errors.extend(before.errors)
        self.result.worker_ids.extend(before.worker_ids)
        if before.started_at is not None:
            object.__setattr__(self.result, "started_at", before.started_at)

    def arguments(self) -> list[Any]:
        """What the function gets in its places."""
        context = [TaskContext(task_result=self.result)] if self._task.takes_context else []
        args = [*context, *self.result.args]
        try:
            inspect.signature(self._task.func).bind(*args, **self.result.kwargs)
        except TypeError as error:
            self._mismatch(error)
        return args

    def _mismatch(self, error: TypeError) -> NoReturn:
        raise GiveUp(f"PayloadMismatch: {module_path(self._task.func)}(): {error}") from error

    def succeeded(self, value: Any) -> dict[str, Any]:
        object.__setattr__(self.result, "_return_value", value)
        return self._ended(TaskResultStatus.SUCCESSFUL)

    def failed(self, error: BaseException) -> dict[str, Any]:
        """The words of the signal; empty if this is not the end of it."""
        if not is_final(self._ctx, error):
            return {}
        import traceback

        kind = type(error)
        self.result.errors.append(
            TaskError(
                exception_class_path=f"{kind.__module__}.{kind.__qualname__}",
                traceback="".join(traceback.format_exception(error)),
            )
        )
        return self._ended(TaskResultStatus.FAILED)

    def _ended(self, status: Any) -> dict[str, Any]:
        object.__setattr__(self.result, "status", status)
        object.__setattr__(self.result, "finished_at", now())
        return {"sender": self._sender, "task_result": self.result}


def _enqueued_at(ctx: Context) -> Any:
    from ..times import datetime_of

    at = note_of(ctx.headers).get("at")
    return datetime_of(at) if isinstance(at, int) else None


# The parameters are the payload: {"args": [...], "kwargs": {...}}, either of which may be missing.


def _plain_call(backend: GoferBackend, task: Any) -> Any:
    def call(args: list[Any] = [], kwargs: dict[str, Any] = {}, *, ctx: Context) -> Any:
        run = Run(backend, task, ctx)
        task_started.send(**run.begin(args, kwargs))
        try:
            value = normalize_json(task.func(*run.arguments(), **run.result.kwargs))
        except BaseException as error:
            if words := run.failed(error):
                task_finished.send(**words)
            raise
        task_finished.send(**run.succeeded(value))
        return value

    return call


def _async_call(backend: GoferBackend, task: Any) -> Any:
    async def call(args: list[Any] = [], kwargs: dict[str, Any] = {}, *, ctx: Context) -> Any:
        run = Run(backend, task, ctx)
        await task_started.asend(**await sync_to_async(run.begin)(args, kwargs))
        try:
            value = normalize_json(await task.func(*run.arguments(), **run.result.kwargs))
        except BaseException as error:
            if words := run.failed(error):
                await task_finished.asend(**words)
            raise
        await task_finished.asend(**run.succeeded(value))
        return value

    return call


app = application(os.environ.get(VARIABLE, "default"))
