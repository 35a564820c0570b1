"""errors - one exception per status of the library, and the one place that raises them.

Every exception is a GoferError, and where Python has a word for the same thing it is that too:
`except ValueError` catches InvalidArgument. The text says what failed, with which input, what to
do.
"""

from __future__ import annotations

from typing import Any

from .native import NUMBERS, ffi, lib


class GoferError(Exception):
    """Base of all. `status` is the library's number, `name` its name, e.g. -6 and "EEXIST"."""

    status: int = 0

    def __init__(self, text: str = "", status: int | None = None) -> None:
        super().__init__(text)
        if status is not None:
            self.status = status

    @property
    def name(self) -> str:
        """The status as a word, "EEXIST"."""
        for name, number in NUMBERS.items():  # not the library's: it may not be here
            if number == self.status and name.startswith("GOFER_E"):
                return name[len("GOFER_") :]
        return _text(lib.gofer_status_name(self.status))


class InvalidArgument(GoferError, ValueError):
    """An argument is wrong; nothing was done."""

    status: int = lib.GOFER_EINVAL


class NoMemory(GoferError, MemoryError):
    """No memory; nothing was done."""

    status: int = lib.GOFER_ENOMEM


class BrokerError(GoferError, ConnectionError):
    """The store failed or is out of reach; nothing was done."""

    status: int = lib.GOFER_EBROKER


class Uncertain(GoferError, ConnectionError):
    """The reply was lost: it may be done. Repeating with the same task id is safe."""

    status: int = lib.GOFER_EUNCERTAIN


class Timeout(GoferError, TimeoutError):
    """The time given ran out; nothing was done."""

    status: int = lib.GOFER_ETIMEOUT


class TaskExists(GoferError):
    """The task id is taken by another task."""

    status: int = lib.GOFER_EEXIST


class Duplicate(GoferError):
    """A unique lock holds: the same task is there already."""

    status: int = lib.GOFER_EDUPLICATE


class NotFound(GoferError, LookupError):
    """No such task, queue or file."""

    status: int = lib.GOFER_ENOTFOUND


class WrongState(GoferError, RuntimeError):
    """Not possible in the present state: an active task cannot be deleted, a closed client not
    used."""

    status: int = lib.GOFER_ESTATE


class Stale(GoferError):
    """The lease was lost: somebody else owns the task."""

    status: int = lib.GOFER_ESTALE


class Forked(GoferError, RuntimeError):
    """The handle belongs to the parent process: open a new one."""

    status: int = lib.GOFER_EFORKED


class Unsupported(GoferError):
    """This broker or build cannot do it."""

    status: int = lib.GOFER_EUNSUPPORTED


class NoSpace(GoferError, OSError):
    """The store is full; the tasks in it can still be finished."""

    status: int = lib.GOFER_ENOSPACE


class QueueFull(GoferError):
    """The queue has as many pending tasks as it may."""

    status: int = lib.GOFER_EFULL


class TooBig(GoferError, ValueError):
    """The payload, result or batch is over the limit."""

    status: int = lib.GOFER_ETOOBIG


class VersionMismatch(GoferError):
    """The store was made by a newer gofer."""

    status: int = lib.GOFER_EVERSION


class Denied(GoferError, PermissionError):
    """Permission or password refused."""

    status: int = lib.GOFER_EDENIED


class Corrupt(GoferError):
    """The store or a message is damaged, or not gofer's."""

    status: int = lib.GOFER_ECORRUPT


class Empty(GoferError):
    """Nothing there now."""

    status: int = lib.GOFER_EEMPTY


class HandlerFailed(GoferError):
    """A callback given by the host failed."""

    status: int = lib.GOFER_EHANDLER


_by_status: dict[int, type[GoferError]] = {
    kind.status: kind
    for kind in (
        InvalidArgument, NoMemory, BrokerError, Uncertain, Timeout, TaskExists, Duplicate, NotFound,
        WrongState, Stale, Forked, Unsupported, NoSpace, TooBig, VersionMismatch, Denied, Corrupt,
        Empty, HandlerFailed, QueueFull,
    )
}  # fmt: skip


def error_of(status: int, text: str | None = None) -> GoferError:
    """The exception for a status, not raised. Without a text: the library's general sentence."""
    if text is None:
        text = _text(lib.gofer_status_text(status))
    kind = _by_status.get(status)
    return kind(text) if kind else GoferError(text, status)


def check(status: int) -> None:
    """Raise what a failed call of this thread means. Call it right after: the text of the failure
    is kept per thread, until the thread's next failure."""
    if status != lib.GOFER_OK:
        raise error_of(status, _text(lib.gofer_error_last()) or None)


def _text(borrowed: Any) -> str:
    return str(ffi.string(borrowed).decode("utf-8", "replace"))
