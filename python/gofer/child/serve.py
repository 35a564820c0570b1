"""serve - a child's life: load the application, say hello, run tasks, end with the stream.

    python -m gofer.child shop.tasks:app --threads 8 --tasks 100

The main thread runs the asyncio loop if there are async tasks, else it watches the threads; asyncio
is not even imported then. Nothing here needs the library: a task that enqueues loads it.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from .. import logs
from ..context import Context
from ..discovery import NoApplication, load
from ..hints import Unevaluated
from ..running.delivery import Control, Delivery, Ending, Part
from ..running.runner import REQUEUE, Runner
from . import frames
from .interrupt import interrupt, kind_of
from .line import Line

if TYPE_CHECKING:
    from ..app import Gofer
    from .isolated import Isolated
    from .tasks import Tasks
    from .threads import Threads

USAGE = "usage: python -m gofer.child APP [--threads N] [--tasks N]"
# How long a worker waits for a child to be ready, if it does not say so.
START_MS = 30_000
# An import that has taken so much of it shows where it is.
HANGS_PART = 2 / 3
SYNC_AGAIN_S = 5.0


class Arguments(NamedTuple):
    """What a child is started with."""

    app: str
    threads: int = 8
    """Plain tasks at a time."""
    tasks: int = 100
    """Async tasks at a time."""


def arguments_of(words: Sequence[str]) -> Arguments:
    """ValueError: they are not as USAGE says."""
    numbers = {"--threads": 8, "--tasks": 100}
    names = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if option in numbers:
            text = value if equals else (rest.pop(0) if rest else "")
            if not text.isdecimal() or not 1 <= int(text) <= 10000:
                raise ValueError(f"{option} is '{text}': it must be a number from 1 to 10000")
            numbers[option] = int(text)
        elif word.startswith("-"):
            raise ValueError(f"there is no option {word}")
        else:
            names.append(word)
    if len(names) != 1:
        raise ValueError("one application is needed, such as shop.tasks:app")
    return Arguments(names[0], numbers["--threads"], numbers["--tasks"])


class Child:
    """The parts of a child, and where the frames that come go."""

    put_back: Ending = REQUEUE

    def __init__(self, app: Gofer, line: Line, arguments: Arguments) -> None:
        self.app = app
        self.line = line
        self.runner: Runner = Runner(app, frames.MAX_RESULT)
        self.running: dict[int, Control] = {}
        """What has begun, by ref."""
        line.running = self.running
        self.early: dict[int, str] = {}
        """Cancelled while they were on their way from the waiting ones to the running ones."""
        self.over: bool = False
        self._reader = frames.Reader()
        self._sets: dict[int, list[Part]] = {}  # of groups that have come in part
        self._asynchronous: dict[str, bool] = {}  # by type
        prepared = [task for task in map(self.runner.prepared, app.tasks) if task is not None]
        kinds = {task.is_async and not task.isolated for task in prepared}
        kinds |= {by.is_async for by in map(self.runner.aggregating, app.aggregators) if by}
        self.isolated: Isolated | None = None
        self.run_plain: Callable[[Delivery, Control], Ending] = self.runner.run
        if any(task.isolated for task in prepared):
            from .isolated import Isolated

            self.isolated = Isolated(app, line)  # forks: before there is any thread
            self.run_plain = self._run_plain
        self.threads: Threads | None = None
        self.tasks: Tasks | None = None
        self.want: int = 0
        if False in kinds or not kinds:
            from .threads import Threads

            self.threads = Threads(self, arguments.threads)
            self.want += arguments.threads
        hooks = [*app.starts, *app.stops]
        if True in kinds or any(inspect.iscoroutinefunction(hook) for hook in hooks):
            from .tasks import Tasks

            self.tasks = Tasks(self, arguments.tasks)
            self.want += arguments.tasks if True in kinds else 0
        self._only_async = self.threads is None
        # Of both kinds each has its own: a plain task does not wait here for a thread while another
        # child has one.
        self._rooms: tuple[str, str] | None = None
        if True in kinds and self.threads is not None:
            self._rooms = (f"threads {arguments.threads}", f"tasks {arguments.tasks}")

    # ---- its life -------------------------------------------------------------------

    def hooks(self, hooks: Sequence[Callable[[], Any]]) -> None:
        """Call the hooks of the start or of the end."""
        for hook in hooks:
            made = hook()
            if inspect.isawaitable(made):
                assert self.tasks is not None  # it is there if a hook is async

                async def finish(made: Any = made) -> None:
                    await made

                self.tasks.loop.run_until_complete(finish())

    def hello(self, name: str) -> None:
        lines = [f"protocol {frames.PROTOCOL}", f"name {name}", f"want {self.want}"]
        queues = set()
        for task in self.app.tasks.values():
            lines.append(f"type {task.name}")
            if self._rooms is not None:
                lines.append(f"room {self._rooms[self._is_async(task.name)]}")
            if task.defaults.get("retry_policy"):
                lines.append(f"retry {task.defaults['retry_policy']}")
            if task.defaults.get("queue"):
                queues.add(task.defaults["queue"])
        if self.app._makes_spans():
            lines.append("spans own")
        lines += [f"queue {queue}" for queue in sorted(queues)]
        lines += [f"aggregate {pattern}" for pattern in self.app.aggregators]
        self.line.send(frames.hello("".join(f"{line}\n" for line in lines)))

    def run(self) -> None:
        """Run tasks until the worker closes."""
        if self.tasks is None:
            assert self.threads is not None
            self.guarded(self.threads.watch)
            return
        if self.threads is None:
            self.tasks.read_here()
        else:
            watch = self.threads.watch
            threading.Thread(
                target=lambda: self.guarded(watch), name="gofer-watch", daemon=True
            ).start()
        self.tasks.run()

    def guarded(self, function: Callable[[], None]) -> None:
        """Run one of the child's own loops: a fault in it ends the child, with its traceback."""
        try:
            function()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    # ---- what comes --------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """Heed the frames in these bytes; none: the worker has closed. Threads: who reads."""
        if not data:
            self._end()
            return
        plain: list[Delivery] = []
        asynchronous: list[Delivery] = []
        for kind, body in self._reader.feed(data):
            if kind == 0x54:  # T
                delivery = frames.delivery_of(body)
                (asynchronous if self._is_async(delivery.type) else plain).append(delivery)
                continue
            if kind == 0x47:  # G
                self._take_set(frames.set_of(body), plain, asynchronous)
                continue
            self._pass_on(plain, asynchronous)
            if kind == 0x43:  # C
                self._cancel(*frames.cancel_of(body))
            elif kind == 0x51:  # Q
                self._answered(body)
            elif kind in (0x52, 0x53):  # R, S
                if kind == 0x53:
                    self.line.stopping = True
                    if self.isolated is not None:
                        self.isolated.stop()
                self._recall()
        self._pass_on(plain, asynchronous)

    def _pass_on(self, plain: list[Delivery], asynchronous: list[Delivery]) -> None:
        if plain:
            assert self.threads is not None
            self.threads.ready.extend(plain)
            plain.clear()
        if asynchronous:
            assert self.tasks is not None
            if self._only_async:
                self.tasks.take_now(asynchronous)
            else:
                self.tasks.post(list(asynchronous))
            asynchronous.clear()

    def _is_async(self, type: str) -> bool:
        known = self._asynchronous.get(type)
        if known is None:
            prepared = self.runner.prepared(type)
            if prepared is None:
                return self.threads is None
            known = prepared.is_async and not prepared.isolated
            self._asynchronous[type] = known
        return known

    def _take_set(
        self, came: frames.Set, plain: list[Delivery], asynchronous: list[Delivery]
    ) -> None:
        parts = self._sets.setdefault(came.ref, [])
        parts += came.parts
        if came.more:
            return
        delivery = Delivery(
            came.ref, came.group, "", came.queue, timeout_ms=came.time_ms,
            parts=self._sets.pop(came.ref),
        )  # fmt: skip
        by = self.runner.aggregating(came.group)
        is_async = by.is_async if by is not None else self.threads is None
        (asynchronous if is_async else plain).append(delivery)

    def _run_plain(self, delivery: Delivery, control: Control) -> Ending:
        """Where some tasks are isolated. Threads: any."""
        prepared = self.runner.prepared(delivery.type) if not delivery.parts else None
        if prepared is not None and prepared.isolated and self.isolated is not None:
            return self.isolated.run(delivery, control)
        return self.runner.run(delivery, control)

    def _recall(self) -> None:
        if self.threads is not None:
            self.threads.give_back(self.line.send)
        if self.tasks is not None:
            self.tasks.post_recall()

    def _answered(self, body: bytes) -> None:
        if self.isolated is None or not self.isolated.answered(body):
            self.line.answered(body)

    def _end(self) -> None:
        self.over = self.line.over = True
        if self.threads is not None:
            self.threads.close()
        if self.tasks is not None:
            self.tasks.post_over()

    # ---- cancels ---------------------------------------------------------------------

    def _cancel(self, ref: int, reason: str) -> None:
        if self.threads is not None and self.threads.remove(ref):
            self.line.send(frames.end(ref, self.put_back))
            return
        control = self.running.get(ref)
        if control is None:
            if len(self.early) > 1000:
                self.early.clear()  # of tasks that had ended when their cancel came
            self.early[ref] = reason
            control = self.running.get(ref)
            if control is None:
                if self.tasks is not None:
                    self.tasks.post_remove(ref, reason)
                return
            self.early.pop(ref, None)
        if control.reason is not None:
            return
        if control.thread:
            interrupt(control, reason, self.running)
            if self.isolated is not None:
                self.isolated.cancel(ref, reason)
        elif self.tasks is not None:
            control.reason = reason
            self.tasks.post_cancel(control)

    def was_cancelled(self, ref: int) -> bool:
        """Whether a task was cancelled just before it would have begun. Threads: any."""
        return self.early.pop(ref, None) is not None

    def interruption(self, control: Control) -> BaseException:
        """What a cancelled task would have been hit by."""
        return kind_of(control.reason)()

    def late(self, delivery: Delivery, control: Control, error: BaseException) -> Ending:
        """What becomes of a task that was interrupted outside of its function."""
        return self.runner.ending_of(error, Context(delivery, control))[0]

    def threads_run(self) -> bool:
        """Whether a plain task runs."""
        for control in list(self.running.values()):
            if control.thread:
                return True
        return False


