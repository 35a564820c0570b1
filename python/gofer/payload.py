"""payload - how arguments become the bytes of a task, and back.

The default is plain JSON, so that handlers in C, Lua, Go and shell read a natural body. Never
pickle: whoever may write to a queue must not be able to run code. Knows no store.
"""

from __future__ import annotations

import base64
import dataclasses
import inspect
import json
from collections import deque
from collections.abc import Mapping, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, NoReturn, Protocol
from uuid import UUID

from .errors import InvalidArgument
from .reading.models import is_model, plain_of
from .times import aware


class Codec(Protocol):
    """Turns values into payloads. A task's value is the mapping of its parameters by name."""

    def encode(self, value: Any) -> bytes:
        """The payload. InvalidArgument or TypeError: the value cannot be written in this form."""

    def decode(self, payload: bytes) -> Any:
        """The plain value; types that the form does not know come back as what they were written
        as."""


class JsonCodec:
    """JSON in UTF-8, without spaces. Beside what JSON knows:

    ==================================  ===========================================================
    datetime                            RFC 3339 with its offset; one without a zone is local time
    date, time, UUID, Decimal, Path     text
    timedelta                           seconds
    Enum                                its value
    dataclass                           an object of its fields
    set, frozenset, tuple, deque        a list
    bytes                               {"base64": "..."}
    pydantic's models and types         as pydantic writes them
    keys that are one of these          their text
    ==================================  ===========================================================

    NaN and infinity are refused: they are not JSON. decode gives plain values; what a task's
    annotations make of them is in docs/python.md.
    """

    def encode(self, value: Any) -> bytes:
        try:
            try:
                text = _ENCODER.encode(value)
            except TypeError:  # it may be a key: JSON's own are rewritten by nobody
                text = _ENCODER.encode(_keyed(value))
            return text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InvalidArgument(
                f"the payload holds text that is not valid Unicode: {error}"
            ) from None
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgument(f"the payload cannot be written as JSON: {error}") from error

    def decode(self, payload: bytes) -> Any:
        try:
            # Not json.loads: it takes NaN, and UTF-16.
            return _DECODER.decode(str(payload, "utf-8"))
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"the payload is not JSON: {error}") from error


class BytesCodec:
    """The bytes themselves, for tasks with one parameter that is bytes."""

    def encode(self, value: Any) -> bytes:
        if isinstance(value, Mapping) and len(value) == 1:
            (value,) = value.values()
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise InvalidArgument(
                f"the payload must be one value of bytes, not {type(value).__name__}"
            )
        return bytes(value)

    def decode(self, payload: bytes) -> Any:
        return payload


def _plain(value: Any) -> Any:
    """What JSON knows in place of a value it does not."""
    if isinstance(value, datetime):  # before date, which it is too
        return (value if value.tzinfo else aware(value).astimezone()).isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _seconds(value)
    if isinstance(value, (UUID, Decimal, PurePath)):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_model(type(value)):
        return plain_of(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, (Set, deque)):
        return list(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"no form for {type(value).__module__}.{type(value).__qualname__}")


def _seconds(value: timedelta) -> float:
    if not value.microseconds:
        return value.total_seconds()
    seconds = value.total_seconds()
    if round(seconds * 1_000_000) != value // _MICROSECOND:
        raise TypeError("a duration of centuries with microseconds has no exact form")
    return seconds


_MICROSECOND = timedelta(microseconds=1)


def _keyed(value: Any) -> Any:
    """The value with the keys of its mappings as JSON can have them. TypeError: one has no form."""
    if isinstance(value, dict):
        made = {_key(key): _keyed(each) for key, each in value.items()}
        if len(made) != len(value):
            raise TypeError("two keys of an object have the same text")
        return made
    if isinstance(value, (list, tuple)):
        return [_keyed(each) for each in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return _keyed(_plain(value))


def _key(key: Any) -> Any:
    if key is None or isinstance(key, (str, int, float)):
        return key
    plain = _plain(key)
    if isinstance(plain, (str, int, float)):
        return plain
    raise TypeError(f"a {type(key).__name__} is no key of an object")


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_not_json)


# Made once: json.dumps would make one for each call with these settings. It has no state.
_ENCODER = json.JSONEncoder(
    default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
)


class Naming:
    """`named` for one function, in a third of the time for the calls that most functions get.

    signature  of the function, without what is injected
    """

    def __init__(self, signature: inspect.Signature) -> None:
        kinds = [parameter.kind for parameter in signature.parameters.values()]
        self._signature = signature
        self._names = tuple(signature.parameters)
        self._plain = all(
            kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            for kind in kinds
        )
        self._most = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._defaults = {
            name: parameter.default
            for name, parameter in signature.parameters.items()
            if parameter.default is not parameter.empty
        }

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """As named(signature, args, kwargs), which tells what is wrong with a call."""
        if not self._plain or len(args) > self._most:
            return named(self._signature, args, kwargs)
        body = dict(zip(self._names, args))
        by_name = 0
        for name in self._names[len(args) :]:
            if name in kwargs:
                body[name] = kwargs[name]
                by_name += 1
            elif name in self._defaults:
                body[name] = self._defaults[name]
            else:
                return named(self._signature, args, kwargs)
        if by_name != len(kwargs):
            return named(self._signature, args, kwargs)
        return body


def named(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Arguments of a call by the names of the parameters, defaults filled in: the body of a task.

    *args become a list under its own name; **kwargs are spread among the others.
    TypeError: the call does not fit, said as Python says it.
    """
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    body: dict[str, Any] = {}
    spread: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            spread = bound.arguments[name]
        else:
            body[name] = bound.arguments[name]
    clash = body.keys() & spread.keys()
    if clash:  # possible with positional-only parameters
        raise TypeError(f"both a parameter and a keyword are named {', '.join(sorted(clash))}")
    body.update(spread)
    return body
