"""frames - the frames of the child protocol (docs/children.md): bytes to tuples and back.

All is pure: no socket here. A frame is `size u32 | kind u8 | body`, big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

from ..running.delivery import Delivery, Ending, Part

# Bytes that a worker takes of a result. A frame that is much longer would end this process.
MAX_RESULT = 16 << 20
PROTOCOL = 1
# Nothing that a worker sends is longer: a payload, a checkpoint and the headers are far below it.
LONGEST = 1 << 30

_OUTCOMES = {"done": 0, "retry": 1, "archive": 2, "revoke": 3, "requeue": 4, "snooze": 5}
_REASONS = {1: "timeout", 2: "stop", 3: "lease", 4: "asked"}

_HEAD = struct.Struct(">IB")
_TASK = struct.Struct(">IIIqqBBBBII")
_GROUP = struct.Struct(">IBqIBB")
_PART = struct.Struct(">BBII")
_BEGIN = struct.Struct(">IBI")
_END = struct.Struct(">IBIBqI")
_PROGRESS = struct.Struct(">IBIqq")
_LOG = struct.Struct(">IBIB")
_REF = struct.Struct(">I")
_ASK = struct.Struct(">IBII")
_ANSWER = struct.Struct(">IIiB")

_I64 = (1 << 63) - 1
_tuple = tuple.__new__


class BadFrame(Exception):
    """The worker has sent what is no frame: the stream is of no use any more."""


class Reader:
    """Cuts what arrives into frames: (kind, body) pairs. Threads: one at a time."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that are whole now; the rest waits for more. BadFrame: a size that no frame
        has."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        frames = []
        while end - at >= 5:
            size, kind = _HEAD.unpack_from(data, at)
            if not 0 < size <= LONGEST:
                raise BadFrame(f"a frame of {size} bytes")
            if end - at < 4 + size:
                break
            frames.append((kind, data[at + 5 : at + 4 + size]))
            at += 4 + size
        self._rest = data[at:]
        return iter(frames)


def delivery_of(body: bytes) -> Delivery:
    """The body of a `T` frame. BadFrame: it is shorter than it says."""
    try:
        (
            ref, attempt, max_retry, timeout_ms, deadline_ms, has_checkpoint,
            id_size, type_size, queue_size, headers_size, checkpoint_size,
        ) = _TASK.unpack_from(body)  # fmt: skip
    except struct.error:
        raise BadFrame("a task that is too short") from None
    at = 40 + id_size + type_size + queue_size
    text = body[40:at].decode("utf-8", "replace")
    if len(text) + 40 == at:  # ASCII, as nearly always
        id = text[:id_size]
        type = text[id_size : id_size + type_size]
        queue = text[id_size + type_size :]
    else:
        id = body[40 : 40 + id_size].decode("utf-8", "replace")
        type = body[40 + id_size : at - queue_size].decode("utf-8", "replace")
        queue = body[at - queue_size : at].decode("utf-8", "replace")
    headers: dict[str, str] = {}
    checkpoint: Optional[bytes] = None
    if headers_size or has_checkpoint:
        headers = _headers(body[at : at + headers_size]) if headers_size else {}
        at += headers_size
        checkpoint = body[at : at + checkpoint_size] if has_checkpoint else None
    at += checkpoint_size
    if at > len(body):
        raise BadFrame("a task that is shorter than its parts")
    # As Delivery(...), which is a function in Python: all its fields.
    return _tuple(
        Delivery,
        (
            ref, id, type, queue, attempt, max_retry, timeout_ms, deadline_ms, headers, body[at:],
            checkpoint, (),
        ),
    )  # fmt: skip


def _headers(data: bytes) -> dict[str, str]:
    words = data.decode("utf-8", "replace").split("\0")
    return dict(zip(words[::2], words[1::2]))


class Set(NamedTuple):
    """Some tasks of a group."""

    ref: int
    more: bool
    """Another frame of the same ref follows."""
    time_ms: int
    group: str
    queue: str
    parts: list[Part]


