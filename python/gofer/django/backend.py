# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"
# mypy: allow-subclassing-any, allow-untyped-decorators
"""backend - Django's task backend: what Task.enqueue and Task.get_result do.

    TASKS = {
        "default": {
            "BACKEND": "gofer.django.GoferBackend",
            "QUEUES": ["default", "mail"],
            "OPTIONS": {"URL": "redis://127.0.0.1", "RETRY": 3},
        }
    }

Django makes a backend for each thread; the applications behind them, which hold the connections,
are shared by all. A backend is made without touching the store.

Threads: any. Locks: _lock guards _apps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from django.core import checks
from django.core.signals import setting_changed
from django.dispatch import receiver

from ..app import Gofer
from ..errors import InvalidArgument, NotFound
from ..task import Item
from ..times import duration_ms, moment_ms
from .commit import at_commit
from .contract import (
    BaseTaskBackend,
    InvalidTask,
    InvalidTaskBackend,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
    module_path,
    task_backends,
    task_enqueued,
)
from .results import NOTE, now, result_of
from .tasks import GoferTask, options_of, type_of

ON_COMMIT, NOW = "on_commit", "now"

# The names in OPTIONS, and what a task has if neither it nor OPTIONS say otherwise.
DEFAULTS: dict[str, Any] = {
    "URL": None,
    "TIMEOUT": None,
    "MAX_PAYLOAD": None,
    "KEYS": None,
    "ENQUEUE": ON_COMMIT,
    "DATABASE": "default",
    "RETENTION": "1d",
    "RETRY": None,
    "RETRY_POLICY": None,
    "TASK_TIMEOUT": None,
}

_apps: dict[tuple[Any, ...], Gofer] = {}


class GoferBackend(BaseTaskBackend):
    """Puts tasks into gofer's queues. OPTIONS are in docs/django.md.

    Errors of enqueueing: InvalidTask, TypeError (an argument is not JSON), and those of
    gofer.Gofer.enqueue. With "on_commit" the latter are raised where the transaction ends.
    """

    task_class = GoferTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: Mapping[str, Any]) -> None:
        super().__init__(alias, params)
        self.settings: dict[str, Any] = {**DEFAULTS, **self.options}

    @property
    def app(self) -> Gofer:
        """The application that tasks are put in by."""
        words = ("URL", "TIMEOUT", "MAX_PAYLOAD", "KEYS")
        key = (self.alias, *(self.settings[word] for word in words))
        if key not in _apps:
            url, timeout, max_payload, keys = key[1:]
            made = Gofer(url, timeout=timeout, max_payload=max_payload, keys=keys)
            _apps.setdefault(key, made)
        return _apps[key]

    def validate_task(self, task: Any) -> None:
        super().validate_task(task)
        try:
            self.app.item(type_of(task), b"", **self._options(task))
        except (ValueError, TypeError) as error:
            raise InvalidTask(f"{module_path(task.func)}: {error}") from error

    # ---- putting in --------------------------------------------------------------

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        result, item = self._prepared(task, args, kwargs)
        put = partial(self._put, item, result)
        if self.settings["ENQUEUE"] == ON_COMMIT:
            at_commit(put, self.settings["DATABASE"])
        else:
            put()
        return result

    async def aenqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        if self.settings["ENQUEUE"] == ON_COMMIT:  # the transaction belongs to Django's own thread
            return await super().aenqueue(task, args, kwargs)
        result, item = self._prepared(task, args, kwargs)
        (fate,) = await self.app.aenqueue_many([self._noted(item, result)])
        if fate.error is not None:
            raise fate.error
        object.__setattr__(result, "id", str(fate.handle))
        await task_enqueued.asend(type(self), task_result=result)
        return result

    def _prepared(self, task: Any, args: Any, kwargs: Any) -> tuple[Any, Item]:
        """The task checked and encoded, with its id."""
        self.validate_task(task)
        result = TaskResult(
            task=task,
            id="",
            status=TaskResultStatus.READY,
            enqueued_at=None,
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        body = {"args": result.args, "kwargs": result.kwargs}
        item = self.app.item(type_of(task), body, **self._options(task)).with_id()
        object.__setattr__(result, "id", item.put.task_id)
        return result, item

    def _put(self, item: Item, result: Any) -> None:
        handle = self._noted(item, result).enqueue()
        object.__setattr__(result, "id", handle.id)  # another's, with on_conflict="return"
        task_enqueued.send(type(self), task_result=result)

    def _noted(self, item: Item, result: Any) -> Item:
        """The task with what Django will want to know of it; enqueued now."""
        moment, task = now(), result.task
        object.__setattr__(result, "enqueued_at", moment)
        note: dict[str, Any] = {"at": moment_ms(moment)}
        if type_of(task) != module_path(task.func):
            note["task"] = module_path(task.func)
        if task.run_after is not None:
            note["run_after"] = moment_ms(task.run_after)
        return item.with_headers({NOTE: json.dumps(note, separators=(",", ":"))})

    def _options(self, task: Any) -> Any:
        options = {
            "retention": self.settings["RETENTION"],
            "retry": self.settings["RETRY"],
            "retry_policy": self.settings["RETRY_POLICY"],
            "timeout": self.settings["TASK_TIMEOUT"],
            **options_of(task),
        }
        return {
            **options,
            "queue": task.queue_name,
            "priority": task.priority,
            "at": task.run_after,
        }

    # ---- looking -----------------------------------------------------------------

    def get_result(self, result_id: str) -> Any:
        try:
            info = self.app.inspect.task(result_id)
        except (NotFound, InvalidArgument) as error:
            raise TaskResultDoesNotExist(result_id) from error
        return result_of(info, self.alias)

    # ---- checks --------------------------------------------------------------------

    def check(self, **kwargs: Any) -> Iterable[Any]:
        """What is wrong with the settings, without touching the store."""
        where = f"TASKS['{self.alias}']['OPTIONS']"
        yield from super().check(**kwargs)
        for name in sorted(set(self.options) - set(DEFAULTS)):
            yield checks.Error(
                f"{where} has '{name}', which gofer does not know.",
                hint=f"It knows {', '.join(sorted(DEFAULTS))}.",
                id="gofer.E001",
            )
        if self.settings["ENQUEUE"] not in (ON_COMMIT, NOW):
            yield checks.Error(
                f"{where}['ENQUEUE'] is {self.settings['ENQUEUE']!r}.",
                hint=f"It must be '{ON_COMMIT}' or '{NOW}'.",
                id="gofer.E002",
            )
        elif self.settings["ENQUEUE"] == ON_COMMIT:
            yield from self._check_database(where)
        yield from self._check_values(where)

    def _check_database(self, where: str) -> Iterable[Any]:
        from django.conf import settings

        if self.settings["DATABASE"] not in settings.DATABASES:
            yield checks.Error(
                f"{where}['DATABASE'] is {self.settings['DATABASE']!r}, which is not in DATABASES.",
                id="gofer.E003",
            )

    def _check_values(self, where: str) -> Iterable[Any]:
        names = {"RETENTION": "retention", "RETRY": "retry"}
        for name, option in {**names, "TASK_TIMEOUT": "timeout"}.items():
            options: Any = {option: self.settings[name]}
            try:
                self.app.item("check", b"", **options)
            except (ValueError, TypeError) as error:
                yield checks.Error(f"{where}['{name}']: {error}", id="gofer.E004")
                return
        if duration_ms(self.settings["RETENTION"] or 0, "RETENTION") == 0:
            yield checks.Warning(
                f"{where}['RETENTION'] is 0: a task that is done is gone, and get_result() does "
                "not find it.",
                id="gofer.W001",
            )


def backend_of(alias: str) -> GoferBackend:
    """The backend of this name. InvalidTaskBackend: it is none of gofer's."""
    backend = task_backends[alias]
    if not isinstance(backend, GoferBackend):
        raise InvalidTaskBackend(
            f"TASKS['{alias}'] is a {type(backend).__name__}, not gofer.django.GoferBackend"
        )
    return backend


def aliases() -> list[str]:
    """The backends in TASKS that are gofer's."""
    return [alias for alias in task_backends if isinstance(task_backends[alias], GoferBackend)]


@receiver(setting_changed)
def _forget(*, setting: str, **kwargs: Any) -> None:
    """Tests change settings: other settings, other applications."""
    if setting == "TASKS":
        while _apps:
            _apps.popitem()[1].close()
