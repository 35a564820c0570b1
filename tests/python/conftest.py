"""conftest - what the Python tests share: a store of their own, children, the worker binary.

They test the installed package: `pip install ./python pytest mypy`, then
`python -m pytest tests/python`. GOFER_BIN names the gofer binary for the tests that run workers;
without it they are skipped.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

try:
    import gofer
except ImportError as error:
    pytest.exit(
        f"the package gofer is not installed here ({error}): run `pip install ./python` first", 2
    )


sys.path.append(str(Path(__file__).resolve().parents[1] / "redis"))
from topology import Running  # noqa: E402


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'tasks.db'}"


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A server of the test's own."""
    if not (
        os.environ.get("GOFER_REDIS_SERVER")
        or shutil.which("redis-server")
        or shutil.which("valkey-server")
    ):
        pytest.skip("no redis-server")
    with Running("single") as topology:
        yield topology.url


@pytest.fixture
def app(url: str) -> Iterator[gofer.Gofer]:
    # On a busy machine forked children may keep the file from each other for seconds.
    with gofer.Gofer(url, timeout="60s") as opened:
        yield opened


@pytest.fixture
def worker(url: str) -> Callable[..., str]:
    """Runs `gofer worker --drain` on the test's store with these arguments; returns its log."""
    binary = os.environ.get("GOFER_BIN")
    if not binary:
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")

    def run(*arguments: str) -> str:
        command = [binary, "--url", url, "worker", "--drain", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stderr

    return run


@pytest.fixture
def awaited(url: str) -> Callable[[int], None]:
    """Waits until so many waits have begun, by what the store notes of them."""
    look = (
        "import sqlite3, sys; c = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True);"
        "print(c.execute('select count(*) from awaited').fetchone()[0])"
    )

    def until(count: int) -> None:
        end = time.monotonic() + 60
        while True:  # in a process of its own: two copies of SQLite must not share a file in one
            command = [sys.executable, "-c", look, url[len("sqlite:") :]]
            if int(subprocess.run(command, capture_output=True, check=True).stdout) >= count:
                return
            assert time.monotonic() < end, f"{count} waits have not begun"

    return until


class Child:
    """A forked child that runs a function; `value` waits for what it returned."""

    def __init__(self, function: Callable[[], Any]) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            try:
                answer = (True, function())
            except BaseException:
                answer = (False, traceback.format_exc())
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer, pipe)
            os._exit(0)
        os.close(writing)
        self._pipe = os.fdopen(reading, "rb")

    def value(self) -> Any:
        with self._pipe as pipe:
            told = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        assert status == 0 and told, f"the child died with wait status {status}"
        good, value = pickle.loads(told)
        assert good, value
        return value


@pytest.fixture
def fork() -> Callable[[Callable[[], Any]], Child]:
    return Child
