"""figures.py - the figures that are checked in, whose they are, and how counts compare with them.

Pure, but for asking tools for their versions.
"""

from __future__ import annotations

import json
import pathlib
import platform
import re
import subprocess
from typing import Dict, List, NamedTuple

Counts = Dict[str, float]  # of one task of a step, by measure

LESS, SAME, MORE = "less", "", "MORE"


class Tolerance(NamedTuple):
    share: float  # of the figure
    slack: float  # and so much, for figures near 0


# Wider than four runs on a busy machine were apart (instructions: 1 %). Threads that meet elsewhere
# make other system calls; all else is nearly the same each time.
TOLERANCES = {
    "instructions": Tolerance(0.03, 0),
    "allocations": Tolerance(0.04, 0.05),
    "locks": Tolerance(0.04, 0.1),
    "system calls": Tolerance(0.06, 0.15),
    "Redis commands": Tolerance(0.02, 0.01),
    "WAL bytes": Tolerance(0.02, 5),
    "syncs": Tolerance(0.03, 0.01),
}

# Where a producer and a worker meet task by task, how busy the machine is decides who syncs and who
# looks once more: these were up to 9 % apart.
LIVE = 3

HEADING = f"{'STEP':<20} {'A TASK':<15} {'FIGURE':>12} {'NOW':>12} {'CHANGE':>9}"


class Verdict(NamedTuple):
    measure: str
    figure: float
    now: float
    word: str  # LESS, SAME or MORE

    def change(self) -> str:
        if self.figure == self.now:
            return "0"
        if not self.figure:
            return "new"
        return f"{100 * (self.now / self.figure - 1):+.1f} %"

    def text(self) -> str:
        return f"{self.now:g} {self.measure} a task, {self.change()} beside {self.figure:g}"

    def line(self, step: str) -> str:
        numbers = f"{self.figure:12.2f} {self.now:12.2f} {self.change():>9}"
        return f"{step:<20} {self.measure:<15} {numbers} {self.word}".rstrip()


def compare(figures: Counts, counts: Counts, live: bool = False) -> List[Verdict]:
    """One verdict for each measure; what only one side has counts as 0 on the other."""
    verdicts = []
    wider = LIVE if live else 1
    for measure in [*figures, *(name for name in counts if name not in figures)]:
        figure, now = figures.get(measure, 0.0), counts.get(measure, 0.0)
        tolerance = TOLERANCES[measure]
        room = wider * (figure * tolerance.share + tolerance.slack)
        word = MORE if now > figure + room else LESS if now < figure - room else SAME
        verdicts.append(Verdict(measure, figure, now, word))
    return verdicts


def least(first: Counts, second: Counts) -> Counts:
    return {name: min(first[name], second[name]) for name in first}


# ---- the file ------------------------------------------------------------------------------------


def load(path: pathlib.Path) -> Dict[str, Dict[str, Counts]]:
    if not path.exists():
        return {}
    known: Dict[str, Dict[str, Counts]] = json.loads(path.read_text(encoding="utf-8"))
    return known


def save(path: pathlib.Path, known: Dict[str, Dict[str, Counts]]) -> None:
    rounded = {
        key: {
            step: {name: round(value, 3) + 0.0 for name, value in counts.items()}
            for step, counts in steps.items()
        }
        for key, steps in known.items()
    }
    path.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


# ---- whose figures -------------------------------------------------------------------------------


def _first_number(words: List[str]) -> str:
    said = subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout.decode()
    found = re.search(r"\d+(\.\d+)*", said)
    return found.group() if found else "?"


def _compiler(build: pathlib.Path) -> str:
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    found = re.search(r"^CMAKE_C_COMPILER:\w+=(.+)$", cache, re.M)
    command = found.group(1) if found else "cc"
    said = subprocess.run([command, "--version"], stdout=subprocess.PIPE, check=True).stdout
    name = "clang" if b"clang" in said else "gcc"
    return f"{name} {_first_number([command, '-dumpversion']).split('.')[0]}"


def key_of(build: pathlib.Path) -> str:
    """The versions on which figures depend, of the build in this folder."""
    return ", ".join(
        [
            _compiler(build),
            f"{platform.libc_ver()[0]} {platform.libc_ver()[1]}",
            f"SQLite {_first_number(['pkg-config', '--modversion', 'sqlite3'])}",
            f"hiredis {_first_number(['pkg-config', '--modversion', 'hiredis'])}",
            f"valgrind {_first_number(['valgrind', '--version'])}",
            platform.machine(),
        ]
    )
