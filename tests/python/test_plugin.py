"""The pytest plugin and eager mode, as users have them."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import gofer
import pytest

pytest_plugins = ["pytester"]

TASKS = """
    import gofer
    app = gofer.Gofer("redis://127.0.0.1:1")
    ran = []

    @app.task(name="add", retry=2, retention=60)
    def add(a: int, b: int = 1) -> int:
        ran.append(a)
        if a < 0:
            raise ValueError("negative")
        return a + b

    @app.task(name="sub", queue="other", retention=60)
    async def sub(a: int) -> int:
        ran.append(a)
        return a - 1
"""


def run(pytester: pytest.Pytester, tests: str) -> pytest.RunResult:
    pytester.makepyfile(shop=TASKS)
    pytester.makeini("[pytest]\ngofer_app = shop:app\n")
    pytester.makepyfile(test_it=tests)
    given = [] if _installed() else ["-p", "gofer_pytest"]
    return pytester.runpytest_subprocess(*given, "--strict-markers", "-W", "error")


def _installed() -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return any(point.name == "gofer" for point in distribution("gofer").entry_points)
    except PackageNotFoundError:
        return False


def test_the_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest, shop

        def test_worker(gofer_app, gofer_worker, assert_enqueued):
            assert gofer_app is shop.app
            handle, other = shop.add.enqueue(41), shop.sub.enqueue(1)
            assert assert_enqueued(shop.add, a=41).id == handle.id
            assert assert_enqueued("sub").queue == "other"
            assert gofer_worker() == 2 and gofer_worker() == 0
            assert handle.wait(timeout=0).json() == 42 and other.wait(timeout=0).json() == 0
            with pytest.raises(AssertionError, match="no task 'add' with {'a': 1} waits"):
                assert_enqueued(shop.add, a=1)

        def test_each_test_has_a_store_of_its_own(gofer_app):
            assert gofer_app.inspect.queues() == []

        def test_clock(gofer_app, gofer_worker, gofer_clock):
            shop.ran.clear()
            shop.add.enqueue_in("1h", 5)
            failed = shop.add.enqueue(-1)
            assert gofer_worker() == 1 and shop.ran == [-1]
            assert gofer_clock.advance("59m") == 1  # the one to be tried again
            assert gofer_worker() == 1 and shop.ran == [-1, -1]
            assert gofer_clock.advance("1m") >= 1
            gofer_worker()
            assert 5 in shop.ran

        def test_closing_keeps_the_store_until_the_end(gofer_app, gofer_worker):
            handle = shop.add.enqueue(1)
            with gofer_app:
                gofer_app.close()
            assert gofer_worker() == 1 and handle.result() == 2

        @pytest.mark.gofer(eager=True)
        def test_eager(gofer_app):
            assert shop.add.enqueue(1).wait().json() == 2
            assert gofer_app.inspect.queues() == []
        """,
    )
    result.assert_outcomes(passed=5)


def test_a_wrong_marker_is_told(pytester: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.mark.gofer(eagre=True)
        def test_it(gofer_app): ...
        """
    result = run(pytester, tests)
    result.assert_outcomes(errors=1)


def test_the_plugin_does_not_load_the_package() -> None:
    program = "import gofer_pytest, sys; sys.exit('gofer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_eager_mode_encodes_and_validates() -> None:
    app = gofer.Gofer("redis://127.0.0.1:1")

    @app.task(name="t")
    def task(n: int, *, ctx: gofer.Context) -> int:
        ctx.progress(1, 2)
        return n // (n - 7)

    @app.task(name="a")
    async def other(n: int) -> int:
        return n

    with app.eager() as ran:
        assert task.enqueue(8).wait().json() == 8
        failed = task.enqueue(7).wait()
        assert failed.outcome == "archived" and "ZeroDivisionError" in (failed.last_error or "")
        bad = app.enqueue("t", {}).wait()
        assert (bad.last_error or "").startswith("PayloadMismatch")
        with pytest.raises(gofer.InvalidArgument):
            task.enqueue(object())  # type: ignore[arg-type]
        assert app.enqueue("elsewhere").wait().outcome == "gone"  # nothing here is for it

        async def main() -> None:
            handle = await other.aenqueue(3)
            assert (await handle.wait_async()).json() == 3
            assert other.enqueue(4).wait().json() == 4
            results = await app.aenqueue_many([task.item(9)])
            assert results[0].handle is not None and results[0].handle.wait().json() == 4

        asyncio.run(main())
        assert [item.type for item in ran.items] == ["t", "t", "t", "elsewhere", "a", "a", "t"]
    with pytest.raises(gofer.BrokerError):
        task.enqueue(1)


def test_handles_of_eager_tasks_give_results_and_errors() -> None:
    app = gofer.Gofer("redis://127.0.0.1:1", eager=True)

    @app.task
    def halve(n: int) -> int | None:
        if n % 2:
            raise ArithmeticError(f"{n} is odd")
        return n // 2 or None

    assert halve.enqueue(6).result() == 3
    assert halve.enqueue(0).result() is None
    with pytest.raises(gofer.TaskFailed, match="3 is odd") as caught:
        halve.enqueue(3).result()
    assert caught.value.type_name == "ArithmeticError"


def test_handles_of_eager_tasks_tell_of_them() -> None:
    app = gofer.Gofer("redis://127.0.0.1:1", eager=True)

    @app.task(name="t", queue="q", headers={"k": "v"}, retry=3)
    def task(how: str, *, ctx: gofer.Context) -> str:
        assert app.inspect.task(ctx.id).progress_done is None
        ctx.progress(1, 2, "half")
        ctx.log("careful", "warn")
        if how == "drop":
            ctx.drop()
        if how == "fail":
            raise ValueError("broken")
        return how

    done, failed, dropped = (task.enqueue(how) for how in ("done", "fail", "drop"))
    info = done.info()
    assert (info.id, info.type, info.queue, info.state) == (done.id, "t", "q", "completed")
    assert info.payload == b'{"how":"done"}' and info.result == b'"done"'
    assert info.headers == {"k": "v"} and info.max_retry == 3 and info.completed_at is not None
    assert [(line.level, line.text) for line in info.log] == [("warn", "careful")]
    assert done.progress() == gofer.TaskProgress(1, 2, "half")
    info = failed.info()
    assert info.state == "archived" and (info.last_error or "").startswith("ValueError: broken")
    with pytest.raises(gofer.NotFound):
        dropped.info()
    for handle in (done, failed, dropped):
        with pytest.raises(gofer.WrongState):
            handle.cancel()
    other = app.enqueue("elsewhere", {"n": 1})
    assert other.info().state == "pending" and other.progress() is None
    other.cancel()
    assert other.info().state == "archived" and other.wait().outcome == "cancelled"
    asked = app.enqueue("elsewhere", group="g")
    assert asked.info().state == "aggregating" and asked.info().group == "g"


def test_an_eager_application() -> None:
    app = gofer.Gofer("redis://127.0.0.1:1", eager=True)

    @app.task
    def double(n: int) -> int:
        return 2 * n

    assert double.enqueue(4).wait().json() == 8
