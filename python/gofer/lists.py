"""lists - what a step of a flow returns for another to be run for each item of it, and what those
have returned, as one list.

    @app.task
    def rows(start: int = 0) -> object:
        found = look_up(start, 1000)
        return gofer.more([load.item(row) for row in found], then=rows.item(start + 1000))

Pure: the store reads the list (docs/flows.md). Threads: any.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from .errors import InvalidArgument
from .payload import JsonCodec, encoded
from .results import result_of
from .task import Item

if TYPE_CHECKING:
    from .payload import Codec
    from .task import Task


class More(NamedTuple):
    """Some of a list, and what goes on with it: see more()."""

    items: tuple[Any, ...]
    then: Item


def more(items: Iterable[Any], then: Item) -> More:
    """For a step to return whose list does not end with these items: the step runs once more, with
    the arguments of `then`, for those that come behind.

    items  what the other step is run for: its task.item(...), or plain arguments {"name": value}
    then   the step's own task.item(...); only its arguments count
    """
    return More(tuple(items), then)


def listed(value: Any, codec: Codec) -> bytes | None:
    """What a task returned as a list of payloads; None: it is nothing of the kind."""
    if isinstance(value, More):
        items, then = value
        return b'{"items":%b,"more":%b}' % (_list(items, codec), _member(then.payload))
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Item):
        return _list(value, codec)
    return None


def _list(items: Iterable[Any], codec: Codec) -> bytes:
    payloads = (each.payload if isinstance(each, Item) else encoded(codec, each) for each in items)
    return b"[" + b",".join(map(_member, payloads)) + b"]"


def _member(payload: bytes) -> bytes:
    """As it stands in a list: an object as it is, all else as base64."""
    if payload.startswith(b"{") and not payload.startswith(b'{"base64"'):
        try:
            json.loads(payload)
            return payload
        except ValueError:
            pass
    return b'{"base64":"%b"}' % base64.b64encode(payload)


def results_of(
    data: bytes | None, task: Task[..., Any] | None, codec: Codec, told: tuple[str, str],
    one: Callable[[int], Optional[bytes]],
) -> list[Any]:  # fmt: skip
    """What steps that were made have returned, in order, each as result_of has it.

    data  their results as a JSON array
    one   the result of the n-th, from 1, by itself: of a codec whose results may stand otherwise
          in the array

    InvalidArgument: it is no list, or one of them cannot be read. NotFound: one has left nothing.
    """
    texts = _texts(data or b"", told[0])
    if not isinstance(codec, JsonCodec):
        return [result_of(one(n + 1), task, codec, told) for n in range(len(texts))]
    return [
        result_of(None if text == "null" else text.encode(), task, codec, told) for text in texts
    ]


def _texts(data: bytes, what: str) -> list[str]:
    """The items of a JSON array, as they are written."""
    texts: list[str] = []
    scan = json.JSONDecoder().raw_decode
    try:
        text = data.decode()
        if not isinstance(scan(text)[0], list):
            raise ValueError("it is no list")
        at = _past(text, 1)
        while text[at] != "]":
            end = scan(text, at)[1]
            texts.append(text[at:end])
            at = _past(text, end)
            at = _past(text, at + 1) if text[at] == "," else at
        return texts
    except (ValueError, IndexError) as error:
        raise InvalidArgument(f"{what} has left no list of results: {error}") from error


def _past(text: str, at: int) -> int:
    """Where the blanks that begin here end."""
    while text[at] in " \t\r\n":
        at += 1
    return at
