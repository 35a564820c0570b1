"""crons - cron entries that are declared beside their tasks: `@app.cron("0 3 * * *")`.

Declaring only remembers them; sync_crons makes the store's entries be those, under the
application's name as their source. May touch: app, schedules. Threads: as the application's.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import InvalidArgument, Unsupported
from .put import NO_RETRY, NO_TIMEOUT_MS, Put
from .times import Duration, duration_ms

if TYPE_CHECKING:
    from .app import Gofer
    from .schedules import Missed, Overlap, Synced
    from .task import Task

# Options of a task that an entry cannot have: each run would be refused, or mean another time.
_REFUSED = ("group", "deadline")
# What a task may have for its other enqueueings: an entry has its own way to avoid doubles.
_LEFT_OUT = (
    "unique", "unique_key", "unique_until", "on_conflict",
    "debounce", "max_wait", "debounce_key", "debounce_mode",
)  # fmt: skip


@dataclass(frozen=True)
class Cron:
    """An entry as it is declared; made by app.cron. InvalidArgument: the spec or the zone is
    wrong."""

    function: Callable[..., Any]
    spec: str
    tz: str | None
    name: str | None
    """None: the name of its task."""
    missed: Missed
    missed_max: int
    overlap: Overlap
    jitter: Duration

    def __post_init__(self) -> None:
        from .schedules import cron_check

        try:
            cron_check(self.spec, tz=self.tz, count=0)
        except Unsupported:  # no library here: it is looked at where it is synced
            pass
        duration_ms(self.jitter, "jitter")


def sync_crons(app: Gofer, source: str | None = None) -> Synced:
    """Make the store's entries of this source be those that are declared; see app.sync_crons."""
    source = source or app.name
    if not source:
        raise InvalidArgument(
            "the application has no name, by which its cron entries are known:"
            " gofer.Gofer(name=...), or sync_crons(source=...)"
        )
    entries: dict[str, dict[str, Any]] = {}
    for cron in app.crons:
        entry = _entry(cron, _task_of(app, cron))
        if entry["name"] in entries:
            raise InvalidArgument(
                f"two cron entries are called '{entry['name']}': give one of them a name="
            )
        entries[entry["name"]] = entry
    return app.schedules.sync(source, list(entries.values()))


def _task_of(app: Gofer, cron: Cron) -> Task[..., Any]:
    for task in app.tasks.values():
        if task.function is cron.function:
            return task
    where = f"{cron.function.__module__}:{cron.function.__qualname__}"
    raise InvalidArgument(f"{where} has a cron entry, and is no task: add @app.task")


def _entry(cron: Cron, task: Task[..., Any]) -> dict[str, Any]:
    """An entry as docs/schedules.md has it in a file."""
    name = cron.name or task.name
    refused = [option for option in _REFUSED if option in task.defaults]
    if refused:
        raise InvalidArgument(
            f"cron entry '{name}': its task has a {refused[0]}, which does not go"
        )
    try:
        put = task.without(*_LEFT_OUT).item().put
    except TypeError as error:
        raise InvalidArgument(
            f"cron entry '{name}': its task must need no arguments: {error}"
        ) from None
    entry = {
        "name": name, "spec": cron.spec, "tz": cron.tz, "missed": cron.missed,
        "missed_max": cron.missed_max, "overlap": cron.overlap,
        "jitter": _ms(duration_ms(cron.jitter, "jitter")),
        "type": put.type, "payload": {"base64": base64.b64encode(put.payload).decode()},
        **_options(put),
    }  # fmt: skip
    return {key: value for key, value in entry.items() if value is not None}


def _options(put: Put) -> dict[str, Any]:
    return {
        "queue": put.queue, "headers": dict(put.headers) if put.headers else None,
        "retry": put.retry, "on_dead": put.on_dead, "on_dead_queue": put.on_dead_queue,
        "on_done": put.on_done, "on_done_queue": put.on_done_queue,
        "priority": put.priority or None, "tenant": put.tenant,
        "limits": list(put.limits) if put.limits else None, "limit_cost": put.limit_cost or None,
        "ordered": put.ordered, "ordered_dead": "block" if put.ordered_dead else None,
        "plain": True if put.plain else None,
        "max_retry": 0 if put.max_retry == NO_RETRY else put.max_retry or None,
        "timeout": 0 if put.timeout_ms == NO_TIMEOUT_MS else _ms(put.timeout_ms),
        "retention": _ms(put.retention_ms), "expires": _ms(put.expires_ms),
    }  # fmt: skip


def _ms(value: int) -> str | None:
    return f"{value}ms" if value else None
