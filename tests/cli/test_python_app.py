"""gofer worker --python: which Python is taken, what its child is given, and what a Python without
the package says. The child is a stand-in here: what the package's own does is tested in
tests/python."""
import json
import os
import shutil
import stat
import sys

import pytest
from conftest import ROOT

EXAMPLES = ROOT / "examples" / "children"

# Called as "python -u -m gofer.child APP ...": says which app it is, and how it was called.
STAND_IN = f"""#!{sys.executable}
import os, sys
sys.path.insert(0, {str(EXAMPLES)!r})
sys.stderr.reconfigure(line_buffering=True)
from child import Child
app = sys.argv[4]
Child({{
    app + ":args": lambda task: sys.argv,
    app + ":number": lambda task: os.environ["GOFER_CHILD_NUMBER"],
}}).serve(app)
"""


def program(path, text=STAND_IN):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def python(gofer):
    """A Python of which nothing is inherited: neither the tests' own environment nor a wish."""
    for name in ("GOFER_PYTHON", "VIRTUAL_ENV"):
        gofer.env.pop(name, None)
    return program(gofer.folder / "stand_in" / "python")


def put(gofer, type, *more):
    gofer("enqueue", type, "--id", type, "--retention", "1h", *more)


def result(gofer, id):
    return json.loads(gofer("task", "show", id, "--result").out)


def test_an_app_is_run_by_the_package_s_child(gofer, python):
    put(gofer, "shop.tasks:app:args")
    done = gofer("worker", "--drain", "--python", "shop.tasks:app", "--python-exe", python)
    assert result(gofer, "shop.tasks:app:args") == [
        python, "-u", "-m", "gofer.child", "shop.tasks:app", "--threads", "8", "--tasks", "100",
    ]
    assert f"python={python}" in done.err and "by=--python-exe" in done.err


def test_its_options_are_handed_on(gofer, python):
    put(gofer, "a:args")
    done = gofer("worker", "--drain", "--python", "a", "--python-exe", python, "--threads", "3",
                 "--tasks", "700", "--processes", "2")
    assert result(gofer, "a:args")[5:] == ["--threads", "3", "--tasks", "700"]
    assert done.err.count("a child is ready") == 2 or "number=1" in done.err


def test_many_apps_beside_other_handlers(gofer, python):
    ids = ["a:args", "b:args", "c:args", "s"]
    for id in ids:
        put(gofer, id)
    gofer("worker", "--drain", "--python", "a", "--python", "b", "--python-exe", python,
          "--child", f"={python} -u -m gofer.child c", "--shell", "s=echo '\"shell\"'")
    assert [result(gofer, id) for id in ids[:2]] == [
        [python, "-u", "-m", "gofer.child", app, "--threads", "8", "--tasks", "100"]
        for app in "ab"
    ]
    assert result(gofer, "c:args")[4:] == ["c"] and result(gofer, "s") == "shell"


def run(gofer, by, python, binary=None):
    put(gofer, "a:args")
    gofer.bin = binary or gofer.bin
    done = gofer("worker", "--drain", "--python", "a")
    assert result(gofer, "a:args")[0] == python
    assert f"python={python}" in done.err and f"by={by}" in done.err.replace('"', "")


def test_python_by_a_variable(gofer, python):
    gofer.env.update(GOFER_PYTHON=python, VIRTUAL_ENV=str(gofer.folder))
    run(gofer, "GOFER_PYTHON", python)


def test_python_of_the_virtual_environment(gofer, python):
    inner = program(gofer.folder / "env" / "bin" / "python")
    gofer.env["VIRTUAL_ENV"] = str(gofer.folder / "env")
    run(gofer, "VIRTUAL_ENV", inner)


def install(gofer):
    """The command in a folder of its own, with the libraries that it finds beside itself."""
    build, folder = os.path.dirname(gofer.bin), gofer.folder / "bin"
    folder.mkdir()
    for name in os.listdir(build):
        if name.startswith("libgofer.so"):
            (folder / name).symlink_to(os.path.join(build, name))
    shutil.copy(gofer.bin, folder / "gofer")
    return folder


