"""Waiting for the end of a task, and listening to what happens."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gofer
import pytest

Worker = Callable[..., str]
Awaited = Callable[[int], None]


def later(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def test_a_result_is_waited_for(app: gofer.Gofer, worker: Worker, awaited: Awaited) -> None:
    handle = app.enqueue("t", {"n": 1})  # no retention: it is told nevertheless
    thread = later(lambda: (awaited(1), worker("--exec", "t=cat")))
    outcome = handle.wait(timeout="60s")
    thread.join()
    assert outcome.ok and outcome.outcome == "done" and outcome.id == handle.id
    assert outcome.json() == {"n": 1} and outcome.finished_at is not None


def test_an_end_that_is_past_is_told(app: gofer.Gofer, worker: Worker) -> None:
    kept = app.enqueue("t", b"x", retention="1h")
    failed = app.enqueue("f", retry=0)
    worker("--exec", "t=cat", "--exec", "f=sh -c 'echo broken >&2; exit 1'")
    assert kept.wait(timeout=0).result == b"x"
    outcome = failed.wait(timeout=0)
    assert (
        outcome.outcome == "archived" and not outcome.ok and "broken" in (outcome.last_error or "")
    )
    assert outcome.result is None and outcome.json() is None


def test_waiting_ends_in_time(app: gofer.Gofer) -> None:
    handle = app.enqueue("t", queue="q")
    for timeout in (0, "20ms"):
        with pytest.raises(gofer.Timeout):
            handle.wait(timeout=timeout)
    with pytest.raises(TimeoutError):
        app.wait(handle.id, timeout=0)
    with pytest.raises(gofer.NotFound):
        app.wait("none", timeout=0)
    with pytest.raises(gofer.InvalidArgument):
        handle.wait(timeout=-1)


def test_a_cancelled_task_ends_the_wait(app: gofer.Gofer, awaited: Awaited) -> None:
    handle = app.enqueue("t")
    thread = later(lambda: (awaited(1), app.inspect.cancel(handle.id)))
    assert handle.wait(timeout=60).outcome == "cancelled"
    thread.join()


def test_asyncio_goes_on_meanwhile(app: gofer.Gofer, awaited: Awaited) -> None:
    handle = app.enqueue("t")

    async def main() -> int:
        steps = 0
        waits = [asyncio.create_task(handle.wait_async(timeout=60)) for _ in range(20)]
        while steps < 20:
            await asyncio.sleep(0.005)
            steps += 1
        await asyncio.to_thread(awaited, len(waits))
        assert not any(wait.done() for wait in waits)
        await asyncio.to_thread(app.inspect.cancel, handle.id)
        assert {outcome.outcome for outcome in await asyncio.gather(*waits)} == {"cancelled"}
        with pytest.raises(gofer.NotFound):
            await app.wait_async("none", timeout=0)
        return steps

    assert asyncio.run(main()) == 20


def test_an_async_wait_can_be_cancelled(app: gofer.Gofer, awaited: Awaited) -> None:
    handle = app.enqueue("t")

    async def main() -> None:
        waiting = asyncio.create_task(handle.wait_async())
        await asyncio.to_thread(awaited, 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(handle.wait_async(), 0.05)

    asyncio.run(main())
    assert handle.info().state == "pending"


def count_threads() -> int:
    """The library's, too."""
    folder = "/proc/self/task"
    return len(os.listdir(folder)) if os.path.isdir(folder) else threading.active_count()


def test_thousands_wait_in_one_thread(app: gofer.Gofer, awaited: Awaited) -> None:
    @app.task
    def double(n: int) -> int:
        return 2 * n

    async def main() -> int:
        handles = await asyncio.gather(*(double.aenqueue(n) for n in range(5000)))
        await asyncio.to_thread(app.ping)  # the executor's first thread
        before = count_threads()
        waits = [asyncio.ensure_future(handle.aresult()) for handle in handles]
        given_up = [asyncio.ensure_future(handle.wait_async(60)) for handle in handles[::10]]
        await asyncio.to_thread(awaited, len(waits))
        for wait in given_up:
            wait.cancel()
        more = count_threads() - before
        with app.worker(threads=2):
            assert await asyncio.gather(*waits) == [2 * n for n in range(5000)]
        assert {type(end) for end in await asyncio.gather(*given_up, return_exceptions=True)} == {
            asyncio.CancelledError
        }
        return more

    # One of ours, one of the library's, and the executor's.
    assert asyncio.run(main(), debug=False) <= 4


