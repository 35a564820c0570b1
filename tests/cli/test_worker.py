"""gofer worker, end to end: handlers of every kind, signals, drain, logs, settings."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
from conftest import PATIENCE, ROOT, Connection, Running, Setup, needs_redis, wait_for


def script(gofer, name, text, mode=0o755):
    path = gofer.folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(mode)
    return path


def drain(gofer, *args, code=0):
    """A worker that does what is there and ends."""
    return gofer("worker", "--drain", *args, code=code)


def task(gofer, id):
    return gofer.json("task", "show", id)


def done(gofer, id):
    return wait_for(
        lambda: (t := task(gofer, id))["state"] == "completed" and t, f"task {id} to be done"
    )


# ---- Commands


def test_a_command_gets_payload_and_environment_and_leaves_a_result(gofer):
    script(gofer, "h.sh", 'cat; echo; echo "$@"; env | grep ^GOFER_ | sort\n')
    gofer(
        "enqueue",
        "echo:x",
        "-",
        "--id",
        "e1",
        "--queue",
        "q",
        "--retention",
        "1h",
        input=b"pay\0load",
    )
    drain(gofer, "--queue", "q", "--exec", "echo:*=./h.sh 'one word' two\\ words \"\" $HOME *")
    lines = gofer("task", "show", "e1", "--result").raw.split(b"\n")
    assert lines[0] == b"pay\0load"
    assert lines[1] == b"one word two words  $HOME *"  # words, but no shell
    env = dict(line.decode().split("=", 1) for line in lines[2:] if line)
    assert (
        env["GOFER_TASK_ID"] == "e1"
        and env["GOFER_TASK_TYPE"] == "echo:x"
        and env["GOFER_TASK_QUEUE"] == "q"
    )
    assert env["GOFER_TASK_ATTEMPT"] == "1" and int(env["GOFER_TASK_DEADLINE"]) > 1_700_000_000
    assert env["GOFER_URL"].startswith("sqlite:/")


def test_shell_lines_run_through_the_shell(gofer):
    gofer("enqueue", "sum", "3\n4\n", "--id", "s", "--retention", "1h")
    drain(gofer, "--shell", "sum=awk '{s += $1} END {print s}' | tr 7 x")
    assert gofer("task", "show", "s", "--result").out == "x\n"


@pytest.mark.parametrize(
    "exit_code, state", [(0, "completed"), (75, "retry"), (100, "archived"), (1, "retry")]
)
def test_exit_codes_decide(gofer, exit_code, state):
    gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    gofer.worker("--shell", f"t=echo the reason >&2; exit {exit_code}")
    got = wait_for(
        lambda: (t := task(gofer, "x"))["state"] not in ("pending", "active") and t,
        "the attempt to end",
    )
    assert got["state"] == state
    if exit_code:
        assert "the reason" in got["last_error"]


def test_death_by_signal_is_named(gofer):
    gofer("enqueue", "t", "--id", "x", "--retry", "0")
    drain(gofer, "--shell", "t=kill -SEGV $$")
    got = task(gofer, "x")
    assert got["state"] == "archived" and "SEGV" in got["last_error"]


def test_an_exact_type_wins_over_prefixes(gofer):
    for type in ("a:b", "a:c", "z"):
        gofer("enqueue", type, "--id", type, "--retention", "1h")
    drain(gofer, "--shell", "*=echo any", "--shell", "a:*=echo prefix", "--shell", "a:b=echo exact")
    assert [gofer("task", "show", i, "--result").out for i in ("a:b", "a:c", "z")] == [
        "exact\n",
        "prefix\n",
        "any\n",
    ]


# ---- Lua and plugins


def test_lua_handlers(gofer):
    if not gofer.json("version")["lua"]:
        pytest.skip("n/a: built without Lua")
    (gofer.folder / "f.lua").write_text(
        'gofer.handle("greet:*", function(task) return "hello " .. task.type end)\n'
    )
    gofer("enqueue", "greet:ada", "--id", "g", "--retention", "1h")
    drain(gofer, "--lua", "f.lua")
    assert task(gofer, "g")["state"] == "completed"
    gofer("enqueue", "greet:bob", "--id", "h", "--retention", "1h")
    drain(gofer, "--lua", "f.lua", "--lua-allow", "io", "--lua-allow", "os", "--lua-memory", "8M")
    assert task(gofer, "h")["state"] == "completed"


@pytest.mark.parametrize("source, args, code, text", [
    ("this is not lua", [], 2, "f.lua:1:"),
    ("local x = 1", [], 2, "f.lua"),
    ("error('no \\27[31mgood')", [], 2, "good"),
    ("gofer.handle('a', function() end)", ["--lua-allow", "everything"], 2, "everything"),
])
def test_lua_files_that_cannot_be_used(gofer, source, args, code, text):
    if not gofer.json("version")["lua"]:
        pytest.skip("n/a: built without Lua")
    (gofer.folder / "f.lua").write_text(source)
    got = drain(gofer, "--lua", "f.lua", *args, code=code)
    assert text in got.err and "--lua f.lua" in got.err and "\x1b" not in got.err


def test_lua_options_that_are_wrong(gofer):
    if not gofer.json("version")["lua"]:
        pytest.skip("n/a: built without Lua")
    assert "missing.lua" in drain(gofer, "--lua", "missing.lua", code=3).err
    assert "a size from 1 MiB" in drain(gofer, "--lua", "f.lua", "--lua-memory", "12", code=2).err


PLUGIN = r"""
#include <gofer/gofer.h>
static int32_t handle(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_result(task, "from C", 6) == GOFER_OK ? GOFER_DONE : GOFER_RETRY;
}
int32_t gofer_plugin_abi(void);
gofer_status gofer_plugin_init(gofer_worker *worker);
int32_t gofer_plugin_abi(void) { return ABI; }
gofer_status gofer_plugin_init(gofer_worker *worker)
{
    return gofer_worker_handle(worker, "c:*", handle, 0, 0);
}
"""


def build(gofer, name, source, *flags):
    cc = os.environ.get("CC") or shutil.which("cc")
    if not cc:
        pytest.skip("no C compiler: plugins were not tested")
    (gofer.folder / "p.c").write_text(source)
    subprocess.run(
        [
            cc,
            "-shared",
            "-fPIC",
            "-I",
            ROOT / "core" / "include",
            "-o",
            gofer.folder / name,
            gofer.folder / "p.c",
            *flags,
        ],
        check=True,
    )
    (gofer.folder / name).chmod(0o755)
    return gofer.folder / name


def test_plugins(gofer):
    build(gofer, "p.so", PLUGIN, "-DABI=GOFER_PLUGIN_ABI")
    gofer("enqueue", "c:x", "--id", "c", "--retention", "1h")
    drain(gofer, "--plugin", "./p.so")
    assert gofer("task", "show", "c", "--result").out == "from C"


def test_plugins_that_cannot_be_used(gofer):
    build(gofer, "old.so", PLUGIN, "-DABI=99")
    build(gofer, "none.so", "int nothing; int x(void); int x(void) { return 0; }")
    (gofer.folder / "text.so").write_text("not a shared object")
    (gofer.folder / "text.so").chmod(0o644)
    assert "99" in drain(gofer, "--plugin", "./old.so", code=1).err
    assert "gofer_plugin" in drain(gofer, "--plugin", "./none.so", code=2).err
    assert "text.so" in drain(gofer, "--plugin", "./text.so", code=2).err
    assert "missing.so" in drain(gofer, "--plugin", "./missing.so", code=3).err


# ---- Command lines that cannot work


@pytest.mark.parametrize(
    "args, code, text",
    [
        ([], 2, "no handler: give --exec"),
        (["--exec", "t"], 2, "TYPE=COMMAND"),
        (["--exec", "=x"], 2, "TYPE=COMMAND"),
        (["--exec", "t="], 2, "the command is missing"),
        (["--exec", "t=  "], 2, "the command is missing"),
        (["--exec", "t=sh 'open"], 2, "left open"),
        (["--exec", "t=no-such-command-here"], 3, "no-such-command-here"),
        (["--exec", "t=./plain"], 6, "plain"),
        (["--exec", "a*b=true"], 2, "a*b"),
        (["--exec", "t=true", "--exec", "t=false"], 4, "--exec t=false"),
        (["--shell", "t"], 2, "TYPE=LINE"),
        (["--shell", "t= "], 2, "TYPE=LINE"),
        (["--exec", "t=true", "--queue", "mail=0"], 2, "from 1 to 1000"),
        (["--exec", "t=true", "--queue", "mail=x"], 2, "from 1 to 1000"),
        (["--exec", "t=true", "--queue", "mail=1001"], 2, "from 1 to 1000"),
        (["--exec", "t=true", "--queue", "=3"], 2, "--queue"),
        (["--exec", "t=true", "--concurrency", "0"], 2, "concurrency"),
        (["--exec", "t=true", "--concurrency", "many"], 2, "many"),
        (["--exec", "t=true", "--grace", "-1s"], 2, "grace"),
        (["--exec", "t=true", "--lease", "1ms"], 2, "lease"),
        (["--exec", "t=true", "--set", "x"], 2, "KEY=VALUE"),
        (["--exec", "t=true", "--set", "concurency=3"], 2, "did you mean 'concurrency'?"),
        (["--exec", "t=true", "--set", "crash_limit=x"], 2, "crash_limit"),
        (["--exec", "t=true", "--set", "pull=1"], 2, "pull"),
        (["--exec", "t=true", "--set", "stack=65536"], 2, "from 131072"),
        (["--exec", "t=true", "--schedule", "fifo"], 2, "is no file"),
    ],
)
def test_wrong_worker_command_lines(gofer, args, code, text):
    (gofer.folder / "plain").write_text("not executable")
    os.mkfifo(gofer.folder / "fifo")
    got = drain(gofer, *args, code=code)
    assert text in got.err and got.err.startswith("gofer: ") and got.out == ""


# ---- Running, stopping


def test_a_worker_takes_what_comes_and_shows_itself(gofer):
    worker = gofer.worker(
        "--queue",
        "mail=3",
        "--queue",
        "low",
        "--strict",
        "--concurrency",
        "7",
        "--shell",
        "t=cat",
        "--grace",
        "3s",
        "--lease",
        "20s",
        "--set",
        "crash_limit=5",
    )
    seen = gofer.live(worker.process.pid)
    assert (
        seen["concurrency"] == 7
        and seen["strict"] is True
        and "mail=3" in seen["queues"]
        and "low" in seen["queues"]
    )
    table = gofer("worker", "ls").out
    assert str(worker.process.pid) in table and "0/7" in table
    assert str(worker.process.pid) in gofer("stats").out
    gofer("enqueue", "t", "hi", "--id", "x", "--queue", "low", "--retention", "1h")
    done(gofer, "x")
    assert worker.stop() == 0
    assert gofer.live(worker.process.pid) is None


def slow(gofer, seconds=60):
    """A handler that says when it began and what signals it got; `ended` if it was let finish."""
    return script(gofer, "slow.sh", f"""
        echo $$ > began
        trap 'echo TERM > told; exit 1' TERM
        i=0
        while [ $i -lt {seconds * 20} ] && [ ! -e finish ]; do sleep 0.05; i=$((i + 1)); done
        echo > ended
    """)


def begun(gofer):
    wait_for((gofer.folder / "began").exists, "the handler to begin")


def test_term_lets_handlers_finish(gofer):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    worker = gofer.worker("--exec", "t=./slow.sh", "--grace", "60s")
    begun(gofer)
    worker.signal(signal.SIGTERM)
    wait_for(lambda: "signal=" in worker.log, "the signal to be logged")
    (gofer.folder / "finish").touch()
    assert worker.wait() == 0
    assert task(gofer, "x")["state"] == "completed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_broker_is_opened_is_a_clean_end(gofer, number):
    """A server that accepts and never answers: the worker is stopped before it has begun."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        worker = gofer.worker("--exec", "t=true", "--url", url, ready=False)
        with silent.accept()[0]:
            worker.signal(number)
            assert worker.wait() == 0, worker.log


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_second_signal_does_not_wait(gofer, first):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x")
    worker = gofer.worker("--exec", "t=./slow.sh", "--grace", "10m")
    begun(gofer)
    worker.signal(first)
    wait_for(lambda: "signal=" in worker.log, "the signal to be logged")
    time.sleep(0.3)  # together they would be one
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    got = task(gofer, "x")
    assert got["state"] == "pending" and got["retried"] == 0  # put back, not counted
    assert not (gofer.folder / "ended").exists()


