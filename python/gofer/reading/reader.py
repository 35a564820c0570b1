"""reader - builds, once, what reads the values of an annotation.

None stands for "passes as it is": no annotation, Any, object. Knows no task.
"""

from __future__ import annotations

import collections
import collections.abc as abc
import dataclasses
import enum
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Optional, TypeVar, Union

from ..hints import Field, Unevaluated, Unknown, evaluated, fields_of
from .groups import Part, Record, dict_reader, list_reader, maker, tuple_reader
from .mismatch import PayloadMismatch, shown, wrong
from .models import is_constraint, is_model, model_reader
from .plain import KEY_READERS, READERS, Reader, late_reader, made_by, other_key, subclass_reader

if sys.version_info >= (3, 10):
    from types import UnionType
else:
    UnionType = None

_ANY = (Any, object, dataclasses.MISSING)
_LISTS: dict[Any, tuple[Callable[[list[Any]], Any], tuple[type, ...]]] = {
    list: (list, ()),
    abc.Sequence: (list, (tuple,)), abc.MutableSequence: (list, ()),
    abc.Collection: (list, (tuple, abc.Set)), abc.Iterable: (list, (tuple, abc.Set)),
    abc.Reversible: (list, (tuple,)), abc.Container: (list, (tuple, abc.Set)),
    set: (set, (abc.Set,)), abc.Set: (set, (abc.Set,)), abc.MutableSet: (set, (abc.Set,)),
    frozenset: (frozenset, (abc.Set,)),
    collections.deque: (collections.deque, (collections.deque,)),
}  # fmt: skip
_DICTS: dict[Any, Callable[[dict[Any, Any]], Any]] = {
    dict: dict, abc.Mapping: dict, abc.MutableMapping: dict,
    collections.OrderedDict: collections.OrderedDict,
}  # fmt: skip
_OTHER_GROUPS = (tuple, collections.defaultdict, collections.Counter)
_MARKS = ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")


