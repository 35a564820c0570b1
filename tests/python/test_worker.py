"""From Python to the real worker and back: schedule here, run there, read what came of it."""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import gofer
import pytest

Worker = Callable[..., str]


def test_a_command_runs_a_task_of_python(app: gofer.Gofer, worker: Worker) -> None:
    @app.task(name="echo", retention="1h")
    def echo(text: str, times: int = 2) -> None: ...

    handle = echo.enqueue("żółw\0🐢")
    worker("--exec", "echo=cat")
    info = handle.info()
    assert (
        info.state == "completed" and info.completed_at is not None and info.expires_at is not None
    )
    assert (
        timedelta(minutes=59) < info.expires_at - info.completed_at <= timedelta(hours=1, seconds=2)
    )
    assert info.result is not None and json.loads(info.result) == {"text": "żółw\0🐢", "times": 2}
    assert app.inspect.queue("default").processed == 1
    assert app.inspect.history()[0].processed == 1


def test_without_retention_a_task_is_gone_when_done(app: gofer.Gofer, worker: Worker) -> None:
    handle = app.enqueue("t", b"\0\xff")
    worker("--exec", "t=true")
    with pytest.raises(gofer.NotFound):
        handle.info()


def test_a_result_of_bytes(app: gofer.Gofer, worker: Worker) -> None:
    payload = bytes(range(256)) * 100
    handle = app.enqueue("t", payload, retention=60)
    worker("--exec", "t=cat")
    assert handle.info().result == payload


def test_a_failure_is_told(app: gofer.Gofer, worker: Worker) -> None:
    handle = app.enqueue("t", retry=0)
    worker("--exec", "t=sh -c 'echo the printer is on fire >&2; exit 3'")
    info = handle.info()
    assert info.state == "archived" and info.last_failed_at is not None
    assert info.last_error is not None and "the printer is on fire" in info.last_error
    assert app.inspect.queue("default").failed == 1


def test_a_running_task_is_cancelled(app: gofer.Gofer, worker: Worker) -> None:
    handle = app.enqueue("t", retry=0)

    def cancel() -> None:
        while handle.info().state != "active":
            time.sleep(0.01)
        app.inspect.cancel(handle.id)

    thread = threading.Thread(target=cancel)
    thread.start()
    worker("--exec", "t=sleep 600")
    thread.join()
    info = handle.info()
    assert info.state == "archived"
    assert info.last_error is not None and info.last_error.startswith("cancelled")


def test_a_schedule_is_kept(app: gofer.Gofer, worker: Worker) -> None:
    handle = app.enqueue("t", delay="1s", retention=60)
    worker("--exec", "t=true")
    info = handle.info()
    assert info.completed_at is not None and info.enqueued_at is not None
    assert info.completed_at - info.enqueued_at >= timedelta(seconds=1)


def test_many_queues(app: gofer.Gofer, worker: Worker) -> None:
    for queue in ("mail", "reports"):
        app.enqueue_many(app.item("t", queue=queue, retention=60) for _ in range(20))
    worker("--queue", "mail=3", "--queue", "reports", "--concurrency", "4", "--exec", "t=true")
    assert [queue.completed for queue in app.inspect.queues()] == [20, 20]
    assert app.inspect.delete_all("mail", "completed") == 20
