"""The tasks for Huey, on Redis or SQLite: no results. It has no call that enqueues many."""

import work
from huey import RedisHuey, SqliteHuey

if work.STORE.startswith("redis:"):
    huey = RedisHuey("bench", url=work.STORE, results=False)
else:
    huey = SqliteHuey("bench", filename=work.STORE, results=False)  # synced, as SQLite's default is
tasks = {name: huey.task()(getattr(work, name)) for name in ("noop", "stamp", "some")}


def enqueue(kind, value):
    tasks[kind](value)


def enqueue_many(kind, values):
    for value in values:
        tasks[kind](value)
