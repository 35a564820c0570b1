"""test_examples - examples/fastapi and examples/django: orders come in, receipts are mailed to a
local server, a report is made, by their workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from conftest import finished

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

FASTAPI = """
from fastapi.testclient import TestClient
from main import app

with TestClient(app) as client:
    for item, cents in (("tea", 250), ("cake", 399), ("tea", 250)):
        order = {"email": "ann@example.org", "item": item, "cents": cents}
        assert client.post("/orders", json=order).status_code == 202
    task = client.post("/reports").json()["task"]
    assert client.get(f"/tasks/{task}").json()["state"] == "pending"
    assert client.get("/tasks/none").status_code == 404
print(task)
"""
FASTAPI_LOOK = """
import sys
from fastapi.testclient import TestClient
from main import app

with TestClient(app) as client:
    told = client.get(f"/tasks/{sys.argv[1]}").json()
assert told == {"state": "completed", "result": '{"tea":500,"cake":399}'}, told
"""
DJANGO = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from django.test import Client

client = Client()
for item, cents in (("tea", 250), ("cake", 399), ("tea", 250)):
    order = {"email": "ann@example.org", "item": item, "cents": cents}
    assert client.post("/orders", order).status_code == 202
task = client.post("/reports").json()["task"]
assert client.post("/reports").json()["task"] == task
assert client.get(f"/reports/{task}").json() == {"status": "READY", "value": None}
print(task)
"""
DJANGO_LOOK = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from django.test import Client

told = Client().get(f"/reports/{sys.argv[1]}").json()
assert told == {"status": "SUCCESSFUL", "value": {"cake": 399, "tea": 500}}, told
"""


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[Path]:
    """The folder of a mail server: its port, and what it was sent."""
    folder = tmp_path / "mail"
    server = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "quickstart" / "smtp_sink.py"), str(folder)]
    )
    try:
        end = time.monotonic() + 60
        while not (folder / "port").exists():
            assert time.monotonic() < end, "the mail server has not begun"
            time.sleep(0.02)
        yield folder
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(autouse=True)
def _others_settings_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of Django have settings of their own, in this process."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)


class Example:
    """An example in a folder of its own, on a store of its own."""

    def __init__(self, name: str, folder: Path, smtp: Path) -> None:
        self.folder = folder
        self.variables = {
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES / name), os.environ.get("PYTHONPATH", "")]),
            "GOFER_URL": f"sqlite:{folder / 'tasks.db'}",
            "SMTP_PORT": (smtp / "port").read_text().strip(),
        }

    def python(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


def check(folder: Path, smtp: Path) -> None:
    mails = [message_from_bytes(path.read_bytes()) for path in sorted(smtp.glob("*.eml"))]
    subjects = sorted(mail["Subject"] for mail in mails)
    assert subjects == [f"Your receipt: {item}" for item in ("cake", "tea", "tea")]
    assert {mail["To"] for mail in mails} == {"ann@example.org"}
    report = (folder / "report.html").read_text()
    assert "<tr><td>cake<td>3.99\n<tr><td>tea<td>5.00" in report


def test_fastapi(tmp_path: Path, smtp: Path, drained: Callable[..., str]) -> None:
    pytest.importorskip("fastapi")
    example = Example("fastapi", tmp_path, smtp)
    task = example.python("-c", FASTAPI)
    drained(example.variables["GOFER_URL"], "tasks:tasks", tmp_path, **example.variables)
    check(tmp_path, smtp)
    example.python("-c", FASTAPI_LOOK, task)


def test_django(tmp_path: Path, smtp: Path) -> None:
    pytest.importorskip("django")
    if not os.environ.get("GOFER_BIN"):
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")
    manage = str(EXAMPLES / "django" / "manage.py")
    example = Example("django", tmp_path, smtp)
    example.python(manage, "migrate", "--run-syncdb")
    task = example.python("-c", DJANGO)
    finished([sys.executable, manage, "gofer_worker", "--drain"], tmp_path, **example.variables)
    check(tmp_path, smtp)
    example.python("-c", DJANGO_LOOK, task)