def test_python_beside_the_command(gofer, python):
    folder = install(gofer)
    gofer.env["VIRTUAL_ENV"] = "/nonexistent"
    run(gofer, "beside gofer", program(folder / "python3"), str(folder / "gofer"))


def test_python_of_the_path(gofer, python):
    inner = program(gofer.folder / "path" / "python3")
    gofer.env["PATH"] = f":/nonexistent:{gofer.folder / 'path'}:{gofer.env['PATH']}"
    run(gofer, "PATH", inner)


def test_no_python_at_all(gofer, python):
    gofer.env["PATH"] = "/nonexistent"
    assert "no python3 in the PATH" in gofer("worker", "--python", "a", code=3).err


def test_a_python_without_the_package(gofer, python):
    bare = program(gofer.folder / "bare", f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    gofer.env.pop("PYTHONPATH", None)
    done = gofer("worker", "--python", "a", "--python-exe", bare, code=1)
    assert "No module named" in done.err and "install the package gofer into it" in done.err


def test_an_app_that_cannot_be_imported(gofer, python):
    broken = program(gofer.folder / "broken",
                     STAND_IN.replace("from child", "import shop_tasks\nfrom child"))
    done = gofer("worker", "--python", "a", "--python-exe", broken, code=1)
    assert "Traceback" in done.err and "install the package" not in done.err
    assert "child 'a': it died" in done.why and "No module named 'shop_tasks'" in done.why


@pytest.mark.parametrize("args, code, text", [
    (["--python", ""], 2, "MODULE:ATTRIBUTE"),
    (["--python", "--processes", "--processes", "2"], 2, "MODULE:ATTRIBUTE"),
    (["--python", "a", "--processes", "0"], 2, "from 1 to 256"),
    (["--python", "a", "--threads", "some"], 2, "whole number"),
    (["--python", "a", "--tasks", "9001"], 2, "from 1 to 9000"),
    (["--python", "a", "--python-exe", "/nonexistent/python"], 3, "/nonexistent/python"),
    (["--shell", "x=true", "--threads", "3"], 2, "--threads is for --python"),
    (["--processes", "3"], 2, "no handler"),
])
def test_what_is_wrong_with_apps(gofer, args, code, text):
    assert text in gofer("worker", *args, code=code).err


# ---- Queues that a child names


QUEUES = STAND_IN.replace(".serve(app)", '.serve(app + "\\nqueue mail\\nqueue " + app + "-low")')


def put_into(store, queues):
    for queue in queues:
        store("enqueue", "a:number", "--id", queue, "--queue", queue, "--retention", "1h")


def states(store, queues):
    return {q: store.json("task", "show", q, "--queue", q)["state"] for q in queues}


def test_the_queues_that_children_name_are_served(store):
    python = program(store.folder / "python", QUEUES)
    queues = ["default", "mail", "a-low", "b-low", "other"]
    put_into(store, queues)
    done = store("worker", "--drain", "--python", "a", "--python", "b", "--python-exe", python)
    assert states(store, queues) == dict.fromkeys(queues, "completed") | {"other": "pending"}
    served = done.err.split('queues="')[1].split('"')[0]
    assert sorted(served.split()) == ["a-low=1", "b-low=1", "default=1", "mail=1"]


def test_a_worker_that_was_given_queues_serves_these(store):
    python = program(store.folder / "python", QUEUES)
    put_into(store, ["default", "mail", "other"])
    store("worker", "--drain", "--queue", "other", "--child", f"={python} -u -m gofer.child a")
    assert states(store, ["default", "mail", "other"]) == {
        "default": "pending", "mail": "pending", "other": "completed",
    }


def test_a_queue_that_is_no_name(gofer):
    python = program(gofer.folder / "python", QUEUES.replace("mail", "ma\\til"))
    done = gofer("worker", "--python", "a", "--python-exe", python, code=2)
    assert "child 'a'" in done.err and "queue" in done.err
