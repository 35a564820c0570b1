"""writing - values as the plain ones that every form of a payload has, and where in the whole a
value stands that has none.

The counterpart of reading/. Knows no form itself: codecs say what they can write.
"""

from __future__ import annotations

import base64
import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Set
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, Union

from .errors import InvalidArgument
from .reading.mismatch import path_text
from .reading.models import is_model, plain_of
from .reading.plain import loaded
from .times import aware

_MICROSECOND = timedelta(microseconds=1)


def plain(value: Any) -> Any:
    """What stands in place of a value that the form does not know. TypeError: nothing does."""
    if isinstance(value, datetime):  # before date, which it is too
        return zoned(value).isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _seconds(value)
    if _is_text(value):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_model(type(value)):
        return plain_of(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Set):
        return _ordered(value)
    if isinstance(value, deque):
        return list(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"base64": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"a {_named(value)} has no form{_advice(value)}")


def _is_text(value: Any) -> bool:
    """Whether it is of one of the classes whose text is their form."""
    for module, name in (("uuid", "UUID"), ("decimal", "Decimal"), ("pathlib", "PurePath")):
        kind = loaded(module, name)
        if kind is not None and isinstance(value, kind):
            return True
    return False


def zoned(value: datetime) -> datetime:
    """With a zone: without one it is local time, as everywhere in gofer."""
    return value if value.tzinfo else aware(value).astimezone()


def _seconds(value: timedelta) -> float:
    if not value.microseconds:
        return value.total_seconds()
    seconds = value.total_seconds()
    if round(seconds * 1_000_000) != value // _MICROSECOND:
        raise TypeError("a duration of centuries with microseconds has no exact form")
    return seconds


def _ordered(values: Set[Any]) -> list[Any]:
    """In an order that does not change from process to process, if there is one: the same set is
    the same payload, which ids and unique locks go by."""
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def _named(value: Any) -> str:
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return module + kind.__qualname__


def _advice(value: Any) -> str:
    if isinstance(value, type):
        return ": it is a class, not a value"
    if isinstance(value, Iterator):
        return ": make a list of it"
    if hasattr(value, "__await__"):
        return ": await it first"
    return ""


def text_key(key: Any) -> Any:
    """A key as JSON can have it. TypeError: it has no form that is a key."""
    if key is None or isinstance(key, (str, int, float)):
        return key
    found = key if isinstance(key, tuple) else plain(key)
    if isinstance(found, (str, int, float)):
        return found
    raise TypeError(f"a {_named(key)} is no key of an object")


def same_size(made: dict[Any, Any], value: dict[Any, Any]) -> dict[Any, Any]:
    """What was made of a dict. TypeError: two of its keys have become one."""
    if len(made) != len(value):
        raise TypeError("two keys of an object have the same text")
    return made


def refusal(value: Any, form: str, write: Callable[[Any], Any], error: Exception) -> Exception:
    """The error that tells where in the value what stands that cannot be written.

    write  raises for a value that cannot be written
    error  what it has raised for the whole
    """
    path: list[Union[str, int]] = []
    seen = {id(value)}
    found = True
    while found and not isinstance(error, RecursionError):
        found = False
        for part, child in _children(value):
            try:
                write(child)
            except Exception as inner:
                found = id(child) not in seen  # else it holds itself, and has no innermost part
                seen.add(id(child))
                path.append(part)
                value, error = child, inner
                break
    where = path_text(path)
    problem = f"{where}: {_problem(value, error)}" if where else _problem(value, error)
    return InvalidArgument(f"cannot be written as {form}: {problem}")


def _children(value: Any) -> Iterator[tuple[Union[str, int], Any]]:
    if not isinstance(value, (dict, list, tuple)):
        try:
            value = plain(value)
        except (TypeError, ValueError):
            return
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key), each
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def _problem(value: Any, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply, or holds itself"
    if isinstance(value, float):
        return f"{value!r} is not a finite number"
    if isinstance(error, UnicodeEncodeError):
        return f"it is text that is not valid Unicode ({error})"
    if isinstance(error, OverflowError):
        return "it is a whole number of more than 64 bits"
    if "ircular" in str(error):
        return "it holds itself"
    return str(error)


def not_of(form: str, payload: bytes, error: Exception) -> InvalidArgument:
    """The error for bytes that are not of this form."""
    told = str(error) or type(error).__name__
    return InvalidArgument(f"the payload is not {form}{_rather(form, payload[:1])}: {told}")


def _rather(form: str, first: bytes) -> str:
    """ "begins as JSON does": what the payload of another codec may be; or nothing."""
    if first in (b"{", b"[", b'"') and form != "JSON":
        return ", and begins as JSON does"
    if first and (0x80 <= first[0] <= 0x9F or 0xDC <= first[0] <= 0xDF) and form != "msgpack":
        return ", and begins as msgpack does"
    return ""
