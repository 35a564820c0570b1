"""connection - a client that is opened when first used, and anew in a forked child.

SQLite must not be carried over fork: connections share locks and lock tables inside a process, and
a child inherits what the tables say but not the locks. So before os.fork (multiprocessing and
prefork servers use it) calls in flight are let finish and the store is closed; parent and child open
it again at their next use. A memory: store cannot be closed without losing it: it stays with the
parent, and the child gets an empty one of its own.

Threads: any. Locks: `_changed` guards the fields of a connection.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from .client import Client

# How long fork waits for calls in flight; they end by themselves within the client's timeout. After
# that it goes ahead: fork must not hang because a signal handler interrupted a call and forks.
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
        self._changed = threading.Condition(threading.Lock())
        self._calls = 0
        self._forking = False  # new calls wait meanwhile, or those in flight would never end
        self._client: Client | None = None
        self._pid = os.getpid()

    @contextmanager
    def use(self) -> Iterator[Client]:
        """The client, opened if need be and kept open meanwhile. Errors: as opening a Client."""
        if self._pid != os.getpid():  # forked by C code that told Python nothing
            self._start()
        changed = self._changed
        with changed:
            while self._forking:
                changed.wait()
            if self._client is None:
                self._client = Client(self._url, timeout_ms=self._timeout_ms, max_payload=self._max_payload)
            client = self._client
            self._calls += 1
        try:
            yield client
        finally:
            with changed:
                if changed is self._changed:  # else a signal handler forked: another process's count
                    self._calls -= 1
                    changed.notify_all()

    def close(self) -> None:
        """Close; the next use opens again. Calls that other threads are in are let finish."""
        if self._pid != os.getpid():
            self._start()
        with self._changed:
            self._close()

    def _close(self) -> None:
        # Locks: _changed held
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def before_fork(self) -> None:
        with self._changed:
            self._forking = True
            quiet = self._changed.wait_for(lambda: self._calls == 0, FORK_PATIENCE_S)
            if quiet and self._client is not None and not self._client.url.startswith("memory:"):
                self._close()

    def after_fork_in_parent(self) -> None:
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        self._start()


_all: weakref.WeakSet[Connection] = weakref.WeakSet()
_fork_lock = threading.Lock()  # one fork at a time
_quiet: list[Connection] = []  # those it keeps quiet meanwhile


def _before_fork() -> None:
    _fork_lock.acquire()
    _quiet[:] = list(_all)
    for connection in _quiet:
        connection.before_fork()


def _after_fork_in_parent() -> None:
    for connection in _quiet:
        connection.after_fork_in_parent()
    _quiet.clear()
    _fork_lock.release()


def _after_fork_in_child() -> None:
    global _fork_lock
    _fork_lock = threading.Lock()
    for connection in list(_all):
        connection.after_fork_in_child()
    _quiet.clear()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
