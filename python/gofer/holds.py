"""holds - who is inside: calls under way, counted so that who wants to close can let them finish.

A hold is a context manager around one call. It is counted by a weak reference: if a signal handler
raises between any two steps of entering or leaving, the hold is forgotten with the frame that made
it, and a hold that is gone does not count.

There is no lock here, since none is given back for certain: up to Python 3.9 an exception may come
between the end of a `with` and the release. What there is instead are single steps that the
interpreter does not divide, in an order that makes them safe: who enters is counted first and looks
then whether he may, who closes says so first and looks then who is inside. One of the two sees the
other.

Threads: any.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Generic, Optional, TypeVar

T = TypeVar("T")

# Nobody is woken: who waits for others looks again after so long, at the most.
LOOK_S = 0.005

_here = threading.get_ident
_ref = weakref.ref


class Holds(Generic[T]):
    """The holds on something, in the order in which they came."""

    __slots__ = ("_inside",)

    def __init__(self) -> None:
        self._inside: dict[weakref.ref[Hold[T]], int] = {}  # the thread of each

    def threads(self) -> list[int]:
        """Those of the holds that there are."""
        alive = []
        for ref, thread in self._inside.copy().items():
            if ref() is None:
                self._inside.pop(ref, None)
            else:
                alive.append(thread)
        return alive

    def any(self) -> bool:
        return bool(self._inside) and bool(self.threads())

    def of_others(self) -> bool:
        """Whether another thread is inside. (What this thread has interrupted cannot end before it
        goes on.)"""
        here = _here()
        return any(thread != here for thread in self.threads())


class Hold(Generic[T]):
    """One call. `enter` is given the hold, gives what is held, and may raise; `leave` is told of
    the end, if it entered."""

    __slots__ = ("_holds", "_enter", "_leave", "_me", "__weakref__")

    def __init__(
        self,
        holds: Holds[T],
        enter: Callable[[Hold[T]], T],
        leave: Optional[Callable[[], None]] = None,
    ) -> None:
        self._holds = holds
        self._enter = enter
        self._leave = leave
        self._me = _ref(self)

    def step_in(self) -> None:
        self._holds._inside[self._me] = _here()

    def step_out(self) -> None:
        self._holds._inside.pop(self._me, None)

    def __enter__(self) -> T:
        self._holds._inside[self._me] = _here()
        try:
            return self._enter(self)
        except BaseException:
            self.step_out()
            raise

    def __exit__(self, *raised: Any) -> None:
        self._holds._inside.pop(self._me, None)
        if self._leave is not None:
            self._leave()


class Turn:
    """A lock that its thread may take again, and that is given back when who has it is forgotten.
    For what is short, or rarely wanted by two at once.

    with turn.take():
        ...
    """

    __slots__ = ("_line",)

    def __init__(self) -> None:
        self._line: Holds[None] = Holds()

    def take(self) -> Hold[None]:
        return Hold(self._line, self._wait)

    def _wait(self, hold: Hold[None]) -> None:
        here = _here()
        pause_s = LOOK_S / 50
        while self._line.threads()[0] != here:
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LOOK_S)
