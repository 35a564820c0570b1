"""guard_test.py - the guard's own arithmetic: what is too dear, what callgrind's file says."""

from __future__ import annotations

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import callgrind  # noqa: E402
import figures  # noqa: E402
from figures import LESS, MORE, SAME  # noqa: E402


def word(measure: str, figure: float, now: float, live: bool = False) -> str:
    (verdict,) = figures.compare({measure: figure}, {measure: now}, live)
    return verdict.word


class Compare(unittest.TestCase):
    def test_three_per_cent_more_instructions_are_too_many(self) -> None:
        self.assertEqual(word("instructions", 10000, 10000), SAME)
        self.assertEqual(word("instructions", 10000, 10299), SAME)
        self.assertEqual(word("instructions", 10000, 10301), MORE)
        self.assertEqual(word("instructions", 10000, 10500), MORE)

    def test_where_threads_meet_task_by_task_there_is_more_room(self) -> None:
        self.assertEqual(word("instructions", 10000, 10899, live=True), SAME)
        self.assertEqual(word("instructions", 10000, 10901, live=True), MORE)
        self.assertEqual(word("instructions", 10000, 9099, live=True), LESS)

    def test_three_per_cent_less_are_told(self) -> None:
        self.assertEqual(word("instructions", 10000, 9701), SAME)
        self.assertEqual(word("instructions", 10000, 9699), LESS)

    def test_one_more_of_anything_for_each_task_is_too_many(self) -> None:
        for measure in figures.TOLERANCES:
            for figure in (0, 1, 8):
                more = figure + (1 if measure != "WAL bytes" else 64)
                self.assertEqual(word(measure, figure, more), MORE, (measure, figure))

    def test_a_figure_near_nothing_has_some_room(self) -> None:
        self.assertEqual(word("system calls", 0.044, 0.06), SAME)
        self.assertEqual(word("system calls", 0.044, 0.2), MORE)
        self.assertEqual(word("locks", 0, 0), SAME)

    def test_what_was_never_counted_before_is_more(self) -> None:
        verdicts = figures.compare({}, {"Redis commands": 1.0})
        self.assertEqual([v.word for v in verdicts], [MORE])
        self.assertEqual(verdicts[0].change(), "new")

    def test_what_is_not_counted_any_more_is_less(self) -> None:
        self.assertEqual([v.word for v in figures.compare({"syncs": 1.0}, {})], [LESS])

    def test_the_lower_of_two_counts_is_taken(self) -> None:
        first, second = {"instructions": 5.0, "locks": 2.0}, {"instructions": 6.0, "locks": 1.0}
        self.assertEqual(figures.least(first, second), {"instructions": 5.0, "locks": 1.0})

    def test_figures_are_read_as_they_were_written(self) -> None:
        known = {"gcc 12": {"codec": {"instructions": 14477.0, "syncs": 0.123}}}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "figures.json"
            self.assertEqual(figures.load(path), {})
            figures.save(path, known)
            self.assertEqual(figures.load(path), known)


PROFILE = """\
version: 1
creator: callgrind
events: Ir sysCount
fl=(1) /src/main.c
fn=(1) main
10 100
cfn=(2) malloc
calls=3 20
10 60
+2 5 1
fl=(2) /libc/malloc.c
fn=(2)
20 60
cfn=(3) malloc'2
calls=1 30
20 7
fn=(4) clock_gettime@@GLIBC_2.17
* 9 4
-3 1
totals: 175 5
"""


class Read(unittest.TestCase):
    def setUp(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "callgrind.out"
            path.write_text(PROFILE)
            self.profile = callgrind.read(str(path))
            self.besides = callgrind.read(str(path), besides="/main.c")

    def test_totals(self) -> None:
        self.assertEqual(self.profile.total("Ir"), 175)
        self.assertEqual(self.profile.total("sysCount"), 5)

    def test_calls_by_name_with_those_inside_of_themselves(self) -> None:
        self.assertEqual(self.profile.calls("malloc"), 4)
        self.assertEqual(self.profile.calls("malloc", "free"), 4)
        self.assertEqual(self.profile.calls("free"), 0)

    def test_calls_of_a_file_are_left_out(self) -> None:
        self.assertEqual(self.besides.calls("malloc"), 1)
        self.assertEqual(self.besides.total("Ir"), 175)

    def test_own_costs_are_without_those_of_callees(self) -> None:
        self.assertEqual(self.profile.own("Ir", "main"), 105)
        self.assertEqual(self.profile.own("sysCount", "main"), 1)
        self.assertEqual(self.profile.own("sysCount", "clock_gettime"), 4)
        self.assertEqual(self.profile.own("Ir", "clock_gettime"), 10)


if __name__ == "__main__":
    unittest.main()
