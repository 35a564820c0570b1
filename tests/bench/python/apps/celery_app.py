"""The tasks for Celery: results ignored, many prefetched, as its guide to optimizing advises."""

import work
from celery import Celery, group

app = Celery("celery_app", broker=work.STORE)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=128,  # "say 64, or 128" for many short tasks
    broker_connection_retry_on_startup=True,
)
tasks = {name: app.task(getattr(work, name), name=name) for name in ("noop", "stamp", "some")}


def enqueue(kind, value):
    tasks[kind].delay(value)


def enqueue_many(kind, values):
    group(tasks[kind].s(value) for value in values).apply_async()
