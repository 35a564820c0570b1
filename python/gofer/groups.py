"""groups - aggregators: functions that make one task of the tasks of a group (docs/groups.md).

    @app.aggregator("digest:*")
    def digest(parts: list[gofer.GroupedTask]) -> gofer.Item:
        return send_digest.item([part.arguments["text"] for part in parts])

What is declared, what a function is given, and what it may return; who calls it is the Runner's
matter (running/grouping.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from .errors import InvalidArgument
from .put import Put
from .task import Item

# What a combined task may not have: it goes where its group was, under an id of the library's.
_NOT_ITS_OWN = {
    "task_id": "id",
    "group": "group",
    "unique_ms": "unique",
    "unique_key": "unique_key",
}


@dataclass(frozen=True)
class GroupedTask:
    """One of the tasks that an aggregator makes one of; they come oldest first."""

    id: str
    type: str
    queue: str
    group: str
    headers: Mapping[str, str]
    """The text that travels along with it."""
    payload: bytes
    _read: Callable[[GroupedTask], Any] = field(repr=False, compare=False)

    @property
    def arguments(self) -> Any:
        """What its payload says, by name: converted as the function of the task asks for, with its
        defaults. A task of another application, or of another language, has what the application's
        codec reads, unconverted. Read anew at each call.

        PayloadMismatch: it does not fit.
        """
        return self._read(self)


@dataclass(frozen=True)
class Aggregator:
    """An aggregator as it was declared."""

    pattern: str
    """A group's name, or a prefix of names that ends in "*"."""
    function: Callable[[list[GroupedTask]], Any]
    type: Optional[str]
    """None: the function returns an Item. Else of the tasks that it gives the payloads of."""
    options: Mapping[str, Any]
    """Theirs."""


def check_pattern(pattern: str) -> None:
    """InvalidArgument: it can be no pattern of groups."""
    if not isinstance(pattern, str):
        raise TypeError(
            "an aggregator has a pattern of groups: @app.aggregator('digest:*'), not"
            " @app.aggregator"
        )
    if not pattern or "*" in pattern[:-1] or any(ord(letter) < 32 for letter in pattern):
        raise InvalidArgument(
            f"'{pattern}' is no pattern of groups: it is a name, or a prefix that ends in '*'"
        )


def check_own(put: Put, queue: Optional[str]) -> None:
    """InvalidArgument: it has what a combined task cannot have. queue: of its group; None: it is
    not known yet, and none may be given."""
    for name, option in _NOT_ITS_OWN.items():
        if getattr(put, name):
            raise InvalidArgument(
                f"the task that a group becomes has no {option} of its own, but '{put.type}' has"
            )
    if put.queue is not None and put.queue != queue:
        raise InvalidArgument(
            f"the task that a group becomes goes into the group's queue"
            f"{f' ({queue})' if queue else ''}, but '{put.type}' is for '{put.queue}'"
        )


def made_of(value: Any, queue: str, by: Aggregator, item: Callable[..., Item]) -> Put:
    """The task that an aggregator's return value stands for. item: the application's.

    InvalidArgument, TypeError: it stands for none.
    """
    if not isinstance(value, Item):
        if by.type is None:
            raise TypeError(
                f"the aggregator of '{by.pattern}' returned a {type(value).__name__}: it must"
                " return what task.item(...) or app.item(...) gives, or be declared with a type="
            )
        value = item(by.type, value, **by.options)
    put: Put = value.put
    check_own(put, queue)
    return put if put.queue is None else replace(put, queue=None)
