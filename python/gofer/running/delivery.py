"""delivery - a task on its way to its function, what came of it, and the line back to the worker.

Plain data between those who bring tasks (a child's socket, a worker in this process, tests) and the
Runner. Imports nothing of this package.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional, Protocol

LEVELS = {"debug": 0, "info": 1, "warn": 2, "warning": 2, "error": 3}
"""The levels of a task's log by their words."""


class Part(NamedTuple):
    """A task of a group, on its way to an aggregator."""

    id: str
    type: str
    headers: Mapping[str, str]
    payload: bytes


class Delivery(NamedTuple):
    """One attempt of a task. A tuple, for it is made for each: 0 and None mean that there is
    none."""

    ref: int
    """What the worker calls it; not 0."""
    id: str
    type: str
    queue: str
    attempt: int = 1
    max_retry: int = 0
    timeout_ms: int = 0
    """How long the attempt may take, from its begin."""
    deadline_ms: int = 0
    """Unix milliseconds."""
    headers: Mapping[str, str] = {}
    payload: bytes = b""
    checkpoint: Optional[bytes] = None
    parts: Sequence[Part] = ()
    """Not empty: this is no task but a group, whose name is the id; it has no type."""


class Ending(NamedTuple):
    """What came of an attempt."""

    kind: str
    """ "done", "retry", "archive", "revoke", "requeue" or "snooze": as the outcomes of handlers."""
    text: str = ""
    """The error, or why it snoozes."""
    result: bytes = b""
    delay_ms: int = -1
    """Of "retry" (-1: as its policy says) and "snooze"."""


class Channel(Protocol):
    """The line back to the worker while tasks run. Threads: any."""

    @property
    def stopping(self) -> bool:
        """The worker stops: what runs should come to its end soon."""

    def progress(self, ref: int, done: int, total: int, text: str) -> None: ...

    def log(self, ref: int, level: int, text: str) -> None:
        """ref 0: of no task. level: see LEVELS."""

    def checkpoint(self, ref: int, data: Optional[bytes]) -> None:
        """None: removed."""

    def parent(self, ref: int, step: str) -> Optional[bytes]:
        """What another step of the task's flow has left; None: nothing. Waits for the store."""


class Control:
    """One attempt under way, as the worker's side sees it: whether it should end, and the line.

    Whoever cancels sets `reason` first, then interrupts the task by the means it has.
    """

    __slots__ = ("begun", "channel", "reason", "ref", "thread", "thrown")

    def __init__(self, ref: int, channel: Channel, thread: int = 0) -> None:
        self.ref: int = ref
        self.channel: Channel = channel
        self.begun: float = time.monotonic()
        self.reason: Optional[str] = None
        """None, or why it was cancelled: "timeout", "stop", "lease", "asked"."""
        self.thread: int = thread
        """The identity of the thread that runs it (negative: is about to); 0: an asyncio task."""
        self.thrown: bool = False
        """The interruption that belongs to `reason` is on its way, or will not come."""