class Readers:
    """Makes readers. space: the names that annotations given as text may use."""

    def __init__(self, space: Optional[Mapping[str, Any]] = None) -> None:
        self._space: Mapping[str, Any] = space or {}
        self._records: dict[Any, Record] = {}
        self._late: dict[Any, Late] = {}
        self._own: Any = Any
        """What Self means here."""
        self._bindings: Mapping[Any, Any] = {}
        """What the type variables are here."""

    def of(self, hint: Any) -> Part:
        """The reader of an annotation. Unevaluated: nobody knows what it is."""
        if isinstance(hint, (str, typing.ForwardRef)):
            text = hint if isinstance(hint, str) else hint.__forward_arg__
            meant = _filled(evaluated(text, self._space), self._bindings)
            return self._named((text, id(self._space), id(self._bindings)), meant)
        if isinstance(hint, Unknown):
            raise Unevaluated(hint)
        if any(hint is each for each in _ANY):
            return None
        try:
            if hint in READERS:
                return READERS[hint]
        except TypeError:  # a Literal of something that has no hash
            pass
        origin = typing.get_origin(hint)
        if origin is None:
            return self._bare(hint)
        return self._special(origin, typing.get_args(hint), hint)

    def of_rest(self, hint: Any) -> Reader:
        """The reader of the list that *args are; hint: of each, or `*tuple[...]` of them all."""
        hint = evaluated(hint, self._space)
        if not _is_unpacked(hint):
            return list_reader(list, (tuple,), self.of(hint))
        args = typing.get_args(hint)
        if typing.get_origin(hint) is not tuple:  # Unpack[tuple[...]], or a TypeVarTuple
            args = typing.get_args(args[0]) if args else (Any, ...)
        return self._tuple(args) or list_reader(tuple, (tuple,), None)

    def of_field(
        self, kind: Any, name: str, field: Field, bindings: Mapping[Any, Any] = {}
    ) -> Part:
        """The reader of a class's field, whose text is meant where the class stands."""
        try:
            with self._in(field.space, bindings):
                return self.of(_filled(field.hint, bindings))
        except Unevaluated as error:
            raise error.within(f"field '{name}' of {kind.__name__}", field.note)

    @contextmanager
    def _in(self, space: Mapping[str, Any], bindings: Mapping[Any, Any]) -> Iterator[None]:
        before = self._space, self._bindings
        self._space, self._bindings = space, bindings
        try:
            yield
        finally:
            self._space, self._bindings = before

    def _named(self, key: Any, hint: Any) -> Part:
        """Of a type that has a name, and so may hold itself."""
        found = self._late.get(key)
        if found is not None:
            return found.part if found.is_made else found
        late = self._late[key] = Late(self._space, self._bindings)
        late.part = self.of(hint)
        late.is_made = True
        return late.part

    def _alias(self, alias: Any, key: Any, bindings: Mapping[Any, Any]) -> Part:
        """Of `type X = ...`: Python evaluates it when it is asked for."""
        module = sys.modules.get(alias.__module__ or "")
        try:
            hint = _filled(alias.__value__, bindings)
        except Exception as error:
            hint = Unknown(alias.__name__, str(error))
        with self._in(vars(module) if module else self._space, bindings):
            return self._named(key, hint)

    # ---- what has no arguments --------------------------------------------------

    def _bare(self, hint: Any) -> Part:
        if isinstance(hint, TypeVar):
            return self.of(_bound(hint))
        if hasattr(hint, "__supertype__"):  # NewType
            return self.of(hint.__supertype__)
        if _is_alias(hint):  # type X = ...
            return self._alias(hint, hint, {})
        if not isinstance(hint, type):
            return self._word(getattr(hint, "_name", None))
        return self._class(hint)

    def _word(self, name: Any) -> Part:
        """Of the words of typing that stand for a type."""
        if name == "Self":
            return self.of(self._own)
        return READERS[str] if name == "LiteralString" else None

    def _class(self, kind: Any) -> Part:
        if is_model(kind):
            reader = model_reader(kind)
            if reader is not None:
                return reader
        if issubclass(kind, enum.Enum):
            return enum_reader(kind)
        if _is_typed_dict(kind) or _is_named_tuple(kind) or dataclasses.is_dataclass(kind):
            return self._record(kind, kind, {})
        if kind in _LISTS or kind in _DICTS or kind in _OTHER_GROUPS:
            return self._group(kind, ())
        late = late_reader(kind)
        if late is not None:
            return late
        for base in (bool, int, float, str):
            if issubclass(kind, base):
                return subclass_reader(kind, READERS[base])
        return instance_reader(kind)

    # ---- what has arguments -----------------------------------------------------

    def _special(self, origin: Any, args: tuple[Any, ...], hint: Any) -> Part:
        if origin is Union or (UnionType is not None and origin is UnionType):
            return self._union(args)
        if origin is Literal:
            return literal_reader(args)
        if hasattr(hint, "__metadata__"):  # Annotated
            if any(is_constraint(mark) for mark in hint.__metadata__):
                reader = model_reader(hint)
                if reader is not None:
                    return reader
            return self.of(args[0])
        if getattr(origin, "_name", "") in _MARKS:
            return self.of(args[0]) if args else None
        if _is_alias(origin):  # type X[T] = ...
            return self._alias(origin, hint, _bindings(origin, args))
        if is_model(origin):  # a generic one
            return model_reader(hint)
        if origin is tuple and not args and hint is not typing.Tuple:  # tuple[()]
            return tuple_reader([])
        if isinstance(origin, type):
            if (
                _is_typed_dict(origin)
                or _is_named_tuple(origin)
                or dataclasses.is_dataclass(origin)
            ):
                return self._record(hint, origin, _bindings(origin, args))
            return self._group(origin, args)
        return None

    def _group(self, origin: Any, args: tuple[Any, ...]) -> Part:
        if origin is tuple:
            return self._tuple(args)
        if origin in _LISTS:
            make, kinds = _LISTS[origin]
            return list_reader(make, kinds, self.of(args[0]) if args else None)
        if origin in _DICTS:
            key, part = (self.of(args[0]), self.of(args[1])) if len(args) == 2 else (None, None)
            return dict_reader(_DICTS[origin], key_reader(key), part)
        if origin is collections.defaultdict:
            return self._defaultdict(args)
        if origin is collections.Counter:
            key = key_reader(self.of(args[0])) if args else None
            return dict_reader(collections.Counter, key, READERS[int])
        return instance_reader(origin)

    def _defaultdict(self, args: tuple[Any, ...]) -> Reader:
        key, part = (self.of(args[0]), self.of(args[1])) if len(args) == 2 else (None, None)
        kind = typing.get_origin(args[1]) or args[1] if args else None
        factory = kind if kind in (list, dict, set, int, float, str, bool) else None

        def make(values: dict[Any, Any]) -> Any:
            return collections.defaultdict(factory, values)

        return dict_reader(make, key_reader(key), part)

    def _tuple(self, args: tuple[Any, ...]) -> Part:
        if not args:
            return list_reader(tuple, (tuple,), None)
        if len(args) == 2 and args[1] is Ellipsis:
            return list_reader(tuple, (tuple,), self.of(args[0]))
        if any(_is_unpacked(each) for each in args):
            return list_reader(tuple, (tuple,), None)
        return tuple_reader([] if args == ((),) else [self.of(each) for each in args])

    # ---- records ------------------------------------------------------------------

    def _record(self, hint: Any, kind: Any, bindings: Mapping[Any, Any]) -> Record:
        found = self._records.get(hint)
        if found is not None:
            return found
        shape = _shape(kind)
        record = self._records[hint] = Record(kind, shape.make)
        known = {kind: bindings, **_inherited(kind, bindings)}
        before, self._own = self._own, hint
        for name, field in shape.fields.items():
            record.parts[name] = self.of_field(kind, name, field, known.get(field.owner, {}))
        self._own = before
        record.needed = shape.needed
        record.positional = shape.positional
        return record

    # ---- unions ---------------------------------------------------------------------

    def _union(self, args: tuple[Any, ...]) -> Part:
        hints = [evaluated(each, self._space) for each in args]
        if any(each is one for each in hints for one in _ANY):
            return None
        parts = [self.of(each) for each, hint in zip(args, hints) if hint is not type(None)]
        if any(part is None for part in parts):
            return None
        readers = [part for part in parts if part is not None]
        optional = type(None) in hints
        if len(readers) == 1:
            return optional_reader(readers[0]) if optional else readers[0]
        return union_reader(readers, hints)


