"""test_sending - hooks and generators around enqueueing: what they see, change and are told."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import gofer
import pytest


def test_a_hook_changes_each_task(app: gofer.Gofer) -> None:
    @app.on_enqueue
    def mark(item: gofer.Item) -> gofer.Item:
        return item.with_headers({"from": "hook"})

    @app.on_enqueue
    def look(item: gofer.Item) -> None:
        seen.append((item.type, item.queue, dict(item.headers)))

    seen: list[tuple[str, str, dict[str, str]]] = []
    one = app.enqueue("a", b"", headers={"own": "1"})
    many = app.enqueue_many([app.item("b"), app.item("c", queue="mail")])
    later = asyncio.run(app.aenqueue("d"))
    assert one.info().headers == {"own": "1", "from": "hook"}
    for result in many:
        assert result.handle and result.handle.info().headers == {"from": "hook"}
    assert later.info().headers == {"from": "hook"}
    assert [kind for kind, _, _ in seen] == ["a", "b", "c", "d"]
    assert seen[2] == ("c", "mail", {"from": "hook"})


def test_what_a_hook_raises_keeps_the_task_out(app: gofer.Gofer) -> None:
    @app.on_enqueue
    def refuse(item: gofer.Item) -> None:
        if item.type == "bad":
            raise LookupError("not this one")

    with pytest.raises(LookupError, match="not this one"):
        app.enqueue_many([app.item("good"), app.item("bad")])
    assert app.inspect.queues() == []


Around = Generator["list[gofer.Item]", "list[gofer.Result]", None]


def test_generators_stand_around_a_call(app: gofer.Gofer) -> None:
    told: list[object] = []

    @app.around_enqueue
    def outer(items: list[gofer.Item]) -> Around:
        told.append(("outer", len(items)))
        results = yield [item.with_headers({"n": str(i)}) for i, item in enumerate(items)]
        told.append([result.ok for result in results])

    @app.around_enqueue
    def inner(items: list[gofer.Item]) -> Around:
        told.append(("inner", [item.headers["n"] for item in items]))
        yield items
        told.append("inner left")

    app.enqueue_many([app.item("a", id="x"), app.item("b", id="x")])
    assert told == [("outer", 2), ("inner", ["0", "1"]), "inner left", [True, False]]


def test_a_refused_task_is_raised_at_the_yield(app: gofer.Gofer) -> None:
    told: list[str] = []

    @app.around_enqueue
    def watch(items: list[gofer.Item]) -> Around:
        try:
            yield items
        except gofer.TaskExists:
            told.append("refused")
            raise

    app.enqueue("a", id="x")
    with pytest.raises(gofer.TaskExists):
        app.enqueue("b", id="x")
    assert told == ["refused"]


def test_a_generator_that_yields_twice_is_told_so(app: gofer.Gofer) -> None:
    @app.around_enqueue
    def twice(items: list[gofer.Item]) -> Around:
        yield items
        yield items

    with pytest.raises(RuntimeError, match="more than once"):
        app.enqueue("a")
