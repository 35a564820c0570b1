"""What tasks do to their process, and what is done to it, with the real worker: a clear outcome
each, nothing lost, the other tasks unharmed, no traceback of gofer's own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gofer
import pytest

SHOP = """
import asyncio, ctypes, gc, multiprocessing, os, resource, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
import gofer

app = gofer.Gofer()

@app.on_start
def bounded():
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 29), resource.RLIM_INFINITY))

@app.task(name="pid")
def pid():
    return os.getpid()

@app.task(name="plain")
def plain(n: int, s: float = 0.002):
    time.sleep(s)
    return n

@app.task(name="asynchronous")
async def asynchronous(n: int, s: float = 0.002):
    await asyncio.sleep(s)
    return n

class Hostile(Exception):
    def __str__(self): raise RuntimeError("no text")
    __repr__ = __str__

class Base(BaseException): pass

def square(n):
    return n * n

def late(ctx):
    time.sleep(0.1)
    for _ in range(20):
        try:
            ctx.progress(1, 2, "late"); ctx.save({"late": 1}); ctx.log("late")
        except Exception: pass
        time.sleep(0.002)

def act(how, ctx):
    if how == "_exit": os._exit(7)
    if how == "segfault": ctypes.string_at(0)
    if how == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if how == "abort": os.abort()
    if how == "closed": os.closerange(0, 4096)
    if how == "cwd": os.chdir("/")
    if how == "binary": os.write(1, bytes(range(256)) * 40); os.write(2, b"\\xff\\xfe\\0 text\\n")
    if how == "flood": os.write(1, b"x" * 300000 + b"\\n" + b"y\\n" * 5000)
    if how == "thread": threading.Thread(target=late, args=(ctx,), daemon=True).start()
    if how == "fork":
        pid = os.fork()
        if pid == 0: os._exit(5)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if how == "orphan":
        if os.fork() == 0: time.sleep(3); os._exit(0)
    if how in ("pool-fork", "pool-spawn"):
        context = multiprocessing.get_context(how[5:])
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            return list(pool.map(square, [1, 2, 3]))
    if how == "signals":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE,
                       signal.SIGCHLD):
            try: signal.signal(number, lambda *_: None)
            except ValueError: pass          # not in the main thread
    if how == "hungry":
        kept = []
        while True: kept.append(bytearray(8 << 20))
    if how == "huge": return bytes(1 << 60)
    if how == "hostile": raise Hostile()
    if how == "exit": sys.exit(3)
    if how == "interrupt": raise KeyboardInterrupt
    if how == "base": raise Base("base")
    if how == "generator": raise GeneratorExit
    if how == "stopiteration": raise StopIteration(3)
    if how == "cancelled": raise asyncio.CancelledError
    if how == "recursion": return act(how, ctx)
    if how == "streams": sys.stdout.close(); sys.stderr = None
    if how == "result": return object()
    return "alive"

@app.task(name="does")
def does(how: str, ctx: gofer.Context):
    return act(how, ctx)

@app.task(name="adoes")
async def adoes(how: str, ctx: gofer.Context):
    return act(how, ctx)
