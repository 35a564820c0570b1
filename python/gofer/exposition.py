"""exposition - a worker's figures as text for Prometheus: what `app.worker().metrics()` gives.

Names, labels and help are those of `gofer worker --metrics` (core/web/worker_metrics.c), which a
test holds them to. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from .counts import CallFigures, TimeCount, TypeFigures, WorkerFigures, WorkerStats
from .native import lib

Label = tuple[str, str]

_STATES = ("active", "quiet", "stopping", "lacking")
_OUTCOMES = (
    "done", "retried", "archived", "revoked", "requeued", "snoozed", "cancelled", "expired",
)  # fmt: skip
# Of one number: the name, the field of WorkerStats, the kind, the help.
_SINGLE = (
    ("gofer_worker_waiting_tasks", "ready", "gauge",
     "Tasks that the worker has taken and not begun."),
    ("gofer_children", "children", "gauge", "Child processes that are alive."),
    ("gofer_child_restarts_total", "child_restarts", "counter",
     "Children that died and were replaced."),
    ("gofer_lease_lost_total", "stale", "counter",
     "Outcomes that the store refused, for somebody else had the task by then."),
    ("gofer_slots_lost_total", "lost_slots", "counter",
     "Slots that were given up, for their handlers did not come back."),
    ("gofer_orphans_repaired_total", "recovered", "counter",
     "Tasks of dead workers that this one put back or archived."),
    ("gofer_schedule_missed_total", "ticks_missed", "counter",
     "Ticks of cron entries that were missed, and left out by the entry's policy."),
    ("gofer_broker_reconnects_total", "reconnects", "counter",
     "How often the store's server was connected to again, after a connection broke."),
)  # fmt: skip

TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of the text."""


class _Text:
    """Families and their samples, as they come."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._name = ""

    def family(self, name: str, kind: str, help: str) -> None:
        self._name = name
        self.lines += (f"# HELP {name} {help}", f"# TYPE {name} {kind}")

    def sample(self, labels: Sequence[Label], value: float, suffix: str = "") -> None:
        words = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
        inside = f"{{{words}}}" if words else ""
        self.lines.append(f"{self._name}{suffix}{inside} {value:.15g}")

    def use(self, name: str, help: str, busy: int, most: int) -> None:
        self.family(name, "gauge", help)
        self.sample([("state", "busy")], busy)
        self.sample([("state", "free")], max(most - busy, 0))

    def histogram(
        self, labels: Sequence[Label], times: Iterable[TimeCount], total: timedelta
    ) -> None:
        counts = {time.below: time.count for time in times}
        below, bound_ms = 0, 1
        while bound_ms <= lib.GOFER_FIGURES_BOUND_MAX_MS:
            below += counts.get(timedelta(milliseconds=bound_ms), 0)
            self.sample([*labels, ("le", f"{bound_ms / 1000:.10g}")], below, "_bucket")
            bound_ms *= 2
        below += counts.get(None, 0)
        self.sample([*labels, ("le", "+Inf")], below, "_bucket")
        self.sample(labels, total.total_seconds(), "_sum")
        self.sample(labels, below, "_count")


def text_of(stats: WorkerStats, figures: WorkerFigures, version: str) -> str:
    """All of it. The last line ends, too."""
    text = _Text()
    text.family("gofer_build_info", "gauge", "1; the version as a label.")
    text.sample([("version", version)], 1)
    _put_worker(text, stats)
    _put_types(text, figures.types)
    text.family(
        "gofer_series_limited", "gauge",
        "1: there are too many queues and types; the rest of them is under _other.",
    )  # fmt: skip
    text.sample([], figures.limited)
    _put_calls(text, figures.calls)
    return "\n".join([*text.lines, ""])


def _put_worker(text: _Text, stats: WorkerStats) -> None:
    text.family("gofer_worker_state", "gauge", "1: the worker is in this state.")
    for state in _STATES:
        text.sample([("state", state)], stats.state == state)
    if stats.started_at is not None:
        text.family("gofer_worker_start_time_seconds", "gauge", "When the worker began.")
        text.sample([], stats.started_at.timestamp())
    own = max(stats.running - stats.children_busy, 0)
    text.use("gofer_worker_slots", "Slots of the worker for tasks.", own, stats.concurrency)
    text.use(
        "gofer_child_slots", "Tasks that the children of the worker run, or could.",
        stats.children_busy, stats.children_want,
    )  # fmt: skip
    for name, field, kind, help in _SINGLE:
        text.family(name, kind, help)
        text.sample([], getattr(stats, field))


def _put_types(text: _Text, types: Sequence[TypeFigures]) -> None:
    labelled = [([("queue", each.queue), ("type", each.type)], each) for each in types]
    text.family(
        "gofer_tasks_finished_total", "counter", "Attempts that ended, by queue, type and outcome."
    )
    for labels, each in labelled:
        for outcome in _OUTCOMES:
            text.sample([*labels, ("outcome", outcome)], getattr(each, outcome))
    text.family(
        "gofer_tasks_failed_total", "counter",
        "Attempts that failed, among those that were retried or archived.",
    )  # fmt: skip
    for labels, each in labelled:
        text.sample(labels, each.failed)
    text.family(
        "gofer_task_wait_seconds", "histogram",
        "How long tasks waited whose attempts succeeded or failed.",
    )  # fmt: skip
    for labels, each in labelled:
        text.histogram(labels, each.waits, each.wait_total)
    text.family(
        "gofer_task_run_seconds", "histogram", "How long attempts ran that succeeded or failed."
    )
    for labels, each in labelled:
        text.histogram(labels, each.runs, each.run_total)


def _put_calls(text: _Text, calls: Sequence[CallFigures]) -> None:
    text.family("gofer_broker_seconds", "histogram", "How long calls to the store took.")
    for each in calls:
        text.histogram([("op", each.call)], each.times, each.total)
    text.family("gofer_broker_errors_total", "counter", "Calls to the store that failed.")
    for each in calls:
        text.sample([("op", each.call)], each.errors)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
