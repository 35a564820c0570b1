"""opened - the library's client handle: opened, held while it is used, closed by who leaves last.

Knows what every call needs and no call: the other files of this folder have those. May touch: the
library, holds.py and info.py.

Threads: any; see Client.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ..errors import Forked, GoferError, InvalidArgument, NoMemory, WrongState, check
from ..holds import Hold, Holds
from ..info import Info, py_text
from ..native import ffi, lib
from ..put import fit
from ..times import c_text

S = TypeVar("S", bound="Opened")


class Part(Protocol):
    """What ends with its client: a listener, waits."""

    def release(self) -> None:
        """End it. Repeating is fine."""


class Opened:
    """What every client has: see Client."""

    def __init__(
        self, url: str | None = None, *, timeout_ms: int = 0, max_payload: int = 0,
        keys: str | None = None,
    ) -> None:  # fmt: skip
        options = ffi.new("gofer_client_options *")
        lib.gofer_client_options_init(options)
        options.timeout_ms = fit("timeout_ms", timeout_ms)
        options.max_payload = fit("max_payload", max_payload)
        held = ffi.NULL if keys is None else ffi.new("char[]", c_text(keys, "keys"))
        options.keys = held
        self._owned = owned("gofer_py_gate **", lib.gofer_py_gate_free)
        status = lib.gofer_py_gate_open(self._owned, text_or_null(url, "url"), options)
        if status == lib.GOFER_PY_NO_MEMORY:
            raise NoMemory("no memory for a client")
        check(status)
        self._gate: Any = self._owned[0]
        self._handle: Any = lib.gofer_py_gate_client(self._gate)
        self._put_one: Any = lib.gofer_py_put
        self._pid = os.getpid()
        self._holds: Holds[Any] = Holds()
        self._closing = False
        self._parts: weakref.WeakSet[Part] = weakref.WeakSet()
        self.url: str = py_text(lib.gofer_client_url(self._handle))  # passwords as "***"

    def close(self) -> None:
        """Close. Calls that other threads are in are let finish first: the last one closes.
        Closing twice, or in a forked child, is fine."""
        self._closing = True  # seen by whoever enters from here on
        if os.getpid() != self._pid:  # those inside are threads that are not here
            self._release(lib.gofer_py_gate_drop)
        else:
            self._release_if_over()

    def _release_if_over(self) -> None:
        if self._closing and not self._holds.any():
            self._release(lib.gofer_py_gate_close)

    def _release(self, close: Callable[[Any], None]) -> None:
        for part in list(self._parts):  # they end before it does
            part.release()
        close(self._gate)

    def pause(self, on: bool) -> bool:
        """Let no more calls of try_put in, or let them in again. Whether one is inside."""
        return bool(lib.gofer_py_gate_pause(self._gate, on))

    @property
    def closed(self) -> bool:
        return self._closing

    def __enter__(self: S) -> S:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<gofer.Client {self.url}{' closed' if self.closed else ''}>"

    def _open(self) -> Hold[Any]:
        """The handle, kept open meanwhile."""
        if os.getpid() != self._pid:
            raise Forked(f"the client was opened by process {self._pid}: close it before you fork")
        return Hold(self._holds, self._handle_now, self._release_if_over)

    def held(self) -> Hold[Any]:
        """A hold on it: a close meanwhile lets it open until the end. Errors: WrongState (it is
        closed), Forked."""
        return self._open()

    def _handle_now(self, hold: Hold[Any]) -> Any:
        if self._closing:
            raise WrongState(f"the client of {self.url} is closed")
        return self._handle

    def _call(self, function: Any, *args: Any) -> None:
        with self._open() as handle:
            check(function(handle, *args))

    def _look(self, function: Any, *args: Any) -> Info:
        """Call a function that hands out a snapshot."""
        out = ffi.new("gofer_info **")
        try:
            self._call(function, *args, out)
        except GoferError:
            # a check that could not look everywhere tells what it found
            lib.gofer_info_free(out[0])
            raise
        return Info(ffi.gc(out[0], lib.gofer_info_free))


def owned(kind: str, close: Any) -> Any:
    """Room for a handle, which is closed with it. It is there before the handle, so that none is
    lost to an exception that a signal handler raises where it is handed over."""
    return ffi.gc(ffi.new(kind), lambda out: close(out[0]))


def fit_limit(limit: int) -> int:
    """Of the records of a page. Errors: InvalidArgument."""
    if not 0 <= limit <= 1000:
        raise InvalidArgument(f"limit is {limit}: it must be from 1 to 1000, or 0 (30)")
    return limit


def text_or_null(value: str | None, what: str) -> Any:
    return ffi.NULL if value is None else c_text(value, what)