"""


class Shop:
    """A program in a folder, and `gofer worker --python` of it."""

    def __init__(self, folder: Path, url: str) -> None:
        binary = os.environ.get("GOFER_BIN") or pytest.skip("GOFER_BIN is not set")
        self.folder = folder
        self.log = folder / "worker.log"
        self.command = [binary, "--url", url, "worker", "--python", "shop:app"]
        self.write(SHOP)

    def write(self, source: str, name: str = "shop") -> None:
        """As most editors do it: a new file in the place of the old one."""
        new = self.folder / f"{name}.new"
        new.write_text(source, "utf-8")
        new.replace(self.folder / f"{name}.py")

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """A worker in a session of its own; its log is in a file."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [*self.command, *options], cwd=self.folder, stdout=log, stderr=log,
                start_new_session=True,
                env={**os.environ, "GOFER_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip

    def work(self, *options: str) -> str:
        """Runs until nothing is left; the log."""
        with self.start("--drain", *options) as worker:
            try:
                assert worker.wait(120) == 0, self.said()
            finally:
                worker.kill()
        return self.said()

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def until_said(self, text: str, times: int = 1) -> None:
        until(lambda: self.said().count(text) >= times, lambda: f"no {text!r} in {self.said()}")


def until(true: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    limit = time.monotonic() + 90
    while not true():
        assert time.monotonic() < limit, otherwise()
        time.sleep(0.02)


@pytest.fixture(name="shop")
def _shop(tmp_path: Path, url: str) -> Shop:
    return Shop(tmp_path, url)


def value(handle: gofer.Handle[Any]) -> Any:
    result = handle.info().result
    return json.loads(result) if result else None


def put(app: gofer.Gofer, type: str, **arguments: Any) -> gofer.Handle[Any]:
    return app.enqueue(type, arguments, retry=0, retention="1h")


# ---- tasks that end their process --------------------------------------------------------------

ENDS = {
    "_exit": "exit code 7", "segfault": "SEGV", "kill": "KILL", "abort": "ABRT",
    "closed": "",
}  # fmt: skip


@pytest.mark.parametrize("type", ["does", "adoes"])
@pytest.mark.parametrize("how", ENDS)
def test_a_task_that_ends_its_process_pays_alone(
    app: gofer.Gofer, shop: Shop, type: str, how: str
) -> None:
    good = [put(app, "plain", n=n) for n in range(20)]
    good += [put(app, "asynchronous", n=n) for n in range(20)]
    bad = put(app, type, how=how)
    good += [put(app, "plain", n=n) for n in range(20)]
    good += [put(app, "asynchronous", n=n) for n in range(20)]
    said = shop.work("--threads", "3")
    info = bad.info()
    assert info.state == "archived" and ENDS[how] in (info.last_error or ""), info
    assert [value(handle) for handle in good] == [*range(20)] * 4
    assert [handle.info().retried for handle in good] == [0] * 80
    assert "Traceback" not in said or how in ("segfault", "abort"), said


# ---- tasks that change their process, or fail in odd ways ---------------------------------------

LIVES: dict[str, tuple[str, Any]] = {
    "cwd": ("completed", "alive"),
    "binary": ("completed", "alive"),
    "flood": ("completed", "alive"),
    "thread": ("completed", "alive"),
    "fork": ("completed", 5),
    "orphan": ("completed", "alive"),
    "pool-fork": ("completed", [1, 4, 9]),
    "pool-spawn": ("completed", [1, 4, 9]),
    "signals": ("completed", "alive"),
    "hungry": ("archived", "MemoryError"),
    "huge": ("archived", "MemoryError"),
    "hostile": ("archived", "Hostile"),
    "exit": ("archived", "SystemExit: 3"),
    "interrupt": ("archived", "KeyboardInterrupt"),
    "base": ("archived", "Base: base"),
    "generator": ("archived", "GeneratorExit"),
    "stopiteration": ("archived", ""),
    "cancelled": ("archived", "CancelledError"),
    "recursion": ("archived", "RecursionError"),
    "streams": ("completed", "alive"),
    "result": ("archived", "cannot be kept"),
}


@pytest.mark.parametrize("type", ["does", "adoes"])
def test_a_task_that_does_strange_things_harms_no_other(
    app: gofer.Gofer, shop: Shop, type: str
) -> None:
    hows = [how for how in LIVES if (type, how) != ("adoes", "pool-fork")]
    pids, strange, good = [], {}, []
    for how in hows:
        pids.append(put(app, "pid"))
        strange[how] = put(app, type, how=how)
        good += [put(app, "plain", n=len(good)), put(app, "asynchronous", n=len(good) + 1)]
    pids.append(put(app, "pid"))
    shop.work("--threads", "1", "--tasks", "1")
    for how, handle in strange.items():
        state, told = LIVES[how]
        info = handle.info()
        assert info.state == state, (how, info)
        if state == "completed":
            assert value(handle) == told, how
        else:
            assert told in (info.last_error or ""), (how, info.last_error)
    assert [value(handle) for handle in good] == [*range(len(good))]
    assert [handle.info().retried for handle in good] == [0] * len(good)
    assert len({value(handle) for handle in pids}) == 1  # the same process all along


# ---- killed at each step ------------------------------------------------------------------------

STEPS = """
import os, signal
import gofer

app = gofer.Gofer()

def die(step):
    if step == open("step").read():
        try: os.close(os.open("died", os.O_CREAT | os.O_EXCL))
        except FileExistsError: return
        os.kill(os.getpid(), signal.SIGKILL)

@app.on_start
def start(): die("start")

@app.middleware
def around(ctx):
    die("before")
    result = yield
    die("after")

@app.on_success
def success(ctx, result): die("success")

@app.on_stop
def stop(): die("stop")

def body(n, ctx):
    die("begin")
    ctx.progress(1, 2, "half"); die("progress")
    ctx.log("line"); die("log")
    ctx.save({"n": n}); die("save")
    return n

@app.task(name="plain", retry_policy="fixed:10ms")
def plain(n: int, ctx: gofer.Context): return body(n, ctx)

@app.task(name="asynchronous", retry_policy="fixed:10ms")
async def asynchronous(n: int, ctx: gofer.Context): return body(n, ctx)
"""


@pytest.mark.parametrize("type", ["plain", "asynchronous"])
@pytest.mark.parametrize(
    "step",
    ["start", "before", "begin", "progress", "log", "save", "after", "success", "stop"],
)
def test_killed_at_each_step(app: gofer.Gofer, shop: Shop, type: str, step: str) -> None:
    shop.write(STEPS)
    (shop.folder / "step").write_text(step)
    put_in = [app.item(type, {"n": n}, retry=3, retention="1h") for n in range(12)]
    handles = [result.handle for result in app.enqueue_many(put_in)]
    shop.work("--threads", "1", "--tasks", "1")
    assert (shop.folder / "died").exists()
    infos = [handle.info() for handle in handles if handle is not None]
    assert [info.state for info in infos] == ["completed"] * 12
    assert [value(handle) for handle in handles if handle is not None] == [*range(12)]
    # Only the task that ran has a try less.
    paid = 0 if step in ("start", "stop") else 1
    assert sum(info.retried for info in infos) == paid


def test_killed_at_any_time(app: gofer.Gofer, shop: Shop) -> None:
    """Both children, again and again, while they have much to do."""
    count = 1500
    put_in = [
        app.item(("plain", "asynchronous")[n % 2], {"n": n, "s": 0.02}, retry=25, retention="1h",
                 retry_policy="fixed:10ms")
        for n in range(count)
    ]  # fmt: skip
    handles = [result.handle for result in app.enqueue_many(put_in)]
    with shop.start("--drain", "--processes", "2", "--threads", "4", "--tasks", "4") as worker:
        try:
            killed: set[str] = set()
            while len(killed) < 12 and worker.poll() is None:
                time.sleep(0.1)
                # Not one that is not ready: three of these end the worker.
                for pid in set(re.findall(r"a child is ready .*pid=(\d+)", shop.said())) - killed:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                    killed.add(pid)
            assert worker.wait(120) == 0, shop.said()
        finally:
            worker.kill()
    assert [value(handle) for handle in handles if handle is not None] == [*range(count)]
    assert len(killed) >= 8


# ---- Ctrl-C, reloads, types twice ---------------------------------------------------------------

MOMENTS = """
import os, time
import gofer

app = gofer.Gofer()

def reach(moment):
    if moment == open("moment").read():
        open("reached", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)

reach("import")

@app.on_start
def start(): reach("start")

@app.task(name="work")
def work():
    reach("task")
    return "done"

@app.on_stop
def stop(): reach("stop")
"""


@pytest.mark.parametrize("moment", ["import", "start", "task"])
def test_ctrl_c(app: gofer.Gofer, shop: Shop, moment: str) -> None:
    """To the whole process group, as a terminal does it."""
    shop.write(MOMENTS)
    (shop.folder / "moment").write_text(moment)
    handle = app.enqueue("work", {}, retry=0, retention="1h")
    with shop.start() as worker:
        try:
            until((shop.folder / "reached").exists, shop.said)
            os.killpg(worker.pid, signal.SIGINT)
            time.sleep(0.2)
            (shop.folder / "go").touch()
            worker.wait(60)
        finally:
            worker.kill()
    info = handle.info()
    if moment == "task":  # it has its grace
        assert (info.state, value(handle), info.retried) == ("completed", "done", 0)
        assert worker.returncode == 0
    else:
        assert (info.state, info.retried) == ("pending", 0)
    assert "Traceback" not in shop.said() and "KeyboardInterrupt" not in shop.said()


def test_a_reload_during_load_loses_nothing(app: gofer.Gofer, shop: Shop) -> None:
    count = 2000
    put_in = [
        app.item(("plain", "asynchronous")[n % 2], {"n": n}, retry=0, retention="1h")
        for n in range(count)
    ]
    handles = [result.handle for result in app.enqueue_many(put_in)]
    with shop.start("--reload", "--processes", "2", "--threads", "2") as worker:
        try:
            shop.until_said("ready")
            for turn in range(3):
                shop.write(SHOP + f"\nturn = {turn}\n")
                shop.until_said("children reloaded", turn + 1)
            last = app.enqueue("plain", {"n": -1}, retention="1h")
            assert last.result(timeout=60) == -1
            until(
                lambda: next(iter(app.inspect.queues())).completed == count + 1,
                lambda: str(list(app.inspect.queues())) + shop.said(),
            )
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
        finally:
            worker.kill()
    infos = [handle.info() for handle in handles if handle is not None]
    assert [value(handle) for handle in handles if handle is not None] == [*range(count)]
    assert sum(info.retried for info in infos) == 0
    assert "crashed" not in shop.said()


def test_a_type_of_two_applications(app: gofer.Gofer, shop: Shop) -> None:
    app.ping()
    shop.write(SHOP, "again")
    with shop.start("--python", "again:app") as worker:
        try:
            assert worker.wait(60) not in (0, -signal.SIGKILL)
        finally:
            worker.kill()
    said = shop.said()
    assert "registered already" in said and "again:app" in said and "Traceback" not in said
