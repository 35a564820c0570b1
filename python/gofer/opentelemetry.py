# mypy: disable-error-code="import-not-found,import-untyped"
"""opentelemetry - spans and metrics of putting tasks in and running them.

    gofer.opentelemetry.instrument(app)

By the conventions for messaging (all of them still in development): "enqueue mail" where a task is
put in, whose context travels in the headers traceparent and tracestate; "process mail" for each
attempt, which links to it. For many at once a "create mail" for each and one "enqueue mail".

There are no spans of receiving and settling: the worker does both in its own process, for many
tasks at a time, and what is not measured is not told.

A worker that makes spans itself (gofer worker --otlp) makes none of an instrumented application's
tasks: the hello of its children says that they are theirs. It says so if there is an SDK when the
start hooks have run.

It needs opentelemetry-api alone; without an SDK it does nothing. Threads: instrument while the
application is set up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal, Optional

from opentelemetry import context as otel
from opentelemetry import metrics, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .app import Gofer
from .client import version
from .context import Context
from .running.final import is_failure
from .task import Item, Result

SYSTEM = "gofer"
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
"""Which edition of the conventions the names are of."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_CONTEXT = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()


def instrument(
    app: Gofer,
    *,
    trace: Literal["link", "parent"] = "link",
    create: bool = True,
    baggage: bool = False,
    template: Optional[Callable[[str], Optional[str]]] = None,
    tracer_provider: Any = None,
    meter_provider: Any = None,
) -> None:
    """Trace and measure an application, in programs that put tasks in and in workers.

    trace     how "process" spans belong to where the task was put in: by a link, or as its children
    create    with many tasks at once each has a span of its own; False: they share one
    baggage   it travels along, in the header of that name: others see what is in it
    template  for queues of which there are many, one per customer: gives what stands for the
              queue's name ("customer:*"), or None if that will do
    """
    if trace not in ("link", "parent"):
        raise ValueError(f'trace is {trace!r}: it must be "link" or "parent"')
    instrument = Instrument(trace == "parent", create, baggage, template)
    instrument.open(tracer_provider, meter_provider)
    app.around_enqueue(instrument.enqueue)
    app.middleware(instrument.process)
    app._makes_spans = lambda: _is_recording(tracer_provider)


