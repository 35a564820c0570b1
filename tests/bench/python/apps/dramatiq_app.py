"""The tasks for Dramatiq: its Redis broker with the middleware it comes with, no retries."""

import dramatiq
import work
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=work.STORE))
tasks = {
    name: dramatiq.actor(getattr(work, name), max_retries=0) for name in ("noop", "stamp", "some")
}


def enqueue(kind, value):
    tasks[kind].send(value)


def enqueue_many(kind, values):
    dramatiq.group([tasks[kind].message(value) for value in values]).run()
