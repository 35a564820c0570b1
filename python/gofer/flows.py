"""flows - plans of steps in the store: what `app.flows` is.

The store keeps a plan and puts each step in when what it comes after has ended. docs/flows.md has
the whole story, workflows.py how a plan is written down.

Threads: any.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Optional, TypeVar, Union

from .client import Client
from .errors import NotFound, Timeout
from .native import lib
from .pages import WALKED, Page, page_of, walk
from .results import result_of
from .snapshot import lines_of, list_of, number_if, number_of, read, text_if, text_of, time_if
from .task import Waiter, word_of
from .times import Duration, duration_ms, moment_ms, now_ms
from .workflows import RULES, Part, Plan, flow

if TYPE_CHECKING:
    from .task import Task

T = TypeVar("T")
OnDead = Literal["stop", "cancel", "continue"]
FlowState = Literal["running", "paused", "done", "failed", "cancelled", "expired"]

_ON_DEAD: dict[str, int] = {
    "stop": lib.GOFER_FLOW_STOP, "cancel": lib.GOFER_FLOW_CANCEL,
    "continue": lib.GOFER_FLOW_CONTINUE,
}  # fmt: skip
# A wait is so long in the library before the store is let go of, for a fork or a close.
SLICE_MS = 500
# A coroutine looks so soon for the first time, and then after twice as long, up to a slice.
FIRST_LOOK_MS = 20


@dataclass(frozen=True)
class FlowStep:
    """A step of a flow."""

    name: str = text_of("name")
    state: str = text_of("state")
    """ "waiting", "ready" (of a paused flow), the state of its task, how that ended ("done",
    "archived", "cancelled", "expired", "revoked", "deleted"), or "skipped"."""
    id: str = text_of("id")
    """Of its task."""
    type: str = text_of("type")
    queue: str = text_of("queue")
    after: tuple[str, ...] = lines_of("after")
    """What it comes after: names, with ":failure" or ":always" if that is the rule."""
    error: Optional[str] = text_if("error")
    ended_at: Optional[datetime] = time_if("ended_at_ms")
    result_size: Optional[int] = number_if("result_size")
    """Bytes of its result; None: it has none."""
    made_of: Optional[str] = text_if("made_of")
    """The step that it was made of, for an item of a list."""
    made: Optional[int] = number_if("made")
    """Of a step that is run for each item of a list: how many were made of it so far."""
    made_ended: Optional[int] = number_if("made_ended")
    made_failed: Optional[int] = number_if("made_failed")


@dataclass(frozen=True)
class FlowInfo:
    """A flow as the store has it."""

    id: str = text_of("id")
    state: FlowState = text_of("state")
    on_dead: OnDead = text_of("on_dead")
    """What a step that fails makes of the others."""
    total: int = number_of("total")
    """Its steps."""
    ended: int = number_of("ended")
    failed: int = number_of("failed")
    created_at: Optional[datetime] = time_if("created_at_ms")
    ended_at: Optional[datetime] = time_if("ended_at_ms")
    deadline: Optional[datetime] = time_if("deadline_ms")
    expires_at: Optional[datetime] = time_if("expires_at_ms")
    """Until then it is kept."""
    steps: tuple[FlowStep, ...] = list_of(FlowStep, "steps")
    """Those of flows.show; else none."""

    @property
    def ok(self) -> bool:
        """All its steps are done, or skipped by their rules."""
        return self.state == "done"


class FlowHandle:
    """A flow that was started. str(handle) is its id."""

    __slots__ = ("_flows", "id")

    def __init__(self, id: str, flows: Flows) -> None:
        self.id: str = id
        self._flows = flows

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"FlowHandle({self.id!r})"

    def info(self) -> FlowInfo:
        """It and its steps. NotFound: it is not kept any more."""
        return self._flows.show(self)

    def wait(self, timeout: Duration | None = None) -> FlowInfo:
        """Wait until it has ended: see Flows.wait."""
        return self._flows.wait(self, timeout=timeout)

    async def wait_async(self, timeout: Duration | None = None) -> FlowInfo:
        """The same for asyncio."""
        return await self._flows.wait_async(self, timeout=timeout)

    def result(self, step: str) -> Any:
        """What a step has returned: see Flows.result."""
        return self._flows.result(self, step)

    async def aresult(self, step: str) -> Any:
        """The same for asyncio."""
        return await self._flows.aresult(self, step)

    def results(self, step: str) -> list[Any]:
        """What all have returned that were made of a step: see Flows.results."""
        return self._flows.results(self, step)

    async def aresults(self, step: str) -> list[Any]:
        """The same for asyncio."""
        return await self._flows.aresults(self, step)

    def cancel(self) -> None:
        """See Flows.cancel."""
        self._flows.cancel(self)


Which = Union[str, FlowHandle]
"""A flow, by its id or what start gave."""


class Flows:
    """The flows. Iterating gives them, the latest first, without their steps.

    The methods that begin with "a" are for asyncio: the same in a thread of the running loop's
    executor. Errors everywhere: NotFound (no such flow), Unsupported (the store has no flows),
    BrokerError.
    """

    def __init__(
        self, client: Callable[[], AbstractContextManager[Client]], app: Waiter
    ) -> None:
        self._client = client
        self._app = app

    # ---- starting ---------------------------------------------------------------

    def start(
        self,
        plan: Part,
        *,
        id: str | None = None,
        on_dead: OnDead = "stop",
        deadline: datetime | Duration | None = None,
        retention: Duration | None = None,
    ) -> FlowHandle:
        """Start a flow. When this returns it is durable, and what comes after nothing is in its
        queue.

        plan       of gofer.chain, group or flow
        id         None: a new one. The same id with the same plan starts nothing, while the flow is
                   kept: so a repeat is safe
        on_dead    what a step that fails makes of the others: "stop" (nothing new begins, but what
                   comes after another by "failure" or "always"), "cancel" (what runs is cancelled,
                   too), "continue" (only what comes after it is skipped)
        deadline   not done by then it is cancelled; a duration counts from now
        retention  how long it is kept when it has ended, with the results of its steps; None: a day

        The plan's tasks do not pass the hooks of on_enqueue and around_enqueue, and carry no trace
        context. InvalidArgument: a name that is there twice or not at all, steps that wait for each
        other, an option that steps have not (the text names the step). TaskExists: the id is that
        of another plan.
        """
        made = plan if isinstance(plan, Plan) else flow(plan)
        steps = [
            (each.name, each.mold, each.payload,
             [(name, RULES[rule]) for name, rule in each.after.items()], each.each)
            for each in made.placed()
        ]  # fmt: skip
        with self._client() as client:
            started = client.flow_start(
                steps, flow_id=id, deadline_ms=_deadline_ms(deadline),
                retention_ms=0 if retention is None else duration_ms(retention, "retention"),
                on_dead=word_of(_ON_DEAD, on_dead, "on_dead"),
            )  # fmt: skip
        return FlowHandle(started, self)

    async def astart(
        self,
        plan: Part,
        *,
        id: str | None = None,
        on_dead: OnDead = "stop",
        deadline: datetime | Duration | None = None,
        retention: Duration | None = None,
    ) -> FlowHandle:
        """As start."""

        def start() -> FlowHandle:
            return self.start(
                plan, id=id, on_dead=on_dead, deadline=deadline, retention=retention
            )  # fmt: skip

        return await _aside(start)

    # ---- looking ------------------------------------------------------------------

    def show(self, which: Which) -> FlowInfo:
        """A flow and its steps."""
        with self._client() as client:
            return read(FlowInfo, client.flow(str(which)))

    async def ashow(self, which: Which) -> FlowInfo:
        """As show."""
        return await _aside(lambda: self.show(which))

    def __iter__(self) -> Iterator[FlowInfo]:
        return self.list()

    def list(self, state: FlowState | None = None) -> Iterator[FlowInfo]:
        """Flows, the latest first, of one state or of all; a page at a time is asked for, as it is
        needed."""
        return walk(self._client, FlowInfo, lambda client, at: client.flows(state, at, WALKED))

    def page(
        self, state: FlowState | None = None, *, cursor: str | None = None, limit: int = 100
    ) -> Page[FlowInfo]:
        """Some of them."""
        with self._client() as client:
            return page_of(FlowInfo, client.flows(state, cursor, limit))

    # ---- waiting, results ------------------------------------------------------------

    def wait(self, which: Which, *, timeout: Duration | None = None) -> FlowInfo:
        """Wait until a flow has ended, well or not: it, without its steps. Timeout: not in that
        time; 0 only looks."""
        end = _end_of(timeout)
        while True:
            left_ms = SLICE_MS if end is None else int((end - time.monotonic()) * 1000)
            try:
                with self._client() as client:
                    wait_ms = max(min(left_ms, SLICE_MS), 0)
                    return read(FlowInfo, client.flow_wait(str(which), wait_ms))
            except Timeout:
                if end is not None and left_ms <= SLICE_MS:
                    raise

    async def wait_async(self, which: Which, *, timeout: Duration | None = None) -> FlowInfo:
        """The same for asyncio: no thread is held meanwhile."""
        import asyncio

        end, pause_ms = _end_of(timeout), FIRST_LOOK_MS
        while True:
            try:
                return await _aside(lambda: self.wait(which, timeout=0))
            except Timeout:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise
            pause = pause_ms / 1000
            await asyncio.sleep(pause if left is None else min(pause, left))
            pause_ms = min(2 * pause_ms, SLICE_MS)

    def result(self, which: Which, step: str, task: Task[..., Any] | None = None) -> Any:
        """What a step has returned, read as its function's annotation says, for as long as the flow
        is kept.

        task  its task; None: the one of this application that has its type, which the flow is
              asked for

        WrongState: it is not done. NotFound: there is no such step, or it left nothing.
        InvalidArgument: what it left cannot be read.
        """
        with self._client() as client:
            data = client.flow_result(str(which), step)
        type = task.name if task is not None else self._type_of(which, step)
        found = task or self._app.tasks.get(type)
        told = f"step '{step}' ({type})", "Client.flow_result"
        return result_of(data, found, self._app.codec_of(type), told)

    def results(
        self, which: Which, step: str, task: Task[..., Any] | None = None
    ) -> builtins.list[Any]:
        """What all have returned that were made of a step that is run for each item of a list, in
        the order of the items. Errors: as result."""
        from .lists import results_of

        def one(number: int) -> bytes | None:
            with self._client() as client:
                return client.flow_result(str(which), f"{step}.{number}")

        with self._client() as client:
            data = client.flow_result(str(which), step)
        type = task.name if task is not None else self._type_of(which, step)
        told = f"step '{step}' ({type})", "Client.flow_result"
        found = task or self._app.tasks.get(type)
        return results_of(data, found, self._app.codec_of(type), told, one)

    async def aresults(
        self, which: Which, step: str, task: Task[..., Any] | None = None
    ) -> builtins.list[Any]:
        """As results."""
        return await _aside(lambda: self.results(which, step, task))

    def _type_of(self, which: Which, step: str) -> str:
        for each in self.show(which).steps:
            if each.name == step:
                return each.type
        raise NotFound(f"flow '{which}' has no step '{step}'")

    async def aresult(self, which: Which, step: str, task: Task[..., Any] | None = None) -> Any:
        """As result."""
        return await _aside(lambda: self.result(which, step, task))

    # ---- acting -------------------------------------------------------------------

    def pause(self, which: Which) -> None:
        """No further step begins; those that have go on. WrongState: it has ended."""
        self._act(which, lib.GOFER_FLOW_PAUSE)

    def resume(self, which: Which) -> None:
        """Go on after a pause. WrongState: it has ended."""
        self._act(which, lib.GOFER_FLOW_RESUME)

    def cancel(self, which: Which) -> None:
        """No step begins; tasks in queues are cancelled, those that run are asked to stop.
        WrongState: it has ended."""
        self._act(which, lib.GOFER_FLOW_ABORT)

    def retry(self, which: Which, step: str | None = None) -> None:
        """Failed steps run again, and what was skipped waits anew; of a cancelled flow: it goes on.
        step: this one alone. WrongState: nothing of it has failed."""
        self._act(which, lib.GOFER_FLOW_RETRY, step)

    async def apause(self, which: Which) -> None:
        """As pause."""
        await _aside(lambda: self.pause(which))

    async def aresume(self, which: Which) -> None:
        """As resume."""
        await _aside(lambda: self.resume(which))

    async def acancel(self, which: Which) -> None:
        """As cancel."""
        await _aside(lambda: self.cancel(which))

    async def aretry(self, which: Which, step: str | None = None) -> None:
        """As retry."""
        await _aside(lambda: self.retry(which, step))

    def _act(self, which: Which, act: int, step: str | None = None) -> None:
        with self._client() as client:
            client.flow_act(str(which), act, step)


async def _aside(call: Callable[[], T]) -> T:
    import asyncio

    return await asyncio.to_thread(call)


def _end_of(timeout: Duration | None) -> float | None:
    return None if timeout is None else time.monotonic() + duration_ms(timeout, "timeout") / 1000


def _deadline_ms(deadline: datetime | Duration | None) -> int:
    if deadline is None:
        return 0
    if isinstance(deadline, datetime):
        return moment_ms(deadline, "deadline")
    return now_ms() + duration_ms(deadline, "deadline")