def test_signals_that_come_together_are_one(gofer):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    worker = gofer.worker("--exec", "t=./slow.sh", "--grace", "10m")
    begun(gofer)
    # Stopped, it finds both at once, however slow this machine is. Two of a number would be
    # merged by the kernel.
    worker.signal(signal.SIGSTOP)
    worker.signal(signal.SIGTERM)
    worker.signal(signal.SIGINT)
    worker.signal(signal.SIGCONT)
    wait_for(lambda: "signal=" in worker.log, "the signal to be logged")
    time.sleep(2)  # told without grace, the command would be ended by now
    (gofer.folder / "finish").touch()
    assert worker.wait() == 0
    assert task(gofer, "x")["state"] == "completed" and not (gofer.folder / "told").exists()


@needs_redis
def test_a_store_that_is_away_holds_up_no_end(gofer):
    slow(gofer)
    with Running("single", Setup()) as topology:
        gofer.env["GOFER_URL"] = topology.url
        host, port = topology.url.split("//")[1].split("/")[0].rsplit(":", 1)
        with Connection((host, int(port))) as redis:
            pid = int(
                next(
                    line
                    for line in redis("INFO", "server").decode().split()
                    if line.startswith("process_id:")
                )[11:]
            )
        gofer("enqueue", "t", "--id", "x")
        worker = gofer.worker("--exec", "t=./slow.sh", "--grace", "1s")
        begun(gofer)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            code = worker.stop()
            took = time.monotonic() - began
        finally:
            os.kill(pid, signal.SIGCONT)
        assert code == 5 and "outcomes could not be handed in" in worker.log, (
            code,
            took,
            pid,
            worker.log,
        )
        # three seconds, and what a busy machine needs; waiting for each call, it was over twenty
        assert took < 10, took


