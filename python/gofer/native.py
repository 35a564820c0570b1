"""native - the library by way of cffi, loaded when something of it is first used.

Most processes that run tasks never enqueue any: they save the memory and the time, and Pythons for
which there is no cffi can run them. `lib` knows the numbers of gofer.h without being loaded. May
touch: the module _gofer, and what zones.py may.

Threads: any.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

# Those that the package speaks of; a test compares them with the library's.
NUMBERS: dict[str, int] = {
    "GOFER_OK": 0,
    "GOFER_EINVAL": -1,
    "GOFER_ENOMEM": -2,
    "GOFER_EBROKER": -3,
    "GOFER_EUNCERTAIN": -4,
    "GOFER_ETIMEOUT": -5,
    "GOFER_EEXIST": -6,
    "GOFER_EDUPLICATE": -7,
    "GOFER_ENOTFOUND": -8,
    "GOFER_ESTATE": -9,
    "GOFER_ESTALE": -10,
    "GOFER_EFORKED": -11,
    "GOFER_EUNSUPPORTED": -12,
    "GOFER_ENOSPACE": -13,
    "GOFER_ETOOBIG": -14,
    "GOFER_EVERSION": -15,
    "GOFER_EDENIED": -16,
    "GOFER_ECORRUPT": -17,
    "GOFER_EEMPTY": -18,
    "GOFER_EHANDLER": -19,
    "GOFER_EFULL": -20,
    "GOFER_DONE": 0,
    "GOFER_REQUEUE": 4,
    "GOFER_NO_RETRY": -1,
    "GOFER_NO_TIMEOUT": -1,
    "GOFER_MAX_DURATION_MS": 3155760000000,
    "GOFER_UNTIL_DONE": 0,
    "GOFER_UNTIL_START": 1,
    "GOFER_UNTIL_TTL": 2,
    "GOFER_CONFLICT_REFUSE": 0,
    "GOFER_CONFLICT_RETURN": 1,
    "GOFER_DEBOUNCE_REPLACE": 0,
    "GOFER_DEBOUNCE_KEEP": 1,
    "GOFER_DEBOUNCE_EARLIEST": 2,
    "GOFER_CANCEL_TIMEOUT": 1,
    "GOFER_CANCEL_STOP": 2,
    "GOFER_CANCEL_LEASE": 3,
    "GOFER_CANCEL_REQUEST": 4,
    "GOFER_ACT_COUNT": 0,
    "GOFER_ACT_RUN": 1,
    "GOFER_ACT_ARCHIVE": 2,
    "GOFER_ACT_DELETE": 3,
    "GOFER_ACT_CANCEL": 4,
    "GOFER_MISSED_ONCE": 0,
    "GOFER_MISSED_SKIP": 1,
    "GOFER_MISSED_ALL": 2,
    "GOFER_OVERLAP_ALLOW": 0,
    "GOFER_OVERLAP_SKIP": 1,
    "GOFER_OVERLAP_QUEUE": 2,
    "GOFER_OVERLAP_CANCEL": 3,
    "GOFER_OVER_WAIT": 0,
    "GOFER_OVER_REFUSE": 1,
    "GOFER_OVER_CANCEL_OLDEST": 2,
    "GOFER_ORDERED_CONTINUE": 0,
    "GOFER_ORDERED_BLOCK": 1,
    "GOFER_SCOPE_STORE": 0,
    "GOFER_SCOPE_QUEUE": 1,
    "GOFER_FLOW_LINKS_MAX": 200000,
    "GOFER_AFTER_SUCCESS": 0,
    "GOFER_AFTER_FAILURE": 1,
    "GOFER_AFTER_ALWAYS": 2,
    "GOFER_FLOW_STOP": 0,
    "GOFER_FLOW_CANCEL": 1,
    "GOFER_FLOW_CONTINUE": 2,
    "GOFER_FLOW_PAUSE": 0,
    "GOFER_FLOW_RESUME": 1,
    "GOFER_FLOW_ABORT": 2,
    "GOFER_FLOW_RETRY": 3,
    "GOFER_FLOW_AFTER_MAX": 64,
    "GOFER_PY_SHUT": 1,
    "GOFER_PY_NO_MEMORY": 2,
    "GOFER_PY_NOT_REACHED": 3,
    "GOFER_PY_LONG_ID": 4,
    "GOFER_FIGURES_BOUND_MAX_MS": 4194304,
}


@functools.lru_cache(maxsize=None)
def load() -> Any:
    """The module, loaded. Unsupported: this Python cannot load it."""
    from .zones import provide

    provide()
    try:
        from . import _gofer
    except ImportError as error:
        from .errors import Unsupported

        raise Unsupported(
            f"this Python cannot load gofer's library ({error}): here tasks can be declared and run"
            " by a worker, but no store can be opened, as enqueueing does. Run `python -m pip"
            " install --force-reinstall gofer` with this Python; cffi, which it needs, is there for"
            " CPython 3.9 and later, free-threaded from 3.14 on"
        ) from error
    return _gofer


class _Late:
    """Stands for an object of the module. What was once asked for is kept, and found at once."""

    def __init__(self, which: str, known: Mapping[str, int]) -> None:
        vars(self).update(known, _which=which)

    def __getattr__(self, name: str) -> Any:
        value = getattr(getattr(load(), self._which), name)
        vars(self)[name] = value
        return value


ffi: Any = _Late("ffi", {})
lib: Any = _Late("lib", NUMBERS)
