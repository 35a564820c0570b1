"""Tasks in Python and the real worker: what comes of them, and who pays when a process dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import gofer
import pytest

SHOP = """
import asyncio, ctypes, os, re, time
import gofer

app = gofer.Gofer()

@app.task(name="add", queue="sums", retention="1h")
def add(a: int, b: int) -> int:
    return a + b

@app.task(name="aadd", retention="1h")
async def aadd(a: int, b: int) -> int:
    await asyncio.sleep(0.01)
    return a + b

@app.task(name="nap", retention="1h")
def nap(seconds: float) -> float:
    time.sleep(seconds)
    return time.time()

@app.task(name="exit", retry=0, retention="1h")
def exit() -> None:
    os._exit(9)

@app.task(name="stuck", retry=0, timeout="1s", retention="1h")
def stuck() -> None:
    ctypes.PyDLL(None).sleep(600)       # in C, with the interpreter's lock held

@app.task(name="held")
def held() -> None:
    while not gofer.current().cancelled:
        time.sleep(0.01)

@app.task(name="overdue", retry=0, timeout="300ms", retention="1h")
def overdue() -> None:
    while True:
        pass
"""


class Shop:
    """A program with tasks, in a folder, and `gofer worker --python` of it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.binary = os.environ.get("GOFER_BIN") or pytest.skip("GOFER_BIN is not set")
        self.folder, self.url = folder, url
        (folder / "shop.py").write_text(SHOP, "utf-8")

    def work(self, *options: str, app: str = "shop:app") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binary, "--url", self.url, "worker", "--drain", "--python", app, *options],
            cwd=self.folder, capture_output=True, text=True, timeout=120,
            env={**os.environ, "GOFER_PYTHON": sys.executable},
        )  # fmt: skip


@pytest.fixture(name="shop")
def _shop(tmp_path: Path, url: str) -> Shop:
    return Shop(tmp_path, url)


def test_tasks_run_and_leave_their_results(app: gofer.Gofer, shop: Shop) -> None:
    many = [app.item("add", {"a": n, "b": 1}, queue="sums", retention=600) for n in range(300)]
    many += [app.item("aadd", {"a": n, "b": 1}, retention=600) for n in range(300)]
    handles = [result.handle for result in app.enqueue_many(many)]
    done = shop.work("--processes", "2")
    assert done.returncode == 0, done.stderr
    for n, handle in enumerate(handles):
        assert handle is not None
        result = handle.info().result
        assert result is not None and json.loads(result) == n % 300 + 1


@pytest.mark.parametrize("mixed", [True, False])
def test_no_plain_task_waits_for_a_thread_beside_a_free_one(
    app: gofer.Gofer, shop: Shop, mixed: bool
) -> None:
    if not mixed:  # without async tasks beside them
        plain = SHOP.replace("async def", "def").replace("await asyncio", "time")
        (shop.folder / "shop.py").write_text(plain, "utf-8")
    naps = [app.enqueue("nap", {"seconds": s}, retention=600) for s in [4] + [0.02] * 12]
    done = shop.work("--processes", "2", "--threads", "1")
    assert done.returncode == 0, done.stderr
    long, *short = [json.loads(nap.info().result or b"0") for nap in naps]
    assert 0 < min(short) and max(short) < long


def test_a_process_that_dies_costs_the_task_that_ran(app: gofer.Gofer, shop: Shop) -> None:
    good = [app.enqueue("aadd", {"a": n, "b": 1}, retention=600) for n in range(20)]
    bad = app.enqueue("exit", {}, retry=0, retention=600)
    good += [app.enqueue("aadd", {"a": n, "b": 1}, retention=600) for n in range(20)]
    done = shop.work("--threads", "1")
    assert done.returncode == 0, done.stderr
    info = bad.info()
    assert info.state == "archived" and info.last_error is not None
    assert "exit code 9" in info.last_error
    assert [handle.info().state for handle in good] == ["completed"] * 40


