"""scheduling - a client's cron entries.

Threads: any.
"""

from __future__ import annotations

from typing import Any

from ..errors import check
from ..info import Info, take_text
from ..native import ffi, lib
from ..put import Put, c_options, fit
from ..times import c_text
from .opened import Opened, fit_limit, text_or_null


class Scheduling(Opened):
    """A client that has cron entries."""

    def schedule_put(
        self, name: str, spec: str, put: Put, *, tz: str | None = None, missed: int = 0,
        missed_max: int = 0,
        overlap: int = 0, jitter_ms: int = 0, paused: bool = False, new: bool = False,
    ) -> None:  # fmt: skip
        """Add a cron entry, or change the one of this name. `put` is what it enqueues; without id,
        times, unique and group. Errors: InvalidArgument, TaskExists (new, and the name is
        taken)."""
        kept: list[Any] = []
        options = ffi.new("gofer_schedule_options *")
        lib.gofer_schedule_options_init(options)
        task = c_options(put, kept)  # it lives as long as this name
        options.task = task
        if tz is not None:
            kept.append(ffi.new("char[]", c_text(tz, "tz")))
            options.tz = kept[-1]
        numbers = {
            "missed": missed,
            "missed_max": missed_max,
            "overlap": overlap,
            "jitter_ms": jitter_ms,
        }
        for key, value in numbers.items():
            setattr(options, key, fit(key, value))
        options.paused = int(paused)
        payload = ffi.from_buffer(put.payload)
        self._call(
            lib.gofer_client_schedule_put, c_text(name, "name"), c_text(spec, "spec"),
            c_text(put.type, "task type"),
            payload, len(payload), options, int(new),
        )  # fmt: skip

    def schedule_remove(self, name: str) -> None:
        """Errors: NotFound."""
        self._call(lib.gofer_client_schedule_remove, c_text(name, "name"))

    def schedule_pause(self, name: str, paused: bool) -> None:
        """Errors: NotFound."""
        self._call(lib.gofer_client_schedule_pause, c_text(name, "name"), int(paused))

    def schedule_run(self, name: str) -> str:
        """Enqueue its task now; the task's id. Errors: NotFound."""
        out = ffi.new("char **")
        self._call(lib.gofer_client_schedule_run, c_text(name, "name"), out)
        return take_text(out[0])

    def schedules(self) -> Info:
        return self._look(lib.gofer_client_schedules)

    def schedules_page(self, cursor: str | None = None, limit: int = 0) -> Info:
        """A page of them, by name: at most `limit` records, 1 to 1000 (0: 30), and the text field
        next_cursor unless it is the last. Errors: InvalidArgument."""
        at = text_or_null(cursor, "cursor")
        return self._look(lib.gofer_client_schedules_page, at, fit_limit(limit))

    def schedule(self, name: str) -> Info:
        """Errors: NotFound."""
        return self._look(lib.gofer_client_schedule, c_text(name, "name"))

    def schedule_history(self, name: str, limit: int = 0) -> Info:
        """The latest it enqueued, newest first; limit 1 to 1000, 0: 30. Errors: NotFound."""
        return self._look(
            lib.gofer_client_schedule_history, c_text(name, "name"), fit("limit", limit)
        )

    def schedules_sync(self, source: str, json: bytes) -> Info:
        """Errors: InvalidArgument (says where), TaskExists (a name of another source)."""
        text = ffi.from_buffer(json)
        return self._look(
            lib.gofer_client_schedules_sync, c_text(source, "source"), text, len(text)
        )


def cron_check(spec: str, tz: str | None = None, from_ms: int = 0, count: int = 0) -> Info:
    """Explain a cron spec, with its next ticks. Errors: InvalidArgument."""
    out = ffi.new("gofer_info **")
    numbers = fit("from_ms", from_ms), fit("count", count)
    check(lib.gofer_cron_check(c_text(spec, "spec"), text_or_null(tz, "tz"), *numbers, out))
    return Info(ffi.gc(out[0], lib.gofer_info_free))
