# mypy: disable-error-code="import-not-found,import-untyped,no-any-return", allow-subclassing-any
"""apps - "gofer.django" in INSTALLED_APPS: the command gofer_worker, and the admin's pages."""

from __future__ import annotations

from django.apps import AppConfig


class GoferConfig(AppConfig):
    name = "gofer.django"
    label = "gofer"
    verbose_name = "Gofer"