class Instrument:
    """What stands around an application's calls."""

    def __init__(
        self,
        parent: bool,
        create: bool,
        baggage: bool,
        template: Optional[Callable[[str], Optional[str]]],
    ) -> None:
        self._parent, self._create, self._baggage = parent, create, baggage
        self._template = template or (lambda queue: None)

    def open(self, tracer_provider: Any, meter_provider: Any) -> None:
        self._tracer = trace.get_tracer("gofer", version(), tracer_provider, SCHEMA)
        meter = metrics.get_meter("gofer", version(), meter_provider, SCHEMA)
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}")
        self._consumed = meter.create_counter("messaging.client.consumed.messages", "{message}")
        self._operation, self._process = (
            meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=BUCKETS)
            for name in ("messaging.client.operation.duration", "messaging.process.duration")
        )

    # ---- putting in -----------------------------------------------------------------

    def enqueue(self, items: list[Item]) -> Generator[list[Item], list[Result], None]:
        queues = {item.queue for item in items}
        where = self._where(queues.pop()) if len(queues) == 1 else {}
        attributes = _operation("enqueue", "send", where)
        single = len(items) == 1
        if single:
            if items[0].put.task_id:
                attributes["messaging.message.id"] = items[0].put.task_id
            attributes["gofer.task.type"] = items[0].type
            links = _links(items[0].headers)
        else:
            attributes["messaging.batch.message_count"] = len(items)
            if self._create:
                items = [self._created(item) for item in items]
            links = [link for item in items for link in _links(item.headers)]
        span = self._tracer.start_span(
            _name("enqueue", where),
            kind=SpanKind.PRODUCER if single or not self._create else SpanKind.CLIENT,
            attributes=attributes,
            links=links,
        )
        begun = time.monotonic()
        measured = _operation("enqueue", "send", where)
        fates: Sequence[Optional[BaseException]] = [None] * len(items)
        try:
            results = yield [self._carrying(item, span) for item in items]
            fates = [result.error for result in results]
            if single and results[0].handle:
                span.set_attribute("messaging.message.id", results[0].handle.id)
            for refused in filter(None, fates):
                measured["error.type"] = _failed(span, refused)
        except BaseException as error:
            measured["error.type"] = _failed(span, error)
            fates = [error] * len(items)
            raise
        finally:
            self._operation.record(time.monotonic() - begun, measured)
            self._count(items, fates)
            span.end()

    def _count(self, items: list[Item], fates: Sequence[Optional[BaseException]]) -> None:
        """Each task under its own queue, and under why it was refused."""
        counts = Counter(
            (item.queue, _name_of(error) if error else None) for item, error in zip(items, fates)
        )
        for (queue, error_type), count in counts.items():
            attributes = _operation("enqueue", "send", self._where(queue))
            if error_type is not None:
                attributes["error.type"] = error_type
            self._sent.add(count, attributes)

    def _created(self, item: Item) -> Item:
        """The task with a span of its own, which is over when it is made."""
        if "traceparent" in item.headers:
            return item
        where = self._where(item.queue)
        attributes = {**_operation("create", "create", where), "gofer.task.type": item.type}
        span = self._tracer.start_span(
            _name("create", where), kind=SpanKind.PRODUCER, attributes=attributes
        )
        span.end()
        return self._carrying(item, span)

    def _carrying(self, item: Item, span: Any) -> Item:
        """With the span's context. One that is there already is never replaced."""
        if "traceparent" in item.headers or not span.get_span_context().is_valid:
            return item
        carrier: dict[str, str] = {}
        _CONTEXT.inject(carrier, trace.set_span_in_context(span))
        if self._baggage and "baggage" not in item.headers:
            _BAGGAGE.inject(carrier)
        return item.with_headers(carrier)

    # ---- running ---------------------------------------------------------------------

    def process(self, ctx: Context) -> Generator[None, Any, None]:
        where = self._where(ctx.queue)
        remote = _CONTEXT.extract(dict(ctx.headers), otel.Context())
        ambient = trace.get_current_span().get_span_context()
        if self._parent and _is_valid(remote):
            parent, links = remote, [Link(ambient)] if ambient.is_valid else []
        else:
            parent, links = otel.get_current(), _links(ctx.headers)
        if self._baggage:
            parent = _BAGGAGE.extract(dict(ctx.headers), parent)
        measured = _operation("process", "process", where)
        attributes = {
            **measured,
            "messaging.message.id": ctx.id,
            "gofer.task.type": ctx.type,
            "gofer.task.attempt": ctx.attempt,
            "gofer.task.max_retry": ctx.max_retry,
        }
        span = self._tracer.start_span(
            _name("process", where),
            parent,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=links,
        )
        token = otel.attach(trace.set_span_in_context(span, parent))
        begun = time.monotonic()
        try:
            yield
        except BaseException as error:
            if is_failure(ctx, error):
                measured["error.type"] = _failed(span, error)
            raise
        finally:
            otel.detach(token)
            self._process.record(time.monotonic() - begun, measured)
            self._consumed.add(1, measured)
            span.end()

    def _where(self, queue: str) -> dict[str, Any]:
        template = self._template(queue)
        if template is not None:
            return {"messaging.destination.template": template}
        return {"messaging.destination.name": queue}


def _is_recording(given: Any) -> bool:
    """Whether spans get anywhere: the API alone has providers that make none."""
    provider = trace.get_tracer_provider() if given is None else given
    return not isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider))


def _operation(name: str, type: str, where: dict[str, Any]) -> dict[str, Any]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": name,
        "messaging.operation.type": type,
        **where,
    }


def _name(operation: str, where: dict[str, Any]) -> str:
    return " ".join([operation, *where.values()])


def _links(headers: Any) -> list[Link]:
    """To where the task was put in, if that is known."""
    remote = _CONTEXT.extract(dict(headers), otel.Context())
    return [Link(trace.get_current_span(remote).get_span_context())] if _is_valid(remote) else []


def _is_valid(context: Any) -> bool:
    return bool(trace.get_current_span(context).get_span_context().is_valid)


def _failed(span: Any, error: BaseException) -> str:
    """What kind of error it is, told to the span."""
    name = _name_of(error)
    span.set_attribute("error.type", name)
    span.set_status(Status(StatusCode.ERROR, str(error)))
    span.record_exception(error)
    return name


def _name_of(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
