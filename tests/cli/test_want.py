"""What the worker itself lacks to run a task is not the task's failure: the task goes back, with
all its attempts, and is run when there is room. One warning says so, not one for each task."""
import os
import pathlib
import resource
import stat
import time

import pytest

from conftest import wait_for

WARNING = "the worker lacks what its tasks need"
OVER = "the worker has what its tasks need again"


def state_of(gofer, worker):
    live = gofer.live(worker.process.pid)
    return live and live["state"]


def unharmed(gofer):
    """Nothing has lost an attempt, or is anywhere but in its queue or done."""
    states = gofer.states()
    return states["retry"] == states["archived"] == states["failed"] == 0


def lowered(pid, what, value):
    resource.prlimit(pid, what, (value, resource.prlimit(pid, what)[1]))


def starves_and_recovers(gofer, worker, mend, count):
    wait_for(lambda: state_of(gofer, worker) == "lacking", "the worker to be shown as lacking")
    time.sleep(1)  # long enough for thousands of tries, if nothing slowed them
    assert unharmed(gofer) and gofer.states()["processed"] == 0
    assert worker.log.count(WARNING) == 1, worker.log
    assert worker.log.count("\n") < 100, worker.log
    mend()
    wait_for(lambda: gofer.states()["processed"] == count, "the tasks to be run")
    assert unharmed(gofer)
    gofer.enqueue("t", "--count", "50")
    wait_for(lambda: gofer.states()["processed"] == count + 50, "others to be run")
    wait_for(lambda: state_of(gofer, worker) == "active", "the worker to lack nothing any more")
    assert OVER in worker.log


def test_no_descriptors(gofer):
    worker = gofer.worker("--concurrency", "4", "--exec", "t=true")
    pid = worker.process.pid
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    lowered(pid, resource.RLIMIT_NOFILE, fds + 2)
    gofer.enqueue("t", "--count", "20")
    starves_and_recovers(gofer, worker, lambda: lowered(pid, resource.RLIMIT_NOFILE, before), 20)


def test_a_program_that_is_being_written(gofer):
    program = gofer.folder / "program"
    program.write_bytes(pathlib.Path("/bin/true").resolve().read_bytes())
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    worker = gofer.worker("--concurrency", "4", "--exec", f"t={program}")
    writer = open(program, "ab")
    gofer.enqueue("t", "--count", "20")
    starves_and_recovers(gofer, worker, writer.close, 20)


def test_no_folder_for_a_checkpoint(gofer):
    """Its checkpoint is too long for the environment, and there is no place for a file."""
    script = gofer.folder / "big.sh"
    script.write_text("#!/bin/sh\n"
                      "if [ -z \"$GOFER_CHECKPOINT_FILE\" ]; then\n"
                      "  echo \"checkpoint $(head -c 90000 /dev/zero | tr '\\0' A)\" >&3; exit 75\n"
                      "fi\n"
                      "test -s \"$GOFER_CHECKPOINT_FILE\"\n")
    script.chmod(0o755)
    temp = gofer.folder / "temp"
    gofer("enqueue", "t", "--id", "x", "--retention", "1h", "--retry-policy", "fixed:1s", code=None)
    if gofer("task", "show", "x", code=None).code:
        gofer("enqueue", "t", "--id", "x", "--retention", "1h")
    worker = gofer.worker("--exec", "t=./big.sh", env={"TMPDIR": str(temp)})
    wait_for(lambda: gofer.json("task", "show", "x")["retried"] == 1, "the first start")
    gofer("task", "run", "x", code=None)
    wait_for(lambda: state_of(gofer, worker) == "lacking", "the worker to be shown as lacking")
    time.sleep(1)
    assert gofer.json("task", "show", "x")["retried"] == 1
    assert worker.log.count(WARNING) == 1 and str(temp) in worker.log
    temp.mkdir()
    wait_for(lambda: gofer.json("task", "show", "x")["state"] == "completed", "the second start")


@pytest.mark.parametrize("program, text", [("./missing", "does not exist"),
                                           ("./text", "not executable")])
def test_what_the_task_cannot_have_anywhere_is_a_failure(gofer, program, text):
    (gofer.folder / "missing").write_text("#!/bin/sh\n")
    (gofer.folder / "text").write_text("#!/bin/sh\n")
    (gofer.folder / "missing").chmod(0o755)
    (gofer.folder / "text").chmod(0o755)
    worker = gofer.worker("--exec", f"t={program}")
    (gofer.folder / "missing").unlink()
    (gofer.folder / "text").chmod(0o644)
    gofer.enqueue("t", "--id", "x", "--retry", "0")
    wait_for(lambda: gofer.json("task", "show", "x")["state"] == "archived", "the failure")
    assert text in gofer.json("task", "show", "x")["last_error"]
    assert WARNING not in worker.log


def test_no_processes(gofer):
    """Where the user may have no more of them; not as root, whom no limit binds."""
    if os.geteuid() == 0:
        pytest.skip("n/a: no limit of processes binds root")
    worker = gofer.worker("--concurrency", "4", "--exec", "t=true")
    pid = worker.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NPROC)[0]
    lowered(pid, resource.RLIMIT_NPROC, 1)
    gofer.enqueue("t", "--count", "20")
    starves_and_recovers(gofer, worker, lambda: lowered(pid, resource.RLIMIT_NPROC, before), 20)


def test_no_descriptors_for_an_aggregator(gofer):
    worker = gofer.worker("--aggregate", "g:made=cat", "--set", "group_max_size=2",
                          "--shell", "made=true")
    pid = worker.process.pid
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    lowered(pid, resource.RLIMIT_NOFILE, fds + 1)
    gofer.enqueue("part", "--group", "g", "--count", "2")
    wait_for(lambda: state_of(gofer, worker) == "lacking", "the worker to be shown as lacking")
    lowered(pid, resource.RLIMIT_NOFILE, before)
    wait_for(lambda: gofer.states()["processed"] == 1, "the combined task to be run")
    wait_for(lambda: state_of(gofer, worker) == "active", "the worker to lack nothing any more")
    assert worker.stop() == 0


def memory_of(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_no_threads(gofer):
    """A stack finds no room: fewer tasks run at a time, until it does."""
    worker = gofer.worker("--concurrency", "4", "--set", f"stack={256 << 20}", "--shell",
                          "quick=sleep 0.05", "--shell",
                          "long=while [ ! -e over ]; do sleep 0.05; done")
    pid = worker.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_AS)[0]
    lowered(pid, resource.RLIMIT_AS, memory_of(pid) + (128 << 20))
    gofer.enqueue("quick", "--count", "20")
    wait_for(lambda: state_of(gofer, worker) == "lacking", "the worker to be shown as lacking")
    wait_for(lambda: gofer.states()["processed"] == 20, "the tasks to be run by the slot there is")
    assert unharmed(gofer)
    assert worker.log.count(WARNING) == 1 and "no thread" in worker.log, worker.log
    lowered(pid, resource.RLIMIT_AS, before)
    gofer.enqueue("long", "--count", "4")
    wait_for(lambda: gofer.states()["active"] == 4, "four at a time")
    wait_for(lambda: gofer.live(pid)["running"] == 4, "four to be running")
    (gofer.folder / "over").touch()
    wait_for(lambda: gofer.states()["processed"] == 24, "those to end")
    wait_for(lambda: state_of(gofer, worker) == "active", "the worker to lack nothing any more")
    assert unharmed(gofer) and OVER in worker.log
