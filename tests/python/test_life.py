"""The whole life of a task, seen from a client: locks, groups, schedules, filters, acts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import gofer
import pytest

# ---- options --------------------------------------------------------------------------


def test_a_unique_task_is_there_once(app: gofer.Gofer) -> None:
    @app.task(name="import", unique="1h")
    def load(path: str) -> None: ...

    first = load.enqueue("/a")
    with pytest.raises(gofer.Duplicate, match=first.id):
        load.enqueue("/a")
    assert load.enqueue("/b").id != first.id
    assert load.options(on_conflict="return").enqueue("/a").id == first.id
    assert first.info().unique == "done"

    keyed = app.enqueue("t", unique=60, unique_key="k")
    assert app.enqueue("u", b"x", unique=60, unique_key="k", on_conflict="return").id == keyed.id
    app.inspect.delete(keyed.id)
    assert app.enqueue("u", b"x", unique=60, unique_key="k").id != keyed.id
    lasting = app.enqueue("l", unique=timedelta(minutes=1), unique_until="ttl")
    app.inspect.delete(lasting.id)
    with pytest.raises(gofer.Duplicate):
        app.enqueue("l", unique=60, unique_until="ttl")


def test_a_batch_tells_who_is_a_duplicate(app: gofer.Gofer) -> None:
    results = app.enqueue_many(
        [app.item("t", unique=60), app.item("t", unique=60), app.item("u", unique=60)]
    )
    assert [result.ok for result in results] == [True, False, True]
    assert isinstance(results[1].error, gofer.Duplicate)


def test_options_reach_the_task(app: gofer.Gofer) -> None:
    info = app.enqueue(
        "t", retry_policy="fixed:5s;cap=1m", retry=3, on_dead=("alarm", "ops"), expires="1h"
    ).info()
    assert (info.retry_policy, info.max_retry, info.on_dead, info.on_dead_queue) == (
        "fixed:5s;cap=1m",
        3,
        "alarm",
        "ops",
    )
    assert info.start_by is not None and info.enqueued_at is not None
    assert timedelta(minutes=59) < info.start_by - info.enqueued_at < timedelta(minutes=61)
    when = datetime(2100, 1, 1, tzinfo=timezone.utc)
    assert app.enqueue("t", expires_at=when).info().start_by == when
    assert app.enqueue("t", on_dead="alarm").info().on_dead == "alarm"
    assert app.enqueue("t", on_done=("next", "q")).info().on_done_queue == "q"
    hook = "webhook+result:https://example.org/@me"
    assert app.enqueue("t", on_done=hook).info().on_done == hook

    @app.task(name="short", expires="1h")
    def short() -> None: ...

    assert short.options(expires_at=when).enqueue().info().start_by == when


@pytest.mark.parametrize(
    "options",
    [
        {"unique": -1}, {"unique": "soon"}, {"unique_until": "never"}, {"on_conflict": "ignore"},
        {"group": ""},
        {"expires": -1}, {"expires_at": "soon"}, {"expires": 5, "expires_at": "@4102444800"},
        {"retry_policy": "sometimes"}, {"retry_policy": "fixed"}, {"on_dead": ""},
        {"unique_key": "a\0b"},
        {"headers": {"gofer-x": "1"}},
    ],
)  # fmt: skip
def test_wrong_options_are_refused(app: gofer.Gofer, options: dict[str, Any]) -> None:
    with pytest.raises(gofer.InvalidArgument):
        app.enqueue("t", **options)
    assert app.inspect.queues() == []


def test_options_of_a_wrong_type(app: gofer.Gofer) -> None:
    for options in (
        {"unique": True},
        {"group": 5},
        {"retry_policy": 5},
        {"on_dead": 5},
        {"unique_key": b"x"},
    ):
        with pytest.raises(TypeError):
            app.enqueue("t", **options)  # type: ignore[arg-type]
    with pytest.raises(gofer.InvalidArgument):
        app.task(unique_until="never")(print)  # type: ignore[call-overload]


# ---- groups ------------------------------------------------------------------------------


def test_groups_are_listed(app: gofer.Gofer) -> None:
    for n in range(3):
        app.enqueue("t", {"n": n}, group="a")
    app.enqueue("t", group="b", queue="other")
    (group,) = app.inspect.groups()
    assert group.group == "a" and group.size == 3
    assert (
        group.oldest_at is not None
        and group.newest_at is not None
        and group.oldest_at <= group.newest_at
    )
    assert {task.group for task in app.inspect.find(state="aggregating")} == {"a", "b"}
    assert app.inspect.queue("default").aggregating == 3


# ---- schedules -----------------------------------------------------------------------------


def test_entries_are_made_changed_and_removed(app: gofer.Gofer) -> None:
    @app.task(name="backup", queue="low", retry=2, timeout="1h", headers={"trace": "x"})
    def backup(folder: str) -> None: ...

    @app.task(name="sweep")
    def sweep() -> None: ...

    app.schedule(
        "nightly", "30 2 * * *", backup.item("/srv"), tz="Europe/Berlin", missed="all",
        missed_max=3,
        overlap="skip", jitter="10s", paused=True,
    )  # fmt: skip
    entry = app.schedules["nightly"]
    assert (entry.spec, entry.tz, entry.type, entry.queue) == (
        "30 2 * * *",
        "Europe/Berlin",
        "backup",
        "low",
    )
    assert (entry.missed, entry.missed_max, entry.overlap, entry.paused) == ("all", 3, "skip", True)
    assert entry.payload == b'{"folder":"/srv"}' and entry.jitter == timedelta(seconds=10)
    assert entry.source == "api" and not entry.foreign and entry.headers == {"trace": "x"}

    @app.task(name="rebuild", unique="1h")
    def rebuild(index: str) -> None: ...

    with pytest.raises(gofer.InvalidArgument, match="unique"):
        app.schedule("index", "@hourly", rebuild.item("books"))
    app.schedule("index", "@hourly", rebuild.options(unique=0).item("books"))
    app.schedules.remove("index")
    app.schedule("sweep", "@hourly", sweep)
    app.schedule("report", "@daily", "report", {"a": 1})
    assert [each.name for each in app.schedules] == ["nightly", "report", "sweep"]
    app.schedule("report", "@weekly", "report")
    assert app.schedules["report"].spec == "@weekly"
    with pytest.raises(gofer.TaskExists):
        app.schedule("report", "@daily", "report", new=True)

    app.schedules.unpause("nightly")
    assert not app.schedules["nightly"].paused
    app.schedules.pause("nightly")
    assert app.schedules["nightly"].paused
    assert app.inspect.task(app.schedules.run("nightly")).type == "backup"
    assert isinstance(app.schedules.history("nightly"), list)
    app.schedules.remove("nightly")
    for use in (
        app.schedules.remove,
        app.schedules.pause,
        app.schedules.run,
        app.schedules.__getitem__,
    ):
        with pytest.raises(gofer.NotFound):
            use("nightly")


def test_wrong_entries_are_refused(app: gofer.Gofer) -> None:
    wrong: list[dict[str, Any]] = [
        {"spec": "0 0 31 2 *"}, {"spec": ""}, {"tz": "Mars/Base"}, {"missed": "never"},
        {"overlap": "maybe"},
        {"jitter": -1}, {"missed_max": -1}, {"name": ""}, {"task": app.item("t", id="x")},
        {"task": app.item("t", delay=5)}, {"task": app.item("t", unique=5)},
        {"task": app.item("t", group="g")},
    ]  # fmt: skip
    for change in wrong:
        with pytest.raises(gofer.InvalidArgument):
            app.schedule(**{"name": "n", "spec": "@daily", "task": "t", **change})
    with pytest.raises(TypeError):
        app.schedule("n", "@daily", app.item("t"), {"a": 1})
    assert list(app.schedules) == []


def test_a_source_is_synchronized(app: gofer.Gofer) -> None:
    entries = [
        {"name": "a", "spec": "@hourly", "type": "t", "payload": {"n": 1}},
        {"name": "b", "spec": "@daily", "type": "t"},
    ]
    assert app.schedules.sync("shop", entries) == gofer.Synced(
        added=2, changed=0, removed=0, unchanged=0
    )
    assert app.schedules["a"].source == "shop"
    told = app.schedules.sync("shop", '{"entries":[{"name":"a","spec":"@daily","type":"t"}]}')
    assert (told.changed, told.removed) == (1, 1)
    with pytest.raises(gofer.TaskExists):
        app.schedules.sync("other", entries)
    for bad in ("no json", '{"entries":5}'):
        with pytest.raises(gofer.InvalidArgument):
            app.schedules.sync("shop", bad)
    assert app.schedules.sync("shop", []).removed == 1


def test_a_spec_is_explained() -> None:
    told = gofer.cron_check("30 2 * * 1", tz="Europe/Berlin", start="2026-11-23T18:00:00Z", count=2)
    assert [tick.local for tick in told.ticks] == [
        "2026-11-30T02:30:00+01:00",
        "2026-12-07T02:30:00+01:00",
    ]
    assert told.ticks[0].at == datetime(2026, 11, 30, 1, 30, tzinfo=timezone.utc)
    assert told.tz == "Europe/Berlin" and told.text
    assert gofer.cron_check("@every 90s").every == timedelta(seconds=90)
    with pytest.raises(gofer.InvalidArgument, match="31 February"):
        gofer.cron_check("0 0 31 2 *")
    with pytest.raises(gofer.InvalidArgument):
        gofer.cron_check("@daily", count=2000)


# ---- finding and acting --------------------------------------------------------------------


def test_tasks_are_found_by_filter(app: gofer.Gofer) -> None:
    app.enqueue_many(app.item(f"mail:{n % 2}", queue="mail") for n in range(300))
    app.enqueue("report", queue="reports", delay="1h", id="r-1")
    assert len(list(app.inspect.find("mail", "pending", type="mail:*"))) == 300
    assert len(list(app.inspect.find("mail", type="mail:1"))) == 150
    assert [task.id for task in app.inspect.find(id="r-*")] == ["r-1"]
    assert list(app.inspect.find("mail", older="1h")) == []
    assert len(list(app.inspect.find("*", younger="1h"))) == 301
    assert list(app.inspect.find(fingerprint="disk # is full")) == []
    with pytest.raises(gofer.InvalidArgument):
        list(app.inspect.find("mail", "nonsense"))  # type: ignore[arg-type]
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.find("mail", older="x")


def test_acts_tell_their_progress_and_can_be_stopped(app: gofer.Gofer) -> None:
    app.enqueue_many(app.item("t", {"n": n}) for n in range(700))
    seen: list[tuple[int, int]] = []
    assert app.inspect.act("count", "default") == 700
    assert (
        app.inspect.act(
            "archive", "default", "pending", type="t", progress=lambda *told: seen.append(told)
        )
        == 700
    )
    assert seen[-1] == (700, 700)
    stopped = app.inspect.act(
        "delete", "default", "archived", type="t", progress=lambda looked, done: False
    )
    assert 0 < stopped < 700
    assert app.inspect.act("delete", "default", "archived") == 700 - stopped

    def fail(looked: int, done: int) -> None:
        raise KeyError("mine")

    app.enqueue("t")
    with pytest.raises(KeyError, match="mine"):
        app.inspect.act("count", progress=fail)
    assert app.inspect.act("count", progress=lambda *_: app.close()) == 1  # the call's end closes
    with pytest.raises(gofer.WrongState):
        app.inspect.act("archive", "default", "archived")
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.act("explode")  # type: ignore[arg-type]


def test_waiting_tasks_are_edited_and_moved_in_time(app: gofer.Gofer) -> None:
    handle = app.enqueue("t", b"old", queue="q")
    app.inspect.edit(handle.id, {"new": True})
    assert handle.info().payload == b'{"new":true}'
    app.inspect.edit(handle.id, b"\0raw", "q")
    assert handle.info().payload == b"\0raw"
    when = datetime(2100, 1, 1, tzinfo=timezone.utc)
    app.inspect.reschedule(handle.id, when)
    assert handle.info().next_run_at == when
    app.inspect.reschedule(handle.id, delay="1h", queue="q")
    assert handle.info().state == "scheduled"
    app.inspect.reschedule(handle.id, delay=0)
    assert handle.info().state == "pending"
    app.inspect.reschedule(handle.id, delay=60)
    app.inspect.reschedule(handle.id, "@0")
    assert handle.info().state == "pending"
    for call in (
        lambda: app.inspect.edit("none", b""),
        lambda: app.inspect.reschedule("none", when),
    ):
        with pytest.raises(gofer.NotFound):
            call()
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.reschedule(handle.id)
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.reschedule(handle.id, when, delay=5)


def test_figures_and_workers(app: gofer.Gofer) -> None:
    app.enqueue("t")
    assert app.inspect.stats() == [] and app.inspect.stats("default", 24) == []
    hours = app.inspect.stats_hours("default", hours=192)
    assert len(hours) == 192 and hours[0].at < hours[1].at and hours[-1].done == 0
    minutes = app.inspect.stats_minutes("default", minutes=60)
    assert len(minutes) == 60 and minutes[0].at < minutes[1].at and minutes[-1].done == 0
    with pytest.raises(gofer.InvalidArgument, match="60"):
        app.inspect.stats_minutes(minutes=61)
    with pytest.raises(gofer.InvalidArgument, match="192"):
        app.inspect.stats_hours(hours=193)
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.stats(hours=1000)
    with pytest.raises(gofer.NotFound):
        app.inspect.set_worker("nobody", "concurrency", 8)