def test_a_command_to_stop_may_be_repeated(gofer):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    worker = gofer.worker("--exec", "t=./slow.sh", "--grace", "10m")
    begun(gofer)
    for _ in range(2):
        gofer("worker", "set", gofer.live(worker.process.pid)["worker"], "stop")
        time.sleep(1.5)
    (gofer.folder / "finish").touch()
    assert worker.wait() == 0
    assert task(gofer, "x")["state"] == "completed" and not (gofer.folder / "told").exists()


def test_a_schedule_that_becomes_a_fifo_holds_up_nothing(gofer):
    plan = gofer.folder / "plan.json"
    plan.write_text('{"entries": []}')
    worker = gofer.worker("--exec", "t=true", "--schedule", "plan.json")
    os.mkfifo(gofer.folder / "fifo")
    os.rename(gofer.folder / "fifo", plan)
    wait_for(lambda: "is no file" in worker.log, "the change to be seen")
    assert worker.stop() == 0


def test_grace_runs_out(gofer):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x")
    worker = gofer.worker("--exec", "t=./slow.sh", "--grace", "200ms")
    begun(gofer)
    assert worker.stop() == 0
    assert task(gofer, "x")["state"] == "pending" and (gofer.folder / "told").exists()


def test_cancel_stops_a_command(gofer):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x", "--retry", "2")
    worker = gofer.worker("--exec", "t=./slow.sh")
    begun(gofer)
    assert gofer("task", "cancel", "x").out == "cancelled x\n"
    wait_for(lambda: task(gofer, "x")["state"] == "archived", "the task to be set aside")
    got = task(gofer, "x")
    assert got["last_error"].startswith("cancelled") and got["retried"] == 0
    assert got["attempts"]["items"][-1]["kind"] == "cancelled"
    assert (gofer.folder / "told").exists()
    assert "asked to stop" in worker.log
    assert "has come to its end" in gofer("task", "cancel", "x", code=4).err
    gofer("task", "cancel", "none", code=3)
    gofer("task", "cancel", code=2)
    assert worker.stop() == 0


