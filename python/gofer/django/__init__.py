"""gofer.django - Django's background tasks (django.tasks), run by gofer.

    INSTALLED_APPS = [..., "gofer.django"]
    TASKS = {"default": {"BACKEND": "gofer.django.GoferBackend"}}

    python manage.py gofer_worker

It needs Django 6, or Django 5.2 with the package django-tasks. backend.py is the backend, worker.py
what a worker's children load, admin.py the pages. See docs/django.md.

Nothing of Django is imported before it is used, for this package is imported before settings are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..app import Gofer
    from .backend import GoferBackend
    from .commit import after_commit

__all__ = ["GoferBackend", "after_commit", "app"]


def app(backend: str = "default") -> Gofer:
    """The application behind a backend of the setting TASKS: for its middleware and hooks, for
    cron entries, and for tasks that are made by @app.task. One for all threads."""
    from .backend import backend_of

    return backend_of(backend).app


def __getattr__(name: str) -> Any:
    if name == "GoferBackend":
        from .backend import GoferBackend

        return GoferBackend
    if name == "after_commit":
        from .commit import after_commit

        return after_commit
    raise AttributeError(f"module 'gofer.django' has no attribute '{name}'")
