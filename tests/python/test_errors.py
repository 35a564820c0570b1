"""Every status has its exception, and the failures that can be made here raise it."""

import gc
import os
import pickle
import sqlite3
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import gofer
import pytest
from gofer import errors
from gofer._gofer import ffi, lib

STATUSES = {
    name: getattr(lib, name)
    for name in dir(lib)
    if name.startswith("GOFER_E") and name.isupper() and getattr(lib, name) < 0
}


def test_every_status_of_the_header_has_an_exception() -> None:
    assert len(STATUSES) >= 19
    kinds = {type(errors.error_of(status)) for status in STATUSES.values()}
    assert gofer.GoferError not in kinds and len(kinds) == len(STATUSES)
    for name, status in STATUSES.items():
        error = errors.error_of(status)
        assert (error.status, "GOFER_" + error.name) == (status, name)
        assert str(error) and isinstance(error, gofer.GoferError)


def test_a_status_of_a_newer_library() -> None:
    error = errors.error_of(-1000, "something new")
    assert type(error) is gofer.GoferError and (error.status, str(error)) == (
        -1000,
        "something new",
    )


@pytest.mark.parametrize(
    "kind, base",
    [
        (gofer.InvalidArgument, ValueError), (gofer.NotFound, LookupError),
        (gofer.Timeout, TimeoutError),
        (gofer.BrokerError, ConnectionError), (gofer.Denied, PermissionError),
        (gofer.NoMemory, MemoryError),
        (gofer.NoSpace, OSError), (gofer.TooBig, ValueError), (gofer.WrongState, RuntimeError),
    ],
)  # fmt: skip
def test_exceptions_are_pythons_too(kind: type[gofer.GoferError], base: type[Exception]) -> None:
    error = kind("what failed")
    assert isinstance(error, base) and str(error) == "what failed"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind and str(copy) == "what failed" and copy.status == kind.status


@pytest.mark.parametrize(
    "url, kind",
    [
        ("no url at all", gofer.InvalidArgument), ("carrier-pigeon:coop", gofer.Unsupported),
        ("sqlite:a\0b", gofer.InvalidArgument), ("sqlite:\ud800", gofer.InvalidArgument),
    ],
)  # fmt: skip
def test_urls(url: str, kind: type[gofer.GoferError]) -> None:
    with pytest.raises(kind):
        gofer.Gofer(url).ping()


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    path.write_text("Dear diary, " * 500)
    with pytest.raises(gofer.Corrupt, match="tasks.db"):
        gofer.Gofer(f"sqlite:{path}").ping()


