"""The child that runs Python tasks, frame by frame: what it says, and what it survives."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from child_peer import Peer
from gofer.child import frames
from gofer.running.delivery import Delivery

DONE, RETRY, ARCHIVE, REVOKE, REQUEUE, SNOOZE = range(6)
TIMEOUT, STOP, LEASE, ASKED = 1, 2, 3, 4

SHOP = """
import asyncio, contextvars, ctypes, logging, os, signal, sys, threading, time
import gofer

app = gofer.Gofer("memory:")
var = contextvars.ContextVar("var", default="clean")

@app.task(name="add", queue="sums", retry_policy="fixed:3s")
def add(a: int, b: int = 2, *, ctx: gofer.Context = gofer.INJECTED):
    return {"sum": a + b, "id": ctx.id, "attempt": ctx.attempt, "headers": dict(ctx.headers),
            "left": ctx.remaining(), "kept": ctx.checkpoint, "now": gofer.current().id}

@app.task(name="aadd")
async def aadd(a: int, b: int = 2):
    await asyncio.sleep(0)
    return [a + b, gofer.current().id]

@app.task(name="sleep")
def sleep(s: float):
    end = time.monotonic() + s
    while time.monotonic() < end:
        time.sleep(0.005)
    return "slept"

@app.task(name="asleep")
async def asleep(s: float):
    await asyncio.sleep(s)
    return "slept"

@app.task(name="seen")
def seen(s: float):
    gofer.current().log("here")
    return sleep(s)

@app.task(name="aseen")
async def aseen(s: float):
    gofer.current().log("here")
    return await asleep(s)

@app.task(name="tell")
def tell(ctx: gofer.Context = gofer.INJECTED):
    ctx.progress(1, 4, "one"); ctx.log("careful", "warn"); ctx.save({"page": 3}); ctx.save(None)

@app.task(name="control")
def control(how: str, ctx: gofer.Context = gofer.INJECTED):
    if how == "snooze": ctx.snooze("5s", "later")
    if how == "retry_in": ctx.retry_in(2.5, "soon")
    if how == "give_up": ctx.give_up("never")
    if how == "drop": ctx.drop()

@app.task(name="context")
def context():
    seen = var.get(); var.set("dirty"); return seen

@app.task(name="acontext")
async def acontext():
    seen = var.get(); var.set("dirty"); await asyncio.sleep(0.01); return seen

class Hostile(Exception):
    def __str__(self): raise RuntimeError("no text")
    __repr__ = __str__

@app.task(name="fail")
def fail(how: str):
    if how == "value": raise ValueError("no such order")
    if how == "hostile": raise Hostile()
    if how == "exit": sys.exit(3)
    if how == "interrupt": raise KeyboardInterrupt
    if how == "base": raise BaseException("base")
    if how == "generator": raise GeneratorExit
    if how == "surrogate": raise ValueError("\\ud800")
    if how == "result": return object()
    if how == "nan": return float("nan")
    if how == "deep": return fail(how)

@app.task(name="afail")
async def afail(how: str):
    return fail(how)

@app.task(name="dropped", store_result=False)
def dropped():
    return object()

def late(ctx):
    end = time.monotonic() + 1
    while time.monotonic() < end:
        ctx.progress(1, 2, "late"); ctx.log("late"); ctx.save({"late": 1})

@app.task(name="process")
def process(how: str):
    if how == "_exit": os._exit(7)
    if how == "segfault": ctypes.string_at(0)
    if how == "closed": os.closerange(0, 4096)
    if how == "cwd": os.chdir("/")
    if how == "binary": os.write(1, bytes(range(256))); os.write(2, b"\\xff\\n")
    if how == "thread": threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    if how == "late": threading.Thread(target=late, args=(gofer.current(),), daemon=True).start()
    if how == "fork":
        pid = os.fork()
        if pid == 0:
            gofer.current().log("from the fork")
            os._exit(5)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if how == "fork-returns":
        pid = os.fork()
        return None if pid == 0 else os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "alive"

@app.task(name="asignal")
async def asignal():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)

@app.task(name="stubborn")
def stubborn():
    gofer.current().log("here")
    try:
        while True:
            time.sleep(0.005)
    except Exception:
        return "swallowed"

@app.task(name="cleans")
def cleans(ctx: gofer.Context = gofer.INJECTED):
    try:
        ctx.log("here")
        while True:
            time.sleep(0.005)
    except gofer.TaskTimeout:
        return ["timeout", ctx.cancelled, ctx.cancel_reason]
    except gofer.TaskCancelled:
        return ["cancelled", ctx.cancelled, ctx.cancel_reason]

@app.task(name="stops")
def stops(ctx: gofer.Context = gofer.INJECTED):
    while not ctx.stopping:
        time.sleep(0.005)
    ctx.snooze(0)

@app.task(name="kind:*")
def kinds(ctx: gofer.Context = gofer.INJECTED):
    return ctx.type

@app.task(name="logs")
def logs():
    log = logging.getLogger("shop")
    log.debug("too low"); log.info("in %s", "order"); log.warning("w", extra={"task_id": "mine"})
    log.error("e")

