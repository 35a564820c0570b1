"""The tasks for RQ: its own functions by name, no results kept, many enqueued in a pipeline."""

import work
from redis import Redis
from rq import Queue

queue = Queue("default", connection=Redis.from_url(work.STORE))


def enqueue(kind, value):
    queue.enqueue(getattr(work, kind), value, result_ttl=0, failure_ttl=60)


def enqueue_many(kind, values):
    queue.enqueue_many(
        [
            Queue.prepare_data(getattr(work, kind), (value,), result_ttl=0, failure_ttl=60)
            for value in values
        ]
    )
