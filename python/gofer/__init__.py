"""gofer - a background task queue.

Schedule tasks from Python; workers run them in C, Lua, Go or as commands. Start at `Gofer`.
"""

from .app import Batch, BatchError, Gofer
from .client import Client, Info, Put
from .client import version as _version
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
    Stale,
    TaskExists,
    Timeout,
    TooBig,
    Uncertain,
    Unsupported,
    VersionMismatch,
    WrongState,
)
from .inspection import DayInfo, Inspector, Page, QueueInfo, State, TaskInfo, WorkerInfo
from .payload import BytesCodec, Codec, JsonCodec
from .task import NO_TIMEOUT, Enqueuer, Handle, Item, NoTimeout, Options, Result, Task, TaskOptions
from .times import Duration, Moment

version: str = _version()
"""Version of the library in use, "0.1.0"."""
__version__ = version

__all__ = [
    "Batch", "BatchError", "BrokerError", "BytesCodec", "Client", "Codec", "Corrupt", "DayInfo",
    "Denied", "Duplicate", "Duration", "Empty", "Enqueuer", "Forked", "Gofer", "GoferError",
    "Handle", "HandlerFailed", "Info", "Inspector", "InvalidArgument", "Item", "JsonCodec",
    "Moment", "NO_TIMEOUT", "NoMemory", "NoSpace", "NoTimeout", "NotFound", "Options", "Page",
    "Put", "QueueInfo", "Result", "Stale", "State", "Task", "TaskExists", "TaskInfo",
    "TaskOptions", "Timeout", "TooBig", "Uncertain", "Unsupported", "VersionMismatch",
    "WorkerInfo", "WrongState", "version",
]  # fmt: skip
