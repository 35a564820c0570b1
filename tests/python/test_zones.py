"""The package tzdata stands in for a tz database that the system does not have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gofer import zones


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An installed package tzdata, on a system without zones; TZDIR is as before at the end."""
    monkeypatch.setenv("TZDIR", "")
    monkeypatch.delenv("TZDIR")
    monkeypatch.setattr(zones, "SYSTEM", str(tmp_path / "none"))
    folder = tmp_path / "packages" / "tzdata"
    (folder / "zoneinfo").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


def test_it_is_named_to_the_library(package: Path) -> None:
    zones.provide()
    assert os.environ["TZDIR"] == str(package / "zoneinfo")


def test_what_the_environment_names_stays(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZDIR", "/mine")
    zones.provide()
    assert os.environ["TZDIR"] == "/mine"


def test_the_systems_own_go_first(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "SYSTEM", str(package))
    zones.provide()
    assert "TZDIR" not in os.environ


def test_a_package_without_zones_is_no_help(package: Path) -> None:
    (package / "zoneinfo").rmdir()
    zones.provide()
    assert "TZDIR" not in os.environ
