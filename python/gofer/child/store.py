"""store - which store an application was made for, told to the worker that asks before it starts.

    python -m gofer.child --url shop.tasks:app 3>&1

So `gofer worker --python APP` without a URL serves the store that the application puts its tasks
into. With a URL it serves that one: a difference that cannot be meant is warned of. Opens nothing.
"""

from __future__ import annotations

import os
import re
from typing import NoReturn, Optional

URL_FD = 3


def tell(name: str) -> NoReturn:
    """Write the URL that this application was given to descriptor 3, and end: 0; 1: it cannot be
    loaded, which its start will tell, or was given none."""
    from ..discovery import load

    code = 1
    try:
        url = load(name)._connection.given
        if url and not url.startswith("memory:"):
            os.write(URL_FD, f"{url}\n".encode())
            code = 0
    except BaseException:  # whatever an import may do; it is done again, and heard, at the start
        pass
    os._exit(code)  # not by way of what the program has left to do at its end


def warning(given: Optional[str], served: Optional[str]) -> Optional[str]:
    """What to say if an application for one store runs on a worker of another; None: nothing."""
    if not given or not served:
        return None
    mine, theirs = _place(given), _place(served)
    if mine == theirs:
        return None
    if mine == "memory:":
        return (
            f"this worker serves {theirs}, but the application keeps its tasks in its own memory,"
            " where no other process finds them: give it another URL"
        )
    return (
        f"this worker serves {theirs}, but the application puts its tasks into {mine}: leave the"
        " URL out in one of the two, or start the worker with --url"
    )


def _place(url: str) -> str:
    """Equal for URLs that may be one store: which server it is cannot be seen from its name."""
    scheme, colon, rest = url.partition(":")
    if not colon or "/" in scheme:  # a plain path
        return f"sqlite:{os.path.realpath(url)}"
    if scheme == "sqlite":
        from urllib.parse import unquote

        path = re.sub("^/+", "/", unquote(rest.partition("?")[0]))
        return f"sqlite:{os.path.realpath(path)}"
    return "memory:" if scheme == "memory" else "Redis"
