"""Groups in Python: what an aggregator is given and may return, in children and in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Optional

import gofer
import pytest
from child_peer import Peer
from gofer.child import frames
from gofer.running.delivery import Control, Delivery, Ending, Part
from gofer.running.grouping import ending_of
from gofer.running.runner import Runner
from gofer.testing import find_enqueued, run_pending

Parts = list[gofer.GroupedTask]


@pytest.fixture
def shop() -> Iterator[gofer.Gofer]:
    """An application on a store in memory; what its tasks have sent is in `sent`."""
    with gofer.Gofer("memory:") as opened:
        yield opened


class Shop:
    """Tasks that go into groups, and one that they become."""

    def __init__(self, app: gofer.Gofer) -> None:
        self.sent: list[tuple[str, list[str]]] = []

        @app.task(name="part")
        def part(text: str, copies: int = 1) -> None:
            raise AssertionError("a part does not run by itself")

        @app.task(name="send", retention="1h")
        def send(to: str, texts: list[str]) -> int:
            self.sent.append((to, texts))
            return len(texts)

        self.part, self.send = part, send

    def put(self, group: str, *texts: str) -> None:
        for text in texts:
            self.part.options(group=group).enqueue(text)


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


# ---- Declaring


def test_a_pattern_is_a_name_or_a_prefix(shop: gofer.Gofer) -> None:
    for pattern in ("", "a*b", "*a", "a\nb", "a\0"):
        with pytest.raises(gofer.InvalidArgument, match="no pattern of groups"):
            shop.aggregator(pattern)
    with pytest.raises(TypeError, match="@app.aggregator\\('digest"):
        shop.aggregator(lambda parts: None)  # type: ignore[call-overload]


def test_a_pattern_has_one_aggregator(shop: gofer.Gofer) -> None:
    @shop.aggregator("a*", type="made")
    def first(parts: Parts) -> None: ...

    with pytest.raises(gofer.InvalidArgument, match="already: .*first.*now .*second"):

        @shop.aggregator("a*", type="made")
        def second(parts: Parts) -> None: ...


@pytest.mark.parametrize(
    "options, words",
    [
        ({"queue": "mail"}, "goes into the group's queue"),
        ({"unique": "1h"}, "no unique of its own"),
        ({"group": "g"}, "no group of its own"),
        ({"timeout": 0}, "timeout is 0"),
    ],
)
def test_options_that_the_task_cannot_have_are_told_at_once(
    shop: gofer.Gofer, options: Any, words: str
) -> None:
    with pytest.raises(gofer.InvalidArgument, match=words):
        shop.aggregator("a", type="made", **options)


def test_options_need_a_type(shop: gofer.Gofer) -> None:
    with pytest.raises(TypeError, match="with a type="):
        shop.aggregator("a", retry=3)  # type: ignore[call-overload]


# ---- What it is given, and returns


def combined(
    app: gofer.Gofer, *parts: Part, group: str = "g", queue: str = "default"
) -> gofer.Put | Ending:
    delivery = Delivery(1, group, "", queue, parts=parts)
    runner = Runner(app)
    by = runner.aggregating(group)
    if by is not None and by.is_async:
        return asyncio.run(runner.acombine(delivery, Control(1, Nowhere())))
    return runner.combine(delivery, Control(1, Nowhere()))


class Nowhere:
    stopping = False

    def progress(self, ref: int, done: int, total: int, text: str) -> None: ...

    def log(self, ref: int, level: int, text: str) -> None: ...

    def checkpoint(self, ref: int, data: Optional[bytes]) -> None: ...


def text_of(made: gofer.Put | Ending) -> str:
    assert isinstance(made, Ending) and made.kind in ("retry", "archive")
    return made.text


def test_what_it_is_given(shop: gofer.Gofer) -> None:
    tasks = Shop(shop)
    seen: list[gofer.GroupedTask] = []

    @shop.aggregator("g")
    def take(parts: Parts) -> gofer.Item:
        seen.extend(parts)
        return tasks.send.item("ann", [part.arguments["text"] for part in parts])

    made = combined(
        shop,
        Part("1", "part", {"k": "v"}, b'{"text": "a"}'),
        Part("2", "part", {}, b'{"text": "b", "copies": 2}'),
        queue="mail",
    )
    assert isinstance(made, gofer.Put) and made.type == "send" and made.queue is None
    assert made.payload == b'{"to":"ann","texts":["a","b"]}' and made.retention_ms == 3600000
    assert [part.id for part in seen] == ["1", "2"]
    assert (seen[0].type, seen[0].queue, seen[0].group) == ("part", "mail", "g")
    assert seen[0].headers == {"k": "v"} and seen[0].payload == b'{"text": "a"}'
    assert seen[0].arguments == {"text": "a", "copies": 1}
    assert seen[1].arguments == {"text": "b", "copies": 2}


def test_arguments_are_converted_as_the_task_has_them(shop: gofer.Gofer) -> None:
    @shop.task(name="day")
    def day(when: date) -> None: ...

    @shop.aggregator("g", type="made")
    def take(parts: Parts) -> str:
        return ",".join(repr(part.arguments["when"].year) for part in parts)

    made = combined(shop, Part("1", "day", {}, b'{"when": "2026-11-29"}'))
    assert isinstance(made, gofer.Put) and made.payload == b'"2026"'
    text = text_of(combined(shop, Part("1", "day", {}, b'{"when": 7}')))
    assert text.startswith("PayloadMismatch: when")


def test_tasks_of_others_have_what_the_codec_reads(shop: gofer.Gofer) -> None:
    @shop.aggregator("*", type="made")
    def take(parts: Parts) -> Any:
        return [part.arguments for part in parts]

    made = combined(shop, Part("1", "c:part", {}, b"[1, 2]"), Part("2", "c:part", {}, b""))
    assert isinstance(made, gofer.Put) and made.payload == b"[[1,2],{}]"


def test_the_longest_pattern_that_fits(shop: gofer.Gofer) -> None:
    def answers(word: bytes) -> Callable[[Parts], bytes]:
        return lambda parts: word

    for pattern in ("*", "mail:*", "mail:eu", "mail:eu:*"):
        shop.aggregator(pattern, type="made")(answers(pattern.encode()))
    for group, pattern in (
        ("mail:eu", b"mail:eu"),
        ("mail:eu:1", b"mail:eu:*"),
        ("mail:us", b"mail:*"),
        ("other", b"*"),
    ):
        made = combined(shop, Part("1", "t", {}, b""), group=group)
        assert isinstance(made, gofer.Put) and made.payload == pattern


def test_what_it_cannot_return(shop: gofer.Gofer) -> None:
    tasks = Shop(shop)
    returned: list[Any] = [None]

    @shop.aggregator("g")
    async def take(parts: Parts) -> gofer.Item:
        item: gofer.Item = returned[0]
        return item

    part = Part("1", "part", {}, b"{}")
    assert "returned a NoneType: it must return what task.item" in text_of(combined(shop, part))
    returned[0] = tasks.send.options(queue="mail").item("a", [])
    assert "into the group's queue (default)" in text_of(combined(shop, part))
    assert isinstance(combined(shop, part, queue="mail"), gofer.Put)
    for options, words in (({"id": "x"}, "no id"), ({"unique": 5}, "no unique")):
        returned[0] = tasks.send.options(**options).item("a", [])  # type: ignore[arg-type]
        assert words in text_of(combined(shop, part))


def test_the_context_of_an_aggregator(shop: gofer.Gofer) -> None:
    seen: list[gofer.Context | None] = []

    @shop.aggregator("g", type="made")
    def take(parts: Parts) -> None:
        context = gofer.current()
        seen.append(context)
        assert context is not None and context.id == "g"
        context.log("to the worker's log")
        context.progress(1, 2)

    assert "WrongState: an aggregator has no progress" in text_of(
        combined(shop, Part("1", "t", {}, b""))
    )
    assert seen and gofer.current() is None


def test_what_a_child_says_of_the_task() -> None:
    put = gofer.Put(
        "send", b"body", max_retry=3, timeout_ms=-1, delay_ms=500, headers={"k": "v\nw"},
        retry="fixed:1m", on_dead="dead", priority=-3, limits=("a", "b"), limit_cost=2,
        tenant="acme",
    )  # fmt: skip
    kind, text, result, _ = ending_of(put)
    assert (kind, result) == ("done", b"body")
    words = text.split("\0")
    assert dict(zip(words[::2], words[1::2])) == {
        "type": "send", "max_retry": "3", "timeout_ms": "-1", "delay_ms": "500",
        "header:k": "v\nw", "retry": "fixed:1m", "on_dead": "dead", "priority": "-3",
        "limits": "a\nb", "limit_cost": "2", "tenant": "acme",
    }  # fmt: skip
    assert ending_of(gofer.Put("send", headers={"k": "a\0b"})).kind == "retry"


def test_a_group_that_is_cut_is_no_frame() -> None:
    whole = (
        b"\0\0\0\7\0\0\0\0\0\0\0\0\x64\0\0\0\2\3\1annq"
        b"\2\1\0\0\0\0\0\0\0\2g0tp0\2\1\0\0\0\4\0\0\0\0g1tk\0v\0"
    )
    came = frames.set_of(whole)
    assert came == (
        7, False, 100, "ann", "q", [Part("g0", "t", {}, b"p0"), Part("g1", "t", {"k": "v"}, b"")],
    )  # fmt: skip
    for size in range(len(whole)):
        with pytest.raises(frames.BadFrame):
            frames.set_of(whole[:size])


# ---- In this process


def test_groups_are_aggregated_by_run_pending(shop: gofer.Gofer) -> None:
    tasks = Shop(shop)

    @shop.aggregator("digest:*")
    def digest(parts: Parts) -> gofer.Item:
        return tasks.send.item(parts[0].group, [part.arguments["text"] for part in parts])

    @shop.aggregator("slow")
    async def slow(parts: Parts) -> gofer.Item:
        await asyncio.sleep(0.01)
        return tasks.send.item("slow", [str(len(parts))])

    tasks.put("digest:ann", "a", "b", "c")
    tasks.put("digest:bob", "d")
    tasks.put("slow", "e", "f")
    tasks.put("nobody's", "g")
    assert run_pending(shop) == 3
    assert sorted(tasks.sent) == [
        ("digest:ann", ["a", "b", "c"]), ("digest:bob", ["d"]), ("slow", ["2"]),
    ]  # fmt: skip
    assert [group.group for group in shop.inspect.groups()] == ["nobody's"]
    assert run_pending(shop) == 0


def test_what_groups_become_may_go_into_groups(shop: gofer.Gofer) -> None:
    tasks = Shop(shop)

    @shop.task(name="again")
    def again() -> None:
        tasks.put("second", "x", "y")

    @shop.aggregator("first")
    def first(parts: Parts) -> gofer.Item:
        return again.item()

    @shop.aggregator("second")
    def second(parts: Parts) -> gofer.Item:
        return tasks.send.item("second", [part.arguments["text"] for part in parts])

    tasks.put("first", "a")
    assert run_pending(shop) == 2
    assert tasks.sent == [("second", ["x", "y"])]


def test_a_group_whose_aggregator_fails_stays(
    shop: gofer.Gofer, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = Shop(shop)

    @shop.aggregator("bad")
    def bad(parts: Parts) -> gofer.Item:
        raise ValueError("no template")

    @shop.aggregator("good")
    def good(parts: Parts) -> gofer.Item:
        return tasks.send.item("good", [])

    tasks.put("bad", "a", "b")
    tasks.put("good", "a", "b")
    assert run_pending(shop) == 1
    assert [(group.group, group.size) for group in shop.inspect.groups()] == [("bad", 2)]
    assert "group 'bad' was not aggregated: ValueError: no template" in caplog.text


def test_the_worker_in_this_process_aggregates(app: gofer.Gofer) -> None:
    tasks = Shop(app)

    @app.aggregator("g")
    async def take(parts: Parts) -> gofer.Item:
        options = tasks.send.options(headers={"k": "v"}, retry=4)
        return options.item("ann", [part.arguments["text"] for part in parts])

    with app.worker(group_max_size=3):
        tasks.put("g", "a", "b", "c")
        end = time.monotonic() + 60
        while not tasks.sent:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert tasks.sent == [("ann", ["a", "b", "c"])]
    (made,) = app.inspect.tasks("default", "completed")
    assert made.id.startswith("group:") and made.max_retry == 4
    assert app.inspect.task(made.id).headers == {"k": "v"}


def test_a_task_that_the_library_refuses_puts_the_parts_back(
    shop: gofer.Gofer, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[int] = []

    @shop.aggregator("g", type="made", retry_policy="never:mind")
    def take(parts: Parts) -> bytes:
        called.append(len(parts))
        return b"x"

    Shop(shop).put("g", "a")
    assert run_pending(shop) == 0 and called == [1]
    assert "retry policy" in caplog.text
    with shop.worker(group_max_size=1):
        wait_for(lambda: len(called) == 2, "the aggregator")
        wait_for(shop.inspect.groups, "the group to be back")
    assert [group.size for group in shop.inspect.groups()] == [1]
    assert not list(shop.inspect.tasks("default", "pending"))


def test_what_waits_in_a_group_is_found(shop: gofer.Gofer) -> None:
    tasks = Shop(shop)
    tasks.put("g", "a", "b")
    found, _ = find_enqueued(shop, tasks.part, {"text": "b"})
    assert found is not None and found.group == "g"


def test_a_stop_leaves_a_long_aggregator_behind(app: gofer.Gofer) -> None:
    tasks = Shop(app)
    begun, go = threading.Event(), threading.Event()

    @app.aggregator("g")
    def take(parts: Parts) -> gofer.Item:
        begun.set()
        go.wait(60)
        return tasks.send.item("ann", [])

    tasks.put("g", "a", "b")
    worker = app.worker(group_max_size=2, grace="100ms")
    worker.start()
    assert begun.wait(60)
    worker.stop()
    assert [group.size for group in app.inspect.groups()] == [2]
    go.set()  # what comes late is of no use any more
    time.sleep(0.1)
    assert [group.size for group in app.inspect.groups()] == [2] and tasks.sent == []


# ---- Eager


def test_eager_tasks_of_one_call_are_a_set(shop: gofer.Gofer) -> None:
    tasks = Shop(shop)

    @shop.aggregator("g")
    def take(parts: Parts) -> gofer.Item:
        return tasks.send.item("ann", [part.arguments["text"] for part in parts])

    with shop.eager() as eager:
        part = tasks.part.options(group="g")
        handle = part.enqueue("a")
        shop.enqueue_many([part.item("b"), part.item("c"), tasks.send.item("bob", [])])
        tasks.part.options(group="nobody's").enqueue("d")
        assert tasks.sent == [("ann", ["a"]), ("bob", []), ("ann", ["b", "c"])]
        assert handle.wait().outcome == "gone"
        assert len(eager.outcomes) == 3


def test_an_eager_aggregator_that_fails_raises(shop: gofer.Gofer) -> None:
    tasks = Shop(shop)

    @shop.aggregator("g")
    async def take(parts: Parts) -> gofer.Item:
        raise ValueError("no template")

    with shop.eager(), pytest.raises(gofer.HandlerFailed, match="'g': ValueError: no template"):
        tasks.put("g", "a")


# ---- In children

CHILD = """
import asyncio, os, signal, time
import gofer

