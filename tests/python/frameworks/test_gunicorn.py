"""gofer in a prefork server: gunicorn --preload, where the master uses the application before,
while and after it forks its workers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import gofer

pytest.importorskip("gunicorn")

SHOP = """
import json, os, threading
import gofer

app = gofer.Gofer(os.environ["SHOP_URL"], timeout="60s")
first = app.enqueue("first", {"pid": os.getpid()})      # in the master, before any fork

def watch():
    outcome = first.wait().outcome                      # while it forks, again and again
    with open("watched", "w") as file:
        file.write(f"{os.getpid()} {outcome}")

threading.Thread(target=watch, daemon=True).start()

def application(environ, start_response):
    handle = app.enqueue("request", {"pid": os.getpid()})
    if environ["PATH_INFO"] == "/wait":
        threading.Thread(target=app.inspect.cancel, args=(handle.id,)).start()
        answer = {"pid": os.getpid(), "outcome": handle.wait(60).outcome}
    else:
        answer = {"pid": os.getpid(), "id": handle.id}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
"""

CONFIG = """
import shop

def pre_fork(server, worker):
    shop.app.enqueue("of the master")
"""


class Unix(http.client.HTTPConnection):
    """To a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path, what: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while True:
        connection = Unix(path)
        try:
            connection.request("GET", what)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        except (OSError, http.client.HTTPException):  # not yet there, or its worker was killed
            assert time.monotonic() < end
            time.sleep(0.05)
        finally:
            connection.close()


def test_gunicorn_with_preload(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "gunicorn.conf.py").write_text(CONFIG)
    url, door = f"sqlite:{tmp_path / 'tasks.db'}", tmp_path / "door"
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--threads", "2",
         "--bind", f"unix:{door}", "--log-level", "warning", "shop:application"],
        cwd=tmp_path, env={**os.environ, "SHOP_URL": url}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        answers = [ask(door, "/") for _ in range(20)] + [ask(door, "/wait") for _ in range(10)]
        victims = {answer["pid"] for answer in answers}
        os.kill(victims.pop(), signal.SIGKILL)  # the master forks another
        answers += [ask(door, "/wait") for _ in range(10)]
        with gofer.Gofer(url, timeout="60s") as app:
            end = time.monotonic() + 60
            while len(of_type(app, "of the master")) < 4:  # three, and the one in its place
                assert time.monotonic() < end
                time.sleep(0.05)
            (first,) = of_type(app, "first")
            app.inspect.cancel(first)
            while not (tmp_path / "watched").exists() or not (tmp_path / "watched").read_text():
                assert time.monotonic() < end
                time.sleep(0.05)
            assert (tmp_path / "watched").read_text() == f"{server.pid} cancelled"
            ids = {answer["id"] for answer in answers if "id" in answer}
            assert len(ids) == 20 and ids <= set(of_type(app, "request"))
        assert {answer["outcome"] for answer in answers if "outcome" in answer} == {"cancelled"}
        assert server.pid not in victims
    finally:
        server.terminate()
        told = server.communicate(timeout=60)[1]
    assert server.returncode == 0 and "Traceback" not in told, told


def of_type(app: gofer.Gofer, name: str) -> list[str]:
    return [info.id for info in app.inspect.tasks() if info.type == name]
