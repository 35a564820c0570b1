"""connection - a client that is opened when first used, and anew in a forked child.

SQLite must not be carried over fork: connections share locks and lock tables inside a process, and
a child inherits what the tables say but not the locks. So before os.fork (multiprocessing and
prefork servers use it) calls in flight are let finish and the store is closed; parent and child
open it again at their next use. A memory: store cannot be closed without losing it: it stays with
the parent, and the child gets an empty one of its own.

Waits give way to a fork at once; other calls end within the client's timeout. All of this may be
interrupted anywhere by a signal handler, which may raise, or use the connection itself, or fork.

Threads: any. Locks: holds.lock guards the fields of a connection.
"""

from __future__ import annotations

import os
import threading
import time
import weakref

from .client import Client
from .holds import LOOK_S, Hold, Holds

# How long fork waits for other threads' calls. After that it goes ahead, and the store stays open.
FORK_PATIENCE_S = 10.0


class Connection:
    """The open client of an application, if it is open. Arguments: as Client."""

    def __init__(self, url: str | None, timeout_ms: int, max_payload: int) -> None:
        self._url = url
        self._timeout_ms = timeout_ms
        self._max_payload = max_payload
        self._start()
        _all.add(self)

    def _start(self) -> None:
        self._holds: Holds[Client] = Holds()
        self._forks = 0  # under way; new calls wait meanwhile, or those in flight would never end
        self._forker = 0  # the thread of the latest
        self._client: Client | None = None
        self._pid = os.getpid()

    def configure(self, url: str | None, timeout_ms: int, max_payload: int) -> None:
        """Other arguments, for the next opening. Threads: before the first use."""
        self._url, self._timeout_ms, self._max_payload = url, timeout_ms, max_payload

    @property
    def given(self) -> str | None:
        """The URL that it was made with. It may hold a password."""
        return self._url

    def use(self) -> Hold[Client]:
        """The client, opened if need be and kept open meanwhile. Errors: as opening a Client."""
        if self._pid != os.getpid():  # forked by C code that told Python nothing
            self._start()
        return Hold(self._holds, self._open, self._left)

    def _open(self) -> Client:
        # Locks: holds.lock held
        # A signal handler's call does not wait if it has interrupted the fork, or a call
        # that the fork waits for.
        here = threading.get_ident()
        while self._forks and self._forker != here and not self._holds.of_thread(here):
            self._holds.changed.wait(LOOK_S)
        if self._client is None:
            client = Client(self._url, timeout_ms=self._timeout_ms, max_payload=self._max_payload)
            if self._client is None:  # else a signal handler has opened one meanwhile
                self._client = client
        return self._client

    def _left(self) -> None:
        # Locks: holds.lock held
        if self._forks:
            self._close_for_fork()

    def _close_for_fork(self) -> None:
        # Locks: holds.lock held
        # Not with a call under way: its time is over, or a signal handler that has
        # interrupted it forks.
        if (
            not self._holds.any()
            and self._client is not None
            and not self._client.url.startswith("memory:")
        ):
            self._close()

    def move(self, url: str | None) -> str | None:
        """Another URL from the next opening on; the one before. For tests."""
        before, self._url = self._url, url
        return before

    def close(self) -> None:
        """Close; the next use opens again. Calls that other threads are in are let finish."""
        if self._pid != os.getpid():
            self._start()
        with self._holds.lock:
            self._close()

    def _close(self) -> None:
        # Locks: holds.lock held
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def before_fork(self, end: float) -> None:
        """Let the calls of other threads finish, those that wait at once, and close. end: of the
        patience."""
        holds = self._holds
        with holds.lock:
            self._forks += 1
            self._forker = threading.get_ident()
            while holds.of_others() and time.monotonic() < end:
                if self._client is not None:
                    self._client.interrupt()
                holds.changed.wait(LOOK_S / 5)
            self._close_for_fork()

    def after_fork_in_parent(self) -> None:
        with self._holds.lock:
            self._forks -= 1
            self._holds.changed.notify_all()

    def after_fork_in_child(self) -> None:
        self._start()


_all: weakref.WeakSet[Connection] = weakref.WeakSet()
_fork_lock = threading.RLock()  # one thread forks at a time
_quiet: list[list[Connection]] = []  # those that each fork under way keeps quiet


def _before_fork() -> None:
    _fork_lock.acquire()
    _quiet.append([])
    end = time.monotonic() + FORK_PATIENCE_S
    for connection in list(_all):
        _quiet[-1].append(connection)
        connection.before_fork(end)


def _after_fork_in_parent() -> None:
    for connection in _quiet.pop():
        connection.after_fork_in_parent()
    _fork_lock.release()


def _after_fork_in_child() -> None:
    global _fork_lock
    _fork_lock = threading.RLock()
    _quiet.clear()
    for connection in list(_all):
        connection.after_fork_in_child()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
