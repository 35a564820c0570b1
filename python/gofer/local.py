"""local - a worker in this process, for notebooks, tests and small programs.

    app.worker().run(drain=True)            # until nothing is left to do

    with app.worker(threads=4):             # in the background
        add.enqueue(1, 2).wait()

Plain tasks run in threads, async ones on one loop in a thread of its own. One more thread, the
fetcher, takes tasks while there is room for them and passes on who is cancelled; it sleeps in the
library, not in a loop around a descriptor.

Threads: start, stop and run are for one; tasks may be enqueued by any.
"""

from __future__ import annotations

import inspect
import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Optional, Union

from .child.interrupt import interrupt, kind_of, settle
from .client import version
from .context import Context
from .errors import WrongState
from .control import TaskCancelled, TaskTimeout
from .pull import Pull
from .running.delivery import Control, Delivery, Ending
from .running.runner import Runner
from .snapshot import read

if TYPE_CHECKING:
    import asyncio

    from .app import Gofer
    from .counts import WorkerFigures, WorkerStats
    from .info import Info
    from .put import Put

Queues = Union[str, Sequence[str], Mapping[str, int], None]

# How long the fetcher sleeps: while something runs that may be cancelled, and else.
LOOK_MS = 50
IDLE_MS = 250
# How long a stop waits for threads whose tasks the library has given up.
PATIENCE_S = 2.0


