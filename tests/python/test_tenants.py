"""Tenants: app.tenants, and the option that says whose a task is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import gofer
import pytest
from gofer import testing


@pytest.fixture
def memory() -> Iterator[gofer.Gofer]:
    with gofer.Gofer("memory:") as app:
        yield app


def test_a_weight_is_put_listed_and_removed(app: gofer.Gofer) -> None:
    app.tenants.put("acme", 4)
    app.tenants.put("acme", 7, "mail")
    app.enqueue("t", tenant="small")
    assert [astuple(each) for each in app.tenants.all()] == [
        ("acme", "default", 4, 0), ("small", "default", 1, 1),
    ]  # fmt: skip
    assert app.tenants.get("acme", "mail") == gofer.Tenant("acme", "mail", 7, 0)
    app.tenants.remove("acme")
    assert [each.tenant for each in app.tenants.all()] == ["small"]
    with pytest.raises(gofer.NotFound):
        app.tenants.remove("acme")
    with pytest.raises(gofer.NotFound):
        app.tenants.get("acme")
    with pytest.raises(gofer.NotFound):
        list(app.tenants.all("no-such-queue"))


def test_more_tenants_than_a_page(memory: gofer.Gofer) -> None:
    memory.enqueue_many(memory.item("t", tenant=f"t{number:04}") for number in range(1002))
    assert [each.tenant for each in memory.tenants.all()] == [
        f"t{number:04}" for number in range(1002)
    ]


def test_wrong_weights_and_names(memory: gofer.Gofer) -> None:
    for weight in (0, 101, -1):
        with pytest.raises(gofer.InvalidArgument, match="from 1 to 100"):
            memory.tenants.put("acme", weight)
    with pytest.raises(TypeError):
        memory.tenants.put("acme", 1.5)  # type: ignore[arg-type]
    for name in ("", "x" * 256):
        with pytest.raises(gofer.InvalidArgument, match="tenant"):
            memory.enqueue("t", tenant=name)
        with pytest.raises(gofer.InvalidArgument, match="tenant"):
            memory.tenants.put(name, 1)


def test_tenants_take_turns(memory: gofer.Gofer) -> None:
    ran: list[str] = []

    @memory.task(tenant="large")
    def task(name: str) -> None:
        ran.append(name)

    with memory.batch() as batch:
        for number in range(4):
            batch.add(task, f"large-{number}")
    first = task.options(tenant="small").enqueue("small-0")
    memory.enqueue_many([task.options(tenant="small").item("small-1")])
    assert first.info().tenant == "small"
    assert memory.enqueue("t", queue="other").info().tenant is None
    memory.worker(threads=1).run(drain=True)
    assert ran == ["large-0", "small-0", "large-1", "small-1", "large-2", "large-3"]


def test_cron_entries_have_tenants(memory: gofer.Gofer) -> None:
    @memory.cron("@daily", name="nightly")
    @memory.task(tenant="acme")
    def report() -> None: ...

    memory.sync_crons("here")
    memory.schedules.put("hourly", "@hourly", report.options(tenant="small"))
    assert {entry.name: entry.tenant for entry in memory.schedules} == {
        "nightly": "acme", "hourly": "small",
    }  # fmt: skip
    memory.schedules.run("hourly")
    assert [each.tenant for each in memory.tenants.all()] == ["small"]


def test_eager_tasks_have_tenants() -> None:
    app = gofer.Gofer("sqlite:/nowhere/at/all.db")

    @app.task(tenant="acme")
    def task() -> None: ...

    with testing.eager(app):
        assert task.enqueue().info().tenant == "acme"
