"""logs - the records of `logging` and the task that they were made in.

    handler.addFilter(gofer.TaskFilter())           # %(task_id)s %(task_type)s %(attempt)s
    logging.getLogger("shop").addHandler(gofer.TaskLogHandler())

A child whose program sets up no logging of its own has a TaskLogHandler at the root logger, from
INFO on: see `start`. Threads: any.
"""

from __future__ import annotations

import logging
from typing import Optional

from .context import running
from .running.delivery import Channel


class TaskFilter(logging.Filter):
    """Lets every record through, and gives it task_id, task_type, task_queue and attempt: of the
    task that it was made in, else "-" and 0. What a record has already stays. Add it to a handler:
    filters of loggers do not see the records of the loggers below them."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = running.get()
        values = record.__dict__
        values.setdefault("task_id", context.id if context else "-")
        values.setdefault("task_type", context.type if context else "-")
        values.setdefault("task_queue", context.queue if context else "-")
        values.setdefault("attempt", context.attempt if context else 0)
        return True


class TaskLogHandler(logging.Handler):
    """Sends records to the log of the task that they were made in, where `gofer task log` and the
    worker's own log show them. Others are passed over.

    outside  where the records go that are made in no task; for the child's own use
    """

    def __init__(self, level: int = logging.INFO, *, outside: Optional[Channel] = None) -> None:
        super().__init__(level)
        self._outside = outside

    def emit(self, record: logging.LogRecord) -> None:
        context = running.get()
        try:
            if context is not None:
                control = context._control
                control.channel.log(control.ref, _level(record.levelno), self.format(record))
            elif self._outside is not None:
                self._outside.log(0, _level(record.levelno), self.format(record))
        except Exception:
            self.handleError(record)


def _level(number: int) -> int:
    """The task log's level for one of logging's."""
    if number >= logging.ERROR:
        return 3
    if number >= logging.WARNING:
        return 2
    return 1 if number >= logging.INFO else 0


def start(channel: Channel) -> None:
    """For programs that set up no logging: INFO and above go to the worker's log, and with it to
    that of the task. Does nothing if the root logger has a handler."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = TaskLogHandler(outside=channel)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    root.addHandler(handler)
    if root.level == logging.WARNING:  # as it is when nobody has set it
        root.setLevel(logging.INFO)
