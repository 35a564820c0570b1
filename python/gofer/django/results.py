# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"
"""results - a task as the store has it, as Django's TaskResult.

Pure: from a TaskInfo to a TaskResult. What Django wants to know and the store has no place for
travels in one header, NOTE; tasks that others put in are without it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from django.utils.module_loading import import_string

from ..inspection import Attempt, TaskInfo
from ..times import datetime_of
from .contract import (
    InvalidTask,
    Task,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
)

NOTE = "django-task"
"""A header: a JSON object of "at" (when it was enqueued, Unix ms), and if they are not plain from
the task itself "task" (the path of its function) and "run_after" (Unix ms)."""

STATUS = {
    "pending": TaskResultStatus.READY,
    "scheduled": TaskResultStatus.READY,
    "aggregating": TaskResultStatus.READY,
    "retry": TaskResultStatus.READY,
    "active": TaskResultStatus.RUNNING,
    "completed": TaskResultStatus.SUCCESSFUL,
    "archived": TaskResultStatus.FAILED,
}

# What an attempt that left no exception of its own is told as.
CLASSES = {
    "timeout": "gofer.control.TaskTimeout",
    "cancelled": "gofer.control.TaskCancelled",
    "crashed": "gofer.errors.HandlerFailed",
    "lost": "gofer.errors.HandlerFailed",
}
_UNKNOWN = "gofer.errors.HandlerFailed"
# Recorded by their words alone.
_WORDS = {"PayloadMismatch": "gofer.convert.PayloadMismatch"}
# These are no attempts in Django's eyes: the task did not run, or not by its own fault.
NO_ATTEMPT = ("snoozed", "interrupted")

# "Type: text", as what is recorded of an exception begins.
_RAISED = re.compile(r"([A-Za-z_][\w.]*)(?::|$)")


def note_of(headers: Any) -> dict[str, Any]:
    try:
        note = json.loads(headers.get(NOTE, "{}"))
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}


def result_of(info: TaskInfo, alias: str) -> Any:
    """The TaskResult of a task. TaskResultDoesNotExist: it is none of Django's."""
    note = note_of(info.headers)
    attempts = [a for a in info.attempts if a.kind not in NO_ATTEMPT]
    body = _body(info.payload)
    begun = [_begin(a) for a in attempts] + ([info.started_at] if info.state == "active" else [])
    result = TaskResult(
        task=_task(info, note, alias),
        id=info.id,
        status=STATUS[info.state],
        enqueued_at=_moment(note.get("at")) or info.enqueued_at,
        started_at=begun[0] if begun else None,
        last_attempted_at=begun[-1] if begun else None,
        finished_at=_finished(info),
        args=body.get("args", []),
        kwargs=body.get("kwargs", {}),
        backend=alias,
        errors=_errors(info, attempts),
        worker_ids=[a.worker or "" for a in attempts]
        + ([info.worker or ""] if info.state == "active" else []),
    )
    if info.state == "completed" and info.result:
        object.__setattr__(result, "_return_value", json.loads(info.result))
    return result


def _task(info: TaskInfo, note: dict[str, Any], alias: str) -> Any:
    path = note.get("task") or info.type
    try:
        task = import_string(path)
        if not isinstance(task, Task):
            raise ImportError(f"{path} is not a task")
        run_after = _moment(note.get("run_after"))
        return task.using(
            queue_name=info.queue, priority=info.priority, backend=alias, run_after=run_after
        )
    except (ImportError, InvalidTask) as error:
        raise TaskResultDoesNotExist(
            f"{info.id} is a task of type '{info.type}': {error}"
        ) from error


def _moment(ms: Any) -> Optional[datetime]:
    return datetime_of(ms) if isinstance(ms, int) else None


def _body(payload: Optional[bytes]) -> dict[str, Any]:
    try:
        body = json.loads(payload or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _begin(attempt: Attempt) -> Optional[datetime]:
    return attempt.at - (attempt.duration or timedelta()) if attempt.at else None


def _finished(info: TaskInfo) -> Optional[datetime]:
    if info.state == "completed":
        return info.completed_at
    return info.archived_at or info.last_failed_at if info.state == "archived" else None


def _errors(info: TaskInfo, attempts: Sequence[Attempt]) -> list[Any]:
    errors = [error_of(a.kind, a.error or a.kind) for a in attempts if a.kind != "done"]
    if not errors and info.last_error and info.state in ("retry", "archived"):
        errors = [error_of("failed", info.last_error)]
    return errors


def error_of(kind: str, text: str) -> Any:
    """What Django keeps of a failure: its class by its path, and its text."""
    return TaskError(exception_class_path=CLASSES.get(kind) or _raised(text), traceback=text)


def _raised(text: str) -> str:
    """The path of an exception's class, by its name; of several of this name the one whose module
    the traceback tells of."""
    match = _RAISED.match(text.split("\n", 1)[0])
    if match and match[1] in _WORDS:
        return _WORDS[match[1]]
    kinds = _named(match[1].rpartition(".")[2]) if match else []
    if not kinds:
        return _UNKNOWN
    kinds.sort(key=lambda kind: not _told_of(kind, text))  # stable: builtins come first
    return f"{kinds[0].__module__}.{kinds[0].__qualname__}"


def _named(name: str) -> list[type[BaseException]]:
    """The classes of exceptions of this name that are loaded, builtins first."""
    found, seen, rest = [], {BaseException}, [BaseException]
    while rest:
        kind = rest.pop(0)
        if kind.__name__ == name and "<locals>" not in kind.__qualname__:
            found.append(kind)
        for child in type.__subclasses__(kind):
            if child not in seen:
                seen.add(child)
                rest.append(child)
    return sorted(found, key=lambda kind: kind.__module__ != "builtins")


def _told_of(kind: type[BaseException], text: str) -> bool:
    path = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return bool(path) and f'"{path}"' in text


def now() -> datetime:
    """To the millisecond, which is what the store keeps."""
    moment = datetime.now(timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