@app.task(name="alogs")
async def alogs():
    logging.getLogger("shop").info("async")
    await asyncio.to_thread(logging.getLogger("shop").info, "its thread")

@app.task(name="noop")
def noop(n: int = 0): pass

@app.task(name="anoop")
async def anoop(n: int = 0):
    if n % 3 == 0: raise ValueError("third")
"""


@pytest.fixture(name="peer")
def _peer(tmp_path: Path) -> Iterator[Peer]:
    with Peer(tmp_path, SHOP) as peer:
        yield peer


# ---- the conversation -------------------------------------------------------------------


def test_its_hello_names_tasks_policies_and_queues(peer: Peer) -> None:
    assert peer.hello["protocol"] == ["1"] and peer.hello["name"] == ["shop:app"]
    assert peer.want == 108
    assert {"add", "aadd", "kind:*"} <= set(peer.hello["type"])
    assert peer.hello["retry"] == ["fixed:3s"] and peer.hello["queue"] == ["sums"]
    rooms = dict(zip(peer.hello["type"], peer.hello["room"]))
    assert rooms["add"] == "threads 8" and rooms["aadd"] == "tasks 100"
    assert len(rooms) == len(peer.hello["type"])


def test_want_counts_what_there_is(tmp_path: Path) -> None:
    plain = "import gofer\napp = gofer.Gofer()\n@app.task\ndef f(): pass\n"
    with Peer(tmp_path, plain, "--threads", "3", "--tasks=7") as peer:
        assert peer.want == 3 and "room" not in peer.hello and peer.close() == 0
    with Peer(tmp_path, plain.replace("def", "async def"), "--threads", "3", "--tasks=7") as peer:
        assert peer.want == 7 and peer.close() == 0


NEEDLESS = {"asyncio", "cffi", "gofer._gofer", "decimal", "pathlib", "uuid"}
LEAN = """
import sys
import gofer
app = gofer.Gofer()

@app.task(name="modules")
def modules() -> "list[str]":
    return list(sys.modules)
