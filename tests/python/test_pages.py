"""What the pages about Python show beside what they run: their `python` blocks are checked by mypy
as programs of their own, those of the pages about moving over are run as well, in eager mode; and
names and options in the text are those that there are.

Blocks in two columns ("# Celery" and "# gofer") are read from the second column on.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import gofer
import pytest
from gofer.context import Context
from gofer.inspection import Inspector
from gofer.task import Enqueuer, Handle, Options, Task, TaskOptions

DOCS = Path(__file__).resolve().parents[2] / "docs"
MOVING = ("from-celery", "from-rq", "from-dramatiq", "from-taskiq-arq")
PAGES = (
    *MOVING, "python", "python-asyncio", "python-payloads", "python-results", "python-testing",
    "python-workers",
)  # fmt: skip

# What a page's blocks take for granted. `tasks` is the module of the page's first example.
COMMON = """
import asyncio, time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any
from unittest.mock import MagicMock
import gofer
when = datetime.now(timezone.utc) + timedelta(hours=1)
"""
PRELUDES = {
    "from-celery": """
ids = [1, 2, 3]
celery: Any = MagicMock()
tasks: Any = MagicMock()
def closed() -> bool: return False
def unknown(order: int) -> bool: return False
""",
    "from-rq": "queue: Any = MagicMock()\nids = [1, 2]\n",
    "from-dramatiq": "dramatiq: Any = MagicMock()\ntasks: Any = MagicMock()\nids = [1, 2]\n",
    "from-taskiq-arq": """
broker: Any = MagicMock()
tasks: Any = MagicMock()
class Http:
    async def post(self, to: str) -> None: ...
async def get_http() -> Http: return Http()
def closed() -> bool: return False
""",
    "python": """
app = gofer.Gofer("memory:")
@app.task
def send_welcome(to: str, locale: str = "en") -> str: return to
handle = send_welcome.enqueue("ann")
""",
    "python-asyncio": """
app = gofer.Gofer("memory:")
paths = ["a.png"]
@app.task
def resize(path: str) -> None: ...
""",
    "python-workers": """
app = gofer.Gofer("memory:")
class Session:
    def __enter__(self) -> "Session": return self
    def __exit__(self, *_: object) -> None: ...
class FakeSession(Session): ...
""",
    "python-testing": "",
    "python-payloads": "",
    "python-results": "",
}


def blocks(page: str) -> list[str]:
    """The Python of a page, dedented; of two columns the one of gofer."""
    found = []
    for body in re.findall(r"^ *```python\n(.*?)^ *```$", text_of(page), re.S | re.M):
        lines = textwrap.dedent(body).splitlines()
        at = lines[0].find("# gofer") if lines else -1
        if at > 0:
            for line in lines[1:]:
                assert line[at - 1 : at] in ("", " "), f"{page}: the columns touch: {line}"
            lines = [line[at:] for line in lines]
        found.append("\n".join(lines))
    return found


def text_of(page: str) -> str:
    return (DOCS / f"{page}.md").read_text("utf-8")


def program(page: str) -> str:
    return "\n".join([COMMON, PRELUDES[page], *blocks(page)]) + "\n"


def test_mypy_finds_no_fault(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    for page in PAGES:
        (tmp_path / f"{page.replace('-', '_')}.py").write_text(program(page), "utf-8")
    # Of a page, that names come again, and that a coroutine's await stands outside of one.
    command = [
        *(sys.executable, "-m", "mypy", "--check-untyped-defs", "--no-incremental"),
        *("--disable-error-code", "no-redef", "--disable-error-code", "top-level-await"),
        *("--disable-error-code", "empty-body", "--ignore-missing-imports"),
        *(path.name for path in sorted(tmp_path.glob("*.py"))),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", MOVING)
def test_what_the_pages_about_moving_show_runs(page: str, tmp_path: Path) -> None:
    """Each application is on a store in memory, and eager: results are there to be read."""
    real = gofer.Gofer

    def in_memory(*_: Any, **__: Any) -> gofer.Gofer:
        return real("memory:", eager=True)

    module = ModuleType("page")
    code = compile(
        program(page), f"{page}.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    with mock.patch.dict(sys.modules, page=module), mock.patch.object(gofer, "Gofer", in_memory):
        made = eval(code, vars(module))  # noqa: S307  # our own pages
        if inspect.iscoroutine(made):
            asyncio.run(made)


# ---- names in the text

OF: dict[str, Any] = {
    "app": gofer.Gofer,
    "ctx": Context,
    "handle": Handle,
    "task": Task,
    "gofer": gofer,
    "app.inspect": Inspector,
}
FOREIGN = re.compile(r"^\|[^|]*\|")  # the first column is the other side's
CALL = re.compile(r"\b(app\.inspect|app|ctx|handle|task|gofer)\.([A-Za-z_]\w*)")
# Attributes that an instance has, and modules that are loaded when they are needed.
ALSO = {("app", "overrides"), ("app", "inspect"), ("app", "tasks")}
MODULES = {path.stem for path in Path(gofer.__file__).parent.iterdir()} | {"h"}  # gofer.h


def ours(page: str) -> list[str]:
    """What stands in backquotes in a page's text and is gofer's."""
    text = re.sub(r"^ *```.*?^ *```$", "", text_of(page), flags=re.S | re.M)
    if page in MOVING:
        text = "\n".join(FOREIGN.sub("|", line) for line in text.splitlines())
    return re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("page", PAGES)
def test_names_in_the_text_are_there(page: str) -> None:
    for code in ours(page):
        for owner, name in CALL.findall(code):
            there = hasattr(OF[owner], name) or (owner, name) in ALSO
            assert there or (owner == "gofer" and name in MODULES), f"{page}: `{code}`"
        for words in re.findall(r"(?:@app\.task|\.options)\(([^()]*)\)", code):
            for option in re.findall(r"(\w+)=", words):
                known = {*Options.__annotations__, *TaskOptions.__annotations__}
                known |= {*inspect.signature(gofer.Gofer.task).parameters}
                assert option in known, f"{page}: `{code}`"
    assert hasattr(Enqueuer, "enqueue_in")


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_are_there(page: str) -> None:
    binary = os.environ.get("GOFER_BIN") or pytest.skip("GOFER_BIN is not set")
    helps: dict[str, str] = {}

    def help_of(*words: str) -> str:
        key = " ".join(words)
        if key not in helps:
            done = subprocess.run(
                [str(binary), *words, "--help"], capture_output=True, text=True, check=False
            )
            helps[key] = done.stdout if done.returncode == 0 else ""
        return helps[key]

    worker = help_of("worker")
    for code in ours(page):
        if code.startswith("--") or code.startswith("gofer worker -"):
            for option in re.findall(r"--[a-z][a-z-]*", code):
                assert re.search(rf"{option}\b(?!-)", worker), f"{page}: `{code}`"
        elif code.startswith("gofer ") and not code.startswith("gofer worker"):
            words = code.split()[1:3]
            text = help_of(*words[:2]) if len(words) > 1 and words[1].isalpha() else ""
            text = text or help_of(words[0])
            assert text, f"{page}: `{code}`"
            for option in re.findall(r"--[a-z][a-z-]*", code):
                assert option in text, f"{page}: `{code}`"
