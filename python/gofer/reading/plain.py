"""plain - single values: numbers, text, times, ids, bytes.

A reader takes a plain value and gives what the annotation asks for, or raises PayloadMismatch. What
has that type already passes: codecs other than JSON know more types.

The modules decimal, pathlib and uuid are not imported here: who annotates with their classes has
imported them, and other processes that run tasks save a MiB.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Optional

from ..errors import InvalidArgument
from ..times import aware, duration_ms, timedelta_of
from .mismatch import PayloadMismatch, wrong

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import PurePath
    from uuid import UUID

Reader = Callable[[Any], Any]

_BIGGEST = 1.7976931348623157e308
_EXACT = 2**53  # whole numbers up to it are the same as floats
_DAY = r"\d{4}-\d\d-\d\d"
_CLOCK = r"(\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?(Z|z|[+-]\d\d:\d\d(?::\d\d)?)?"
_IS_DAY = re.compile(_DAY, re.ASCII)
_IS_CLOCK = re.compile(_CLOCK, re.ASCII)
_IS_TIME = re.compile(f"({_DAY})[Tt ]{_CLOCK}", re.ASCII)


def whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        return int(value)  # 3.0: some languages know floats only
    raise wrong("a whole number", value)


def real(value: Any) -> float:
    if isinstance(value, float):
        if -_BIGGEST <= value <= _BIGGEST:
            return value
        raise PayloadMismatch("needs a number that a float can hold")
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise PayloadMismatch("needs a number that a float can hold") from None
        if number == value:
            return number
        raise PayloadMismatch("needs a number that a float can hold exactly")
    raise wrong("a number", value)


def boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise wrong("true or false", value)


def text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise wrong("text", value)


def nothing(value: Any) -> None:
    if value is not None:
        raise wrong("null", value)


def raw(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if type(value) is dict and len(value) == 1 and type(value.get("base64")) is str:
        try:
            return base64.b64decode(value["base64"].encode("ascii"), validate=True)
        except (binascii.Error, ValueError):
            raise PayloadMismatch("its base64 is not valid") from None
    raise wrong('bytes as {"base64": "..."}', value)


def raw_array(value: Any) -> bytearray:
    return value if isinstance(value, bytearray) else bytearray(raw(value))


def raw_view(value: Any) -> memoryview:
    return value if isinstance(value, memoryview) else memoryview(raw(value))


def moment(value: Any) -> datetime:
    """Always with a zone; digits below the microsecond are cut off, for Python has none."""
    if isinstance(value, datetime):
        return value
    found = _IS_TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise wrong("a time as text in RFC 3339", value)
    day, clock, digits, offset = found.groups()
    try:
        made = datetime.fromisoformat(f"{day}T{_clock(clock, digits, offset)}")
        if made.tzinfo is None:  # local time, as everywhere in gofer
            made = aware(made).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise PayloadMismatch(f"is no time: {error}") from None
    return made


def _clock(clock: str, digits: Optional[str], offset: Optional[str]) -> str:
    """As every Python's fromisoformat takes it."""
    if len(clock) == 5:
        clock += ":00"
    if digits:
        clock += "." + digits[:6].ljust(6, "0")
    if offset:
        clock += "+00:00" if offset in "Zz" else offset
    return clock


def day(value: Any) -> date:
    if type(value) is date:
        return value
    if isinstance(value, str) and _IS_DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise PayloadMismatch(f"is no date: {error}") from None
    raise wrong("a date as text, YYYY-MM-DD", value)


def time_of_day(value: Any) -> time:
    if isinstance(value, time):
        return value
    found = _IS_CLOCK.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise wrong("a time of day as text, HH:MM:SS", value)
    try:
        return time.fromisoformat(_clock(*found.groups()))
    except ValueError as error:
        raise PayloadMismatch(f"is no time of day: {error}") from None


