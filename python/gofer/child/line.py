"""line - the socket to the worker: whole frames out, whatever is there in.

Threads: any. fork: in a process that a task forks the line is closed at once, so that it cannot
speak for the child, and what returns there into the child's own code ends.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import select
import socket
import sys
import threading
from collections.abc import Container
from queue import Empty, SimpleQueue
from typing import NoReturn, Optional

from . import frames
from ..errors import WrongState, error_of

CHUNK = 1 << 18
# The socket moves up here, where a task that closes files, and then opens others, does not put one
# of its own in its place.
_ABOVE = 200
# Who waits for an answer looks so often whether the task was interrupted.
LOOK_S = 0.25


class Line:
    """The Channel of the tasks that run in this process."""

    def __init__(self, descriptor: int) -> None:
        try:
            moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
        except OSError:  # RLIMIT_NOFILE is lower
            moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(descriptor)
        self.socket: socket.socket = socket.socket(fileno=moved)
        self.socket.setblocking(True)
        self.stopping: bool = False
        self.over: bool = False
        """The worker has closed."""
        self._numbers = itertools.count(1)
        self._asked: dict[int, SimpleQueue[frames.Answer]] = {}
        self.running: Container[int] = ()
        """The tasks that have begun and whose end is not said; set by the child."""
        self._lock = threading.Lock()  # one frame after the other
        self._forked = False
        self._poll = select.poll()
        self._poll.register(moved, select.POLLIN)
        os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        self._forked = True
        self._lock = threading.Lock()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Write whole frames. Does not come back if the worker is gone."""
        try:
            with self._lock:
                self.socket.sendall(data)
        except OSError as error:
            self.lost(error)

    def receive(self) -> bytes:
        """Wait for bytes; none: the worker has closed."""
        try:
            return self.socket.recv(CHUNK)
        except OSError as error:
            self.lost(error)

    def receive_now(self, timeout_ms: int = 0) -> Optional[bytes]:
        """As receive; None: nothing has come in that time."""
        try:
            if timeout_ms and not self._poll.poll(timeout_ms):
                return None
            return self.socket.recv(CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError as error:
            self.lost(error)

    def lost(self, error: OSError) -> NoReturn:
        """The socket is of no use any more: end this process, at once."""
        if not self._forked and not isinstance(error, (BrokenPipeError, ConnectionResetError)):
            text = f"gofer: the socket to the worker: {error} (has a task closed it?)\n"
            try:
                os.write(2, text.encode())
            except OSError:
                pass
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception:
            pass
        os._exit(0 if self._forked else 1)

    # ---- for tasks ------------------------------------------------------------

    def progress(self, ref: int, done: int, total: int, text: str) -> None:
        self._tell(ref, frames.progress(ref, done, total, text))

    def log(self, ref: int, level: int, text: str) -> None:
        self._tell(ref, frames.log(ref, level, text))

    def checkpoint(self, ref: int, data: Optional[bytes]) -> None:
        self._tell(ref, frames.checkpoint(ref, data))

    def parent(self, ref: int, step: str) -> Optional[bytes]:
        box: SimpleQueue[frames.Answer] = SimpleQueue()
        number = next(self._numbers) & 0xFFFFFFFF
        self._asked[number] = box
        try:
            self._tell(ref, frames.parent(ref, number, step))
            while True:
                try:
                    answer = box.get(timeout=LOOK_S)
                    break
                except Empty:
                    if self.over or self._forked or ref not in self.running:
                        raise WrongState("the task has ended, or is another process's") from None
        finally:
            self._asked.pop(number, None)
        if answer.status:
            raise error_of(answer.status, (answer.data or b"").decode("utf-8", "replace"))
        return answer.data

    def answered(self, body: bytes) -> None:
        """The answer to a question of a task here has come; nobody may wait for it any more."""
        answer = frames.answer_of(body)
        box = self._asked.get(answer.number)
        if box is not None:
            box.put(answer)

    def _tell(self, ref: int, frame: bytes) -> None:
        if self._forked:  # a forked process says nothing, and goes on
            return
        try:
            with self._lock:
                # A thread may outlive its task, and have its context. The end is said after the
                # task is taken out of those that run, under this lock: so nothing comes behind it.
                if ref == 0 or ref in self.running:
                    self.socket.sendall(frame)
        except OSError as error:
            self.lost(error)
