"""peers - the queues that are compared, each as its own documentation sets it up for many short
tasks: what to install, how its worker is started, and how many tasks are left in its store.

Every worker has one process that runs tasks. Programs are found in the queue's own environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Union

Query = Callable[..., int]


def _list(name: str) -> Callable[[Query], int]:
    return lambda redis: redis("LLEN", name)


def _celery_left(redis: Query) -> int:
    return redis("LLEN", "celery") + redis("HLEN", "unacked")


def _rq_left(redis: Query) -> int:
    return redis("LLEN", "rq:queue:default") + redis("ZCARD", "rq:wip:default")


def _dramatiq_left(redis: Query) -> int:
    return redis("HLEN", "dramatiq:default.msgs")


def _stream_left(redis: Callable[..., list]) -> int:
    """What the consumer group has not acknowledged, and what it has not read."""
    for group in redis("XINFO", "GROUPS", "taskiq"):
        pairs = dict(zip(group[::2], group[1::2]))
        return int(pairs[b"pending"]) + int(pairs[b"lag"] or 0)
    return 0


def _gofer_left(redis: Query) -> int:
    return redis("LLEN", "asynq:{default}:pending") + redis("LLEN", "asynq:{default}:active")


@dataclass(frozen=True)
class Peer:
    """One queue on one kind of store.

    packages   what pip installs, in an environment of the name `venv`; none: gofer, from here
    left       how many tasks are not finished: a query of Redis, or a statement for SQLite
    worker     the command of the worker; {app}, {gofer} and {python} are filled in
    together   the command for a thousand waiting tasks in one process; empty: it cannot
    slow       so slow that its rounds have fewer tasks
    how        what was set, and why, for the reader of the figures
    """

    name: str
    venv: str
    app: str
    packages: tuple[str, ...]
    left: Union[Callable, str]
    worker: tuple[str, ...]
    how: str
    together: tuple[str, ...] = ()
    slow: bool = False
    store: str = "redis"
    environment: dict[str, str] = field(default_factory=dict)


GOFER = ("{gofer}", "--log-level", "error", "worker", "--python", "gofer_app:app")
GOFER_WAITING = (*GOFER, "--tasks", "1000")
CELERY = ("{bin}/celery", "-A", "celery_app", "worker", "--loglevel", "ERROR", "--concurrency", "1")
CELERY_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")
DRAMATIQ = ("{bin}/dramatiq", "dramatiq_app", "--processes", "1", "--threads", "8")
TASKIQ = ("{bin}/taskiq", "worker", "taskiq_app:broker", "--workers", "1", "--log-level", "ERROR")
TASKIQ_MANY = (*TASKIQ, "--no-parse", "--max-async-tasks", "1000")
HUEY = ("{bin}/huey_consumer", "huey_app.huey", "--quiet", "--no-periodic")
ARQ = ("{bin}/arq", "arq_app.WorkerSettings")
TASKIQ_PACKAGES = ("taskiq[orjson,uv]", "taskiq-redis", "hiredis")

PEERS = (
    Peer(
        "gofer", "gofer", "gofer_app", (), _gofer_left, GOFER,
        "as it comes: one child, 8 threads, plain functions",
    ),
    Peer(
        "gofer async", "gofer", "gofer_app", (), _gofer_left, GOFER,
        "as it comes: one child, coroutines", GOFER_WAITING,
        environment={"BENCH_ASYNC": "1"},
    ),
    Peer(
        "celery", "celery", "celery_app", ("celery[redis]", "hiredis"), _celery_left,
        (*CELERY, *CELERY_QUIET),
        "prefork with one child, prefetch multiplier 128, results ignored, no gossip, mingle or "
        "heartbeat; group() for many",
    ),
    Peer(
        "rq", "rq", "rq_app", ("rq", "hiredis"), _rq_left,
        ("{bin}/rq", "worker", "--quiet", "--url", "{store}"),
        "its default worker, which forks for each job; results and failures not kept; "
        "enqueue_many for many", slow=True,
    ),
    Peer(
        "rq simple", "rq", "rq_app", ("rq", "hiredis"), _rq_left,
        ("{bin}/rq", "worker", "--quiet", "--url", "{store}", "-w", "rq.worker.SimpleWorker"),
        "SimpleWorker, which does not fork (not recommended for production by its own docs)",
        slow=True,
    ),
    Peer(
        "dramatiq", "dramatiq", "dramatiq_app", ("dramatiq[redis]", "hiredis"), _dramatiq_left,
        DRAMATIQ, "one process, 8 threads (its default), no results; group() for many",
    ),
    Peer(
        "huey", "huey", "huey_app", ("huey", "redis", "hiredis"), _list("huey.redis.bench"), HUEY,
        "one thread (its default), blocking reads, no results, no periodic tasks; a loop for many",
    ),
    Peer(
        "arq", "arq", "arq_app", ("arq", "hiredis"), lambda redis: redis("ZCARD", "arq:queue"), ARQ,
        "max_jobs 1000 and poll_delay 10 ms in place of 10 and 500 ms, results not kept; "
        "a hundred at a time by gather for many", ARQ,
    ),
    Peer(
        "taskiq", "taskiq", "taskiq_app", TASKIQ_PACKAGES, _list("taskiq"), TASKIQ_MANY,
        "list broker (a task that was taken is lost with its worker), orjson, uvloop, no parsing, "
        "1000 at a time; a hundred at a time by gather for many", TASKIQ_MANY,
    ),
    Peer(
        "taskiq stream", "taskiq", "taskiq_app", TASKIQ_PACKAGES, _stream_left, TASKIQ_MANY,
        "the same with the broker of streams, which acknowledges", TASKIQ_MANY,
        environment={"BENCH_STREAM": "1"},
    ),
    Peer(
        "gofer, SQLite", "gofer", "gofer_app", (),
        "SELECT (SELECT count(*) FROM ready) + (SELECT count(*) FROM active)", GOFER,
        "as it comes, every commit synced", store="sqlite",
    ),
    Peer(
        "huey, SQLite", "huey", "huey_app", ("huey", "redis", "hiredis"),
        "SELECT count(*) FROM task", HUEY,
        "SqliteHuey with WAL, every commit synced (both its defaults)", store="sqlite",
    ),
)  # fmt: skip