app = gofer.Gofer()

@app.task(name="part")
def part(text: str) -> None: ...

@app.task(name="send", retention="1h", queue=None)
def send(to: str, texts: list[str], size: int = 0) -> list[str]:
    return [to, *texts]

def made(parts):
    size = sum(len(part.payload) for part in parts)
    texts = [part.arguments["text"][:9] for part in parts]
    return send.options(headers={"from": parts[0].group}, retry=3).item("ann", texts, size)

@app.aggregator("plain*")
def plain(parts):
    return made(parts)

@app.aggregator("async*")
async def asynchronous(parts):
    await asyncio.sleep(0.01)
    return made(parts)

@app.aggregator("once")
def once(parts):
    if not os.path.exists("failed"):
        open("failed", "w").close()
        raise ValueError("no template")
    return made(parts)

@app.aggregator("kill")
def kill(parts):
    if not os.path.exists("killed"):
        open("killed", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return made(parts)

@app.aggregator("hang")
def hang(parts):
    open("hangs", "w").close()
    time.sleep(600)

@app.aggregator("elsewhere", type="shell", retention="1h")
async def elsewhere(parts):
    return ",".join(part.arguments["text"] for part in parts).encode()
"""

PEER_CHILD = """
import asyncio, time
import gofer

app = gofer.Gofer()

@app.task(name="part")
def part(text: str) -> None: ...

@app.task(name="sleep")
def sleep(seconds: float) -> None:
    time.sleep(seconds)

@app.aggregator("plain", type="made", retry=2)
def plain(parts):
    gofer.current().log("at " + parts[0].group)
    return [part.arguments["text"] for part in parts] + [part.headers["k"] for part in parts]

@app.aggregator("async", type="made")
async def asynchronous(parts):
    return len(parts)

@app.aggregator("plain-hang", type="made")
def hang(parts):
    while True:
        time.sleep(0.01)

@app.aggregator("async-hang", type="made")
async def ahang(parts):
    await asyncio.sleep(600)

@app.aggregator("progress", type="made")
def progress(parts):
    gofer.current().progress(1, 2)
"""


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with Peer(tmp_path, PEER_CHILD, "--threads", "1", "--tasks", "2") as started:
        yield started


def test_a_child_names_its_groups(peer: Peer) -> None:
    assert peer.hello["aggregate"] == ["plain", "async", "plain-hang", "async-hang", "progress"]


def test_a_set_in_several_frames(peer: Peer) -> None:
    for group, made in (("plain", b'["a","b","c","v","v","v"]'), ("async", b"3")):
        ref = peer.give_group(group, [{"text": "a"}, {"text": "b"}], more=True)
        other = peer.give("sleep", {"seconds": 0})
        peer.end(other)
        assert ref not in peer.began
        peer.give_group(group, [{"text": "c"}], ref=ref)
        end = peer.end(ref)
        assert end.outcome == 0 and end.result == made
        assert end.text.startswith("type\0made\0")
    assert ("l", 1, (1, "at plain")) in peer.others


@pytest.mark.parametrize("group", ["plain-hang", "async-hang"])
@pytest.mark.parametrize("why, outcome, text", [(1, 1, "TaskTimeout"), (2, 4, "")])
def test_an_aggregator_is_told_to_end(
    peer: Peer, group: str, why: int, outcome: int, text: str
) -> None:
    ref = peer.give_group(group, [{"text": "a"}])
    peer.until(lambda: ref in peer.began)
    peer.cancel(ref, why)
    end = peer.end(ref)
    assert end.outcome == outcome and end.text.startswith(text)
    assert peer.run("part", {"text": "x"}).outcome == 0


def test_a_set_that_waits_goes_back(peer: Peer) -> None:
    busy = peer.give("sleep", {"seconds": 1})
    peer.until(lambda: busy in peer.began)
    first = peer.give_group("plain", [{"text": "a"}])
    second = peer.give_group("plain", [{"text": "b"}])
    peer.cancel(first, 1)
    assert peer.end(first).outcome == 4
    peer.send("R")
    assert peer.end(second).outcome == 4
    assert peer.end(busy).outcome == 0 and peer.began == [busy]


def test_an_aggregator_says_nothing_that_is_not_for_groups(peer: Peer) -> None:
    end = peer.end(peer.give_group("progress", [{"text": "a"}]))
    assert end.outcome == 1 and "an aggregator has no progress" in end.text
    end = peer.end(peer.give_group("nobody's", [{"text": "a"}]))
    assert end.outcome == 1 and "no aggregator of this application is for" in end.text
    assert not peer.others


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, url: str) -> Iterator[Start]:
    """Starts `gofer worker --python` of CHILD with these options; its log is in tmp_path."""
    binary = os.environ.get("GOFER_BIN") or pytest.skip("GOFER_BIN is not set")
    (tmp_path / "shop.py").write_text(CHILD, "utf-8")
    started: list[subprocess.Popen[str]] = []

    def run(*options: str) -> subprocess.Popen[str]:
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [binary, "--url", url, "worker", "--python", "shop:app", *options],
                cwd=tmp_path, stderr=log, text=True,
                env={**os.environ, "GOFER_PYTHON": sys.executable},
            )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def put(app: gofer.Gofer, group: str, *texts: str) -> None:
    app.enqueue_many([app.item("part", {"text": text}, group=group) for text in texts])


def sent(app: gofer.Gofer, count: int = 1) -> dict[str, gofer.TaskInfo]:
    """The tasks that the groups have become, by the group, when there are so many."""
    found = wait_for(
        lambda: len(done := list(app.inspect.tasks("default", "completed"))) == count and done,
        f"{count} tasks",
    )
    tasks = [app.inspect.task(info.id) for info in found]
    return {task.headers.get("from", ""): task for task in tasks}


def test_children_aggregate(app: gofer.Gofer, start: Start) -> None:
    put(app, "plain:1", "a", "b", "c")
    put(app, "async:1", "d", "e", "f")
    put(app, "elsewhere", "g", "h", "i")
    start("--group-max-size", "3", "--shell", "shell=tr a-z A-Z")
    made = sent(app, 3)
    assert made["plain:1"].result == b'["ann","a","b","c"]'
    assert made["async:1"].result == b'["ann","d","e","f"]'
    assert made[""].result == b"G,H,I"
    assert made["plain:1"].max_retry == 3 and made["plain:1"].id.startswith("group:")
    assert app.inspect.groups() == []


def test_a_large_group_comes_whole(app: gofer.Gofer, start: Start) -> None:
    put(app, "plain", *(f"{n:08} " + "x" * 300_000 for n in range(12)))
    start("--group-max-size", "12")
    task = sent(app)["plain"]
    assert task.payload is not None and b'"size":3600' in task.payload.replace(b" ", b"")
    assert task.result is not None and task.result.count(b" ") == 12


@pytest.mark.parametrize("group, why", [("once", "ValueError: no template"), ("kill", "KILL")])
def test_a_group_that_fails_is_tried_again(
    app: gofer.Gofer, start: Start, tmp_path: Path, group: str, why: str
) -> None:
    put(app, group, "a", "b")
    start("--group-max-size", "2")
    assert sent(app)[group].result == b'["ann","a","b"]'
    log = (tmp_path / "log").read_text()
    assert "its tasks are put back" in log and why in log


def test_a_stop_puts_a_group_back(app: gofer.Gofer, start: Start, tmp_path: Path) -> None:
    put(app, "hang", "a", "b")
    worker = start("--group-max-size", "2", "--grace", "300ms")
    wait_for((tmp_path / "hangs").exists, "the aggregator")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert [(group.group, group.size) for group in app.inspect.groups()] == [("hang", 2)]
