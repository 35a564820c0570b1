"""Cron entries that are declared beside their tasks, and how they get into the store."""

from __future__ import annotations

from pathlib import Path

import gofer
import pytest


@pytest.fixture
def app() -> gofer.Gofer:
    return gofer.Gofer("memory:", name="shop")


def names(app: gofer.Gofer) -> list[str]:
    return [entry.name for entry in app.schedules]


def test_an_entry_has_what_its_task_has(app: gofer.Gofer) -> None:
    @app.cron("30 2 * * *", tz="Europe/Berlin", overlap="skip", missed="all", jitter="1500ms")
    @app.task(name="clean", queue="low", retry=0, timeout="90s", retention="2h", unique="1h")
    def clean(days: int = 7) -> None: ...

    @app.task(name="pulse", timeout=gofer.NO_TIMEOUT, headers={"a": "b"}, on_dead=("told", "ops"))
    @app.cron("@every 90s")
    async def pulse() -> None: ...

    synced = app.sync_crons()
    assert (synced.added, synced.unchanged) == (2, 0)
    entry = app.schedules["clean"]
    assert (entry.spec, entry.tz, entry.type, entry.queue) == (
        "30 2 * * *", "Europe/Berlin", "clean", "low",
    )  # fmt: skip
    assert (entry.overlap, entry.missed, entry.payload) == ("skip", "all", b'{"days":7}')
    assert entry.jitter is not None and entry.jitter.total_seconds() == 1.5
    assert entry.timeout is not None and entry.timeout.total_seconds() == 90
    assert entry.retention is not None and entry.retention.total_seconds() == 7200
    assert entry.max_retry == 0 and entry.source == "shop"
    entry = app.schedules["pulse"]
    assert (entry.headers, entry.on_dead, entry.on_dead_queue) == ({"a": "b"}, "told", "ops")
    assert app.sync_crons().unchanged == 2
    task = app.inspect.task(app.schedules.run("clean"), "low")
    assert task.payload == b'{"days":7}'


def test_what_is_declared_no_more_goes_and_others_stay(app: gofer.Gofer) -> None:
    @app.task(name="report")
    def report() -> None: ...

    app.cron("@daily")(report)
    app.cron("@weekly", name="weekly")(report)
    app.schedule("by hand", "@hourly", report)
    app.sync_crons()
    assert names(app) == ["by hand", "report", "weekly"]
    app.crons.pop()
    assert app.sync_crons().removed == 1
    assert names(app) == ["by hand", "report"]
    with pytest.raises(gofer.TaskExists):
        app.sync_crons("another")


def test_what_is_wrong_is_told_where_it_stands(app: gofer.Gofer) -> None:
    @app.task(name="report")
    def report() -> None: ...

    with pytest.raises(gofer.InvalidArgument, match="never"):
        app.cron("0 0 31 2 *")(report)
    with pytest.raises(gofer.InvalidArgument, match="Atlantis"):
        app.cron("@daily", tz="Europe/Atlantis")(report)
    assert app.crons == []


def test_what_is_wrong_with_an_entry_changes_nothing(app: gofer.Gofer) -> None:
    @app.task(name="report")
    def report() -> None: ...

    @app.task(name="needs")
    def needs(day: str) -> None: ...

    @app.task(name="grouped", group="g")
    def grouped() -> None: ...

    def no_task() -> None: ...

    app.cron("@daily")(report)
    for function, text in [
        (report, "two cron entries are called 'report'"), (needs, "must need no arguments"),
        (grouped, "has a group"), (no_task, "no_task has a cron entry, and is no task"),
    ]:  # fmt: skip
        app.cron("@hourly")(function)
        with pytest.raises(gofer.InvalidArgument, match=text):
            app.sync_crons()
        app.crons.pop()
    assert names(app) == []
    app.name = None
    with pytest.raises(gofer.InvalidArgument, match="has no name"):
        app.sync_crons()
