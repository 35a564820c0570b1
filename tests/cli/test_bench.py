"""`gofer bench`: what it measures, that it leaves nothing behind, and where it does not begin."""
import json
import signal
import sqlite3
import subprocess

import pytest

from conftest import PATIENCE, ROOT, Running, Setup, wait_for

BRIEF = ("--tasks", "30", "--time", "100ms", "--rounds", "2")
LONG = ("--tasks", "100000000", "--time", "10m", "--phase", "live")
FIGURES = {
    "enqueue": {"rate", "client_cpu"},
    "threads": {"rate", "client_cpu"},
    "bulk": {"rate", "client_cpu"},
    "drain": {"rate", "worker_cpu"},
    "live": {"rate", "start_p50", "start_p99", "client_cpu", "worker_cpu"},
    "idle": {"call", "start_p50", "start_p99"},
    "load": {"rate", "start_p50", "start_p99", "worker_cpu"},
}


def content(gofer, connection=None):
    """All that the store holds."""
    if connection:
        return sorted(connection("KEYS", "*"))
    with sqlite3.connect(gofer.db) as base:
        lines = [line for line in base.iterdump() if "sqlite_sequence" not in line]
    base.close()
    return lines


@pytest.fixture
def before(request, store):
    """The store with a queue of its user's in it, and a look at all that it holds."""
    is_redis = store.env["GOFER_URL"].startswith("redis")
    connection = request.getfixturevalue("redis") if is_redis else None
    store.enqueue("mine", "--queue", "mine")
    kept = content(store, connection)
    assert kept
    return lambda: content(store, connection) == kept


