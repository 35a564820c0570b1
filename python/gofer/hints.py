"""hints - annotations as they are meant: text evaluated, in the module that it stands in.

One that cannot be evaluated (its name is known to type checkers only) stays text, and does not keep
the others from it. Knows no task.
"""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any, Union


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
    return _annotations(real), _globals(real, real)


def _globals(function: Any, owner: Any) -> Mapping[str, Any]:
    found = getattr(inspect.unwrap(function), "__globals__", None)
    if found is not None:
        return typing.cast("Mapping[str, Any]", found)
    return vars(sys.modules.get(getattr(owner, "__module__", None) or "", typing))


def fields_of(kind: type) -> dict[str, Any]:
    """The annotations of a class and its bases, the bases' first."""
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        module = sys.modules.get(base.__module__)
        space = {**vars(module or typing), base.__name__: base, **_parameters(base)}
        for name, note in _annotations(base, own=True).items():
            hints[name] = evaluated(note, space)
    return hints


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
    """An annotation as it is meant; as it is, if that cannot be told."""
    if isinstance(note, typing.ForwardRef):
        note = note.__forward_arg__
    if not isinstance(note, str):
        return note
    try:
        return _value(note, dict(space))
    except Exception:
        return note


def _value(text: str, space: dict[str, Any]) -> Any:
    if sys.version_info >= (3, 10) or "|" not in text:
        return eval(text, space)  # the program's own annotation
    import ast

    tree = ast.parse(text.strip(), mode="eval")
    space["__gofer_union__"] = Union
    return eval(compile(_with_unions(tree), "<annotation>", "eval"), space)


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
