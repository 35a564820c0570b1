"""isolated - tasks with isolation="process": each runs in a process of its own, forked for it.

    child ── socket ── zygote               has loaded the application, and has no thread: so it
      │                  └─ guard           may fork at any time. A guard waits for one task's
      └──── a pair ─────────┴─ task         process and tells how it ended.

The pair carries frames of the child protocol: what the task tells goes on to the worker as it is,
`C` and `S` go down. Two more kinds are the guard's: `i` the process's id, `x` its wait status.
Whoever sees the pair closed ends. May touch: the runner, line, frames.
"""

from __future__ import annotations

import gc
import inspect
import marshal
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn, Optional

from ..running.delivery import Control, Delivery, Ending
from ..running.runner import Runner
from . import frames
from .interrupt import interrupt
from .line import CHUNK, Line

if TYPE_CHECKING:
    from ..app import Gofer

# A cancelled task has so long to end by itself; less than the worker's patience with the child.
GRACE_S = 3.0
# How often a thread that waits for such a task looks whether it was cancelled.
LOOK_MS = 250
_SIZE = struct.Struct(">I")


class Isolated:
    """The child's side. Threads: any; each runs one task at a time."""

    def __init__(self, app: Gofer, line: Line) -> None:
        """Forks the zygote: no thread may run yet."""
        self._line = line
        self._lock = threading.Lock()  # of the zygote's socket, and of the pairs
        self._pairs: dict[int, socket.socket] = {}
        self._zygote, there = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        if os.fork() == 0:
            self._zygote.close()
            _be_zygote(app, there)
        there.close()

    def run(self, delivery: Delivery, control: Control) -> Ending:
        """Run one in a process of its own, and wait for it in this thread."""
        thread, control.thread = control.thread, -abs(control.thread)  # not to be interrupted
        here, there = socket.socketpair()
        with here:
            with there:
                self._order(there)
            body = marshal.dumps((*delivery[:8], dict(delivery.headers), *delivery[9:11]))
            with self._lock:
                self._pairs[control.ref] = here
            try:
                here.sendall(_SIZE.pack(len(body)) + body)
                if control.reason is not None:
                    self.cancel(control.ref, control.reason)
                return self._wait(here, control)
            finally:
                with self._lock:
                    del self._pairs[control.ref]
                control.thread = thread

    def _order(self, there: socket.socket) -> None:
        try:
            with self._lock:
                socket.send_fds(self._zygote, [b"+"], [there.fileno()])
        except OSError as error:  # it was killed: a new child has a new one
            os.write(2, f"gofer: no process to fork isolated tasks from: {error}\n".encode())
            os._exit(1)

    def _wait(self, pair: socket.socket, control: Control) -> Ending:
        reader, poll, pid = frames.Reader(), select.poll(), 0
        poll.register(pair, select.POLLIN)
        kill_at: Optional[float] = None
        while True:
            if not poll.poll(LOOK_MS):
                if control.reason is not None and kill_at is None:
                    kill_at = time.monotonic() + GRACE_S
                if kill_at is not None and pid and time.monotonic() > kill_at:
                    os.kill(pid, signal.SIGKILL)
                continue
            data = pair.recv(CHUNK)
            if not data:
                return Ending("retry", "the task's process has vanished")
            for kind, body in reader.feed(data):
                if kind == 0x69:  # i
                    (pid,) = _SIZE.unpack(body)
                elif kind == 0x78:  # x, without an end before it
                    return _crashed(_SIZE.unpack(body)[0], control)
                elif kind == 0x65:  # e
                    return frames.ending_of(body)
                else:
                    self._line.send(_SIZE.pack(1 + len(body)) + bytes((kind,)) + body)

    def cancel(self, ref: int, reason: str) -> None:
        """Tell a running one. Threads: any."""
        self._tell(ref, frames.cancel(ref, reason))

    def stop(self) -> None:
        """Tell all that the worker stops. Threads: any."""
        for ref in list(self._pairs):
            self._tell(ref, frames.stop())

    def answered(self, body: bytes) -> bool:
        """Pass an answer on to the task that has asked; False: it is none of these."""
        ref = frames.answer_of(body).ref
        if ref not in self._pairs:
            return False
        self._tell(ref, _SIZE.pack(1 + len(body)) + b"Q" + body)
        return True

    def _tell(self, ref: int, frame: bytes) -> None:
        with self._lock:
            pair = self._pairs.get(ref)
            if pair is not None:
                try:
                    pair.sendall(frame)
                except OSError:  # it has ended
                    pass


