"""snapshot - how frozen dataclasses are read from the library's records.

Each field names where it is read from. Points in time are aware datetimes in UTC, durations
timedeltas; the _if functions give None for what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, TypeVar

from .info import Info
from .times import datetime_of, timedelta_of

T = TypeVar("T")


def read_with(read: Callable[[Info, str], object], name: str) -> Any:
    return field(metadata={"name": name, "read": lambda info: read(info, name)})


def _if_there(read: Callable[[Info, str], object], name: str) -> Any:
    return read_with(lambda info, name: read(info, name) if info.has(name) else None, name)


def number_of(name: str) -> Any:
    return read_with(Info.number, name)


def text_of(name: str) -> Any:
    return read_with(Info.text, name)


def flag_of(name: str) -> Any:
    return read_with(lambda info, name: bool(info.number(name)), name)


def time_of(name: str) -> Any:
    return read_with(lambda info, name: datetime_of(info.number(name)), name)


def span_of(name: str) -> Any:
    return read_with(lambda info, name: timedelta_of(info.number(name)), name)


def number_if(name: str) -> Any:
    return _if_there(Info.number, name)


def text_if(name: str) -> Any:
    return _if_there(Info.text, name)


def data_if(name: str) -> Any:
    return _if_there(Info.data, name)


def time_if(name: str) -> Any:
    return _if_there(lambda info, name: datetime_of(info.number(name)), name)


def span_if(name: str) -> Any:
    return _if_there(lambda info, name: timedelta_of(info.number(name)), name)


def lines_of(name: str) -> Any:
    """A tuple of the lines of a text; empty if it is missing."""
    return read_with(
        lambda info, name: tuple(info.text(name).split("\n")) if info.has(name) else (), name
    )


def _headers(info: Info, name: str) -> Mapping[str, str]:
    child = info.child(name)
    return {} if child is None else {key: child.text(key) for key in child.fields()}


def headers_of(name: str) -> Any:
    return read_with(_headers, name)


def list_of(kind: type[T], name: str) -> Any:
    """A tuple of snapshots; empty if the list is missing."""

    def records(info: Info, name: str) -> tuple[T, ...]:
        child = info.child(name)
        return () if child is None else tuple(read(kind, record) for record in child)

    return read_with(records, name)


def read(kind: type[T], info: Info) -> T:
    """One snapshot of that class, from one record."""
    values = {
        each.name: each.metadata["read"](info) for each in fields(kind)  # type: ignore[arg-type]
    }
    return kind(**values)