def test_threads_and_loops_wait_together(app: gofer.Gofer, awaited: Awaited) -> None:
    handles = [app.enqueue("t") for _ in range(12)]
    ends: list[str] = []
    waits = [
        later(lambda handle=handle: ends.append(handle.wait().outcome)) for handle in handles[:4]
    ]
    waits += [
        later(lambda handle=handle: ends.append(asyncio.run(handle.wait_async()).outcome))
        for handle in handles[4:]
    ]
    awaited(len(handles))
    app.close()  # they go on, and open it again
    for handle in handles:
        app.inspect.cancel(handle.id)
    for wait in waits:
        wait.join(60)
    assert ends == ["cancelled"] * len(handles)


def test_who_waits_hears_that_the_store_is_out_of_reach() -> None:
    app = gofer.Gofer("redis://127.0.0.1:1", timeout="200ms")
    with pytest.raises(gofer.BrokerError):
        app.wait("x")

    async def main() -> list[Any]:
        waits = [app.wait_async("x") for _ in range(3)]
        return await asyncio.gather(*waits, return_exceptions=True)

    told = asyncio.run(main())
    assert [type(error) for error in told] == [gofer.BrokerError] * 3
    assert len({id(error) for error in told}) == 3


def test_what_has_ended_is_told_however_short_the_time(app: gofer.Gofer, worker: Worker) -> None:
    handle = app.enqueue("t", b"x", retention="1h")
    worker("--exec", "t=cat")
    assert handle.wait(timeout="1ms").result == b"x"
    assert asyncio.run(handle.wait_async(timeout="1ms")).result == b"x"


def test_an_application_is_forgotten_with_its_waits(url: str) -> None:
    before = set(threading.enumerate())
    app = gofer.Gofer(url)
    handle = app.enqueue("t")
    with pytest.raises(gofer.Timeout):
        handle.wait(timeout="50ms")
    (thread,) = (each for each in threading.enumerate() if each not in before)
    assert thread.name == "gofer-waits"
    del app, handle
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


def gone_on_with(thread: threading.Thread) -> bool:
    """Whether the thread of waits is at work on them, or about to be."""
    assert thread.ident is not None
    frame = sys._current_frames()[thread.ident]
    return frame.f_code.co_name != "_serve" or "waits" in frame.f_locals


