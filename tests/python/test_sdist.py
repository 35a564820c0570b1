"""What an sdist brings: every file that the module and the command are built from, where there is
no repository beside it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[2] / "python"

# In a folder as pip unpacks it: what the build would compile, found by its own plan.
LOOK = """
import sys
from pathlib import Path
sys.path.insert(0, "repository/bindings/python")
import build_command, build_gofer
plan = build_command.plan()
sources = [Path(source) for group in plan.groups for source in group.sources]
folders = [Path(folder) for group in plan.groups for folder in group.include_dirs]
here = str(Path.cwd())
for each in sources + folders:
    assert each.exists() or not str(each).startswith(here), each
assert sum(str(each).startswith(here) for each in sources) > 50, sources
if not plan.without:  # a room that the plan does not know is missed when it is linked
    names = ("cli", "hooks", "http", "line", "otlp", "web")
    rooms = [Path("repository/core", room) for room in names]
    there = {str(each.resolve()) for room in rooms for each in room.rglob("*.c")}
    assert there <= {str(each.resolve()) for each in sources}, there - set(map(str, sources))
"""


def test_it_has_all_that_is_built(tmp_path: Path) -> None:
    for needed in ("setuptools.command.bdist_wheel", "cffi"):
        try:
            found = importlib.util.find_spec(needed)
        except ImportError:
            found = None
        if found is None:
            pytest.skip(f"n/a: {needed} is not here (pip install 'setuptools>=70.1' cffi)")
    command = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", str(tmp_path)]
    subprocess.run(command, cwd=PYTHON, check=True, timeout=300)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **safely)  # type: ignore[arg-type]
    folder = tmp_path / packed.name[: -len(".tar.gz")]
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
