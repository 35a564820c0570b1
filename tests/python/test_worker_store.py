"""Which store `gofer worker --python` serves: that of --url, of $GOFER_URL, else the app's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gofer
import pytest
from gofer.child.store import warning

SHOP = """
import sys
import gofer

print("told by the program while it loads")
app = gofer.Gofer({url})

@app.task(name="add", retention="1h")
def add(a: int, b: int) -> int:
    return a + b
"""
WARNING = "the application "
Done = subprocess.CompletedProcess[str]
Work = Callable[..., Done]


@pytest.fixture(name="work")
def _work(tmp_path: Path) -> Work:
    """Writes the program with this URL, runs `gofer worker --drain` of it, gives its end."""
    binary = os.environ.get("GOFER_BIN") or pytest.skip("GOFER_BIN is not set")

    def run(given: str, *more: str, served: str | None = None) -> Done:
        (tmp_path / "shop.py").write_text(SHOP.format(url=given), "utf-8")
        variables = {k: v for k, v in os.environ.items() if k != "GOFER_URL"}
        variables.update(GOFER_PYTHON=sys.executable, XDG_STATE_HOME=str(tmp_path / "state"))
        if served is not None:
            variables["GOFER_URL"] = served
        return subprocess.run(
            [str(binary), *more, "worker", "--drain", "--python", "shop:app"],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def _enqueued(path: Path) -> gofer.Handle[object]:
    with gofer.Gofer(f"sqlite:{path}") as app:
        return app.enqueue("add", {"a": 1, "b": 2}, retention="1h")


def _state(path: Path, handle: gofer.Handle[object]) -> str:
    with gofer.Gofer(f"sqlite:{path}") as app:
        return app.inspect.task(handle.id).state


def test_without_a_url_it_is_the_applications(work: Work, tmp_path: Path) -> None:
    for given, file in (("sqlite:mine.db", "mine.db"), ("./a b.db", "a b.db"), ("", None)):
        path = tmp_path / (file or "state/gofer/tasks.db")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _enqueued(Path(str(path).replace(" ", "%20")))
        done = work(repr(given) if given else "")
        assert done.returncode == 0, done.stderr
        assert _state(Path(str(path).replace(" ", "%20")), handle) == "completed"
        assert WARNING not in done.stderr
        # What the program prints is heard once: at its start, not when it is asked.
        assert done.stderr.count("told by the program") == 1


def test_a_url_that_is_given_is_served_and_a_difference_warned_of(
    work: Work, tmp_path: Path
) -> None:
    handle = _enqueued(tmp_path / "theirs.db")
    done = work("'sqlite:mine.db'", served="sqlite:theirs.db")
    assert done.returncode == 0 and _state(tmp_path / "theirs.db", handle) == "completed"
    assert f"puts its tasks into sqlite:{tmp_path}/mine.db" in done.stderr
    handle = _enqueued(tmp_path / "third.db")
    done = work("'sqlite:third.db'", "--url", "sqlite:third.db", served="sqlite:theirs.db")
    assert done.returncode == 0 and _state(tmp_path / "third.db", handle) == "completed"
    assert WARNING not in done.stderr
    done = work("'memory:'")
    assert "keeps its tasks in its own memory" in done.stderr
    assert not (tmp_path / "mine.db").exists()


def test_an_application_that_does_not_load_is_told_once(work: Work) -> None:
    done = work("1/0")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr and done.stderr.count("told by the program") == 3


@pytest.mark.parametrize(
    ("given", "served", "told"),
    [
        ("redis://a/1", "rediss://b", False),  # names of one server, perhaps
        ("redis://a", "sqlite:/x.db", True),
        ("sqlite:/x.db", "redis://:secret@a", True),
        ("sqlite:///x.db", "/x.db", False),
        ("sqlite:/a%20b.db?cache=1", "sqlite:/a%20b.db", False),
        ("/tmp/../x.db", "sqlite:/x.db", False),
        ("x.db", f"sqlite:{os.getcwd()}/x.db", False),
        (None, "sqlite:/x.db", False),
        ("", "sqlite:/x.db", False),
        ("sqlite:/x.db", None, False),
    ],
)
def test_what_is_a_difference(given: str, served: str, told: bool) -> None:
    text = warning(given, served)
    assert bool(text) is told and "secret" not in (text or "")