class Late:
    """What a type is read by that holds itself, while its reader is being made. names: kept, for
    their identities are a part of the key that it is found by."""

    def __init__(self, *names: Mapping[Any, Any]) -> None:
        self.names = names
        self.part: Part = None
        self.is_made = False

    def __call__(self, value: Any) -> Any:
        return value if self.part is None else self.part(value)


def optional_reader(part: Reader) -> Reader:
    def read(value: Any) -> Any:
        return None if value is None else part(value)

    return read


def union_reader(parts: list[Reader], hints: list[Any]) -> Reader:
    """The first that fits, from left to right; a number or a boolean stays what it is, if that may
    be."""
    kept = tuple(each for each in (int, float, bool, type(None)) if each in hints)
    names = ", ".join(name_of(each) for each in hints)

    def read(value: Any) -> Any:
        if type(value) in kept and not (type(value) is float and value - value != 0):
            return value
        deepest: Optional[PayloadMismatch] = None
        for part in parts:
            try:
                return part(value)
            except PayloadMismatch as error:
                if deepest is None or len(error.path) > len(deepest.path):
                    deepest = error
        if deepest is not None and deepest.path:
            raise deepest
        raise wrong(f"one of {names}", value)

    return read


def name_of(hint: Any) -> str:
    """A type as messages name it."""
    if hint is type(None):
        return "null"
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return hint.__name__
    return str(hint).replace("typing.", "")


def literal_reader(values: tuple[Any, ...]) -> Reader:
    plain = [(each.value if isinstance(each, enum.Enum) else each, each) for each in values]
    names = ", ".join(shown(value) for value, _ in plain)

    def read(value: Any) -> Any:
        for written, meant in plain:
            if (type(value) is type(written) and value == written) or value is meant:
                return meant
        if type(value) is dict and any(isinstance(each, bytes) for each in values):
            return read(READERS[bytes](value))
        raise wrong(names if len(plain) == 1 else f"one of {names}", value)

    return read


def lacks(made: Any, value: Any) -> bool:
    """Is this a flag without some of the bits that it was to have? Python before 3.11.4 leaves out
    those that no member has, later ones where the class says boundary=CONFORM."""
    return (
        isinstance(made, enum.Flag)
        and isinstance(value, int)
        and bool(value >= 0 and value & ~made.value)
        and (sys.version_info < (3, 11, 4) or getattr(made, "_boundary_", None) is not enum.CONFORM)
    )


