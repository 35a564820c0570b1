# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"
"""contract - django.tasks as this Django has it: its own since 6.0, or the package django-tasks.

The two have the same words but for the names of exceptions. Everything else of gofer.django imports
them from here.
"""

from __future__ import annotations

from typing import Any

try:
    from django.tasks import task_backends
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus
    from django.tasks.exceptions import InvalidTask, InvalidTaskBackend, TaskResultDoesNotExist
    from django.tasks.signals import task_enqueued, task_finished, task_started
    from django.utils.json import normalize_json
except ImportError:
    try:
        from django_tasks import task_backends
        from django_tasks.backends.base import BaseTaskBackend
        from django_tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus
        from django_tasks.exceptions import InvalidTaskBackendError as InvalidTaskBackend
        from django_tasks.exceptions import InvalidTaskError as InvalidTask
        from django_tasks.exceptions import TaskResultDoesNotExist
        from django_tasks.signals import task_enqueued, task_finished, task_started
        from django_tasks.utils import normalize_json
    except ImportError as error:
        raise ImportError(
            f"gofer.django needs Django 6, or Django 5.2 and the package django-tasks ({error})"
        ) from error

__all__ = [
    "BaseTaskBackend", "InvalidTask", "InvalidTaskBackend", "module_path", "normalize_json",
    "Task", "task_backends", "task_enqueued", "task_finished", "task_started", "TaskContext",
    "TaskError", "TaskResult", "TaskResultDoesNotExist", "TaskResultStatus",
]  # fmt: skip


def module_path(function: Any) -> str:
    """What Django calls a task by: "shop.tasks.send_mail"."""
    return f"{function.__module__}.{function.__qualname__}"
