"""Ctrl-C at each moment: what runs ends soon, nothing hangs, is lost or left behind, and nothing is
told of gofer's own insides."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gofer
import pytest

# Interrupted again and again, at moments by chance, in one process. What was cut must not hold up
# another thread, a fork, or the end of the program.
PROGRAM = """
import asyncio, os, queue, random, signal, sys, threading, time
import gofer

url, case, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
app = gofer.Gofer(url, timeout="60s")
ended = app.enqueue("t", retention="1h")
app.inspect.cancel(ended.id)
waiting = app.enqueue("t")
got = []
tried = interrupted = 0

@app.task
def work(n: int) -> int:
    return n

def enqueue():
    for _ in range(3):
        got.append(work.enqueue(1).id)

def enqueue_many():
    with app.batch() as batch:
        for n in range(5):
            batch.add(work, n)
    got.extend(result.handle.id for result in batch.results)

def wait():
    ended.wait()
    waiting.wait(timeout=5)

def result():
    waiting.result(timeout=5)

def aenqueue():
    async def main():
        for handle in await asyncio.gather(*(work.aenqueue(n) for n in range(5))):
            got.append(handle.id)
        await waiting.aresult(timeout=5)
    asyncio.run(main())

def run():
    app.worker(threads=2).run()
    raise KeyboardInterrupt     # it has ended because it was asked to

def strike(number, frame):
    raise KeyboardInterrupt

# One that is raised in a finalizer or in the callback of a weak reference (the modules' locks have
# such) is dropped by Python, which tells of it and goes on. So it is struck again.
def dropped(what):
    if not isinstance(what.exc_value, KeyboardInterrupt) or "gofer" in repr(what.object):
        sys.__unraisablehook__(what)

def strike_until(over):
    time.sleep(delay)
    while True:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            return over.get(timeout=10)
        except queue.Empty:
            pass

# Signals that asyncio and the worker deal with themselves come from outside; others from a timer.
outside = case in ("aenqueue", "run")
sys.unraisablehook = dropped
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGALRM, strike)
end = time.monotonic() + seconds
while time.monotonic() < end or not interrupted:
    delay = random.uniform(1e-5, 2e-2)
    tried += 1
    try:
        if outside:
            over = queue.SimpleQueue()
            striker = threading.Thread(target=strike_until, args=(over,), daemon=True)
            striker.start()
        else:
            signal.setitimer(signal.ITIMER_REAL, delay)
        globals()[case]()
        if outside:
            over.put(None)
            striker.join()
            time.sleep(0.01)
        else:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
        if outside:
            over.put(None)
            striker.join()
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)

other = threading.Thread(target=app.ping)
other.start()
other.join(60)
assert not other.is_alive(), "a lock is held by nobody"
gofer.connection.FORK_PATIENCE_S = 600.0
if os.fork() == 0:
    app.ping()
    os._exit(0)
assert os.wait()[1] == 0
late = threading.Thread(target=lambda: got.append(waiting.wait(60).outcome))
late.start()
if case == "run":
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("gofer-")]
    assert set(left) <= {"gofer-waits", "gofer-aio"}, left
ids = {info.id for info in app.inspect.tasks()}
assert ids >= set(got) - {"cancelled"}, "one was acknowledged and is not there"
app.inspect.cancel(waiting.id)
late.join(60)
assert not late.is_alive(), "nobody waits for ends any more"
app.close()
print("sound", interrupted > 0)
"""

CASES = ["enqueue", "enqueue_many", "wait", "result", "aenqueue", "run"]


@pytest.mark.parametrize("case", CASES)
def test_a_program_is_interrupted(url: str, case: str) -> None:
    if case == "aenqueue" and sys.version_info < (3, 11):
        pytest.skip("before 3.11 asyncio.run leaves a SIGINT to chance")
    command = [sys.executable, "-c", PROGRAM, url, case, "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout == "sound True\n", done
    # Python may tell of an event loop that was struck while it was made; gofer has nothing to tell.
    assert "/gofer/" not in done.stderr, done


APP = """
import time
import gofer
app = gofer.Gofer({url!r})

@app.task(retry=3)
def work(n: int) -> int:
    time.sleep(0.02)
    return n
"""


def of_group(group: int) -> list[str]:
    """What still lives of a worker: its children have sessions of their own, and its id in their
    environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"GOFER_TEST_GROUP=%d" % group in words:
            found.append((folder / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.parametrize("how", ["binary", "module"])
def test_a_worker_is_interrupted_at_each_moment(
    app: gofer.Gofer, url: str, tmp_path: Path, how: str
) -> None:
    """As a terminal does it: the signal goes to the whole group in the foreground."""
    binary = os.environ.get("GOFER_BIN")
    if not binary or not os.path.isdir("/proc/self"):
        pytest.skip("GOFER_BIN is not set, or there is no /proc")
    (tmp_path / "shop.py").write_text(APP.format(url=url))
    for n in range(60):
        app.enqueue("shop:work", {"n": n}, retention="1h")
    group = random.getrandbits(60)
    words = ["--url", url, "worker", "--python", "shop:app", "--processes", "2"]
    command = [binary, *words] if how == "binary" else [sys.executable, "-m", "gofer", *words]
    environment = {**os.environ, "GOFER_TEST_GROUP": str(group), "PATH": (
        f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}")}  # fmt: skip
    for moment in range(8):
        child = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        until_ready(child, how)
        time.sleep(moment * 0.06)
        os.killpg(child.pid, signal.SIGINT)
        told = child.communicate(timeout=120)[1]
        assert child.returncode == 0, (moment, child.returncode, told)
        assert "Traceback" not in told and "KeyboardInterrupt" not in told, told
        assert of_group(group) == []
    queue = app.inspect.queue("default")
    assert queue.pending + queue.completed == 60 and queue.failed == 0


def until_ready(child: subprocess.Popen[Any], how: str) -> None:
    """Until it is the binary, and heeds signals as it says: before that it is a Python that starts
    up, or a process that has not come to its first line."""
    end = time.monotonic() + 60
    mask = 1 << (signal.SIGINT - 1)
    while time.monotonic() < end:
        status = Path(f"/proc/{child.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        if fields["Name"].strip() == "gofer" and int(fields["SigCgt"], 16) & mask:
            return
        assert child.poll() is None, child.stderr and child.stderr.read()
        time.sleep(0.002)
    raise AssertionError("it does not start")
