"""The tasks for gofer, as they come: plain functions; $BENCH_ASYNC: the same as coroutines."""

import os

import gofer
import work

app = gofer.Gofer(work.STORE)


async def noop(text: str) -> None:
    work.noop(text)


async def some(number: int) -> None:
    work.some(number)


if os.environ.get("BENCH_ASYNC"):
    functions = {"noop": noop, "some": some, "rest": work.rest}
else:
    functions = {"noop": work.noop, "some": work.some}
functions.update(stamp=work.stamp)
tasks = {name: app.task(name=name, retry=0)(function) for name, function in functions.items()}


async def connect():
    app.ping()  # as the client in C, which opens the store before it looks at the clock


def enqueue(kind, value):
    tasks[kind].enqueue(value)


def enqueue_many(kind, values):
    app.enqueue_many([tasks[kind].item(value) for value in values])