"""


def test_a_child_loads_only_what_its_program_needs(tmp_path: Path) -> None:
    """Each of these costs memory in each process."""
    command = [sys.executable, "-c", "import sys; print(*sys.modules)"]
    of_python = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    with Peer(tmp_path, LEAN) as peer:
        assert NEEDLESS & set(peer.run("modules").json()) <= set(of_python)
        assert peer.close() == 0


def test_plain_and_async_tasks_run(peer: Peer) -> None:
    plain = peer.run(
        "add", {"a": 1}, attempt=3, headers=b"k\0v\0", timeout_ms=60000, checkpoint=b'{"p":1}'
    ).json()
    assert 0 < plain.pop("left") <= 60
    assert plain == {
        "sum": 3, "id": "id-1", "attempt": 3, "headers": {"k": "v"}, "kept": {"p": 1},
        "now": "id-1",
    }  # fmt: skip
    assert peer.run("aadd", {"a": 5}).json() == [7, "id-2"]
    assert peer.run("kind:of").json() == "kind:of"
    assert peer.run("noop").result == b""
    assert peer.close() == 0 and peer.said() == ""


def test_each_task_begins_before_it_ends_and_the_last_before_the_next(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP, "--threads", "1") as peer:
        refs = peer.give_many("noop", [{}] * 200)
        peer.until(lambda: len(peer.ends) == 200)
        assert peer.order == [pair for ref in refs for pair in (("b", ref), ("e", ref))]


def test_what_a_task_tells(peer: Peer) -> None:
    ref = peer.give("tell")
    assert peer.end(ref).outcome == DONE
    assert peer.others == [
        ("p", ref, (1, 4, "one")),
        ("l", ref, (2, "careful")),
        ("c", ref, b'{"page":3}'),
        ("c", ref, b""),
    ]


def test_logging_goes_to_the_log_of_the_task(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP + "logging.getLogger('shop').warning('loading')\n") as peer:
        ref = peer.give("logs")
        assert peer.end(ref).outcome == DONE
        assert [line for kind, of, line in peer.others if kind == "l" and of == ref] == [
            (1, "shop: in order"), (2, "shop: w"), (3, "shop: e"),
        ]  # fmt: skip
        ref = peer.give("alogs")
        assert peer.end(ref).outcome == DONE
        assert [line for kind, of, line in peer.others if kind == "l" and of == ref] == [
            (1, "shop: async"), (1, "shop: its thread"),
        ]  # fmt: skip


def test_logging_that_the_program_has_set_up_is_left_alone(tmp_path: Path) -> None:
    setup = (
        "handler = logging.StreamHandler()\n"
        "handler.addFilter(gofer.TaskFilter())\n"
        "handler.setFormatter(logging.Formatter("
        "'%(task_id)s %(task_type)s %(task_queue)s %(attempt)d %(message)s'))\n"
        "logging.basicConfig(handlers=[handler], level='INFO')\n"
        "logging.info('loading')\n"
    )
    with Peer(tmp_path, SHOP + setup) as peer:
        peer.run("logs", attempt=2)
        assert peer.others == [] and peer.close() == 0
        assert peer.said().splitlines() == [
            "- - - 0 loading", "id-1 logs default 2 in order", "mine logs default 2 w",
            "id-1 logs default 2 e",
        ]  # fmt: skip


def test_how_a_task_ends(peer: Peer) -> None:
    def ended(how: str) -> tuple[int, str, int]:
        end = peer.run("control", {"how": how})
        return end.outcome, end.text, end.delay_ms

    assert ended("snooze") == (SNOOZE, "later", 5000)
    assert ended("retry_in") == (RETRY, "soon", 2500)
    assert ended("give_up") == (ARCHIVE, "never", -1)
    assert ended("drop")[0] == REVOKE


def test_short_tasks_share_a_thread_and_long_ones_do_not(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP, "--threads", "8") as peer:
        start = time.monotonic()
        peer.give_many("sleep", [{"s": 1}] * 8)
        peer.until(lambda: len(peer.ends) == 8)
        assert time.monotonic() - start < 6
        peer.give_many("noop", [{}] * 1000)
        peer.until(lambda: len(peer.ends) == 1008)
        assert all(end.outcome == DONE for end in peer.ends.values())


def test_a_plain_task_does_not_wait_for_long_ones_before_it(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP, "--threads", "3") as peer:
        peer.give("sleep", {"s": 30})
        peer.give("sleep", {"s": 30})
        peer.until(lambda: len(peer.began) == 2)
        for _ in range(20):
            assert peer.run("add", {"a": 1}).outcome == DONE
            assert peer.run("aadd", {"a": 1}).outcome == DONE


def test_a_thousand_sleeps_at_a_time_in_one_child(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP, "--tasks", "1000") as peer:
        peer.give_many("asleep", [{"s": 3}] * 1000)
        peer.until(lambda: len(peer.began) == 1000)
        used = _cpu_s(peer.process.pid)
        assert len(peer.ends) < 1000
        time.sleep(1)
        assert _cpu_s(peer.process.pid) - used < 0.25  # nothing to do while they sleep
        peer.until(lambda: len(peer.ends) == 1000)
        assert {end.json() for end in peer.ends.values()} == {"slept"}


def test_no_more_async_tasks_than_given(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP, "--tasks", "5") as peer:
        refs = peer.give_many("asleep", [{"s": 0.3}] * 10)
        peer.until(lambda: len(peer.ends) == 10)
        begun_before_an_end = [ref for kind, ref in peer.order[:5]]
        assert begun_before_an_end == refs[:5] and peer.order[5][0] == "e"


def test_contextvars_do_not_leak_from_task_to_task(peer: Peer) -> None:
    for _ in range(3):
        assert peer.run("context").json() == "clean"
        assert peer.run("acontext").json() == "clean"


# ---- what does not fit -------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload, named",
    [
        (b"", "PayloadMismatch"),
        (b"\xff\xfe", "PayloadMismatch"),
        (b"[1]", "PayloadMismatch"),
        (b"{}", "a"),
        (b'{"a":1,"c":2}', "c"),
        (b"[" * 100000, "PayloadMismatch"),
    ],
)
def test_a_payload_that_does_not_fit_is_archived(peer: Peer, payload: bytes, named: str) -> None:
    end = peer.run("add", payload)
    assert end.outcome == ARCHIVE and end.text.startswith("PayloadMismatch: ")
    assert named in end.text
    assert peer.run("aadd", {"a": 1}).outcome == DONE


@pytest.mark.parametrize("type", ["fail", "afail"])
def test_whatever_a_task_raises_is_its_failure(peer: Peer, type: str) -> None:
    begins = {
        "value": "ValueError: no such order", "hostile": "Hostile", "exit": "SystemExit: 3",
        "interrupt": "KeyboardInterrupt", "base": "BaseException: base",
        "generator": "GeneratorExit", "surrogate": "ValueError: ", "deep": "RecursionError",
    }  # fmt: skip
    for how, text in begins.items():
        end = peer.run(type, {"how": how})
        assert end.outcome == RETRY and end.text.startswith(text), end
        assert len(end.text.encode()) <= 10000
        if how not in ("hostile", "deep"):
            assert "shop.py" in end.text
    for how in ("result", "nan"):
        end = peer.run(type, {"how": how})
        assert end.outcome == ARCHIVE and "cannot be kept" in end.text
    assert peer.run("dropped").outcome == DONE
    assert peer.close() == 0


def test_a_type_that_it_has_not_named_is_put_back(peer: Peer) -> None:
    assert peer.run("unheard:of").outcome == REQUEUE


# ---- cancels, recalls, stops ----------------------------------------------------------------


@pytest.mark.parametrize("type", ["seen", "aseen", "stubborn"])
@pytest.mark.parametrize("why", [TIMEOUT, STOP, LEASE, ASKED])
def test_a_running_task_is_cancelled(peer: Peer, type: str, why: int) -> None:
    ref = peer.give(type, {"s": 600} if type != "stubborn" else {})
    other = peer.give("aseen", {"s": 0.5})
    # Not just begun, which is said before the function is called: inside it.
    peer.until(lambda: all(("l", each, (1, "here")) in peer.others for each in (ref, other)))
    peer.cancel(ref, why)
    end = peer.end(ref)
    assert end.outcome == (REQUEUE if why in (STOP, LEASE) else RETRY)
    if why == TIMEOUT:
        assert end.text.startswith("TaskTimeout") and "shop.py" in end.text
    if why == ASKED:
        assert end.text.startswith("TaskCancelled")
    assert peer.end(other).outcome == DONE


def test_a_task_sees_why_and_may_still_end_well(peer: Peer) -> None:
    for why, told in ((TIMEOUT, "timeout"), (ASKED, "asked")):
        ref = peer.give("cleans")
        peer.until(lambda: ("l", ref, (1, "here")) in peer.others)
        peer.cancel(ref, why)
        kind = "timeout" if why == TIMEOUT else "cancelled"
        assert peer.end(ref).json() == [kind, True, told]


def test_a_cancel_hits_no_other_task(tmp_path: Path) -> None:
    # Cancels race with the ends of short tasks: whichever wins, every task has one end and
    # no other task is hit.
    with Peer(tmp_path, SHOP, "--threads", "1") as peer:
        for _ in range(150):
            short, victim = peer.give_many("sleep", [{"s": 0.0}, {"s": 0.003}])
            peer.until(lambda: short in peer.began)
            peer.cancel(short, TIMEOUT)
            assert peer.end(victim).outcome == DONE, peer.ends[victim]
            assert peer.end(short).outcome in (DONE, RETRY, REQUEUE)
        assert peer.close() == 0 and peer.said() == ""


def test_a_cancel_of_what_has_not_begun_gives_it_back(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP, "--threads", "1", "--tasks", "1") as peer:
        for type in ("sleep", "asleep"):
            first, second = peer.give_many(type, [{"s": 1}] * 2)
            peer.until(lambda: first in peer.began)
            peer.cancel(second, ASKED)
            assert peer.end(second).outcome == REQUEUE and second not in peer.began
            assert first not in peer.ends
            assert peer.end(first).outcome == DONE
        peer.cancel(first, ASKED)  # too late: nothing comes of it
        peer.cancel(12345, ASKED)
        assert peer.run("noop").outcome == DONE


@pytest.mark.parametrize("kind", ["R", "S"])
def test_what_has_not_begun_goes_back_in_its_order(tmp_path: Path, kind: str) -> None:
    with Peer(tmp_path, SHOP, "--threads", "1", "--tasks", "1") as peer:
        plain = peer.give_many("sleep", [{"s": 1}] * 5)
        other = peer.give_many("asleep", [{"s": 1}] * 5)
        peer.until(lambda: plain[0] in peer.began and other[0] in peer.began)
        peer.send(kind, struct.pack(">q", 30000) if kind == "S" else b"")
        peer.until(lambda: len(peer.ends) == 10)
        back = [ref for ref, end in peer.ends.items() if end.outcome == REQUEUE]
        assert [ref for ref in back if ref in plain] == plain[1:]
        assert [ref for ref in back if ref in other] == other[1:]
        assert peer.close() == 0


def test_a_task_sees_that_the_worker_stops(peer: Peer) -> None:
    ref = peer.give("stops")
    peer.until(lambda: ref in peer.began)
    peer.send("S", struct.pack(">q", 30000))
    assert (peer.end(ref).outcome, peer.ends[ref].delay_ms) == (SNOOZE, 0)


def test_it_goes_when_the_worker_has_gone(peer: Peer) -> None:
    ref = peer.give("asleep", {"s": 600})
    peer.until(lambda: ref in peer.began)
    assert peer.close() == 0
    assert ref not in peer.ends or peer.ends[ref].outcome != DONE


def test_a_thread_that_runs_does_not_keep_it(peer: Peer) -> None:
    ref = peer.give("sleep", {"s": 600})
    peer.until(lambda: ref in peer.began)
    assert peer.close() == 1


def test_signals_are_no_orders(peer: Peer) -> None:
    for number in (signal.SIGINT, signal.SIGTSTP, signal.SIGINT):
        os.kill(peer.process.pid, number)
    assert peer.run("add", {"a": 1}).outcome == DONE


# ---- frames that are none -----------------------------------------------------------------


def test_frames_come_in_any_pieces(peer: Peer) -> None:
    stream = b"".join(peer.task_frame("add", {"a": n}) for n in range(5))
    for at in range(len(stream)):
        peer.socket.sendall(stream[at : at + 1])
    peer.until(lambda: len(peer.ends) == 5)
    assert [peer.ends[ref].json()["sum"] for ref in sorted(peer.ends)] == [2, 3, 4, 5, 6]


def test_kinds_that_it_does_not_know_are_passed_over(peer: Peer) -> None:
    peer.send("H", b"protocol 1\nworker w\nnumber 0\nnews 3\n")
    peer.send("Z", b"whatever")
    peer.send("S")  # shorter than it is today
    assert peer.run("noop").outcome == DONE


@pytest.mark.parametrize(
    "stream", [b"\0\0\0\0", b"\xff\xff\xff\xff\x54", b"\0\0\0\x05T1234", b"\0\0\0\x02C1"]
)
def test_what_is_no_frame_ends_it(peer: Peer, stream: bytes) -> None:
    peer.socket.sendall(stream + b"\0" * 60)
    assert peer.gone() == 1
    assert "BadFrame" in peer.said()


def test_a_frame_cut_by_the_end_is_dropped(peer: Peer) -> None:
    peer.socket.sendall(peer.task_frame("noop")[:-3])
    assert peer.close() == 0 and peer.began == []


# ---- tasks that harm their process -----------------------------------------------------------


@pytest.mark.parametrize("how, code", [("_exit", 7), ("segfault", -signal.SIGSEGV), ("closed", 1)])
def test_a_task_that_ends_its_process_has_begun_and_not_ended(
    tmp_path: Path, how: str, code: int
) -> None:
    with Peer(tmp_path, SHOP, "--threads", "1") as peer:
        before, killer, after = peer.give_many("process", [{"how": ""}, {"how": how}, {"how": ""}])
        assert peer.gone() == code
        assert peer.began == [before, killer] and list(peer.ends) == [before]


@pytest.mark.parametrize("how", ["cwd", "binary", "thread"])
def test_a_task_that_changes_its_process(peer: Peer, how: str) -> None:
    assert peer.run("process", {"how": how}).json() == "alive"
    assert peer.run("add", {"a": 1}).json()["sum"] == 3
    assert peer.close() == 0


def test_a_thread_that_outlives_its_task_says_nothing_more(peer: Peer) -> None:
    late = peer.give("process", {"how": "late"})
    assert peer.end(late).json() == "alive"
    told = len(peer.others)
    ref = peer.give("sleep", {"s": 1.2})  # the peer minds of what tasks there is news
    assert peer.end(ref).json() == "slept"
    assert peer.run("asleep", {"s": 0}).json() == "slept"
    assert len(peer.others) == told and peer.close() == 0


def test_a_task_that_forks(peer: Peer) -> None:
    assert peer.run("process", {"how": "fork"}).json() == 5
    # A fork that comes back into the child's own code says nothing, and ends there.
    assert peer.run("process", {"how": "fork-returns"}).json() == 0
    assert peer.others == []
    assert peer.run("add", {"a": 1}).outcome == DONE
    assert len(peer.began) == len(peer.ends) == 3
    assert peer.close() == 0


def test_a_task_that_takes_the_signals(peer: Peer) -> None:
    assert peer.run("asignal").outcome == DONE
    os.kill(peer.process.pid, signal.SIGINT)
    assert peer.run("add", {"a": 1}).outcome == DONE
    assert peer.close() == 0


@pytest.mark.parametrize("at", ["read", "begun", "between"])
def test_killed_at_a_frame_boundary(tmp_path: Path, at: str) -> None:
    """What is told until then is whole: a begin for each end, and at most one open task."""
    with Peer(tmp_path, SHOP, "--threads", "1") as peer:
        if at == "read":
            os.kill(peer.process.pid, signal.SIGSTOP)
            peer.give_many("sleep", [{"s": 0}] * 50)
        elif at == "begun":
            ref = peer.give("sleep", {"s": 600})
            peer.until(lambda: ref in peer.began)
        else:
            peer.give_many("sleep", [{"s": 0}] * 5000)
            peer.until(lambda: len(peer.ends) > 100)
        os.kill(peer.process.pid, signal.SIGKILL)
        assert peer.gone() == -signal.SIGKILL
        assert len(set(peer.began) - set(peer.ends)) <= 1
        if at == "read":
            assert not peer.began


ISOLATED = """
import asyncio, ctypes, os, signal, sys, time
import gofer

