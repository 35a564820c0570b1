"""dev_mode.py - run with `python -X dev -W error`: every module of the package is imported, and
tasks are enqueued, run by a child, waited for and looked at, without a warning anywhere.

Modules that stand on a framework that is not installed here are left out, and named.
"""

import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import gofer

PROGRAM = """
    import gofer

    app = gofer.Gofer()


    @app.task(name="math:add", retention="1h")
    def add(a: int, b: int) -> int:
        return a + b


    @app.task(name="math:later", retention="1h")
    async def later(a: int) -> int:
        return a
"""


def import_all() -> None:
    for module in pkgutil.walk_packages(gofer.__path__, "gofer."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            cause: BaseException = error
            while cause.__cause__:
                cause = cause.__cause__
            assert isinstance(cause, ModuleNotFoundError) and cause.name, error
            assert not cause.name.startswith("gofer"), error
            print(f"{module.name} is left out: there is no {cause.name}")


def work(folder: Path) -> None:
    (folder / "dev_mode_app.py").write_text(textwrap.dedent(PROGRAM))
    sys.path.insert(0, str(folder))
    os.environ["GOFER_URL"] = f"sqlite:{folder / 'tasks.db'}"
    app = importlib.import_module("dev_mode_app")
    handles = [app.add.enqueue(40, b=2), app.later.enqueue(42)]
    child = f"{sys.executable} -X dev -W error -m gofer.child dev_mode_app:app"
    worker = subprocess.run(
        [gofer.binary(), "--log-level", "warn", "worker", "--drain", "--child", f"={child}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert worker.returncode == 0 and not worker.stderr, worker.stderr
    for handle in handles:
        assert handle.info().result == b"42", handle.info()
    assert [queue.queue for queue in app.app.inspect.queues()] == ["default"]
    app.app.close()


if __name__ == "__main__":
    assert sys.flags.dev_mode and "error" in sys.warnoptions, "run with -X dev -W error"
    import_all()
    with tempfile.TemporaryDirectory() as temporary:
        work(Path(temporary))
    print("without a warning")
