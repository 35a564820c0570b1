"""connection - a client that is opened when first used, and anew in a forked child.

SQLite must not be carried over fork: connections share locks and lock tables inside a process, and
a child inherits what the tables say but not the locks. So before os.fork (multiprocessing and
prefork servers use it) calls in flight are let finish and the store is closed; parent and child
open it again at their next use. A memory: store cannot be closed without losing it: it stays with
the parent, and the child gets an empty one of its own.

Waits give way to a fork at once; other calls end within the client's timeout. All of this may be
interrupted anywhere by a signal handler, which may raise, or use the connection itself, or fork.

Threads: any. Locks: none (see holds.py).
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Union

from .client import Client
from .errors import GoferError
from .holds import LOOK_S, Hold, Holds, Turn

if TYPE_CHECKING:
    from .waits import Waits

# How long fork waits for other threads' calls. After that it goes ahead, and the store stays open.
FORK_PATIENCE_S = 10.0


Keys = Union[str, "os.PathLike[str]", None]


def keys_text(keys: Keys) -> str | None:
    """Encryption keys as the library takes them: a path begins with "/" there."""
    return keys if keys is None or isinstance(keys, str) else os.path.abspath(keys)


class Fork:
    """One that is under way, by this thread."""

    def __init__(self) -> None:
        self.thread: int = threading.get_ident()
        self.patience_end: float = time.monotonic() + FORK_PATIENCE_S

    def is_over(self) -> bool:
        """Its end was lost: an exception came into the hook that tells of it."""
        return time.monotonic() > self.patience_end + FORK_PATIENCE_S


class Connection:
    """The open client of an application, if it is open. Arguments: as Client."""

    def __init__(
        self, url: str | None, timeout_ms: int, max_payload: int, keys: str | None = None
    ) -> None:
        self._url = url
        self._timeout_ms = timeout_ms
        self._max_payload = max_payload
        self._keys = keys
        self._start()
        self._waits: Waits | None = None
        _all.add(self)

    def _start(self) -> None:
        self._holds: Holds[Client] = Holds()
        self._opening = Turn()
        # under way; new calls wait meanwhile, or those in flight would never end
        self._forks: dict[weakref.ref[Fork], None] = {}
        self._client: Client | None = None
        self._opened: weakref.WeakSet[Client] = weakref.WeakSet()  # those closed, too
        self.ready: Client | None = None
        """The client, if it may be used without a hold: by Client.try_put, which counts itself."""
        self._pid = os.getpid()

    def configure(
        self, url: str | None, timeout_ms: int, max_payload: int, keys: str | None = None
    ) -> None:
        """Other arguments, for the next opening. Threads: before the first use."""
        self._url, self._timeout_ms, self._max_payload = url, timeout_ms, max_payload
        self._keys = keys

    @property
    def given(self) -> str | None:
        """The URL that it was made with. It may hold a password."""
        return self._url

    def use(self) -> Hold[Client]:
        """The client, opened if need be and kept open meanwhile. Errors: as opening a Client."""
        if self._pid != os.getpid():  # forked by C code that told Python nothing
            self._start()
        return Hold(self._holds, self._open, self._left)

    def _open(self, hold: Hold[Client]) -> Client:
        # The hold is counted: a fork that begins from here on waits for it, and one that has begun
        # is seen here.
        while self._forks and self._is_fork_in_the_way():
            hold.step_out()
            while self._is_fork_in_the_way():
                time.sleep(LOOK_S)
            hold.step_in()
        client = self._client
        if client is None:
            client = self._open_now()
        if client is not self.ready and not self._forking():
            client.pause(False)  # it may have been, for a fork that could not close it
            self.ready = client
        return client

    def _is_fork_in_the_way(self) -> bool:
        """A signal handler's call does not wait if it has interrupted the fork, or a call that the
        fork waits for."""
        here = threading.get_ident()
        threads = self._forking()
        return bool(threads) and here not in threads and self._holds.threads().count(here) < 2

    def _forking(self) -> set[int]:
        """The threads of the forks under way."""
        threads: set[int] = set()
        for ref in list(self._forks):
            fork = ref()
            if fork is None or fork.is_over():
                self._forks.pop(ref, None)
            else:
                threads.add(fork.thread)
        return threads

    def _open_now(self) -> Client:
        with self._opening.take():
            if self._client is None:
                client = Client(
                    self._url, timeout_ms=self._timeout_ms, max_payload=self._max_payload,
                    keys=self._keys,
                )  # fmt: skip
                self._opened.add(client)
                if self._client is None:  # else a signal handler has opened one meanwhile
                    self._client = client
            return self._client

    def _left(self) -> None:
        if self._forks and threading.get_ident() in self._forking():
            self._close_for_fork()

    def _close_for_fork(self) -> None:
        # Not if a signal handler forks that has interrupted a call. Who else is counted has
        # come since the fork began, and is about to step out.
        client = self._client
        inside = threading.get_ident() in self._holds.threads()
        if client is not None and not inside and not client.url.startswith("memory:"):
            self._close()

    @property
    def waits(self) -> Waits:
        """Those for the ends of tasks."""
        if self._waits is None:
            from .waits import Waits  # not needed by who only enqueues

            made = Waits(self)
            with self._opening.take():
                self._waits = self._waits or made
        return self._waits

    def wants_back(self, client: Client) -> bool:
        """Whether who keeps it open for long shall leave it: there is a fork, or it was closed."""
        return bool(self._forks and self._forking()) or self._client is not client

    def move(self, url: str | None) -> str | None:
        """Another URL from the next opening on; the one before. For tests."""
        before, self._url = self._url, url
        return before

    def close(self) -> None:
        """Close; the next use opens again. Calls that other threads are in are let finish."""
        if self._pid != os.getpid():
            self._start()
        with self._opening.take():
            self._close()

    def _close(self) -> None:
        self.ready = None
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._wake_waits()

    def _wake_waits(self) -> None:
        if self._waits is not None:
            self._waits.wake()

    def before_fork(self, fork: Fork) -> None:
        """Let the calls of other threads finish, those that wait at once, and close."""
        self._forks[weakref.ref(fork)] = None
        self.ready = None
        self._wake_waits()
        # In this order: who is counted among the holds may have looked before there was this fork,
        # and end a pause.
        while self._holds.of_others() or self._is_used():
            if time.monotonic() > fork.patience_end:
                return
            self._interrupt()
            time.sleep(LOOK_S / 5)
        self._close_for_fork()

    def _is_used(self) -> bool:
        """Whether somebody is in a client without a hold. From here on nobody enters."""
        return any([client.pause(True) for client in list(self._opened)])

    def _interrupt(self) -> None:
        client = self._client
        if client is not None:
            try:
                client.interrupt()
            except GoferError:
                pass  # another thread has closed it meanwhile

    def after_fork_in_child(self) -> None:
        self._start()
        if self._waits is not None:
            self._waits.after_fork_in_child()


_all: weakref.WeakSet[Connection] = weakref.WeakSet()
# Those under way, by their threads. A signal handler may fork while its thread does.
_forks: dict[int, list[Fork]] = {}


def _before_fork() -> None:
    fork = Fork()
    _forks.setdefault(fork.thread, []).append(fork)
    for connection in list(_all):
        connection.before_fork(fork)


def _after_fork_in_parent() -> None:
    mine = _forks.get(threading.get_ident())
    if mine:
        mine.pop()  # and forgotten, so it is over


def _after_fork_in_child() -> None:
    _forks.clear()
    for connection in list(_all):
        connection.after_fork_in_child()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