app = gofer.Gofer("memory:")
count = 0

@app.on_start
def start(): print("start", flush=True)

@app.task(name="outside")
def outside():
    return [os.getpid(), count]

@app.task(name="inside", isolation="process")
def inside(how: str = "", ctx: gofer.Context = gofer.INJECTED):
    global count
    count += 1
    ctx.progress(1, 2, "half"); ctx.log("inside"); ctx.save(count)
    if how == "raise": raise ValueError("v")
    if how == "_exit": os._exit(7)
    if how == "segfault": ctypes.string_at(0)
    if how == "snooze": ctx.snooze(3, "later")
    if how == "sleep":
        while True: time.sleep(0.01)
    if how == "stuck":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        while True:
            try: ctx.log("stuck"); time.sleep(100)
            except BaseException: pass
    if how == "stop":
        while not ctx.stopping: time.sleep(0.01)
        return "stopped"
    return [os.getpid(), count, ctx.attempt, gofer.current().id]

@app.task(name="ainside", isolation="process")
async def ainside(s: float = 0):
    gofer.current().log("inside")
    await asyncio.sleep(s)
    return os.getpid()
"""


@pytest.fixture(name="isolated")
def _isolated(tmp_path: Path) -> Iterator[Peer]:
    with Peer(tmp_path, ISOLATED) as peer:
        yield peer


def test_an_isolated_task_has_a_process_of_its_own(isolated: Peer) -> None:
    pids = set()
    for _ in range(3):
        ref = isolated.give("inside", attempt=4)
        pid, count, attempt, id = isolated.end(ref).json()
        assert (count, attempt, id) == (1, 4, f"id-{ref}")
        assert isolated.others == [
            ("p", ref, (1, 2, "half")), ("l", ref, (1, "inside")), ("c", ref, b"1"),
        ]  # fmt: skip
        isolated.others.clear()
        pids.add(pid)
    pids.add(isolated.run("ainside").json())
    assert len(pids) == 4
    assert isolated.run("outside").json() == [isolated.process.pid, 0]
    isolated.give_many("ainside", [{"s": 0.5}] * 8)
    isolated.until(lambda: len(isolated.ends) == 13)
    assert isolated.close() == 0
    assert isolated.said() == "start\n" * 13


def test_what_an_isolated_task_does_harms_itself_alone(isolated: Peer) -> None:
    other = isolated.give("inside", {"how": "sleep"})
    for how, outcome, text in (
        ("raise", RETRY, "ValueError: v"),
        ("_exit", RETRY, "its process ended by itself, with exit code 7"),
        ("segfault", RETRY, "its process died of SIGSEGV"),
        ("snooze", SNOOZE, "later"),
    ):
        end = isolated.run("inside", {"how": how})
        assert end.outcome == outcome and end.text.startswith(text), end
    assert isolated.run("inside", b"[]").text.startswith("PayloadMismatch")
    assert other in isolated.began and other not in isolated.ends


def test_an_isolated_task_is_cancelled(isolated: Peer) -> None:
    for type, arguments in (("inside", {"how": "sleep"}), ("ainside", {"s": 600})):
        ref = isolated.give(type, arguments)
        isolated.until(lambda: ("l", ref, (1, "inside")) in isolated.others)
        isolated.cancel(ref, TIMEOUT)
        end = isolated.end(ref)
        assert end.outcome == RETRY and end.text.startswith("TaskTimeout"), end
        assert "shop.py" in end.text
    ref = isolated.give("inside", {"how": "stuck"})
    isolated.until(lambda: ("l", ref, (1, "stuck")) in isolated.others)
    isolated.cancel(ref, TIMEOUT)
    assert "was killed" in isolated.end(ref).text
    ref = isolated.give("inside", {"how": "stop"})
    isolated.until(lambda: ("l", ref, (1, "inside")) in isolated.others)
    isolated.send("S", struct.pack(">q", 30000))
    assert isolated.end(ref).json() == "stopped"
    assert isolated.close() == 0


def test_isolated_processes_do_not_outlive_the_child(isolated: Peer) -> None:
    ref = isolated.give("inside", {"how": "stuck"})
    isolated.until(lambda: ("l", ref, (1, "stuck")) in isolated.others)
    group = os.getpgid(isolated.process.pid)
    isolated.process.kill()
    isolated.gone()
    limit = time.monotonic() + 30
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            break
        assert time.monotonic() < limit, "some are left"
        time.sleep(0.05)


# ---- loading -------------------------------------------------------------------------------


def loaded(folder: Path, source: str, app: str = "shop:app") -> tuple[int, str]:
    """The exit code of a child that cannot start, and what it printed."""
    with Peer(folder, source, wait=False, app=app) as peer:
        code = peer.gone()
        assert not peer.hello
        return code, peer.said()


def test_an_import_error_is_shown_from_the_program_on(tmp_path: Path) -> None:
    code, said = loaded(tmp_path, "import gofer\ndef f():\n    return 1 / 0\nf()\n")
    assert code == 1 and "ZeroDivisionError" in said and 'shop.py", line 3' in said
    assert "serve.py" not in said and "importlib" not in said
    code, said = loaded(tmp_path, "import gofer\ndef f(:\n")
    assert code == 1 and "SyntaxError" in said and "shop.py" in said
    code, said = loaded(tmp_path, "import nowhere_to_be_found\n")
    assert code == 1 and "No module named 'nowhere_to_be_found'" in said and "shop.py" in said
    code, said = loaded(tmp_path, "raise SystemExit(0)\n")
    assert code == 1 and "SystemExit" in said


@pytest.mark.parametrize("hang", ["time.sleep(600)", "ctypes.PyDLL(None).sleep(600)"])
def test_an_import_that_hangs_shows_where(tmp_path: Path, hang: str) -> None:
    source = f"import ctypes, time\nimport gofer\ndef f():\n    {hang}\nf()\n"
    with Peer(tmp_path, source, wait=False, GOFER_CHILD_START_MS="600") as peer:
        limit = time.monotonic() + 60
        while 'shop.py", line 5 in <module>' not in peer.said():
            assert time.monotonic() < limit and peer.process.poll() is None, peer.said()
            time.sleep(0.05)
        assert 'shop.py", line 4 in f' in peer.said()


@pytest.mark.parametrize(
    "source, app, told",
    [
        ("", "shop:app", "shop has no 'app'"),
        ("", "shop", "no gofer.Gofer in shop"),
        ("", "elsewhere:app", "there is no module 'elsewhere'"),
        ("app = 3", "shop:app", "it is a int"),
        ("import gofer\napp = gofer.Gofer()", "shop:app", "has no tasks"),
        ("import gofer\na = gofer.Gofer()\nb = gofer.Gofer()", "shop", "shop:a, shop:b"),
        ("import gofer\nother = gofer.Gofer()", "shop:app", "there is shop:other"),
    ],
)
def test_no_application_says_what_there_is(
    tmp_path: Path, source: str, app: str, told: str
) -> None:
    code, said = loaded(tmp_path, source, app)
    assert code == 1 and told in said and "Traceback" not in said


def test_a_type_of_two_functions_names_both(tmp_path: Path) -> None:
    code, said = loaded(
        tmp_path,
        "import gofer\napp = gofer.Gofer()\n@app.task(name='t')\ndef one(): pass\n"
        "@app.task(name='t')\ndef two(): pass\n",
    )
    assert code == 1 and "shop.one" in said and "shop.two" in said


def test_tasks_modules_are_found(tmp_path: Path) -> None:
    for name, text in {
        "store/__init__.py": "import gofer\napp = gofer.Gofer()\n",
        "store/tasks.py": "from store import app\n@app.task\ndef one(): pass\n",
        "store/mail/__init__.py": "",
        "store/mail/tasks/__init__.py": "",
        "store/mail/tasks/daily.py": "from store import app\n@app.task\ndef two(): pass\n",
        "store/other.py": "raise RuntimeError('nobody needs this')\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for app in ("store", "store:app"):
        with Peer(tmp_path, "", app=app) as peer:
            assert peer.hello["type"] == ["store.mail.tasks.daily:two", "store.tasks:one"]


def test_a_factory(tmp_path: Path) -> None:
    source = (
        "import gofer\ndef make():\n    app = gofer.Gofer()\n    @app.task(name='t')\n"
        "    def t(): return 1\n    return app\n"
    )
    with Peer(tmp_path, source, app="shop:make()") as peer:
        assert peer.run("t").json() == 1


def test_words_that_are_wrong(tmp_path: Path) -> None:
    for words in (["--threads", "0"], ["--tasks"], ["--what"], ["another:app"]):
        with Peer(tmp_path, SHOP, *words, wait=False) as peer:
            assert peer.gone() == 2 and "usage:" in peer.said()


# ---- hooks, middleware, dependencies ---------------------------------------------------------

AROUND = """
import asyncio
from typing import Annotated
import gofer