def test_its_processes_are_seen(app: gofer.Gofer, shop: Shop) -> None:
    words = "worker --python shop:app --processes 2 --threads 3 --tasks 4 --lease 1s".split()
    worker = subprocess.Popen(
        [shop.binary, "--url", shop.url, *words, "--log-level", "error"],
        cwd=shop.folder, env={**os.environ, "GOFER_PYTHON": sys.executable},
    )  # fmt: skip

    def seen() -> gofer.WorkerInfo:
        while True:
            for each in app.inspect.workers():
                if each.children_busy and each.children_want == 2 * (3 + 4):
                    return each
            assert worker.poll() is None
            time.sleep(0.05)

    try:
        app.enqueue("held")
        info = seen()
    finally:
        worker.terminate()
        worker.wait()
    assert (info.children, info.child_restarts, info.children_busy) == (2, 0, 1)
    assert info.running == 1
    first, second = info.child_processes
    assert (first.name, first.number, second.number) == ("shop:app", 0, 1)
    assert {first.state, second.state} == {"ready"} and first.want == 3 + 4
    assert first.running + second.running == 1 and first.processed == 0
    assert first.memory is not None and first.memory > 1 << 20
    assert first.started_at is not None and first.started_at.tzinfo is not None


def test_a_task_past_its_deadline(app: gofer.Gofer, shop: Shop) -> None:
    overdue = app.enqueue("overdue", {}, retry=0, timeout="300ms", retention=600)
    good = app.enqueue("aadd", {"a": 1, "b": 1}, retention=600)
    assert shop.work().returncode == 0
    info = overdue.info()
    assert info.state == "archived" and info.last_error is not None
    assert info.last_error.startswith("timed out after 300ms: TaskTimeout")
    assert good.info().state == "completed"


def test_a_task_that_holds_the_interpreter_is_killed_after_its_deadline(
    app: gofer.Gofer, shop: Shop
) -> None:
    stuck = app.enqueue("stuck", {}, retry=0, timeout="1s", retention=600)
    good = [app.enqueue("aadd", {"a": n, "b": 1}, retention=600) for n in range(5)]
    done = shop.work()
    assert done.returncode == 0, done.stderr
    assert stuck.info().state == "archived"
    assert [handle.info().state for handle in good] == ["completed"] * 5


def test_a_program_that_does_not_load_ends_the_worker(app: gofer.Gofer, shop: Shop) -> None:
    app.ping()
    (shop.folder / "broken.py").write_text("import gofer\nraise RuntimeError('at import')\n")
    done = shop.work(app="broken:app")
    assert done.returncode == 1
    assert "RuntimeError: at import" in done.stderr and "broken.py" in done.stderr


def test_an_import_that_hangs_ends_the_worker(app: gofer.Gofer, shop: Shop) -> None:
    app.ping()
    program = "import gofer, time\nopen('starts', 'a').write('x')\ntime.sleep(600)\n"
    (shop.folder / "hangs.py").write_text(program)
    done = shop.work("--child-start-timeout", "5s", app="hangs:app")
    assert done.returncode == 1
    assert 'hangs.py", line 3' in done.stderr and "no hello within 5s" in done.stderr
    assert (shop.folder / "starts").read_text() == "x"


def test_declared_cron_entries_come_with_the_worker(app: gofer.Gofer, shop: Shop) -> None:
    program = """
import gofer

app = gofer.Gofer()

@app.cron("30 2 * * *", tz="Europe/Berlin")
@app.task(name="clean", queue="low")
def clean(days: int = 7) -> None: ...
"""
    (shop.folder / "nightly.py").write_text(program, "utf-8")
    done = shop.work(app="nightly:app")
    assert done.returncode == 0, done.stderr
    (entry,) = app.schedules
    assert (entry.name, entry.queue, entry.source) == ("clean", "low", "nightly:app")
    assert entry.payload == b'{"days":7}'

    (shop.folder / "nightly.py").write_text(program.replace("Berlin", "Atlantis"), "utf-8")
    done = shop.work(app="nightly:app")
    assert done.returncode == 1 and "Atlantis" in done.stderr

    (shop.folder / "other.py").write_text(program, "utf-8")
    done = shop.work(app="other:app")
    assert done.returncode == 1 and "clean" in done.stderr and "nightly:app" in done.stderr
