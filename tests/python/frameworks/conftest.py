"""conftest - what the tests of gofer beside frameworks share.

They run in an environment of their own, which has the frameworks: tests/run.sh makes it. What is
not installed is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def drained() -> Callable[..., str]:
    """Runs `gofer worker --drain` on a store, with children that load an application of a folder;
    returns its log."""
    binary = os.environ.get("GOFER_BIN")
    if not binary:
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")

    def run(url: str, app: str, folder: Path, *more: str, **variables: str) -> str:
        child = f"={sys.executable} -u -m gofer.child {app} --threads 4"
        command = [binary, "--url", url, "worker", "--drain", "--child", child, *more]
        return finished(command, folder, **variables)

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
