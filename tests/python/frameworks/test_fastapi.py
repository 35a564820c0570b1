"""test_fastapi - the lifespan and the dependency, in FastAPI and in Starlette alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

import fastapi  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import JSONResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402

import gofer  # noqa: E402
import gofer.fastapi  # noqa: E402
import gofer.starlette  # noqa: E402


def test_fastapi(tmp_path: Path) -> None:
    tasks = gofer.Gofer(f"sqlite:{tmp_path / 'tasks.db'}")
    app = fastapi.FastAPI(lifespan=gofer.fastapi.lifespan(tasks))

    async def pay(order: int, application: gofer.fastapi.Application) -> str:
        return str(await application.aenqueue("receipt:send", {"order": order}))

    pay.__annotations__ = {"order": int, "application": gofer.fastapi.Application, "return": str}
    app.post("/orders/{order}")(pay)
    with TestClient(app) as client:
        id = client.post("/orders/42").json()
        assert tasks.inspect.task(id).payload == b'{"order":42}'
        with gofer.Gofer("memory:") as fake:
            app.dependency_overrides[gofer.fastapi.application] = lambda: fake
            id = client.post("/orders/43").json()
            assert fake.inspect.task(id).type == "receipt:send"
    assert tasks._connection._client is None  # closed


def test_a_store_out_of_reach_keeps_the_app_from_starting(tmp_path: Path) -> None:
    tasks = gofer.Gofer(f"sqlite:{tmp_path / 'none' / 'tasks.db'}")
    with pytest.raises(gofer.GoferError), TestClient(
        fastapi.FastAPI(lifespan=gofer.fastapi.lifespan(tasks))
    ):
        pass


def test_starlette_with_a_lifespan_of_its_own(tmp_path: Path) -> None:
    tasks = gofer.Gofer(f"sqlite:{tmp_path / 'tasks.db'}")
    told = []

    @asynccontextmanager
    async def own(app: Any) -> Any:
        told.append("begun")
        yield {"word": "own"}
        tasks.ping()  # still open
        told.append("ended")

    async def put(request: Request) -> JSONResponse:
        handle = await gofer.starlette.application(request).aenqueue("a")
        return JSONResponse([handle.type, request.state.word])

    routes = [Route("/", put, methods=["POST"])]
    with TestClient(
        Starlette(routes=routes, lifespan=gofer.starlette.lifespan(tasks, own))
    ) as client:
        assert client.post("/").json() == ["a", "own"]
    assert told == ["begun", "ended"]
    with TestClient(Starlette(routes=routes)) as client, pytest.raises(
        RuntimeError, match="lifesp"
    ):
        client.post("/")
