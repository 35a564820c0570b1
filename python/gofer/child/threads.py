"""threads - runs plain tasks: one thread alone while they are short, more when they are not.

Handing a task from thread to thread costs more than a short task takes. So the thread that runs
tasks reads the socket itself, and goes from task to task without anybody's help. A watcher looks
on: it reads what comes during long tasks (the next tasks, cancels), and sets more threads to work
when tasks wait although the pace is slow.

Locks: `reading` is held by whoever reads. `lock` guards the counts of threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..control import TaskCancelled, TaskTimeout
from ..running.delivery import Control, Delivery
from . import frames
from .interrupt import settle

if TYPE_CHECKING:
    from .serve import Child

# How often the watcher looks while tasks run.
TICK_S = 0.002
# More tasks than these in a tick: one thread does better than several that fight for the GIL.
FAST = 20
# The watcher's longest wait for the socket while tasks run that are long.
LONG_MS = 50


class Threads:
    """The plain tasks of a child."""

    def __init__(self, child: Child, limit: int) -> None:
        self._child = child
        self._limit = limit
        self.ready: deque[Delivery] = deque()
        self.reading: threading.Lock = threading.Lock()
        self._lock = threading.Lock()
        self._parked: list[threading.Semaphore] = []
        self._count = 0  # of threads
        self._ended = 0  # tasks; a guess is enough
        self._slow = True
        self._awake = threading.Event()  # the watcher is

    # ---- a thread -----------------------------------------------------------------

    def wake(self) -> None:
        """Set one more thread to work, if there is one left. Threads: any."""
        with self._lock:
            if self._parked:
                self._parked.pop().release()
                return
            if self._count >= self._limit:
                return
            self._count += 1
            number = self._count
        threading.Thread(target=self._work, name=f"gofer-{number}", daemon=True).start()

    def _work(self) -> None:
        self._child.guarded(self._run_tasks)

    def _run_tasks(self) -> None:
        child = self._child
        ready, running, run, send = self.ready, child.running, child.run_plain, child.line.send
        line, early = child.line, child.early
        begin, end = frames.begin, frames.end
        here = threading.get_ident()
        bell = threading.Semaphore(0)
        told = b""  # the end of the task before: it goes out with the next begin
        while True:
            try:
                delivery = ready.popleft()
            except IndexError:
                if told:
                    send(told)
                    told = b""
                if not self._more(bell):
                    return
                continue
            ref = delivery.ref
            control = Control(ref, line, -here)  # negative: not to be interrupted yet
            running[ref] = control
            if early and child.was_cancelled(ref):
                del running[ref]
                told += end(ref, child.put_back)
                continue
            send(told + begin(ref))
            ending = None
            try:  # an interruption may come at any line from here on to the end of settle
                try:
                    control.thread = here
                    if control.reason is None:
                        ending = run(delivery, control)
                    del running[ref]
                except BaseException as error:
                    running.pop(ref, None)
                    ending = ending or child.late(delivery, control, error)
                if control.reason is not None:
                    settle(control)
            except (TaskTimeout, TaskCancelled):
                running.pop(ref, None)
                settle(control)
            if ending is None:  # cancelled before its first line
                ending = child.late(delivery, control, child.interruption(control))
            told = end(ref, ending)
            self._ended += 1

    def _more(self, bell: threading.Semaphore) -> bool:
        """Nothing is ready: read, or wait for whoever reads. False: it is over."""
        child = self._child
        if not self.reading.acquire(blocking=False):
            with self._lock:
                if self.ready or not self.reading.locked():  # whoever read has just stopped
                    return True
                self._parked.append(bell)
            bell.acquire()
            return not child.over
        try:
            if not self.ready and not child.over:
                child.take(child.line.receive())
        finally:
            self.reading.release()
        if self.ready:
            if self._slow and len(self.ready) > 1:
                self.wake()
            if not self._awake.is_set():
                self._awake.set()
        return not child.over

    # ---- the watcher ------------------------------------------------------------------

    def watch(self) -> None:
        """Look on until it is over. Threads: one."""
        child = self._child
        self.wake()  # the first thread begins to read
        seen, quiet = 0, 0
        while not child.over:
            if not self.ready and not child.threads_run() and self.reading.locked():
                quiet += 1
                if quiet > 25:  # all is still: sleep until a thread has read tasks
                    self._awake.clear()
                    if not self.ready and not child.threads_run():
                        self._awake.wait()
                    quiet = 0
            else:
                quiet = 0
            ended, seen = self._ended - seen, self._ended
            self._slow = ended < FAST
            self._look(ended)
            if self._slow and (self.ready or self._nobody_reads(ended)):
                self.wake()

    def _nobody_reads(self, ended: int) -> bool:
        return not (ended or self.reading.locked() or self._child.threads_run())

    def _look(self, ended: int) -> None:
        child = self._child
        if ended or not child.threads_run() or not self.reading.acquire(blocking=False):
            time.sleep(TICK_S)
            if not child.threads_run() or not self.reading.acquire(blocking=False):
                return
            wait_ms = 0
        else:
            wait_ms = LONG_MS if not self.ready else int(TICK_S * 1000)
        try:
            data = child.line.receive_now(wait_ms)
            if data is not None:
                child.take(data)
        finally:
            self.reading.release()
        if not self.ready and not child.threads_run():
            self.wake()  # the last one parked meanwhile: somebody has to read

    def close(self) -> None:
        """It is over: let all threads that wait go."""
        self._awake.set()
        with self._lock:
            while self._parked:
                self._parked.pop().release()

    # ---- what is not begun ----------------------------------------------------------

    def give_back(self, send: Callable[[bytes], None]) -> None:
        """All that waits goes back to the worker, in its order."""
        told = b""
        while True:
            try:
                delivery = self.ready.popleft()
            except IndexError:
                break
            told += frames.end(delivery.ref, self._child.put_back)
        if told:
            send(told)

    def remove(self, ref: int) -> bool:
        """Take one out that waits; False: it is not there (any more)."""
        for delivery in list(self.ready):
            if delivery.ref == ref:
                try:
                    self.ready.remove(delivery)
                except ValueError:
                    return False
                return True
        return False
