"""gofer worker --child: tasks in processes that live on, on both stores; what they break, and who
pays for it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, wait_for

EXAMPLES = ROOT / "examples" / "children"
INTERPRETERS = {"py": sys.executable, "js": "node", "rb": "ruby"}

# The child of most tests: the reference child with handlers that break something.
BROKEN = r"""
import ctypes, os, signal, socket, sys, threading, time
sys.path.insert(0, EXAMPLES)
from child import *

def die(task):
    if os.path.exists("died"):
        return "again"
    open("died", "w").close()
    os.kill(os.getpid(), signal.SIGKILL)

def close_all(task):
    os.closerange(0, 100)

def fork(task):
    if os.fork() == 0:
        time.sleep(600)
    return "forked"

def binary(task):
    sys.stdout.buffer.write(bytes(range(256)) + b"\xff\xfe no text\n")
    sys.stdout.flush()

def strange(task):
    os.chdir("/")
    os.umask(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

def grow(task):
    global kept
    kept = bytearray(int(task.payload) << 20)
    kept[::4096] = b"x" * len(kept[::4096])
    time.sleep(3)

Child({
    "ok": lambda task: task.payload.decode(),
    "pid": lambda task: os.getpid(),
    "sleep": lambda task: time.sleep(float(task.payload)),
    "mark": lambda task: (open("begun", "w").close(), time.sleep(float(task.payload))),
    "die": die,
    "exit": lambda task: os._exit(7),
    "gil": lambda task: ctypes.PyDLL(None).sleep(600),
    "close": close_all, "fork": fork, "binary": binary, "strange": strange, "grow": grow,
    "print": lambda task: (print("hello from", task.id, flush=True), time.sleep(0.3)),
    "env": lambda task: {k: v for k, v in os.environ.items() if k.startswith("GOFER_")},
    "revoke": lambda task: (_ for _ in ()).throw(Outcome(REVOKE)),
}).serve("broken")
"""


def child(gofer, source=BROKEN, name="child_of_test.py"):
    path = gofer.folder / name
    path.write_text(source.replace("EXAMPLES", repr(str(EXAMPLES))))
    return f"={sys.executable} {path}"


def task(gofer, id):
    return gofer.json("task", "show", id)


def ended(gofer, id, state="completed"):
    return wait_for(
        lambda: (t := task(gofer, id))["state"] == state and t, f"task {id} to be {state}"
    )


def put(gofer, type, payload="", id=None, *more):
    gofer("enqueue", type, "-", "--id", id or type, "--retention", "1h", *more, input=payload)


def put_all(gofer, tasks, *more):
    """Of (type, payload, id), in one go."""
    lines = "".join(json.dumps({"type": t, "payload": p, "id": i}) + "\n" for t, p, i in tasks)
    gofer("enqueue", "--batch", "--retention", "1h", *more, input=lines)


def result(gofer, id):
    return gofer("task", "show", id, "--result").out


# ---- Groups

# Aggregates what the name of the group says, and tells how many frames it was given.
AGGREGATOR = r"""
import os, signal, socket, struct, time

worker = socket.socket(fileno=int(os.environ["GOFER_CHILD_FD"]))
stream = worker.makefile("rb")
sets = {}

def send(kind, ref, body=b""):
    worker.sendall(struct.pack(">I", len(body) + 5) + kind + struct.pack(">I", ref) + body)

def end(ref, outcome, text=b"", result=b""):
    send(b"e", ref, struct.pack(">BqI", outcome, -1, len(text)) + text + result)

def tasks_of(body, count, at):
    for _ in range(count):
        sizes = struct.unpack_from(">BBII", body, at)
        at += 10
        parts = []
        for size in sizes:
            parts.append(body[at:at + size])
            at += size
        yield parts

def aggregate(ref, group, tasks, frames):
    send(b"b", ref)
    if group == "kill" and not os.path.exists("killed"):
        open("killed", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if group == "slow":
        open("begun", "w").close()
        time.sleep(1)
    if group == "no" and not os.path.exists("refused"):
        open("refused", "w").close()
        return end(ref, 1, b"no template")
    ids = b",".join(id for id, type, headers, payload in tasks)
    size = sum(len(payload) for id, type, headers, payload in tasks)
    made = b"type\0made\0retention_ms\x003600000\0header:from\0" + group.encode() + b"\0"
    end(ref, 0, made, b"%s %d bytes in %d frames" % (ids, size, frames))

body = b"protocol 1\ntype made\naggregate *\n"
worker.sendall(struct.pack(">I", len(body) + 1) + b"h" + body)
while head := stream.read(4):
    frame = stream.read(*struct.unpack(">I", head))
    kind, body = frame[:1], frame[1:]
    ref, = struct.unpack_from(">I", body) if len(body) >= 4 else (0,)
    if kind == b"T":
        payload = body[40 + sum(body[29:32]) + sum(struct.unpack_from(">II", body, 32)):]
        send(b"b", ref)
        end(ref, 0, result=payload)
    if kind == b"G":
        more, _, count, group_size, queue_size = struct.unpack_from(">BqIBB", body, 4)
        tasks, frames = sets.pop(ref, ([], 0))
        tasks += tasks_of(body, count, 19 + group_size + queue_size)
        sets[ref] = tasks, frames + 1
        if not more:
            aggregate(ref, body[19:19 + group_size].decode(), *sets.pop(ref))
"""


def tasks_in(gofer, state):
    found = gofer.json("task", "ls", "--queue", "default", "--state", state)["items"]
    return [task(gofer, t["id"]) for t in found if t["type"] == "made"]


def aggregating(gofer, *more):
    return gofer.worker("--set", "group_grace=1s", *more, "--child", child(gofer, AGGREGATOR))


def made_of(gofer, count):
    """What has become of the groups: (group, result) of each task that was made and run."""
    tasks = wait_for(
        lambda: len(t := tasks_in(gofer, "completed")) == count and t, "the tasks that are made"
    )
    return sorted((t["headers"]["from"], result(gofer, t["id"])) for t in tasks)


def test_a_child_makes_one_task_of_a_group(store):
    for i in range(6):
        more = "--id", f"p{i}", "--group", "big"
        store("enqueue", "part", "-", *more, input="x" * 400_000)
    for i in range(3):
        store("enqueue", "part", "x", "--id", f"q{i}", "--group", "small")
    worker = aggregating(store)
    assert made_of(store, 2) == [
        ("big", "p0,p1,p2,p3,p4,p5 2400000 bytes in 3 frames"),
        ("small", "q0,q1,q2 3 bytes in 1 frames"),
    ]
    worker.stop()
    assert store.json("group", "ls", "--queue", "default")["items"] == []


@pytest.mark.parametrize("group, why", [("kill", "signal 9 (KILL)"), ("no", "no template")])
def test_a_group_whose_child_fails_is_whole_the_next_time(store, group, why):
    for i in range(3):
        store("enqueue", "part", "x", "--id", f"p{i}", "--group", group)
    worker = aggregating(store)
    assert made_of(store, 1) == [(group, "p0,p1,p2 3 bytes in 1 frames")]
    worker.stop()
    assert "its tasks are put back" in worker.log and why in worker.log


def test_a_stop_lets_a_group_that_has_begun_end(store):
    store("enqueue", "part", "x", "--id", "p0", "--group", "slow")
    worker = aggregating(store, "--group-max-size", "1")
    wait_for(lambda: (store.folder / "begun").exists(), "the group to begin")
    worker.stop()
    assert [t["headers"]["from"] for t in tasks_in(store, "pending")] == ["slow"]


def test_reloaded_children_name_their_groups(store):
    def write(*groups):
        lines = "".join(f"aggregate {group}\\n" for group in groups)
        child(store, AGGREGATOR.replace("aggregate *\\n", lines), "new.py")
        (store.folder / "new.py").rename(store.folder / "aggregator.py")

    def put_parts(group):
        store("enqueue", "part", "x", "--group", group)

    def reloaded(times):
        wait_for(lambda: worker.log.count("children reloaded") == times, "the reload")

    write()
    put_parts("first")
    command = f"={sys.executable} aggregator.py"
    worker = store.worker("--group-max-size", "1", "--reload", "--child", command)
    write("first")                      # the worker has had no aggregator before
    assert [group for group, _ in made_of(store, 1)] == ["first"]
    reloaded(1)
    write("second")
    reloaded(2)
    put_parts("first")
    put_parts("second")
    assert [group for group, _ in made_of(store, 2)] == ["first", "second"]
    write()
    reloaded(3)
    put_parts("second")
    time.sleep(1.5)                     # a worker looks every second
    waiting = store.json("group", "ls", "--queue", "default")["items"]
    assert [(group["group"], group["size"]) for group in waiting] == [("first", 1), ("second", 1)]
    write("*")
    assert [group for group, _ in made_of(store, 4)] == ["first", "first", "second", "second"]


# ---- Reference children


@pytest.mark.parametrize("name", ["child.py", "child.js", "child.rb"])
def test_the_children_of_the_examples(store, name):
    interpreter = INTERPRETERS[name.split(".")[1]]
    if not shutil.which(interpreter):
        pytest.skip(f"n/a: no {interpreter}")
    assert len((EXAMPLES / name).read_text().splitlines()) < 150
    put_all(store, [("math:add", [i, 1], f"a{i}") for i in range(200)])
    put(store, "pages")
    put(store, "math:add", "no json", "bad", "--retry", "0")
    done = store("worker", "--drain", "--child", f"={interpreter} {EXAMPLES / name}")
    assert "a child is ready" in done.err
    assert [result(store, f"a{i}") for i in (0, 77, 199)] == ["1", "78", "200"]
    pages = task(store, "pages")
    assert pages["state"] == "completed" and pages["retried"] == 1
    assert json.loads(result(store, "pages")) == {"from": 3}
    assert [line["text"] for line in pages["log"]["items"]] == ["all pages are in"]
    assert task(store, "bad")["state"] == "archived" and "Error" in task(store, "bad")["last_error"]


def test_handlers_of_all_kinds_in_one_worker(gofer):
    kinds = ["--child", "c:*" + child(gofer), "--shell", "s:*=echo shell", "--exec", "e=cat"]
    if gofer.json("version")["lua"]:
        (gofer.folder / "f.lua").write_text('gofer.handle("l", function() return "lua" end)\n')
        kinds += ["--lua", "f.lua"]
        put(gofer, "l")
    for type in ("ok", "s:x", "e"):
        put(gofer, type, "same")
    gofer("worker", "--drain", *kinds)
    assert [result(gofer, t) for t in ("ok", "s:x", "e")] == ['"same"', "shell\n", "same"]
    assert task(gofer, "ok")["state"] == "completed"


def test_what_a_child_is_given(gofer):
    put(gofer, "env")
    gofer("worker", "--drain", "--child-processes", "2", "--child", child(gofer))
    env = json.loads(result(gofer, "env"))
    assert env["GOFER_CHILD_FD"] == "3" and env["GOFER_CHILD_PROTOCOL"] == "1"
    assert env["GOFER_CHILD_START_MS"] == "30000"
    assert env["GOFER_CHILD_NUMBER"] in "01" and env["GOFER_URL"].startswith("sqlite:/")
    ours = {"GOFER_CHILD_FD", "GOFER_CHILD_PROTOCOL", "GOFER_CHILD_NUMBER", "GOFER_CHILD_START_MS",
            "GOFER_URL"}
    tests = {name for name in os.environ if name.startswith("GOFER_")} - ours
    assert set(env) - tests == ours


# ---- Deaths


@pytest.mark.parametrize("type, error", [
    ("die", "killed by signal 9 (KILL)"), ("exit", "exit code 7"), ("close", "exit code 1"),
])
def test_only_the_task_that_ran_pays(store, type, error):
    put(store, type, "", type, "--retry", "0")
    put_all(store, [("ok", str(i), f"ok{i}") for i in range(20)], "--retry", "0")
    store("worker", "--drain", "--child", child(store))
    got = task(store, type)
    assert got["state"] == "archived" and error in got["last_error"] and got["crashes"] == 0
    assert got["attempts"]["items"][-1]["kind"] == "crashed"
    for i in range(20):
        other = task(store, f"ok{i}")
        assert other["state"] == "completed" and other["retried"] == 0 and other["crashes"] == 0


def test_a_new_child_is_there_within_half_a_second(gofer):
    put(gofer, "die")
    gofer.worker("--retry", "die=fixed:10ms", "--child", child(gofer))
    got = ended(gofer, "die")
    assert result(gofer, "die") == '"again"' and got["retried"] == 1
    crashed, done = [a["at_ms"] for a in got["attempts"]["items"]]
    assert abs(done - crashed) < 3000  # with Python's start, on a busy machine


# A child that counts frames and kills itself behind, or in the middle of, the n-th one, once.
FRAMES = r"""
import os, signal, struct, sys
sys.path.insert(0, EXAMPLES)
import child
from child import *

where = sys.argv[1]

class Dying(Child):
    frames = 0

    def flush(self):
        answer, self.answer = self.answer, b""
        while answer:
            size = 4 + int.from_bytes(answer[:4], "big")
            frame, answer = answer[:size], answer[size:]
            kind = frame[4:5].decode()
            at = {"cut": size // 2, "before": 0, "behind": size}[where.split(":")[1]]
            mine = kind == where[0] and not os.path.exists("died")
            self.socket.sendall(frame[:at] if mine else frame)
            if mine:
                open("died", "w").close()
                os.kill(os.getpid(), signal.SIGKILL)

def work(task):
    task.progress(1, 2)
    task.keep(b"1")
    task.child.send(b"w", struct.pack(">I", 1))
    task.log("a line")
    return task.checkpoint and task.checkpoint.decode()

Dying({"work": work}).serve()
"""


@pytest.mark.parametrize("cut", ["before", "cut", "behind"])
@pytest.mark.parametrize("kind", "hbpcwle")
def test_a_child_killed_at_each_frame(store, kind, cut):
    put_all(
        store,
        [("work", "", str(i)) for i in range(6)],
        "--retry",
        "3",
        "--retry-policy",
        "fixed:10ms",
    )
    store("worker", "--drain", "--child", child(store, FRAMES) + f" {kind}:{cut}")
    tasks = [task(store, str(i)) for i in range(6)]
    assert [t["state"] for t in tasks] == ["completed"] * 6
    begun = kind != "h" and (kind, cut) not in [("b", "before"), ("b", "cut"), ("e", "behind")]
    # Behind its 'end' a child has nothing that runs: the next one had not begun.
    assert sum(t["retried"] for t in tasks) == (1 if begun else 0)
    crashed = [a for t in tasks for a in t["attempts"]["items"] if a["kind"] == "crashed"]
    assert len(crashed) == (1 if begun else 0) and all("KILL" in a["error"] for a in crashed)
    assert all(t["crashes"] == 0 for t in tasks)


def test_a_child_stuck_in_c_code_ends_at_its_deadline(store):
    put(store, "gil", "", "gil", "--timeout", "300ms", "--retry", "0")
    put_all(store, [("ok", "", f"ok{i}") for i in range(5)], "--retry", "0")
    store("worker", "--drain", "--set", "lost_after=300ms", "--child", child(store))
    assert "timed out after 300ms" in task(store, "gil")["last_error"]
    assert [task(store, f"ok{i}")["retried"] for i in range(5)] == [0] * 5


def test_a_running_task_is_cancelled(gofer):
    put(gofer, "gil")
    gofer.worker("--set", "lost_after=200ms", "--child", child(gofer))
    ended(gofer, "gil", "active")
    time.sleep(0.2)
    gofer("task", "cancel", "gil")
    assert "cancelled" in ended(gofer, "gil", "archived")["last_error"]


def test_tasks_that_do_strange_things(gofer):
    for type in ("fork", "binary", "strange"):
        put(gofer, type)
    put(gofer, "ok", "still here")
    done = gofer("worker", "--drain", "--child", child(gofer))
    for type in ("fork", "binary", "strange", "ok"):
        assert task(gofer, type)["state"] == "completed", type
    assert "no text" in done.err


def test_what_a_task_prints_is_in_its_log(gofer):
    put(gofer, "print")
    done = gofer("worker", "--drain", "--child", child(gofer))
    assert "task=print" in done.err.split("hello from print")[1].split("\n")[0]
    assert [line["text"] for line in task(gofer, "print")["log"]["items"]] == ["hello from print"]


def test_children_die_with_a_worker_that_is_killed(gofer):
    put(gofer, "pid")
    put(gofer, "gil")
    worker = gofer.worker("--child", child(gofer))
    ended(gofer, "pid")
    pid = int(result(gofer, "pid"))
    ended(gofer, "gil", "active")
    worker.process.kill()
    worker.wait()

    def gone():
        try:
            return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True
    wait_for(gone, "the child to be gone")


# ---- Starts


def starts(gofer, text):
    return child(gofer, "open('starts', 'a').write('x')\n" + text)


def test_an_import_error_ends_the_worker_with_its_traceback(gofer):
    done = gofer("worker", "--child", starts(gofer, "import there_is_no_such_module\n"), code=1)
    assert "Traceback" in done.err
    assert "No module named 'there_is_no_such_module'" in done.why
    assert (gofer.folder / "starts").read_text() == "xxx"


def test_a_child_that_is_killed_before_its_hello(gofer):
    done = gofer("worker", "--child", starts(gofer, "import os; os.kill(os.getpid(), 9)\n"), code=1)
    assert "died before it was ready, 3 times: killed by signal 9 (KILL)" in done.err


def test_an_import_that_hangs_ends_the_worker(gofer):
    hangs = starts(gofer, "import time; time.sleep(600)\n")
    done = gofer("worker", "--child-start-timeout", "400ms", "--child", hangs, code=1)
    assert "no hello within 400ms" in done.why
    assert (gofer.folder / "starts").read_text() == "x"


def test_an_import_that_hangs_is_ended_by_a_signal(gofer):
    worker = gofer.worker("--child", starts(gofer, "import time; time.sleep(600)\n"), ready=False)
    wait_for(lambda: (gofer.folder / "starts").exists(), "the child to start")
    begun = time.monotonic()
    worker.signal(signal.SIGINT)
    worker.wait()
    assert time.monotonic() - begun < 10 and "Traceback" not in worker.log


@pytest.mark.parametrize("args, code, text", [
    (["--child", "x"], 2, "TYPE=COMMAND"),
    (["--child", "x="], 2, "command is missing"),
    (["--child", "x='a"], 2, "left open"),
    (["--child", "x=/nonexistent/y"], 3, "nonexistent"),
    (["--child", "x=cat", "--child-processes", "0"], 2, "from 1 to 256"),
    (["--child", "x=cat", "--child-processes", "many"], 2, "from 1 to 256"),
    (["--child", "x=cat", "--child-max-age", "old"], 2, "child-max-age"),
    (["--child", "x=cat", "--child-start-timeout", "old"], 2, "child-start-timeout"),
    (["--child", "x=cat", "--child-start-timeout", "0s"], 2, "more than 0"),
    (["--child", "x=cat", "--shell", "x=true"], 4, "registered already"),
    (["--child", "x=cat"], 1, "died before it was ready"),
])
def test_what_is_wrong_with_children(gofer, args, code, text):
    # cat reads /dev/null and ends: it never says hello.
    assert text in gofer("worker", *args, code=code).err


# ---- Stops and recycling


def test_a_stop_puts_back_in_order(store):
    put(store, "sleep", "600", "0")
    put_all(store, [("ok", "", str(i)) for i in range(1, 30)])
    worker = store.worker("--grace", "100ms", "--child", child(store))
    ended(store, "0", "active")
    time.sleep(0.3)  # begun, or not: it goes back either way
    assert worker.stop() == 0
    assert store.states()["pending"] == 30
    assert task(store, "0")["retried"] == 0
    store("worker", "--drain", "--concurrency", "1", "--shell", "*=echo $GOFER_TASK_ID >>order")
    assert (store.folder / "order").read_text().split() == [str(i) for i in range(30)]


def test_a_stop_waits_for_what_runs(gofer):
    put(gofer, "mark", "1")
    worker = gofer.worker("--grace", "30s", "--child", child(gofer))
    wait_for((gofer.folder / "begun").exists, "the task to begin")
    begun = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - begun < 15
    assert task(gofer, "mark")["state"] == "completed"


def test_children_make_way_for_new_ones(gofer):
    put_all(
        gofer,
        [task for i in range(60) for task in (("sleep", "0.02", f"s{i}"), ("pid", "", f"p{i}"))],
    )
    done = gofer("worker", "--drain", "--child-max-tasks", "10", "--child", child(gofer))
    assert "it has run its number of tasks" in done.err
    assert len({result(gofer, f"p{i}") for i in range(60)}) >= 2
    assert "WARN" not in done.err and "ERROR" not in done.err


def test_memory_is_looked_at_while_tasks_run(gofer):
    put(gofer, "grow", "100", "some", "--retry", "0")
    put(gofer, "grow", "900", "much", "--retry", "0")
    put(gofer, "ok", "", "ok", "--retry", "0")
    done = gofer("worker", "--drain", "--child-max-memory", "80M", "--child", child(gofer))
    assert task(gofer, "some")["state"] == "completed" and "over its limit" in done.err
    assert (
        task(gofer, "much")["state"] == "archived"
        and "over its limit" in task(gofer, "much")["last_error"]
    )
    assert task(gofer, "ok")["state"] == "completed"


# ---- Seeing them


def the_worker(gofer):
    (worker,) = gofer.json("worker", "ls")["items"]
    return worker


def in_text(gofer, *args):
    """The rows of `worker ls`, without the head."""
    return gofer("worker", "ls", *args).out.splitlines()[1:]


def test_children_are_seen(store):
    worker = store.worker("--child", child(store), "--child-processes", "2", "--lease", "1s",
                          "--shell", "slot=sleep 60", "--concurrency", "3")
    first = wait_for(lambda: (w := the_worker(store)).get("children_want") == 2 and w, "both")
    assert first["children"] == 2 and first["children_busy"] == first["child_restarts"] == 0
    assert " 0/3 " in in_text(store)[0] and " 2 run 0/2 " in in_text(store)[0]
    before_ms = time.time() * 1000
    put(store, "sleep", "60", "a")
    put(store, "slot", "", "b")
    seen = wait_for(lambda: (w := the_worker(store))["running"] == 2 and w, "what runs")
    # The slots' and the children's are told apart.
    assert seen["children_busy"] == 1 and seen["concurrency"] == 3
    assert " 1/3 " in in_text(store)[0] and " 2 run 1/2 " in in_text(store)[0]
    processes = seen["child_processes"]["items"]
    assert sorted(p["running"] for p in processes) == [0, 1]
    assert [p["number"] for p in processes] == [0, 1]
    for process in processes:
        assert (process["name"], process["state"], process["want"]) == ("broken", "ready", 1)
        assert process["memory"] > 1 << 20 and process["pid"] != worker.process.pid
        assert abs(process["started_at_ms"] - before_ms) < 60000
        os.kill(process["pid"], 0)
    rows = in_text(store, "--children")
    assert [row.split()[1:4] for row in rows] == [
        ["broken", str(p["number"]), str(p["pid"])] for p in processes
    ]
    assert all(" MiB " in row and row.startswith(seen["worker"]) for row in rows)
    # One that dies is counted, and its place is another's.
    idle = next(p for p in processes if not p["running"])
    os.kill(idle["pid"], signal.SIGKILL)
    again = wait_for(lambda: (w := the_worker(store))["child_restarts"] == 1
                     and w["children_want"] == 2 and w, "the new one")
    assert idle["pid"] not in [p["pid"] for p in again["child_processes"]["items"]]
    assert " 2 run 1/2, 1 restart " in in_text(store)[0]


def test_what_children_run_is_what_their_worker_runs(store):
    before_ms = int(time.time() * 1000)
    store.worker("--child", child(store), "--queue", "slow", "--lease", "1s",
                 "--shell", "slot=sleep 60")
    put(store, "sleep", "60", "in child", "--queue", "slow", "--timeout", "50s")
    put(store, "slot", "", "in slot", "--queue", "slow")
    worker = wait_for(lambda: (w := the_worker(store))["running"] == 2 and w, "what runs")
    after_ms = int(time.time() * 1000)
    for id in ("in child", "in slot"):
        shown = task(store, id)
        assert (shown["state"], shown["worker"]) == ("active", worker["worker"])
        assert before_ms <= shown["started_at_ms"] <= after_ms
    if "tasks" in worker:       # Redis: where Asynq's inspector finds them, too
        both = {t["id"]: t for t in worker["tasks"]["items"]}
        assert both.keys() == {"in child", "in slot"}
        ran = both["in child"]
        assert (ran["type"], ran["queue"], ran["payload"]) == ("sleep", "slow", "60")
        assert before_ms <= ran["started_at_ms"] <= after_ms
        assert 0 < ran["deadline_ms"] - ran["started_at_ms"] <= 50001  # each is rounded


def test_lua_sees_the_children(store):
    lua = shutil.which("lua5.4")
    module = pathlib.Path(store.bin).parent / "lua" / "gofer.so"
    if not lua or not module.exists() or os.environ.get("GOFER_SANITIZED"):
        pytest.skip("n/a: no Lua 5.4, or no module that it can load")
    store.worker("--child", child(store))
    wait_for(lambda: the_worker(store).get("children_want"), "the child")
    program = """
        local app = require("gofer").open(os.getenv("GOFER_URL"))
        local worker = app:workers()[1]
        local child = worker.child_processes[1]
        print(worker.children, worker.children_want, worker.children_busy, worker.child_restarts)
        print(#worker.child_processes, child.name, child.state, child.want, child.memory > 0)
        print(math.type(child.pid), math.type(child.started_at_ms))
    """
    done = subprocess.run(
        [lua, "-e", program], env={**store.env, "LUA_CPATH": str(module.parent / "?.so")},
        capture_output=True, text=True, timeout=60,
    )
    assert done.stdout.splitlines() == [
        "1\t1\t0\t0", "1\tbroken\tready\t1\ttrue", "integer\tinteger",
    ], done.stderr


def test_who_has_no_children_says_so(gofer):
    assert gofer("worker", "ls", "--children").err == "no worker is live\n"
    gofer.worker("--exec", "*=true")
    assert gofer("worker", "ls", "--children").err == "no live worker has children\n"
    assert "CHILDREN" not in gofer("worker", "ls").out
    assert "children" not in the_worker(gofer)


def test_children_stand_in_the_workers_figures(gofer):
    put_all(gofer, [("ok", "x", f"t{i}") for i in range(5)])
    put(gofer, "exit", "", "dies", "--retry", "0")
    done = gofer.json("worker", "--drain", "--child", child(gofer), "--log-level", "error")
    assert (done["processed"], done["failed"]) == (6, 1)
    assert done["child_restarts"] == 1 and done["children_busy"] == 0
