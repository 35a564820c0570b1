"""Tasks that kill their workers, and their neighbours: a supervisor starts the worker again and
again, until its queues are empty. The killer is archived for what it did; nothing else is."""
import os
import signal
import subprocess
import time

import pytest

from conftest import ROOT, wait_for

LONG = 300  # seconds; for what takes many workers
REASON = "worker died 4 times while running this task (crash limit 3)"


def supervise(gofer, *args):
    """A worker that drains, started anew until one ends well; how many died."""
    end = time.monotonic() + LONG
    deaths = 0
    while True:
        worker = gofer.worker("--lease", "2s", "--drain", *args, ready=False)
        code = worker.process.wait(max(1, end - time.monotonic()))
        if code == 0:
            return deaths
        assert code in (-signal.SIGKILL, -signal.SIGSEGV), (code, worker.log)
        deaths += 1
        assert time.monotonic() < end, worker.log


def archived(gofer, queue="default"):
    items = gofer.json("task", "ls", "--queue", queue, "--state", "archived")["items"]
    return {t["id"]: t for t in items}


def test_a_killer_does_not_take_its_neighbours_along(store):
    for name in ("a", "b"):
        store.enqueue("sleep", "--id", name)
    store.enqueue("kill", "--id", "killer")
    store.enqueue("sleep", "--id", "c")
    deaths = supervise(store, "--concurrency", "4", "--shell", "sleep=sleep 1",
                       "--shell", "kill=kill -9 $PPID")
    assert deaths == 5  # one that might have been any of them, and four on trial
    dead = archived(store)
    assert list(dead) == ["killer"] and dead["killer"]["crashes"] == 4
    assert dead["killer"]["last_error"] == REASON
    assert store.states()["processed"] == 4 and store.states()["failed"] == 1


SEGFAULT = """
#include <gofer/gofer.h>
#include <stddef.h>
int32_t gofer_plugin_abi(void);
gofer_status gofer_plugin_init(gofer_worker *worker);
static int32_t quick(gofer_task *task, void *user) { (void)task, (void)user; return GOFER_DONE; }
static int32_t crash(gofer_task *task, void *user)
{
    volatile int *nowhere = NULL;
    (void)task, (void)user;
    return *nowhere = GOFER_DONE;
}
int32_t gofer_plugin_abi(void) { return GOFER_PLUGIN_ABI; }
gofer_status gofer_plugin_init(gofer_worker *worker)
{
    gofer_status st = gofer_worker_handle(worker, "quick", quick, 0, 0);
    return st == GOFER_OK ? gofer_worker_handle(worker, "crash", crash, 0, 0) : st;
}
"""


def test_a_crash_among_thousands_archives_one(store):
    if os.environ.get("GOFER_SANITIZED"):
        pytest.skip("n/a: a sanitizer has its own opinion of signals")
    (store.folder / "p.c").write_text(SEGFAULT)
    built = subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "p.c", "-o", "p.so",
                            "-I", ROOT / "core" / "include"], cwd=store.folder, capture_output=True)
    if built.returncode:
        pytest.skip("no C compiler: crashing plugins were not tested")
    (store.folder / "p.so").chmod(0o755)
    store.enqueue("quick", "--count", "1500")
    store.enqueue("crash", "--id", "killer")
    store.enqueue("quick", "--count", "1499")
    supervise(store, "--concurrency", "4", "--plugin", "./p.so")
    dead = archived(store)
    assert list(dead) == ["killer"] and dead["killer"]["crashes"] == 4
    assert store.states()["processed"] == 3000 and store.states()["failed"] == 1