def test_waits_that_go_write_to_no_descriptor_of_others(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their thread may see that they are gone before their farewell has run."""
    hushed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: hushed.append(what.exc_value))
    app = gofer.Gofer(url)
    with pytest.raises(gofer.Timeout):
        app.enqueue("t").wait(timeout=0.01)
    waits = app._connection.waits
    thread, pipe = waits._thread, waits._pipe
    assert thread is not None and pipe is not None
    taken = []

    with (tmp_path / "other").open("wb") as other:

        def before_the_farewell(gone: object) -> None:
            os.write(pipe[1], b".")
            thread.join(60)
            for number in pipe:
                try:
                    os.fstat(number)
                except OSError:  # it is free: another file is given it
                    os.dup2(other.fileno(), number)
                    taken.append(number)

        mine = weakref.ref(waits, before_the_farewell)  # the youngest is called first
        app.close()
        end = time.monotonic() + 60
        while gone_on_with(thread):  # the last who lets go of it shall be this thread
            assert time.monotonic() < end, "the thread keeps it"
            time.sleep(0.001)
        del waits, app
        gc.collect()
        assert mine() is None and not thread.is_alive() and not hushed
        assert taken and os.fstat(other.fileno()).st_size == 0
        for number in taken:
            os.close(number)  # it is still that file's


def test_a_signal_interrupts_a_wait(url: str, app: gofer.Gofer, awaited: Awaited) -> None:
    app.enqueue("t", id="x")
    program = (
        "import gofer, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try: gofer.Gofer(sys.argv[1]).wait('x')\n"
        "except KeyboardInterrupt: print('interrupted', flush=True)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    awaited(1)
    os.kill(child.pid, signal.SIGINT)
    assert child.communicate(timeout=60) == (b"interrupted\n", b"") and child.returncode == 0


# ---- events -----------------------------------------------------------------------------------


def test_events_are_iterated(app: gofer.Gofer, worker: Worker) -> None:
    with app.events(timeout="20s") as events:
        handle = app.enqueue("t", b"x")
        worker("--exec", "t=cat")
        seen = []
        for event in events:
            assert event.id == handle.id and event.type == "t" and event.at is not None
            seen.append(event.event)
            if event.event == "done":
                break
    assert seen[0] == "enqueued" and seen[-1] == "done"


def test_nothing_ends_the_iteration(app: gofer.Gofer) -> None:
    app.enqueue("t")  # before
    assert list(app.events(timeout=0.05)) == []
    events = app.events()
    events.close()
    events.close()
    assert list(events) == []


def hear_sums(url: str) -> list[int]:
    """What the events of twenty tasks of one call say of more."""
    with gofer.Gofer(url, timeout="60s") as app, app.events(timeout="60s", sums=True) as events:
        # a program of its own, which does not know yet whether anybody listens
        with gofer.Gofer(url, timeout="60s") as other:
            other.enqueue_many(other.item("t") for _ in range(20))
        told = [next(events).more]
        while not told[-1]:
            told.append(next(events).more)
    return told


def test_who_is_content_with_sums_is_told_some_and_how_many_more(url: str) -> None:
    assert hear_sums(url) == [0, 0, 0, 0, 15]


def test_sums_on_redis(redis_url: str) -> None:
    assert hear_sums(redis_url) == [0, 0, 0, 0, 15]


def test_listeners_survive_the_closing_of_the_store(app: gofer.Gofer) -> None:
    with app.events(timeout="20s") as events:
        app.enqueue("one")
        assert next(iter(events)).type == "one"
        app.close()
        listening = threading.Event()
        thread = later(lambda: (listening.wait(), time.sleep(0.7), app.enqueue("two")))
        listening.set()
        assert next(iter(events)).type == "two"
        thread.join()


def test_events_for_asyncio(app: gofer.Gofer) -> None:
    async def main() -> list[str]:
        seen = []
        async with app.events(timeout="20s") as events:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(events.__anext__(), 0.05)
            app.enqueue("one")  # comes to the step that was cancelled, and is not lost
            app.enqueue("two")
            async for event in events:
                seen.append(event.type)
                if len(seen) == 2:
                    break
        async for _ in app.events(timeout=0.05):
            raise AssertionError("nothing happens")
        return seen

    assert asyncio.run(main()) == ["one", "two"]


def test_a_listener_goes_on_after_a_fork(
    app: gofer.Gofer, fork: Callable[[Callable[[], str]], Any]
) -> None:
    with app.events(timeout="60s") as events:
        assert fork(lambda: app.enqueue("of-the-child").id).value()
        heard = threading.Event()

        def enqueue() -> None:  # until it listens anew
            while not heard.wait(0.05):
                app.enqueue("of-the-parent")

        thread = later(enqueue)
        types = {next(events).type}
        heard.set()
        thread.join()
    assert types == {"of-the-parent"}


def test_who_comes_after_the_end_is_told_that_it_has_ended(
    app: gofer.Gofer, worker: Worker
) -> None:
    handles = [app.enqueue("t"), app.enqueue("t", id="my-own")]
    worker("--exec", "t=true")
    for handle in handles:
        outcome = handle.wait(timeout="10s")
        assert outcome.outcome == "gone" and not outcome.ok and outcome.queue == "default"
        assert asyncio.run(handle.wait_async(timeout="10s")).outcome == "gone"
    assert app.wait(handles[0].id, timeout="10s").outcome == "gone"
    with pytest.raises(gofer.NotFound):
        app.wait("my-own", timeout="10s")
