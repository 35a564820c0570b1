"""test_example - the tutorial of examples/python schedules what it says, and again without doubling
it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gofer

SCRIPT = Path(__file__).parents[2] / "examples" / "python" / "schedule.py"


def run(url: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), url], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_schedules_four_kinds_of_jobs(app: gofer.Gofer, url: str) -> None:
    said = run(url)
    for word in ("email", "report", "backup", "maintenance", "refused"):
        assert word in said
    queues = {queue.queue: queue for queue in app.inspect.queues()}
    assert queues["mail"].pending == 1
    assert queues["reports"].scheduled == 1
    types = {
        task.type for state in ("pending", "scheduled") for task in app.inspect.tasks("low", state)
    }
    assert types == {"backup:folder", "maintenance:expire", "maintenance:vacuum"}


def test_its_task_with_an_id_of_its_own_is_there_once_after_two_runs(
    app: gofer.Gofer, url: str
) -> None:
    run(url)
    run(url)
    backups = [
        task for task in app.inspect.tasks("low", "scheduled") if task.type == "backup:folder"
    ]
    assert len(backups) == 1


LIFE = SCRIPT.with_name("life.py")


def test_the_example_of_a_tasks_life(url: str, worker: Callable[..., str]) -> None:
    command = [sys.executable, str(LIFE), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for line in (
        "refused: ",
        "group: ann 3",
        "entry: nightly",
        "cancelled: 5",
        "feed: archived",
        "worker: exit code 0",
    ):
        assert line in done.stdout
    assert done.stdout.count("result: done") == 3