def test_somebody_elses_database(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    with sqlite3.connect(path) as other:
        other.execute("create table recipes (name text)")
    other.close()
    with pytest.raises(gofer.Corrupt):
        gofer.Gofer(f"sqlite:{path}").ping()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(gofer.GoferError, match="nowhere"):
        gofer.Gofer(f"sqlite:{tmp_path}/nowhere/tasks.db").ping()


def test_a_folder_that_may_not_be_written(tmp_path: Path, as_nobody_special: list[str]) -> None:
    tmp_path.chmod(0o500)
    ping = "import gofer, sys; gofer.Gofer(sys.argv[1]).ping()"
    command = [*as_nobody_special, sys.executable, "-c", ping, f"sqlite:{tmp_path}/tasks.db"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Denied: " in done.stderr, done


def test_a_busy_store_times_out(url: str) -> None:
    with gofer.Gofer(url, timeout="200ms") as app:
        app.enqueue("t")
        # A process of its own: two copies of SQLite must not share a file in one.
        hold = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "c.execute('begin immediate'); print('held', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", hold, url[len("sqlite:") :]]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
            with pytest.raises((gofer.Timeout, gofer.BrokerError)):
                app.enqueue("t")
            holder.communicate()
        app.enqueue("t")
        assert app.inspect.queue("default").pending == 2


@pytest.mark.parametrize("bad", ["", "x" * 256, "a\nb", "a\0b", "\ud800"])
def test_names(app: gofer.Gofer, bad: str) -> None:
    with pytest.raises(gofer.InvalidArgument):
        app.enqueue(bad)
    with pytest.raises(gofer.InvalidArgument):
        app.enqueue("t", queue=bad)
    with pytest.raises(gofer.InvalidArgument):
        app.enqueue("t", id=bad)
    with pytest.raises(gofer.InvalidArgument):
        app.inspect.task(bad)
    assert app.inspect.queues() == []


def test_names_of_another_type(app: gofer.Gofer) -> None:
    for bad in (7, b"bytes"):
        with pytest.raises(TypeError):
            app.enqueue("t", queue=bad)  # type: ignore[arg-type]


def test_headers(app: gofer.Gofer) -> None:
    for headers in ({"": "x"}, {"k" * 256: "x"}, {"a\0": "x"}, {"k": "a\0b"}):
        with pytest.raises(gofer.InvalidArgument):
            app.enqueue("t", headers=headers)
    with pytest.raises(gofer.TooBig):
        app.enqueue("t", headers={"k": "v" * 70000})


def test_numbers_out_of_range(app: gofer.Gofer) -> None:
    for retry in (2**31, 10**30, 1_000_001):
        with pytest.raises(gofer.InvalidArgument):
            app.enqueue("t", retry=retry)
    with pytest.raises(gofer.InvalidArgument):
        gofer.Client("memory:", timeout_ms=2**63)


def test_too_big(url: str) -> None:
    with gofer.Gofer(url, max_payload=10) as app:
        app.enqueue("t", b"0123456789")
        with pytest.raises(gofer.TooBig, match="11 bytes"):
            app.enqueue("t", b"0123456789A")


def test_not_found(app: gofer.Gofer) -> None:
    for call in (
        lambda: app.inspect.task("nothing"), lambda: app.inspect.queue("nothing"),
        lambda: app.inspect.run("nothing"), lambda: app.inspect.delete("nothing", "default"),
        lambda: app.inspect.page("nothing"), lambda: app.inspect.delete_queue("nothing"),
    ):  # fmt: skip
        with pytest.raises(gofer.NotFound, match="nothing|default"):
            call()


def test_wrong_state(app: gofer.Gofer) -> None:
    task_id = app.enqueue("t").id
    with pytest.raises(gofer.WrongState):
        app.inspect.run(task_id)
    with pytest.raises(gofer.WrongState):
        app.inspect.delete_queue("default")


def test_a_closed_client(url: str) -> None:
    client = gofer.Client(url)
    client.close()
    client.close()
    assert client.closed
    with pytest.raises(gofer.WrongState, match="closed"):
        client.ping()


def test_an_app_opens_again_after_close(app: gofer.Gofer) -> None:
    app.enqueue("t")
    app.close()
    app.close()
    assert app.inspect.queue("default").pending == 1


def test_failures_leave_nothing_behind(tmp_path: Path) -> None:
    def opened() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    (tmp_path / "bad.db").write_text("Dear diary, " * 500)
    before = opened()
    for n in range(30):
        app = gofer.Gofer(f"sqlite:{tmp_path}/{n % 3}.db")
        app.enqueue("t")
        client = gofer.Client(f"sqlite:{tmp_path}/{n % 3}.db")
        client.ping()
        with pytest.raises(gofer.Corrupt):
            gofer.Client(f"sqlite:{tmp_path}/bad.db")
        del app, client  # forgotten, not closed
    assert opened() == before


def test_snapshots_outlive_what_they_came_from(url: str) -> None:
    with gofer.Client(url) as client:
        client.enqueue(gofer.Put("t", b"\0payload", headers={"a": "b"}))
        record = next(iter(client.queues()))
        headers = client.task(client.enqueue(gofer.Put("t", headers={"a": "b"}))).child("headers")
    gc.collect()
    assert record.text("queue") == "default" and record.number("pending") == 1
    assert headers is not None and headers.fields() == ["a"] and headers.text("a") == "b"
    assert (
        record.json().startswith("{")
        and record.text("nothing") == ""
        and record.data("nothing") == b""
    )
    assert ffi.typeof("gofer_client *")


@pytest.mark.parametrize(
    "options, kind, words",
    [
        ({"on_dead": ("a", "b", "c")}, gofer.InvalidArgument,
         "on_dead is ('a', 'b', 'c'): it must be"),
        ({"on_dead": ()}, gofer.InvalidArgument, "on_dead is ()"),
        ({"at": datetime.max.replace(tzinfo=timezone.utc)}, gofer.InvalidArgument,
         "at is 9999-12-31"),
        ({"expires_at": datetime.max.replace(tzinfo=timezone.utc)}, gofer.InvalidArgument,
         "expires_at is 9999-12-31"),
        ({"delay": 1e306}, gofer.InvalidArgument,
         "delay is 1e+306: it must be from 0 to 100 years"),
        ({"unique": 10**400}, gofer.InvalidArgument, "unique is 1000"),
        ({"retry": 2**31}, gofer.InvalidArgument, "retry is 2147483648: it must be from 0"),
    ],
)  # fmt: skip
def test_errors_name_the_option_as_python_has_it(
    app: gofer.Gofer, options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as caught:
        app.enqueue("t", **options)
    assert str(caught.value).startswith(words)
    assert list(app.inspect.queues()) == []


def test_numbers_of_another_type_are_named(app: gofer.Gofer) -> None:
    with pytest.raises(TypeError, match="missed_max must be a whole number, not str"):
        app.schedule("n", "@daily", "t", missed_max="1")  # type: ignore[arg-type]
