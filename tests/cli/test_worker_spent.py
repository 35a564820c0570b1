"""gofer worker whose SQLite file fails for good: a limit on the size of files is to SQLite a write
that failed, after which a client writes no more."""
import sys

from conftest import let_files_grow, wait_for

ANEW = "opened again: the worker begins anew"
# Its output is larger than the limit lets the file become. The run of this number lifts the limit.
HANDLER = """
import pathlib, resource, sys
runs = len(list(pathlib.Path().glob("ran*")))
pathlib.Path(f"ran{runs}").touch()
free = resource.RLIM_INFINITY
if runs == int(sys.argv[1]):
    pid = int(pathlib.Path("pid").read_text())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (free, free))
sys.stdout.write("x" * 1_000_000)
"""


def spoilt(gofer, lifts):
    """A worker that has a task whose end cannot be written."""
    (gofer.folder / "handler.py").write_text(HANDLER)
    it = gofer.worker("--exec", f"t={sys.executable} handler.py {lifts}",
                      "--set", "crash_limit=100", "--concurrency", "1")
    (gofer.folder / "pid").write_text(str(it.process.pid))
    let_files_grow(gofer, it.process.pid, 200_000)      # what takes it has room, its output not
    gofer.enqueue("t", "--id", "a", "--retention", "1h")
    return it


def test_its_store_is_opened_again(gofer):
    it = spoilt(gofer, 1)
    wait_for(lambda: gofer.json("task", "show", "a")["state"] == "completed" or
             it.process.poll() is not None, "the task to end")
    assert len(gofer("task", "show", "a", "--result").out) == 1_000_000, it.log
    assert it.log.count(ANEW) == 1 and "the worker cannot go on" in it.log, it.log
    assert "had an I/O error" in it.log
    gofer.enqueue("t", "--id", "b", "--retention", "1h")    # and it goes on
    wait_for(lambda: gofer.json("task", "show", "b")["state"] == "completed", "another")
    assert it.stop() == 0


def test_a_disk_that_stays_bad_ends_it(gofer):
    it = spoilt(gofer, -1)
    assert it.wait() == 5, it.log
    assert it.log.count(ANEW) == 4, it.log
    assert "start the worker again when its disk is well" in it.log
    assert gofer.json("task", "show", "a")["state"] in ("active", "pending")    # nothing is lost


def test_it_can_be_stopped_meanwhile(gofer):
    it = spoilt(gofer, -1)
    wait_for(lambda: it.log.count("the worker cannot go on") >= 2, "it to fail again")
    assert it.stop() in (0, 5), it.log
