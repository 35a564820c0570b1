"""tasks - runs async tasks: one asyncio loop, hundreds of tasks at a time.

What is to be said in one turn of the loop goes out in one write. Threads: all methods belong to the
loop's thread, but for post and post_cancel.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ..running.delivery import Control, Delivery
from . import frames

if TYPE_CHECKING:
    from .serve import Child


class Tasks:
    """The async tasks of a child."""

    def __init__(self, child: Child, limit: int) -> None:
        self._child = child
        self._limit = limit
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._over = self.loop.create_future()
        self._ready: deque[Delivery] = deque()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._told: list[bytes] = []
        self._turn = False  # one is scheduled

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose first step is taken here and now, if this Python can do that."""
        if sys.version_info >= (3, 12):
            return asyncio.Task(coroutine, loop=self.loop, eager_start=True)
        return self.loop.create_task(coroutine)

    # ---- from the reader ----------------------------------------------------------

    def post(self, deliveries: list[Delivery]) -> None:
        """Tasks have come. Threads: any."""
        self.loop.call_soon_threadsafe(self._take, deliveries)

    def post_cancel(self, control: Control) -> None:
        """One that runs is cancelled; its reason is set. Threads: any."""
        self.loop.call_soon_threadsafe(self._cancel_soon, control.ref)

    def post_remove(self, ref: int, reason: str) -> None:
        """One that may wait is cancelled. Threads: any."""
        self.loop.call_soon_threadsafe(self._remove, ref, reason)

    def post_recall(self) -> None:
        """What waits goes back. Threads: any."""
        self.loop.call_soon_threadsafe(self._recall)

    def post_over(self) -> None:
        """The worker has closed. Threads: any."""
        self.loop.call_soon_threadsafe(self._end)

    # ---- in the loop ----------------------------------------------------------------

    def take_now(self, deliveries: list[Delivery]) -> None:
        self._take(deliveries)

    def _take(self, deliveries: list[Delivery]) -> None:
        self._ready.extend(deliveries)
        self._begin()

    def _begin(self) -> None:
        """Begin what there is room for, and write."""
        starting: list[tuple[Delivery, Control]] = []
        while self._ready and len(self._running) + len(starting) < self._limit:
            delivery = self._ready.popleft()
            control = Control(delivery.ref, self._child.line)
            self._child.running[delivery.ref] = control
            self._told.append(frames.begin(delivery.ref))
            starting.append((delivery, control))
        self._write()
        for delivery, control in starting:
            task = self.start(self._run(delivery, control))
            if not task.done():
                self._running[delivery.ref] = task

    async def _run(self, delivery: Delivery, control: Control) -> None:
        try:
            ending = await self._child.runner.arun(delivery, control)
        except BaseException as error:  # a cancel that came too late for it
            ending = self._child.late(delivery, control, error)
        ref = delivery.ref
        self._running.pop(ref, None)
        self._child.running.pop(ref, None)
        self._told.append(frames.end(ref, ending))
        if not self._turn:
            self._turn = True
            self.loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn = False
        if self._ready:
            self._begin()
        else:
            self._write()

    def _write(self) -> None:
        if self._told:
            told = b"".join(self._told)
            self._told.clear()
            self._child.line.send(told)

    def _cancel_soon(self, ref: int) -> None:
        # Not before its first step, which is scheduled by now: else it would never take it,
        # and nobody would tell how it ended.
        self.loop.call_soon(self._cancel, ref)

    def _cancel(self, ref: int) -> None:
        task = self._running.get(ref)
        if task is not None:
            task.cancel()

    def _remove(self, ref: int, reason: str) -> None:
        for delivery in self._ready:
            if delivery.ref == ref:
                self._ready.remove(delivery)
                self._told.append(frames.end(ref, self._child.put_back))
                self._write()
                return
        control = self._child.running.get(ref)  # it has begun since
        if control is not None and not control.thread and control.reason is None:
            control.reason = reason
            self._cancel_soon(ref)

    def _recall(self) -> None:
        while self._ready:
            self._told.append(frames.end(self._ready.popleft().ref, self._child.put_back))
        self._write()

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    # ---- its life ---------------------------------------------------------------------

    def read_here(self) -> None:
        """Nobody else reads the socket: the loop does."""
        line = self._child.line

        def readable() -> None:
            data = line.receive_now()
            if data is not None:
                self._child.take(data)

        self.loop.add_reader(line.socket.fileno(), readable)

    def run(self) -> None:
        """Until the worker closes."""
        self.loop.run_until_complete(self._over)

    def close(self) -> None:
        """What still runs is cancelled, and given a moment to see it."""
        self.loop.remove_reader(self._child.line.socket.fileno())
        left = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left, timeout=1))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        self.loop.close()