app = gofer.Gofer("memory:")
seen = []

@app.on_start
def start(): seen.append("start")

@app.on_start
async def astart(): seen.append("astart")

@app.on_stop
async def stop(): print("stopped", flush=True)

@app.middleware
def outer(ctx):
    seen.append("outer " + ctx.type)
    try:
        result = yield
    except ValueError as error:
        seen.append(f"outer saw {error}"); raise
    except KeyError:
        seen.append("outer forgives"); return
    seen.append(f"outer got {result}")

@app.middleware
async def inner(ctx):
    seen.append("inner"); result = yield; seen.append(f"inner got {result}")

@app.on_success
def good(ctx, result): seen.append(f"good {result}"); raise RuntimeError("of a hook")

@app.on_failure
def bad(ctx, error, final): seen.append(f"bad {type(error).__name__} {final}")

def base():
    seen.append("base"); yield "base"; seen.append("base closed")

def session(b: Annotated[str, gofer.Depends(base)], ctx: gofer.Context):
    seen.append("open")
    try:
        yield f"session of {b} for {ctx.id}"
    except ValueError:
        seen.append("rolled back"); raise
    finally:
        seen.append("closed")

async def asession(s: Annotated[str, gofer.Depends(session)]):
    await asyncio.sleep(0); yield "a" + s; await asyncio.sleep(0); seen.append("aclosed")

