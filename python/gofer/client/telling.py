"""telling - how a client is told of what happens: as a listener to all tasks, or of some tasks'
ends.

Threads: one each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import GoferError, Timeout, check, error_of
from ..info import Info, py_text
from ..native import ffi, lib
from ..put import fit
from .opened import Opened, owned, text_or_null


class Listener:
    """Hears what happens to tasks. One thread at a time; ends with its client. Threads: one."""

    def __init__(self, client: Opened, sums: bool = False) -> None:
        self._owned = owned("gofer_events **", lib.gofer_events_close)
        listen = lib.gofer_events_open_sums if sums else lib.gofer_events_open
        with client._open() as handle:
            check(listen(self._owned, handle))
            self._handle: Any = self._owned[0]
            self._client = client
            client._parts.add(self)

    def next(self, timeout_ms: int) -> Info:
        """The next event. Errors: Timeout, WrongState (the client is closed)."""
        out = ffi.new("gofer_info **")
        with self._client._open():
            check(lib.gofer_events_next(self._handle, fit("timeout_ms", timeout_ms), out))
        return Info(ffi.gc(out[0], lib.gofer_info_free))

    def release(self) -> None:
        """Stop listening. Repeating is fine."""
        self._handle = ffi.NULL
        ffi.release(self._owned)


class EndWaits:
    """The ends of many tasks; ends with its client, which must be held open meanwhile. Threads:
    one."""

    def __init__(self, client: Opened) -> None:
        self._owned = owned("gofer_waits **", lib.gofer_waits_close)
        with client._open() as handle:
            check(lib.gofer_waits_open(self._owned, handle))
            client._parts.add(self)
        self._handle: Any = self._owned[0]
        self._room = ffi.new("int64_t *"), ffi.new("gofer_status *"), ffi.new("gofer_info **")
        self.fd: int = lib.gofer_waits_fd(self._handle)
        """Readable while there is something to tell."""

    def add(self, tag: int, task_id: str, queue: str | None) -> None:
        """Wait for this one too. Errors: InvalidArgument."""
        which = text_or_null(queue, "queue"), text_or_null(task_id, "task id")
        check(lib.gofer_waits_add(self._handle, *which, tag))

    def remove(self, tag: int) -> None:
        check(lib.gofer_waits_remove(self._handle, tag))

    def told(self) -> Iterator[tuple[int, Info | GoferError]]:
        """Those that are over, by their tags: what Client.wait would have given, or raised."""
        tag, how, end = self._room
        while True:
            try:
                check(lib.gofer_waits_next(self._handle, 0, tag, how, end))
            except Timeout:
                return
            if how[0] == lib.GOFER_OK:
                yield tag[0], Info(ffi.gc(end[0], lib.gofer_info_free))
            else:
                yield tag[0], error_of(how[0], py_text(lib.gofer_error_last()))

    @property
    def released(self) -> bool:
        return not self._handle

    def release(self) -> None:
        """End it. Repeating is fine."""
        self._handle = ffi.NULL
        ffi.release(self._owned)
