"""program - where the `gofer` command that belongs to this package is.

pip puts the command of a wheel into the folder of scripts, which differs with the way of
installing: a virtual environment, `--user`, `--prefix`, `--target`. May touch: paths and the
environment; imports nothing of this package, and so works without its C module.
"""

from __future__ import annotations

import os
import sys
import sysconfig

NAME = "gofer"
# Names this package's binary, before everything that is looked for.
VARIABLE = "GOFER_BIN"


def binary() -> str:
    """The path of the `gofer` command that belongs to this package.

    `$GOFER_BIN` if it is set; else the command that was installed with the package: beside it, in
    the scripts of this Python, of the Python that a virtual environment was made of, or of the
    user; else the first `gofer` on the `PATH`, which is the one of the system's packages.

    Raises FileNotFoundError, which names the places that were looked at, if there is none: the
    package was installed without it (GOFER_COMMAND=0), or GOFER_BIN names no program. Safe to call
    from any thread; nothing is kept.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if _runs(named):
            return named
        raise FileNotFoundError(f"${VARIABLE} is {named}, which is no program that can be run")
    places = _places()
    for place in places:
        path = os.path.join(place, NAME)
        if _runs(path):
            return path
    for place in os.get_exec_path():
        path = os.path.join(place, NAME)
        if os.path.isabs(path) and _runs(path):
            return path
    raise FileNotFoundError(
        f"the command {NAME} was not installed with this package: it is not in"
        f" {', '.join(places)}, nor on the PATH. Install the package anew, or name the command in"
        f" ${VARIABLE}"
    )


def _runs(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _places() -> list[str]:
    """The folders in which an installer may have put the command, the likeliest first."""
    here = os.path.dirname(os.path.abspath(__file__))
    wanted = [
        _above(here),
        os.path.join(os.path.dirname(here), "bin"),  # pip install --target
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", vars={"base": sys.base_prefix}),
        sysconfig.get_path("scripts", scheme=_user_scheme()),
    ]
    return list(dict.fromkeys(place for place in wanted if place))


def _above(here: str) -> str | None:
    """PREFIX/bin, for a package in PREFIX/lib*/python*/*-packages/gofer."""
    packages = os.path.dirname(here)
    python = os.path.dirname(packages)
    lib = os.path.dirname(python)
    if (
        os.path.basename(packages) in ("site-packages", "dist-packages")
        and os.path.basename(python).startswith("python")
        and os.path.basename(lib).startswith("lib")
    ):
        return os.path.join(os.path.dirname(lib), "bin")
    return None


def _user_scheme() -> str:
    if sys.version_info >= (3, 10):
        return sysconfig.get_preferred_scheme("user")
    if sys.platform == "darwin" and getattr(sys, "_framework", ""):
        return "osx_framework_user"
    return "posix_user"
