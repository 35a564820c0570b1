"""The tasks for arq: no results kept, and a worker that looks often and takes much at a time.

With the settings it comes with (ten jobs at a time, a look twice a second) it cannot run more than
200 jobs a second. It has no call that enqueues many: a hundred are sent at the same time.
"""

import asyncio

import work
from arq import create_pool
from arq.connections import RedisSettings

REDIS = RedisSettings.from_dsn(work.STORE)
pool = None


async def noop(ctx, text):
    work.noop(text)


async def stamp(ctx, sent_ns):
    work.stamp(sent_ns)


async def some(ctx, number):
    work.some(number)


async def rest(ctx, seconds):
    await work.rest(seconds)


class WorkerSettings:
    functions = [noop, stamp, some, rest]
    redis_settings = REDIS
    keep_result = 0
    max_tries = 1
    max_jobs = 1000
    poll_delay = 0.01
    log_results = False


async def connect():
    global pool
    pool = await create_pool(REDIS)


async def enqueue(kind, value):
    await pool.enqueue_job(kind, value)


async def enqueue_many(kind, values):
    await asyncio.gather(*(pool.enqueue_job(kind, value) for value in values))
