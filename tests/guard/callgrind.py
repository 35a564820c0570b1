"""callgrind.py - reads what callgrind has written: totals, calls of functions, their own costs."""

from __future__ import annotations

import re
from typing import Dict, List, Tuple

NAMED = re.compile(r"(c?f[nlie])=\((\d+)\)(?: (.+))?")


class Profile:
    """One run of a program. Calls that the file `besides` makes are not counted."""

    def __init__(self, besides: str = "") -> None:
        self.besides = besides
        self.events: List[str] = []
        self._totals: List[int] = []
        self._calls: Dict[str, int] = {}
        self._own: Dict[str, List[int]] = {}

    def total(self, event: str) -> int:
        """Of the whole program; 0: it was not counted."""
        index = self.events.index(event)
        return self._totals[index] if index < len(self._totals) else 0

    def calls(self, *functions: str) -> int:
        """How often these were called."""
        return sum(n for name, n in self._calls.items() if plain(name) in functions)

    def own(self, event: str, function: str) -> int:
        """What the function cost by itself, without those that it called."""
        index = self.events.index(event)
        return sum(
            costs[index]
            for name, costs in self._own.items()
            if plain(name) == function and index < len(costs)
        )

    def note(self, line: str, current: "Reader") -> None:
        """One line of the file."""
        if line.startswith("events:"):
            self.events = line.split()[1:]
        elif line.startswith(("summary:", "totals:")):
            self._totals = [int(word) for word in line.split()[1:]]
        elif line.startswith("calls="):
            count = int(line[len("calls=") :].split()[0])
            if not self.besides or not current.file.endswith(self.besides):
                self._calls[current.callee] = self._calls.get(current.callee, 0) + count
            current.inclusive = True  # the next line is the callee's costs
        elif line[:1].isdigit() or line[:1] in ("+", "-", "*"):
            if not current.inclusive:
                self._add(current.function, [int(word) for word in line.split()[1:]])
            current.inclusive = False

    def _add(self, function: str, costs: List[int]) -> None:
        sums = self._own.setdefault(function, [0] * len(self.events))
        for index, cost in enumerate(costs):
            sums[index] += cost


class Reader:
    """Where in the file we are; names are spelled out once and have numbers from then on."""

    def __init__(self) -> None:
        self.names: Dict[Tuple[str, str], str] = {}
        self.file = self.function = self.callee = ""
        self.inclusive = False

    def follow(self, line: str) -> bool:
        """True if the line says which file or function comes."""
        found = NAMED.match(line)
        if not found:
            return False
        kind, number, name = found.groups()
        key = ("function" if kind.endswith("n") else "file", number)
        if name:
            self.names[key] = name
        if kind == "fl":
            self.file = self.names[key]
        elif kind == "fn":
            self.function = self.names[key]
        elif kind == "cfn":
            self.callee = self.names[key]
        return True  # the rest says whose code is inlined here


def plain(name: str) -> str:
    """Without the version of a symbol, and without the depth of a recursion."""
    return re.sub(r"(@.*|'\d+)+$", "", name)


def read(path: str, besides: str = "") -> Profile:
    profile, reader = Profile(besides), Reader()
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if not reader.follow(line):
                profile.note(line.rstrip("\n"), reader)
    return profile
