"""mismatch - what is wrong with a value, and where in the whole it stands."""

from __future__ import annotations

from typing import Any, Union

from ..errors import InvalidArgument

_SHOWN = 40  # characters of a value, or of a key, that an error repeats
_PARTS = 20  # of a path; deeper ones are cut in the middle

_KINDS: dict[type, str] = {
    type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text",
    list: "a list", dict: "an object", bytes: "bytes",
}  # fmt: skip


class PayloadMismatch(InvalidArgument):
    """A payload, or a result, does not fit the annotations, and never will.

    str() is "items[3].price: needs a whole number, not 1.5".
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: list[Union[str, int]] = []
        """The names and indexes that lead to the value; empty: the whole."""
        self.own = False
        """Of the payload of the task that runs now, and not of what its function has read."""

    def within(self, part: Union[str, int]) -> PayloadMismatch:
        """The same, seen from one level further out."""
        self.path.insert(0, part)
        return self

    def __str__(self) -> str:
        where = path_text(self.path)
        return f"{where}: {self.problem}" if where else self.problem


def path_text(path: list[Union[str, int]]) -> str:
    """ "items[3].price"."""
    if len(path) > _PARTS:
        half = _PARTS // 2
        return f"{path_text(path[:half])} ... {path_text(path[-half:])}"
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier() and len(part) <= _SHOWN:
            text += f".{part}" if text else part
        else:
            text += f"[{shown(part)}]"
    return text


def shown(value: Any) -> str:
    """A value for a message: short, in one line, whatever it is."""
    try:
        text = ascii(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
    except Exception:  # a whole number of thousands of digits, a foreign __repr__
        return "something that cannot be shown"
    cut = len(text) > _SHOWN + 10 or (isinstance(value, (str, bytes)) and len(value) > _SHOWN)
    return text[: _SHOWN + 10] + "..." if cut else text


def wrong(wanted: str, value: Any) -> PayloadMismatch:
    """ "needs a date as text, not 7"."""
    if value is None or isinstance(value, (list, dict, bytes)):
        return PayloadMismatch(f"needs {wanted}, not {_KINDS.get(type(value), 'that')}")
    if isinstance(value, bool):
        return PayloadMismatch(f"needs {wanted}, not {'true' if value else 'false'}")
    if isinstance(value, str):
        return PayloadMismatch(f"needs {wanted}, not the text {shown(value)}")
    if isinstance(value, (int, float)):
        return PayloadMismatch(f"needs {wanted}, not {shown(value)}")
    return PayloadMismatch(f"needs {wanted}, not a {type(value).__name__}")
