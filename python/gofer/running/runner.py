"""runner - runs one attempt of a task: arguments, dependencies, middleware, call, outcome, hooks.

Everything that happens to a task in Python happens here, whoever brought it. What becomes of it is
an Ending; nothing that a task raises leaves run() and arun(), but for an interruption (TaskTimeout,
TaskCancelled) that came too late for it. May touch: convert, depends, context. No socket; of the
store only the pause of a limit key that a task asks for.

Threads: any number may run tasks with one Runner.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from ..context import Context, running
from ..convert import PayloadMismatch, converter_of
from ..depends import Plan, Provider, Scope, plan_of
from ..hints import Unevaluated, Unknown
from ..control import (
    Drop, GiveUp, LimitPause, RetryIn, Snooze, TaskCancelled, TaskTimeout,
)  # fmt: skip
from ..lists import listed
from ..payload import BytesCodec, encoded
from .delivery import Control, Delivery, Ending
from .errors import error_text
from .grouping import Aggregating, Grouping, ending_of, fitting

if TYPE_CHECKING:
    from ..app import Gofer
    from ..groups import GroupedTask
    from ..put import Put
    from ..task import Task

DONE = Ending("done")
REQUEUE = Ending("requeue")


class Prepared:
    """A task's function with all that can be known before its first call. InvalidArgument: an
    annotation of it cannot be evaluated."""

    def __init__(self, task: Task[..., Any], max_result: int | None = None) -> None:
        self.task = task
        self._max_result = max_result
        self.function: Callable[..., Any] = task.function
        self.is_async: bool = is_async(self.function)
        self.isolated: bool = task.isolation == "process"
        self.plan: Plan = plan_of(self.function)
        self.decode: Callable[[bytes], Any] = task.codec.decode
        self.is_raw: bool = isinstance(task.codec, BytesCodec)
        self.keeps: bool = task.store_result
        try:
            self.arguments: Callable[[Any], tuple[Any, dict[str, Any]]] = converter_of(
                self.function, self.plan.names
            ).arguments
            for name, depends in self.plan.depends:
                if isinstance(depends.function, Unknown):
                    raise Unevaluated(depends.function).within(f"parameter '{name}'")
        except Unevaluated as error:
            raise error.within(f"task '{task.name}'")
        self.injects: bool = bool(self.plan.names)

    def arguments_of(self, payload: bytes) -> tuple[Any, dict[str, Any]]:
        """PayloadMismatch, an own one: it is no payload of this task."""
        body: Any = {}  # `gofer enqueue TYPE` without a payload: the task has no arguments
        try:
            if payload or self.is_raw:
                try:
                    body = self.decode(payload)
                except ValueError as error:
                    raise PayloadMismatch(str(error)) from None
            return self.arguments(body)
        except PayloadMismatch as error:
            error.own = True
            raise

    def result_of(self, value: Any) -> bytes:
        """What is kept of what it returned; nothing for None."""
        if value is None or not self.keeps:
            return b""
        try:
            result = listed(value, self.task.codec)
            if result is None:
                result = encoded(self.task.codec, value)
            if self._max_result is not None and len(result) > self._max_result:
                raise ValueError(
                    f"it has {len(result)} bytes, and a result at most {self._max_result}"
                )
            return result
        except Exception as error:  # running it once more would not help, and has effects
            raise GiveUp(
                f"it ran, but what it returned cannot be kept: {told(error)};"
                " store_result=False would drop it"
            ) from error


def told(error: Exception) -> str:
    """What is wrong with a value, or the exception of a codec that has no word for it."""
    return str(error) if isinstance(error, (TypeError, ValueError)) else repr(error)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    real = inspect.unwrap(function)
    if not inspect.isroutine(real):
        real = getattr(type(real), "__call__", real)
    return inspect.iscoroutinefunction(real) or inspect.iscoroutinefunction(function)


class Runner:
    """Runs the tasks of an application.

    max_result  bytes that whoever brings the tasks takes of a result; None: it looks itself
    """

    def __init__(self, app: Gofer, max_result: int | None = None) -> None:
        self._app = app
        self._max_result = max_result
        self._prepared: dict[str, Prepared] = {}
        self._aggregating: dict[str, Aggregating] = {}  # by pattern
        self._providers: dict[Callable[..., Any], Provider] = {}
        self._log = logging.getLogger("gofer")

    def prepared(self, type: str) -> Prepared | None:
        """What runs tasks of this type: the task of this name, or of the longest pattern ("mail:*")
        that fits; None: there is none."""
        found = self._prepared.get(type)
        if found is None:
            task = self._app.tasks.get(type)
            if task is None:
                fitting = [
                    name for name in self._app.tasks
                    if name.endswith("*") and type.startswith(name[:-1])
                ]  # fmt: skip
                if not fitting:
                    return None
                task = self._app.tasks[max(fitting, key=len)]
            found = self._prepared[type] = Prepared(task, self._max_result)
        return found

    # ---- plain tasks ------------------------------------------------------------

    def run(self, delivery: Delivery, control: Control) -> Ending:
        """Run a plain task in this thread, in a copy of its context."""
        prepared = self._prepared.get(delivery.type)
        if prepared is None:
            if delivery.parts:
                return ending_of(self.combine(delivery, control))
            prepared = self.prepared(delivery.type)
        if prepared is None:
            return REQUEUE
        context = Context(delivery, control, self._app)
        return copy_context().run(self._run, prepared, context, delivery.payload)

    def _run(self, prepared: Prepared, context: Context, payload: bytes) -> Ending:
        running.set(context)
        app = self._app
        try:
            if prepared.injects or app.middlewares:
                result = self._wrapped(prepared, context, list(app.middlewares))
            else:
                args, kwargs = prepared.arguments_of(payload)
                result = prepared.function(*args, **kwargs)
            ending = DONE if result is None else Ending("done", "", prepared.result_of(result))
        except BaseException as error:
            if isinstance(error, LimitPause):
                self._pause(error)
            ending, error = self.ending_of(error, context)
            if app.failures:
                for call in self._failure_calls(ending, error, context):
                    self.guarded(call)
            return ending
        if app.successes:
            for hook in app.successes:
                self.guarded(partial(hook, context, result))
        return ending

    def _wrapped(self, prepared: Prepared, context: Context, middlewares: list[Any]) -> Any:
        while middlewares:
            middleware = middlewares.pop(0)
            if inspect.isgeneratorfunction(middleware):
                around = _Around(middleware(context))
                try:
                    around.open()
                    result = self._wrapped(prepared, context, middlewares)
                except BaseException as error:
                    return around.thrown(error)
                return around.sent(result)
        args, kwargs = prepared.arguments_of(context.payload)
        if not prepared.injects:
            return prepared.function(*args, **kwargs)
        scope = Scope(context, self._app.overrides, self._providers)
        try:
            kwargs.update(scope.fill(prepared.plan))
            result = prepared.function(*args, **kwargs)
        except BaseException as error:
            scope.close(error)
            raise
        scope.close(None)
        return result

    def guarded(self, call: Callable[[], Any]) -> None:
        """A hook's own failure is logged, and never the task's."""
        try:
            made = call()
        except Exception:
            self._log.exception("a hook has failed")
            return
        if inspect.iscoroutine(made):
            made.close()
            self._log.error("a hook of a plain task is async: it was not run")

    # ---- async tasks ------------------------------------------------------------

    async def arun(self, delivery: Delivery, control: Control) -> Ending:
        """Run an async task, in an asyncio task of its own. A plain one is run as it is, and holds
        up the loop."""
        prepared = self._prepared.get(delivery.type)
        if prepared is None:
            if delivery.parts:
                return ending_of(await self.acombine(delivery, control))
            prepared = self.prepared(delivery.type)
        if prepared is None:
            return REQUEUE
        context = Context(delivery, control, self._app)
        running.set(context)
        app = self._app
        try:
            if prepared.injects or app.middlewares:
                result = await self._awrapped(prepared, context, list(app.middlewares))
            else:
                args, kwargs = prepared.arguments_of(delivery.payload)
                result = prepared.function(*args, **kwargs)
                if prepared.is_async:
                    result = await result
            ending = DONE if result is None else Ending("done", "", prepared.result_of(result))
        except BaseException as error:
            if isinstance(error, LimitPause):
                import asyncio

                await asyncio.to_thread(self._pause, error)
            ending, error = self.ending_of(error, context)
            for call in self._failure_calls(ending, error, context):
                await self.aguarded(call)
            return ending
        for hook in app.successes:
            await self.aguarded(partial(hook, context, result))
        return ending

    async def _awrapped(self, prepared: Prepared, context: Context, middlewares: list[Any]) -> Any:
        if middlewares:
            middleware = middlewares.pop(0)
            if inspect.isasyncgenfunction(middleware):
                return await self._aaround(prepared, context, middleware, middlewares)
            around = _Around(middleware(context))
            try:
                around.open()
                result = await self._awrapped(prepared, context, middlewares)
            except BaseException as error:
                return around.thrown(error)
            return around.sent(result)
        args, kwargs = prepared.arguments_of(context.payload)
        scope = Scope(context, self._app.overrides, self._providers)
        try:
            kwargs.update(await scope.afill(prepared.plan))
            result = prepared.function(*args, **kwargs)
            if prepared.is_async:
                result = await result
        except BaseException as error:
            await scope.aclose(error)
            raise
        await scope.aclose(None)
        return result

    async def _aaround(
        self, prepared: Prepared, context: Context, middleware: Any, middlewares: list[Any]
    ) -> Any:
        generator = middleware(context)
        try:
            await generator.__anext__()
            result = await self._awrapped(prepared, context, middlewares)
        except BaseException as error:
            try:
                await generator.athrow(error)
            except StopAsyncIteration:
                return None
            raise RuntimeError(f"{generator.__qualname__} has yielded twice") from error
        try:
            await generator.asend(result)
        except StopAsyncIteration:
            return result
        raise RuntimeError(f"{generator.__qualname__} has yielded twice")

    async def aguarded(self, call: Callable[[], Any]) -> None:
        """As guarded, for plain and async ones."""
        try:
            made = call()
            if inspect.isawaitable(made):
                await made
        except Exception:
            self._log.exception("a hook has failed")

    # ---- groups -----------------------------------------------------------------

    def aggregating(self, group: str) -> Aggregating | None:
        """What makes tasks of this group; None: nothing here."""
        found = fitting(self._app.aggregators, group)
        if found is None:
            return None
        prepared = self._aggregating.get(found.pattern)
        if prepared is None:
            prepared = self._aggregating[found.pattern] = Aggregating(
                found, is_async(found.function), self._arguments_of, self._app.item
            )
        return prepared

    def _arguments_of(self, part: GroupedTask) -> Any:
        prepared = self.prepared(part.type)
        if prepared is None:
            return self._app.codec_of(part.type).decode(part.payload) if part.payload else {}
        args, kwargs = prepared.arguments_of(part.payload)
        bound = prepared.task.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def combine(self, delivery: Delivery, control: Control) -> Put | Ending:
        """Make one task of a group by a plain aggregator, in this thread; or why there is none."""
        return copy_context().run(self._combine, delivery, Grouping(delivery, control))

    def _combine(self, delivery: Delivery, context: Context) -> Put | Ending:
        running.set(context)
        try:
            by = self._aggregator_of(delivery)
            return by.made_of(by.call(delivery), delivery)
        except BaseException as error:
            return self.ending_of(error, context)[0]

    async def acombine(self, delivery: Delivery, control: Control) -> Put | Ending:
        """As combine, by an async one, in an asyncio task of its own."""
        context = Grouping(delivery, control)
        running.set(context)
        try:
            by = self._aggregator_of(delivery)
            value = by.call(delivery)
            return by.made_of(await value if by.is_async else value, delivery)
        except BaseException as error:
            return self.ending_of(error, context)[0]

    def _aggregator_of(self, delivery: Delivery) -> Aggregating:
        found = self.aggregating(delivery.id)
        if found is None:
            raise LookupError(f"no aggregator of this application is for '{delivery.id}'")
        return found

    # ---- how it ends ----------------------------------------------------------------

    def _pause(self, asked: LimitPause) -> None:
        """Tell the store, which is waited for. Nothing that goes wrong there is the task's."""
        try:
            self._app.limits.pause(asked.key, asked.delay_ms / 1000)
        except Exception:
            self._log.exception("the limit key '%s' is not paused", asked.key)

    def ending_of(self, error: BaseException, context: Context) -> tuple[Ending, BaseException]:
        """What becomes of a task that has raised, and the error as it is told to hooks."""
        reason = context.cancel_reason
        if reason is not None and _interrupted(error):
            if type(error).__name__ == "CancelledError":  # asyncio's own word for it
                kind = TaskTimeout if reason == "timeout" else TaskCancelled
                error = kind().with_traceback(error.__traceback__)
            if reason in ("stop", "lease"):
                return Ending("requeue"), error
            return Ending("retry", error_text(error)), error
        if isinstance(error, Snooze):
            return Ending("snooze", error.why, b"", error.delay_ms), error
        if isinstance(error, RetryIn):
            return (
                Ending("retry", error.why or "it asks to be run again", b"", error.delay_ms),
                error,
            )
        if isinstance(error, Drop):
            return Ending("revoke"), error
        if isinstance(error, GiveUp):
            return Ending("archive", error.why or "it gives up"), error
        if isinstance(error, PayloadMismatch) and error.own:  # no other attempt will do better
            return Ending("archive", f"{type(error).__name__}: {error}"), error
        return Ending("retry", error_text(error)), error

    def _failure_calls(
        self, ending: Ending, error: BaseException, context: Context
    ) -> list[Callable[[], Any]]:
        if ending.kind not in ("retry", "archive"):
            return []
        final = ending.kind == "archive" or context.attempt > context.max_retry
        return [partial(hook, context, error, final) for hook in self._app.failures]


def _interrupted(error: BaseException) -> bool:
    return isinstance(error, (TaskTimeout, TaskCancelled)) or (
        type(error).__name__ == "CancelledError"
    )


class _Around:
    """A plain middleware's generator, stepped."""

    __slots__ = ("_generator",)

    def __init__(self, generator: Any) -> None:
        self._generator = generator

    def open(self) -> None:
        try:
            next(self._generator)
        except StopIteration:
            raise RuntimeError(f"{self._generator.__qualname__} has yielded nothing") from None

    def sent(self, result: Any) -> Any:
        try:
            self._generator.send(result)
        except StopIteration:
            return result
        raise self._twice()

    def thrown(self, error: BaseException) -> Any:
        try:
            self._generator.throw(error)
        except StopIteration:
            return None
        raise self._twice() from error

    def _twice(self) -> RuntimeError:
        return RuntimeError(f"{self._generator.__qualname__} has yielded twice")
