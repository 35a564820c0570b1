# mypy: disable-error-code="import-not-found"
"""fastapi - gofer in a FastAPI app: its lifespan, and the application as a dependency.

    app = FastAPI(lifespan=gofer.fastapi.lifespan(tasks))

    @app.post("/orders/{order}")
    async def pay(order: int, tasks: gofer.fastapi.Application):
        handle = await tasks.aenqueue("receipt:send", {"order": order})

In tests app.dependency_overrides[gofer.fastapi.application] gives another one.
"""

from typing import Annotated

from fastapi import Depends

from .app import Gofer
from .starlette import application, lifespan

__all__ = ["Application", "application", "lifespan"]

Application = Annotated[Gofer, Depends(application)]
"""The annotation of a parameter that gets the application."""
