"""errors - an exception as the text that is kept with the task."""

from __future__ import annotations

import traceback

LIMIT = 8192


def error_text(error: BaseException) -> str:
    """ "Type: message", then the traceback, in at most 8 KiB."""
    name = type(error).__name__
    try:
        message = str(error)
    except BaseException:
        message = "(its text cannot be had)"
    head = f"{name}: {message}" if message else name
    try:
        frames = "".join(traceback.format_tb(error.__traceback__)[1:])
    except BaseException:
        frames = ""
    text = f"{head}\nTraceback (most recent call last):\n{frames}" if frames else head
    return text[:LIMIT].rstrip()
