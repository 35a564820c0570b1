"""carry - the trace context of the task that runs now goes on into those that it puts in.

As libgofer does it for handlers in C, whose thread carries the context; functions in Python hop
from thread to thread. What a task has of its own, or was given by an instrumentation, stays. Knows
no store.

Threads: any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .context import running
from .task import Item

# W3C Trace Context. In versions to come more may follow, in 00 not; ff is none.
_IDS = "-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_PARENT = re.compile(f"00{_IDS}|(?!00|ff)[0-9a-f]{{2}}{_IDS}(?:-.*)?")


def carried(items: Iterable[Item]) -> list[Item]:
    """The tasks as they go in."""
    context = running.get()
    parent = None if context is None else context.headers.get("traceparent")
    if context is None or parent is None or not _PARENT.fullmatch(parent):
        return list(items)
    state = context.headers.get("tracestate")
    return [_with(item, parent, state) for item in items]


def _with(item: Item, parent: str, state: str | None) -> Item:
    if "traceparent" in item.headers:
        return item
    headers = {"traceparent": parent}
    if state is not None and "tracestate" not in item.headers:
        headers["tracestate"] = state
    return item.with_headers(headers)
