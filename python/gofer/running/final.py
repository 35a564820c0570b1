"""final - whether a task that has raised is at its end, or will be run again.

For who reports endings from within the task (middleware): hooks of on_failure are told.
"""

from __future__ import annotations

from ..context import Context
from ..convert import PayloadMismatch
from ..control import Drop, GiveUp, Snooze


def is_failure(context: Context, error: BaseException) -> bool:
    """Whether this attempt has failed: it is not put off, dropped, or interrupted by the worker's
    stop."""
    return not isinstance(error, (Snooze, Drop)) and context.cancel_reason not in ("stop", "lease")


def is_final(context: Context, error: BaseException) -> bool:
    """Whether it has failed and will not be run again."""
    if not is_failure(context, error):
        return False
    if context.cancel_reason == "asked" or isinstance(error, GiveUp):
        return True
    if isinstance(error, PayloadMismatch) and error.own:
        return True
    return context.attempt > context.max_retry
