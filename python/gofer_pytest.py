"""gofer_pytest - the pytest plugin: an application on a store in memory, a worker, a movable clock.

    def test_a_receipt(gofer_app, gofer_worker, assert_enqueued):
        checkout(order=42)                      # enqueues send_receipt
        assert_enqueued(send_receipt, order=42)
        gofer_worker()                          # runs what is there

Beside the package and not in it, for pytest imports this at every start: the package with its
library is loaded when a test first uses a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import gofer
    from gofer.testing import Clock


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("gofer_app", "the application of the fixture gofer_app, such as shop.tasks:app")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "gofer(eager=False): with eager=True tasks of gofer_app run at once, where they are"
        " enqueued",
    )


def _eager(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("gofer")
    if marker is None:
        return False
    wrong = marker.kwargs.keys() - {"eager"}
    if marker.args or wrong:
        raise pytest.UsageError("the marker is gofer(eager=True): it takes nothing else")
    return bool(marker.kwargs.get("eager"))


@pytest.fixture
def gofer_app(request: pytest.FixtureRequest) -> Iterator[gofer.Gofer]:
    """The application of the ini option gofer_app, on an empty store in memory for this test;
    without that option a new one."""
    import gofer
    from gofer.testing import eager, on_memory

    name = request.config.getini("gofer_app")
    if name:
        from gofer.discovery import load

        app = load(name)
    else:
        app = gofer.Gofer("memory:")
    with on_memory(app):
        if _eager(request):
            with eager(app):
                yield app
        else:
            yield app


@pytest.fixture
def gofer_worker(gofer_app: gofer.Gofer) -> Callable[[], int]:
    """Call it to run tasks until none is pending or active: how many runs there were. Groups that
    the application has an aggregator for are ready at once. What is scheduled or waits to be tried
    again stays so; see gofer_clock."""
    from gofer.testing import run_pending

    return lambda: run_pending(gofer_app)


@pytest.fixture
def gofer_clock(gofer_app: gofer.Gofer) -> Clock:
    """A clock that is moved: gofer_clock.advance("1h") makes pending what is due by then."""
    from gofer.testing import Clock

    return Clock(gofer_app)


@pytest.fixture
def assert_enqueued(gofer_app: gofer.Gofer) -> Callable[..., gofer.TaskInfo]:
    """assert_enqueued(task, **arguments): a task waits that has these arguments, perhaps among
    others. The task."""
    from gofer.testing import find_enqueued

    def look(task: Any, /, **arguments: Any) -> gofer.TaskInfo:
        __tracebackhide__ = True
        found, others = find_enqueued(gofer_app, task, arguments)
        if found is None:
            name = getattr(task, "name", task)
            told = "".join(f"\n  {other}" for other in others) or " nothing"
            raise AssertionError(f"no task '{name}' with {arguments} waits; of this type:{told}")
        return found

    return look
