"""groups - lists, sets, tuples, mappings, and records: dataclass, TypedDict, NamedTuple.

Each is made of the readers of its parts. A part's mismatch is told with where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional

from .mismatch import PayloadMismatch, wrong
from .plain import EXACT, Reader, made_by

Part = Optional[Reader]
"""How a part is read; None: it passes as it is."""


def exact(part: Part) -> Optional[type]:
    """The type that the reader gives back untouched: seeing it is cheaper than calling."""
    return EXACT.get(part)


def _each(values: Iterable[Any], part: Part) -> list[Any]:
    if part is None:
        return list(values)
    untouched = EXACT.get(part)
    made: list[Any] = []
    try:
        for value in values:
            made.append(value if type(value) is untouched else part(value))
    except PayloadMismatch as error:
        raise error.within(len(made))
    return made


def list_reader(make: Callable[[list[Any]], Any], kinds: tuple[type, ...], part: Part) -> Reader:
    """make  list, or what is made of a list: set, deque
    kinds    what passes in place of a list
    """
    allowed: Any = (list, *kinds)

    def read(value: Any) -> Any:
        if not isinstance(value, allowed):
            raise wrong("a list", value)
        items = _each(value, part)
        if make is list:
            return items
        try:
            return make(items)
        except TypeError:  # a set of lists
            raise PayloadMismatch("holds what a set cannot hold") from None

    return read


def tuple_reader(parts: list[Part]) -> Reader:
    """Of so many parts, each with a type of its own."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise wrong("a list", value)
        if len(value) != len(parts):
            raise PayloadMismatch(f"needs a list of {len(parts)}, not of {len(value)}")
        return tuple(_parted(value, parts))

    return read


def _parted(values: Iterable[Any], parts: Iterable[Part]) -> list[Any]:
    made: list[Any] = []
    try:
        for value, part in zip(values, parts):
            made.append(value if part is None else part(value))
    except PayloadMismatch as error:
        raise error.within(len(made))
    return made


def dict_reader(make: Callable[[dict[Any, Any]], Any], key: Part, part: Part) -> Reader:
    """make  dict, or what is made of a dict: OrderedDict"""
    plain_keys = exact(key) is str or key is None

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise wrong("an object", value)
        made: dict[Any, Any] = {}
        for name, item in value.items():
            where = name
            try:
                if key is not None and not (plain_keys and type(name) is str):
                    name = key(name)
                    if name in made:
                        raise PayloadMismatch("its key is there twice")
                made[name] = item if part is None else part(item)
            except PayloadMismatch as error:
                raise error.within(str(where))
            except TypeError:
                raise PayloadMismatch("its key is none for a dict").within(str(where)) from None
        return made if make is dict else make(made)

    return read


class Record:
    """A reader of objects with named fields. Made empty and filled in later: a record may hold
    others of its kind.

    kind      for messages, and what passes as it is
    make      called with what was read by name
    """

    def __init__(self, kind: Any, make: Callable[[dict[str, Any]], Any]) -> None:
        self.kind = kind
        self.name: str = getattr(kind, "__name__", str(kind))
        self.make = make
        self.parts: dict[str, Part] = {}
        self.needed: tuple[str, ...] = ()
        self.positional = False
        """A list will do as well: its items are the fields in their order."""

    def __call__(self, value: Any) -> Any:
        if type(value) is not dict:
            return self._other(value)
        parts = self.parts
        made: dict[str, Any] = {}
        name = ""
        try:
            for name, item in value.items():
                part = parts[name]
                made[name] = item if part is None else part(item)
        except KeyError:
            if name in parts:
                raise  # of a reader of the program's own
            raise PayloadMismatch(f"{self.name} has no such field").within(str(name)) from None
        except PayloadMismatch as error:
            raise error.within(name)
        for name in self.needed:
            if name not in made:
                raise PayloadMismatch("is missing").within(name)
        return self.make(made)

    def _other(self, value: Any) -> Any:
        if isinstance(self.kind, type) and self.kind is not dict and isinstance(value, self.kind):
            return value
        if self.positional and isinstance(value, (list, tuple)):
            if not len(self.needed) <= len(value) <= len(self.parts):
                raise PayloadMismatch(f"needs a list of {len(self.parts)}, not of {len(value)}")
            return self.make(dict(zip(self.parts, _parted(value, self.parts.values()))))
        raise wrong(f"an object ({self.name})", value)


def maker(kind: Any, late: frozenset[str]) -> Callable[[dict[str, Any]], Any]:
    """What makes a dataclass or NamedTuple. late: the fields that its own code sets, and that are
    then put back to what they were."""

    def make(given: dict[str, Any]) -> Any:
        if not late:
            return made_by(kind, **given)
        made = made_by(kind, **{name: each for name, each in given.items() if name not in late})
        for name in late & given.keys():
            object.__setattr__(made, name, given[name])
        return made

    return make
