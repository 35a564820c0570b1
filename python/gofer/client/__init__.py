"""client - the library's client handle as a class: bytes in, ids and snapshots out.

The lower of two floors: names, ids and times as the library has them (milliseconds, bytes). Most
programs use gofer.Gofer, which adds tasks, Python types and life after fork. The files of this
folder, info.py, put.py and times.py alone call the library's functions.

Threads: a Client may be used by any threads at once; the interpreter is free (no GIL) while the
library works. fork: in a child every method raises Forked, and closing is safe.
"""

from __future__ import annotations

from typing import Optional

from ..info import Info, py_text
from ..native import lib
from ..put import fit
from .acting import Acting, Progress
from .filters import Filter
from .flowing import Flowing
from .limiting import Limiting
from .looking import Looking
from .opened import text_or_null
from .putting import Putting
from .scheduling import Scheduling, cron_check
from .sharing import Sharing
from .telling import EndWaits, Listener

__all__ = ["Client", "EndWaits", "Filter", "Listener", "Progress", "cron_check", "version"]


class Client(Putting, Looking, Acting, Scheduling, Limiting, Sharing, Flowing):
    """An open store. Use it as a context manager, or close it; a forgotten one closes itself.

    url          "sqlite:PATH", "redis://host", "memory:", None: $GOFER_URL, else a file in the
                 user's state folder
    timeout_ms   the longest wait for the store in one call; 0: 5000
    max_payload  bytes per payload and per result; 0: 16 MiB
    keys         encryption keys: a file, whose path begins with "/" or ".", or "ID:BASE64 ...";
                 None: $GOFER_KEYS; "": none

    Errors: InvalidArgument (malformed URL or keys), Unsupported (unknown scheme), Denied, Corrupt
    (not a gofer database), VersionMismatch (newer schema), BrokerError, NoMemory.
    """

    _ends: Optional[EndWaits] = None

    def ping(self) -> None:
        """Check that the store answers. Errors: as opening."""
        self._call(lib.gofer_client_ping)

    def keys_reload(self) -> None:
        """Read the file of its keys again. Errors: InvalidArgument (what is wrong with it; the keys
        stay as they are), Denied."""
        self._call(lib.gofer_client_keys_reload)

    def wait(self, task_id: str, queue: str | None = None, timeout_ms: int = -1) -> Info:
        """Block until a task has come to its end; negative: for ever. A signal is noticed only
        then. Errors: NotFound (no such task when the wait began), Timeout."""
        which = text_or_null(queue, "queue"), text_or_null(task_id, "task id")
        return self._look(lib.gofer_client_wait, *which, fit("timeout_ms", timeout_ms))

    def interrupt(self) -> None:
        """End the waits and the listeners' steps that are under way: they raise Timeout within 50
        ms."""
        self._call(lib.gofer_client_interrupt)

    def waits(self) -> EndWaits:
        """Its waits for the ends of many tasks, made when first asked for. Threads: the one that
        waits."""
        if self._ends is None:
            self._ends = EndWaits(self)
        return self._ends

    def listen(self, *, sums: bool = False) -> Listener:
        """A listener to what happens to tasks from now on; with sums, of what happens fast some
        are told, and in "more" how many further ones there were. Errors: Unsupported."""
        return Listener(self, sums)


def version() -> str:
    """Version of the library in use, "0.1.0"."""
    return py_text(lib.gofer_version_text())
