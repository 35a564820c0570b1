"""Putting tasks in: every way, every option, what the store then holds."""

import asyncio
import inspect
import subprocess
import sys
import threading
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import gofer
import pytest


def near(moment: "datetime | None", seconds: float) -> bool:
    """Is it about so many seconds from now?"""
    assert moment is not None
    return abs((moment - datetime.now(timezone.utc)).total_seconds() - seconds) < 60


def test_a_task_stays_a_function(app: gofer.Gofer) -> None:
    @app.task
    def add(a: int, b: int = 2) -> int:
        """Adds."""
        return a + b

    assert add(1) == 3 and add(1, b=5) == 6
    assert add.__doc__ == "Adds." and add.__name__ == "add"
    assert str(inspect.signature(add)) == "(a: int, b: int = 2) -> int"
    assert add.name == f"{__name__}:add" and app.tasks == {add.name: add}


def test_enqueue(app: gofer.Gofer) -> None:
    @app.task(queue="mail")
    def send(to: str) -> None: ...

    handle = send.enqueue("ann")
    assert uuid.UUID(handle.id).version == 7 and str(handle) == handle.id
    assert (handle.queue, handle.type) == ("mail", send.name)
    info = handle.info()
    assert (info.id, info.type, info.queue, info.state) == (handle.id, send.name, "mail", "pending")
    assert info.payload == b'{"to":"ann"}' and info.payload_size == 12
    assert info.max_retry == 25 and info.timeout == timedelta(minutes=30)
    assert near(info.enqueued_at, 0) and info.next_run_at is None and info.result is None


def test_priority(app: gofer.Gofer) -> None:
    @app.task(priority=5)
    def task() -> None: ...

    low, high = task.options(priority=-100).enqueue(), task.enqueue()
    assert (low.info().priority, high.info().priority) == (-100, 5)
    assert app.enqueue("plain").info().priority == 0
    assert [info.id for info in app.inspect.tasks(state="pending")][::2] == [high.id, low.id]
    with pytest.raises(gofer.InvalidArgument, match="priority is 101"):
        task.options(priority=101).enqueue()
    with pytest.raises(TypeError, match="priority must be a whole number"):
        app.enqueue("plain", priority=1.5)  # type: ignore[arg-type]


def test_every_option(app: gofer.Gofer) -> None:
    deadline = datetime(2040, 1, 1, tzinfo=timezone.utc)

    @app.task(
        name="t", queue="a", retry=3, timeout="30s", retention="1h", headers={"x": "1", "y": "1"}
    )
    def task() -> None: ...

    info = task.enqueue().info()
    assert (info.queue, info.max_retry, info.timeout) == ("a", 3, timedelta(seconds=30))
    assert info.retention == timedelta(hours=1) and info.headers == {"x": "1", "y": "1"}

    other = task.options(
        queue="b",
        id="my-id",
        retry=0,
        timeout=gofer.NO_TIMEOUT,
        deadline=deadline,
        retention=5,
        headers={"y": "ü"},
    )
    handle = other.options(delay=timedelta(hours=2)).enqueue()
    assert (handle.id, handle.queue) == ("my-id", "b")
    info = handle.info()
    assert (info.max_retry, info.timeout, info.deadline) == (0, None, deadline)
    assert info.headers == {"x": "1", "y": "ü"} and info.state == "scheduled"
    assert near(info.next_run_at, 7200)
    assert task.enqueue().queue == "a"  # the options of one call do not stay


def test_in_and_at(app: gofer.Gofer) -> None:
    @app.task
    def task(delay: int = 0) -> None: ...

    assert near(task.enqueue_in("5m").info().next_run_at, 300)
    when = datetime(2030, 1, 1, tzinfo=timezone.utc)
    handle = task.enqueue_at(when, delay=7)
    assert handle.info().next_run_at == when and handle.info().payload == b'{"delay":7}'
    assert task.enqueue_at("2030-01-01T00:00:00Z").info().next_run_at == when
    assert (
        task.options(delay="1h").enqueue_at(when).info().next_run_at == when
    )  # the last word counts
    assert task.enqueue_at(datetime.now(timezone.utc) - timedelta(days=1)).info().state == "pending"
    with pytest.raises(gofer.InvalidArgument, match="choose one"):
        task.options(delay=1, at=when).enqueue()


def test_a_deadline_may_be_a_duration(app: gofer.Gofer) -> None:
    info = app.enqueue("t", deadline="10m").info()
    assert near(info.deadline, 600) and info.timeout is None


def test_by_name(app: gofer.Gofer) -> None:
    assert app.enqueue("t").info().payload == b""
    assert (
        app.enqueue("t", {"month": "2026-11"}, queue="reports").info().payload
        == b'{"month":"2026-11"}'
    )
    assert app.enqueue("t", "text").info().payload == b'"text"'
    assert app.enqueue("t", None).info().payload == b"null"
    assert app.enqueue("t", memoryview(b"xyz")[1:]).info().payload == b"yz"


@pytest.mark.parametrize("payload", [b"", b"\0", b"a\0b\xff\xfe", bytes(range(256)) * 4000])
def test_bytes_come_back_as_they_were(app: gofer.Gofer, payload: bytes) -> None:
    info = app.enqueue("t", payload).info()
    assert info.payload == payload and info.payload_size == len(payload)


def test_unicode_everywhere(app: gofer.Gofer) -> None:
    name = "żółw:🐢"
    handle = app.enqueue(name, {"ключ": "值"}, queue=name, id=name, headers={name: name})
    info = app.inspect.task(name, name)
    assert (info.id, info.type, info.queue, info.headers) == (name, name, name, {name: name})
    assert info.payload == '{"ключ":"值"}'.encode() and handle.id == name


