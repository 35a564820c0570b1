"""test_framework_pages - the `python` blocks of docs/python-frameworks.md and docs/django.md do
what the pages say, with the frameworks themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import finished

import gofer

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = "python-frameworks"


def blocks(page: str, section: str = "") -> list[str]:
    """The Python of a page, or of one of its sections."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = re.findall(r"^```python\n(.*?)^```$", text, re.S | re.M)
    assert found, f"{page}: no Python under '{section}'"
    return found


def run(section: str, **names: Any) -> dict[str, Any]:
    """Run the blocks of a section with these names; what they have made."""
    space: dict[str, Any] = {"__name__": "page", **names}
    for block in blocks(PAGE, section):
        exec(compile(block, f"{PAGE}.md", "exec", dont_inherit=True), space)
    return space


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[gofer.Gofer]:
    url = f"sqlite:{tmp_path / 'tasks.db'}"
    monkeypatch.setenv("GOFER_URL", url)
    monkeypatch.setenv("FLASK_GOFER_URL", url)
    with gofer.Gofer(url) as opened:

        @opened.task(name="receipt")
        def send_receipt(order_id: int) -> int:
            return order_id

        yield opened


def ids(app: gofer.Gofer, queue: str = "default") -> set[str]:
    return {task.id for task in app.inspect.tasks(queue)}


def test_every_section_is_here() -> None:
    text = (DOCS / f"{PAGE}.md").read_text("utf-8")
    assert re.findall(r"^## (.*)", text, re.M) == [
        "Flask",
        "FastAPI and Starlette",
        "SQLAlchemy",
        "OpenTelemetry",
        "Sentry",
        "structlog and logging",
    ]


def test_flask(app: gofer.Gofer) -> None:
    pytest.importorskip("flask")
    made = run("Flask")
    web = made["create_app"]()
    with web.app_context():
        handle = made["send_receipt"].enqueue(1)
    assert ids(app) == {handle.id} and web.extensions["gofer"] is made["tasks"]
    made["tasks"].close()


def test_fastapi(app: gofer.Gofer) -> None:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    made = run("FastAPI and Starlette")
    with TestClient(made["app"]) as client:
        task = client.post("/orders/7").json()
        assert client.get(f"/tasks/{task}").json() == "pending"
    assert ids(app) == {task}


def test_sqlalchemy(app: gofer.Gofer) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from sqlalchemy.orm import registry

    class Order:
        id: int

    orders = registry()
    table = sqlalchemy.Table(
        "orders", orders.metadata, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True)
    )
    orders.map_imperatively(Order, table)
    engine = sqlalchemy.create_engine("sqlite://")
    orders.metadata.create_all(engine)
    made = run("SQLAlchemy", engine=engine, order=Order(), send_receipt=app.tasks["receipt"])
    assert ids(app) == {made["task_id"]}
    engine.dispose()


def test_opentelemetry(app: gofer.Gofer) -> None:
    pytest.importorskip("opentelemetry.sdk")
    run("OpenTelemetry", app=app)
    assert len(app.middlewares) == 1


def test_sentry(app: gofer.Gofer) -> None:
    sentry_sdk = pytest.importorskip("sentry_sdk")
    try:
        run("Sentry", app=app, DSN=None)
        assert sentry_sdk.get_client().get_integration("gofer") is not None
    finally:
        sentry_sdk.init()


def test_structlog(app: gofer.Gofer, capsys: pytest.CaptureFixture[str]) -> None:
    structlog = pytest.importorskip("structlog")
    try:
        run("structlog and logging")
        structlog.get_logger().info("outside")
        assert '"event": "outside"' in capsys.readouterr().out
    finally:
        structlog.reset_defaults()


# ---- Django: a project of the page's own files

MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
BEFORE = """
SECRET_KEY = "x"
USE_TZ = True
INSTALLED_APPS = ["shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "app.db"}}
"""
AFTER = """
try:
    import django.tasks
except ImportError:
    INSTALLED_APPS.append("django_tasks")
TASKS["default"]["OPTIONS"]["URL"] = "sqlite:tasks.db"
"""
PUT = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from shop.views import order
print(json.loads(order(None, 5).content)["task"])
"""
LOOK = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from shop.tasks import send_receipt
print(send_receipt.get_result(sys.argv[1]).return_value)
"""


def test_django(tmp_path: Path) -> None:
    django = pytest.importorskip("django")
    if not os.environ.get("GOFER_BIN"):
        pytest.skip("GOFER_BIN is not set: no worker to run the tasks")
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (tmp_path / "manage.py").write_text(MANAGE)
    for block in blocks("django"):
        name = block.splitlines()[0].removeprefix("# ")
        if name == "settings.py":
            block = BEFORE + block + AFTER
        elif django.VERSION < (6, 0):
            block = block.replace("django.tasks", "django_tasks")
        (tmp_path / name).write_text(block)
    assert {path.name for path in shop.iterdir()} == {"__init__.py", "tasks.py", "views.py"}

    def python(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    assert "no issues" in python("manage.py", "check")
    task = python("-c", PUT)
    finished([sys.executable, "manage.py", "gofer_worker", "--drain"], tmp_path)
    assert python("-c", LOOK, task) == "receipt 5 is sent"
