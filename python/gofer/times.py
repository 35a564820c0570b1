"""times - durations and points in time as Python has them, and the library's milliseconds.

Both round up, so that nothing starts early. No store, no state.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone
from typing import Any, Union

from .errors import InvalidArgument, check
from .native import ffi, lib

Duration = Union[int, float, timedelta, str]
"""Seconds, a timedelta, or text: "250ms", "30s", "5m", "1h30m", "2d", "1w"."""

Moment = Union[datetime, str]
"""A datetime, or text: "2026-11-23T18:00:00Z" (RFC 3339), "@1795456800" (Unix seconds). One without
a time zone is local time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS = timedelta(milliseconds=1)
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LAST_MS = 253402300799999  # the last one of the year 9999, which is the library's limit


def duration_ms(value: Duration, what: str = "duration") -> int:
    """Milliseconds. InvalidArgument: negative, over 100 years, not a number; TypeError: another
    type."""
    if isinstance(value, timedelta):
        ms = _up(value)
    elif isinstance(value, str):
        ms = _duration_of(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, float) and math.isnan(value):
            raise InvalidArgument(
                f"{what} is {value}: write seconds, a timedelta, or text such as '5m'"
            )
        if not 0 <= value <= lib.GOFER_MAX_DURATION_MS // 1000:
            raise _not_a_duration(value, what)
        # Round the noise of binary fractions away (1.1 * 1000) before rounding up.
        ms = value * 1000 if isinstance(value, int) else math.ceil(round(value * 1000, 6))
    else:
        raise TypeError(
            f"{what} must be seconds, a timedelta, or text such as '5m', not {_kind(value)}"
        )
    if not 0 <= ms <= lib.GOFER_MAX_DURATION_MS:
        raise _not_a_duration(value, what)
    return ms


def _not_a_duration(value: object, what: str) -> InvalidArgument:
    try:
        text = f"{value}"
    except ValueError:  # a whole number of thousands of digits
        text = "too large"
    return InvalidArgument(f"{what} is {text[:80]}: it must be from 0 to 100 years")


def moment_ms(value: Moment, what: str = "time") -> int:
    """Unix milliseconds, at least 1. InvalidArgument: not from 1970 to 9999; TypeError: another
    type."""
    if isinstance(value, datetime):
        try:
            ms = _up(aware(value) - _EPOCH)
        except (OverflowError, OSError, ValueError) as error:
            raise InvalidArgument(f"{what} is {value}: out of range ({error})") from None
    elif isinstance(value, str):
        ms = _parse(lib.gofer_parse_time, value)
    else:
        hint = "; a date has no time of day: make it a datetime" if isinstance(value, date) else ""
        raise TypeError(f"{what} must be a datetime or text in RFC 3339, not {_kind(value)}{hint}")
    if ms < 0:
        raise InvalidArgument(f"{what} is {value}: before 1970")
    if ms > _LAST_MS:
        raise InvalidArgument(f"{what} is {value}: it must be before the year 10000")
    return max(ms, 1)  # 0 means "not given" to the library


def aware(value: datetime) -> datetime:
    """The moment that a datetime means, in UTC; one without a zone is local time.

    A time that clocks leave out in spring is reckoned with the offset of before, as everywhere in
    gofer. So Python does, but for fold=1, which here speaks of a time that is shown twice and of
    nothing else.
    """
    moment = _utc(value)
    return max(moment, _utc(value.replace(fold=0))) if value.fold else moment


def _utc(value: datetime) -> datetime:
    if value.utcoffset() is not None:
        return value.astimezone(timezone.utc)
    # Not astimezone, which takes the offset of after a gap for a time in it, and
    # so is an hour early.
    seconds = value.replace(microsecond=0, tzinfo=None).timestamp()
    return _EPOCH + timedelta(seconds=seconds, microseconds=value.microsecond)


def datetime_of(ms: int) -> datetime:
    """An aware datetime in UTC."""
    return _EPOCH + ms * _MS


def timedelta_of(ms: int) -> timedelta:
    return ms * _MS


def now_ms() -> int:
    return _up(datetime.now(timezone.utc) - _EPOCH)


def _up(value: timedelta) -> int:
    ms, rest = divmod(value, _MS)
    return ms + bool(rest)


def _duration_of(text: str) -> int:
    """What the library reads in it. Whole numbers, as nearly all are, are read here: applications
    give durations where they declare tasks, which is to work without the library."""
    ms = 0
    if re.fullmatch(r"(?:[0-9]{1,9}(?:ms|[smhdw]))+", text):
        for number, unit in re.findall(r"([0-9]+)([a-z]+)", text):
            ms += int(number) * _UNITS[unit]
        if ms <= lib.GOFER_MAX_DURATION_MS:
            return ms
    return _parse(lib.gofer_parse_duration, text)


def _parse(parser: Any, text: str) -> int:
    out = ffi.new("int64_t *")
    check(parser(c_text(text, "duration or time"), out))
    return int(out[0])


def c_text(value: str, what: str) -> bytes:
    """UTF-8 for a C string. InvalidArgument: it holds a NUL, which would cut it short there, or a
    lone surrogate."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {_kind(value)}")
    try:
        text = value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{what} is {value!r}: not valid Unicode ({error.reason})") from None
    if b"\0" in text:
        raise InvalidArgument(f"{what} is {value!r}: it may not hold a NUL character")
    return text


def _kind(value: object) -> str:
    return type(value).__name__
