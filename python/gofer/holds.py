"""holds - who is inside: calls under way, counted so that who wants to close can let them finish.

A hold is a context manager around one call. It is counted weakly: if a signal handler raises
between any two steps of entering or leaving, the hold is forgotten with the frame that made it, and
a hold that is gone does not count. The lock is one that its own thread may take again, so a signal
handler that uses the library while it has interrupted it finds no lock held by itself.

Threads: any.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, Optional, TypeVar

T = TypeVar("T")

# A hold that was forgotten wakes nobody: who waits looks again after so long.
LOOK_S = 0.05


class Holds(Generic[T]):
    """The holds on something, and the lock of what they are about."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._held: weakref.WeakSet[Hold[T]] = weakref.WeakSet()

    def any(self) -> bool:
        # Locks: lock held
        return len(self._held) > 0

    def of_thread(self, thread: int) -> bool:
        # Locks: lock held
        return any(hold.thread == thread for hold in self._held)

    def of_others(self) -> bool:
        """Whether another thread is inside. (What this thread has interrupted cannot end before it
        goes on.)"""
        # Locks: lock held
        here = threading.get_ident()
        return any(hold.thread != here for hold in self._held)


class Hold(Generic[T]):
    """One call. `enter` gives what is held and may raise; `leave` is told of the end, if it
    entered."""

    __slots__ = ("_holds", "_enter", "_leave", "thread", "__weakref__")

    def __init__(
        self, holds: Holds[T], enter: Callable[[], T], leave: Optional[Callable[[], None]] = None
    ) -> None:
        self._holds = holds
        self._enter = enter
        self._leave = leave
        self.thread = threading.get_ident()

    def __enter__(self) -> T:
        holds = self._holds
        with holds.lock:
            held = self._enter()
            holds._held.add(self)
        return held

    def __exit__(self, *raised: Any) -> None:
        holds = self._holds
        with holds.lock:
            holds._held.discard(self)
            if self._leave is not None:
                self._leave()
            holds.changed.notify_all()
