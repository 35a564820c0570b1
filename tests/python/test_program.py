"""Finding the command that belongs to the package, and `python -m gofer`, which becomes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gofer
import pytest
from gofer import program


def fake(path: Path, says: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho {says or path.name} "$@"\nexit 7\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOFER_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


def test_a_named_one_goes_before_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = fake(tmp_path / "mine")
    monkeypatch.setenv("GOFER_BIN", str(named))
    assert gofer.binary() == str(named)


def test_a_named_one_that_does_not_run_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOFER_BIN", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match=r"\$GOFER_BIN is .*none"):
        gofer.binary()


@pytest.mark.parametrize(
    "package, command",
    [
        ("lib/python3.9/site-packages/gofer", "bin/gofer"),  # a prefix or a virtual environment
        ("lib64/python3.13t/site-packages/gofer", "bin/gofer"),
        ("usr/lib/python3/dist-packages/gofer", "usr/bin/gofer"),  # Debian's packages
        ("target/gofer", "target/bin/gofer"),  # pip install --target
    ],
)
@pytest.mark.usefixtures("nothing_named")
def test_beside_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, command: str
) -> None:
    installed = fake(tmp_path / command)
    monkeypatch.setattr(program, "__file__", str(tmp_path / package / "program.py"))
    assert gofer.binary() == str(installed)


@pytest.mark.usefixtures("nothing_named")
def test_in_the_scripts_of_this_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed = fake(tmp_path / "scripts" / "gofer")
    monkeypatch.setattr(program, "__file__", str(tmp_path / "elsewhere" / "gofer" / "program.py"))
    monkeypatch.setattr(program.sysconfig, "get_path", lambda *_, **__: str(installed.parent))
    assert gofer.binary() == str(installed)


@pytest.mark.usefixtures("nothing_named")
def test_the_path_comes_last_and_then_all_places_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(program, "__file__", str(tmp_path / "elsewhere" / "gofer" / "program.py"))
    monkeypatch.setattr(program.sysconfig, "get_path", lambda *_, **__: str(tmp_path / "no"))
    with pytest.raises(FileNotFoundError) as raised:
        gofer.binary()
    assert str(tmp_path / "no") in str(raised.value)
    assert str(tmp_path / "elsewhere" / "bin") in str(raised.value)
    packaged = fake(tmp_path / "path" / "gofer")
    assert gofer.binary() == str(packaged)
    packaged.chmod(0o644)
    with pytest.raises(FileNotFoundError):
        gofer.binary()


def test_dash_m_becomes_the_command(tmp_path: Path) -> None:
    named = fake(tmp_path / "mine", "here with")
    done = subprocess.run(
        [sys.executable, "-m", "gofer", "queue", "ls", "a b"],
        env={**os.environ, "GOFER_BIN": str(named)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "here with queue ls a b\n", "")


@pytest.mark.parametrize(
    "words, become",
    [
        (["worker", "s:app", "--tasks", "4"], ["worker", "--python", "s:app", "--tasks", "4"]),
        (["--url", "x:", "worker", "shop"], ["--url", "x:", "worker", "--python", "shop"]),
        (["worker", "--drain"], ["worker", "--drain"]),
        (["worker"], ["worker"]),
    ],
)  # fmt: skip
def test_a_worker_of_an_application(tmp_path: Path, words: list[str], become: list[str]) -> None:
    named = tmp_path / "gofer"
    named.write_text('#!/bin/sh\necho "$GOFER_PYTHON"\nprintf "%s\\n" "$@"\n', "utf-8")
    named.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name != "GOFER_PYTHON"}
    done = subprocess.run(
        [sys.executable, "-m", "gofer", *words],
        env={**kept, "GOFER_BIN": str(named)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    python, *said = done.stdout.splitlines()
    assert said == become and os.path.samefile(python, sys.executable), done.stderr


def test_dash_m_says_that_there_is_none(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gofer", "version"],
        env={**os.environ, "GOFER_BIN": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("python -m gofer: $GOFER_BIN is ") and "Trace" not in done.stderr


@pytest.mark.skipif(not os.environ.get("GOFER_BIN"), reason="GOFER_BIN is not set")
def test_dash_m_runs_the_real_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gofer", "version"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stdout.startswith(f"gofer {gofer.version}"), done.stderr
