"""Looking at queues and tasks and acting on them."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import gofer
import pytest


def test_an_empty_store(app: gofer.Gofer) -> None:
    assert app.inspect.queues() == [] and app.inspect.workers() == []
    app.ping()
    assert app.url.startswith("sqlite:")


def test_queues(app: gofer.Gofer) -> None:
    app.enqueue("t", queue="b")
    app.enqueue("t", queue="a")
    app.enqueue("t", queue="a", delay="1h")
    first, second = app.inspect.queues()
    assert (first.queue, first.pending, first.scheduled, first.size) == ("a", 1, 1, 2)
    assert (second.queue, second.pending, second.paused, second.paused_at) == ("b", 1, False, None)
    assert app.inspect.queue("a") == first or app.inspect.queue("a").latency >= first.latency
    assert first.processed == first.failed_total == 0


def test_a_queue_that_nobody_serves(app: gofer.Gofer) -> None:
    app.enqueue("t", queue="a")
    app.enqueue("t", queue="b", delay="1h")
    assert [queue.unserved for queue in app.inspect.queues()] == [True, False]
    assert not app.inspect.queue("a").unserved


def test_a_check(app: gofer.Gofer, url: str) -> None:
    app.enqueue("t")
    Path(url[len("sqlite:") :]).chmod(0o604)
    found = {finding.code: finding for finding in app.inspect.check()}
    assert found["permissions"].severity == "warning" and found["permissions"].queue is None
    assert "604" in found["permissions"].text and found["permissions"].repaired == 0


def test_paging(app: gofer.Gofer) -> None:
    ids = [
        result.handle.id
        for result in app.enqueue_many(app.item("t", {"n": n}) for n in range(250))
        if result.handle
    ]
    page = app.inspect.page(limit=100)
    assert [info.id for info in page.items] == ids[:100] and page.next_cursor
    assert page.items[0].payload is None and page.items[0].payload_size == len(b'{"n":0}')
    page = app.inspect.page(limit=100, cursor=page.next_cursor)
    page = app.inspect.page(limit=100, cursor=page.next_cursor)
    assert [info.id for info in page.items] == ids[200:] and page.next_cursor is None
    assert [info.id for info in app.inspect.tasks("default", "pending")] == ids
    assert list(app.inspect.tasks("default", "archived")) == []
    for limit in (-1, 1001, 2**40):
        with pytest.raises(gofer.InvalidArgument):
            app.inspect.page(limit=limit)
    with pytest.raises(gofer.InvalidArgument, match="not a state"):
        app.inspect.page(state="lost")  # type: ignore[arg-type]
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.page(cursor="made up")


def test_pages_of_queues(app: gofer.Gofer) -> None:
    for queue in ("mail:b", "mail:a", "mail", "report"):
        app.enqueue("t", queue=queue)
    page = app.inspect.queues_page(limit=3)
    assert [info.queue for info in page.items] == ["mail", "mail:a", "mail:b"]
    assert all(info.pending == 1 and info.unserved for info in page.items)
    assert page.next_cursor == "mail:b"
    page = app.inspect.queues_page(limit=3, cursor=page.next_cursor)
    assert [info.queue for info in page.items] == ["report"] and page.next_cursor is None
    page = app.inspect.queues_page("mail:*")
    assert [info.queue for info in page.items] == ["mail:a", "mail:b"]
    assert [info.queue for info in app.inspect.queues_page("mail").items] == ["mail"]
    assert app.inspect.queues_page("nothing").items == []
    for limit in (-1, 1001, 2**40):
        with pytest.raises(gofer.InvalidArgument):
            app.inspect.queues_page(limit=limit)
    with pytest.raises(gofer.InvalidArgument, match="cursor"):
        app.inspect.queues_page(cursor="x" * 300)


def test_pages_of_groups(app: gofer.Gofer) -> None:
    for group in ("b", "é", "a:1", "c"):
        app.enqueue("t", group=group)
    names, cursor, pages = [], None, 0
    while True:
        page = app.inspect.groups_page(limit=3, cursor=cursor)
        names += [info.group for info in page.items]
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break
    assert names == ["a:1", "b", "c", "é"] and pages == 2
    assert [info.group for info in app.inspect.groups()] == names
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.groups_page(limit=1001)
    with pytest.raises(gofer.InvalidArgument, match="cursor"):
        app.inspect.groups_page(cursor="x" * 1000)
    with pytest.raises(gofer.NotFound):
        app.inspect.groups_page("none")


def test_pages_of_cron_entries_and_workers(app: gofer.Gofer) -> None:
    for name in ("b", "a", "c"):
        app.schedule(name, "@daily", "t")
    page = app.schedules.page(limit=2)
    assert [entry.name for entry in page.items] == ["a", "b"] and page.next_cursor
    page = app.schedules.page(limit=2, cursor=page.next_cursor)
    assert [entry.name for entry in page.items] == ["c"] and page.next_cursor is None
    assert [entry.name for entry in app.schedules] == ["a", "b", "c"]
    page_of_workers = app.inspect.workers_page()
    assert page_of_workers.items == [] and page_of_workers.next_cursor is None
    for limit in (-1, 1001):
        with pytest.raises(gofer.InvalidArgument):
            app.schedules.page(limit=limit)
        with pytest.raises(gofer.InvalidArgument):
            app.inspect.workers_page(limit=limit)


def test_whole_lists_are_longer_than_a_page(app: gofer.Gofer) -> None:
    names = [f"q{i:04}" for i in range(1003)]
    app.enqueue_many([app.item("t", queue=name) for name in names])
    assert [info.queue for info in app.inspect.queues()] == names
    app.enqueue_many([app.item("t", group=name) for name in names])
    assert [info.group for info in app.inspect.groups()] == names


def test_acting_on_one(app: gofer.Gofer) -> None:
    handle = app.enqueue("t", delay="1h")
    app.inspect.run(handle.id)
    assert handle.info().state == "pending"
    app.inspect.archive(handle.id, "default")
    info = handle.info()
    assert info.state == "archived" and info.archived_at is not None
    app.inspect.run(handle.id)
    app.inspect.cancel(handle.id)
    assert handle.info().state == "archived"
    with pytest.raises(gofer.WrongState):
        app.inspect.cancel(handle.id)
    app.inspect.delete(handle.id)
    with pytest.raises(gofer.NotFound):
        app.inspect.cancel(handle.id, "default")
    with pytest.raises(gofer.NotFound):
        handle.info()


def test_acting_on_all(app: gofer.Gofer) -> None:
    app.enqueue_many(app.item("t", delay="1h") for _ in range(700))
    assert app.inspect.run_all("default", "scheduled") == 700
    assert app.inspect.archive_all("default", "pending") == 700
    assert app.inspect.queue("default").archived == 700
    assert app.inspect.delete_all("default", "archived") == 700
    assert app.inspect.delete_all("default", "archived") == 0
    assert app.inspect.queue("default").size == 0


def test_pause(app: gofer.Gofer) -> None:
    app.inspect.pause("new")
    app.inspect.pause("new")
    queue = app.inspect.queue("new")
    assert queue.paused and queue.paused_at is not None
    app.inspect.unpause("new")
    assert not app.inspect.queue("new").paused


def test_a_bounded_queue_refuses(app: gofer.Gofer) -> None:
    app.inspect.bound("new", 1)
    assert app.inspect.queue("new").max_length == 1
    app.enqueue("t", queue="new")
    with pytest.raises(gofer.QueueFull, match="1 of at most 1 tasks"):
        app.enqueue("t", queue="new")
    app.inspect.bound("new", None)
    assert app.inspect.queue("new").max_length is None
    app.enqueue("t", queue="new")


def test_a_type_is_paused(app: gofer.Gofer) -> None:
    app.inspect.pause_type("mail:*")
    app.inspect.pause_type("mail:*")
    (paused,) = app.inspect.paused_types()
    assert (paused.type, paused.waiting) == ("mail:*", 0)
    assert paused.paused_at <= datetime.now(timezone.utc)
    app.inspect.unpause_type("mail:*")
    assert app.inspect.paused_types() == []
    with pytest.raises(gofer.InvalidArgument, match="before its end"):
        app.inspect.pause_type("a*b")


def test_queues_and_types_have_hours(app: gofer.Gofer) -> None:
    app.enqueue("t", queue="night")
    app.hours.put("queue:night", "00:00-00:01 Europe/Rome; not 1970-01-01..9999-12-31")
    app.hours.put("type:mail:*", "mon-sun")
    mail, night = sorted(app.hours, key=lambda one: one.closed)
    assert (mail.name, mail.hours) == ("type:mail:*", "mon-sun")
    assert (mail.closed, mail.waiting) == (False, 0)
    assert night == app.hours.get("queue:night") and night.closed and night.closed_until is None
    queue = app.inspect.queue("night")
    assert queue.closed and queue.hours == night.hours and queue.open_until is None
    app.hours.put("type:mail:*", "00:00-12:00")
    app.hours.put("type:report", "12:00-24:00")
    closed, open_ = sorted(
        (app.hours.get(name) for name in ("type:mail:*", "type:report")),
        key=lambda one: not one.closed,
    )
    assert closed.closed_until and closed.closed_until > datetime.now(timezone.utc)
    assert open_.open_until and not open_.closed
    assert app.inspect.paused_types() == []
    app.hours.remove("queue:night")
    assert app.inspect.queue("night").hours is None
    with pytest.raises(gofer.NotFound):
        app.hours.get("queue:night")
    with pytest.raises(gofer.InvalidArgument, match="character 5, '1:00'"):
        app.hours.put("queue:night", "mon 1:00")
    for name in ("type:mail:*", "type:report"):
        app.hours.remove(name)
    assert list(app.hours) == []


def test_priorities_grow(app: gofer.Gofer) -> None:
    app.inspect.age("new", timedelta(minutes=5))
    assert app.inspect.queue("new").age == timedelta(minutes=5)
    app.inspect.age("new", None)
    assert app.inspect.queue("new").age is None
    with pytest.raises(gofer.InvalidArgument, match="each is -0.001"):
        app.inspect.age("new", -0.001)


def test_a_file_has_one_shard(app: gofer.Gofer) -> None:
    app.enqueue("t", queue="mail")
    app.inspect.shard("mail", 1)
    (shard,) = app.inspect.shards("mail")
    assert (shard.queue, shard.shard, shard.shards, shard.pending) == ("mail", 0, None, 1)
    assert not shard.draining and shard.server is None
    with pytest.raises(gofer.Unsupported, match="spread"):
        app.inspect.shard("mail", 2)
    for wrong in (0, 129):
        with pytest.raises(gofer.InvalidArgument):
            app.inspect.shard("mail", wrong)
    with pytest.raises(gofer.NotFound):
        app.inspect.shards("nowhere")


def test_deleting_a_queue(app: gofer.Gofer) -> None:
    app.enqueue("t")
    app.inspect.delete_queue("default", force=True)
    assert app.inspect.queues() == []


def test_history(app: gofer.Gofer) -> None:
    app.enqueue("t")
    assert all(day.processed == day.failed == 0 for day in app.inspect.history(days=7))
    for days in (0, 91, 2**40):
        with pytest.raises(gofer.InvalidArgument):
            app.inspect.history(days=days)


def test_snapshots_are_frozen(app: gofer.Gofer) -> None:
    info: Any = app.enqueue("t").info()
    with pytest.raises(AttributeError):
        info.state = "completed"


def test_memory_is_private_and_gone_on_close() -> None:
    with gofer.Gofer("memory:") as app, gofer.Gofer("memory:") as other:
        app.enqueue("t")
        assert app.inspect.queue("default").pending == 1 and other.inspect.queues() == []
        app.close()
        assert app.inspect.queues() == []


def test_retention_is_kept(app: gofer.Gofer) -> None:
    assert app.enqueue("t", retention="2d").info().retention == timedelta(days=2)
    assert app.enqueue("t").info().retention is None


def test_the_default_store(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GOFER_URL", url)
    with gofer.Gofer() as app:
        assert app.url == url


def test_versions() -> None:
    assert gofer.version == gofer.__version__ and gofer.version.count(".") == 2
