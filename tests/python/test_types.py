"""The package and its use pass mypy --strict, and pyright takes the same uses as right and wrong.

GOFER_PYRIGHT names the program; it has to be at hand already, for it fetches itself from npm's
registry when it is called first.
"""

import json
import os
import re
import shutil
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


def pyright(folder: Path, **settings: str) -> "list[str]":
    """The errors it finds in a folder."""
    program = os.environ.get("GOFER_PYRIGHT")
    if not program:
        pytest.skip("n/a: GOFER_PYRIGHT names no pyright (tests/run.sh gets one, where it can)")
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [program, "--pythonpath", sys.executable, "--project", str(folder), "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"], done.stdout
    return [
        f"{Path(each['file']).name}:{each['range']['start']['line'] + 1}: {each['message']}"
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    ]


def test_pyright_sees_the_same_errors(tmp_path: Path) -> None:
    shutil.copy(HERE / "typed.py", tmp_path)
    strict = {"typeCheckingMode": "strict", "reportUnnecessaryTypeIgnoreComment": "error"}
    assert pyright(tmp_path, **strict) == []


@pytest.mark.parametrize("mode, name", [("strict", "python"), ("standard", "fastapi")])
def test_pyright_and_the_examples(tmp_path: Path, mode: str, name: str) -> None:
    shutil.copytree(HERE.parents[1] / "examples" / name, tmp_path / "example")
    settings = {"typeCheckingMode": mode, "reportMissingImports": "none"}
    assert pyright(tmp_path, **settings) == []


def test_wrong_uses_are_errors(cache: Path, tmp_path: Path) -> None:
    text, count = re.subn(r"  # type: ignore\[[\w-]+\]", "", (HERE / "typed.py").read_text())
    (tmp_path / "wrong.py").write_text(text)
    found = mypy(tmp_path / "wrong.py", cache)
    assert count >= 10 and len(found) == count, "\n".join(found)
