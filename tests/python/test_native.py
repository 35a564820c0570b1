"""The library is loaded when it is first used, and a Python that cannot load it runs tasks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gofer
import pytest
from child_peer import Peer
from gofer import _gofer, native
from gofer.times import duration_ms

# All that a task may say when it is declared, but nothing that needs a store.
SHOP = """
import asyncio, sys
from datetime import timedelta
import gofer

app = gofer.Gofer("memory:", timeout="5s")

def loaded():
    return [name for name in ("_cffi_backend", "gofer._gofer") if sys.modules.get(name)]

@app.task(name="plain", timeout="30s", retention="1h30m", retry=3, retry_policy="fixed:3s",
          unique="250ms", expires=timedelta(days=2), queue="sums", on_conflict="return")
def plain(a: int, wait: timedelta, ctx: gofer.Context = gofer.INJECTED):
    ctx.progress(1, 2, "half"); ctx.save({"page": 1}); ctx.log("hello")
    assert ctx.remaining() is None
    return loaded()

@app.task(name="asynchronous")
async def asynchronous(ctx: gofer.Context = gofer.INJECTED):
    await asyncio.sleep(0)
    return loaded()

@app.task(name="snoozes")
def snoozes(ctx: gofer.Context = gofer.INJECTED):
    ctx.snooze("5s", "later")

@app.task(name="fails")
def fails():
    raise gofer.NotFound("no such order")

@app.task(name="isolated", isolation="process")
def isolated():
    return loaded()

@app.task(name="enqueues")
def enqueues():
    snoozes.enqueue()
    return loaded()

@app.on_failure
def failed(ctx, error, final):
    if isinstance(error, gofer.GoferError):
        ctx.log(f"{error.name}, with {loaded()}")
"""

# A Python for which there is no cffi.
WITHOUT = 'import sys\nsys.modules["_cffi_backend"] = None\n'

DONE, RETRY, SNOOZE = 0, 1, 5


def test_importing_loads_nothing() -> None:
    code = (
        "import sys, gofer; print(sorted({'_cffi_backend', 'gofer._gofer'} & set(sys.modules)));"
        "print(gofer.__version__ == gofer.version, 'gofer._gofer' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[:2] == ["[]", "True True"]


def tasks_that_need_none(peer: Peer) -> None:
    plain = peer.give("plain", {"a": 1, "wait": "5m"})
    assert peer.end(plain).json() == []
    assert peer.run("asynchronous").json() == []
    assert peer.run("isolated").json() == []
    snoozed = peer.run("snoozes")
    assert (snoozed.outcome, snoozed.delay_ms, snoozed.text) == (SNOOZE, 5000, "later")
    failed = peer.give("fails")
    assert peer.end(failed).text.startswith("NotFound: no such order")
    assert ("l", failed, (1, "ENOTFOUND, with []")) in peer.others


def test_a_child_loads_it_when_a_task_enqueues(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP) as peer:
        tasks_that_need_none(peer)
        assert peer.run("enqueues").json() == ["_cffi_backend", "gofer._gofer"]
        assert peer.close() == 0 and peer.said() == ""


def test_a_python_that_cannot_load_it_runs_tasks(tmp_path: Path) -> None:
    with Peer(tmp_path, WITHOUT + SHOP) as peer:
        tasks_that_need_none(peer)
        for _ in range(2):  # the second time too
            end = peer.run("enqueues")
            assert end.outcome == RETRY
            first = end.text.split("\n")[0]
            assert first.startswith("Unsupported: this Python cannot load gofer's library (")
            assert "_cffi_backend" in first and "pip install" in first
        tasks_that_need_none(peer)
        assert peer.close() == 0 and peer.said() == ""


def test_cron_entries_of_a_python_that_cannot_load_it(tmp_path: Path) -> None:
    crons = "\n@app.cron('0 3 * * *')\n@app.task(name='nightly')\ndef nightly(): return 1\n"
    with Peer(
        tmp_path, WITHOUT + SHOP.replace("Gofer(", "Gofer(name='shop', url=") + crons
    ) as peer:
        assert peer.run("nightly").json() == 1
        assert peer.close() == 0
        assert "the cron entries are not synced: this Python cannot load" in peer.said()


def test_what_the_library_does_not_have() -> None:
    with pytest.raises(AttributeError, match="gofer_no_such_function"):
        native.lib.gofer_no_such_function
    assert not hasattr(native.ffi, "no_such_thing")


def test_numbers_are_the_librarys() -> None:
    for name, number in native.NUMBERS.items():
        assert getattr(_gofer.lib, name) == number, name
    for path in Path(gofer.__file__).parent.rglob("*.py"):
        for name in re.findall(r"\blib\.(GOFER_\w+)", path.read_text("utf-8")):
            assert name in native.NUMBERS, f"{path.name} would load the library for {name}"


def test_the_names_of_errors_are_the_librarys() -> None:
    for status in (*range(-19, 1), -999):
        name = _gofer.ffi.string(_gofer.lib.gofer_status_name(status)).decode()
        assert gofer.GoferError(status=status).name == name


@pytest.mark.parametrize(
    "text",
    [
        "0s", "1ms", "250ms", "30s", "5m", "1h30m", "2d", "1w", "1w2d3h4m5s6ms", "999999999ms",
        "5m5m", "007s", "1s1ms1s", "36525d", "3155760000s", "100000d", "30", "1.5h", "0.25s", ".5s",
        "5ms3", "5 m", "m", "", "1x", "1mm", "1sm", "1msm", "-5s", "+5s", "5S", "5m ", " 5m",
        "1e3s", "٣s", "1_000s", "5m\n", "1h,30m", "99999999999999999999s", "999999999w999999999w",
    ],
)  # fmt: skip
def test_durations_are_read_as_the_library_reads_them(text: str) -> None:
    out = _gofer.ffi.new("int64_t *")
    if _gofer.lib.gofer_parse_duration(text.encode(), out) == 0:
        assert duration_ms(text) == out[0]
    else:
        error = _gofer.ffi.string(_gofer.lib.gofer_error_last()).decode()
        with pytest.raises(gofer.InvalidArgument) as raised:
            duration_ms(text)
        assert str(raised.value) == error
