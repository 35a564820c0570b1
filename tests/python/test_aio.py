"""Enqueueing for asyncio: many callers share one call of the library."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import gofer
import pytest
from gofer import aio

Fork = Callable[[Callable[[], Any]], Any]


def batches(app: gofer.Gofer) -> list[int]:
    """How many tasks each batch has, from now on."""
    sizes: list[int] = []
    put = app._put_many

    def counted(items: list[gofer.Item]) -> list[gofer.Result]:
        sizes.append(len(items))
        return put(items)

    app._put_many = counted  # type: ignore[method-assign]
    return sizes


def test_thousands_share_commits(app: gofer.Gofer) -> None:
    @app.task
    def add(a: int, b: int) -> None: ...

    sizes = batches(app)
    before = threading.active_count()

    async def main() -> list[gofer.Handle[None]]:
        handles = await asyncio.gather(*(add.aenqueue(n, b=1) for n in range(3000)))
        assert threading.active_count() <= before + 1  # those of tests before may be ending
        return handles

    handles = asyncio.run(main())
    assert len({handle.id for handle in handles}) == 3000
    assert app.inspect.queue("default").pending == 3000
    assert sum(sizes) == 3000 and max(sizes) <= aio.MOST and len(sizes) < 300


def test_each_way_in(app: gofer.Gofer) -> None:
    @app.task(queue="q")
    def task(n: int) -> None: ...

    async def main() -> list[str]:
        with pytest.raises(TypeError):
            await task.aenqueue()  # type: ignore[call-arg]
        handles = [
            await task.aenqueue(1),
            await task.aenqueue_in("1h", 2),
            await task.aenqueue_at("2030-01-01T00:00:00Z", 3),
            await app.aenqueue("t", {"n": 4}, queue="q"),
            *(result.handle for result in await app.aenqueue_many([task.item(5), task.item(6)])),
        ]
        assert await app.aenqueue_many([]) == []
        return [(await asyncio.to_thread(handle.info)).state for handle in handles if handle]

    assert asyncio.run(main()) == ["pending", "scheduled", "scheduled"] + ["pending"] * 3


def test_each_task_has_its_own_error(app: gofer.Gofer) -> None:
    async def main() -> list[Any]:
        calls = [app.aenqueue("t", {"n": n}, id=f"id-{n % 4}") for n in range(8)]
        calls.append(app.aenqueue("", b""))
        calls.append(app.aenqueue("t", b"x" * (17 << 20)))
        return await asyncio.gather(*calls, return_exceptions=True)

    told = asyncio.run(main())
    assert [type(each) for each in told[:4]] == [gofer.Handle] * 4
    assert [type(each) for each in told[4:8]] == [gofer.TaskExists] * 4
    assert isinstance(told[8], gofer.InvalidArgument) and isinstance(told[9], gofer.TooBig)
    assert not any("batch" in str(error) for error in told[4:]), told[4:]
    assert len({id(error) for error in told[4:]}) == 6
    assert app.inspect.queue("default").pending == 4


def test_errors_of_many_name_their_place(app: gofer.Gofer) -> None:
    async def main() -> None:
        first = app.aenqueue_many([app.item("t", id="a"), app.item("t", id="b")])
        await asyncio.gather(first, app.aenqueue("t", id="c"))
        results = await app.aenqueue_many([app.item("t"), app.item("t", b"other", id="a")])
        assert results[0].ok and isinstance(results[1].error, gofer.TaskExists)
        assert str(results[1].error).startswith("task 1 of the batch")

    asyncio.run(main())


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_payloads_around_the_limits(app: gofer.Gofer, more: int) -> None:
    sizes = batches(app)
    half = aio.MOST_BYTES // 2

    async def main() -> None:
        await asyncio.gather(*(app.aenqueue("t", b"x" * (half + more)) for _ in range(5)))
        await app.aenqueue("t", b"y" * (aio.MOST_BYTES + more))
        await asyncio.gather(*(app.aenqueue("t") for _ in range(aio.MOST + more)))
        many = [app.item("t") for _ in range(aio.MOST + more)]
        assert all(result.ok for result in await app.aenqueue_many(many))

    asyncio.run(main())
    assert sum(sizes) == 6 + 2 * (aio.MOST + more) == app.inspect.queue("default").pending


def test_loops_and_threads_at_once(app: gofer.Gofer) -> None:
    errors: list[BaseException] = []

    async def main() -> None:
        for _ in range(5):
            await asyncio.gather(*(app.aenqueue("t") for _ in range(40)))

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and app.inspect.queue("default").pending == 1000


def test_cancelling_does_not_take_it_back(app: gofer.Gofer) -> None:
    async def main() -> None:
        calls = [asyncio.create_task(app.aenqueue("t")) for _ in range(50)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        told = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(each, asyncio.CancelledError) for each in told] == [True, False] * 25

    asyncio.run(main())
    app.close()
    assert app.inspect.queue("default").pending == 50


def test_close_puts_in_what_is_pending() -> None:
    app = gofer.Gofer("memory:")
    seen: list[int] = []

    async def main() -> None:
        calls = [asyncio.create_task(app.aenqueue("t")) for _ in range(20)]
        await asyncio.sleep(0)
        app._batches().flush()
        seen.append(app.inspect.queue("default").pending)
        app.close()
        assert all(await asyncio.gather(*calls))
        await app.aenqueue("t")  # opens anew

    asyncio.run(main())
    assert seen == [20] and app.inspect.queue("default").pending == 1
    app.close()


def test_a_loop_that_is_closed_meanwhile(app: gofer.Gofer) -> None:
    loop = asyncio.new_event_loop()
    call = loop.create_task(app.aenqueue("t"))
    with app._connection._opening.take():  # the batch cannot begin
        loop.run_until_complete(asyncio.sleep(0.01))
        call.cancel()
        loop.run_until_complete(asyncio.gather(call, return_exceptions=True))
        loop.close()
    asyncio.run(app.aenqueue("t"))  # type: ignore[arg-type]
    assert app.inspect.queue("default").pending == 2


def test_the_whole_store_is_out_of_reach() -> None:
    app = gofer.Gofer("redis://127.0.0.1:1", timeout="1s")

    async def main() -> list[Any]:
        calls = [app.aenqueue("t") for _ in range(3)]
        return await asyncio.gather(*calls, return_exceptions=True)

    told = asyncio.run(main())
    assert [type(error) for error in told] == [gofer.BrokerError] * 3
    assert len({id(error) for error in told}) == 3


def test_hooks_are_called_in_the_caller(app: gofer.Gofer) -> None:
    threads = []

    @app.on_enqueue
    def add_header(item: gofer.Item) -> gofer.Item:
        threads.append(threading.get_ident())
        return item.with_headers({"trace": "1"})

    async def main() -> gofer.Handle[Any]:
        return await app.aenqueue("t")

    handle = asyncio.run(main())
    assert threads == [threading.get_ident()] and handle.info().headers == {"trace": "1"}


def test_a_child_of_a_fork(app: gofer.Gofer, fork: Fork) -> None:
    async def enqueue() -> str:
        return (await app.aenqueue("t")).id

    ids = [asyncio.run(enqueue())]
    children = [fork(lambda: asyncio.run(enqueue())) for _ in range(3)]
    ids += [child.value() for child in children] + [asyncio.run(enqueue())]
    assert len(set(ids)) == 5 and app.inspect.queue("default").pending == 5


def test_a_fork_while_a_batch_is_under_way(app: gofer.Gofer, fork: Fork) -> None:
    async def main() -> list[str]:
        calls = [asyncio.create_task(app.aenqueue("t")) for _ in range(2000)]
        await asyncio.sleep(0)
        child = fork(lambda: app.enqueue("t").id)
        handles = await asyncio.gather(*calls)
        return [child.value()] + [handle.id for handle in handles]

    assert len(set(asyncio.run(main()))) == 2001
    assert app.inspect.queue("default").pending == 2001


def test_a_forgotten_application_ends_its_thread() -> None:
    app = gofer.Gofer("memory:")
    asyncio.run(app.aenqueue("t"))  # type: ignore[arg-type]
    assert app._batcher is not None
    thread, gone = app._batcher._thread, weakref.ref(app)
    del app
    end = time.monotonic() + 30
    while gone() is not None and time.monotonic() < end:  # the thread may still be letting go
        gc.collect()
    assert thread is not None and gone() is None
    thread.join(30)
    assert not thread.is_alive()
