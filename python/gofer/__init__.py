"""gofer - a background task queue.

Schedule tasks from Python and run them: in Python, C, Lua, Go or as commands. Start at `Gofer`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .app import Batch, BatchError, Gofer
from .client import Client, Filter, Listener, Progress
from .client import version as _version
from .context import Context, current
from .depends import INJECTED, Depends
from .errors import (
    BrokerError,
    Corrupt,
    Denied,
    Duplicate,
    Empty,
    Forked,
    GoferError,
    HandlerFailed,
    InvalidArgument,
    NoMemory,
    NoSpace,
    NotFound,
    QueueFull,
    Stale,
    TaskExists,
    Timeout,
    TooBig,
    Uncertain,
    Unsupported,
    VersionMismatch,
    WrongState,
)
from .events import Event, Events, Outcome
from .control import (
    Drop, GiveUp, LimitPause, RetryIn, Snooze, TaskCancelled, TaskControl, TaskTimeout,
)  # fmt: skip
from .groups import GroupedTask
from .info import Info
from .payload import BytesCodec, Codec, JsonCodec
from .program import binary
from .put import Put
from .reading.mismatch import PayloadMismatch
from .results import TaskFailed, TaskProgress
from .task import NO_TIMEOUT, Enqueuer, Handle, Item, NoTimeout, Options, Result, Task, TaskOptions
from .times import Duration, Moment

if TYPE_CHECKING:
    from .counts import CallFigures, TimeCount, TypeFigures, WorkerFigures, WorkerStats
    from .flows import FlowHandle, FlowInfo, Flows, FlowState, FlowStep, OnDead
    from .hours import Hours, HoursInfo
    from .inspection import (
        Action,
        Attempt,
        AuditRecord,
        ChildProcess,
        DayInfo,
        Figures,
        Finding,
        GroupInfo,
        Inspector,
        LogLine,
        PausedType,
        QueueInfo,
        RunningTask,
        Severity,
        State,
        StepFigures,
        StoreInfo,
        TaskInfo,
        WorkerInfo,
    )
    from .limits import Limit, LimitKey, Limits, Over, Scope
    from .lists import More, more
    from .logs import TaskFilter, TaskLogHandler
    from .msgpack import MsgpackCodec
    from .pages import Page
    from .schedules import (
        CronInfo,
        Entry,
        EntryOption,
        Missed,
        Overlap,
        Schedules,
        Synced,
        Tick,
        Ticked,
        cron_check,
    )
    from .tenants import Tenant, Tenants

    from .workflows import Plan, Rule, Step, chain, each, flow, group, step

    version: str
    """Version of the library in use, "0.1.0"."""
    __version__: str

# What most programs never need: loaded when one is first asked for.
_LATE = (
    "logs", "msgpack", "pages", "inspection", "schedules", "counts", "limits", "hours", "tenants",
    "flows", "workflows", "lists",
)  # fmt: skip

__all__ = [
    "Action", "Attempt", "AuditRecord", "Batch", "BatchError", "binary", "BrokerError",
    "BytesCodec", "CallFigures", "chain", "ChildProcess", "Client", "Codec", "Context", "Corrupt",
    "cron_check", "CronInfo", "current", "DayInfo", "Denied", "Depends", "Drop", "Duplicate",
    "Duration", "each", "Empty", "Enqueuer", "Entry", "EntryOption", "Event", "Events", "Figures",
    "Filter", "Finding", "flow", "FlowHandle", "FlowInfo", "Flows", "FlowState", "FlowStep",
    "Forked", "GiveUp", "Gofer", "GoferError", "group", "GroupedTask", "GroupInfo", "Handle",
    "HandlerFailed", "Hours", "HoursInfo", "Info", "INJECTED", "Inspector", "InvalidArgument",
    "Item", "JsonCodec",
    "Limit", "LimitKey", "LimitPause", "Limits", "Listener", "LogLine", "Missed", "Moment", "More",
    "more", "MsgpackCodec", "NO_TIMEOUT", "NoMemory", "NoSpace", "NotFound", "NoTimeout", "OnDead",
    "Options", "Outcome", "Over", "Overlap", "Page", "PausedType", "PayloadMismatch", "Plan",
    "Progress", "Put", "QueueFull", "QueueInfo", "Result", "RetryIn", "Rule", "RunningTask",
    "Schedules", "Scope", "Severity", "Snooze", "Stale", "State", "Step", "step", "StepFigures",
    "StoreInfo", "Synced", "Task", "TaskCancelled", "TaskControl", "TaskExists", "TaskFailed",
    "TaskFilter", "TaskInfo", "TaskLogHandler", "TaskOptions", "TaskProgress", "TaskTimeout",
    "Tenant", "Tenants", "Tick", "Ticked", "TimeCount", "Timeout", "TooBig", "TypeFigures",
    "Uncertain", "Unsupported", "version", "VersionMismatch", "WorkerFigures", "WorkerInfo",
    "WorkerStats", "WrongState",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("version", "__version__"):  # loads the library
        return _version()
    if name in _LATE:
        return import_module(f".{name}", __name__)
    if name in __all__:
        for module in _LATE:
            found = getattr(import_module(f".{module}", __name__), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
