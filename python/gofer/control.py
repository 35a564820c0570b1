"""control - the exceptions by which a task says what becomes of it, and those that end it.

A task that raises one of the first kind has not failed unexpectedly: it has decided. The second
kind is raised in a task from outside; they are no `Exception`s, so that `except Exception` lets
them through. Knows no store and no worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .times import Duration


def _ms(delay: Duration) -> int:
    from .times import duration_ms

    return duration_ms(delay, "delay")


class TaskControl(Exception):
    """Base of what a task raises to say what becomes of it. `why` is kept with the task."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class Snooze(TaskControl):
    """Not now: run it again after the delay. No attempt is counted."""

    def __init__(self, delay: Duration, why: str = "") -> None:
        super().__init__(why)
        self.delay_ms: int = _ms(delay)


class LimitPause(Snooze):
    """Not now, as Snooze; and no other task of this limit key starts before then either."""

    def __init__(self, key: str, delay: Duration, why: str = "") -> None:
        super().__init__(delay, why)
        self.key = key


class RetryIn(TaskControl):
    """Failed: run it again after this delay, whatever its retry policy says, if it has retries
    left."""

    def __init__(self, delay: Duration, why: str = "") -> None:
        super().__init__(why)
        self.delay_ms: int = _ms(delay)


class GiveUp(TaskControl):
    """Failed for good: the task is archived, however many retries it has left."""


class Drop(TaskControl):
    """Nothing is left to do: the task goes away, neither done nor failed."""


class TaskTimeout(BaseException):
    """Raised in a task at its deadline."""


class TaskCancelled(BaseException):
    """Raised in a task that somebody cancels, or that has not ended in the time that the worker has
    to stop."""
