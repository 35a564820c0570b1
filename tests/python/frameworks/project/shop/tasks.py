"""Tasks of the tests, and receivers that write down which signals they saw."""

import json
import threading
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.dispatch import receiver

import gofer.django
from gofer.django.contract import task_finished, task_started

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task

app = gofer.django.app()


class Broken(Exception):
    pass


def noted(kind, result):
    line = {
        "kind": kind,
        "task": result.task.name,
        "status": result.status.value,
        "attempts": result.attempts,
        "errors": [error.exception_class_path for error in result.errors],
    }
    with open(settings.FOLDER / "signals", "a") as file:
        file.write(json.dumps(line) + "\n")


@receiver(task_started)
def started(sender, task_result, **kwargs):
    noted("started", task_result)


@receiver(task_finished)
def finished(sender, task_result, **kwargs):
    noted("finished", task_result)


@task
def add(a, b=0):
    return {"sum": a + b}


@task(queue_name="mail", retry=0, timeout="10s")
def add_user(name):
    User.objects.create(username=name)
    return threading.current_thread().name


@task
async def count_users():
    return [await User.objects.acount(), connection.vendor]


@task(retry=1)
def breaks():
    raise Broken("as asked")


@task(takes_context=True)
def second_time(context, word):
    if context.attempt == 1:
        raise ValueError("not at first")
    return [context.attempt, context.task_result.id, word, len(context.task_result.errors)]


@task(type="shop:named", unique="1h", on_conflict="return")
def named(a):
    return a


@task
def returns_a_set():
    return {1, 2}


@app.task(name="shop:plain")
def plain(folder: str) -> int:
    Path(folder, "plain").write_text(str(User.objects.count()))
    return User.objects.count()