def begun(gofer, *words, **how):
    """A benchmark that goes on, once its tasks are in the store."""
    process = subprocess.Popen([gofer.bin, "bench", *words], env=gofer.env, cwd=gofer.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
    wait_for(lambda: process.poll() is not None or private(gofer), "the queue")
    assert process.poll() is None, process.communicate()
    return process


def private(gofer):
    return [each for each in gofer.json("queue", "ls")["items"]
            if each["queue"].startswith("gofer-bench-") and each["processed"]]


def test_every_phase_is_measured_and_nothing_stays(store, before):
    done = store("bench", *BRIEF, "--json")
    ground, *lines = map(json.loads, done.out.splitlines())
    assert ground["tasks"] == 30 and ground["rounds"] == 2 and ground["payload"] == 64
    assert ground["limit"] == ("synced write" if ground["store"] == "sqlite" else "round trip")
    seen = {}
    for line in lines:
        assert 0 < line["lowest"] <= line["median"] <= line["highest"], line
        assert line["rounds"] == 2
        is_compared = line["figure"] not in ("client_cpu", "worker_cpu")
        assert ("per_limit" in line) == (
            is_compared and (line["phase"], line["figure"]) != ("limit", "call")
        ), line
        seen.setdefault(line["phase"], set()).add(line["figure"])
    is_server = ground["limit"] == "round trip"
    assert seen.pop("limit") == ({"call", "script"} if is_server else {"call"})
    assert seen == FIGURES
    assert before()
    assert store.json("stats")["types"] == []
    assert store.json("worker", "ls")["items"] == []


def test_the_table_is_for_people(gofer):
    url = f"sqlite:{gofer.folder / 'other.db'}"
    done = gofer("bench", url, *BRIEF, "--phase", "bulk", "--phase", "idle")
    head, machine, plan, blank, *rows = done.out.splitlines()
    assert head.startswith("gofer ") and url in head and "every commit synced" in head
    assert "cores" in machine and "load" in machine and plan.startswith("rounds: 2; tasks")
    assert blank == "" and rows[0].split()[:2] == ["PHASE", "FIGURE"]
    assert rows[0].endswith("PER SYNCED WRITE")
    assert [row.split()[0] for row in rows if row[0] != " "][1:] == ["synced", "bulk", "idle"]
    assert "round 2 of 2" in done.err
    assert not gofer.db.exists()        # the URL that was given, not that of the environment


def test_a_store_of_one_process(gofer):
    done = gofer("bench", "memory:", *BRIEF, "--json")
    ground, *lines = map(json.loads, done.out.splitlines())
    assert ground["store"] == "memory" and ground["limit"] is None
    assert {line["phase"] for line in lines} == set(FIGURES)
    assert not any("per_limit" in line or line["figure"] == "worker_cpu" for line in lines)


@pytest.mark.parametrize("payload, size", [("8", 8), ("4K", 4096), ("1M", 1 << 20)])
def test_payloads(store, payload, size):
    done = store("bench", "--payload", payload, "--tasks", "3", "--rounds", "1", "--json",
                 "--phase", "drain", "--phase", "live")
    assert json.loads(done.out.splitlines()[0])["payload"] == size
    assert store.json("queue", "ls")["items"] == []


def test_large_payloads_make_it_fewer_tasks(gofer):
    done = gofer("bench", "memory:", "--payload", "16M", "--rounds", "1", "--json",
                 "--phase", "bulk", "--time", "10ms")
    assert json.loads(done.out.splitlines()[0])["tasks"] == 16


@pytest.mark.parametrize("words, says", [
    (["--phase", "drian"], "did you mean 'drain'?"),
    (["--phase", "zzz"], "enqueue, threads, bulk"),
    (["--payload", "7"], "--payload"),
    (["--rounds", "0"], "--rounds"),
    (["--threads", "257"], "--threads"),
    (["--time", "1ms"], "--time"),
    (["--timeout", "0"], "--timeout"),
    (["a.db", "b.db"], "too many"),
    (["a.db", "--url", "./b.db"], "given twice"),
    (["nonsense:"], "unknown scheme"),
])
def test_wrong_words(gofer, words, says):
    done = gofer("bench", *words, code=2)
    assert says in done.why and done.out == ""


def test_no_server(gofer):
    done = gofer("bench", "redis://127.0.0.1:1/0", "--timeout", "300ms", "--json", code=5)
    assert done.error["exit"] == 5 and done.out == ""


def test_a_queue_that_is_there_is_left_alone(store, before):
    done = store("bench", "--queue", "mine", code=4)
    assert "there is a queue 'mine' already, with 1 tasks" in done.why
    assert before()


def test_a_worker_that_would_take_its_tasks(store):
    worker = store.worker("--queue", "other", "--queue", "elsewhere", "--exec", "*=true")
    done = store("bench", *BRIEF, "--queue", "elsewhere", code=4)
    assert "would take the tasks" in done.why and "--queue" in done.why
    store("bench", *BRIEF, "--phase", "drain")
    assert {each["queue"] for each in store.json("queue", "ls")["items"]} <= {"other", "elsewhere"}
    assert worker.stop() == 0


def test_a_worker_of_every_queue(store):
    """A store may know only later what it serves: then it has taken some meanwhile."""
    worker = store.worker("--queue", "gofer-*", "--exec", "*=true", "--concurrency", "50")
    done = store("bench", "--phase", "live", "--time", "2s", "--rounds", "1", code=4)
    assert "would take the tasks" in done.why or "another worker takes from it" in done.why
    assert store.json("queue", "ls")["items"] == []
    assert worker.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_stays(store, before, number):
    process = begun(store, *LONG)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -number
    assert b"is removed" in err
    assert before() and store.json("worker", "ls")["items"] == []


def test_ctrl_c_in_a_terminal_is_for_all_its_processes(gofer):
    process = begun(gofer, *LONG, start_new_session=True)
    kept = process.pid
    subprocess.run(["kill", "-INT", "--", f"-{kept}"], check=True)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGINT
    assert gofer.json("queue", "ls")["items"] == []


def test_what_is_killed_is_cleaned_up_after(store, before):
    process = begun(store, *LONG)
    process.kill()
    process.wait()
    wait_for(before, "the queue to go")
    process.communicate()               # its end of file: no process of it is left


def test_a_server_that_goes_away(gofer):
    with Running("single", Setup()) as topology:
        gofer.env["GOFER_URL"] = topology.url
        process = begun(gofer, *LONG, "--timeout", "300ms")
        topology.data[0].stop()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    lines = [line for line in err.decode().splitlines() if line.startswith("gofer: ")]
    assert len(lines) == 2 and "is left (gofer queue rm" in lines[1]


def test_no_permission_for_the_file(gofer, as_nobody_special):
    gofer.enqueue("mine")
    gofer.db.chmod(0o400)
    done = gofer("bench", *BRIEF, code=None, before=as_nobody_special)
    assert done.code == 6 and "tasks.db" in done.why, done


def test_no_permission_on_the_server(gofer, redis):
    rules = [line.split("#")[0].strip() for line in
             (ROOT / "tests/redis/acl.txt").read_text().splitlines()]
    rules = [rule for rule in rules if rule]
    url = gofer.env["GOFER_URL"].replace("://", "://ben:s@")
    try:
        redis("ACL", "SETUSER", "ben", "on", ">s", *rules)
        gofer("bench", url, *BRIEF, "--phase", "drain")     # what gofer needs is enough
        redis("ACL", "SETUSER", "ben", "-lpush")
        assert "lpush" in gofer("bench", url, *BRIEF, code=6).why.lower()
        assert redis("KEYS", "*gofer-bench*") == []
    finally:
        redis("ACL", "DELUSER", "ben")
