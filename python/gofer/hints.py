"""hints - annotations as they are meant: text evaluated, in the module that it stands in.

A name that only type checkers know does not keep the rest from it: an Unknown stands for it, until
somebody needs what it is. Knows no task.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional, Union

from .errors import InvalidArgument


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """As inspect has it, where annotations may name what only type checkers know. InvalidArgument:
    Python cannot tell it, as of some functions in C."""
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
        return inspect.signature(function)
    except ValueError as error:
        raise InvalidArgument(
            f"Python cannot tell the parameters of {function!r} ({error}): wrap it in a function of"
            " your own"
        ) from error


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function's parameters by name, and "return"."""
    notes, space = _noted(function)
    return {name: evaluated(note, space) for name, note in notes.items()}


def space_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The names that its annotations may use."""
    return _noted(function)[1]


def _noted(function: Callable[..., Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    real = function
    while True:
        if isinstance(real, functools.partial):
            real = real.func
        elif hasattr(real, "__wrapped__"):
            real = real.__wrapped__
        else:
            break
    if inspect.isclass(real):
        made = real.__init__ if "__init__" in vars(real) else real.__new__
        return _annotations(made), _globals(made, real)
    if not inspect.isroutine(real):
        real = type(real).__call__
    return _annotations(real), {**_globals(real, real), **_enclosed(real)}


def _enclosed(function: Any) -> dict[str, Any]:
    """What a function within a function uses of the outer one."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    found = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # it has no value yet
            pass
    return found


def _globals(function: Any, owner: Any) -> Mapping[str, Any]:
    found = getattr(inspect.unwrap(function), "__globals__", None)
    if found is not None:
        return typing.cast("Mapping[str, Any]", found)
    return vars(sys.modules.get(getattr(owner, "__module__", None) or "", typing))


class Field(NamedTuple):
    """A field of a class."""

    hint: Any
    note: Any
    """The annotation as it is written."""
    space: Mapping[str, Any]
    """The names that text inside of it may use."""
    owner: Any
    """The class that it stands in: the one asked for, or a base of it."""


def fields_of(kind: type) -> dict[str, Field]:
    """The annotations of a class and its bases, the bases' first."""
    fields: dict[str, Field] = {}
    for base in reversed(kind.__mro__):
        module = sys.modules.get(base.__module__)
        space = {**vars(module or typing), base.__name__: base, **_parameters(base)}
        for name, note in _annotations(base, own=True).items():
            fields[name] = Field(evaluated(note, space), note, space, base)
    return fields


def _parameters(kind: type) -> dict[str, Any]:
    found = getattr(kind, "__type_params__", ())  # of class Box[T], which no module knows
    return {each.__name__: each for each in found}


def _annotations(owner: Any, own: bool = False) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        try:
            return annotationlib.get_annotations(owner, format=annotationlib.Format.FORWARDREF)
        except TypeError:  # something that cannot have any
            return {}
    if own:
        return typing.cast("Mapping[str, Any]", vars(owner).get("__annotations__", {}))
    return getattr(owner, "__annotations__", None) or {}


def evaluated(note: Any, space: Mapping[str, Any]) -> Any:
    """An annotation as it is meant. Names that are not known become an Unknown in it; if nothing
    can be told of the whole, it is one."""
    if isinstance(note, typing.ForwardRef):
        note = note.__forward_arg__
    if not isinstance(note, str):
        return note
    try:
        return _value(note, dict(space), None)
    except NameError:
        try:
            return _value(note, {}, _Lenient(space))
        except Exception as error:
            return Unknown(note, str(error))
    except Exception as error:
        return Unknown(note, str(error) or type(error).__name__)


class Unknown:
    """What stands for a name in an annotation that only type checkers know. Whatever is made of it
    is unknown as well; unions and generics may hold it."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason

    def __repr__(self) -> str:
        return self.text

    def __getattr__(self, name: str) -> Unknown:
        if name.startswith("_"):
            raise AttributeError(name)
        return Unknown(f"{self.text}.{name}", self.reason)

    def __getitem__(self, item: Any) -> Unknown:
        return Unknown(f"{self.text}[...]", self.reason)

    def __call__(self, *args: Any, **kwargs: Any) -> Unknown:  # also: typing takes what is callable
        return Unknown(f"{self.text}(...)", self.reason)

    def __or__(self, other: Any) -> Any:
        return Union[self, other]

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]


class Unevaluated(InvalidArgument):
    """An annotation that values are to be read by cannot be evaluated. str() says whose it is, why,
    and what to do."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.text)
        self._text = unknown.text
        self._reason = unknown.reason
        self._places: list[str] = []

    def within(self, place: str, note: Any = None) -> Unevaluated:
        """The same, seen from one level further out. note: the annotation that stands there."""
        if not self._places and note is not None:
            self._text = _shown(note)
        self._places.insert(0, place)
        return self

    def __str__(self) -> str:
        return (
            f"{': '.join(self._places)}: the annotation '{self._text}' cannot be evaluated"
            f" ({self._reason}). What is imported under TYPE_CHECKING alone is not there when the"
            " program runs: import it outside of that, or annotate with typing.Any to take the"
            " values as they come"
        )


def _shown(note: Any) -> str:
    if isinstance(note, typing.ForwardRef):
        note = note.__forward_arg__
    if isinstance(note, str):
        return note.strip("'\"")
    return note.__qualname__ if isinstance(note, type) else str(note).replace("typing.", "")


class _Lenient(dict[str, Any]):
    """Names, where every other one is an Unknown."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            return getattr(builtins, name)
        return Unknown(name, f"name '{name}' is not defined")


def _value(text: str, space: dict[str, Any], names: Optional[Mapping[str, Any]]) -> Any:
    if text.startswith("*"):  # of *args: *tuple[int, str]
        text = f"({text},)[0]"
    if sys.version_info >= (3, 10) or "|" not in text:
        return eval(text, space, names)  # the program's own annotation
    import ast

    tree = ast.parse(text.strip(), mode="eval")
    space["__gofer_union__"] = Union
    return eval(compile(_with_unions(tree), "<annotation>", "eval"), space, names)


def _with_unions(tree: Any) -> Any:
    """X | Y as Union[X, Y], for a Python whose types do not know |."""
    import ast

    class Unions(ast.NodeTransformer):
        def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
            self.generic_visit(node)
            if not isinstance(node.op, ast.BitOr):
                return node
            return ast.Subscript(
                value=ast.Name(id="__gofer_union__", ctx=ast.Load()),
                slice=ast.Tuple(elts=[node.left, node.right], ctx=ast.Load()),
                ctx=ast.Load(),
            )

    return ast.fix_missing_locations(Unions().visit(tree))
