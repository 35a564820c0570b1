"""test_flask - the Flask extension: settings, app context, a worker of a factory's app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

flask = pytest.importorskip("flask")

import gofer  # noqa: E402
import gofer.flask  # noqa: E402

SHOP = """\
import gofer.flask
from flask import Flask, current_app

tasks = gofer.flask.Gofer()


@tasks.task
def plain() -> str:
    return current_app.config["GREETING"]


@tasks.task
async def later() -> str:
    return current_app.config["GREETING"]


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_prefixed_env()
    app.config["GREETING"] = "hello"
    tasks.init_app(app)

    @app.post("/")
    def put() -> list[str]:
        return [task.options(retention="1h").enqueue().id for task in (plain, later)]

    return app
"""
WORKER = "from flask_shop import create_app\n\ntasks = create_app().extensions['gofer']\n"


def test_tasks_run_in_the_context_of_the_app(
    tmp_path: Path, drained: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flask_shop.py").write_text(SHOP)
    (tmp_path / "worker.py").write_text(WORKER)
    url = f"sqlite:{tmp_path / 'tasks.db'}"
    monkeypatch.setenv("FLASK_GOFER_URL", url)
    monkeypatch.syspath_prepend(str(tmp_path))
    import flask_shop as shop

    app = shop.create_app()
    assert app.extensions["gofer"] is shop.tasks
    ids = app.test_client().post("/").get_json()
    drained(url, "worker:tasks", tmp_path)
    for id in ids:
        assert shop.tasks.inspect.task(id).result == b'"hello"'
    shop.tasks.close()


def test_settings_come_from_the_config_and_arguments_win(tmp_path: Path) -> None:
    app = flask.Flask("x")
    app.config.update(GOFER_URL=f"sqlite:{tmp_path / 'a.db'}", GOFER_TIMEOUT="3s")
    with gofer.flask.Gofer(app) as tasks:
        assert tasks.url.endswith("a.db")
    with gofer.flask.Gofer(app, "memory:") as tasks:
        assert tasks.url == "memory:"
    app.config["GOFER_TIMEOUT"] = "soon"
    with pytest.raises(gofer.InvalidArgument):
        gofer.flask.Gofer(app)


def test_a_task_without_an_app_says_so(attempt: Callable[..., Any]) -> None:
    with gofer.flask.Gofer(url="memory:") as tasks:
        task = tasks.task(name="x")(lambda: None)
        ending = attempt(tasks, task.enqueue().id)
    assert ending.kind == "retry" and "call init_app" in ending.text