def test_long_tasks_run_side_by_side_again_after_a_reboot(store):
    """None waits for the end of another, and none is charged when the host goes down once more."""
    stay = ["--lease", "2s", "--concurrency", "8",
            "--shell", "stay=while [ ! -e stop ]; do sleep 0.1; done",
            "--shell", "quick=true"]
    ids = [f"t{i}" for i in range(5)]
    for name in ids:
        store.enqueue("stay", "--id", name)
    for boot in range(2):
        worker = store.worker(*stay)
        me = store.live(worker.process.pid)["worker"]
        end = time.monotonic() + LONG
        while not all(store.json("task", "show", name).get("worker") == me for name in ids):
            assert time.monotonic() < end, worker.log
            time.sleep(0.1)
        store.enqueue("quick", "--id", f"q{boot}")
        # Which begins when nothing is on trial any more.
        wait_for(lambda: store.states()["processed"] == boot + 1, "a task beside them")
        records = [store.json("task", "show", name) for name in ids]
        assert [(r["crashes"], r.get("suspect", 0)) for r in records] == [(0, boot)] * len(ids)
        worker.signal(signal.SIGKILL)
        worker.wait()
    (store.folder / "stop").touch()
    assert supervise(store, *stay) == 0
    assert not archived(store) and store.states()["processed"] == len(ids) + 2


def test_several_workers_try_suspects_of_one_queue(store):
    """Each tries its own. The one that is killed, and an idle one beside it, blame none."""
    for i in range(6):
        store.enqueue("sleep", "--id", f"s{i}")
    store.enqueue("kill", "--id", "killer")
    rules = ["--lease", "2s", "--concurrency", "8", "--shell", "sleep=sleep 1",
             "--shell", "kill=kill -9 $PPID"]
    idle = store.worker("--lease", "2s", "--queue", "nothing", "--shell", "x=true")
    workers = [store.worker(*rules, ready=False) for _ in range(2)]
    idle.signal(signal.SIGKILL)
    idle.wait()
    end = time.monotonic() + LONG
    while store.states()["processed"] < 7:
        assert time.monotonic() < end
        workers = [w if w.process.poll() is None else store.worker(*rules, ready=False)
                   for w in workers]
        time.sleep(0.1)
    dead = archived(store)
    assert list(dead) == ["killer"] and dead["killer"]["last_error"] == REASON
    for worker in workers:
        if worker.process.poll() is None:
            worker.stop()


KILLER = """#!/bin/sh
grep -q poison && kill -9 $PPID
echo fine
"""


def test_an_aggregator_that_kills_its_worker_is_not_begun_for_ever(store, request):
    """Its set is archived after the same crashes as a task; the rest of the
    group goes on."""
    is_redis = store.env["GOFER_URL"].startswith("redis")
    script = store.folder / "digest.sh"
    script.write_text(KILLER)
    script.chmod(0o755)
    for name in ("1poison", "2beside", "3later", "4later"):
        store.enqueue("part", name, "--id", name, "--group", "ann")
    end = time.monotonic() + LONG
    deaths = 0
    while store.states()["aggregating"]:
        worker = store.worker("--lease", "2s", "--drain", "--set", "group_max_size=2",
                              "--aggregate", f"ann:made={script}", "--shell", "made=cat",
                              ready=False)
        code = worker.process.wait(max(1, end - time.monotonic()))
        assert code in (0, -signal.SIGKILL), (code, worker.log)
        deaths += code != 0
        assert deaths <= 4, worker.log
        if is_redis:  # which sees no death: the time of its sets is over
            redis, sets = request.getfixturevalue("redis"), "asynq:{default}:aggregation_sets"
            for key in redis("ZRANGE", sets, 0, -1):
                redis("ZADD", sets, 1, key)
        assert time.monotonic() < end, worker.log
    assert deaths == 4
    dead = archived(store)
    assert sorted(dead) == ["1poison", "2beside"]
    reason = "the aggregator of group 'ann' crashed its worker 4 times (crash limit 3)"
    assert {t["last_error"] for t in dead.values()} == {reason}
    assert store.states()["processed"] == 1 and store.states()["failed"] == 0
    assert "a group's tasks were archived" in "".join(w.log for w in store.workers)
