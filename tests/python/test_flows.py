"""Flows: how plans are written down, app.flows, and what a step reads of another.

On each store that has flows; those without are told by what they say.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gofer
import pytest
from gofer import chain, flow, group, step


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[gofer.Gofer]:
    url = "memory:" if request.param == "memory" else request.getfixturevalue("redis_url")
    with gofer.Gofer(url) as app:
        try:
            app.flows.page(limit=1)
        except gofer.Unsupported:
            pytest.skip("n/a: this store has no flows")
        yield app


@pytest.fixture
def memory() -> Iterator[gofer.Gofer]:
    with gofer.Gofer("memory:") as app:
        yield app


def after(plan: gofer.Plan) -> dict[str, dict[str, str]]:
    return {each.name: dict(each.after) for each in plan.placed()}


def items(app: gofer.Gofer, *types: str) -> list[gofer.Item]:
    return [app.item(type) for type in types]


# ---- plans ------------------------------------------------------------------------------------


def test_a_chain_runs_one_after_the_other(memory: gofer.Gofer) -> None:
    assert after(chain(*items(memory, "a", "mail:b", "x:y:c"))) == {
        "a": {}, "b": {"a": "success"}, "c": {"b": "success"},
    }  # fmt: skip


def test_plans_go_into_plans(memory: gofer.Gofer) -> None:
    a, b, c, d, e = items(memory, "a", "b", "c", "d", "e")
    assert after(chain(a, group(chain(b, c), d), e)) == {
        "a": {}, "b": {"a": "success"}, "c": {"b": "success"}, "d": {"a": "success"},
        "e": {"c": "success", "d": "success"},
    }  # fmt: skip
    assert after(chain(group(a, b), group(c, d))) == {
        "a": {}, "b": {}, "c": {"a": "success", "b": "success"},
        "d": {"a": "success", "b": "success"},
    }  # fmt: skip
    assert after(chain(a, group(), b)) == {"a": {}, "b": {"a": "success"}}
    assert len(chain()) == 0 and after(flow(a)) == {"a": {}}


def test_steps_that_are_called_alike_are_numbered(memory: gofer.Gofer) -> None:
    count = [memory.item("count", number) for number in range(3)]
    assert list(after(group(count))) == ["count-1", "count-2", "count-3"]
    assert list(after(group(count[0], step(count[1], "count-1"), count[2]))) == [
        "count-2", "count-1", "count-3",
    ]  # fmt: skip
    assert list(after(group(step(count[0], "count"), count[1]))) == ["count", "count-1"]


def test_names_and_rules(memory: gofer.Gofer) -> None:
    a, b, c, d = items(memory, "a", "b", "c", "d")
    plan = flow(
        step(a, "fetch"), step(b, "part-1", after="fetch"), step(b, "part-2", after=["fetch"]),
        step(c, "join", after="part-*"), step(d, "mail", after={"join": "always"}),
    )  # fmt: skip
    assert after(plan) == {
        "fetch": {}, "part-1": {"fetch": "success"}, "part-2": {"fetch": "success"},
        "join": {"part-*": "success"}, "mail": {"join": "always"},
    }  # fmt: skip
    whole = chain(plan, step(a, "last", rule="always"))
    assert after(whole)["last"] == {"mail": "always"}
    first = chain(a, flow(step(b, "x"), step(c, "y", after="x")))
    assert after(first)["x"] == {"a": "success"} and after(first)["y"] == {"x": "success"}
    with pytest.raises(gofer.InvalidArgument, match="rule is 'never'"):
        step(a, rule="never")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="made of items"):
        chain(a, "b")  # type: ignore[arg-type]


def test_a_step_for_each_item_of_a_list(store: gofer.Gofer) -> None:
    app = store

    @app.task
    def rows(start: int = 0) -> Any:
        items = [load.item(start + 1), {"number": start + 2}]
        return gofer.more(items, then=rows.item(start + 2)) if start < 2 else [load.item(9)]

    @app.task
    def load(number: int) -> int:
        return 10 * number

    @app.task
    def total(*, ctx: gofer.Context) -> int:
        return sum(ctx.parents("load", load))

    plan = chain(rows.item(), gofer.each(load), total.item())
    assert after(plan) == {"rows": {}, "load": {}, "total": {"load": "success"}}
    assert [each.each for each in plan.placed()] == [None, "rows", None]
    handle = app.flows.start(plan, id="f")
    app.worker(threads=2).run(drain=True)
    info = handle.wait("1m")
    assert info.ok and handle.result("total") == 120
    assert handle.results("load") == [10, 20, 90]
    steps = {each.name: each for each in handle.info().steps}
    assert steps["load"].made == 3 and steps["load.3"].made_of == "load"
    assert "rows.2" in steps


def test_each_wants_one_step_before_it(memory: gofer.Gofer) -> None:
    a, b, c = items(memory, "a", "b", "c")

    @memory.task
    def load(number: int) -> None: ...

    with pytest.raises(gofer.InvalidArgument, match="stands before it"):
        list(flow(gofer.each(load)).placed())
    with pytest.raises(gofer.InvalidArgument, match="after 2 steps"):
        chain(group(a, b), gofer.each(load))
    plan = chain(a, group(chain(b, gofer.each(load, "load")), c), step(c, "last"))
    assert after(plan)["last"] == {"load": "success", "c": "success"}
    named = flow(step(a, "rows"), gofer.each(load, "load", of="rows"), step(b, after="load"))
    assert [each.each for each in named.placed()] == [None, "rows", None]


def test_a_fan_in_of_many_is_one_word(memory: gofer.Gofer) -> None:
    parts = [memory.item("count", number) for number in range(500)]
    joined = chain(memory.item("begin"), group(parts), memory.item("join"))
    assert after(joined)["join"] == {"count-*": "success"}
    mixed = flow(joined, step(memory.item("x"), "count-x"))     # which it does not come after
    with pytest.raises(gofer.InvalidArgument, match="begin alike"):
        list(mixed.placed())
    with pytest.raises(gofer.InvalidArgument, match="begin alike"):
        # the first is called as the others are, and is none of those
        list(chain(parts[0], group(parts[1:]), memory.item("join")).placed())


def test_a_fan_in_of_all_that_a_flow_may_have_takes_no_time(memory: gofer.Gofer) -> None:
    # Where each is compared with each this takes minutes.
    parts = [memory.item("count")] * 9998
    joined = chain(memory.item("begin"), group(parts), memory.item("join"))
    assert after(joined)["join"] == {"count-*": "success"}
    names = [step(each, f"{number}-x") for number, each in enumerate(parts)]
    with pytest.raises(gofer.InvalidArgument, match="begin alike"):
        list(chain(group(names), memory.item("join")).placed())
    with pytest.raises(gofer.InvalidArgument, match="put a step between"):
        chain(group(parts[:500]), group(parts[:500]))


# ---- app.flows ----------------------------------------------------------------------------------


def test_a_flow_runs_and_leaves_results(store: gofer.Gofer) -> None:
    @store.task
    def fetch(url: str) -> list[int]:
        return [len(url), 2]

    @store.task
    def count(number: int, *, ctx: gofer.Context) -> int:
        return ctx.parent("fetch", fetch)[0] * number

    @store.task
    async def total(*, ctx: gofer.Context) -> int:
        found = [await ctx.aparent(f"count-{number}", count) for number in (1, 2)]
        return sum(found)

    @store.task
    def nothing(*, ctx: gofer.Context) -> None:
        assert ctx.parent("total") == 9
        with pytest.raises(gofer.NotFound, match="'other'"):
            ctx.parent("other")

    plan = chain(
        fetch.item("abc"), group(count.item(1), count.item(2)), total.item(), nothing.item()
    )
    handle = store.flows.start(plan, id="f")
    assert str(handle) == "f" and store.flows.start(plan, id="f").id == "f"
    with pytest.raises(gofer.Timeout):
        handle.wait(0)
    info = handle.info()
    assert (info.state, info.total, info.ended, info.ok) == ("running", 5, 0, False)
    assert [each.name for each in info.steps][:2] == ["fetch", "count-1"]
    assert (info.steps[3].after, info.steps[3].id) == (("count-1", "count-2"), "f:3")
    store.worker(threads=2).run(drain=True)
    ended = handle.wait("1m")
    assert ended.ok and ended.ended == 5 and ended.steps == ()
    assert handle.result("fetch") == [3, 2] and handle.result("total") == 9
    assert handle.result("nothing") is None
    assert store.flows.result("f", "total", total) == 9
    with pytest.raises(gofer.NotFound):
        handle.result("other")
    with pytest.raises(gofer.TaskExists):
        store.flows.start(fetch.item("x"), id="f")


def test_flows_are_listed(store: gofer.Gofer) -> None:
    for number in range(3):
        store.flows.start(store.item("t"), id=f"f{number}", deadline="1h", retention="2h")
    assert [each.id for each in store.flows] == ["f2", "f1", "f0"]
    assert [each.id for each in store.flows.list("done")] == []
    page = store.flows.page(limit=2)
    assert [each.id for each in page.items] == ["f2", "f1"]
    rest = store.flows.page("running", cursor=page.next_cursor)
    assert [each.id for each in rest.items] == ["f0"] and rest.next_cursor is None
    info = rest.items[0]
    assert info.deadline is not None and info.on_dead == "stop" and info.ended_at is None
    with pytest.raises(gofer.InvalidArgument):
        store.flows.page("over")  # type: ignore[arg-type]


def test_acts(store: gofer.Gofer) -> None:
    fails = [True]

    @store.task(retry=0)
    def first() -> int:
        if fails:
            raise ValueError("not yet")
        return 1

    @store.task
    def second(*, ctx: gofer.Context) -> Any:
        return ctx.parent("first")

    handle = store.flows.start(chain(first.item(), second.item()), on_dead="stop")
    store.flows.pause(handle)
    assert handle.info().state == "paused"
    store.flows.resume(handle)
    store.worker(threads=1).run(drain=True)
    failed = handle.wait("1m")
    assert (failed.state, failed.failed) == ("failed", 1)
    steps = handle.info().steps
    assert [each.state for each in steps] == ["archived", "skipped"]
    assert steps[0].error is not None and "not yet" in steps[0].error
    with pytest.raises(gofer.WrongState):
        handle.result("first")
    fails.clear()
    store.flows.retry(handle, "first")
    store.worker(threads=1).run(drain=True)
    assert handle.wait("1m").ok and handle.result("second") == 1
    other = store.flows.start(chain(first.item(), second.item()))
    other.cancel()
    assert other.wait("1m").state == "cancelled"
    with pytest.raises(gofer.WrongState):
        other.cancel()
    with pytest.raises(gofer.NotFound):
        store.flows.show("nobody")


def test_asyncio(store: gofer.Gofer) -> None:
    @store.task
    async def job(number: int) -> int:
        return number

    async def go() -> None:
        flows = store.flows
        handle = await flows.astart(chain(job.item(1), step(job.item(2), "two")), id="a")
        with pytest.raises(gofer.Timeout):
            await handle.wait_async("50ms")
        await flows.apause(handle)
        assert (await flows.ashow("a")).state == "paused"
        await flows.aresume(handle)
        with store.worker(tasks=2):
            assert (await handle.wait_async("1m")).ok
        assert await handle.aresult("two") == 2 and await flows.aresult("a", "job") == 1
        other = await flows.astart(job.item(1))
        await flows.acancel(other)
        assert (await other.wait_async("1m")).state == "cancelled"
        await flows.aretry(other)
        with store.worker(tasks=2):
            assert (await other.wait_async("1m")).ok

    asyncio.run(go())


def test_wrong_plans(store: gofer.Gofer) -> None:
    item = store.item("t")
    for plan, why in (
        (flow(step(item, "a"), step(item, "a")), "'a'"),
        (flow(step(item, "a", after="b")), "'b'"),
        (flow(step(item, "a", after="b"), step(item, "b", after="a")), "'a'"),
        (flow(store.item("t", id="x")), "id"),
        (flow(), "step"),
    ):
        with pytest.raises(gofer.InvalidArgument, match=why):
            store.flows.start(plan)
    with pytest.raises(gofer.InvalidArgument, match="on_dead is 'go'"):
        store.flows.start(item, on_dead="go")  # type: ignore[arg-type]
    assert list(store.flows) == []


def test_who_is_of_no_flow_has_no_parent(memory: gofer.Gofer) -> None:
    said: list[str] = []

    @memory.task(retry=0)
    def alone(*, ctx: gofer.Context) -> None:
        with pytest.raises(gofer.WrongState) as error:
            ctx.parent("a")
        said.append(str(error.value))

    @memory.task(retry=0)
    async def asynchronous(*, ctx: gofer.Context) -> None:
        with pytest.raises(gofer.WrongState) as error:
            ctx.parent("a")
        said.append(str(error.value))

    alone.enqueue()
    asynchronous.enqueue()
    memory.worker(threads=1, tasks=1).run(drain=True)
    assert sorted(said) == [
        "in an async task it is `await ctx.aparent(...)`", "the task is of no flow",
    ]  # fmt: skip
    with memory.eager():
        outcome = alone.enqueue().wait()
    assert outcome.ok, outcome


CHILD = """
import gofer
app = gofer.Gofer()

