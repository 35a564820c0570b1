"""What is kept of an exception: its head, its innermost frames, and what it came from."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import pytest
from gofer.running.errors import LIMIT, error_text


def caught(function: Any, *args: Any) -> str:
    try:
        function(*args)
    except BaseException as error:
        text = error_text(error)
        assert len(text.encode()) <= LIMIT  # valid UTF-8, too
        return text
    raise AssertionError("nothing was raised")


def inner(text: str = "no such order") -> NoReturn:
    raise ValueError(text)


def outer() -> None:
    inner()


def test_the_head_comes_first_and_the_innermost_frame_last() -> None:
    lines = caught(outer).splitlines()
    assert lines[0] == "ValueError: no such order"
    assert lines[1] == "Traceback (most recent call last):"
    assert __file__ in lines[-2] and "in inner" in lines[-2]
    assert lines[-1] == "    raise ValueError(text)"


def test_names_of_exceptions() -> None:
    import json

    assert caught(json.loads, "{").startswith("JSONDecodeError: Expecting")
    assert caught(sys.exit, 3).startswith("SystemExit: 3")

    class Own(Exception): ...

    def fail() -> None:
        raise Own

    assert caught(fail).splitlines()[0] == "Own"


def test_what_it_was_raised_from_is_told_after_it() -> None:
    def fail() -> None:
        try:
            inner("first")
        except ValueError as error:
            raise KeyError("second") from error

    def fail_again() -> None:
        try:
            fail()
        except KeyError:
            raise RuntimeError("third")  # noqa: B904

    text = caught(fail_again)
    places = [text.index(each) for each in ("third", "while this was handled", "'second'",
                                            "was raised from", "first")]  # fmt: skip
    assert places == sorted(places)

    def hidden() -> None:
        try:
            inner("first")
        except ValueError:
            raise KeyError("second") from None

    assert "first" not in caught(hidden)


def test_circles_of_causes_end() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert error_text(one).count("one") == 1


def test_groups_tell_their_members() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("Python has no groups here")
    group = ExceptionGroup("many", [ValueError("a"), ExceptionGroup("in", [KeyError("b")])])
    group.add_note("a note")
    text = error_text(group)
    for part in ("ExceptionGroup: many (2 sub-exceptions)", "a note", "[1] ValueError: a",
                 "[2] ExceptionGroup: in", "[1] KeyError: 'b'"):  # fmt: skip
        assert part in text
    big = ExceptionGroup("big", [ValueError("x" * 5000) for _ in range(100)])
    assert len(error_text(big)) <= LIMIT


def test_a_deep_recursion_keeps_its_ends() -> None:
    def endless(depth: int) -> None:
        endless(depth + 1)

    text = caught(endless, 0)
    assert text.startswith("RecursionError: ") and "more of the same" in text

    def one(depth: int) -> None:
        two(depth + 1) if depth < 400 else inner("end")

    def two(depth: int) -> None:
        one(depth + 1)

    lines = caught(one, 0).splitlines()
    assert lines[2].endswith(" more)") and lines[-1] == "    raise ValueError(text)"


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("never")

    __repr__ = __str__


class Exits(Exception):
    def __str__(self) -> str:
        raise SystemExit(1)


class Odd(Exception):
    __notes__ = 7  # type: ignore[assignment]

    @property
    def exceptions(self) -> Any:
        raise RuntimeError("never")

    def __str__(self) -> str:
        return 3  # type: ignore[return-value]


@pytest.mark.parametrize("kind", [Hostile, Exits, Odd])
def test_hostile_exceptions_are_told(kind: Any) -> None:
    def fail() -> None:
        raise kind

    text = caught(fail)
    assert text.startswith(f"{kind.__name__}: (its text cannot be had")
    assert "in fail" in text or ".fail" in text


def test_text_of_any_kind_and_length() -> None:
    assert caught(inner, "a\ud800b\0c").startswith("ValueError: a?b\\0c\n")
    for text in ("x" * 10**7, "ü" * 10**6, "🐢" * 10**6, "line\n" * 10**6):
        told = caught(inner, text)
        assert told.startswith(f"ValueError: {text[:400]}")
        assert told.endswith("    raise ValueError(text)")


def test_a_source_that_is_not_there() -> None:
    code = compile("def f():\n    raise ValueError('x')", "/nowhere/\udcff.py", "exec")
    space: dict[str, Any] = {}
    exec(code, space)
    assert 'File "/nowhere/?.py", line 2, in f' in caught(space["f"])
