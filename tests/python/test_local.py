"""A worker in this process."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import gofer
import pytest


@pytest.fixture
def memory() -> Iterator[gofer.Gofer]:
    with gofer.Gofer("memory:") as app:
        yield app


def test_plain_and_async_tasks_until_empty(memory: gofer.Gofer) -> None:
    seen: list[Any] = []

    @memory.task(retention=60)
    def add(a: int, b: int = 1) -> int:
        seen.append(threading.current_thread().name)
        return a + b

    @memory.task(queue="other", retention=60)
    async def sub(a: int, *, ctx: gofer.Context) -> int:
        await asyncio.sleep(0.01)
        seen.append(ctx.queue)
        return a - 1

    handles: list[gofer.Handle[int]] = [add.enqueue(n) for n in range(20)]
    handles += [sub.enqueue(n) for n in range(20)]
    figures = memory.worker(threads=2, tasks=5).run(drain=True)
    assert figures["processed"] == 40 and figures["failed"] == 0
    results = [handle.wait(timeout=0).json() for handle in handles]
    assert results == [n + 1 for n in range(20)] + [n - 1 for n in range(20)]
    assert seen.count("other") == 20 and {"gofer-0", "other"} <= set(seen)


def test_in_the_background(app: gofer.Gofer) -> None:
    @app.task(retention=60)
    def double(n: int) -> int:
        return 2 * n

    with app.worker(threads=2):
        assert [double.enqueue(n).wait(timeout=60).json() for n in range(3)] == [0, 2, 4]
    again = app.worker()
    again.start()
    with pytest.raises(gofer.WrongState):
        again.start()
    assert double.enqueue(9).wait(timeout=60).json() == 18
    assert again.stop()["processed"] == 1 and again.stop() == {}


def test_inside_a_running_loop(memory: gofer.Gofer) -> None:
    @memory.task(retention=60)
    async def double(n: int) -> int:
        return 2 * n

    async def main() -> list[Any]:
        with memory.worker():
            handles = await asyncio.gather(*(double.aenqueue(n) for n in range(50)))
            return [(await handle.wait_async(timeout=60)).json() for handle in handles]

    assert asyncio.run(main()) == [2 * n for n in range(50)]


def test_what_a_context_can_do(memory: gofer.Gofer) -> None:
    told: list[Any] = []

    @memory.task(retention=60, retry=3, headers={"k": "v"})
    def task(*, ctx: gofer.Context) -> None:
        told.append((ctx.attempt, ctx.checkpoint, ctx.headers["k"]))
        ctx.progress(1, 2, "half")
        ctx.log("hello")
        ctx.save({"at": len(told)})
        if len(told) == 1:
            ctx.snooze(0.01, "not yet")
        if len(told) == 2:
            ctx.retry_in(0.01, "once more")

    handle = task.enqueue()
    memory.worker().run(drain=True)
    assert told == [(1, None, "v"), (1, {"at": 1}, "v"), (2, {"at": 2}, "v")]
    info = handle.info()
    assert info.state == "completed" and info.last_error == "once more"


def test_endings(memory: gofer.Gofer) -> None:
    @memory.task
    def task(how: str, *, ctx: gofer.Context) -> None:
        if how == "drop":
            ctx.drop()
        if how == "give up":
            ctx.give_up("it is of no use")
        raise ValueError("broken")

    drop, up, fail = (
        task.enqueue("drop"),
        task.enqueue("give up"),
        task.options(retry=0).enqueue(""),
    )
    bad = memory.enqueue(task.name, {})
    memory.worker().run(drain=True)
    with pytest.raises(gofer.NotFound):
        drop.info()
    errors = [each.info().last_error or "" for each in (up, fail, bad)]
    assert errors[0] == "it is of no use"
    assert errors[1].startswith("ValueError: broken") and "Traceback" in errors[1]
    assert errors[2].startswith("PayloadMismatch: how")


def test_a_deadline_is_raised_in_the_task(memory: gofer.Gofer) -> None:
    told: list[str] = []

    @memory.task(timeout="200ms", retry=0)
    def plain() -> None:
        try:
            while True:
                time.sleep(0.01)
        except gofer.TaskTimeout:
            told.append("plain")
            raise

    @memory.task(timeout="200ms", retry=0)
    async def asynchronous() -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            told.append("async")
            raise

    handles = [plain.enqueue(), asynchronous.enqueue()]
    memory.worker().run(drain=True)
    assert sorted(told) == ["async", "plain"]
    errors = [handle.info().last_error or "" for handle in handles]
    assert all(error.startswith("timed out after 200ms: TaskTimeout") for error in errors), errors


def test_a_stop_puts_back_what_runs(app: gofer.Gofer) -> None:
    begun = threading.Event()

    @app.task
    def long() -> None:
        begun.set()
        while True:
            time.sleep(0.01)

    handle = long.enqueue()
    with app.worker(threads=1, grace="100ms"):
        assert begun.wait(60)
    info = handle.info()
    assert info.state == "pending" and info.retried == 0


def test_a_saturated_worker_sleeps(memory: gofer.Gofer) -> None:
    go = threading.Event()

    @memory.task
    def task() -> None:
        go.wait(60)

    for _ in range(50):
        task.enqueue()
    worker = memory.worker(threads=2)
    worker.start()
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(1)
    used = time.process_time() - before
    go.set()
    worker.stop()
    assert used < 0.5, f"{used} s of CPU in one second of waiting"


def test_hooks_of_its_life(memory: gofer.Gofer) -> None:
    told: list[str] = []
    value: contextvars.ContextVar[str] = contextvars.ContextVar("value", default="unset")

    @memory.on_start
    async def start() -> None:
        told.append("start")

    @memory.on_stop
    def stop() -> None:
        told.append("stop")

    @memory.task
    def task() -> None:
        told.append(value.get())
        value.set("set")

    task.enqueue(), task.enqueue()
    memory.worker(threads=1).run(drain=True)
    assert told == ["start", "unset", "unset", "stop"]


def test_wrong_arguments(memory: gofer.Gofer) -> None:
    with pytest.raises(ValueError):
        memory.worker(threads=0)
    with pytest.raises(gofer.InvalidArgument):
        memory.worker(gracee="1s").start()


def test_ctrl_c_ends_a_run(url: str) -> None:
    program = (
        "import gofer, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "app = gofer.Gofer(sys.argv[1])\n"
        "@app.task(name='t')\n"
        "def task(): print('begun', flush=True); time.sleep(0.3); print('done', flush=True)\n"
        "task.enqueue()\n"
        "print(app.worker().run()['processed'], flush=True)\n"
    )
    command = [sys.executable, "-c", program, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"begun\n"
        os.kill(child.pid, signal.SIGINT)
        assert child.communicate(timeout=60) == (b"done\n1\n", b"") and child.returncode == 0


def test_a_saturated_worker_sleeps(app: gofer.Gofer) -> None:
    """Nothing turns round while tasks wait and all threads are busy."""
    gate = threading.Event()

    @app.task
    def hold(n: int) -> None:
        gate.wait(60)

    for n in range(50):
        hold.enqueue(n)
    with app.worker(threads=2):
        while app.inspect.queue("default").active < 2:
            time.sleep(0.01)
        used = []
        for _ in range(5):  # a busy machine may give a moment to something else of ours
            began = time.process_time()
            time.sleep(0.5)
            used.append(time.process_time() - began)
        gate.set()
    assert min(used) < 0.25
