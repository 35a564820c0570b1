"""hooks - what an application wants to be called for: starts, stops, endings, and around tasks.

What it does around enqueueing is in sending.py.

Each is a decorator that returns the function as it is. Threads: not while others add hooks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Hooks:
    """The part of Gofer that collects functions to be called."""

    def __init__(self) -> None:
        self.overrides: dict[Callable[..., Any], Callable[..., Any]] = {}
        """In place of a dependency's function another one, for tests:
        `app.overrides[get_session] = fake`."""
        self.middlewares: list[Callable[..., Any]] = []
        """The first is the outermost."""
        self.starts: list[Callable[[], Any]] = []
        self.stops: list[Callable[[], Any]] = []
        self.successes: list[Callable[..., Any]] = []
        self.failures: list[Callable[..., Any]] = []

    def middleware(self, function: F) -> F:
        """Wrap all tasks: a generator function that is given the Context and yields once.

            @app.middleware
            def timed(ctx):
                start = time.monotonic()
                result = yield              # raises what the task raises
                print(ctx.type, time.monotonic() - start)

        A plain generator wraps plain and async tasks, an async one async tasks only. One that
        catches the task's exception and does not raise makes it a success. Payloads that do not fit
        are such exceptions, too.
        """
        if not (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)):
            raise TypeError("a middleware is a generator function: it has a yield")
        self.middlewares.append(function)
        return function

    def on_start(self, function: F) -> F:
        """Call it in each process that runs tasks, before the first. Plain or async. What it
        raises keeps the worker from starting."""
        self.starts.append(function)
        return function

    def on_stop(self, function: F) -> F:
        """Call it in each such process after its last task. Plain or async."""
        self.stops.append(function)
        return function

    def on_success(self, function: F) -> F:
        """Call it as f(ctx, result) after each task that has returned."""
        self.successes.append(function)
        return function

    def on_failure(self, function: F) -> F:
        """Call it as f(ctx, error, final) after each attempt that has failed; final: it will not be
        run again. What it raises is logged."""
        self.failures.append(function)
        return function
