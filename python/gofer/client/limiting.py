"""limiting - a client's limits, and the keys that tasks count for.

Threads: any.
"""

from __future__ import annotations

from ..info import Info
from ..native import ffi, lib
from ..put import fit
from ..times import c_text
from .opened import Opened, text_or_null


class Limiting(Opened):
    """A client that has limits."""

    def limit_put(
        self, name: str, *, concurrency: int = 0, rate: int = 0, per_ms: int = 0, burst: int = 0,
        over: int = 0, scope: int = 0,
    ) -> None:  # fmt: skip
        """Limit the tasks of a key, or change that; 0 is the default. Errors: InvalidArgument,
        Unsupported."""
        options = ffi.new("gofer_limit_options *")
        lib.gofer_limit_options_init(options)
        numbers = {
            "concurrency": concurrency, "rate": rate, "per_ms": per_ms, "burst": burst,
            "over": over, "scope": scope,
        }  # fmt: skip
        for key, value in numbers.items():
            setattr(options, key, fit(key, value))
        self._call(lib.gofer_client_limit_put, c_text(name, "name of a limit"), options)

    def limit_remove(self, name: str) -> None:
        """Errors: NotFound, Unsupported."""
        self._call(lib.gofer_client_limit_remove, c_text(name, "name of a limit"))

    def limits(self, cursor: str | None = None, limit: int = 0) -> Info:
        """A page of limits by their names; limit 1 to 1000, 0: 100. Errors: Unsupported."""
        return self._look(
            lib.gofer_client_limits, text_or_null(cursor, "cursor"), fit("limit", limit)
        )

    def limit_keys(
        self, blocked: bool = False, cursor: str | None = None, limit: int = 0
    ) -> Info:
        """A page of the keys that tasks run for or wait for; blocked: of those alone that some
        wait for. Errors: as limits."""
        return self._look(
            lib.gofer_client_limit_keys, int(blocked), text_or_null(cursor, "cursor"),
            fit("limit", limit),
        )  # fmt: skip

    def limit_key(self, key: str) -> Info:
        """The same of one key: a list. Errors: NotFound, Unsupported."""
        return self._look(lib.gofer_client_limit_key, c_text(key, "limit key"))

    def limit_pause(self, key: str, ms: int) -> None:
        """No task of the key starts for so long; 0: that is over. Errors: InvalidArgument,
        Unsupported."""
        self._call(lib.gofer_client_limit_pause, c_text(key, "limit key"), fit("pause_ms", ms))
