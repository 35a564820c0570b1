"""Limits: app.limits, the options that name keys, and a task that pauses one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import gofer
import pytest
from gofer import testing


@pytest.fixture
def memory() -> Iterator[gofer.Gofer]:
    with gofer.Gofer("memory:") as app:
        yield app


def test_a_limit_is_put_listed_and_removed(app: gofer.Gofer) -> None:
    app.limits.put("smtp:*", concurrency=5, rate=100, per="1m", burst=20)
    app.limits.put("api", rate=10, over="refuse", scope="queue")
    assert list(app.limits) == [
        gofer.Limit("api", None, 10, timedelta(seconds=1), 1, "refuse", "queue"),
        gofer.Limit("smtp:*", 5, 100, timedelta(minutes=1), 20, "wait", "store"),
    ]
    app.limits.put("api", concurrency=1, over="cancel-oldest")  # all its numbers
    assert [each for each in app.limits if each.name == "api"] == [
        gofer.Limit("api", 1, None, None, None, "cancel-oldest", "store")
    ]
    app.limits.remove("api")
    app.limits.remove("smtp:*")
    assert list(app.limits) == []
    with pytest.raises(gofer.NotFound):
        app.limits.remove("api")


def test_more_limits_than_a_page(memory: gofer.Gofer) -> None:
    for number in range(1002):
        memory.limits.put(f"k{number:04}", concurrency=1)
    assert [each.name for each in memory.limits] == [f"k{number:04}" for number in range(1002)]


def test_wrong_limits(app: gofer.Gofer) -> None:
    with pytest.raises(gofer.InvalidArgument, match="a concurrency or a rate"):
        app.limits.put("k")
    with pytest.raises(gofer.InvalidArgument, match="concurrency is 0"):
        app.limits.put("k", concurrency=0)
    with pytest.raises(gofer.InvalidArgument, match="before its end"):
        app.limits.put("a*b", concurrency=1)
    with pytest.raises(gofer.InvalidArgument, match="over is 'drop'"):
        app.limits.put("k", concurrency=1, over="drop")  # type: ignore[arg-type]
    with pytest.raises(gofer.InvalidArgument, match="burst is given without a rate"):
        app.limits.put("k", concurrency=1, burst=2)
    with pytest.raises(gofer.NotFound):
        app.limits.key("k")


def test_tasks_name_keys(app: gofer.Gofer) -> None:
    @app.task(limits=["b", "a"], limit_cost=3)
    def both() -> None: ...

    @app.task(limits="one")
    def single() -> None: ...

    info = both.enqueue().info()
    assert (info.limits, info.limit_cost, info.waits_for) == (("a", "b"), 3, None)
    assert single.enqueue().info().limits == ("one",)
    assert single.options(limits=("x", "y")).enqueue().info().limits == ("x", "y")
    plain = app.enqueue("plain", limits="z").info()
    assert (plain.limits, plain.limit_cost) == (("z",), None)
    assert app.enqueue("plain").info().limits == ()
    with pytest.raises(gofer.InvalidArgument, match="at most 4"):
        app.enqueue("plain", limits=list("abcde"))
    with pytest.raises(gofer.InvalidArgument, match="is of a queue"):
        app.enqueue("plain", limits="queue:mail")
    with pytest.raises(gofer.InvalidArgument, match="limit_cost is -1"):
        app.enqueue("plain", limits="z", limit_cost=-1)
    with pytest.raises(TypeError, match="limit_cost must be a whole number"):
        app.enqueue("plain", limits="z", limit_cost=1.5)  # type: ignore[arg-type]


def test_tasks_run_one_after_the_other(memory: gofer.Gofer) -> None:
    ran: list[tuple[str, int]] = []

    @memory.task(ordered="k", retry_policy="fixed:10ms")
    def task(name: str, *, ctx: gofer.Context) -> None:
        ran.append((name, ctx.attempt))
        if ctx.attempt == 1:
            raise ValueError("once more")

    first = task.options(ordered_dead="block").enqueue("a")
    assert (first.info().ordered, first.info().ordered_dead) == ("k", "block")
    assert task.enqueue("b").info().ordered_dead is None
    memory.worker(threads=4).run(drain=True)
    assert ran == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    with pytest.raises(gofer.InvalidArgument, match="ordered_dead is 'stop'"):
        memory.enqueue("t", ordered="k", ordered_dead="stop")  # type: ignore[arg-type]
    with pytest.raises(gofer.InvalidArgument, match="ordered_dead is given without"):
        memory.enqueue("t", ordered_dead="block")


def test_cron_entries_name_keys(memory: gofer.Gofer) -> None:
    @memory.cron("@daily", name="nightly")
    @memory.task(limits=["a"], limit_cost=2)
    def report() -> None: ...

    memory.sync_crons("here")
    memory.schedules.put("hourly", "@hourly", report.options(limits=["b", "c"]))
    found = {entry.name: (entry.limits, entry.limit_cost) for entry in memory.schedules}
    assert found == {"nightly": (("a",), 2), "hourly": (("b", "c"), 2)}


def test_as_many_run_as_may(memory: gofer.Gofer) -> None:
    waits: list[gofer.LimitKey] = []

    @memory.task(limits="api")
    def task(number: int) -> None:
        waits.extend(memory.limits.keys(blocked=True))
        assert memory.limits.key("api")[0].running == 1

    memory.limits.put("api", concurrency=1)
    handles = [task.options(retention="1h").enqueue(number) for number in range(3)]
    memory.worker(threads=3).run(drain=True)
    assert [handle.info().state for handle in handles] == ["completed"] * 3
    assert all((each.key, each.limit, each.concurrency) == ("api", "api", 1) for each in waits)
    assert memory.limits.key("api")[0].waiting == 0


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_task_pauses_its_key(memory: gofer.Gofer, kind: str) -> None:
    ran = []

    @memory.task(name="plain", limits="api")
    def plain(*, ctx: gofer.Context) -> None:
        ran.append(ctx.id)
        ctx.limit_pause("api", "1h", "429 Too Many Requests")

    @memory.task(name="async", limits="api")
    async def asynchronous(*, ctx: gofer.Context) -> None:
        ran.append(ctx.id)
        raise gofer.LimitPause("api", timedelta(hours=1), "429 Too Many Requests")

    task = {"plain": plain, "async": asynchronous}[kind]
    memory.limits.put("api", concurrency=1)
    first, second = task.enqueue(), task.enqueue()
    before = datetime.now(timezone.utc)
    with memory.worker(threads=1, tasks=1):
        while first.info().state != "retry" or second.info().waits_for is None:
            time.sleep(0.01)
    assert ran == [first.id]
    info = first.info()
    assert (info.state, info.last_error) == ("retry", "429 Too Many Requests")
    assert second.info().waits_for == "api"
    key = memory.limits.key("api")[0]
    assert key.paused_until is not None and key.paused_until > before + timedelta(minutes=50)
    memory.limits.pause("api", 0)
    assert memory.limits.key("api")[0].paused_until is None


def test_a_pause_that_fails_costs_the_task_nothing(
    memory: gofer.Gofer, caplog: pytest.LogCaptureFixture
) -> None:
    @memory.task
    def task(*, ctx: gofer.Context) -> None:
        ctx.limit_pause("", "1h", "later")

    handle = task.enqueue()
    with caplog.at_level(logging.ERROR, "gofer"), memory.worker():
        while handle.info().state != "retry":
            time.sleep(0.01)
    assert handle.info().last_error == "later" and "is not paused" in caplog.text


def test_eager_tasks_hold_nobody_up() -> None:
    app = gofer.Gofer("sqlite:/nowhere/at/all.db")

    @app.task(limits="api", limit_cost=2)
    def task(*, ctx: gofer.Context) -> None:
        ctx.limit_pause("api", "1h", "busy")

    with testing.eager(app):
        handle = task.enqueue()
        assert handle.wait().last_error == "busy"
        assert (handle.info().limits, handle.info().limit_cost) == (("api",), 2)


def test_a_store_without_limits_says_so(redis_url: str) -> None:
    with gofer.Gofer(redis_url) as app:
        try:
            app.limits.put("api", concurrency=1)
        except gofer.Unsupported:
            with pytest.raises(gofer.Unsupported, match="limits"):
                app.enqueue("t", limits="api")
        else:
            pytest.skip("n/a: Redis has limits")
