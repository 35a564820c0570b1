"""A worker in this process."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
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


@pytest.mark.parametrize("how", ["run", "stop"])
def test_a_store_that_failed_for_good_ends_it(url: str, how: str) -> None:
    """A limit on the size of files is to SQLite a write that failed: nothing more is written."""
    program = (
        "import gofer, resource, sys, time\n"
        "app = gofer.Gofer(sys.argv[1])\n"
        "@app.task(name='t', retention='1h')\n"
        "def task():\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        "    return 'x' * 300_000\n"
        "task.enqueue()\n"
        "worker = app.worker()\n"
        "try:\n"
        "    if sys.argv[2] == 'run':\n"
        "        worker.run()\n"
        "    worker.start()\n"
        "    while not worker.stats().outcomes_lost: time.sleep(0.01)\n"
        "    worker.stop()\n"
        "except gofer.BrokerError as error:\n"
        "    print(error)\n"
        "print(worker.stats().outcomes_lost)\n"
    )
    command = [sys.executable, "-c", program, url, how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said, lost = done.stdout.splitlines()
    assert "needs to be opened again" in said and "I/O error" in said and lost == "1", done


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


def test_what_it_has_done(memory: gofer.Gofer) -> None:
    begun, go = threading.Event(), threading.Event()

    @memory.task(name="hold", queue="mail", retry=0)
    def hold(fail: bool) -> None:
        begun.set()
        go.wait(60)
        if fail:
            raise ValueError("broken")

    worker = memory.worker(threads=2, tasks=1)
    for ask in (worker.stats, worker.figures, worker.metrics):
        with pytest.raises(gofer.WrongState):
            ask()
    for fail in (True, False, False):
        hold.enqueue(fail)
    with worker:
        assert begun.wait(60)
        stats = worker.stats()
        assert stats.state == "active" and stats.running >= 1 and stats.concurrency == 2
        assert stats.started_at is not None and stats.processed == 0
        go.set()
        while worker.stats().processed < 3:
            time.sleep(0.002)
    stats = worker.stats()  # as it was at its end
    assert (stats.state, stats.processed, stats.failed, stats.archived) == ("ended", 3, 1, 1)
    (each,) = worker.figures().types
    assert (each.queue, each.type) == ("mail", "hold")
    assert (each.done, each.archived, each.failed) == (2, 1, 1)
    assert sum(time.count for time in each.runs) == sum(time.count for time in each.waits) == 3
    assert "exchange" in {call.call for call in worker.figures().calls}


def test_who_asks_meanwhile_is_answered(memory: gofer.Gofer) -> None:
    """Also while the worker ends, and starts again."""
    worker, over, told = memory.worker(threads=1), threading.Event(), 0

    def ask() -> None:
        nonlocal told
        while not over.is_set():
            worker.metrics()
            told += 1

    worker.start()
    worker.stop()
    asker = threading.Thread(target=ask)
    asker.start()
    for _ in range(5):
        worker.start()
        worker.stop()
    over.set()
    asker.join(60)
    assert not asker.is_alive() and told > 0


def families(text: str) -> dict[str, list[str]]:
    """What is told of each metric, and the names of its samples with their labels."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            name = line.split(" ")[2]
            found.setdefault(name, []).append(line)
        else:
            found[name].append(line.rsplit(" ", 1)[0])
    return found


def test_its_metrics_are_those_of_a_worker_process(
    app: gofer.Gofer, url: str, tmp_path: Path
) -> None:
    binary = os.environ.get("GOFER_BIN")
    if not binary:
        pytest.skip("GOFER_BIN is not set: no worker to compare with")

    @app.task(name='quoted"and\\', retry=0)
    def task() -> None: ...

    def through(run: Callable[[], str]) -> dict[str, list[str]]:
        task.enqueue()
        return families(run())

    def here() -> str:
        worker = app.worker(threads=1)
        worker.run(drain=True)
        return worker.metrics()

    def there() -> str:
        path = tmp_path / "m.sock"
        command = [binary, "--url", url, "worker", "--metrics", f"unix:{path}", "--exec", "*=true"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
            try:
                while True:
                    text = scraped(path)
                    if 'outcome="done"} 1' in text:
                        return text
                    assert child.poll() is None
                    time.sleep(0.02)
            finally:
                child.terminate()

    ours, theirs = through(here), through(there)
    theirs = {name: told for name, told in theirs.items() if not name.startswith("process_")}
    assert ours.keys() == theirs.keys()
    for name, told in theirs.items():
        if not name.startswith("gofer_broker_"):  # what was asked of the store differs
            assert ours[name] == told
        else:
            assert ours[name][:2] == told[:2]


def scraped(path: Path) -> str:
    """What a server at this socket tells; nothing, if there is none yet."""
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return ""
        link.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        told = b""
        while more := link.recv(65536):
            told += more
    return told.decode().partition("\r\n\r\n")[2]
