"""info - the library's snapshots as objects: records with named fields, lists of records.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .errors import check
from .native import ffi, lib


class Info:
    """A snapshot from inspection: a record with named fields, or a list of records.

    It lives as long as anything taken from it does. Threads: any.
    """

    __slots__ = ("_info", "_root")

    def __init__(self, info: Any, root: Any = None) -> None:
        self._info = info
        self._root = root  # what must outlive a borrowed record

    def __len__(self) -> int:
        return int(lib.gofer_info_count(self._info))

    def __iter__(self) -> Iterator[Info]:
        for index in range(len(self)):
            yield Info(lib.gofer_info_at(self._info, index), self._root or self._info)

    def fields(self) -> list[str]:
        count = lib.gofer_info_field_count(self._info)
        return [py_text(lib.gofer_info_field_name(self._info, index)) for index in range(count)]

    def has(self, field: str) -> bool:
        return bool(lib.gofer_info_has(self._info, field.encode()))

    def number(self, field: str) -> int:
        """The number; 0 if it is missing."""
        return int(lib.gofer_info_int(self._info, field.encode(), 0))

    def text(self, field: str) -> str:
        """The text; "" if it is missing."""
        found = lib.gofer_info_text(self._info, field.encode())
        return py_text(found) if found else ""

    def data(self, field: str) -> bytes:
        """The bytes; b"" if they are missing."""
        size = ffi.new("size_t *")
        found = lib.gofer_info_bytes(self._info, field.encode(), size)
        return ffi.unpack(ffi.cast("const char *", found), size[0]) if found else b""

    def child(self, field: str) -> Info | None:
        found = lib.gofer_info_child(self._info, field.encode())
        return Info(found, self._root or self._info) if found else None

    def json(self) -> str:
        """The whole as JSON text."""
        out = ffi.new("char **")
        check(lib.gofer_info_json(self._info, out))
        return take_text(out[0])


def py_text(borrowed: Any) -> str:
    """A C string as str."""
    return str(ffi.string(borrowed).decode("utf-8", "replace"))


def take_text(owned: Any) -> str:
    """The text, its memory given back."""
    return py_text(ffi.gc(owned, lib.gofer_free))
