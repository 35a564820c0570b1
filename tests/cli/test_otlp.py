"""gofer worker --otlp, and enqueue and web: spans by a collector on a real socket, and what
becomes of them and of the tasks when it misbehaves."""

import base64
import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, wait_for
from process import make_certificates
from test_worker import build
from webserver import Web

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
CONTEXT = f"00-{TRACE}-{SPAN}-01"
QUIET = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # a batch waits no longer


@pytest.fixture(autouse=True)
def has_otlp(gofer):
    if not gofer("version", "--json").json["otlp"]:
        pytest.skip("n/a: gofer is built without OTLP")


class Collector:
    """Takes requests, checks each, and answers what it is told to."""

    def __init__(self, tls=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self, body)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        self.requests, self.times, self.wrong = [], [], []
        self.answers = []  # (status, headers, body), one for each request; then all is well
        self.gate = threading.Event()  # no answer before it is set
        self.gate.set()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def take(self, handler, body):
        with self.lock:
            self.times.append(time.monotonic())
            status, headers, text = self.answers.pop(0) if self.answers else (200, {}, b"{}")
            try:
                request = json.loads(body)
                check_request(handler, request)
                if status == 200:
                    self.requests.append((handler.path, dict(handler.headers), request))
            except Exception as error:  # told by close()
                self.wrong.append(error)
        self.gate.wait(30)
        try:
            handler.send_response(status)
            for key, value in headers.items():
                handler.send_header(key, value)
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text)
        except OSError:
            pass

    @property
    def spans(self):
        with self.lock:
            return [
                span
                for _, _, request in self.requests
                for each in request["resourceSpans"]
                for scope in each["scopeSpans"]
                for span in scope["spans"]
            ]

    def await_spans(self, count):
        wait_for(lambda: len(self.spans) >= count or self.wrong, f"{count} spans")
        assert not self.wrong
        return self.spans

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        assert not self.wrong


@pytest.fixture
def collector():
    it = Collector()
    yield it
    it.close()


# ---- OTLP's rules -----------------------------------------------------------------------------


def check_request(handler, request):
    assert handler.headers["Content-Type"] == "application/json"
    assert handler.headers["User-Agent"].startswith("OTel-OTLP-Exporter-gofer/")
    assert set(request) == {"resourceSpans"}
    for each in request["resourceSpans"]:
        assert set(each) <= {"resource", "scopeSpans", "schemaUrl"}
        check_attributes(each["resource"]["attributes"])
        for scope in each["scopeSpans"]:
            assert scope["scope"]["name"] == "gofer"
            for span in scope["spans"]:
                check_span(span)
    parse_by_protobuf(request)


def check_attributes(attributes):
    keys = [each["key"] for each in attributes]
    assert len(keys) == len(set(keys)), keys
    for each in attributes:
        ((kind, value),) = each["value"].items()
        assert kind in ("stringValue", "intValue") and isinstance(value, str)
        assert kind == "stringValue" or re.fullmatch("-?[0-9]+", value)


def check_span(span):
    assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and int(span["traceId"], 16)
    assert re.fullmatch("[0-9a-f]{16}", span["spanId"]) and int(span["spanId"], 16)
    assert span["kind"] in (4, 5)
    begin, end = span["startTimeUnixNano"], span["endTimeUnixNano"]
    assert isinstance(begin, str) and isinstance(end, str) and int(begin) <= int(end)
    assert abs(int(end) / 1e9 - time.time()) < 300
    check_attributes(span["attributes"])
    for link in span.get("links", []):
        assert re.fullmatch("[0-9a-f]{32}", link["traceId"])
        assert re.fullmatch("[0-9a-f]{16}", link["spanId"])
    assert span.get("status", {}).get("code", 0) in (0, 2)
    for event in span.get("events", []):
        assert isinstance(event["timeUnixNano"], str)
        check_attributes(event["attributes"])


