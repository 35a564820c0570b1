"""discovery - find an application by name: "shop.tasks:app", "shop:make_app()", or just "shop".

Imports the module, with the current directory on the path; of a package also every `tasks` module,
and what is in a `tasks` package, below it. Knows nothing of workers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import Gofer


class NoApplication(Exception):
    """There is no application by that name; the text says what was found. Errors of the
    application's own modules are not made into this: they are raised as they are."""


def load(name: str) -> Gofer:
    """The application, its tasks defined. Its `name` is this one if it has none.

    Raises NoApplication, and whatever the modules raise.
    """
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    path, _, attribute = name.partition(":")
    if not path:
        raise NoApplication(f"'{name}': write MODULE:NAME, for example shop.tasks:app")
    modules = [_import(path, name)]
    modules += _task_modules(modules[0])
    app = _named(modules[0], attribute, name) if attribute else _only(modules, name)
    if app.name is None:
        app.name = name
    return app


def _import(path: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if path == missing or path.startswith(missing + "."):
            raise NoApplication(
                f"'{name}': there is no module '{missing}' in {os.getcwd()} nor among the installed"
                " ones"
            ) from None
        raise


def _task_modules(package: ModuleType) -> list[ModuleType]:
    """Every module named "tasks", and all in packages of that name, below a package."""
    if not hasattr(package, "__path__"):
        return []
    found = []

    def walk(path: Any, prefix: str, inside: bool) -> None:
        for module in pkgutil.iter_modules(path, prefix):
            last = module.name.rpartition(".")[2]
            if last == "__main__":
                continue
            if inside or last == "tasks":
                found.append(importlib.import_module(module.name))
            if module.ispkg:
                # Packages on the way are not imported before something below them is.
                folders = [os.path.join(folder, last) for folder in path]
                walk([f for f in folders if os.path.isdir(f)], module.name + ".",
                     inside or last == "tasks")  # fmt: skip

    walk(list(package.__path__), package.__name__ + ".", package.__name__.endswith(".tasks"))
    return found


def _named(module: ModuleType, attribute: str, name: str) -> Gofer:
    from .app import Gofer

    wanted = attribute[:-2] if attribute.endswith("()") else attribute
    found: Any = module
    for part in wanted.split("."):
        if not hasattr(found, part):
            raise NoApplication(f"'{name}': {module.__name__} has no '{wanted}'{_hint(module)}")
        found = getattr(found, part)
    if not isinstance(found, Gofer) and callable(found) and not isinstance(found, type):
        found = found()
    if not isinstance(found, Gofer):
        raise NoApplication(
            f"'{name}' is no application: it is a {type(found).__name__}{_hint(module)}"
        )
    return found


def _hint(module: ModuleType) -> str:
    there = ", ".join(f"{module.__name__}:{name}" for name, _ in _apps(module))
    return f"; there is {there}" if there else ""


def _apps(module: ModuleType) -> list[tuple[str, Gofer]]:
    from .app import Gofer

    return [(name, value) for name, value in vars(module).items() if isinstance(value, Gofer)]


def _only(modules: list[ModuleType], name: str) -> Gofer:
    found: dict[int, tuple[str, Gofer]] = {}
    for module in modules:
        for attribute, app in _apps(module):
            found.setdefault(id(app), (f"{module.__name__}:{attribute}", app))
    if not found:
        looked = ", ".join(module.__name__ for module in modules)
        raise NoApplication(f"'{name}': there is no gofer.Gofer in {looked}")
    if len(found) > 1:
        names = ", ".join(sorted(where for where, _ in found.values()))
        raise NoApplication(f"'{name}' has several applications: say which of {names}")
    (_, app), = found.values()  # fmt: skip
    return app
