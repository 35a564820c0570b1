"""convert - the body of a task as the arguments of its function, and what functions return.

    converter_of(function, skip).arguments(body)        # (args, kwargs), or PayloadMismatch

Built once per task: a call of two ints takes about a microsecond. reading/ has how a value is read.
Knows no store and no worker. Threads: any.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Optional

from .hints import Unevaluated, fields_of, hints_of, signature_of, space_of
from .reading.groups import Part, exact
from .reading.mismatch import PayloadMismatch, wrong
from .reading.plain import READERS, Reader
from .reading.reader import Readers

__all__ = ["Converter", "PayloadMismatch", "converter_of", "result_reader"]

_NONE: tuple[Any, ...] = ()


def converter_of(function: Callable[..., Any], skip: frozenset[str] = frozenset()) -> Converter:
    """The converter of a function. skip: parameters that others fill. InvalidArgument: one of its
    annotations cannot be evaluated."""
    return Converter(signature_of(function), hints_of(function), skip, space_of(function))


class Converter:
    """Binds the body of a task to a function's parameters.

    hints  its annotations by name, evaluated
    skip   parameters that others fill: they are no part of a payload
    space  the names that text inside of annotations may use
    """

    def __init__(
        self,
        signature: inspect.Signature,
        hints: Mapping[str, Any],
        skip: frozenset[str] = frozenset(),
        space: Optional[Mapping[str, Any]] = None,
    ) -> None:
        readers = Readers(space)
        parameters = [each for each in signature.parameters.values() if each.name not in skip]
        self._fields: list[tuple[str, Optional[type], Part]] = []
        self._needed: list[str] = []
        self._order: list[inspect.Parameter] = []  # those that go by position
        self._rest: Optional[str] = None
        self._rest_reader: Reader = list
        self._spread = False
        self._spread_part: Part = None
        by_position = [each for each in parameters if each.kind is each.POSITIONAL_ONLY]
        for each in parameters:
            hint = hints.get(each.name, Any)
            try:
                if each.kind is each.VAR_KEYWORD:
                    self._take_spread(hint, readers)
                    continue
                if each.kind is each.VAR_POSITIONAL:
                    self._rest, self._rest_reader = each.name, readers.of_rest(hint)
                    by_position = [p for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD]
                    continue
                part = readers.of(hint)
            except Unevaluated as error:
                raise error.within(f"parameter '{each.name}'", each.annotation)
            self._fields.append((each.name, exact(part), part))
            if each.default is each.empty:
                self._needed.append(each.name)
        self._order = by_position
        self._simple = not (self._order or self._rest or self._spread)

    def _take_spread(self, hint: Any, readers: Readers) -> None:
        args = typing.get_args(hint)
        if args and hasattr(args[0], "__required_keys__"):  # **options: Unpack[Options]
            for name, each in fields_of(args[0]).items():
                part = readers.of_field(args[0], name, each)
                self._fields.append((name, exact(part), part))
            self._needed += [each for each in args[0].__required_keys__]
            return
        self._spread, self._spread_part = True, readers.of(hint)

    def arguments(self, body: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the call. PayloadMismatch: they do not fit."""
        if type(body) is not dict:
            body = self._object(body)
        given: dict[str, Any] = {}
        name = ""
        try:
            for name, untouched, part in self._fields:
                if name in body:
                    value = body[name]
                    given[name] = value if part is None or type(value) is untouched else part(value)
        except PayloadMismatch as error:
            raise error.within(name)
        except RecursionError:
            raise PayloadMismatch("is nested too deeply").within(name) from None
        if len(given) != len(self._fields):
            for name in self._needed:
                if name not in given:
                    raise PayloadMismatch("is missing").within(name)
        if self._simple:
            if len(given) != len(body):
                raise self._unknown(body, given)
            return _NONE, given
        return self._placed(body, given)

    def _object(self, body: Any) -> dict[str, Any]:
        if isinstance(body, bytes) and len(self._fields) == 1:  # BytesCodec: the only argument
            return {self._fields[0][0]: body}
        if isinstance(body, Mapping):
            return dict(body)
        raise wrong("an object of the parameters by name", body)

    def _unknown(self, body: dict[str, Any], known: Mapping[str, Any]) -> PayloadMismatch:
        name = next(each for each in body if each not in known)
        return PayloadMismatch("the function has no such parameter").within(str(name))

    def _placed(
        self, body: dict[str, Any], given: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The same for functions with positional-only parameters, *args or **kwargs."""
        others = {name: value for name, value in body.items() if name not in given}
        rest = self._rest_of(others.pop(self._rest, [])) if self._rest else []
        if others and not self._spread:
            raise self._unknown(others, {})
        args: list[Any] = []
        missing: list[Any] = []  # defaults that stand before something that was given
        for parameter in self._order:
            if parameter.name in given:
                args += missing
                args.append(given.pop(parameter.name))
                missing = []
            else:
                missing.append(parameter.default)
        if rest:
            args += missing + rest
        given.update(self._spread_of(others))
        return tuple(args), given

    def _rest_of(self, value: Any) -> list[Any]:
        try:
            return list(self._rest_reader(value))
        except PayloadMismatch as error:
            raise error.within(self._rest or "")

    def _spread_of(self, others: dict[str, Any]) -> dict[str, Any]:
        part = self._spread_part
        if part is None:
            return others
        name = ""
        try:
            for name, value in others.items():
                others[name] = part(value)
        except PayloadMismatch as error:
            raise error.within(name)
        return others


def result_reader(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """What makes, of a decoded result, what the function's annotation says that it returns.
    InvalidArgument: the annotation cannot be evaluated."""
    try:
        part = Readers(space_of(function)).of(hints_of(function).get("return", Any))
    except Unevaluated as error:
        raise error.within("what it returns")
    if part is None or part is READERS[type(None)]:
        return lambda value: value

    def read(value: Any) -> Any:
        try:
            return part(value)
        except RecursionError:
            raise PayloadMismatch("is nested too deeply") from None

    return read
