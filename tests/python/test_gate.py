"""Putting tasks in by one call of C: what comes back, who is let in, and who closes."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import gofer
import pytest
from gofer.put import Mold

LONG = "an-id-that-is-longer-than-any-uuid-" * 3


def test_ids_of_any_length_come_back(app: gofer.Gofer) -> None:
    app.ping()  # opened: from here on it is the short way
    assert len(app.enqueue("t").id) == 36
    for length in (1, 43, 44, 45, len(LONG)):
        wanted = LONG[:length]
        assert app.enqueue("t", id=wanted).id == wanted
        (result,) = app.enqueue_many([app.item("u", id=f"{wanted}!")])
        assert str(result.handle) == f"{wanted}!"
    assert app.enqueue("t", id="größe").id == "größe"


def test_many_of_mixed_kinds_and_sizes(app: gofer.Gofer) -> None:
    @app.task(name="sized", queue="big")
    def sized(text: str) -> None: ...

    app.ping()
    items: list[gofer.Item] = []
    for n in range(50):
        items += [sized.item("x" * n * 37), app.item("raw", bytes(n), id=f"raw-{n}")]
    results = app.enqueue_many(items)
    assert all(result.ok for result in results)
    for item, result in zip(items, results):
        assert result.handle is not None
        info = result.handle.info()
        assert (info.type, info.queue, info.payload) == (item.type, item.queue, item.payload)
    assert app.enqueue_many([]) == []


def test_the_first_of_many_that_fails_is_told_with_its_cause(app: gofer.Gofer) -> None:
    app.ping()
    results = app.enqueue_many(
        [app.item("t", b"1", id="a"), app.item("t", b"2", id="a"), app.item("t", b"3", id="a")]
    )
    assert [result.ok for result in results] == [True, False, False]
    for result in results[1:]:
        handle, error = result
        assert handle is None and isinstance(error, gofer.TaskExists) and str(error)


def test_a_wrong_type_is_refused_before_any_is_in(app: gofer.Gofer) -> None:
    app.ping()
    for wrong, kind in ((5, TypeError), ("a\0b", gofer.InvalidArgument)):
        with pytest.raises(kind):
            app.enqueue(wrong)  # type: ignore[arg-type]
        with pytest.raises(kind):
            app.enqueue_many([app.item("t"), app.item(wrong)])  # type: ignore[arg-type]
    assert app.inspect.queues() == []


def test_a_payload_may_be_any_bytes(url: str) -> None:
    with gofer.Client(url) as client:
        for payload in (b"abc", bytearray(b"abc"), memoryview(b"abc")):
            task_id = client.enqueue(gofer.Put("t", payload))  # type: ignore[arg-type]
            assert client.task(task_id).data("payload") == b"abc"
        for wrong in (5, "text", None):
            with pytest.raises(TypeError):
                client.enqueue(gofer.Put("t", wrong))  # type: ignore[arg-type]


def test_a_pause_keeps_out_who_can_come_another_way(url: str) -> None:
    mold = Mold("t", {})
    with gofer.Client(url) as client:
        assert client.try_put(mold, b"1")
        assert client.pause(True) is False
        assert client.try_put(mold, b"2") is None and client.try_put_many([mold], [b"2"]) is None
        assert client.put(mold, b"3") and len(client.put_many([mold], [b"4"])) == 1
        client.pause(False)
        assert client.try_put(mold, b"5")
        assert client.queue("default").number("pending") == 4
    assert client.try_put(mold, b"6") is None and client.try_put_many([mold], [b"6"]) is None
    with pytest.raises(gofer.WrongState):
        client.put(mold, b"7")


def test_in_a_forked_child_it_is_refused(url: str, fork: Callable[..., Any]) -> None:
    mold = Mold("t", {})
    client = gofer.Client(url)

    def child() -> Any:
        refused = client.try_put(mold, b""), client.try_put_many([mold], [b""])
        client.close()
        return refused, client.try_put(mold, b"")

    assert fork(child).value() == ((None, None), None)
    assert client.try_put(mold, b"")
    client.close()


def test_the_last_that_is_inside_closes(url: str) -> None:
    """Threads put in while the client is closed under them: each call is done whole, or refused."""
    mold = Mold("t", {})
    for _ in range(20):
        client = gofer.Client(url)
        ids: list[str] = []
        begun = threading.Barrier(4)

        def work() -> None:
            begun.wait()
            while True:
                task_id = client.try_put(mold, b"")
                if task_id is None:
                    return
                ids.append(task_id)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        begun.wait()
        while not ids:
            time.sleep(0.001)
        client.close()
        for thread in threads:
            thread.join()
        with gofer.Client(url) as after:
            assert after.queue("default").number("pending") == len(set(ids)) == len(ids)
            after.queue_delete("default", force=True)


def test_molds_are_made_once_and_used_by_all_threads(app: gofer.Gofer) -> None:
    @app.task(name="many", queue="q", headers={"a": "b"})
    def many(n: int) -> None: ...

    app.ping()
    begun = threading.Barrier(4)

    def work(first: int) -> None:
        begun.wait()
        for n in range(50):
            many.enqueue(first + n)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    infos = list(app.inspect.tasks("q"))
    assert len(infos) == 200 and {info.type for info in infos} == {"many"}
    assert app.inspect.task(infos[0].id).headers == {"a": "b"}


def test_a_deadline_that_is_a_duration_counts_from_each_enqueueing(app: gofer.Gofer) -> None:
    @app.task(deadline="1h")
    def soon() -> None: ...

    first = soon.enqueue().info().deadline
    time.sleep(0.005)
    second = soon.enqueue().info().deadline
    assert first is not None and second is not None and first < second


def test_handles_and_items_compare_by_what_they_are(app: gofer.Gofer) -> None:
    first, second = app.enqueue("t", id="x"), app.enqueue("t", id="x")
    assert first == second and hash(first) == hash(second) and first != app.enqueue("t")
    assert first != "x" and str(first) == "x"
    assert repr(first) == "Handle(id='x', type='t', queue='default')"
    assert app.item("t", b"x") == app.item("t", b"x") != app.item("t", b"y")
    assert app.item("t", queue="q") != app.item("t") and app.item("t") != "t"
    other = app.item("t", headers={"a": "1"}).with_headers({"b": "2"})
    assert other.headers == {"a": "1", "b": "2"} and other.put.headers == other.headers


def test_what_is_put_in_while_another_task_is_on_its_way(app: gofer.Gofer) -> None:
    """By what converts an argument, and by hooks; a failure in between, and sizes far apart."""

    @app.task(name="send")
    def send(text: object) -> None: ...

    class Sends(Decimal):
        def __str__(self) -> str:
            inner.append(send.enqueue("inner"))
            return "outer"

    def hook(item: gofer.Item) -> None:
        if item.type == "send" and item.payload != b'{"text":"hook"}':
            inner.append(send.enqueue("hook"))

    def payload_of(handle: gofer.Handle[None]) -> bytes:
        return handle.info().payload

    inner: list[gofer.Handle[None]] = []
    for _ in range(3):
        assert payload_of(send.enqueue(Sends(1))) == b'{"text":"outer"}'
        assert payload_of(send.enqueue("x" * 100_000)) == b'{"text":"%s"}' % (b"x" * 100_000)
        with pytest.raises(gofer.InvalidArgument):
            send.enqueue(float("nan"))
        assert payload_of(send.enqueue("")) == b'{"text":""}'
    assert {payload_of(each) for each in inner} == {b'{"text":"inner"}'}
    inner.clear()
    app.on_enqueue(hook)
    assert payload_of(send.enqueue("mine")) == b'{"text":"mine"}'
    assert [payload_of(each) for each in inner] == [b'{"text":"hook"}']


def test_each_of_many_threads_gets_the_handle_of_its_own_task(app: gofer.Gofer) -> None:
    @app.task(name="send")
    def send(text: str) -> None: ...

    def run(thread: int) -> list[gofer.Handle[None]]:
        return [send.enqueue(f"{thread} {'x' * n * n}") for n in range(25)]

    with ThreadPoolExecutor(4) as pool:
        for thread, handles in enumerate(pool.map(run, range(4))):
            for n, handle in enumerate(handles):
                wanted = f'{{"text":"{thread} {"x" * n * n}"}}'
                assert handle.info().payload.decode() == wanted


def test_handles_are_whole_however_they_are_made(app: gofer.Gofer) -> None:
    @app.task(name="send")
    def send() -> None: ...

    for handle in (app.enqueue("t"), send.enqueue(), send.item().enqueue(),
                   app.enqueue_many([send.item()])[0].handle):  # fmt: skip
        assert handle is not None
        again = gofer.Handle(handle.id, handle.type, handle.queue, app)
        assert handle == again and type(handle) is gofer.Handle and hash(handle) == hash(again)
        other = copy.copy(handle)
        assert handle.id == other.id == str(handle) and len(handle.id) == 36
        assert (other.type, other.queue) == (handle.type, handle.queue)
        assert other.info().id == handle.id


SIGNALS = """
import os, random, signal, sys, threading, time
import gofer

