"""test_opentelemetry - spans, links, headers and metrics, as an SDK gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import trace  # noqa: E402
from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: E402
    InMemorySpanExporter,
)
from opentelemetry.trace import SpanKind, StatusCode  # noqa: E402

from child_peer import Peer  # noqa: E402

import gofer  # noqa: E402
from gofer.opentelemetry import instrument  # noqa: E402


class Traced:
    """An application that is instrumented, and what came of it."""

    def __init__(self, **options: Any) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.app = gofer.Gofer("memory:")
        meters = MeterProvider([self.reader])
        instrument(self.app, tracer_provider=self.provider, meter_provider=meters, **options)

        @self.app.task(name="mail:send", queue="mail", retry=3)
        def send(to: str) -> None:
            self.inside = trace.get_current_span().get_span_context()
            if to == "nobody":
                raise LookupError(to)
            if to == "later":
                raise gofer.Snooze("1h")

        @self.app.task(name="mail:async", queue="mail")
        async def asend() -> None:
            self.inside = trace.get_current_span().get_span_context()

        self.send, self.asend = send, asend

    def spans(self) -> list[Any]:
        spans = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return spans

    def metric(self, name: str) -> list[Any]:
        data: Any = self.reader.get_metrics_data()
        (found,) = [
            m
            for r in data.resource_metrics
            for s in r.scope_metrics
            for m in s.metrics
            if m.name == name
        ]
        return list(found.data.data_points)


@pytest.fixture
def traced() -> Iterator[Callable[..., Traced]]:
    made: list[Traced] = []

    def make(**options: Any) -> Traced:
        made.append(Traced(**options))
        return made[-1]

    yield make
    for one in made:
        one.app.close()


def test_one_task_and_its_attempts(traced: Any, attempt: Any) -> None:
    one = traced()
    with one.provider.get_tracer("x").start_as_current_span("request") as request:
        handle = one.send.enqueue("ann")
    enqueue, _ = one.spans()
    assert (enqueue.name, enqueue.kind) == ("enqueue mail", SpanKind.PRODUCER)
    assert enqueue.parent.span_id == request.get_span_context().span_id
    assert dict(enqueue.attributes) == {
        "messaging.system": "gofer",
        "messaging.operation.name": "enqueue",
        "messaging.operation.type": "send",
        "messaging.destination.name": "mail",
        "messaging.message.id": handle.id,
        "gofer.task.type": "mail:send",
    }
    header = handle.info().headers["traceparent"]
    assert header.split("-")[2] == f"{enqueue.context.span_id:016x}"
    for number in (1, 2):  # each attempt is a trace of its own, which links to where it was put in
        assert attempt(one.app, handle.id, number).kind == "done"
        (process,) = one.spans()
        assert (process.name, process.kind, process.parent) == (
            "process mail",
            SpanKind.CONSUMER,
            None,
        )
        assert [link.context.span_id for link in process.links] == [enqueue.context.span_id]
        assert process.attributes["messaging.operation.type"] == "process"
        assert process.attributes["messaging.message.id"] == handle.id
        assert process.attributes["gofer.task.attempt"] == number
        assert process.attributes["gofer.task.max_retry"] == 3
        assert one.inside.span_id == process.context.span_id
    (sent,) = one.metric("messaging.client.sent.messages")
    assert sent.value == 1 and sent.attributes["messaging.destination.name"] == "mail"
    (took,) = one.metric("messaging.process.duration")
    assert took.count == 2 and took.explicit_bounds[0] == 0.005


def test_async_tasks(traced: Any, attempt: Any) -> None:
    one = traced()
    handle = one.asend.enqueue()
    assert attempt(one.app, handle.id).kind == "done"
    _, process = one.spans()
    assert one.inside.span_id == process.context.span_id


def test_failures(traced: Any, attempt: Any) -> None:
    one = traced()
    assert attempt(one.app, one.send.enqueue("nobody").id).kind == "retry"
    _, process = one.spans()
    assert process.status.status_code is StatusCode.ERROR
    assert process.attributes["error.type"] == "LookupError"
    assert [e.name for e in process.events] == ["exception"]
    assert attempt(one.app, one.send.enqueue("later").id).kind == "snooze"
    _, process = one.spans()
    assert process.status.status_code is StatusCode.UNSET and "error.type" not in process.attributes
    one.app.enqueue("a", id="x")
    with pytest.raises(gofer.TaskExists):
        one.app.enqueue("b", id="x")
    assert one.spans()[-1].attributes["error.type"] == "gofer.errors.TaskExists"


def test_parent_by_option(traced: Any, attempt: Any) -> None:
    one = traced(trace="parent")
    handle = one.send.enqueue("ann")
    with one.provider.get_tracer("x").start_as_current_span("ambient") as ambient:
        attempt(one.app, handle.id)
    enqueue, process, _ = one.spans()
    assert process.parent.span_id == enqueue.context.span_id
    assert process.context.trace_id == enqueue.context.trace_id
    assert [link.context for link in process.links] == [ambient.get_span_context()]
    with pytest.raises(ValueError, match="link"):
        instrument(one.app, trace="both")  # type: ignore[arg-type]


def test_many_at_once(traced: Any) -> None:
    one = traced()
    results = one.app.enqueue_many([one.send.item("a"), one.send.item("b")])
    *created, enqueue = one.spans()
    assert [(s.name, s.kind) for s in created] == [("create mail", SpanKind.PRODUCER)] * 2
    assert (enqueue.name, enqueue.kind) == ("enqueue mail", SpanKind.CLIENT)
    assert enqueue.attributes["messaging.batch.message_count"] == 2
    ids = [span.context.span_id for span in created]
    assert [link.context.span_id for link in enqueue.links] == ids
    headers = [result.handle.info().headers["traceparent"] for result in results]
    assert [int(header.split("-")[2], 16) for header in headers] == ids

    shared = traced(create=False)
    shared.app.enqueue_many([shared.send.item("a"), shared.app.item("b")])
    (enqueue,) = shared.spans()
    assert (enqueue.name, enqueue.kind) == ("enqueue", SpanKind.PRODUCER)


def test_a_context_that_is_there_stays(traced: Any) -> None:
    one = traced()
    own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    handle = one.send.options(headers={"traceparent": own}).enqueue("ann")
    assert handle.info().headers["traceparent"] == own
    (enqueue,) = one.spans()
    assert [link.context.span_id for link in enqueue.links] == [0xB7AD6B7169203331]


def test_baggage_and_templates_by_option(traced: Any, attempt: Any) -> None:
    from opentelemetry import baggage, context

    one = traced(baggage=True, template=lambda queue: "ma*")
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        handle = one.send.enqueue("ann")
        plain = traced().send.enqueue("ann")
    finally:
        context.detach(token)
    assert handle.info().headers["baggage"] == "tenant=acme"
    assert "baggage" not in plain.info().headers
    seen = []
    one.app.middleware(_sees(lambda: seen.append(baggage.get_baggage("tenant"))))
    attempt(one.app, handle.id)
    assert seen == ["acme"]
    enqueue, process = one.spans()
    assert (enqueue.name, process.name) == ("enqueue ma*", "process ma*")
    assert process.attributes["messaging.destination.template"] == "ma*"
    assert "messaging.destination.name" not in process.attributes


def _sees(look: Callable[[], None]) -> Any:
    def middleware(ctx: gofer.Context) -> Any:
        look()
        yield

    return middleware


BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]


def test_metrics(traced: Any, attempt: Any) -> None:
    one = traced()
    handle = one.send.enqueue("ann")
    attempt(one.app, handle.id)
    attempt(one.app, one.send.enqueue("nobody").id)
    mail = {"messaging.system": "gofer", "messaging.destination.name": "mail"}
    sending = {"messaging.operation.name": "enqueue", "messaging.operation.type": "send", **mail}
    processing = {
        "messaging.operation.name": "process", "messaging.operation.type": "process", **mail
    }  # fmt: skip
    failed = {**processing, "error.type": "LookupError"}
    (sent,) = one.metric("messaging.client.sent.messages")
    assert (sent.value, dict(sent.attributes)) == (2, sending)
    (put,) = one.metric("messaging.client.operation.duration")
    assert (put.count, dict(put.attributes)) == (2, sending)
    assert list(put.explicit_bounds) == BUCKETS and 0 < put.sum < 60
    for name in ("messaging.client.consumed.messages", "messaging.process.duration"):
        points = {point.attributes.get("error.type"): point for point in one.metric(name)}
        assert dict(points[None].attributes) == processing
        assert dict(points["LookupError"].attributes) == failed
    assert list(points[None].explicit_bounds) == BUCKETS and points[None].count == 1


def test_of_many_each_is_counted_under_its_queue_and_its_fate(traced: Any) -> None:
    one = traced()
    one.app.enqueue("a", id="taken")
    items = [one.send.item("a"), one.send.item("b"), one.app.item("c")]
    results = one.app.enqueue_many([*items, one.app.item("b", id="taken")])
    assert [result.ok for result in results] == [True, True, True, False]
    counts = {
        (point.attributes["messaging.destination.name"], point.attributes.get("error.type")): (
            point.value
        )
        for point in one.metric("messaging.client.sent.messages")
    }
    refused = "gofer.errors.TaskExists"
    assert counts == {("mail", None): 2, ("default", None): 2, ("default", refused): 1}
    last = one.spans()[-1]
    assert last.attributes["error.type"] == refused and last.status.status_code is StatusCode.ERROR
    errors = {p.attributes.get("error.type") for p in one.metric(
        "messaging.client.operation.duration"
    )}  # fmt: skip
    assert errors == {None, refused}


def test_of_many_a_context_that_is_there_stays(traced: Any) -> None:
    one = traced()
    own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for create in (True, False):
        one = traced(create=create)
        mine = one.send.options(headers={"traceparent": own, "tracestate": "a=b"}).item("a")
        first, second = one.app.enqueue_many([mine, one.send.item("b")])
        assert dict(first.handle.info().headers) == {"traceparent": own, "tracestate": "a=b"}
        assert second.handle.info().headers["traceparent"] != own


def test_the_edition_of_the_conventions_is_told(traced: Any) -> None:
    one = traced()
    one.send.enqueue("ann")
    (span,) = one.spans()
    assert span.instrumentation_scope.schema_url == gofer.opentelemetry.SCHEMA


SHOP = """
import gofer
app = gofer.Gofer("memory:")
{}

@app.task
def send():
    pass
"""


def test_a_worker_is_told_that_it_makes_no_spans(tmp_path: Path) -> None:
    with Peer(tmp_path, SHOP.format("")) as peer:
        assert "spans" not in peer.hello
    instrumented = "import gofer.opentelemetry\ngofer.opentelemetry.instrument(app)\n"
    with Peer(tmp_path, SHOP.format(instrumented)) as peer:
        assert "spans" not in peer.hello  # without an SDK it would make none: the worker may
    sdk = (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "@app.on_start\n"
        "def set_up():\n"
        "    trace.set_tracer_provider(TracerProvider())\n"
    )
    with Peer(tmp_path, SHOP.format(instrumented + sdk)) as peer:
        assert peer.hello["spans"] == ["own"]
