# mypy: disable-error-code="import-not-found,import-untyped", allow-subclassing-any
"""sentry - failures of tasks, and their traces, for Sentry.

    sentry_sdk.init(dsn=..., integrations=[GoferIntegration(app)])

A task that has failed for good is an event, with the task's tags; each attempt is a transaction
"queue.process", which goes on with the trace of where the task was put in ("queue.publish"). A
retry is a trace of its own. Threads: init while the program starts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any, Optional

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.utils import event_from_exception

from .app import Gofer
from .context import Context
from .running.final import is_failure, is_final
from .task import Item, Result

HEADERS = ("sentry-trace", "baggage")
DUE = "sentry-task-enqueued-time"
"""A header: since when it could have run, in Unix seconds; the name is that of Sentry's Celery."""


class GoferIntegration(Integration):
    """For the applications that are given.

    every_failure  report attempts that are going to be repeated, too; what a task decides itself
                   (snooze, drop, retry_in, give_up) is never reported
    The payload is sent along only with sentry_sdk.init(send_default_pii=True).
    """

    identifier = "gofer"
    origin = "auto.queue.gofer"

    def __init__(self, *apps: Gofer, every_failure: bool = False) -> None:
        if not apps:
            raise TypeError("GoferIntegration is for applications: GoferIntegration(app)")
        self.every_failure = every_failure
        for app in apps:
            app.around_enqueue(_publish)
            app.middleware(_process)

    @staticmethod
    def setup_once() -> None:
        """Nothing is patched: the applications have hooks."""


def _integration() -> Any:
    """Of the client in use; None: it has none."""
    return sentry_sdk.get_client().get_integration(GoferIntegration)


def _publish(items: list[Item]) -> Generator[list[Item], list[Result], None]:
    if _integration() is None:
        yield items
        return
    name = items[0].type if len(items) == 1 else f"{len(items)} tasks"
    with sentry_sdk.start_span(
        op="queue.publish", name=name, origin=GoferIntegration.origin
    ) as span:
        if len({item.queue for item in items}) == 1:
            span.set_data("messaging.destination.name", items[0].queue)
        span.set_data("messaging.system", "gofer")
        values = sentry_sdk.get_traceparent(), sentry_sdk.get_baggage()
        headers = {name: value for name, value in zip(HEADERS, values) if value}
        results = yield [_carrying(item, {**headers, DUE: f"{_due(item):.6f}"}) for item in items]
        if len(items) == 1 and results[0].handle:
            span.set_data("messaging.message.id", results[0].handle.id)


def _carrying(item: Item, headers: dict[str, str]) -> Item:
    """Headers that somebody has set stay; a baggage of others is not Sentry's to change."""
    return item.with_headers({k: v for k, v in headers.items() if k not in item.headers})


def _due(item: Item) -> float:
    """From when on it waits: a delay that was asked for is no latency."""
    now = time.time()
    if item.put.delay_ms:
        return now + item.put.delay_ms / 1000
    return max(now, item.put.run_at_ms / 1000)


def _latency_ms(ctx: Context) -> Optional[float]:
    """How long it has waited for its first run; None: not known. When a retry was due is not told,
    and clocks of two machines may differ."""
    if ctx.attempt != 1:
        return None
    try:
        waited = time.time() - float(ctx.headers[DUE])
    except (KeyError, ValueError):
        return None
    return max(0.0, waited * 1000) if math.isfinite(waited) else None


def _process(ctx: Context) -> Generator[None, Any, None]:
    integration = _integration()
    if integration is None:
        yield
        return
    with sentry_sdk.isolation_scope() as scope:
        scope.clear_breadcrumbs()
        scope.set_tag("gofer.queue", ctx.queue)
        scope.set_tag("gofer.task_id", ctx.id)
        scope.set_context("gofer", _facts(ctx))
        first = {name: ctx.headers[name] for name in HEADERS if name in ctx.headers}
        transaction = sentry_sdk.continue_trace(
            first if ctx.attempt == 1 else {},
            op="queue.process",
            name=ctx.type,
            source="task",
            origin=GoferIntegration.origin,
        )
        with sentry_sdk.start_transaction(transaction):
            for name, value in _data(ctx).items():
                transaction.set_data(name, value)
            try:
                yield
            except BaseException as error:
                if is_failure(ctx, error):
                    transaction.set_status("internal_error")
                    _report(integration, ctx, error)
                raise
            transaction.set_status("ok")


def _data(ctx: Context) -> dict[str, Any]:
    data = {
        "messaging.system": "gofer",
        "messaging.destination.name": ctx.queue,
        "messaging.message.id": ctx.id,
        "messaging.message.retry.count": ctx.attempt - 1,
        "messaging.message.body.size": len(ctx.payload),
    }
    latency = _latency_ms(ctx)
    return data if latency is None else {**data, "messaging.message.receive.latency": latency}


def _facts(ctx: Context) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "type": ctx.type,
        "queue": ctx.queue,
        "id": ctx.id,
        "attempt": ctx.attempt,
        "max_retry": ctx.max_retry,
    }
    if sentry_sdk.get_client().options.get("send_default_pii"):
        facts["payload"] = ctx.payload[:8192].decode("utf-8", "replace")
    return facts


def _report(integration: GoferIntegration, ctx: Context, error: BaseException) -> None:
    from .control import TaskControl

    if isinstance(error, TaskControl):
        return
    if not (integration.every_failure or is_final(ctx, error)):
        return
    event, hint = event_from_exception(
        error,
        client_options=sentry_sdk.get_client().options,
        mechanism={"type": "gofer", "handled": False},
    )
    sentry_sdk.capture_event(event, hint=hint)
