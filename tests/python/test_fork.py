"""Applications live on after fork; clients of the parent are refused and harm nothing."""

import gc
import multiprocessing
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import gofer
import gofer.client
import gofer.connection
import gofer.holds
import pytest

Fork = Callable[[Callable[[], Any]], Any]


def is_sound(url: str) -> bool:
    """SQLite's own check, in a process of its own."""
    check = (
        "import sqlite3, sys; database = sqlite3.connect(sys.argv[1]);"
        "print(database.execute('pragma integrity_check').fetchone()[0])"
    )
    command = [sys.executable, "-c", check, url[len("sqlite:") :]]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ok\n"


def test_an_app_works_in_parent_and_child(app: gofer.Gofer, fork: Fork, url: str) -> None:
    app.enqueue("t", {"from": "before"})
    child = fork(lambda: [app.enqueue("t", {"from": "child"}).id for _ in range(50)])
    mine = [app.enqueue("t", {"from": "parent"}).id for _ in range(50)]
    ids = {info.id for info in app.inspect.tasks()}
    theirs = child.value()
    ids = {info.id for info in app.inspect.tasks()}
    assert len(ids) == 101 and ids >= set(mine) | set(theirs)
    app.close()
    assert is_sound(url)


def test_a_client_of_the_parent_is_refused(url: str, fork: Fork) -> None:
    client = gofer.Client(url)
    task_id = client.enqueue(gofer.Put("t"))

    def child() -> str:
        with pytest.raises(gofer.Forked) as caught:
            client.enqueue(gofer.Put("t"))
        client.close()
        client.close()
        return str(caught.value)

    assert str(os.getpid()) in fork(child).value()
    assert client.task(task_id).text("id") == task_id  # the child's close did nothing to us
    client.enqueue(gofer.Put("t"))
    client.close()


def test_a_client_forgotten_in_the_child(url: str, fork: Fork) -> None:
    clients = [gofer.Client(url)]
    clients[0].ping()
    fork(clients.clear).value()  # its destructor runs there
    clients[0].enqueue(gofer.Put("t"))


def test_a_prefork_server(app: gofer.Gofer, fork: Fork, url: str) -> None:
    @app.task
    def task(worker: int, n: int) -> None: ...

    app.ping()  # opened by the master, as at import time
    children = [
        fork(lambda worker=worker: [task.enqueue(worker, n).id for n in range(100)])
        for worker in range(4)
    ]
    ids = {task_id for child in children for task_id in child.value()}
    assert len(ids) == 400 and app.inspect.queue("default").pending == 400
    app.close()
    assert is_sound(url)


def test_equal_tasks_of_children_are_different_tasks(app: gofer.Gofer, fork: Fork) -> None:
    """Had two children the same random numbers, an id would come twice, and the second of two equal
    tasks would be taken for a repeat of the first."""
    app.enqueue("t")  # the parent's generator is in use
    children = [fork(lambda: [app.enqueue("t", b"same").id for _ in range(300)]) for _ in range(4)]
    ids = {task_id for child in children for task_id in child.value()}
    assert len(ids) == 1200 and app.inspect.queue("default").pending == 1201


def test_forks_while_threads_enqueue(app: gofer.Gofer, fork: Fork, url: str) -> None:
    stop = threading.Event()
    counts = [0] * 3
    errors: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            while not stop.is_set():
                app.enqueue("t", {"thread": thread})
                counts[thread] += 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    children = 0
    for _ in range(20):
        children += len(fork(lambda: [app.enqueue("t").id for _ in range(5)]).value())
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == [] and children == 100
    assert app.inspect.queue("default").pending == sum(counts) + children
    app.close()
    assert is_sound(url)


def test_a_grandchild(app: gofer.Gofer, fork: Fork) -> None:
    app.enqueue("t")

    def child() -> Any:
        app.enqueue("t")
        return fork(lambda: app.enqueue("t").id).value()

    assert app.inspect.task(fork(child).value()).state == "pending"
    assert app.inspect.queue("default").pending == 3


def test_memory_stays_with_the_parent(fork: Fork) -> None:
    with gofer.Gofer("memory:") as app:
        app.enqueue("t")
        assert fork(lambda: [queue.queue for queue in app.inspect.queues()]).value() == []
        assert app.inspect.queue("default").pending == 1


def _in_pool(arguments: "tuple[str, int]") -> str:
    with gofer.Gofer(arguments[0]) as app:
        return app.enqueue("t", {"n": arguments[1]}).id


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(app: gofer.Gofer, url: str, method: str) -> None:
    app.enqueue("t")
    with multiprocessing.get_context(method).Pool(3) as pool:
        ids = pool.map(_in_pool, [(url, n) for n in range(30)])
    assert len(set(ids)) == 30 and app.inspect.queue("default").pending == 31


def test_python_reads_what_was_written(url: str, app: gofer.Gofer) -> None:
    """The file is an ordinary database once it is closed."""
    app.enqueue("t")
    app.close()
    database = sqlite3.connect(url[len("sqlite:") :])
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_fork_does_not_wait_for_waits(
    app: gofer.Gofer, fork: Fork, monkeypatch: pytest.MonkeyPatch, awaited: Callable[[int], None]
) -> None:
    """Turns and patience of ten minutes: whoever waits for one to end fails by the suite's own
    time."""
    monkeypatch.setattr("gofer.events.LISTEN_TURN_MS", 600_000)
    monkeypatch.setattr("gofer.connection.FORK_PATIENCE_S", 600.0)
    handle = app.enqueue("t")
    ends: list[str] = []
    events = app.events()
    with events:
        heard = threading.Thread(target=lambda: ends.append(next(events).event))
        waits = threading.Thread(target=lambda: ends.append(handle.wait().outcome))
        waits.start()
        heard.start()
        awaited(1)
        for n in range(3):
            assert fork(lambda: app.enqueue("of-the-child", id=f"c{n}").id).value()
        app.inspect.cancel(handle.id)
        waits.join(60)
        while heard.is_alive():
            app.enqueue("of-the-parent")
            heard.join(0.1)
    assert "cancelled" in ends and len(ends) == 2


