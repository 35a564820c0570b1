"""What handles give of a task's end: its result by annotation, its error, its progress."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import gofer
import pytest


@pytest.fixture
def says(app: gofer.Gofer) -> gofer.Task[[str], date]:
    @app.task(name="says", retention="1h", retry=0)
    def says(text: str) -> date: ...  # type: ignore[empty-body]

    return says


def test_a_result_is_read_as_annotated(
    app: gofer.Gofer, says: gofer.Task[[str], date], worker: Callable[..., str]
) -> None:
    good, named = says.enqueue("a"), app.enqueue("says", {}, retention="1h")
    worker("--shell", """says=echo -n '"2026-11-29"'""")
    assert good.result(timeout="5s") == date(2026, 11, 29)
    assert named.result() == date(2026, 11, 29)
    assert asyncio.run(good.aresult()) == date(2026, 11, 29)

    async def awaiting() -> date:
        return await good

    assert asyncio.run(awaiting()) == date(2026, 11, 29)
    assert good.progress() is None
    with pytest.raises(gofer.WrongState):
        good.cancel()


@pytest.mark.parametrize("left", ["hello", '"soon"', "[1"])
def test_a_result_of_another_kind_is_told(
    says: gofer.Task[[str], date], worker: Callable[..., str], left: str
) -> None:
    handle = says.enqueue("a")
    worker("--shell", f"says=echo -n '{left}'")
    with pytest.raises(gofer.InvalidArgument, match=f"{handle.id}.*cannot be read"):
        handle.result(timeout="5s")
    assert handle.wait().result == left.encode()


def test_no_result_where_there_should_be_one(
    says: gofer.Task[[str], date], worker: Callable[..., str]
) -> None:
    kept, gone = says.enqueue("a"), says.options(retention=0).enqueue("b")
    worker("--shell", "says=true")
    for handle, text in [(kept, "left no result"), (gone, "left nothing")]:
        with pytest.raises(gofer.NotFound, match=text):
            handle.result(timeout="5s")


def test_a_failure_is_raised(says: gofer.Task[[str], date], worker: Callable[..., str]) -> None:
    handle = says.enqueue("a")
    worker("--shell", "says=echo the shop is closed >&2; exit 1")
    with pytest.raises(gofer.TaskFailed, match="the shop is closed") as caught:
        handle.result(timeout="5s")
    error = caught.value
    assert (error.id, error.type, error.outcome) == (handle.id, "says", "archived")
    assert "the shop is closed" in str(error.__cause__)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.remote_traceback == error.remote_traceback


def test_the_error_of_a_python_task(
    tmp_path: Path, url: str, worker: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closing.py").write_text(
        "import gofer\n"
        f"app = gofer.Gofer({url!r})\n"
        "@app.task(name='close', retry=0)\n"
        "def close(day: str) -> int:\n"
        "    raise ValueError(f'closed on {day}\\nand after')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with gofer.Gofer(url, timeout="60s") as app:
        handle, unfit = app.enqueue("close", {"day": "Sunday"}, retry=0), app.enqueue(
            "close", {"day": 7}
        )
        worker("--python", "closing:app", "--python-exe", sys.executable)
        with pytest.raises(gofer.TaskFailed) as caught:
            handle.result(timeout="5s")
        assert caught.value.type_name == "ValueError"
        assert caught.value.message == "closed on Sunday\nand after"
        assert "closing.py" in caught.value.remote_traceback
        with pytest.raises(gofer.TaskFailed, match="PayloadMismatch: day: needs text, not 7"):
            unfit.result(timeout="5s")


def test_a_cancelled_task_has_failed(says: gofer.Task[[str], date]) -> None:
    one, two = says.enqueue("a"), says.enqueue("b")
    one.cancel()
    asyncio.run(two.acancel())
    for handle in (one, two):
        with pytest.raises(gofer.TaskFailed) as caught:
            handle.result(timeout="5s")
        assert caught.value.outcome in ("cancelled", "archived")


def test_a_task_that_has_not_ended(says: gofer.Task[[str], date]) -> None:
    with pytest.raises(gofer.Timeout):
        says.enqueue("a").result(timeout=0)


def test_what_a_task_reads_of_others_is_no_fault_of_its_payload() -> None:
    """The one is archived at once, for no attempt will do better. The other may be tried again."""
    from gofer.running.delivery import Control, Delivery
    from gofer.running.final import is_final
    from gofer.running.runner import Runner

    app = gofer.Gofer("memory:")

    @app.task
    def reads(n: int) -> None:
        raise gofer.PayloadMismatch("needs a whole number, not null")

    class Nowhere:
        stopping = False

        def progress(self, ref: int, done: int, total: int, text: str) -> None: ...

        def log(self, ref: int, level: int, text: str) -> None: ...

        def checkpoint(self, ref: int, data: bytes | None) -> None: ...

    def kind_of(payload: bytes) -> str:
        delivery = Delivery(1, "id", reads.name, "default", max_retry=3, payload=payload)
        return Runner(app).run(delivery, Control(1, Nowhere())).kind

    finals: list[tuple[bool, bool]] = []

    @app.on_failure
    def note(ctx: gofer.Context, error: BaseException, final: bool) -> None:
        finals.append((final, is_final(ctx, error)))

    assert kind_of(b'{"n":1}') == "retry"
    assert kind_of(b'{"n":"one"}') == "archive"
    assert finals == [(False, False), (True, True)]