class Struck(Exception): ...

app = gofer.Gofer(sys.argv[1])
app.ping()
items = [app.item("t", b"x") for _ in range(3)]
struck = raised = 0

def handler(number, frame):
    global struck
    struck += 1
    app.enqueue("handler")
    if struck % 3 == 0:
        raise Struck()

signal.signal(signal.SIGALRM, handler)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end or not raised:
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-4))
        for _ in range(5):
            app.enqueue("t", b"y")
            app.enqueue_many(items)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Struck:
        raised += 1
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
gofer.connection.FORK_PATIENCE_S = 600.0
child = os.fork()                   # a call that is counted for ever would be waited for
if child == 0:
    app.enqueue("child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
app.enqueue("t")
app.close()
print("sound", struck > 0, raised > 0)
"""


def test_a_signal_handler_that_raises_leaves_nobody_inside(url: str) -> None:
    command = [sys.executable, "-c", SIGNALS, url, "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout == "sound True True\n", done


def test_memory_goes_on_after_a_fork(fork: Callable[..., Any]) -> None:
    """Its client cannot be closed for the fork: it is paused, and let in again."""
    with gofer.Gofer("memory:") as app:
        app.enqueue("t")
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                app.enqueue("t")

        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(10):
            assert fork(os.getpid).value() != os.getpid()
        stop.set()
        thread.join()
        before = app.inspect.queue("default").pending
        app.enqueue("t")
        client = app._connection.ready
        assert client is not None and client.try_put(Mold("t", {}), b"") is not None
        assert app.inspect.queue("default").pending == before + 2
