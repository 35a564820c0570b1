"""looking - a client looks at queues, tasks, groups, workers and the store.

Threads: any.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidArgument
from ..info import Info
from ..native import ffi, lib
from ..put import fit
from ..times import c_text
from .filters import Filter
from .opened import Opened, fit_limit, text_or_null


class Looking(Opened):
    """A client that looks."""

    def queues(self) -> Info:
        return self._look(lib.gofer_client_queues)

    def queues_page(
        self, queue: str | None = None, cursor: str | None = None, limit: int = 0
    ) -> Info:
        """A page of the queues of a name or pattern ("mail:*"; None: all): `limit` records, 1 to
        1000 (0: 30), and the text field next_cursor unless it is the last. Errors:
        InvalidArgument."""
        which = text_or_null(queue, "queue"), text_or_null(cursor, "cursor")
        return self._look(lib.gofer_client_queues_page, *which, fit_limit(limit))

    def queue(self, queue: str) -> Info:
        """Errors: NotFound."""
        return self._look(lib.gofer_client_queue, text_or_null(queue, "queue"))

    def queue_shards(self, queue: str) -> Info:
        """Errors: NotFound."""
        return self._look(lib.gofer_client_queue_shards, text_or_null(queue, "queue"))

    def types_paused(self) -> Info:
        """The types that are paused, by their names, and those that are closed by their hours."""
        return self._look(lib.gofer_client_types_paused)

    def hours(self, name: str | None) -> Info:
        """Those of a queue or a type, None: of all, by their names. Errors: NotFound,
        Unsupported."""
        return self._look(lib.gofer_client_hours, text_or_null(name, "name"))

    def tasks(self, queue: str, state: str, cursor: str | None = None, limit: int = 0) -> Info:
        """A page: `limit` records, 1 to 1000 (0: 30), and the text field next_cursor unless it is
        the last. Errors: InvalidArgument, NotFound (no such queue)."""
        which = text_or_null(queue, "queue"), text_or_null(state, "state")
        return self._look(
            lib.gofer_client_tasks, *which, text_or_null(cursor, "cursor"), fit_limit(limit)
        )

    def task(self, task_id: str, queue: str | None = None) -> Info:
        """Errors: NotFound. Without a queue all are looked in, as in the next three."""
        return self._look(
            lib.gofer_client_task, text_or_null(queue, "queue"), text_or_null(task_id, "task id")
        )

    def find(
        self,
        queue: str | None,
        state: str | None,
        match: Filter,
        cursor: str | None = None,
        limit: int = 0,
    ) -> Info:
        """A page of the tasks that match; it may hold none and yet have a next_cursor."""
        kept: list[Any] = []
        fit_limit(limit)
        which = text_or_null(queue, "queue"), text_or_null(state, "state"), match.c(kept)
        return self._look(lib.gofer_client_find, *which, text_or_null(cursor, "cursor"), limit)

    def groups(self, queue: str) -> Info:
        """Errors: NotFound (no such queue)."""
        return self._look(lib.gofer_client_groups, text_or_null(queue, "queue"))

    def groups_page(self, queue: str, cursor: str | None = None, limit: int = 0) -> Info:
        """A page of the groups of a queue, by name: at most `limit` records, 1 to 1000 (0: 30), and
        the text field next_cursor unless it is the last. Errors: InvalidArgument, NotFound (no such
        queue)."""
        which = text_or_null(queue, "queue"), text_or_null(cursor, "cursor")
        return self._look(lib.gofer_client_groups_page, *which, fit_limit(limit))

    def stats(self, queue: str | None, hours: int) -> Info:
        """Errors: InvalidArgument (hours: 1 to 168)."""
        if not 1 <= hours <= 168:
            raise InvalidArgument(f"hours is {hours}: it must be from 1 to 168")
        return self._look(lib.gofer_client_stats, text_or_null(queue, "queue"), hours)

    def audit(
        self,
        actor: str | None = None,
        act: str | None = None,
        since_ms: int = 0,
        cursor: str | None = None,
        limit: int = 0,
    ) -> Info:
        """A page of who did what, newest first; it may hold none and yet have a next_cursor."""
        fit_limit(limit)
        match = ffi.new("gofer_audit_filter *")
        lib.gofer_audit_filter_init(match)
        kept = [
            ffi.NULL if text is None else ffi.new("char[]", c_text(text, what))
            for text, what in ((actor, "actor"), (act, "act"))
        ]
        match.actor, match.act = kept
        match.since_ms = fit("since_ms", since_ms)
        return self._look(lib.gofer_client_audit, match, text_or_null(cursor, "cursor"), limit)

    def stats_hours(self, queue: str | None, type: str | None, hours: int) -> Info:
        """Errors: InvalidArgument (hours: 1 to 192)."""
        if not 1 <= hours <= 192:
            raise InvalidArgument(f"hours is {hours}: it must be from 1 to 192")
        return self._look(
            lib.gofer_client_stats_hours,
            text_or_null(queue, "queue"),
            text_or_null(type, "type"),
            hours,
        )

    def stats_minutes(self, queue: str | None, type: str | None, minutes: int) -> Info:
        """Errors: InvalidArgument (minutes: 1 to 60)."""
        if not 1 <= minutes <= 60:
            raise InvalidArgument(f"minutes is {minutes}: it must be from 1 to 60")
        return self._look(
            lib.gofer_client_stats_minutes,
            text_or_null(queue, "queue"),
            text_or_null(type, "type"),
            minutes,
        )

    def store(self, queue: str | None = None) -> Info:
        """Errors: NotFound (no such queue)."""
        return self._look(lib.gofer_client_store, text_or_null(queue, "queue"))

    def workers(self) -> Info:
        return self._look(lib.gofer_client_workers)

    def workers_page(self, cursor: str | None = None, limit: int = 0) -> Info:
        """A page of them, by host and process, as groups_page. Errors: InvalidArgument."""
        at = text_or_null(cursor, "cursor")
        return self._look(lib.gofer_client_workers_page, at, fit_limit(limit))

    def check(self, repair: bool = False) -> Info:
        """Findings. It may take long."""
        return self._look(lib.gofer_client_check, int(repair))

    def history(self, queue: str | None, days: int) -> Info:
        """Daily counts, newest first. Errors: InvalidArgument."""
        if not 1 <= days <= 90:
            raise InvalidArgument(f"days is {days}: it must be from 1 to 90")
        return self._look(lib.gofer_client_history, text_or_null(queue, "queue"), days)
