# mypy: disable-error-code="import-not-found,import-untyped"
"""msgpack - the codec of that name: payloads that are small, and hold bytes as they are.

    app = gofer.Gofer(codec=gofer.MsgpackCodec())       # pip install 'gofer[msgpack]'

Loads the package of that name when a codec is made, and not before.
"""

from __future__ import annotations

import math
from datetime import datetime
from enum import Enum
from typing import Any, cast

from .writing import not_of, plain, refusal, same_size, text_key, zoned

DEEPEST = 400
"""Levels of lists and objects that are written; the packer itself has a few more."""

_AS_THEY_ARE = frozenset({str, int, bool, bytes, type(None)})
_TEXT = frozenset({str})


class MsgpackCodec:
    """MessagePack. Beside what it knows by itself, of which bytes are one:

    ==================================  ===========================================================
    datetime                            its timestamp, in UTC; one without a zone is local time
    bytearray, memoryview               bytes
    keys                                text, numbers, booleans, None and bytes as they are; else
                                        their text
    all others                          as JsonCodec writes them
    ==================================  ===========================================================

    Whole numbers of more than 64 bits, NaN and infinity are refused. decode gives plain values, and
    a datetime in UTC for a timestamp. Threads: any. ImportError: msgpack is not installed.
    """

    name = "msgpack"

    def __init__(self) -> None:
        try:
            import msgpack
        except ImportError as error:
            raise ImportError(
                "gofer.MsgpackCodec needs the package msgpack: pip install 'gofer[msgpack]'"
            ) from error
        self._msgpack = msgpack

    def encode(self, value: Any) -> bytes:
        try:
            return self._packed(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise refusal(value, self.name, self._packed, error) from error

    def _packed(self, value: Any) -> bytes:
        return cast(bytes, self._msgpack.packb(self._native(value, DEEPEST), datetime=True))

    def decode(self, payload: bytes) -> Any:
        try:
            return self._msgpack.unpackb(payload, timestamp=3, strict_map_key=False)
        except (
            TypeError, ValueError, OverflowError, RecursionError, self._msgpack.UnpackException
        ) as error:  # fmt: skip
            raise not_of(self.name, payload, error) from error

    def _native(self, value: Any, room: int) -> Any:
        """What the packer writes without loss. TypeError, ValueError: nothing is. One frame for
        each level: the stack of the program may be deep already."""
        if type(value) in _AS_THEY_ARE:
            return value
        if room == 0:
            raise RecursionError("nested too deeply")
        if isinstance(value, dict):
            if _TEXT.issuperset(map(type, value)) and _AS_THEY_ARE.issuperset(
                map(type, value.values())
            ):
                return value
            made: dict[Any, Any] = {}
            for name, each in value.items():
                made[self._key(name)] = self._native(each, room - 1)
            return same_size(made, value)
        if isinstance(value, self._msgpack.ExtType):  # a tuple, too
            return value
        if isinstance(value, (list, tuple)):
            if _AS_THEY_ARE.issuperset(map(type, value)):
                return value
            items = []
            for each in value:
                items.append(self._native(each, room - 1))
            return items
        return self._single(value, room)

    def _single(self, value: Any, room: int) -> Any:
        if isinstance(value, Enum):  # some are numbers or text, too
            return self._native(value.value, room - 1)
        if isinstance(value, float):
            return _finite(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, str):
            return str(value)
        if isinstance(value, datetime):
            return zoned(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        return self._native(plain(value), room - 1)

    def _key(self, key: Any) -> Any:
        if isinstance(key, (bool, bytes)) or key is None:
            return key
        return self._native(text_key(key), 1)


def _finite(value: float) -> float:
    if math.isfinite(value):
        return float(value)
    raise ValueError("it is no number")
