"""test_sentry - events and transactions of tasks, as the transport gets them. And structlog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

sentry_sdk = pytest.importorskip("sentry_sdk")

import gofer  # noqa: E402
from gofer.sentry import GoferIntegration  # noqa: E402


@pytest.fixture
def app() -> Iterator[gofer.Gofer]:
    with gofer.Gofer("memory:") as opened:

        @opened.task(name="mail:send", queue="mail", retry=1)
        def send(to: str) -> None:
            sentry_sdk.add_breadcrumb(message=to)
            if to == "never":
                raise gofer.GiveUp("no")
            if to != "ann":
                raise LookupError(to)

        yield opened


Start = Callable[..., "list[dict[str, Any]]"]


@pytest.fixture
def start(app: gofer.Gofer) -> Iterator[Start]:
    told: list[dict[str, Any]] = []

    def begin(every_failure: bool = False, **options: Any) -> list[dict[str, Any]]:
        class Transport(sentry_sdk.transport.Transport):  # type: ignore[misc, name-defined]
            def capture_envelope(self, envelope: Any) -> None:
                told.extend(item.payload.json for item in envelope.items if item.payload.json)

        sentry_sdk.init(
            dsn="http://key@127.0.0.1:9/1",
            transport=Transport,
            traces_sample_rate=1.0,
            default_integrations=False,
            integrations=[GoferIntegration(app, every_failure=every_failure)],
            **options,
        )
        return told

    yield begin
    sentry_sdk.init()


def events(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in told if "exception" in one]


def test_the_trace_goes_on_and_a_retry_begins_anew(
    app: gofer.Gofer, start: Start, attempt: Callable[..., Any]
) -> None:
    told = start()
    with sentry_sdk.start_transaction(name="request"):
        handle = app.tasks["mail:send"].enqueue("ann")
    (request,) = told
    (publish,) = request["spans"]
    assert (publish["op"], publish["description"]) == ("queue.publish", "mail:send")
    assert publish["data"]["messaging.message.id"] == handle.id
    attempt(app, handle.id)
    attempt(app, handle.id, 2)
    first, second = (one for one in told[1:] if one.get("type") == "transaction")
    assert (first["transaction"], first["transaction_info"]["source"]) == ("mail:send", "task")
    trace = first["contexts"]["trace"]
    assert trace["op"] == "queue.process" and trace["status"] == "ok"
    assert trace["trace_id"] == request["contexts"]["trace"]["trace_id"]
    assert trace["parent_span_id"] == publish["span_id"]
    assert trace["data"]["messaging.destination.name"] == "mail"
    assert trace["data"]["messaging.message.retry.count"] == 0
    assert second["contexts"]["trace"]["trace_id"] != trace["trace_id"]
    assert second["contexts"]["trace"]["data"]["messaging.message.retry.count"] == 1


def test_a_failure_is_reported_when_it_is_final(
    app: gofer.Gofer, start: Start, attempt: Callable[..., Any]
) -> None:
    told = start()
    handle = app.tasks["mail:send"].enqueue("nobody")
    attempt(app, handle.id, 1)
    assert events(told) == []
    attempt(app, handle.id, 2)
    (event,) = events(told)
    assert event["exception"]["values"][-1]["type"] == "LookupError"
    assert event["exception"]["values"][-1]["mechanism"] == {"type": "gofer", "handled": False}
    assert event["tags"] == {"gofer.queue": "mail", "gofer.task_id": handle.id}
    assert [crumb["message"] for crumb in event["breadcrumbs"]["values"]] == ["nobody"]
    assert event["contexts"]["gofer"]["attempt"] == 2
    assert "payload" not in event["contexts"]["gofer"]
    assert told[-1]["contexts"]["trace"]["status"] == "internal_error"
    attempt(app, app.tasks["mail:send"].enqueue("never").id)
    assert len(events(told)) == 1  # it has decided so itself


def test_every_failure_and_the_payload_by_option(
    app: gofer.Gofer, start: Start, attempt: Callable[..., Any]
) -> None:
    told = start(every_failure=True, send_default_pii=True)
    attempt(app, app.tasks["mail:send"].enqueue("nobody").id, 1)
    (event,) = events(told)
    assert event["contexts"]["gofer"]["payload"] == '{"to":"nobody"}'


def test_without_a_client_nothing_is_in_the_way(
    app: gofer.Gofer, attempt: Callable[..., Any]
) -> None:
    GoferIntegration(app)
    handle = app.tasks["mail:send"].enqueue("ann")
    assert handle.info().headers == {} and attempt(app, handle.id).kind == "done"
    with pytest.raises(TypeError):
        GoferIntegration()


def _data(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the latest transaction."""
    last = [one for one in told if one.get("type") == "transaction"][-1]
    return dict(last["contexts"]["trace"]["data"])


def test_how_long_it_has_waited(
    app: gofer.Gofer, start: Start, attempt: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    latency = "messaging.message.receive.latency"
    told, send, real = start(), app.tasks["mail:send"], time.time
    now, later = send.enqueue("ann"), send.enqueue_in("1h", "ann")
    monkeypatch.setattr("gofer.sentry.time.time", lambda: real() + 3605)
    attempt(app, now.id)
    assert 3605_000 <= _data(told)[latency] < 3605_000 + 60_000
    attempt(app, later.id)  # the hour that was asked for is none
    assert 4_000 <= _data(told)[latency] < 5_000 + 60_000
    attempt(app, now.id, 2)  # when it was due again is not known
    assert latency not in _data(told)
    monkeypatch.setattr("gofer.sentry.time.time", lambda: real() - 3600)
    attempt(app, now.id)  # a clock that is behind
    assert _data(told)[latency] == 0
    for strange in ("soon", "nan", "-inf", ""):
        odd = send.options(headers={"sentry-task-enqueued-time": strange}).enqueue("ann")
        attempt(app, odd.id)
        assert latency not in _data(told), strange


def test_the_same_task_again_is_there_once(app: gofer.Gofer, start: Start) -> None:
    start()
    send = app.tasks["mail:send"].options(id="one")
    assert send.enqueue("ann").id == send.enqueue("ann").id  # its headers differ


def test_structlog_names_the_task(attempt: Callable[..., Any]) -> None:
    structlog = pytest.importorskip("structlog")
    import gofer.structlog

    with structlog.testing.capture_logs([gofer.structlog.add_task]) as lines, gofer.Gofer(
        "memory:"
    ) as app:

        @app.task(name="a")
        def log() -> None:
            structlog.get_logger().info("inside", attempt="own")

        handle = log.enqueue()
        attempt(app, handle.id)
        structlog.get_logger().info("outside")
    inside, outside = lines
    assert (inside["task_id"], inside["task_type"], inside["task_queue"]) == (
        handle.id,
        "a",
        "default",
    )
    assert inside["attempt"] == "own" and "task_id" not in outside
