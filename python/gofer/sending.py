"""sending - what an application does around putting tasks in: hooks for each task (on_enqueue), and
generators around one putting in of one task or many (around_enqueue).

Knows no store: who puts in opens a Trip, puts trip.items in, and leaves their fates with it.

Threads: hooks are added while the application is set up; afterwards any.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Optional, TypeVar

from .task import Item, Result

Hook = Callable[[Item], Optional[Item]]
"""Gets a task before it goes in, and may give another one in its place."""

Around = Callable[[list[Item]], Generator[list[Item], list[Result], None]]
"""Gets all tasks of one call, yields as many to be put in, and is told their fates. What concerns
the whole call is raised at the yield."""

H = TypeVar("H", bound=Hook)
A = TypeVar("A", bound=Around)


class Sending:
    """The hooks of an application."""

    def __init__(self) -> None:
        self._hooks: list[Hook] = []
        self._arounds: list[Around] = []
        self.any = False
        """Whether there are some: looked at for each task, and so not worked out then."""

    def hook(self, function: H) -> H:
        self._hooks.append(function)
        self.any = True
        return function

    def around(self, function: A) -> A:
        self._arounds.append(function)
        self.any = True
        return function

    def trip(self, items: Iterable[Item]) -> Trip:
        """For a with block that puts trip.items in and sets trip.results.

        What a hook raises is raised on entering, before any task is in.
        """
        return Trip([self._hooked(item) for item in items], self._arounds)

    def _hooked(self, item: Item) -> Item:
        for hook in self._hooks:
            item = hook(item) or item
        return item


class Trip:
    """One putting in, with the generators around it. The first added is the outermost."""

    def __init__(self, items: list[Item], arounds: list[Around]) -> None:
        self.items: list[Item] = items
        self.results: list[Result] = []
        self._arounds = list(arounds)
        self._open: list[Generator[list[Item], list[Result], None]] = []

    def __enter__(self) -> Trip:
        try:
            for around in self._arounds:
                generator = around(self.items)
                self.items = next(generator)
                self._open.append(generator)
        except BaseException as error:
            self._leave(error)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        while self._open:
            generator = self._open.pop()
            try:
                if error is None:
                    generator.send(self.results)
                else:
                    generator.throw(error)
            except StopIteration:
                pass
            except BaseException as raised:
                if raised is not error:  # all the same the outer ones are told
                    self._leave(raised)
                    raise
            else:
                generator.close()
                raise RuntimeError("a generator around enqueueing yields more than once")