class _CtrlC:
    """While a worker runs in the main thread, SIGINT asks it to stop, and raises nothing: a
    KeyboardInterrupt between any two steps of its start or its end would leave it running, or half
    of it. A second one while it starts is raised, as a hook of the program's may take for ever.

    A handler of the program's own is left as it is.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._asks = 0
        self._starts = True
        self._installed = False

    def __enter__(self) -> _CtrlC:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._installed = True
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *raised: Any) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _ask(self, number: int, frame: Any) -> None:
        self._asks += 1
        pull = self._worker._pull
        if pull is not None:
            pull.stop()
        elif self._starts and self._asks > 1:
            raise KeyboardInterrupt

    def started(self) -> None:
        self._starts = False
        pull = self._worker._pull
        if self._asks and pull is not None:
            pull.stop()


class Worker:
    """A worker in this process; made by app.worker(), which see."""

    def __init__(
        self,
        app: Gofer,
        threads: int = 8,
        tasks: int = 100,
        queues: Queues = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        for name, number in (("threads", threads), ("tasks", tasks)):
            if not 1 <= number <= 5000:
                raise ValueError(f"{name} is {number}: it must be from 1 to 5000")
        self._app = app
        self._limits = threads, tasks
        self._queues = queues
        self._settings = {key: str(value) for key, value in (settings or {}).items()}
        self._log = logging.getLogger("gofer")
        self._pull: Pull | None = None
        self._runner = Runner(app)
        self._running: dict[int, Control] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._line: SimpleQueue[Delivery | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._fetcher: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last: tuple[Info, Info] | None = None  # what the library's worker told at its end
        self.runs_tasks = self.aggregates = True
        """What it does; for the tests of applications (testing.py)."""
        self.failed_groups: dict[tuple[str, str], str] = {}
        """The groups, by queue and name, whose aggregator has failed the last time, and why."""

    # ---- its life -----------------------------------------------------------------

    def run(self, drain: bool = False) -> Mapping[str, int]:
        """Run tasks until stop() is called or the program is interrupted (Ctrl-C: what runs may
        finish within the grace; twice: it is cancelled), and return the figures.

        drain  until nothing is pending, active, scheduled or to be retried

        Raises what start raises; BrokerError: its SQLite file had an I/O error or is damaged, and
        it has ended, as after stop(). What it ran is run again, by a program that opens the store
        anew.
        """
        with _CtrlC(self) as asked:
            self._start(drain)
            asked.started()
            pull = self._pull
            assert pull is not None
            try:
                while not self._has_ended(pull):
                    pass
            except BaseException:  # of a signal handler of the program's own
                self.stop()
                raise
            return self._finish()

    def _has_ended(self, pull: Pull) -> bool:
        try:
            return pull.wait(200)
        except KeyboardInterrupt:  # as such a handler may raise it, too
            pull.stop()
            return False

    def start(self) -> None:
        """Run tasks in the background. Raises: what an on_start hook raises; WrongState (it runs
        already); InvalidArgument (a setting); as opening a Client."""
        self._start(False)

    def stop(self) -> Mapping[str, int]:
        """Take nothing more, let what runs finish within the grace (8 s; the setting "grace"),
        cancel the rest and put it back, not counted. The figures; empty if it does not run.
        Raises: BrokerError, as run."""
        if self._pull is None:
            return {}
        self._pull.stop()
        while not self._pull.wait(200):
            pass
        return self._finish()

    def stats(self) -> WorkerStats:
        """What it is at, and has done since its start; of one that has ended, as it was then.
        Threads: any. WrongState: it was never started."""
        from .counts import WorkerStats

        return read(WorkerStats, self._told()[0])

    def figures(self) -> WorkerFigures:
        """The same by queue and type, with how long tasks waited and ran, and how long the store
        took to answer. As stats."""
        from .counts import WorkerFigures

        return read(WorkerFigures, self._told()[1])

    def metrics(self) -> str:
        """Both as text for Prometheus ("text/plain; version=0.0.4"), with the names that `gofer
        worker --metrics` has: for a route of your program's own. As stats."""
        from .exposition import text_of

        return text_of(self.stats(), self.figures(), version())

    def _told(self) -> tuple[Info, Info]:
        pull = self._pull
        if pull is not None:
            try:
                return pull.stats(), pull.figures()
            except WrongState:
                pass  # it has ended just now
        if self._last is None:
            raise WrongState("this worker was never started")
        return self._last

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def _start(self, drain: bool) -> None:
        if self._pull is not None:
            raise WrongState("this worker runs already")
        threads, tasks = self._limits
        kinds = [self._runner.prepared(name) for name in self._app.tasks]
        is_async = any(found is not None and found.is_async for found in kinds)
        combining = [self._runner.aggregating(pattern) for pattern in self.patterns()]
        plain = any(found is not None and not found.is_async for found in kinds) or not is_async
        hooks = [*self._app.starts, *self._app.stops]
        if (
            is_async
            or any(by is not None and by.is_async for by in combining)
            or any(inspect.iscoroutinefunction(hook) for hook in hooks)
        ):
            self._open_loop()
        try:
            self._call_hooks(self._app.starts)
            room = (threads if plain else 0) + (tasks if is_async else 0)
            settings = {"concurrency": str(room), "drain": str(int(drain)), **self._settings}
            settings["pull"] = str(int(self.runs_tasks))
            with self._app._connection.use() as client:
                self._pull = Pull(client, settings, self._weights(), self._policies(), self)
        except BaseException:
            self._close_loop()
            raise
        self._threads = [
            self._thread(self._run_plain, f"gofer-{number}")
            for number in range(threads if plain else 0)
        ]
        self._fetcher = self._thread(self._fetch, "gofer-fetcher")

    def _thread(self, function: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=function, name=name, daemon=True)
        thread.start()
        return thread

    def _weights(self) -> Mapping[str, int]:
        if isinstance(self._queues, str):
            return {self._queues: 1}
        if isinstance(self._queues, Mapping):
            return self._queues
        if self._queues is not None:
            return dict.fromkeys(self._queues, 1)
        own = {task.defaults.get("queue") for task in self._app.tasks.values()}
        return dict.fromkeys(["default", *sorted(queue for queue in own if queue)], 1)

    def _policies(self) -> Mapping[str, str]:
        return {
            name: task.defaults["retry_policy"]
            for name, task in self._app.tasks.items()
            if task.defaults.get("retry_policy")
        }

    def _finish(self) -> Mapping[str, int]:
        """The library's worker has ended."""
        pull = self._pull
        assert pull is not None and self._fetcher is not None
        self._last = pull.stats(), pull.figures()  # in this order: who asks finds one of them
        self._pull = None
        self._fetcher.join()
        for _ in self._threads:
            self._line.put(None)
        end = time.monotonic() + PATIENCE_S
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))
        self._line = SimpleQueue()  # a thread that was left behind keeps the old one
        self._threads = []
        try:
            self._call_hooks(self._app.stops)
        finally:
            self._close_loop()
        info = self._last[0]
        figures = {name: info.number(name) or 0 for name in ("processed", "failed", "retried",
            "archived", "revoked", "cancelled")}  # fmt: skip
        pull.free()
        if pull.failure is not None:
            raise pull.failure
        return figures

    def _call_hooks(self, hooks: Sequence[Callable[[], Any]]) -> None:
        for hook in hooks:
            made = hook()
            if inspect.isawaitable(made):
                import asyncio

                async def finish(made: Any = made) -> None:
                    await made

                assert self._loop is not None  # it is there if a hook is async
                asyncio.run_coroutine_threadsafe(finish(), self._loop).result()

    # ---- the fetcher ----------------------------------------------------------------

    def _fetch(self) -> None:
        pull = self._pull
        assert pull is not None
        looked = 0.0
        while True:
            deliveries = pull.take(LOOK_MS if self._running else IDLE_MS)
            if deliveries is None:
                return
            for delivery in deliveries:
                self._pass_on(pull, delivery)
            now = time.monotonic()
            if now - looked >= LOOK_MS / 1000:
                looked = now
                for control in list(self._running.values()):
                    self._look(pull, control)

    def _pass_on(self, pull: Pull, delivery: Delivery) -> None:
        prepared = self._runner.prepared(delivery.type)
        if prepared is None:
            # Another worker may know it; it comes back here after a while, and fails in the end.
            text = f"no function of this application is for '{delivery.type}'"
            pull.finish(delivery.ref, Ending("retry", text))
        elif prepared.is_async and self._loop is not None:
            control = Control(delivery.ref, pull)
            self._running[delivery.ref] = control
            self._loop.call_soon_threadsafe(self._begin, pull, delivery, control)
        else:
            self._line.put(delivery)

    def _look(self, pull: Pull, control: Control) -> None:
        reason = pull.cancelled(control.ref) if control.reason is None else None
        if reason is None:
            return
        if control.thread:
            interrupt(control, reason, self._running)
        elif self._loop is not None:
            control.reason = reason
            self._loop.call_soon_threadsafe(self._cancel, control.ref)

    # ---- plain tasks ------------------------------------------------------------------

    def _run_plain(self) -> None:
        pull, line = self._pull, self._line
        assert pull is not None
        here = threading.get_ident()
        while True:
            delivery = line.get()
            if delivery is None:
                return
            control = Control(delivery.ref, pull, -here)  # negative: not to be interrupted yet
            self._running[delivery.ref] = control
            ending = None
            try:  # an interruption may come at any line from here on to the end of settle
                try:
                    control.thread = here
                    if control.reason is None:
                        ending = self._runner.run(delivery, control)
                    del self._running[delivery.ref]
                except BaseException as error:
                    self._running.pop(delivery.ref, None)
                    ending = ending or self._late(delivery, control, error)
                if control.reason is not None:
                    settle(control)
            except (TaskTimeout, TaskCancelled):
                self._running.pop(delivery.ref, None)
                settle(control)
            if ending is None:  # cancelled before its first line
                ending = self._late(delivery, control, kind_of(control.reason)())
            self._report(pull, delivery.ref, ending)

    def _late(self, delivery: Delivery, control: Control, error: BaseException) -> Ending:
        return self._runner.ending_of(error, Context(delivery, control))[0]

    def _report(self, pull: Pull, ref: int, ending: Ending) -> None:
        try:
            pull.finish(ref, ending)
        except Exception:
            self._log.exception("a task's outcome could not be reported")

    # ---- groups: for the library, on threads of its own -----------------------------------

    def patterns(self) -> Sequence[str]:
        return list(self._app.aggregators) if self.aggregates else []

    def combine(self, delivery: Delivery) -> Put | Ending:
        loop, by = self._loop, self._runner.aggregating(delivery.id)
        control = Control(delivery.ref, _GroupLine(self))
        self.failed_groups.pop((delivery.queue, delivery.id), None)
        if by is None or not by.is_async or loop is None:
            return self._runner.combine(delivery, control)
        import asyncio

        coroutine = self._runner.acombine(delivery, control)
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    def refused(self, delivery: Delivery, why: str) -> None:
        self.failed_groups[delivery.queue, delivery.id] = why
        self._log.error("group '%s' was not aggregated: %s", delivery.id, why)

    # ---- async tasks --------------------------------------------------------------------

    def _open_loop(self) -> None:
        import asyncio

        loop = self._loop = asyncio.new_event_loop()

        def serve() -> None:
            asyncio.set_event_loop(loop)
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

        self._loop_thread = self._thread(serve, "gofer-loop")

    def _close_loop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        self._loop_thread.join(PATIENCE_S)  # longer, if a task holds it up: it is left to itself

    def _begin(self, pull: Pull, delivery: Delivery, control: Control) -> None:
        assert self._loop is not None
        self._tasks[delivery.ref] = self._loop.create_task(self._arun(pull, delivery, control))

    async def _arun(self, pull: Pull, delivery: Delivery, control: Control) -> None:
        try:
            ending = await self._runner.arun(delivery, control)
        except BaseException as error:  # a cancel that came too late for it
            ending = self._late(delivery, control, error)
        self._running.pop(delivery.ref, None)
        self._tasks.pop(delivery.ref, None)
        self._report(pull, delivery.ref, ending)

    def _cancel(self, ref: int) -> None:
        # Not before its first step: else it would never take it, and nobody would tell its end.
        loop = self._loop
        if loop is not None:
            loop.call_soon(lambda: self._tasks[ref].cancel() if ref in self._tasks else None)


class _GroupLine:
    """The Channel of aggregators. The library keeps no log of groups: the program's own is at
    hand."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def stopping(self) -> bool:
        pull = self._worker._pull
        return pull is not None and pull.stopping

    def progress(self, ref: int, done: int, total: int, text: str) -> None: ...

    def log(self, ref: int, level: int, text: str) -> None: ...

    def checkpoint(self, ref: int, data: Optional[bytes]) -> None: ...

    def parent(self, ref: int, step: str) -> Optional[bytes]:
        raise WrongState("an aggregator is of no flow")
