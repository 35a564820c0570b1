"""context - the task that runs now, as its function sees it.

    @app.task
    def report(month: str, *, ctx: gofer.Context) -> None:
        ctx.progress(1, 12, month)

Made by the Runner for each attempt; not for keeping beyond it. Threads: any, while the attempt
lasts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Coroutine, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, Optional, TypeVar, overload

from .control import Drop, GiveUp, LimitPause, RetryIn, Snooze
from .errors import WrongState
from .running.delivery import LEVELS, Control, Delivery

if TYPE_CHECKING:
    from .app import Gofer
    from .payload import Codec
    from .task import Task
    from datetime import datetime

    from .times import Duration

T = TypeVar("T")


def _in_a_loop() -> bool:
    """Whether this thread runs an asyncio loop, which nothing may hold up. Imports nothing: without
    asyncio there is none."""
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio is not None and asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


class Context:
    """One attempt of a task: what it is, and what it can tell the worker."""

    __slots__ = ("_app", "_control", "_delivery")

    def __init__(self, delivery: Delivery, control: Control, app: Gofer | None = None) -> None:
        self._delivery = delivery
        self._control = control
        self._app = app

    def __repr__(self) -> str:
        return f"<gofer.Context {self.type} {self.id}, attempt {self.attempt}>"

    # ---- what it is -----------------------------------------------------------

    @property
    def id(self) -> str:
        """The task's id."""
        return self._delivery.id

    @property
    def type(self) -> str:
        """The name that its function was found by."""
        return self._delivery.type

    @property
    def queue(self) -> str:
        """The queue that it was taken from."""
        return self._delivery.queue

    @property
    def attempt(self) -> int:
        """1 at the first run, 2 after one failure."""
        return self._delivery.attempt

    @property
    def max_retry(self) -> int:
        """How often it may be run again after a failure: it has max_retry + 1 attempts."""
        return self._delivery.max_retry

    @property
    def headers(self) -> Mapping[str, str]:
        """The text that travels along with it."""
        return self._delivery.headers

    @property
    def payload(self) -> bytes:
        """The bytes that the arguments were read from."""
        return self._delivery.payload

    @property
    def deadline(self) -> Optional[datetime]:
        """The point in time that no run goes on after, in UTC; None: there is none. The timeout of
        the attempt is another matter, see remaining()."""
        ms = self._delivery.deadline_ms
        if not ms:
            return None
        from datetime import datetime, timedelta, timezone

        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)

    @property
    def checkpoint(self) -> Any:
        """What an earlier start has saved, decoded; None: nothing."""
        data = self._delivery.checkpoint
        return json.loads(data) if data else None

    # ---- the flow that it is a step of ----------------------------------------------

    @overload
    def parent(self, step: str, task: Task[..., Coroutine[Any, Any, T]]) -> T: ...

    @overload
    def parent(self, step: str, task: Task[..., T]) -> T: ...

    @overload
    def parent(self, step: str) -> Any: ...

    def parent(self, step: str, task: Any = None) -> Any:
        """What another step of this task's flow has returned. Asks the store, through the worker.

        step  its name
        task  its task, by which it is read: as the function's annotation says; None: as the
              application's codec gives it

        WrongState: the task is of no flow, or the step is not done; or this is an async task, which
        awaits aparent. NotFound: there is no such step, or it has left nothing. InvalidArgument:
        what it left cannot be read.
        """
        if not self._control.thread and _in_a_loop():
            raise WrongState("in an async task it is `await ctx.aparent(...)`")
        return self._parent(step, task)

    @overload
    async def aparent(self, step: str, task: Task[..., Coroutine[Any, Any, T]]) -> T: ...

    @overload
    async def aparent(self, step: str, task: Task[..., T]) -> T: ...

    @overload
    async def aparent(self, step: str) -> Any: ...

    async def aparent(self, step: str, task: Any = None) -> Any:
        """The same in an async task, whose loop goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(self._parent, step, task)

    def parents(self, step: str, task: Any = None) -> list[Any]:
        """What all have returned that were made of a step that is run for each item of a list, in
        the order of the items. Errors: as parent; in an async task it is `await ctx.aparents`."""
        if not self._control.thread and _in_a_loop():
            raise WrongState("in an async task it is `await ctx.aparents(...)`")
        return self._parents(step, task)

    async def aparents(self, step: str, task: Any = None) -> list[Any]:
        """The same in an async task, whose loop goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(self._parents, step, task)

    def _parents(self, step: str, task: Any) -> list[Any]:
        from .lists import results_of

        def one(number: int) -> bytes | None:
            return self._control.channel.parent(self._control.ref, f"{step}.{number}")

        data = self._control.channel.parent(self._control.ref, step)
        codec: Codec = task.codec if task is not None else self._codec()
        return results_of(data, task, codec, (f"step '{step}'", "gofer flow result"), one)

    def _parent(self, step: str, task: Any) -> Any:
        from .results import result_of

        data = self._control.channel.parent(self._control.ref, step)
        codec: Codec = task.codec if task is not None else self._codec()
        return result_of(data, task, codec, (f"step '{step}'", "gofer flow result"))

    def _codec(self) -> Codec:
        if self._app is not None:
            return self._app.codec_of("")
        from .payload import JsonCodec

        return JsonCodec()

    # ---- what it tells ----------------------------------------------------------

    def progress(self, done: int, total: int = 0, text: str = "") -> None:
        """Tell how far it is; total 0: not known. Cheap enough to be called at each step."""
        self._control.channel.progress(self._control.ref, done, total, text)

    def log(self, text: str, level: str = "info") -> None:
        """Add a line to the task's log. ValueError: the level is not "debug", "info", "warn" or
        "error"."""
        if level not in LEVELS:
            raise ValueError(f"level is {level!r}: it must be one of debug, info, warn, error")
        self._control.channel.log(self._control.ref, LEVELS[level], text)

    def save(self, value: Any) -> None:
        """Keep a checkpoint, as JSON, for the next start of this task; None removes it.

        InvalidArgument: it cannot be written as JSON.
        """
        data: Optional[bytes] = None
        if value is not None:
            from .payload import JsonCodec

            data = JsonCodec().encode(value)
        self._control.channel.checkpoint(self._control.ref, data)
        self._delivery = self._delivery._replace(checkpoint=data)

    # ---- whether it should end ----------------------------------------------------

    @property
    def cancelled(self) -> bool:
        """It should end now: see cancel_reason."""
        return self._control.reason is not None

    @property
    def cancel_reason(self) -> Optional[str]:
        """ "timeout", "stop" (the worker's patience is over), "lease" (the task is another worker's
        now), "asked" (somebody cancelled it); None: it is not cancelled."""
        return self._control.reason

    @property
    def stopping(self) -> bool:
        """The worker stops: a long task saves a checkpoint and ends soon, best by snooze(0)."""
        return self._control.channel.stopping

    def remaining(self) -> Optional[float]:
        """Seconds until its timeout or deadline, whichever comes first, at least 0; None: neither
        is set."""
        delivery = self._delivery
        ends = []
        if delivery.timeout_ms:
            ends.append(self._control.begun + delivery.timeout_ms / 1000 - time.monotonic())
        if delivery.deadline_ms:
            ends.append(delivery.deadline_ms / 1000 - time.time())
        return max(0.0, min(ends)) if ends else None

    # ---- how it ends, other than by returning or raising ------------------------------

    def snooze(self, delay: Duration, why: str = "") -> NoReturn:
        """Not now: run it again after the delay, which counts no attempt. Raises Snooze."""
        raise Snooze(delay, why)

    def limit_pause(self, key: str, delay: Duration, why: str = "") -> NoReturn:
        """Not now, as snooze; and no other task of this limit key starts before then either: what
        a server's 429 with a Retry-After asks for. The key need not be one that the task names. If
        the store cannot be told, the task is put off all the same. Raises LimitPause."""
        raise LimitPause(key, delay, why)

    def retry_in(self, delay: Duration, why: str = "") -> NoReturn:
        """Failed: run it again after this delay. Raises RetryIn."""
        raise RetryIn(delay, why)

    def give_up(self, why: str) -> NoReturn:
        """Failed for good: archive it. Raises GiveUp."""
        raise GiveUp(why)

    def drop(self) -> NoReturn:
        """Nothing is left to do: let the task go away. Raises Drop."""
        raise Drop


running: ContextVar[Optional[Context]] = ContextVar("gofer_context", default=None)
"""Set by the Runner, in the context of the task alone."""


def current() -> Optional[Context]:
    """The task that this code runs in; None: in none. Threads that a task starts have none, unless
    they run in a copy of its context (contextvars.copy_context, asyncio.to_thread)."""
    return running.get()
