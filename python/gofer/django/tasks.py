# mypy: disable-error-code="import-not-found,import-untyped,no-any-return", allow-subclassing-any
"""tasks - Django's Task with the options that gofer has, and the tasks that a process knows.

@task(retry=3, timeout="30s", unique="10m")
def send_receipt(order: int) -> None: ...
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Optional, Union

from .contract import Task, module_path


@dataclass(frozen=True, kw_only=True)
class GoferTask(Task):
    """A task of a GoferBackend. What is None is as the backend's OPTIONS say; the words are those
    of gofer.TaskOptions."""

    type: Optional[str] = None
    """Its name in the store; None: "module.function", as Django calls it."""
    retry: Optional[int] = None
    retry_policy: Optional[str] = None
    timeout: Any = None
    retention: Any = None
    unique: Any = None
    unique_key: Optional[str] = None
    unique_until: Optional[str] = None
    on_conflict: Optional[str] = None
    debounce: Any = None
    max_wait: Any = None
    debounce_key: Optional[str] = None
    debounce_mode: Optional[str] = None
    expires: Any = None
    on_dead: Union[str, tuple[str, str], None] = None
    on_done: Union[str, tuple[str, str], None] = None
    headers: Optional[Mapping[str, str]] = field(default=None, hash=False)

    def using(self, **changes: Any) -> GoferTask:
        """The task with other options; beside Django's own those above."""
        return replace(
            self, **{name: value for name, value in changes.items() if value is not None}
        )


OWN = tuple(f.name for f in fields(GoferTask) if f.name not in {g.name for g in fields(Task)})
"""The options that are ours."""


def options_of(task: Any) -> dict[str, Any]:
    """Ours, without those that are None and the type. A task of another backend has none."""
    given = {name: getattr(task, name, None) for name in OWN if name != "type"}
    return {name: value for name, value in given.items() if value is not None}


def type_of(task: Any) -> str:
    return getattr(task, "type", None) or module_path(task.func)


def known(alias: str) -> dict[str, Any]:
    """The tasks of one backend in the modules that are loaded, by type.

    A module may have a task under several names, or others' tasks: the one that its function's own
    module has under its function's name counts.
    """
    found: dict[str, Any] = {}
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            # By type(): isinstance would wake lazy objects, such as the admin's site.
            if issubclass(type(value), Task) and value.backend == alias:
                _add(found, value)
    return found


def _add(found: dict[str, Any], task: Any) -> None:
    type, path = type_of(task), module_path(task.func)
    other = found.setdefault(type, task)
    if module_path(other.func) != path:
        raise ValueError(f"{module_path(other.func)} and {path} both have the type '{type}'")
    home = sys.modules.get(task.func.__module__)
    if getattr(home, task.func.__name__, None) is task:
        found[type] = task
