# mypy: disable-error-code="import-not-found,import-untyped,no-any-return", allow-subclassing-any
"""models - what the admin's pages and permissions belong to. There are no tables behind them:
queues and tasks are in gofer's store, and no query is ever made."""

from __future__ import annotations

from django.db import models


class Queue(models.Model):
    """A queue. Change: pause it and let it go on."""

    name = models.CharField(max_length=255, primary_key=True)

    class Meta:
        app_label = "gofer"
        managed = False
        default_permissions = ("view", "change")


class Task(models.Model):
    """A task. Change: run, archive and cancel it."""

    id = models.CharField(max_length=64, primary_key=True)

    class Meta:
        app_label = "gofer"
        managed = False
        default_permissions = ("view", "change", "delete")