def parse_by_protobuf(request):
    """By the real messages, where they are there; ids are base64 in protobuf's own JSON."""
    try:
        from google.protobuf import json_format
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )
    except ImportError:
        assert not os.environ.get("GOFER_NO_SKIPS"), "opentelemetry-proto is not there"
        return

    def convert(value):
        if isinstance(value, list):
            return [convert(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key: (
                base64.b64encode(bytes.fromhex(each)).decode()
                if key in ("traceId", "spanId", "parentSpanId")
                else convert(each)
            )
            for key, each in value.items()
        }

    message = json_format.ParseDict(convert(request), ExportTraceServiceRequest())
    span = message.resource_spans[0].scope_spans[0].spans[0]
    assert len(span.trace_id) == 16 and len(span.span_id) == 8 and span.kind in (4, 5)


def attributes(thing):
    return {
        each["key"]: (
            int(each["value"]["intValue"])
            if "intValue" in each["value"]
            else each["value"]["stringValue"]
        )
        for each in thing["attributes"]
    }


def of_type(spans):
    return {attributes(span)["gofer.task.type"]: span for span in spans}


def worker(gofer, collector, *args, env=None, **how):
    return gofer.worker("--otlp", collector.url, *args, env={**QUIET, **(env or {})}, **how)


def stats_of(worker):
    out, _ = worker.process.communicate(timeout=30)
    return json.loads(out)


# ---- spans ------------------------------------------------------------------------------------

CHILD = """
import sys
sys.path.insert(0, EXAMPLES)
from child import *
Child({"child": lambda task: task.headers.get("traceparent")}).serve()
"""

OWN_SPANS = CHILD.replace('"child": ', '"own": ').replace(
    "Child(",
    "class Own(Child):\n"
    "    def send(self, kind, body, at_once=False):\n"
    "        super().send(kind, body + b'spans own\\n' if kind == b'h' else body, at_once)\n"
    "Own(",
)

PLUGIN = r"""
#include <gofer/gofer.h>
#include <string.h>
static int32_t handle(gofer_task *task, void *user)
{
    (void)user;
    const char *context = gofer_task_traceparent(task);
    return gofer_task_result(task, context, strlen(context)) == GOFER_OK ? GOFER_DONE : GOFER_RETRY;
}
int32_t gofer_plugin_abi(void);
gofer_status gofer_plugin_init(gofer_worker *worker);
int32_t gofer_plugin_abi(void) { return 1; }
gofer_status gofer_plugin_init(gofer_worker *worker)
{
    return gofer_worker_handle(worker, "plugin", handle, 0, 0);
}
"""


def child(gofer, name, source):
    path = gofer.folder / name
    path.write_text(source.replace("EXAMPLES", repr(str(ROOT / "examples" / "children"))))
    return f"={sys.executable} {path}"


def all_kinds(gofer):
    build(gofer, "p.so", PLUGIN)
    (gofer.folder / "h.lua").write_text(
        "gofer.handle('lua', function(task) return task.traceparent end)\n"
        "gofer.handle('bad', function(task) error('a secret') end)\n"
    )
    return [
        "--plugin",
        "./p.so",
        "--lua",
        "h.lua",
        "--shell",
        "exec=echo -n $TRACEPARENT",
        "--child",
        child(gofer, "child_of_test.py", CHILD),
        "--child",
        child(gofer, "own_of_test.py", OWN_SPANS),
    ]


def run_all(gofer, collector, *more, **how):
    """One task of each kind, and one that fails: their results, and the spans by type."""
    kinds = ["plugin", "lua", "exec", "child"]
    header = ["--header", f"traceparent={CONTEXT}", "--header", "tracestate=a=1"]
    for kind in [*kinds, "own", "bad"]:
        gofer.enqueue(kind, "--id", kind, "--retention", "1h", "--retry", "0", *header)
    it = worker(gofer, collector, *all_kinds(gofer), *more, **how)
    for kind in [*kinds, "own"]:
        wait_for(lambda: gofer.json("task", "show", kind)["state"] == "completed", kind)
    wait_for(lambda: gofer.json("task", "show", "bad")["state"] == "archived", "bad")
    assert it.stop() == 0, it.log
    results = {kind: gofer("task", "show", kind, "--result").out for kind in [*kinds, "own"]}
    return {kind: text.strip().strip('"') for kind, text in results.items()}, collector.spans


def test_each_kind_of_handler_has_a_span(gofer, collector):
    results, spans = run_all(gofer, collector)
    assert len(spans) == 5  # what makes its own gets none, and its headers as they are
    assert results["own"] == CONTEXT
    for kind, span in of_type(spans).items():
        assert span["name"] == "process default" and "parentSpanId" not in span
        assert span["traceId"] != TRACE
        assert [
            (link["traceId"], link["spanId"], link["traceState"]) for link in span["links"]
        ] == [(TRACE, SPAN, "a=1")]
        if kind != "bad":
            assert results[kind] == f"00-{span['traceId']}-{span['spanId']}-01"
            assert "status" not in span
        assert attributes(span) == {
            "messaging.system": "gofer",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": "default",
            "messaging.message.id": kind,
            "gofer.task.type": kind,
            "gofer.task.attempt": 1,
            "gofer.task.max_retry": 0,
            "gofer.task.outcome": "archived" if kind == "bad" else "done",
            **({"error.type": "failed"} if kind == "bad" else {}),
        }
    bad = of_type(spans)["bad"]
    assert bad["status"] == {"code": 2} and "events" not in bad and "secret" not in str(bad)
    path, headers, request = collector.requests[0]
    assert path == "/v1/traces"
    resource = attributes(request["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "gofer-worker" and resource["telemetry.sdk.name"] == "gofer"
    assert len(resource["service.instance.id"]) == 36 and resource["host.name"]


def test_options_choose_the_parent_and_the_text(gofer, collector):
    results, spans = run_all(gofer, collector, "--otlp-parent", "--otlp-errors")
    for kind, span in of_type(spans).items():
        assert (span["traceId"], span["parentSpanId"]) == (TRACE, SPAN) and "links" not in span
        assert span["traceState"] == "a=1" and span["flags"] == 0x301
        if kind != "bad":
            assert results[kind] == f"00-{TRACE}-{span['spanId']}-01"
    bad = of_type(spans)["bad"]
    assert bad["status"]["code"] == 2 and "a secret" in bad["status"]["message"]
    (event,) = bad["events"]
    assert event["name"] == "exception" and event["timeUnixNano"] == bad["endTimeUnixNano"]
    assert "a secret" in attributes(event)["exception.message"]
    assert attributes(event)["exception.type"] == "failed"


def test_a_chain_of_tasks_is_one_trace_and_retries_link_to_the_first(gofer, collector):
    script = gofer.folder / "first.sh"
    script.write_text(f'[ "$GOFER_TASK_ATTEMPT" -gt 1 ] || exit 1\n{gofer.bin} enqueue second\n')
    gofer.enqueue("first", "--retry-policy", "fixed:10ms", env={"TRACEPARENT": CONTEXT})
    it = worker(gofer, collector, "--exec", f"first=sh {script}", "--exec", "second=true")
    spans = collector.await_spans(3)
    it.stop()
    failed, done, second = sorted(spans, key=lambda span: int(span["endTimeUnixNano"]))
    if attributes(done)["gofer.task.type"] == "second":
        done, second = second, done
    for number, span in enumerate((failed, done), 1):
        assert attributes(span)["gofer.task.attempt"] == number
        assert (span["links"][0]["traceId"], span["links"][0]["spanId"]) == (TRACE, SPAN)
    assert attributes(failed)["gofer.task.outcome"] == "retried"
    assert failed["status"]["code"] == 2 and failed["traceId"] != done["traceId"]
    assert second["links"][0]["traceId"] == done["traceId"]
    assert second["links"][0]["spanId"] == done["spanId"]


def test_children_behind_middleware_have_spans(gofer, collector):
    build(
        gofer,
        "m.so",
        r"""
#include <gofer/gofer.h>
static int32_t wrap(gofer_task *task, void *user) { (void)user; return gofer_task_next(task); }
int32_t gofer_plugin_abi(void);
gofer_status gofer_plugin_init(gofer_worker *worker);
int32_t gofer_plugin_abi(void) { return 1; }
gofer_status gofer_plugin_init(gofer_worker *worker)
{
    return gofer_worker_use(worker, wrap, 0, 0);
}
""",
    )
    gofer.enqueue("child", "--id", "c", "--retention", "1h")
    gofer.enqueue("own", "--id", "o", "--retention", "1h", "--header", f"traceparent={CONTEXT}")
    it = worker(
        gofer,
        collector,
        "--plugin",
        "./m.so",
        "--child",
        child(gofer, "child_of_test.py", CHILD),
        "--child",
        child(gofer, "own_of_test.py", OWN_SPANS),
    )
    for id in "co":
        wait_for(lambda: gofer.json("task", "show", id)["state"] == "completed", id)
    it.stop()
    (span,) = collector.spans
    assert (
        gofer("task", "show", "c", "--result").out.strip().strip('"')
        == f"00-{span['traceId']}-{span['spanId']}-01"
    )
    assert gofer("task", "show", "o", "--result").out.strip().strip('"') == CONTEXT


# ---- the environment --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampler, argument, context, sampled",
    [
        (None, None, None, True),
        (None, None, CONTEXT, True),
        (None, None, CONTEXT[:-1] + "0", False),
        ("parentbased_always_off", None, None, False),
        ("parentbased_always_off", None, CONTEXT, True),
        ("always_on", None, CONTEXT[:-1] + "0", True),
        ("always_off", None, CONTEXT, False),
        ("traceidratio", "0", CONTEXT, False),
        ("parentbased_traceidratio", "1.0", None, True),
        ("parentbased_traceidratio", "0.0", CONTEXT, True),
        ("nonsense", None, None, True),
    ],
)
def test_samplers(gofer, collector, sampler, argument, context, sampled):
    env = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    env = {key: value for key, value in env.items() if value is not None}
    gofer.enqueue(
        "t", "--retention", "1h", "--id", "t", env={"TRACEPARENT": context} if context else {}
    )
    it = worker(
        gofer,
        collector,
        "--drain",
        "--json",
        "--shell",
        "t=echo -n $TRACEPARENT",
        env=env,
        ready=False,
    )
    assert stats_of(it)["spans_exported"] == int(sampled)
    assert len(collector.spans) == int(sampled)
    # What is called goes on in the same trace, and is told whether it is recorded.
    given = gofer("task", "show", "t", "--result").out
    assert (
        re.fullmatch(f"00-[0-9a-f]{{32}}-[0-9a-f]{{16}}-0{int(sampled)}", given)
        and SPAN not in given
    )
    assert ("no sampler of gofer's" in it.log) == (sampler == "nonsense")


def test_ratios_take_their_part(gofer, collector):
    gofer("enqueue", "t", "--count", "400")
    (gofer.folder / "h.lua").write_text("gofer.handle('t', function() end)")
    it = worker(
        gofer,
        collector,
        "--drain",
        "--json",
        "--lua",
        "h.lua",
        ready=False,
        env={"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"},
    )
    assert 120 < stats_of(it)["spans_exported"] < 280
    halves = {span["traceId"][16] for span in collector.spans}
    assert halves <= set("01234567")
    assert len({span["traceId"] for span in collector.spans}) == len(collector.spans)


def test_the_environment_says_where_and_what(gofer, collector):
    gofer.enqueue("t")
    it = gofer.worker(
        "--otlp",
        "env",
        "--drain",
        "--exec",
        "t=true",
        ready=False,
        env={
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url + "/take/them",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x%2C, other = y ,empty=",
            "OTEL_SERVICE_NAME": "mill",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=no,deployment.environment=t%C3%BCst,"
            "service.instance.id=me,host.name=here",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        },
    )
    assert it.wait() == 0, it.log
    path, headers, request = collector.requests[0]
    assert path == "/take/them"
    assert headers["authorization"] == "Bearer x," and headers["other"] == "y"
    assert headers["empty"] == "" and "Expect" not in headers
    resource = attributes(request["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "mill" and resource["deployment.environment"] == "tüst"
    assert resource["service.instance.id"] == "me" and resource["host.name"] == "here"
    assert "gofer does not compress" in it.log and "Bearer" not in it.log


def test_a_base_gets_the_path_of_traces(gofer, collector):
    gofer.enqueue("t", "--count", "1")
    for base in (collector.url + "/", collector.url + "/v1/traces"):
        gofer.enqueue("t")
        assert gofer.worker("--otlp", base, "--drain", "--exec", "t=true", ready=False).wait() == 0
    gofer.enqueue("t")
    it = gofer.worker(
        "--otlp",
        "env",
        "--drain",
        "--exec",
        "t=true",
        ready=False,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url + "/below"},
    )
    assert it.wait() == 0
    assert [path for path, _, _ in collector.requests] == [
        "/v1/traces",
        "/v1/traces",
        "/below/v1/traces",
    ]


@pytest.mark.parametrize("env", [{"OTEL_SDK_DISABLED": "True"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_it_can_be_turned_off(gofer, collector, env):
    gofer.enqueue("t", "--id", "t", "--retention", "1h", env={"TRACEPARENT": CONTEXT})
    it = worker(
        gofer, collector, "--drain", "--shell", "t=echo -n $TRACEPARENT", ready=False, env=env
    )
    assert it.wait() == 0 and collector.times == []
    assert gofer("task", "show", "t", "--result").out == CONTEXT


@pytest.mark.parametrize(
    "args, env, words",
    [
        (["--otlp", "127.0.0.1:4318"], {}, "--otlp '127.0.0.1:4318': it does not begin with http"),
        (["--otlp", "http://"], {}, "names no host"),
        (["--otlp", "http://a b"], {}, "blanks"),
        (["--otlp", "http://me:secret@host"], {}, "OTEL_EXPORTER_OTLP_HEADERS"),
        (
            ["--otlp", "env"],
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://x"},
            "OTEL_EXPORTER_OTLP_ENDPOINT 'grpc://x'",
        ),
        (
            ["--otlp", "http://x"],
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'",
        ),
        (
            ["--otlp", "http://x"],
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'http/protobuf'",
        ),
        (
            ["--otlp", "http://x"],
            {"OTEL_EXPORTER_OTLP_HEADERS": "secret"},
            "OTEL_EXPORTER_OTLP_HEADERS is not of the form",
        ),
        (
            ["--otlp", "http://x"],
            {"OTEL_EXPORTER_OTLP_HEADERS": "a=secret%0d%0ab: c"},
            "OTEL_EXPORTER_OTLP_HEADERS is not of the form",
        ),
        (
            ["--otlp", "http://x"],
            {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/none.pem"},
            "'/none.pem' cannot be read",
        ),
        (["--otlp-parent"], {}, "--otlp-parent is given without --otlp"),
        (["--otlp-errors"], {}, "--otlp-errors is given without --otlp"),
    ],
)
def test_what_makes_no_sense_is_refused(gofer, args, env, words):
    refused = gofer("worker", *args, "--exec", "t=true", env=env, code=2)
    assert words in refused.err and "secret" not in refused.err.replace("me:secret@host", "")


# ---- what breaks ------------------------------------------------------------------------------


def lua(gofer, count, *more):
    (gofer.folder / "h.lua").write_text("gofer.handle('t', function() end)")
    gofer("enqueue", "t", "--count", str(count))
    return ["--json", "--lua", "h.lua", *more]


def test_batches_have_a_size(gofer, collector):
    it = worker(
        gofer,
        collector,
        *lua(gofer, 3 * 512),
        env={"OTEL_BSP_SCHEDULE_DELAY": "600000", "OTEL_BSP_MAX_QUEUE_SIZE": "5000"},
    )
    collector.await_spans(3 * 512)  # none of them waits for the end
    assert it.stop() == 0
    sizes = [
        len(request["resourceSpans"][0]["scopeSpans"][0]["spans"])
        for _, _, request in collector.requests
    ]
    assert sizes == [512] * 3
    assert len({span["spanId"] for span in collector.spans}) == 3 * 512


def test_a_slow_collector_costs_spans_and_not_tasks(gofer, collector):
    collector.gate.clear()
    it = worker(gofer, collector, *lua(gofer, 5000), env={"OTEL_BSP_MAX_QUEUE_SIZE": "600"})
    wait_for(lambda: gofer.states().get("size", 0) == 0, "the tasks")
    assert len(collector.requests) <= 1  # all are done before it has answered once
    collector.gate.set()
    collector.await_spans(600)
    it.signal(signal.SIGTERM)
    got = stats_of(it)
    assert got["processed"] == 5000 and got["failed"] == 0
    assert got["spans_exported"] + got["spans_dropped"] == 5000
    assert got["spans_exported"] <= len(collector.spans) <= 1800 and "dropped" in it.log


def test_a_busy_collector_is_asked_again_when_it_says(gofer, collector):
    collector.answers = [(503, {"Retry-After": "2"}, b"busy"), (429, {}, b"")]
    gofer.enqueue("t")
    it = worker(gofer, collector, "--exec", "t=true")
    collector.await_spans(1)
    first, second, third = collector.times
    assert second - first >= 1.9 and third - second >= 0.7
    assert it.stop() == 0
    assert "HTTP status 503: busy" in it.log and "takes spans again" in it.log


@pytest.mark.parametrize("status", [400, 401, 404, 500, 302])
def test_what_is_refused_is_dropped_and_said(gofer, collector, status):
    collector.answers = [(status, {"Location": collector.url + "/other"}, b"not for you")]
    it = worker(gofer, collector, *lua(gofer, 3, "--drain"), ready=False)
    got = stats_of(it)
    assert got["processed"] == 3 and it.process.returncode == 0
    assert (got["spans_exported"], got["spans_dropped"]) == (0, 3) and len(collector.times) == 1
    assert f"HTTP status {status}: not for you" in it.log


def test_what_is_rejected_in_part_is_counted(gofer, collector):
    answer = {"partialSuccess": {"rejectedSpans": "2", "errorMessage": 'too "old"'}}
    collector.answers = [(200, {}, json.dumps(answer).encode())]
    it = worker(gofer, collector, *lua(gofer, 5, "--drain"), ready=False)
    got = stats_of(it)
    assert (got["spans_exported"], got["spans_dropped"]) == (3, 2)
    assert "did not take all spans" in it.log and "too" in it.log


def test_a_stop_without_a_collector_has_its_bound(gofer):
    gofer.enqueue("t", "--count", "1")
    it = gofer.worker(
        "--otlp", "http://127.0.0.1:1", "--drain", "--json", "--exec", "t=true", ready=False
    )
    begun = time.monotonic()
    got = stats_of(it)
    assert time.monotonic() - begun < 20 and it.process.returncode == 0
    assert (got["processed"], got["spans_exported"], got["spans_dropped"]) == (1, 0, 1)
    assert "does not take spans" in it.log


def test_a_stop_sends_what_is_left(gofer, collector):
    gofer.enqueue("t")
    it = worker(gofer, collector, "--exec", "t=true", env={"OTEL_BSP_SCHEDULE_DELAY": "600000"})
    wait_for(lambda: gofer.states().get("size", 0) == 0, "the task")
    assert it.stop() == 0
    assert len(collector.spans) == 1


def test_a_collector_that_hangs_at_the_end_has_its_bound(gofer, collector):
    collector.gate.clear()
    gofer.enqueue("t")
    it = worker(gofer, collector, "--drain", "--json", "--exec", "t=true", ready=False)
    begun = time.monotonic()
    got = stats_of(it)
    assert time.monotonic() - begun < 20 and (got["processed"], got["spans_dropped"]) == (1, 1)


def test_certificates_are_checked(gofer):
    ca, cert, key = make_certificates(str(gofer.folder))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    collector = Collector(context)
    try:
        it = worker(gofer, collector, *lua(gofer, 2, "--drain"), ready=False)
        got = stats_of(it)
        assert (got["spans_exported"], got["spans_dropped"]) == (0, 2)
        assert "certificate" in it.log and it.process.returncode == 0
        it = worker(
            gofer,
            collector,
            *lua(gofer, 2, "--drain"),
            ready=False,
            env={"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": ca},
        )
        assert stats_of(it)["spans_exported"] == 2, it.log
    finally:
        collector.close()


def test_the_command_line_starts_without_libcurl(gofer):
    """It is loaded when spans are asked for."""
    if not os.path.exists("/proc/self/maps"):
        pytest.skip("n/a: no /proc")
    found = subprocess.run(["ldd", gofer.bin], capture_output=True, text=True)
    assert "libcurl" not in found.stdout


# ---- putting in -------------------------------------------------------------------------------

OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
PRODUCER = 4


def context_of(gofer, id, *queue):
    return gofer.json("task", "show", id, *queue).get("headers", {}).get("traceparent")


def carried(span, flags="01"):
    return f"00-{span['traceId']}-{span['spanId']}-{flags}"


def put(gofer, collector, *args, env=None, **how):
    """By `gofer enqueue`: its ids, and its spans."""
    before = len(collector.spans)
    done = gofer("enqueue", *args, "--otlp", collector.url, env={**QUIET, **(env or {})}, **how)
    return done.out.split(), collector.spans[before:]


def test_enqueue_sends_a_span_that_the_task_carries(gofer, collector):
    (id,), (span,) = put(gofer, collector, "mail:send", "a secret", "--queue", "mail")
    assert (span["name"], span["kind"]) == ("enqueue mail", PRODUCER)
    assert "parentSpanId" not in span and "links" not in span and "status" not in span
    assert attributes(span) == {
        "messaging.system": "gofer",
        "messaging.operation.name": "enqueue",
        "messaging.operation.type": "send",
        "messaging.destination.name": "mail",
        "messaging.message.id": id,
        "gofer.task.type": "mail:send",
    }
    assert context_of(gofer, id, "--queue", "mail") == carried(span)
    resource = attributes(collector.requests[0][2]["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "gofer" and "service.instance.id" not in resource
    assert "a secret" not in str(collector.requests)
    it = worker(gofer, collector, "--queue", "mail", "--exec", "mail:*=true")
    run = collector.await_spans(2)[1]
    it.stop()
    assert (run["links"][0]["traceId"], run["links"][0]["spanId"]) == (
        span["traceId"],
        span["spanId"],
    )


def test_enqueue_is_below_the_environment_and_leaves_own_contexts(gofer, collector):
    env = {"TRACEPARENT": CONTEXT, "TRACESTATE": "a=1"}
    (id,), (span,) = put(gofer, collector, "t", env=env)
    assert (span["traceId"], span["parentSpanId"], span["traceState"]) == (TRACE, SPAN, "a=1")
    assert gofer.json("task", "show", id)["headers"] == {
        "traceparent": carried(span),
        "tracestate": "a=1",
    }
    (id,), (span,) = put(gofer, collector, "t", "--header", f"traceparent={OTHER}", env=env)
    assert context_of(gofer, id) == OTHER and span["parentSpanId"] == SPAN
    assert [(link["traceId"], link["spanId"]) for link in span["links"]] == [
        tuple(OTHER.split("-")[1:3])
    ]
    (id,), none = put(gofer, collector, "t", env={"TRACEPARENT": CONTEXT[:-2] + "00"})
    assert none == [] and re.fullmatch(f"00-{TRACE}-(?!{SPAN})[0-9a-f]+-00", context_of(gofer, id))
    (id,), (span,) = put(gofer, collector, "t", env={"TRACEPARENT": CONTEXT.upper()})
    assert "parentSpanId" not in span and span["traceId"] != TRACE


def test_many_have_one_span_for_each_call(gofer, collector):
    ids, (span,) = put(gofer, collector, "t", "--count", "3")
    assert attributes(span)["messaging.batch.message_count"] == 3 and span["kind"] == PRODUCER
    assert attributes(span)["gofer.task.type"] == "t" and span["name"] == "enqueue default"
    assert "messaging.message.id" not in attributes(span)
    assert {context_of(gofer, id) for id in ids} == {carried(span)}
    lines = (
        '{"type":"t","id":"a"}\n{"type":"u","id":"b","queue":"mail"}\n'
        f'{{"type":"t","id":"c","headers":{{"traceparent":"{OTHER}"}}}}\n'
    )
    _, (span,) = put(gofer, collector, "--batch", input=lines)
    assert span["name"] == "enqueue" and attributes(span)["messaging.batch.message_count"] == 3
    assert not {"gofer.task.type", "messaging.destination.name"} & set(attributes(span))
    assert context_of(gofer, "a") == context_of(gofer, "b", "--queue", "mail") == carried(span)
    assert context_of(gofer, "c") == OTHER
    assert [link["spanId"] for link in span["links"]] == [OTHER.split("-")[2]]


def test_what_is_refused_has_a_span_that_says_why(gofer, collector):
    once = ["t", "--unique", "1h"]
    put(gofer, collector, *once)
    _, (span,) = put(gofer, collector, *once, code=4)
    assert attributes(span)["error.type"] == "EDUPLICATE" and span["status"] == {"code": 2}
    assert "messaging.message.id" not in attributes(span)
    lines = '{"type":"t","unique":"1h"}\n{"type":"t"}\n'
    _, (span,) = put(gofer, collector, "--batch", input=lines, code=4)
    assert attributes(span)["error.type"] == "EDUPLICATE"


def test_enqueue_does_not_depend_on_the_collector(gofer, collector):
    """Each of the tasks is in, and told, whatever becomes of its span."""
    begun = time.monotonic()
    away = gofer("enqueue", "t", "--otlp", "http://127.0.0.1:1")
    collector.gate.clear()
    hangs = gofer("enqueue", "t", "--otlp", collector.url)
    collector.gate.set()
    assert time.monotonic() - begun < 25
    for done in (away, hangs):
        assert gofer.json("task", "show", done.out.strip())["state"] == "pending"
        assert "spans" in done.err
    off = gofer("enqueue", "t", "--otlp", collector.url, env={"OTEL_SDK_DISABLED": "true"})
    assert context_of(gofer, off.out.strip()) is None and off.err == ""
    wrong = gofer("enqueue", "t", "--otlp", "nonsense", code=2)
    assert "enqueue: --otlp 'nonsense'" in wrong.err and gofer.states()["size"] == 3


@pytest.fixture
def traced_web(gofer, collector):
    it = Web(gofer, "--otlp", collector.url, env={**QUIET, "TRACEPARENT": OTHER})
    it.token = it.add_token("ann", "operate")
    yield it
    it.close()


def test_web_puts_tasks_in_within_the_requests_trace(gofer, collector, traced_web):
    headers = {"traceparent": CONTEXT, "tracestate": "a=1"}
    one = traced_web.post("/api/v1/tasks", {"type": "t"}, headers=headers).json["id"]
    two = traced_web.post("/api/v1/tasks", [{"type": "t"}, {"type": "t"}]).json["items"]
    first, second = collector.await_spans(2)
    assert (first["traceId"], first["parentSpanId"], first["traceState"]) == (TRACE, SPAN, "a=1")
    assert context_of(gofer, one) == carried(first)
    assert attributes(first)["messaging.message.id"] == one
    assert "parentSpanId" not in second  # the next request's, on a thread that had a context
    assert {context_of(gofer, task["id"]) for task in two} == {carried(second)}
    resource = attributes(collector.requests[0][2]["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "gofer-web"


def test_web_sends_what_is_left_at_its_end(gofer, collector):
    it = Web(gofer, "--otlp", collector.url, env={"OTEL_BSP_SCHEDULE_DELAY": "600000"})
    it.post("/api/v1/tasks", {"type": "t"}, token=it.add_token("ann", "operate"))
    it.close()
    assert len(collector.spans) == 1


def test_web_hands_a_requests_context_on_without_spans(gofer, web):
    web.token = web.add_token("ann", "operate")

    def headers_of(sent, **more):
        answer = web.post("/api/v1/tasks", {"type": "t", **more}, headers=sent)
        return gofer.json("task", "show", answer.json["id"]).get("headers", {})

    both = {"traceparent": CONTEXT, "tracestate": "a=1"}
    assert headers_of(both) == both
    assert headers_of({}) == {}
    assert headers_of(both, headers={"traceparent": OTHER}) == {"traceparent": OTHER}
    assert headers_of({"traceparent": "nonsense", "tracestate": "a=1"}) == {}
    assert headers_of({"traceparent": CONTEXT, "tracestate": "A"}) == {"traceparent": CONTEXT}
    body = '{"type":"t","id":"twice"}'
    answer = web.raw(
        f"POST /api/v1/tasks HTTP/1.1\r\nHost: {web.url.netloc}\r\nX-Gofer: 1\r\n"
        f"Authorization: Bearer {web.token}\r\nContent-Type: application/json\r\n"
        f"traceparent: {CONTEXT}\r\ntraceparent: {OTHER}\r\nContent-Length: {len(body)}\r\n"
        f"\r\n{body}"
    )
    assert answer.startswith("HTTP/1.1 200")
    assert "headers" not in gofer.json("task", "show", "twice")