def test_cancel_stops_a_lua_handler_that_swallows_errors(gofer):
    (gofer.folder / "h.lua").write_text("""
        gofer.handle("t", function(task)
          while true do pcall(function() while true do end end) end
        end)
    """)
    gofer("enqueue", "t", "--id", "x", "--retry", "0")
    worker = gofer.worker("--lua", "h.lua")
    wait_for(lambda: task(gofer, "x")["state"] == "active", "the handler to begin")
    gofer("task", "cancel", "x", "--queue", "default")
    wait_for(lambda: task(gofer, "x")["state"] == "archived", "the task to be given up")
    assert task(gofer, "x")["last_error"].startswith("cancelled: ")
    assert worker.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGUSR1])
def test_quiet_takes_nothing_more_and_goes_on(gofer, number):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    worker = gofer.worker("--exec", "t=./slow.sh", "--shell", "later=true")
    begun(gofer)
    worker.signal(number)
    wait_for(lambda: gofer.live(worker.process.pid)["state"] == "quiet", "the worker to be quiet")
    gofer("enqueue", "later", "--id", "y")
    (gofer.folder / "finish").touch()
    done(gofer, "x")
    assert task(gofer, "y")["state"] == "pending" and worker.process.poll() is None
    assert worker.stop() == 0
    assert task(gofer, "y")["state"] == "pending"


