"""results - what a task has left, as its function's annotation says, or the error that it ended
with.

Knows no store: it is given the Outcome. Threads: any.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from .errors import GoferError, InvalidArgument, NotFound
from .hints import Unevaluated
from .payload import BytesCodec

if TYPE_CHECKING:
    from .events import Outcome
    from .payload import Codec
    from .task import Task

_TRACE = "\nTraceback (most recent call last):\n"
_NAMED = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?", re.DOTALL)


@dataclass(frozen=True)
class TaskProgress:
    """How far a task has come, as it says itself."""

    done: int
    total: int
    """0: not known."""
    text: str


class _Remote(Exception):
    """The traceback of the worker, shown by Python above ours."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}\n"""'


class TaskFailed(GoferError):
    """A task has not come to a good end. The traceback of the worker is its __cause__."""

    def __init__(self, outcome: Outcome, type: str) -> None:
        error = outcome.last_error or ""
        head, _, _ = error.partition(_TRACE)
        how = "failed" if outcome.outcome == "archived" else f"was {outcome.outcome}"
        super().__init__(f"task {outcome.id} ({type}) {how}" + (f": {head}" if head else ""))
        found = _NAMED.fullmatch(head) if _TRACE in error or head[:1].isupper() else None
        self.id: str = outcome.id
        self.type: str = type
        self.outcome: str = outcome.outcome
        """ "archived", "cancelled", "expired", "revoked" or "deleted"."""
        self.type_name: str = found.group(1) if found else ""
        """The class of its exception, "ValueError"; empty if its handler has none."""
        self.message: str = (found.group(2) or "") if found else head
        self.remote_traceback: str = error
        """The whole of what the worker has recorded; empty if it was nothing."""
        if error:
            self.__cause__: Optional[BaseException] = _Remote(error)

    def __reduce__(self) -> Any:
        return (_again, (self.args, self.__dict__))


def _again(args: tuple[Any, ...], values: dict[str, Any]) -> TaskFailed:
    made = TaskFailed.__new__(TaskFailed, *args)
    made.args = args
    made.__dict__.update(values)
    return made


def value_of(outcome: Outcome, type: str, task: Task[..., Any] | None, codec: Codec) -> Any:
    """What the task returned. task: None if it is no function of this program.

    TaskFailed; NotFound: it ended and left nothing; InvalidArgument: what it left cannot be read.
    """
    if outcome.outcome == "gone":
        raise NotFound(
            f"task {outcome.id} ({type}) has ended and left nothing: give it a retention, or wait"
            " for it before it ends"
        )
    if not outcome.ok:
        raise TaskFailed(outcome, type)
    what = f"task {outcome.id} ({type})"
    return result_of(outcome.result, task, codec, (what, "wait().result"))


def result_of(
    data: bytes | None, task: Task[..., Any] | None, codec: Codec, told: tuple[str, str]
) -> Any:
    """What these bytes are, as the task's function says; None: there were none.

    told  what errors call it, and what has the bytes

    NotFound: the function returns no None, and there are none; InvalidArgument: they cannot be
    read.
    """
    what, at_hand = told
    try:
        read, takes_none = _reader_of(task)
    except Unevaluated as error:
        raise error.within(f"task '{task.name if task else ''}'")
    if not data and takes_none:
        return None
    if not data and not isinstance(codec, BytesCodec):  # where it may be b""
        raise NotFound(f"{what} is done and left no result")
    try:
        return read(codec.decode(data or b""))
    except ValueError as error:
        raise InvalidArgument(
            f"the result of {what}, {len(data or b'')} bytes, cannot be read: {error}; {at_hand}"
            " has the bytes"
        ) from error


def _reader_of(task: Task[..., Any] | None) -> tuple[Callable[[Any], Any], bool]:
    """What reads its results, and whether None is one of them."""
    if task is None:
        return (lambda value: value), True
    from .convert import PayloadMismatch, result_reader  # not needed by who only enqueues

    read = result_reader(task.function)
    try:
        return read, read(None) is None
    except PayloadMismatch:
        return read, False
