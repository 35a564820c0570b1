"""The tasks for Taskiq: the list broker, its fastest, orjson and uvloop, as its guides advise.

Lists lose what a worker that dies has taken; $BENCH_STREAM: the broker of streams, which does not.
It has no call that enqueues many: a hundred are sent at the same time.
"""

import asyncio
import os

import work
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import ListQueueBroker, RedisStreamBroker

if os.environ.get("BENCH_STREAM"):
    broker = RedisStreamBroker(work.STORE, consumer_id="0").with_serializer(ORJSONSerializer())
else:
    broker = ListQueueBroker(work.STORE).with_serializer(ORJSONSerializer())


@broker.task(task_name="noop")
async def noop(text: str) -> None:
    work.noop(text)


@broker.task(task_name="stamp")
async def stamp(sent_ns: int) -> None:
    work.stamp(sent_ns)


@broker.task(task_name="some")
async def some(number: int) -> None:
    work.some(number)


@broker.task(task_name="rest")
async def rest(seconds: float) -> None:
    await work.rest(seconds)


tasks = {"noop": noop, "stamp": stamp, "some": some, "rest": rest}


async def connect():
    await broker.startup()


async def enqueue(kind, value):
    await tasks[kind].kiq(value)


async def enqueue_many(kind, values):
    await asyncio.gather(*(tasks[kind].kiq(value) for value in values))