def _quickest_fork_s(before: Callable[[], None]) -> float:
    took_s = []
    for _ in range(8):
        before()
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        took_s.append(time.monotonic() - began)
        assert os.waitpid(pid, 0)[1] == 0
    return min(took_s)


def test_a_fork_is_quick_while_a_thread_waits(
    app: gofer.Gofer, awaited: Callable[[int], None]
) -> None:
    handle = app.enqueue("t")
    ends: list[str] = []
    waits = [threading.Thread(target=lambda: ends.append(handle.wait().outcome)) for _ in range(8)]
    alone_s = _quickest_fork_s(lambda: None)  # on a busy machine that takes its time, too
    for wait in waits:
        wait.start()
    took_s = _quickest_fork_s(lambda: awaited(len(waits)))  # each time they wait again
    app.inspect.cancel(handle.id)
    for wait in waits:
        wait.join(60)
    assert ends == ["cancelled"] * len(waits)
    assert took_s < alone_s + 0.05


def test_the_end_of_a_parents_waits_is_silent_in_a_child(
    fork: Fork, url: str, tmp_path: pathlib.Path
) -> None:
    """Their descriptors are closed there, and may be those of other files by then."""
    apps = [gofer.Gofer(url)]
    with pytest.raises(gofer.Timeout):
        apps[0].enqueue("t").wait(0.1)

    def child() -> list[int]:
        files = [open(tmp_path / f"file{number}", "wb+") for number in range(20)]
        apps.clear()
        gc.collect()
        return [os.fstat(file.fileno()).st_size for file in files]

    assert set(fork(child).value()) == {0}


def test_a_child_waits_by_itself(app: gofer.Gofer, fork: Fork) -> None:
    first, second = app.enqueue("t"), app.enqueue("t")
    ends: list[str] = []
    wait = threading.Thread(target=lambda: ends.append(first.wait().outcome))
    wait.start()

    def child() -> str:
        inner: list[str] = []
        other = threading.Thread(target=lambda: inner.append(second.wait(60).outcome))
        other.start()
        with pytest.raises(gofer.Timeout):
            first.wait(timeout="50ms")
        app.inspect.cancel(second.id)
        other.join(60)
        return inner[0]

    assert fork(child).value() == "cancelled"
    app.inspect.cancel(first.id)
    wait.join(60)
    assert ends == ["cancelled"]


SIGNALS = """
import os, random, signal, sys, threading, time
import gofer

class Struck(Exception): ...

app = gofer.Gofer(sys.argv[1])
app.ping()
struck = raised = 0

def handler(number, frame):
    global struck
    struck += 1
    app.ping()                      # it may have interrupted a call, or the lock of one
    if struck % 3 == 0:
        raise Struck()

signal.signal(signal.SIGALRM, handler)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end or not raised:
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-4))
        for _ in range(5):
            app.ping()
            app.url
        signal.setitimer(signal.ITIMER_REAL, 0)     # here: what is on its way strikes inside
    except Struck:
        raised += 1
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)

other = threading.Thread(target=app.ping)
other.start()
other.join(30)
assert not other.is_alive(), "a lock is held by nobody"
gofer.connection.FORK_PATIENCE_S = 600.0
child = os.fork()                   # a call that is counted for ever would be waited for
if child == 0:
    app.ping()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
app.ping()
app.close()
print("sound", struck > 0, raised > 0)
"""


def test_signal_handlers_may_use_the_app_and_raise(url: str) -> None:
    command = [sys.executable, "-c", SIGNALS, url, "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout == "sound True True\n", done


class Struck(Exception): ...


def strike(step: int, function: Callable[[], object]) -> bool:
    """Call it, and raise Struck at this step of the interpreter in the files that hold and count.
    Whether it came so far."""
    modules = gofer.holds, gofer.connection, gofer.client, gofer.client.opened
    files = {module.__file__ for module in modules}
    left = step

    def trace(frame: Any, event: str, arg: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise Struck
        return trace

    sys.settrace(trace)
    try:
        function()
    except Struck:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.parametrize("first", ["open", "opened"])
def test_an_exception_may_come_at_any_step(app: gofer.Gofer, first: str) -> None:
    """As a signal handler raises it. What was cut holds nothing up: no lock, no count of calls."""
    step = 1
    while strike(step, app.ping):
        other = threading.Thread(target=app.ping)
        other.start()
        other.join(60)
        assert not other.is_alive(), f"step {step}: a lock is held by nobody"
        assert not app._connection._holds.any(), f"step {step}: a call is counted for ever"
        if first == "open":
            app.close()
        step += 1
    assert step > 50


GARBAGE = """
import gc, sys
import gofer

class Holder: ...

for n in range(200):
    holder = Holder()
    holder.table = {"me": holder}
    holder.app = gofer.Gofer(sys.argv[1])
    holder.events = holder.app.events(timeout="1ms")
    holder.raw = gofer.Client(sys.argv[1])
    holder.listeners = [holder.raw.listen() for _ in range(3)]
    list(holder.events)
    del holder
    gc.collect()
print("sound")
"""


def test_the_garbage_collector_may_free_in_any_order(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GARBAGE, url], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout == "sound\n", done
