"""pages - lists of a client, a page after the other.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Optional, TypeVar

from .client import Client
from .info import Info
from .snapshot import read

T = TypeVar("T")

WALKED = 1000
"""Records in a page, when all pages are walked."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of a list. next_cursor asks for the following ones; None: there are none."""

    items: list[T]
    next_cursor: Optional[str]


def page_of(kind: type[T], info: Info) -> Page[T]:
    following = info.text("next_cursor") if info.has("next_cursor") else None
    return Page([read(kind, record) for record in info], following)


def walk(
    client_of: Callable[[], AbstractContextManager[Client]],
    kind: type[T],
    ask: Callable[[Client, Optional[str]], Info],
) -> Iterator[T]:
    """All records of a list, each page asked for when the one before has been gone through."""
    cursor: str | None = None
    while True:
        with client_of() as client:
            page = page_of(kind, ask(client, cursor))
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
