"""interrupt - raises TaskTimeout or TaskCancelled in the thread that runs a task.

It takes effect when that thread next runs Python code, not inside a system call or C code: what
stays there the worker ends with the process. The trouble is an interruption that comes when its
task has just ended: it must hit neither the next task nor the child's own code. So there are two
steps on each side, see `interrupt` and `settle`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..control import TaskCancelled, TaskTimeout
from ..running.delivery import Control


def interrupt(control: Control, reason: str, running: Mapping[int, Control]) -> None:
    """Cancel what this control is of. Threads: any but the task's own."""
    control.reason = reason
    # The task's thread looks at `reason` after it has set `thread`, and again after it has taken
    # the task out of `running`. So either it is not at the task, or it waits for what is thrown.
    if control.thread > 0 and running.get(control.ref) is control:
        _throw(control.thread, kind_of(reason))
    control.thrown = True


def kind_of(reason: str | None) -> type[BaseException]:
    """What is raised in a task that is cancelled for this reason."""
    return TaskTimeout if reason == "timeout" else TaskCancelled


def settle(control: Control) -> None:
    """After a task that was cancelled, in its thread: when this returns, nothing is on its way
    any more."""
    while True:
        try:
            while not control.thrown:
                time.sleep(0.0001)
            _throw(control.thread, None)
            return
        except (TaskTimeout, TaskCancelled):
            pass


def _throw(thread: int, kind: Any) -> None:
    import ctypes  # here, for most children never cancel anything

    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(kind) if kind else None
    )
