"""Of many calls one task, and tasks that replace others."""

from __future__ import annotations

import asyncio
import pickle
from datetime import timedelta

import gofer
import pytest


def test_of_many_calls_there_is_one_task(app: gofer.Gofer) -> None:
    @app.task(name="export", debounce="1h", max_wait=timedelta(hours=2))
    def export(what: str) -> None: ...

    first = export.enqueue("one")
    assert first.effect == "created"
    last = export.enqueue("two")
    assert last.effect == "replaced" and last == first
    assert export.options(debounce_mode="keep").enqueue("three").effect == "kept"
    assert first.info().payload == b'{"what":"two"}'
    other = export.options(debounce_key="mine").enqueue("one")
    assert other.effect == "created" and other.id != first.id
    app.inspect.run(first.id)
    assert export.enqueue("four").effect == "created"


def test_what_a_call_has_done_is_told(app: gofer.Gofer) -> None:
    assert app.enqueue("t", id="mine").effect == "created"
    assert app.enqueue("t", id="mine").effect == "kept"
    assert app.enqueue("u", b"x", id="mine", replace=True, delay="1h").effect == "replaced"
    assert app.inspect.task("mine").type == "u"
    long_id = "x" * 200
    assert app.enqueue("t", id=long_id, replace=True).effect == "created"
    again = app.enqueue("t", b"y", id=long_id, replace=True)
    assert again.effect == "replaced" and again.id == long_id
    held = app.enqueue("l", unique="1h", on_conflict="return")
    same = app.enqueue("l", unique="1h", on_conflict="return")
    assert (held.effect, same.effect) == ("created", "kept") and same.id == held.id
    assert pickle.loads(pickle.dumps(same.id)) == held.id
    app.inspect.archive("mine")
    with pytest.raises(gofer.WrongState, match="does not wait"):
        app.enqueue("t", id="mine", replace=True)


def test_a_batch_tells_what_each_has_done(app: gofer.Gofer) -> None:
    results = app.enqueue_many([
        app.item("t", b"1", debounce="1h"), app.item("t", b"plain"),
        app.item("t", b"2", debounce="1h"), app.item("t", id="mine"),
        app.item("t", b"3", id="mine", replace=True), app.item("t", debounce="1h", delay="1h"),
    ])  # fmt: skip
    assert [r.handle and r.handle.effect for r in results] == [
        "created", "created", "replaced", "created", "replaced", None,
    ]  # fmt: skip
    assert results[0].handle == results[2].handle
    assert isinstance(results[5].error, gofer.InvalidArgument)


def test_it_is_the_same_for_asyncio(app: gofer.Gofer) -> None:
    @app.task(name="export", debounce="1h")
    def export(n: int) -> None: ...

    async def many() -> list[str]:
        handles = await asyncio.gather(*(export.aenqueue(n) for n in range(20)))
        assert len({handle.id for handle in handles}) == 1
        return [handle.effect for handle in handles]

    effects = asyncio.run(many())
    assert effects.count("created") == 1 and effects.count("replaced") == 19


def test_a_cron_entry_of_such_a_task_has_none_of_it(app: gofer.Gofer) -> None:
    @app.cron("@daily", name="nightly")
    @app.task(name="export", debounce="1h", debounce_key="k")
    def export() -> None: ...

    assert app.sync_crons("here").added == 1
    with pytest.raises(gofer.InvalidArgument, match="debounce"):
        app.schedule("other", "@daily", export.item())


@pytest.mark.parametrize(
    "options, error",
    [
        ({"debounce": "1h", "debounce_mode": "last"}, gofer.InvalidArgument),
        ({"debounce": "1h", "max_wait": "1m"}, gofer.InvalidArgument),
        ({"max_wait": "1m"}, gofer.InvalidArgument),
        ({"debounce": "1h", "debounce_key": "k" * 256}, gofer.InvalidArgument),
        ({"debounce": "1h", "debounce_key": "a\0b"}, gofer.InvalidArgument),
        ({"debounce": "1h", "group": "g"}, gofer.InvalidArgument),
        ({"replace": True}, gofer.InvalidArgument),
        ({"replace": 1, "id": "x"}, TypeError),
    ],
)
def test_what_makes_no_sense_is_refused(
    app: gofer.Gofer, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        app.enqueue("t", **options)  # type: ignore[arg-type]
