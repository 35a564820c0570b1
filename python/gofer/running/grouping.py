"""grouping - one call of an aggregator: a set of tasks in, the task that they become out.

The Runner's part for groups. Nothing that an aggregator raises leaves here, but for an interruption
that came too late. No socket, no store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from ..context import Context
from ..errors import InvalidArgument, WrongState
from ..groups import Aggregator, GroupedTask, made_of
from .delivery import Delivery, Ending

if TYPE_CHECKING:
    from ..put import Put
    from ..task import Item

# The numbers and texts of a Put that go along, by the names of gofer_enqueue_options.
_NUMBERS = (
    "run_at_ms", "delay_ms", "timeout_ms", "deadline_ms", "retention_ms", "expires_at_ms",
    "expires_ms", "max_retry", "priority", "limit_cost",
    "ordered_dead", "plain",
)  # fmt: skip
_TEXTS = (
    "retry", "on_dead", "on_dead_queue", "on_done", "on_done_queue", "ordered", "tenant",
)  # fmt: skip


class Grouping(Context):
    """In the place of a task's context: an aggregator can log, and see that it should end."""

    __slots__ = ()

    def progress(self, done: int, total: int = 0, text: str = "") -> NoReturn:
        raise WrongState("an aggregator has no progress: only tasks have")

    def save(self, value: Any) -> NoReturn:
        raise WrongState("an aggregator has no checkpoint: only tasks have")

    def parent(self, step: str, task: Any = None) -> NoReturn:
        raise WrongState("an aggregator is of no flow: only tasks are")


class Aggregating:
    """An aggregator with all that can be known before its first call."""

    isolated = False

    def __init__(
        self,
        aggregator: Aggregator,
        is_async: bool,
        read: Callable[[GroupedTask], Any],
        item: Callable[..., Item],
    ) -> None:
        self.aggregator = aggregator
        self.is_async: bool = is_async
        self._read = read
        self._item = item

    def call(self, delivery: Delivery) -> Any:
        """What its function returns: of an async one a coroutine."""
        group, queue = delivery.id, delivery.queue
        return self.aggregator.function([
            GroupedTask(part.id, part.type, queue, group, part.headers, part.payload, self._read)
            for part in delivery.parts
        ])  # fmt: skip

    def made_of(self, value: Any, delivery: Delivery) -> Put:
        """The task that the group becomes."""
        return made_of(value, delivery.queue, self.aggregator, self._item)


def fitting(aggregators: Mapping[str, Aggregator], group: str) -> Aggregator | None:
    """That of this name, or of the longest pattern that fits; None: there is none."""
    exact = aggregators.get(group)
    if exact is not None:
        return exact
    prefixes = [
        pattern for pattern in aggregators
        if pattern.endswith("*") and group.startswith(pattern[:-1])
    ]  # fmt: skip
    return aggregators[max(prefixes, key=len)] if prefixes else None


def ending_of(made: Put | Ending) -> Ending:
    """What came of it, as a child says it: `key NUL value NUL`..., and the payload."""
    if isinstance(made, Ending):
        return made
    words: list[tuple[str, str]] = [("type", made.type)]
    words += [(name, str(getattr(made, name))) for name in _NUMBERS if getattr(made, name)]
    words += [(name, getattr(made, name)) for name in _TEXTS if getattr(made, name)]
    if made.limits:
        words.append(("limits", "\n".join(made.limits)))
    words += [(f"header:{key}", value) for key, value in (made.headers or {}).items()]
    for key, value in words:
        if "\0" in key or "\0" in value:
            error = InvalidArgument(f"{key!r} has a NUL in it")
            return Ending("retry", f"{type(error).__name__}: {error}")
    return Ending("done", "".join(f"{key}\0{value}\0" for key, value in words), made.payload)