def test_children_have_default_signals(gofer):
    gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    drain(gofer, "--shell", "t=grep -E '^Sig(Ign|Blk)' /proc/self/status || true")
    lines = gofer("task", "show", "x", "--result").out.split("\n")
    if not lines[0]:
        pytest.skip("no /proc here")
    for line in lines[:-1]:
        # 32 and 33 belong to the C library's threads.
        assert int(line.split()[1], 16) & ~(3 << 31) == 0, lines


def test_killed_workers_lose_nothing(gofer):
    slow(gofer)
    gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    worker = gofer.worker("--exec", "t=./slow.sh")
    begun(gofer)
    worker.signal(signal.SIGKILL)
    worker.wait()
    (gofer.folder / "finish").touch()
    gofer.worker("--exec", "t=./slow.sh")
    assert done(gofer, "x")["crashes"] == 1


# ---- Drain


def test_drain_ends_when_the_queues_are_empty(gofer):
    assert drain(gofer, "--exec", "t=true").out == ""
    gofer("enqueue", "t", "--count", "50", "--queue", "q")
    drain(gofer, "--queue", "q", "--shell", "t=true")
    assert gofer.states("q")["pending"] == 0 and gofer.states("q")["processed"] == 50


def test_json_prints_the_figures_at_the_end(gofer):
    gofer("enqueue", "t", "--count", "3")
    gofer("enqueue", "bad", "--retry", "0")
    got = drain(gofer, "--shell", "t=true", "--shell", "bad=exit 1", "--json").json
    assert got["processed"] == 4 and got["failed"] == 1


def test_memory_broker_runs_within_one_process(gofer):
    assert gofer("worker", "--drain", "--exec", "t=true", "--url", "memory:").code == 0


# ---- Logs


def test_text_logs_are_one_line_each_and_escaped(gofer):
    gofer("enqueue", "t", "--id", "x", "--retry", "0")
    got = drain(
        gofer,
        "--shell",
        "t=printf 'two\\nlines \\033[31m\\r2099-01-01 ERROR forged' >&2; exit 1",
        "--log-level",
        "debug",
    )
    assert "\x1b" not in got.err and "\r" not in got.err
    assert all(line[:4].isdigit() and line[4] == "-" for line in got.err.splitlines()), got.err
    assert any("x" in line and ("two" in line) for line in got.err.splitlines()), got.err


def test_json_logs(gofer):
    gofer("enqueue", "t", "--id", "x", "--retry", "0")
    got = drain(
        gofer,
        "--shell",
        "t=printf 'two\\nlines \\033[31m \"' >&2; exit 1",
        "--log-format",
        "json",
        "--log-level",
        "debug",
    )
    lines = [json.loads(line) for line in got.err.splitlines()]
    assert lines
    for line in lines:
        assert (
            line["level"] in ("debug", "info", "warn", "error")
            and line["time"].endswith("Z")
            and line["text"]
        )


def test_quiet_logs_nothing_when_all_is_well(gofer):
    gofer("enqueue", "t")
    assert drain(gofer, "-q", "--exec", "t=true").err == ""


def test_a_log_nobody_reads_does_not_stop_the_work(gofer):
    gofer("enqueue", "t", "--count", "20", "--retry", "0")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as err:
        finished = subprocess.run(
            [gofer.bin, "worker", "--drain", "--shell", "t=exit 1", "--log-level", "debug"],
            stderr=err,
            env=gofer.env,
            timeout=60,
        )
    assert finished.returncode == 0 and gofer.states()["archived"] == 20