def told():
    global seen
    before, seen[:] = list(seen), []
    return before

@app.task(name="plain")
def plain(fail: str, s: Annotated[str, gofer.Depends(session)] = gofer.INJECTED,
          b: Annotated[str, gofer.Depends(base)] = gofer.INJECTED):
    seen.append(s)
    if fail == "value": raise ValueError("v")
    if fail == "key": raise KeyError("k")
    return "p"

@app.task(name="async")
async def async_(fail: str, s: Annotated[str, gofer.Depends(asession)] = gofer.INJECTED):
    seen.append(s)
    if fail == "value": raise ValueError("v")
    return "a"

@app.task(name="both")
def both(s: Annotated[str, gofer.Depends(asession)] = gofer.INJECTED): pass

bare = gofer.Gofer("memory:")
"""


def _seen(peer: Peer, type: str, arguments: Any, **more: Any) -> tuple[Any, list[str]]:
    end = peer.run(type, arguments, **more)
    seen: list[str] = peer.run("told").json()
    return end, [line for line in seen if "told" not in line]


@pytest.fixture(name="around")
def _around(tmp_path: Path) -> Iterator[Peer]:
    source = AROUND.replace("bare =", "app.task(name='told')(told)\nbare =")
    with Peer(tmp_path, source, "--threads", "1") as peer:
        yield peer


def test_what_is_around_a_plain_task(around: Peer) -> None:
    end, seen = _seen(around, "plain", {"fail": ""})
    session = f"session of base for id-1"
    assert end.json() == "p"
    assert seen == [
        "start", "astart", "outer plain", "base", "open", session, "closed", "base closed",
        "outer got p", "good p",
    ]  # fmt: skip
    assert "RuntimeError: of a hook" in "".join(
        [around.said(), *[str(other) for other in around.others]]
    )


def test_a_failure_passes_through_what_is_around(around: Peer) -> None:
    end, seen = _seen(around, "plain", {"fail": "value"}, attempt=26)
    assert end.outcome == RETRY and end.text.startswith("ValueError: v")
    assert seen[5:] == [
        "session of base for id-1", "rolled back", "closed", "outer saw v", "bad ValueError True",
    ]  # fmt: skip
    end, seen = _seen(around, "plain", {"fail": "key"})
    assert end.outcome == DONE and "outer forgives" in seen
    end, seen = _seen(around, "plain", b"no json", attempt=1)
    assert end.outcome == ARCHIVE and "bad PayloadMismatch True" in seen


def test_what_is_around_an_async_task(around: Peer) -> None:
    around.run("told")
    end, seen = _seen(around, "async", {"fail": ""})
    assert end.json() == "a"
    assert seen[-10:] == [
        "inner", "base", "open", "asession of base for id-2", "aclosed", "closed", "base closed",
        "inner got a", "outer got a", "good a",
    ]  # fmt: skip
    end, seen = _seen(around, "async", {"fail": "value"})
    assert "rolled back" in seen and "bad ValueError False" in seen
    end, _ = _seen(around, "both", {})
    assert end.outcome == RETRY and "async dependency" in end.text
    assert around.close() == 0 and "stopped" in around.said()


def test_overrides(tmp_path: Path) -> None:
    source = AROUND + "app.overrides[session] = lambda: 'fake'\n"
    with Peer(tmp_path, source) as peer:
        assert peer.run("plain", {"fail": ""}).json() == "p"
        assert peer.close() == 0


def test_a_start_that_fails_keeps_it_from_starting(tmp_path: Path) -> None:
    code, said = loaded(
        tmp_path,
        "import gofer\napp = gofer.Gofer()\n@app.task\ndef t(): pass\n"
        "@app.on_start\ndef start(): raise OSError('no database')\n",
    )
    assert code == 1 and "OSError: no database" in said


# ---- and so on for long ----------------------------------------------------------------------


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _rss_kib(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def test_memory_stays_flat(tmp_path: Path) -> None:
    def many(peer: Peer, count: int) -> None:
        for _ in range(count // 500):
            before = len(peer.ends)
            peer.give_many("noop", [{"n": n} for n in range(250)])
            peer.give_many("anoop", [{"n": n} for n in range(250)])
            peer.until(lambda: len(peer.ends) == before + 500)

    with Peer(tmp_path, SHOP) as peer:
        many(peer, 5000)
        first = _rss_kib(peer.process.pid)
        many(peer, 30000)
        assert _rss_kib(peer.process.pid) - first < 1500
        assert sum(end.outcome == RETRY for end in peer.ends.values()) > 5000


def test_nothing_to_warn_of(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP, python=("-X", "dev", "-W", "error")) as peer:
        for type in ("add", "aadd"):
            assert peer.run(type, {"a": 1}).outcome == DONE
        ref = peer.give("asleep", {"s": 60})
        peer.until(lambda: ref in peer.began)
        peer.cancel(ref, TIMEOUT)
        assert peer.end(ref).outcome == RETRY
        assert peer.run("process", {"how": "cwd"}).outcome == DONE
        assert peer.close() == 0
        assert peer.said() == ""


@pytest.mark.parametrize("type", ["mail:send", "größe"])
def test_a_delivery_is_read_with_all_its_fields(type: str) -> None:
    parts = [b"the-id", type.encode(), b"low", b"a\0b\0c\0d\0", b"[1]"]
    sizes = [len(part) for part in parts]
    body = struct.pack(">IIIqqBBBBII", 7, 2, 25, 1000, 99, 1, *sizes) + b"".join(parts) + b"{}"
    assert frames.delivery_of(body) == Delivery(
        7, "the-id", type, "low", 2, 25, 1000, 99, {"a": "b", "c": "d"}, b"{}", b"[1]"
    )
    bare = struct.pack(">IIIqqBBBBII", 7, 1, 0, 0, 0, 0, *sizes[:3], 0, 0) + b"".join(parts[:3])
    assert frames.delivery_of(bare) == Delivery(7, "the-id", type, "low")
    for cut in (39, len(bare) - 1):
        with pytest.raises(frames.BadFrame):
            frames.delivery_of(bare[:cut])
