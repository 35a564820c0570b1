"""zones - the tz database of the package `tzdata`, where the system has none.

libgofer looks in $TZDIR and where systems keep the database; slim images have none.
core/cli/zones.c does the same for the command. May touch: the environment.
"""

from __future__ import annotations

import os

SYSTEM = "/usr/share/zoneinfo"


def provide() -> None:
    """Sets $TZDIR to the zones of the package `tzdata` if it is installed, and neither the
    environment nor the system names others. Once, when the library is loaded."""
    if "TZDIR" in os.environ or os.path.isdir(SYSTEM):
        return
    from importlib.util import find_spec  # late: most systems have their own

    found = find_spec("tzdata")
    for place in (found.submodule_search_locations or []) if found else []:
        zones = os.path.join(place, "zoneinfo")
        if os.path.isdir(zones):
            os.environ["TZDIR"] = zones
            return