def span(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _seconds(value)
    if isinstance(value, str):
        try:
            return timedelta_of(duration_ms(value))
        except InvalidArgument:
            pass
    raise wrong("a duration as seconds, or text such as '1h30m'", value)


def _seconds(value: float) -> timedelta:
    try:
        if isinstance(value, int) or value.is_integer():
            return timedelta(seconds=int(value))
        made = timedelta(microseconds=round(value * 1_000_000))
    except (OverflowError, ValueError):
        raise PayloadMismatch("needs a duration that Python can hold") from None
    if not math.isclose(made.total_seconds(), value, rel_tol=1e-15, abs_tol=0):
        raise PayloadMismatch("needs a duration in whole microseconds")
    return made


def loaded(module: str, name: str) -> Any:
    """A class of the standard library, if its module is loaded: without that there is neither a
    value of it nor an annotation with it."""
    return getattr(sys.modules.get(module), name, None)


def unique_id(value: Any) -> UUID:
    kind: type[UUID] = loaded("uuid", "UUID")
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        try:
            return kind(value)
        except ValueError:
            pass
    raise wrong("a UUID as text", value)


def decimal(value: Any) -> Decimal:
    kind: type[Decimal] = loaded("decimal", "Decimal")
    if isinstance(value, kind):
        return value
    if isinstance(value, str) and value.isascii() and value == value.strip() and "_" not in value:
        try:
            return kind(value)
        except ArithmeticError:
            pass
    elif isinstance(value, int) and not isinstance(value, bool):
        return kind(value)
    elif isinstance(value, float) and math.isfinite(value):
        return kind(repr(value))  # the digits that were written, up to 15 of them
    raise wrong("a decimal number as text", value)


def path_reader(kind: type[PurePath]) -> Reader:
    def path(value: Any) -> PurePath:
        if isinstance(value, kind):
            return value
        if isinstance(value, str):
            return kind(value)
        raise wrong("a path as text", value)

    return path


def subclass_reader(kind: type, base: Reader) -> Reader:
    """Of a class of the program's own that is a str, int or float."""

    def own(value: Any) -> Any:
        return value if isinstance(value, kind) else made_by(kind, base(value))

    return own


def made_by(kind: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a class of the program's own; what its checks say is a mismatch."""
    try:
        return kind(*args, **kwargs)
    except PayloadMismatch:
        raise
    except (ValueError, TypeError, AssertionError) as error:
        reason = str(error) or type(error).__name__
        raise PayloadMismatch(f"is no {kind.__name__}: {reason}") from error


READERS: dict[Any, Reader] = {
    int: whole, float: real, bool: boolean, str: text, type(None): nothing, None: nothing,
    bytes: raw, bytearray: raw_array, memoryview: raw_view, datetime: moment, date: day,
    time: time_of_day, timedelta: span,
}  # fmt: skip


def late_reader(kind: type) -> Reader | None:
    """Of a class of the standard library that is not among READERS."""
    if kind is loaded("uuid", "UUID"):
        return unique_id
    if kind is loaded("decimal", "Decimal"):
        return decimal
    base = loaded("pathlib", "PurePath")
    return path_reader(kind) if base is not None and issubclass(kind, base) else None


EXACT: dict[Any, type] = {whole: int, text: str, boolean: bool}
"""What these readers give back untouched, and need not be called for."""


# ---- keys: JSON has text only --------------------------------------------------------


def whole_key(key: Any) -> int:
    if isinstance(key, str) and re.fullmatch(r"0|-?[1-9][0-9]*", key):
        try:
            return int(key)
        except ValueError:  # thousands of digits
            pass
    elif isinstance(key, int) and not isinstance(key, bool):
        return key
    raise wrong("a whole number as its key", key)


def real_key(key: Any) -> float:
    if isinstance(key, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", key):
        return real(float(key))
    if isinstance(key, str):
        raise wrong("a number as its key", key)
    return real(key)


_WORDS = {"true": True, "false": False}


def boolean_key(key: Any) -> bool:
    if isinstance(key, str) and key in _WORDS:
        return _WORDS[key]
    if isinstance(key, bool):
        return key
    raise wrong("true or false as its key", key)


def nothing_key(key: Any) -> None:
    if key is not None and key != "null":
        raise wrong("null as its key", key)


KEY_READERS: dict[Any, Reader] = {
    whole: whole_key, real: real_key, boolean: boolean_key, nothing: nothing_key,
}  # fmt: skip
"""In place of the readers of values."""


def other_key(part: Reader) -> Reader:
    """A key of an enumeration, say: by its text, or by the number that it is the text of."""

    def read(key: Any) -> Any:
        try:
            return part(key)
        except PayloadMismatch:
            for of_text in (whole_key, real_key, boolean_key):
                try:
                    return part(of_text(key))
                except PayloadMismatch:
                    pass
            raise

    return read
