"""putting - tasks on their way in: one by one, or many in one call. By gate.c, which does each with
one call of C.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import GoferError, NoMemory, check, error_of
from ..info import py_text, take_text
from ..native import ffi, lib
from ..put import Mold, Put, TaskId, id_text
from .opened import Opened


class Putting(Opened):
    """A client that puts tasks in."""

    def enqueue(self, put: Put) -> str:
        """Add one task and return its id; it is durable then. A repeat with the same id, type,
        queue and payload adds nothing and is no error.

        Errors: InvalidArgument, TaskExists (the id is held by another task), TooBig, NoSpace,
        BrokerError, Uncertain.
        """
        return self.put(Mold(put.type, vars(put)), _bytes(put.payload))

    def enqueue_many(self, puts: Sequence[Put]) -> list[str | GoferError]:
        """Add many tasks in one call; each has its own fate: its id, or the error (not raised).

        Raises only what concerns the whole: Forked, WrongState, NoMemory.
        """
        molds = [Mold(put.type, vars(put)) for put in puts]
        return self.put_many(molds, [_bytes(put.payload) for put in puts])

    def put(self, mold: Mold, payload: bytes) -> str:
        """As enqueue."""
        with self._open():
            one = lib.gofer_py_put(self._gate, 1, mold.c(), payload, len(payload))
            return _long_id_of(one) if one.status else id_text(one)

    def try_put(self, mold: Mold, payload: bytes) -> Any:
        """As put, at less cost, for who can do it the other way if this is not the moment: None,
        and nothing was done. It is none while the client is paused, when it is closed, and in a
        forked child. Else it is the id, or what id_text makes it of: many ask for none."""
        one = self._put_one(self._gate, 0, mold.made or mold.c(), payload, len(payload))
        status = one.status
        if not status:
            return one
        return None if status in _ANOTHER_WAY else _long_id_of(one)

    def put_many(self, molds: Sequence[Mold], payloads: Sequence[bytes]) -> list[str | GoferError]:
        """As enqueue_many."""
        batch = _Batch(molds, payloads)
        with self._open():
            batch.put(self._gate, 1)
            return batch.fates()

    def try_put_many(
        self, molds: Sequence[Mold], payloads: Sequence[bytes]
    ) -> list[str | GoferError] | None:
        """As put_many, in the way of try_put."""
        batch = _Batch(molds, payloads)
        return None if batch.put(self._gate, 0) in _ANOTHER_WAY else batch.fates()


# What says that nothing was done, and that the client is not to be used now, or here.
_ANOTHER_WAY = (lib.GOFER_PY_SHUT, lib.GOFER_EFORKED)


def _long_id_of(one: Any) -> str:
    """The id of a task that is in, and has such a one. Errors: what it was refused for. Call it
    right after, as check."""
    if one.status != lib.GOFER_PY_LONG_ID:
        check(one.status)
    return TaskId(take_text(one.long_id), one.effect)


class _Batch:
    """Many tasks on their way in, packed for one call."""

    def __init__(self, molds: Sequence[Mold], payloads: Sequence[bytes]) -> None:
        count = len(molds)
        self._molds = molds
        self._c_molds = ffi.new("gofer_py_mold *[]", [mold.c() for mold in molds])
        self._payloads = ffi.from_buffer(b"".join(payloads))
        self._sizes = ffi.new("size_t[]", list(map(len, payloads)))
        self._statuses = ffi.new("gofer_status[]", count)
        self._effects = ffi.new("int32_t[]", count)
        self._ids = ffi.new("char *[]", count)
        self._c = ffi.new("gofer_py_batch *")
        self._c.count = count
        self._c.molds = self._c_molds
        self._c.payloads = self._payloads
        self._c.sizes = self._sizes
        self._c.statuses = self._statuses
        self._c.effects = self._effects
        self._c.ids = self._ids
        self._status = 0
        self._why = ""

    def put(self, gate: Any, anyway: int) -> int:
        """The status of the whole."""
        self._status = lib.gofer_py_put_many(gate, anyway, self._c)
        if self._status != lib.GOFER_OK:
            self._why = py_text(lib.gofer_error_last())
        return int(self._status)

    def fates(self) -> list[str | GoferError]:
        """Each task's id or error. Raises what concerns the whole."""
        status = self._status
        if status == lib.GOFER_OK:
            return list(self._texts())
        if status == lib.GOFER_PY_NO_MEMORY:
            raise NoMemory("no memory for a batch of tasks")
        if lib.GOFER_PY_NOT_REACHED in list(self._statuses):
            raise error_of(status, self._why or None)
        return list(self._mixed())

    def _texts(self) -> list[str]:
        if not self._c.text:  # there was no memory to make one of them all
            return self._told([take_text(each) if each else "" for each in self._ids])
        text = ffi.gc(self._c.text, lib.gofer_py_text_free)
        self._c.text = ffi.NULL
        whole: bytes = ffi.unpack(text, self._c.text_size)
        return self._told(whole.decode("utf-8", "replace").split("\0")[:-1])

    def _told(self, ids: list[str]) -> list[str]:
        """With what has been done, where that was more than adding a task."""
        for index, effect in enumerate(self._effects):
            if effect:
                ids[index] = TaskId(ids[index], effect)
        return ids

    def _mixed(self) -> Iterator[str | GoferError]:
        """The library tells the cause of the first failure, which has the status of the whole; the
        others get the general sentence of theirs."""
        first = self._status
        for index, (task_id, each) in enumerate(zip(self._texts(), list(self._statuses))):
            if each == lib.GOFER_OK:
                yield task_id
            elif each == first:
                yield error_of(each, self._why or None)
                first = lib.GOFER_OK
            else:
                mold = self._molds[index]
                where = f"task {index} of the batch, '{mold.type}' for queue '{mold.queue}'"
                yield error_of(each, f"{where}: {error_of(each)}")


def _bytes(payload: Any) -> bytes:
    return payload if type(payload) is bytes else bytes(memoryview(payload))