def test_a_log_that_is_not_read_holds_up_nobody(gofer):
    fifo = gofer.folder / "log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    gofer("enqueue", "t", "--id", "x", "--retry", "0", "--timeout", "3s")
    with open(fifo, "wb") as log:
        worker = subprocess.Popen(
            [gofer.bin, "worker", "--shell", "t=seq 20000 >&2; sleep 60", "--grace", "1s"],
            stderr=log,
            env=gofer.env,
        )
    try:
        wait_for(
            lambda: task(gofer, "x")["state"] == "archived",
            "the deadline, although nobody reads the log",
        )
        assert "at the deadline" in task(gofer, "x")["last_error"]
        gofer("enqueue", "t", "--id", "y")
        wait_for(lambda: task(gofer, "y")["state"] == "active", "the next task")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        assert task(gofer, "y")["state"] == "pending"
        assert len(os.read(reader, 1 << 20)) > 1000  # what was written before is there
    finally:
        worker.kill()
        os.close(reader)


def test_a_flood_is_bounded_and_what_is_left_out_is_told(gofer):
    gofer("enqueue", "t", "--id", "x")
    got = drain(
        gofer,
        "--shell",
        "t=i=0; while [ $i -lt 9000 ]; do echo log info $i >&3; i=$((i + 1)); done",
    )
    assert "left out here" in got.err
    gofer("enqueue", "t", "--id", "y")
    got = drain(
        gofer, "--shell", "t=head -c 1000000 /dev/zero | tr '\\0' x | sed 's/^/log info /' >&3"
    )
    assert max(len(line) for line in got.err.splitlines()) < 12500


def test_json_logs_are_utf_8_whatever_is_said(gofer):
    gofer("enqueue", "t", "--id", "x", "--retry", "0")
    said = "bad \\377\\376 byte \\355\\240\\200 \\303"
    done = subprocess.run(
        [
            gofer.bin,
            "worker",
            "--drain",
            "--log-format",
            "json",
            "--shell",
            f"t=printf '{said}\\n' >&2; printf 'log warn {said}\\n' >&3; exit 1",
        ],
        capture_output=True,
        env=gofer.env,
        timeout=60,
    )
    lines = [json.loads(line) for line in done.stderr.decode("utf-8", "strict").splitlines()]
    assert sum("byte" in line["text"] for line in lines) >= 2


def test_the_smallest_stack_is_enough(gofer):
    gofer("enqueue", "t", "--id", "x", "--retry", "0")
    drain(gofer, "--set", "stack=131072", "--log-level", "debug", "--shell",
          "t=seq 1 3000 >&2; seq 1 100 | sed 's/^/log warn /' >&3; exit 1")
    assert task(gofer, "x")["state"] == "archived"


# ---- Footprint


def test_an_idle_worker_is_small_and_asleep(gofer):
    if os.environ.get("GOFER_SANITIZED") or not os.path.exists("/proc/self/status"):
        pytest.skip("n/a: memory of a sanitized build says nothing")
    worker = gofer.worker("--exec", "t=true", "--concurrency", "10")
    status = open(f"/proc/{worker.process.pid}/status").read()
    size = dict(re.findall(r"^(\w+):\s+(\d+) kB$", status, re.M))
    # Its own; of the pages of its libraries the system decides how many are in memory,
    # and others share them.
    assert int(size["RssAnon"]) + int(size["RssShmem"]) < 3 * 1024, status

    def used():
        parts = open(f"/proc/{worker.process.pid}/stat").read().rsplit(")", 1)[1].split()
        wakes = 0
        for thread in os.listdir(f"/proc/{worker.process.pid}/task"):
            text = open(f"/proc/{worker.process.pid}/task/{thread}/status").read()
            wakes += int(
                next(
                    line.split()[1]
                    for line in text.splitlines()
                    if line.startswith("voluntary_ctxt")
                )
            )
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK"), wakes

    # Asleep: what a loop that does not wait would use up in a fraction of the time, whatever
    # the machine is doing.
    time.sleep(1)
    before, began = used(), time.monotonic()
    time.sleep(5)
    after, took = used(), time.monotonic() - began
    assert after[0] - before[0] < 0.1 * took, (before, after)
    assert after[1] - before[1] < 40 * took, (before, after)
    assert worker.stop() == 0
