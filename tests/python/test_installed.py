"""The command that pip installed with the package: what is in it, and what it can run.

Where the package was not installed by pip (PYTHONPATH, an extension built in place) there is none.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

import gofer
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def command() -> str:
    path = Path(sysconfig.get_path("scripts")) / "gofer"
    if not path.exists():
        pytest.skip("n/a: the package was installed without a command")
    return str(path)


@pytest.fixture
def parts(command: str) -> str:
    return run(command, "version")


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_the_packages_version(parts: str) -> None:
    assert parts.startswith(f"gofer {gofer.version} ")


def test_it_is_what_binary_finds(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOFER_BIN", raising=False)
    assert Path(gofer.binary()).samefile(command)


def test_it_exports_to_plugins_and_the_module_exports_nothing(command: str) -> None:
    if not shutil.which("nm"):
        pytest.skip("nm is not here (Debian: apt-get install binutils)")
    module = sys.modules["gofer._gofer"].__file__
    assert module is not None
    exported = run("nm", "-D", "--defined-only", command)
    assert " gofer_task_result\n" in exported and " gf_" not in exported
    of_module = run("nm", "-D", "--defined-only", module).splitlines()
    assert [line.split()[-1] for line in of_module] == ["PyInit__gofer"]


def test_it_runs_a_child(command: str, app: gofer.Gofer, url: str) -> None:
    child = REPOSITORY / "examples" / "children" / "child.py"
    handle = app.enqueue("math:add", b"[1, 2, 39]", retention="1h")
    run(command, "--url", url, "worker", "--drain", "--child", f"={sys.executable} '{child}'")
    assert handle.info().result == b"42"


def test_it_runs_lua(command: str, parts: str, app: gofer.Gofer, url: str, tmp_path: Path) -> None:
    if "with Lua" not in parts:
        pytest.skip(
            "the package was built without Lua (Debian: apt-get install liblua5.4-dev swig)"
        )
    handlers = tmp_path / "handlers.lua"
    handlers.write_text('gofer.handle("hello:*", function(task) return "Lua, " .. task.raw end)\n')
    handle = app.enqueue("hello:lua", b"Ada", retention="1h")
    run(command, "--url", url, "worker", "--drain", "--lua", str(handlers))
    assert handle.info().result == b"Lua, Ada"


def test_it_runs_a_plugin(command: str, app: gofer.Gofer, url: str, tmp_path: Path) -> None:
    """A plugin links no libgofer: it finds these functions in the command."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler is here (Debian: apt-get install gcc)")
    plugin, sources = tmp_path / "maintenance.so", REPOSITORY / "examples" / "c"
    run(
        *(compiler, "-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", str(plugin)),
        *(f"-I{REPOSITORY / 'core' / 'include'}", str(sources / "plugin.c")),
        str(sources / "expire.c"),
    )
    plugin.chmod(0o755)
    old = tmp_path / "files" / "old.tmp"
    old.parent.mkdir()
    old.touch()
    os.utime(old, (0, 0))
    handle = app.enqueue("maintenance:files", str(old.parent).encode(), retention="1h")
    run(command, "--url", url, "worker", "--drain", "--plugin", str(plugin))
    assert (handle.info().result or b"").startswith(b"removed 1 of 1 files")
    assert not old.exists()


def fetch(address: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return bytes(answer.read())


def the_page(binary: str, url: str) -> tuple[bytes, bytes]:
    """The page of a binary's server, and its style as it is packed."""
    server = subprocess.Popen(
        [binary, "--url", url, "web", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        page = fetch(address, Accept="text/html")
        style = re.search(rb'href="/(assets/[^"]+/app\.css)"', page)
        assert style is not None
        packed = fetch(address + style[1].decode(), **{"Accept-Encoding": "gzip"})
        return page, gzip.decompress(packed)
    finally:
        server.terminate()
        server.communicate(timeout=60)


def test_it_has_the_page(command: str, parts: str, url: str) -> None:
    built = os.environ.get("GOFER_BIN")
    if "with web" not in parts:
        pytest.skip("n/a: the package was built without the web server")
    if not built:
        pytest.skip("GOFER_BIN is not set: no page to compare it with")
    page, style = the_page(command, url)
    assert (page, style) == the_page(built, url)  # the digest of all files is in its addresses
    assert style == (REPOSITORY / "core" / "web" / "page" / "app.css").read_bytes()
