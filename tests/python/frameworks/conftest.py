"""conftest - what the tests of gofer beside frameworks share.

They run in an environment of their own, which has the frameworks: tests/run.sh makes it. What is
not installed is skipped.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # child_peer, which the other tests have, too

import gofer
from gofer.running.delivery import Control, Delivery, Ending
from gofer.running.runner import Runner


@pytest.fixture(scope="session")
def drained() -> Callable[..., str]:
    """Runs `gofer worker --drain` on a store, with children that load an application of a folder;
    returns its log."""
    binary = os.environ.get("GOFER_BIN")
    if not binary:
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")

    def run(url: str, app: str, folder: Path, *more: str, **variables: str) -> str:
        command = [binary, "--url", url, "worker", "--drain", "--python", app, *more]
        return finished(command, folder, GOFER_PYTHON=sys.executable, **variables)

    return run


class Silent:
    """A channel to nobody."""

    stopping = False

    def progress(self, ref: int, done: int, total: int, text: str) -> None: ...

    def log(self, ref: int, level: int, text: str) -> None: ...

    def checkpoint(self, ref: int, data: Optional[bytes]) -> None: ...


@pytest.fixture
def attempt() -> Callable[..., Ending]:
    """Runs a task that is in, as a child would, and tells its ending; it stays in."""

    def run(app: gofer.Gofer, task_id: str, number: int = 1) -> Ending:
        info = app.inspect.task(task_id)
        delivery = Delivery(
            ref=1,
            id=info.id,
            type=info.type,
            queue=info.queue,
            attempt=number,
            max_retry=info.max_retry,
            timeout_ms=0,
            deadline_ms=0,
            headers=dict(info.headers),
            payload=info.payload or b"",
            checkpoint=None,
        )
        runner, control = Runner(app), Control(1, Silent())
        prepared = runner.prepared(info.type)
        assert prepared is not None
        if prepared.is_async:
            return asyncio.run(runner.arun(delivery, control))
        return runner.run(delivery, control)

    return run


def finished(command: Sequence[str], folder: Path, **variables: str) -> str:
    """Runs a command to its good end; returns what it wrote to standard error."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr
