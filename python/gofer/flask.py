# mypy: disable-error-code="import-not-found"
"""flask - gofer as a Flask extension: settings from the app's config, and each task in its context.

    gofer = gofer.flask.Gofer()             # or Gofer(app)

    @gofer.task
    def send_receipt(order: int) -> None:
        current_app.logger.info("...")      # and the database extensions

    def create_app():
        app = Flask(__name__)
        app.config.from_prefixed_env()
        gofer.init_app(app)
        return app

GOFER_URL, GOFER_TIMEOUT, GOFER_MAX_PAYLOAD and GOFER_KEYS of the config are Gofer's own arguments;
those given to Gofer win. Threads: as gofer.Gofer; init_app while the app is made.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Optional

from flask import Flask

from .app import Gofer as Application
from .connection import Keys, keys_text
from .context import Context
from .payload import Codec
from .times import Duration, duration_ms


class Gofer(Application):
    """gofer.Gofer for a Flask app; app.extensions["gofer"] is it."""

    def __init__(
        self,
        app: Optional[Flask] = None,
        url: Optional[str] = None,
        *,
        timeout: Optional[Duration] = None,
        max_payload: Optional[int] = None,
        codec: Optional[Codec] = None,
        keys: Keys = None,
    ) -> None:
        super().__init__(url, timeout=timeout, max_payload=max_payload, codec=codec, keys=keys)
        self._given: dict[str, Any] = {
            "URL": url, "TIMEOUT": timeout, "MAX_PAYLOAD": max_payload, "KEYS": keys,
        }  # fmt: skip
        self._flask: Optional[Flask] = None
        self.middleware(self._in_app_context)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Take the settings of an app, whose context tasks run in from now on.

        InvalidArgument: GOFER_TIMEOUT is no duration.
        """
        settings: dict[str, Any] = {
            name: app.config.get(f"GOFER_{name}") if value is None else value
            for name, value in self._given.items()
        }
        timeout = settings["TIMEOUT"]
        self._connection.configure(
            settings["URL"],
            0 if timeout is None else duration_ms(timeout, "GOFER_TIMEOUT"),
            settings["MAX_PAYLOAD"] or 0,
            keys_text(settings["KEYS"]),
        )
        self._flask = app
        app.extensions["gofer"] = self

    def _in_app_context(self, ctx: Context) -> Generator[None, Any, None]:
        if self._flask is None:
            raise RuntimeError("gofer.flask.Gofer has no app: call init_app before tasks run")
        with self._flask.app_context():
            yield
