"""smoke.py - in seconds, whether this Python imports the package, enqueues, and runs tasks for a
worker: a plain one, an async one, and one that fails. GOFER_BIN names the command.

Run by `tests/pythons.sh --smoke`. A Python that cannot load the library (there is no cffi for some
free-threaded ones) leaves enqueueing to the command, and runs the tasks all the same.
"""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import gofer

PROGRAM = """
    import asyncio
    import gofer

    app = gofer.Gofer()


    @app.task(name="plain", timeout="30s", retention="1h")
    def plain(words: list[str], ctx: gofer.Context) -> str:
        ctx.progress(1, 1, "done")
        return " ".join(words)


    @app.task(name="asynchronous", retention="1h")
    async def asynchronous(a: int, b: int = 2) -> int:
        await asyncio.sleep(0.01)
        return a + b


    @app.task(name="fails", retry=0)
    def fails() -> None:
        raise ValueError("no such order")
"""

TASKS = {"plain": {"words": ["of", "words"]}, "asynchronous": {"a": 40}, "fails": {}}


class Smoke:
    """A program in a folder, a store, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "smoke_app.py").write_text(textwrap.dedent(PROGRAM), "utf-8")
        os.environ["GOFER_URL"] = f"sqlite:{folder / 'tasks.db'}"
        sys.path.insert(0, str(folder))

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [os.environ["GOFER_BIN"], *words], cwd=self.folder, capture_output=True, text=True,
            timeout=60, env={**os.environ, "GOFER_PYTHON": sys.executable},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def enqueue(self) -> bool:
        """By the package, if it can load the library."""
        import smoke_app

        try:
            for name, arguments in TASKS.items():
                smoke_app.app.tasks[name].options(id=name).enqueue(**arguments)
            smoke_app.app.close()
            return True
        except gofer.Unsupported:
            assert "free-threading" in sys.version, "here it must be loaded"
        for name, arguments in TASKS.items():
            more = ("--retry", "0") if name == "fails" else ("--retention", "1h")
            self.command("enqueue", name, json.dumps(arguments), "--id", name, *more)
        return False

    def run(self) -> None:
        loaded = self.enqueue()
        self.command("worker", "--drain", "--python", "smoke_app:app")
        assert json.loads(self.command("task", "show", "plain", "--result")) == "of words"
        assert json.loads(self.command("task", "show", "asynchronous", "--result")) == 42
        failed = json.loads(self.command("task", "show", "fails", "--json"))
        assert failed["state"] == "archived", failed
        assert failed["last_error"].startswith("ValueError: no such order"), failed
        assert "smoke_app.py" in failed["last_error"], failed
        version = ".".join(map(str, sys.version_info[:3]))
        print(f"CPython {version}: " + ("all is well" if loaded else "runs tasks, without cffi"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        Smoke(Path(temporary)).run()
