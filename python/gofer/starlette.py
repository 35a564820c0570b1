# mypy: disable-error-code="import-not-found"
"""starlette - gofer in a Starlette or FastAPI app: opened before the first request, closed after
the last.

    app = Starlette(routes=..., lifespan=gofer.starlette.lifespan(tasks))

    async def order(request):
        handle = await send_receipt.aenqueue(42)
        # or, by name: await application(request).aenqueue("report:monthly")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Optional

from starlette.requests import HTTPConnection

from .app import Gofer

Lifespan = Callable[[Any], AbstractAsyncContextManager[Optional[Mapping[str, Any]]]]


def lifespan(tasks: Gofer, inner: Optional[Lifespan] = None) -> Callable[[Any], Any]:
    """The lifespan of a web app that puts in tasks: a store that cannot be reached keeps the app
    from starting, and is closed at its end.

    inner  another lifespan, which runs inside; its state is kept
    """

    @asynccontextmanager
    async def run(app: Any) -> AsyncIterator[dict[str, Any]]:
        await asyncio.to_thread(tasks.ping)
        try:
            if inner is None:
                yield {"gofer": tasks}
            else:
                async with inner(app) as state:
                    yield {**(state or {}), "gofer": tasks}
        finally:
            await asyncio.to_thread(tasks.close)

    return run


def application(connection: HTTPConnection) -> Gofer:
    """The application of a request or websocket, as the lifespan has it."""
    tasks = getattr(connection.state, "gofer", None)
    if not isinstance(tasks, Gofer):
        raise RuntimeError("the web app has no lifespan of gofer: lifespan=lifespan(tasks)")
    return tasks
