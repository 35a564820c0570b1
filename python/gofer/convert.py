"""convert - the body of a task as the arguments of its function."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .payload import JsonCodec


class PayloadMismatch(ValueError):
    """The payload does not fit the function: it never will, so the task is archived."""


class Converter:
    """Binds the body of a task to a function's parameters."""

    def __init__(
        self, signature: inspect.Signature, hints: Mapping[str, Any], skip: frozenset[str]
    ) -> None:
        self._positional: list[str] = []
        self._named: set[str] = set()
        self._needed: set[str] = set()
        self._var: str | None = None
        self._spread = False
        for name, parameter in signature.parameters.items():
            if name in skip:
                continue
            if parameter.kind is parameter.VAR_POSITIONAL:
                self._var = name
            elif parameter.kind is parameter.VAR_KEYWORD:
                self._spread = True
            else:
                if parameter.kind is parameter.POSITIONAL_ONLY:
                    self._positional.append(name)
                self._named.add(name)
                if parameter.default is parameter.empty:
                    self._needed.add(name)

    def arguments(self, body: Any) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of the call. PayloadMismatch: they do not fit."""
        if not isinstance(body, dict):
            raise PayloadMismatch(f"a JSON object is needed, not {type(body).__name__}")
        names = body.keys()
        missing = self._needed - names
        if missing:
            raise PayloadMismatch(f"{sorted(missing)[0]}: is missing")
        unknown = names - self._named - ({self._var} if self._var else set())
        if unknown and not self._spread:
            raise PayloadMismatch(f"{sorted(unknown)[0]}: the function has no such parameter")
        kwargs = dict(body)
        args = [kwargs.pop(name) for name in self._positional if name in kwargs]
        if self._var:
            args.extend(kwargs.pop(self._var, ()))
        return args, kwargs


def to_result(value: Any) -> bytes:
    """What a function returned, as it is kept. InvalidArgument: it has no form in JSON."""
    return JsonCodec().encode(value)
