"""gofer wait and watch: a task that has ended before anybody asked, on both stores."""
import uuid

import pytest

from conftest import wait_for


def gone(gofer, id):
    wait_for(lambda: gofer("task", "show", id, code=None).code == 3, "the task to end")


def test_a_task_that_ended_before_the_wait(store):
    store.worker("--exec", "t=true", "--exec", "f=false")
    id = store.enqueue("t", "x")
    gone(store, id)
    for words in ((), ("--timeout", "0"), ("--timeout", "5s"), ("--queue", "default")):
        result = store("wait", id, *words)
        assert result.raw == b"" and "has ended" in result.err
    assert store.json("wait", id)["outcome"] == "gone"
    assert store("watch", id).code == 0
    failed = store.enqueue("f", "x", "--retry", "0")
    wait_for(lambda: "archived" in store("task", "show", failed).out, "it to be archived")
    store("wait", failed, code=1)


def test_our_own_example(store):
    store.worker("--exec", "t=echo done")
    for _ in range(10):
        store("wait", store.enqueue("t", "x"), "--timeout", "60s")


def test_of_what_never_was_nothing_is_said(store):
    store.enqueue("t", "x", "--queue", "here")
    stranger = str(uuid.uuid4())
    # An id of our kind whose time has not come, and names: nobody knows.
    future = "ffffffff-ffff-7000-8000-000000000000"
    for id in ("my-own", stranger, future):
        assert "no task" in store("wait", id, "--timeout", "1s", code=3).err
    other = store.enqueue("t", "x", "--queue", "elsewhere")
    store("wait", other, "--queue", "here", "--timeout", "1s", code=3)
    store("wait", other, "--queue", "nowhere", "--timeout", "1s", code=3)


def test_an_empty_store_has_seen_no_task(gofer):
    gofer("wait", "01900000-0000-7000-8000-000000000000", "--timeout", "1s", code=3)


@pytest.mark.parametrize("command, code", [("sleep 2; echo ready", 0), ("sleep 2; exit 3", 1)])
def test_watch_tells_the_end(store, command, code):
    store.worker("--shell", f"t={command}", "--concurrency", "8")
    for _ in range(2):
        id = store.enqueue("t", "x", "--retry", "0")
        result = store("watch", id, code=code)
        assert "no task" not in result.err
        if code == 0:
            assert "ready" in result.out, result    # told by an event, or by the wait alone