@app.task
def fetch(n: int) -> bytes_or_list:
    return list(range(n))

@app.task
def plain(*, ctx: gofer.Context) -> int:
    return sum(ctx.parent("fetch", fetch))

@app.task
async def asynchronous(*, ctx: gofer.Context) -> int:
    return sum(await ctx.aparent("fetch"))

@app.task(isolation="process")
def isolated(*, ctx: gofer.Context) -> int:
    return len(ctx.parent("fetch"))

@app.task
def wrong(*, ctx: gofer.Context) -> list[str]:
    said = []
    for name in ("nobody", "x" * 300, "later"):
        try:
            ctx.parent(name)
        except gofer.GoferError as error:
            said.append(type(error).__name__)
    return said

@app.task
def later() -> None: ...
""".replace("bytes_or_list", "list[int]")


@pytest.mark.parametrize("keys", ["", "k1:" + "A" * 43 + "="])
def test_in_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str, url: str) -> None:
    import os

    binary = os.environ.get("GOFER_BIN")
    if not binary:
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")
    (tmp_path / "shop.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("GOFER_KEYS", keys)
    with gofer.Gofer(url) as app:
        def item(name: str, **arguments: Any) -> gofer.Item:
            return app.item(f"shop:{name}", arguments)

        plan = chain(
            item("fetch", n=2000),
            group(item("plain"), item("asynchronous"), item("isolated"), item("wrong")),
            item("later"),
        )
        handle = app.flows.start(plan)
        command = [binary, "--url", url, "worker", "--drain", "--python", "shop:app",
                   "--python-exe", sys.executable, "--log-level", "warn"]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        ended = handle.wait("1m")
        assert ended.ok, (done.stderr, handle.info().steps)
        results = {name: handle.result(name) for name in ("plain", "asynchronous", "isolated")}
        assert results == {"plain": 1999000, "asynchronous": 1999000, "isolated": 2000}
        assert handle.result("wrong") == ["NotFound", "InvalidArgument", "WrongState"]
