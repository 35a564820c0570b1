"""command - `python -m gofer`: the `gofer` command that belongs to this package.

The command takes this process's place, so that its signals, output and exit code are its own. May
touch: program.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .program import binary


def main(words: Sequence[str]) -> NoReturn:
    """Runs `gofer` with these words; does not come back. Ends with 2 if there is no command.

    `worker APP` is `worker --python APP`, and its children are run by this Python.
    """
    words = _with_app(words)
    os.environ.setdefault("GOFER_PYTHON", sys.executable)
    try:
        path = binary()
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(path, [path, *words])
    except OSError as error:
        print(f"python -m gofer: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _with_app(words: Sequence[str]) -> list[str]:
    """A word after `worker` that is no option names an application."""
    changed = list(words)
    if "worker" in changed:
        at = changed.index("worker") + 1
        if at < len(changed) and not changed[at].startswith("-"):
            changed.insert(at, "--python")
    return changed
