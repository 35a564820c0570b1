"""errors - an exception as the text that is kept with the task.

    ValueError: no such order
    Traceback (most recent call last):
      File "shop/tasks.py", line 7, in load
        raise ValueError("no such order")

First what happened, then how it came about: the frames, the innermost last; then the exceptions
that it was raised from, and those that a group holds. At most LIMIT bytes of UTF-8, in which the
head and the innermost frames of the exception itself survive. Whatever an exception's own code
does, there is a text. No store.
"""

from __future__ import annotations

import itertools
import linecache
import os
from collections.abc import Iterator
from operator import itemgetter
from types import TracebackType
from typing import Any

LIMIT = 8192
_HEAD = 2048  # bytes of a message
_CHAIN = 8  # exceptions of a chain, and of a group
_DEPTH = 3  # groups within groups
_SAME = 3  # frames of a recursion that are shown

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_TITLE = "Traceback (most recent call last):"
_CAUSE = "It was raised from:"
_CONTEXT = "It happened while this was handled:"


def error_text(error: BaseException) -> str:
    """ "Type: message", then the traceback."""
    head = _cut(_head(error), _HEAD)
    try:
        rest = _story(error, LIMIT - len(head.encode()))
    except Exception:  # an exception with attributes of its own making
        rest = _frames(error.__traceback__, LIMIT - len(head.encode()))
    return _clean(head + rest).rstrip()


def _clean(text: str) -> str:
    """Without lone surrogates and NULs, which no store keeps."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\\0")


def _cut(text: str, limit: int) -> str:
    """The text in so many bytes, its begin kept."""
    data = _clean(text).encode()
    if len(data) <= limit:
        return data.decode()
    return data[: limit - 4].decode("utf-8", "ignore") + " ..."


def _head(error: BaseException) -> str:
    name = type(error).__name__
    try:
        message = str.__str__(str(error))[:_HEAD]
    except BaseException:
        message = "(its text cannot be had: its __str__ raises)"
    return f"{name}: {message}" if message else name


def _story(error: BaseException, room: int) -> str:
    """The traceback of the exception, its notes, its group and what it was raised from."""
    own = _notes(error) + _frames(error.__traceback__, room - 256)
    parts = [own]
    left = room - len(own.encode())
    for text in (*_members(error, 0), *_origins(error)):
        size = len(text.encode("utf-8", "replace"))
        if size > left:
            if left > 64:
                parts.append("\n..."[:left])
            break
        parts.append(text)
        left -= size
    return "".join(parts)


def _notes(error: BaseException) -> str:
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, (list, tuple)):
        return ""
    return "".join(f"\n{_cut(note, 512)}" for note in notes[:_CHAIN] if isinstance(note, str))


def _origins(error: BaseException) -> Iterator[str]:
    """What it was raised from, and what that was raised from."""
    seen = {id(error)}
    for _ in range(_CHAIN):
        cause, context = error.__cause__, error.__context__
        title, origin = _CAUSE, cause
        if origin is None and not error.__suppress_context__:
            title, origin = _CONTEXT, context
        if origin is None or id(origin) in seen:
            return
        seen.add(id(origin))
        yield f"\n\n{title}\n{_cut(_head(origin), 512)}{_notes(origin)}"
        yield _frames(origin.__traceback__, LIMIT // 4)
        yield from _members(origin, 1)
        error = origin


def _members(error: BaseException, depth: int) -> Iterator[str]:
    """What an ExceptionGroup holds."""
    members: Any = getattr(error, "exceptions", None)
    if not isinstance(members, tuple) or depth >= _DEPTH:
        return
    for number, member in enumerate(members[:_CHAIN], 1):
        if isinstance(member, BaseException):
            text = f"{_cut(_head(member), 512)}{_frames(member.__traceback__, LIMIT // 8)}"
            margin = "  " * (depth + 1)
            yield f"\n{margin}[{number}] " + text.replace("\n", f"\n{margin}")
            yield from _members(member, depth + 1)
    if len(members) > _CHAIN:
        yield f"\n  and {len(members) - _CHAIN} more"


# ---- frames ---------------------------------------------------------------------------


def _frames(trace: TracebackType | None, room: int) -> str:
    """The frames with their lines; the outermost are left out if there is no room for all.
    gofer's own, which only lead to the function, never appear."""
    texts = _shown(trace)
    kept: list[str] = []
    room -= len(_TITLE) + 40
    for text in reversed(texts):
        room -= len(text.encode("utf-8", "replace"))
        if room < 0:
            break
        kept.append(text)
    if not kept:
        return ""
    left_out = len(texts) - len(kept)
    more = f"  ({left_out} more)\n" if left_out else ""
    return f"\n{_TITLE}\n{more}{''.join(reversed(kept))}".rstrip("\n")


def _shown(trace: TracebackType | None) -> list[str]:
    """Each frame's text; of one that calls itself over and over, a few and how many there were."""
    texts: list[str] = []
    for (code, line), run in itertools.groupby(_walk(trace), itemgetter(0, 1)):
        spaces = [space for _, _, space in run]
        texts += [_frame(code, line, space) for space in spaces[:_SAME]]
        if len(spaces) > _SAME:
            texts.append(f"  ({len(spaces) - _SAME} more of the same)\n")
    return texts


def _walk(trace: TracebackType | None) -> Iterator[tuple[Any, int, Any]]:
    """Code, line and globals of each frame."""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_HERE):
            yield code, trace.tb_lineno, trace.tb_frame.f_globals
        trace = trace.tb_next


def _frame(code: Any, line: int, space: Any) -> str:
    name = getattr(code, "co_qualname", code.co_name)
    place = f'  File "{code.co_filename}", line {line}, in {name}\n'
    source = linecache.getline(code.co_filename, line, space).strip()
    return _cut(place, 600) + (f"    {_cut(source, 300)}\n" if source else "")