def _crashed(status: int, control: Control) -> Ending:
    if control.reason in ("stop", "lease"):
        return Ending("requeue")
    if control.reason is not None:
        name = "TaskTimeout" if control.reason == "timeout" else "TaskCancelled"
        return Ending("retry", f"{name}: its process did not end by itself, and was killed")
    if os.WIFSIGNALED(status):
        return Ending("retry", f"its process died of {signal.Signals(os.WTERMSIG(status)).name}")
    return Ending("retry", f"its process ended by itself, with exit code {os.WEXITSTATUS(status)}")


# ---- the zygote, the guard, the task's process ----------------------------------------------


def _be_zygote(app: Gofer, orders: socket.socket) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # guards are reaped by the kernel
        gc.collect()
        gc.freeze()
        while True:
            data, descriptors, _, _ = socket.recv_fds(orders, 1, 1)
            if not data or not descriptors:
                break
            if os.fork() == 0:
                orders.close()
                _be_guard(app, descriptors[0])
            os.close(descriptors[0])
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def _be_guard(app: Gofer, descriptor: int) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pair = socket.socket(fileno=descriptor)
    pid = os.fork()
    if pid == 0:
        _be_task(app, pair.detach())
    try:
        pair.sendall(b"\0\0\0\x05i" + _SIZE.pack(pid))
        status = _outlived(pid, pair)
        pair.sendall(b"\0\0\0\x05x" + _SIZE.pack(status))
    except OSError:  # the child has its ending already, or is gone
        pass
    os._exit(0)


def _outlived(pid: int, pair: socket.socket) -> int:
    """Wait for the process, and kill it when nobody waits for it any more."""
    poll = select.poll()
    poll.register(pair, 0)  # that it is closed is always told
    tick_ms = 20
    try:
        poll.register(os.pidfd_open(pid), select.POLLIN)
        tick_ms = 1000
    except (AttributeError, OSError):
        pass
    while True:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            return status
        for descriptor, _ in poll.poll(tick_ms):
            if descriptor == pair.fileno():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                os._exit(0)


def _be_task(app: Gofer, descriptor: int) -> NoReturn:
    code = 1
    try:
        line = Line(descriptor)
        (size,) = _SIZE.unpack(_exactly(line.socket, 4))
        delivery = Delivery(*marshal.loads(_exactly(line.socket, size)))
        line.running = (delivery.ref,)
        # Its end is the last that is told: the process is of no use to anybody then.
        line.send(frames.end(delivery.ref, _ending(app, delivery, line)))
        sys.stdout.flush()
        sys.stderr.flush()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(code)


def _exactly(pair: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = pair.recv(size - len(data))
        if not more:
            os._exit(1)
        data += more
    return data


def _ending(app: Gofer, delivery: Delivery, line: Line) -> Ending:
    runner = Runner(app, frames.MAX_RESULT)
    prepared = runner.prepared(delivery.type)
    hooks = [*app.starts, *app.stops]
    if (prepared is not None and prepared.is_async) or any(map(inspect.iscoroutinefunction, hooks)):
        import asyncio

        return asyncio.run(_async_ending(runner, delivery, line, app))
    control = Control(delivery.ref, line, -threading.get_ident())
    _start_reader(line, control, lambda reason: interrupt(control, reason, {control.ref: control}))
    for hook in app.starts:
        hook()
    control.thread = -control.thread
    ending = runner.run(delivery, control)
    control.thread = -control.thread
    for hook in app.stops:
        runner.guarded(hook)
    return ending


async def _async_ending(runner: Runner, delivery: Delivery, line: Line, app: Gofer) -> Ending:
    import asyncio

    for hook in app.starts:
        made = hook()
        if inspect.isawaitable(made):
            await made
    control = Control(delivery.ref, line)
    loop = asyncio.get_running_loop()
    task = loop.create_task(runner.arun(delivery, control))
    await asyncio.sleep(0)  # its first step, before it may be cancelled

    def cancel(reason: str) -> None:
        control.reason = reason
        loop.call_soon_threadsafe(task.cancel)

    _start_reader(line, control, cancel)
    ending = await task
    for hook in app.stops:
        await runner.aguarded(hook)
    return ending


def _start_reader(line: Line, control: Control, cancel: Any) -> None:
    """Heed what comes down, in a thread; nobody there any more: end this process."""

    def read() -> None:
        reader = frames.Reader()
        while True:
            data = line.receive()
            if not data:
                os._exit(1)
            for kind, body in reader.feed(data):
                if kind == 0x53:
                    line.stopping = True
                elif kind == 0x51:
                    line.answered(body)
                elif kind == 0x43 and control.reason is None:
                    cancel(frames.cancel_of(body)[1])

    threading.Thread(target=read, name="gofer-reader", daemon=True).start()