def test_the_same_id_again(app: gofer.Gofer) -> None:
    first = app.enqueue("t", b"one", id="x")
    assert app.enqueue("t", b"one", id="x").id == first.id
    assert app.inspect.queue("default").pending == 1
    with pytest.raises(gofer.TaskExists, match="x"):
        app.enqueue("t", b"two", id="x")


def test_many_have_each_their_own_fate(app: gofer.Gofer) -> None:
    @app.task(queue="mail")
    def send(to: str) -> None: ...

    app.enqueue("t", b"there", id="taken")
    results = app.enqueue_many(
        [
            send.item("ann"),
            app.item("t", b"other", id="taken"),
            app.item("t", queue="bad{name}"),
            send.options(id="mine", delay="1h").item("bob"),
        ]
    )
    assert [result.ok for result in results] == [True, False, False, True]
    assert isinstance(results[1].error, gofer.TaskExists) and "id" in str(results[1].error)
    assert isinstance(results[2].error, gofer.InvalidArgument) and "bad{name}" in str(
        results[2].error
    )
    assert results[3].handle is not None and results[3].handle.id == "mine"
    assert results[3].handle.info().state == "scheduled"
    assert app.inspect.queue("mail").size == 2
    assert app.enqueue_many([]) == []


def test_many_in_order(app: gofer.Gofer) -> None:
    results = app.enqueue_many(app.item("t", {"n": n}) for n in range(1000))
    ids = [result.handle.id for result in results if result.handle]
    assert len(ids) == 1000
    assert [info.id for info in app.inspect.tasks()] == ids


def test_batch(app: gofer.Gofer) -> None:
    @app.task
    def send(to: str) -> None: ...

    with app.batch() as batch:
        batch.add(send, "ann")
        batch.add(send.options(delay="1h"), to="bob")
        batch.enqueue("t", {"a": 1}, queue="other")
        assert len(batch) == 3 and app.inspect.queues() == []
    assert [result.ok for result in batch.results] == [True] * 3
    assert {queue.queue: queue.size for queue in app.inspect.queues()} == {"default": 2, "other": 1}


def test_a_batch_that_raises_sends_nothing(app: gofer.Gofer) -> None:
    with pytest.raises(KeyError), app.batch() as batch:
        batch.enqueue("t")
        raise KeyError
    assert app.inspect.queues() == []


def test_a_batch_tells_what_was_refused(app: gofer.Gofer) -> None:
    with pytest.raises(gofer.BatchError, match="1 of 2") as caught, app.batch() as batch:
        batch.enqueue("t")
        batch.enqueue("t", queue="{}")
    assert [result.ok for result in caught.value.results] == [True, False]
    assert caught.value.name == "EINVAL" and batch.results == caught.value.results
    assert app.inspect.queue("default").size == 1


def test_threads(app: gofer.Gofer) -> None:
    @app.task
    def task(thread: int, n: int) -> None: ...

    ids: set[str] = set()
    errors: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            mine = {task.enqueue(thread, n).id for n in range(200)}
            ids.update(mine)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(ids) == 1600
    assert app.inspect.queue("default").pending == 1600


def test_close_while_threads_are_at_it(url: str) -> None:
    client = gofer.Client(url)
    closed: list[bool] = []

    def work() -> None:
        try:
            while True:
                client.enqueue(gofer.Put("t"))
        except gofer.WrongState:
            closed.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    with gofer.Client(url) as other:
        while not len(other.queues()):
            pass
    client.close()
    for thread in threads:
        thread.join(30)
    assert closed == [True] * 4


def test_asyncio(app: gofer.Gofer) -> None:
    @app.task
    async def fetch(n: int) -> int:
        return n

    async def main() -> None:
        handles = await asyncio.gather(*(fetch.aenqueue(n) for n in range(100)))
        assert len({handle.id for handle in handles}) == 100
        assert await fetch(3) == 3
        handle = await app.aenqueue("t", {"a": 1}, queue="other")
        assert handle.info().queue == "other"
        results = await app.aenqueue_many(fetch.item(n) for n in range(10))
        assert all(result.ok for result in results)
        with pytest.raises(gofer.InvalidArgument):
            await app.aenqueue("t", queue="{}")

    asyncio.run(main())
    assert app.inspect.queue("default").pending == 110


def test_two_tasks_of_one_name(app: gofer.Gofer) -> None:
    app.task(name="t")(lambda: None)
    with pytest.raises(gofer.InvalidArgument, match="'t' already"):
        app.task(name="t")(lambda: None)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"timeout": 0}, gofer.InvalidArgument),
        ({"timeout": "soon"}, gofer.InvalidArgument),
        ({"retry": -1}, gofer.InvalidArgument),
        ({"retry": 2.5}, TypeError),
        ({"retention": -1}, gofer.InvalidArgument),
        ({"colour": "red"}, TypeError),
        ({"id": "x"}, TypeError),
    ],
)
def test_wrong_options_are_told_at_once(
    app: gofer.Gofer, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        app.task(**options)(lambda: None)  # type: ignore[arg-type]
    assert app.tasks == {}


def test_a_task_must_be_given_by_keyword(app: gofer.Gofer) -> None:
    with pytest.raises(TypeError, match="keywords only"):
        app.task("email:welcome")  # type: ignore[call-overload]


def test_the_name_in_a_program(tmp_path: Path) -> None:
    program = tmp_path / "shop.py"
    program.write_text(
        "import gofer\n@gofer.Gofer('memory:').task\ndef send(): pass\nprint(send.name)\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert done.stdout == "shop:send\n"
