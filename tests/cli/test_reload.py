"""gofer worker --reload: new processes beside the old when sources change, none lost, none without
a handler; a source that does not load leaves everything as it is. The child is a stand-in."""
import os
import sys
import threading
import time

import pytest
from conftest import ROOT, wait_for

EXAMPLES = ROOT / "examples" / "children"

APP = f"""
import os, sys, time
sys.path.insert(0, {str(EXAMPLES)!r})
from child import Child
import shop
Child({{type: (lambda task, f=f: f(task.payload.decode())) for type, f in shop.TASKS.items()}}
      ).serve("shop" + "".join("\\nqueue " + name for name in getattr(shop, "QUEUES", ())))
"""

SHOP = """
import os, time
VERSION = "{version}"
def version(payload):
    if payload:
        open("begun-" + payload, "w").close()
        while not os.path.exists("go-" + payload):
            time.sleep(0.01)
    return VERSION
def short(payload):
    time.sleep(0.002)
TASKS = {{"version": version, "short": short, "only:{version}": version}}
{more}
"""


def write(gofer, version, more=""):
    """As most editors do it: a new file in the place of the old one."""
    new = gofer.folder / "shop.new"
    new.write_text(SHOP.format(version=version, more=more))
    os.replace(new, gofer.folder / "shop.py")


@pytest.fixture
def shop(store):
    (store.folder / "app.py").write_text(APP)
    store.env["PYTHONDONTWRITEBYTECODE"] = "1"
    write(store, "one")
    return store


def start(shop, *more):
    child = f"={sys.executable} app.py"
    return shop.worker("--reload", "--child", child, "--retry", "only:*=fixed:10m", *more)


def run(shop, id, type="version", payload="", *more):
    shop("enqueue", type, payload, "--id", id, "--retention", "1h", *more)


def result(shop, id):
    def ended():
        shown = shop("task", "show", id, "--result", code=None)
        return shown.code == 0 and shown.out
    return wait_for(ended, f"the result of {id}")


def says(worker, text, times=1):
    wait_for(lambda: worker.log.count(text) >= times, f"the log to say {text}")


def state(shop, id):
    return shop.json("task", "show", id)["state"]


def test_what_is_written_beside_the_sources_does_not_hold_it_up(shop):
    ended = threading.Event()

    def write_on():
        while not ended.wait(0.02):
            (shop.folder / "noise.db").write_text("1")

    worker = start(shop)
    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        write(shop, "two")
        says(worker, "children reloaded")
    finally:
        ended.set()
        writer.join()


def test_new_sources_run_and_old_types_are_gone(shop):
    worker = start(shop, "--child-processes", "2")
    run(shop, "a")
    assert result(shop, "a") == '"one"'
    write(shop, "two")
    says(worker, "children reloaded")
    run(shop, "b")
    run(shop, "c", "only:two")
    run(shop, "d", "only:one")
    assert result(shop, "b") == '"two"' and result(shop, "c") == '"two"'
    says(worker, "no handler")
    assert state(shop, "d") in ("pending", "scheduled", "retry")
    worker.stop()


def test_a_task_that_comes_before_its_sources_runs_soon(shop):
    worker = start(shop)
    run(shop, "early", "only:two")
    says(worker, "no handler")
    begun = time.monotonic()
    write(shop, "two")
    assert result(shop, "early") == '"two"'
    assert time.monotonic() - begun < 20      # 30 s is how long it is put off elsewhere
    worker.stop()


def test_what_runs_ends_in_the_old_process(shop):
    worker = start(shop)
    run(shop, "long", "version", "x")
    wait_for(lambda: (shop.folder / "begun-x").exists(), "the task to begin")
    write(shop, "two")
    says(worker, "children reloaded")
    run(shop, "b")
    assert result(shop, "b") == '"two"'
    (shop.folder / "go-x").touch()
    assert result(shop, "long") == '"one"'
    assert shop.json("task", "show", "long")["retried"] == 0
    worker.stop()


def test_a_syntax_error_keeps_the_old_ones_until_it_is_mended(shop):
    worker = start(shop, "--child-processes", "2")
    write(shop, "two", "def broken(:")
    says(worker, "not reloaded: the children that are there go on")
    assert "SyntaxError" in worker.log
    run(shop, "a")
    assert result(shop, "a") == '"one"'
    write(shop, "three")
    says(worker, "children reloaded")
    run(shop, "b")
    assert result(shop, "b") == '"three"'
    worker.stop()


def test_a_queue_that_new_sources_name_is_served(shop):
    worker = start(shop)
    run(shop, "a", "version", "", "--queue", "mail")
    write(shop, "two", 'QUEUES = ["mail"]')
    says(worker, "children reloaded")
    assert result(shop, "a") == '"two"'
    worker.stop()


def test_a_reload_during_load_loses_nothing(shop):
    count = 1500
    lines = "".join(f'{{"type":"short","id":"t{i}"}}\n' for i in range(count))
    shop("enqueue", "--batch", "--retention", "1h", input=lines)
    worker = start(shop, "--child-processes", "2")
    for version in ("two", "three", "four"):
        before = worker.log.count("children reloaded")
        write(shop, version)
        says(worker, "children reloaded", before + 1)
    wait_for(lambda: shop.states().get("completed") == count, "all tasks to be done")
    stats = shop.states()
    assert stats.get("retry", 0) == stats.get("archived", 0) == stats.get("active", 0) == 0
    assert "put back" not in worker.log and "crashed" not in worker.log
    worker.stop()


def test_other_files_and_folders(gofer):
    (gofer.folder / "app.py").write_text(APP)
    gofer.env["PYTHONDONTWRITEBYTECODE"] = "1"
    write(gofer, "one")
    (gofer.folder / "watched").mkdir()
    config = gofer.folder / "shop.toml"
    worker = gofer.worker("--reload-path", "shop.toml", "--reload-path", "watched", "--child",
                          f"={sys.executable} app.py")
    for left_out in (".git", "env", "__pycache__"):
        (gofer.folder / "watched" / left_out).mkdir()
    (gofer.folder / "watched" / "env" / "pyvenv.cfg").touch()
    for left_out in (".git", "env", "__pycache__"):
        (gofer.folder / "watched" / left_out / "x.py").write_text("1")
    (gofer.folder / "watched" / "x.txt").write_text("1")
    (gofer.folder / "other.py").write_text("1")
    config.write_text("1")
    says(worker, "children reloaded", 1)
    (gofer.folder / "watched" / "deep").mkdir()
    (gofer.folder / "watched" / "deep" / "x.py").write_text("1")
    says(worker, "children reloaded", 2)
    time.sleep(0.6)
    assert worker.log.count("children reloaded") == 2
    worker.stop()


def test_nothing_to_reload(gofer):
    done = gofer("worker", "--reload", "--shell", "x=true", code=2)
    assert "--reload is for --python and --child" in done.err
