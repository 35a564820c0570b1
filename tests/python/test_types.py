"""The package and its use pass mypy --strict, and wrong uses are found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "python" / "gofer"


def mypy(target: Path, cache: Path) -> "list[str]":
    """The errors it finds."""
    pytest.importorskip("mypy")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={cache}",
        str(target),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cache)
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if ": error:" in line]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def test_the_package(cache: Path) -> None:
    assert mypy(PACKAGE, cache) == []


def test_right_and_expected_wrong_uses(cache: Path) -> None:
    assert mypy(HERE / "typed.py", cache) == []


def test_wrong_uses_are_errors(cache: Path, tmp_path: Path) -> None:
    text, count = re.subn(r"  # type: ignore\[[\w-]+\]", "", (HERE / "typed.py").read_text())
    (tmp_path / "wrong.py").write_text(text)
    found = mypy(tmp_path / "wrong.py", cache)
    assert count >= 10 and len(found) == count, "\n".join(found)