def set_of(body: bytes) -> Set:
    """The body of a `G` frame. BadFrame: it is shorter than it says."""
    try:
        ref, more, time_ms, count, group_size, queue_size = _GROUP.unpack_from(body)
        at = _GROUP.size + group_size
        group = body[_GROUP.size : at].decode("utf-8", "replace")
        queue = body[at : at + queue_size].decode("utf-8", "replace")
        at += queue_size
        parts = []
        for _ in range(count):
            part, at = _part_of(body, at)
            parts.append(part)
    except struct.error:
        raise BadFrame("a group that is too short") from None
    if at > len(body):
        raise BadFrame("a group that is shorter than its parts")
    return Set(ref, bool(more), time_ms, group, queue, parts)


def _part_of(body: bytes, at: int) -> tuple[Part, int]:
    id_size, type_size, headers_size, size = _PART.unpack_from(body, at)
    id_at = at + _PART.size
    type_at = id_at + id_size
    headers_at = type_at + type_size
    payload_at = headers_at + headers_size
    part = Part(
        body[id_at:type_at].decode("utf-8", "replace"),
        body[type_at:headers_at].decode("utf-8", "replace"),
        _headers(body[headers_at:payload_at]) if headers_size else {},
        body[payload_at : payload_at + size],
    )
    return part, payload_at + size


def cancel_of(body: bytes) -> tuple[int, str]:
    """The body of a `C` frame: whom, and why."""
    if len(body) < 5:
        raise BadFrame("a cancel that is too short")
    return _REF.unpack_from(body)[0], _REASONS.get(body[4], "asked")


class Answer(NamedTuple):
    """What another step of a flow has left, or why there is nothing to tell."""

    ref: int
    number: int
    """Of the question."""
    status: int
    """0: data is the result; else it is the error's text."""
    data: Optional[bytes]
    """None: it has no result."""


def answer_of(body: bytes) -> Answer:
    """The body of a `Q` frame. BadFrame: it is shorter than it is to be."""
    try:
        ref, number, status, has = _ANSWER.unpack_from(body)
    except struct.error:
        raise BadFrame("an answer that is too short") from None
    return Answer(ref, number, status, body[_ANSWER.size :] if has else None)


def ending_of(body: bytes) -> Ending:
    """The body of an `e` frame."""
    outcome, delay_ms, size = struct.unpack_from(">BqI", body, 4)
    kind = next(word for word, number in _OUTCOMES.items() if number == outcome)
    text = body[17 : 17 + size].decode("utf-8", "replace")
    return Ending(kind, text, body[17 + size :], delay_ms)


def cancel(ref: int, reason: str) -> bytes:
    number = next(number for number, word in _REASONS.items() if word == reason)
    return _BEGIN.pack(6, 0x43, ref) + bytes((number,))


def stop() -> bytes:
    return _HEAD.pack(9, 0x53) + bytes(8)


def hello(lines: str) -> bytes:
    body = lines.encode("utf-8", "replace")
    return _HEAD.pack(1 + len(body), 0x68) + body


def want(count: int) -> bytes:
    return _HEAD.pack(5, 0x77) + _REF.pack(count)


def begin(ref: int) -> bytes:
    return _BEGIN.pack(5, 0x62, ref)


def end(ref: int, ending: Ending) -> bytes:
    kind, words, result, delay_ms = ending
    text = words.encode("utf-8", "replace") if words else b""
    size = len(text)
    return (
        _END.pack(18 + size + len(result), 0x65, ref, _OUTCOMES[kind], delay_ms, size)
        + text
        + result
    )


def progress(ref: int, done: int, total: int, text: str) -> bytes:
    told = text.encode("utf-8", "replace")
    return _PROGRESS.pack(21 + len(told), 0x70, ref, _fit(done), _fit(total)) + told


def checkpoint(ref: int, data: Optional[bytes]) -> bytes:
    held = data or b""
    return _BEGIN.pack(5 + len(held), 0x63, ref) + held


def parent(ref: int, number: int, step: str) -> bytes:
    told = step.encode("utf-8", "replace")
    return _ASK.pack(9 + len(told), 0x71, ref, number) + told


def log(ref: int, level: int, text: str) -> bytes:
    told = text.encode("utf-8", "replace")
    return _LOG.pack(6 + len(told), 0x6C, ref, level) + told


def _fit(number: int) -> int:
    return max(-_I64, min(_I64, int(number)))
