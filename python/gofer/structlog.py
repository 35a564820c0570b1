"""structlog - a processor that says in which task something was logged.

    structlog.configure(processors=[gofer.structlog.add_task, ..., JSONRenderer()])

It adds task_id, task_type, task_queue and attempt, as gofer.TaskFilter does for `logging`; outside
tasks nothing. structlog itself is not needed here.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from .context import current


def add_task(
    logger: Any, method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    context = current()
    if context is not None:
        event_dict.setdefault("task_id", context.id)
        event_dict.setdefault("task_type", context.type)
        event_dict.setdefault("task_queue", context.queue)
        event_dict.setdefault("attempt", context.attempt)
    return event_dict