# ---- the process --------------------------------------------------------------------------


def main(words: Sequence[str]) -> NoReturn:
    """Be a child. Ends the process: 0 when the worker has closed, 1 if the application cannot be
    loaded, 2 if the words are wrong."""
    if len(words) == 2 and words[0] == "--url":
        from .store import tell

        tell(words[1])
    try:
        arguments = arguments_of(words)
        descriptor = int(os.environ.pop("GOFER_CHILD_FD"))
    except KeyError:
        _fail(f"{USAGE}\nIt is started by a worker: gofer worker --python APP", 2)
    except ValueError as error:
        _fail(f"gofer.child: {error}\n{USAGE}", 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's: it tells its children
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    line = Line(descriptor)
    child = _loaded(arguments, line)
    child.hello(arguments.app)
    child.run()
    _finish(child)


def _loaded(arguments: Arguments, line: Line) -> Child:
    import faulthandler

    try:
        faulthandler.dump_traceback_later(_hangs_s())
    except (RuntimeError, ValueError, OSError):  # no stderr
        pass
    try:
        app = load(arguments.app)
        logs.start(line)
        child = Child(app, line, arguments)
        child.hooks(app.starts)
        _warn_of_the_store(app)
        _sync_crons(app)
    except (NoApplication, Unevaluated) as error:
        _fail(f"gofer: {error}", 1)
    except BaseException as error:
        _fail(_shown(error, arguments.app), 1)
    finally:
        faulthandler.cancel_dump_traceback_later()
    if not app.tasks and not app.aggregators:
        _fail(f"gofer: '{arguments.app}' has no tasks", 1)
    return child


def _warn_of_the_store(app: Gofer) -> None:
    """Once a worker: its tasks would go where this worker does not look."""
    given = app._connection.given
    if given and os.environ.get("GOFER_CHILD_NUMBER", "0") == "0":
        from .store import warning

        text = warning(given, os.environ.get("GOFER_URL"))
        if text:
            print(f"gofer: {text}", file=sys.stderr)


def _hangs_s() -> float:
    text = os.environ.get("GOFER_CHILD_START_MS", "")
    patience_ms = int(text) if text.isdecimal() and int(text) else START_MS
    return min(patience_ms * HANGS_PART / 1000, threading.TIMEOUT_MAX)


def _sync_crons(app: Gofer) -> None:
    """The first child of an application sees to its entries. A store that is out of reach keeps no
    child from its tasks: that is tried again."""
    if not app.crons or os.environ.get("GOFER_CHILD_NUMBER", "0") != "0":
        return
    from ..errors import BrokerError, Timeout, Uncertain, Unsupported

    away = (BrokerError, Timeout, Uncertain)

    def again() -> None:
        while True:
            time.sleep(SYNC_AGAIN_S)
            try:
                app.sync_crons()
                return
            except away:
                continue
            except Exception:
                traceback.print_exc()
                return

    try:
        app.sync_crons()
    except away as error:
        print(f"gofer: the cron entries will be synced later: {error}", file=sys.stderr, flush=True)
        threading.Thread(target=again, name="gofer-crons", daemon=True).start()
    except Unsupported as error:
        print(f"gofer: the cron entries are not synced: {error}", file=sys.stderr, flush=True)


def _shown(error: BaseException, name: str) -> str:
    """The traceback from the application's own code on."""
    import importlib

    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    ours = (here + os.sep, os.path.dirname(importlib.__file__) + os.sep, "<frozen ")
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError):
        trace = error.__traceback__
    told = "".join(traceback.format_exception(type(error), error.with_traceback(trace), trace))
    return f"{told.rstrip()}\ngofer: '{name}' could not be loaded: {type(error).__name__}: {error}"


def _fail(text: str, code: int) -> NoReturn:
    print(text, file=sys.stderr, flush=True)
    os._exit(code)  # not by way of what a half-loaded application has left to do


def _finish(child: Child) -> NoReturn:
    code = 0
    try:
        child.hooks(child.app.stops)
    except BaseException:
        traceback.print_exc()
        code = 1
    if child.tasks is not None:
        child.tasks.close()
    left = child.threads_run()
    if left:  # the worker is gone, and did not wait for them
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    sys.exit(code)