def enum_reader(kind: type[enum.Enum]) -> Reader:
    """By the values as they are written: a member whose value is a date is found by its text."""
    from ..payload import JsonCodec

    codec = JsonCodec()
    by_value: dict[Any, Any] = {}
    others: list[tuple[Any, Any]] = []
    for member in kind.__members__.values():
        written = codec.decode(codec.encode(member.value))
        if isinstance(written, (list, dict)):
            others.append((written, member))
        else:
            by_value.setdefault((type(written), written), member)
    open_ended = issubclass(kind, enum.Flag) or "_missing_" in {
        name for base in kind.__mro__ if base.__module__ != "enum" for name in vars(base)
    }

    def read(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if not isinstance(value, (list, dict)):
            found = by_value.get((type(value), value))
            if found is not None:
                return found
        for written, member in others:
            if written == value:
                return member
        if open_ended and not isinstance(value, bool):
            made = made_by(kind, value)
            if not lacks(made, value):
                return made
        names = [shown(each) for _, each in list(by_value)[:8]]
        raise wrong(f"a {kind.__name__} ({', '.join(names)})", value)

    return read


def instance_reader(kind: Any) -> Reader:
    """Of a class that has no form in a payload: only a codec of the program's own can make it."""

    def read(value: Any) -> Any:
        try:
            if isinstance(value, kind):
                return value
        except TypeError:  # a Protocol that is for type checkers only
            return value
        raise wrong(f"a {kind.__name__}, which gofer cannot make", value)

    return read


def key_reader(part: Part) -> Part:
    """What reads keys, by what reads values."""
    if part is None or part is READERS[str]:
        return part
    return KEY_READERS.get(part) or other_key(part)


# ---- how records look ---------------------------------------------------------------


class _Shape(typing.NamedTuple):
    fields: dict[str, Field]
    needed: tuple[str, ...]
    make: Callable[[dict[str, Any]], Any]
    positional: bool = False


def _shape(kind: Any) -> _Shape:
    fields = fields_of(kind)
    if _is_typed_dict(kind):
        return _Shape(fields, _needed_keys(kind, fields), lambda given: given)
    if _is_named_tuple(kind):
        names = kind._fields
        needed = tuple(name for name in names if name not in kind._field_defaults)
        ordered = {name: fields.get(name, _FREE) for name in names}
        return _Shape(ordered, needed, maker(kind, frozenset()), True)
    return _dataclass_shape(kind, fields)


_FREE = Field(Any, Any, {}, None)


def _needed_keys(kind: Any, fields: Mapping[str, Field]) -> tuple[str, ...]:
    needed = set(kind.__required_keys__)
    for name, field in fields.items():  # where they are text, Python has not looked into it
        mark = getattr(typing.get_origin(field.hint), "_name", "")
        if mark == "NotRequired":
            needed.discard(name)
        elif mark == "Required":
            needed.add(name)
    return tuple(name for name in fields if name in needed)


def _dataclass_shape(kind: Any, noted: Mapping[str, Field]) -> _Shape:
    fields = {each.name: noted.get(each.name, _FREE) for each in dataclasses.fields(kind)}
    late = frozenset(each.name for each in dataclasses.fields(kind) if not each.init)
    needed = [
        each.name for each in dataclasses.fields(kind)
        if each.init and each.default is dataclasses.MISSING
        and each.default_factory is dataclasses.MISSING
    ]  # fmt: skip
    for name, field in noted.items():
        if isinstance(field.hint, dataclasses.InitVar):
            fields[name] = field._replace(hint=field.hint.type)
            if not hasattr(kind, name):
                needed.append(name)
    return _Shape(fields, tuple(needed), maker(kind, late))


def _is_alias(hint: Any) -> bool:
    return type(hint).__name__ == "TypeAliasType"


def _is_typed_dict(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "__required_keys__")


def _is_named_tuple(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


# ---- type variables -------------------------------------------------------------------


def _bound(variable: Any) -> Any:
    if variable.__constraints__:
        return Union[variable.__constraints__]
    return variable.__bound__ or Any


def _bindings(origin: Any, args: tuple[Any, ...]) -> dict[Any, Any]:
    names: Any = getattr(origin, "__parameters__", None)
    return dict(zip(names or getattr(origin, "__type_params__", ()), args))


def _inherited(kind: Any, bindings: Mapping[Any, Any]) -> dict[Any, Mapping[Any, Any]]:
    """What the type variables of its bases are: class Names(Box[str])."""
    found: dict[Any, Mapping[Any, Any]] = {}
    for base in vars(kind).get("__orig_bases__", kind.__bases__):
        origin = typing.get_origin(base) or base
        if isinstance(origin, type) and origin not in (object, typing.Generic):
            args = tuple(_filled(each, bindings) for each in typing.get_args(base))
            found[origin] = _bindings(origin, args)
            found.update(_inherited(origin, found[origin]))
    return found


def _filled(hint: Any, bindings: Mapping[Any, Any]) -> Any:
    """The annotation with its type variables put in."""
    if not bindings:
        return hint
    if isinstance(hint, TypeVar):
        return bindings.get(hint, hint)
    names = getattr(hint, "__parameters__", ())
    if not names or isinstance(hint, type) and typing.get_origin(hint) is None:
        return hint
    return hint[tuple(bindings.get(each, each) for each in names)]


def _is_unpacked(hint: Any) -> bool:
    return bool(
        getattr(typing.get_origin(hint), "_name", "") == "Unpack"
        or getattr(hint, "__unpacked__", False)
        or type(hint).__name__ == "TypeVarTuple"
    )
