"""gofer worker --webhooks: what is sent, how it is signed, where it may go, and what answers and
servers that answer badly make of it. Against a server of this file."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import shutil
import socketserver
import ssl
import sys
import threading
import time

import pytest

from conftest import PATIENCE, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "redis"))
from process import make_certificates  # noqa: E402

OLD = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEW = "whsec_" + base64.b64encode(bytes(range(40, 72))).decode()
QUEUE = "gofer-webhooks"
MUCH = 16 << 20
LOCAL = ("--webhook-allow", "127.0.0.0/8", "--webhook-allow", "::1")


@pytest.fixture(autouse=True)
def has_webhooks(gofer):
    if not gofer.json("version")["webhooks"]:
        pytest.skip("n/a: this build has no webhooks")


class Receiver:
    """Answers by the path, and remembers what it was asked."""

    def __init__(self, context=None):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.append((self.path, dict(self.headers), body))
                getattr(receiver, self.path.split("?")[0].strip("/") or "ok")(self)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass  # whoever asks may go at any moment

        self.seen, self.written, self.ended = [], 0, threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.scheme = "https" if context else "http"
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def url(self, path="ok", host="localhost"):
        return f"{self.scheme}://{host}:{self.server.server_port}/{path}"

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @staticmethod
    def answer(request, status, **headers):
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def ok(self, request):
        self.answer(request, 204)

    def redirect(self, request):
        self.answer(request, 302, Location=self.url("ok"))

    def gone(self, request):
        self.answer(request, 410)

    def bad(self, request):
        self.answer(request, 500)

    def busy(self, request):
        first = len(self.seen) == 1
        self.answer(request, 429 if first else 204, **({"Retry_After": "1"} if first else {}))

    def hang(self, request):
        self.ended.wait(10 * PATIENCE)

    def much(self, request):
        request.send_response(200)
        request.send_header("Content-Length", str(MUCH))
        request.end_headers()
        while self.written < MUCH:
            request.wfile.write(b"x" * 65536)
            self.written += 65536


@pytest.fixture
def receiver():
    it = Receiver()
    yield it
    it.close()


@pytest.fixture
def secrets(gofer):
    path = gofer.folder / "secrets"
    path.write_text(f"{OLD}\n")
    return path


@pytest.fixture
def hooks(gofer, secrets):
    """Options of a worker that sends to this machine, too."""
    return ["--webhooks", "--webhook-secret", secrets, *LOCAL]


def signature(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def send(gofer, url, *more):
    """A webhook of nobody's, which is tried again at once."""
    return gofer.enqueue("gofer:webhook", "{}", "--queue", QUEUE, "--header", f"webhook-url={url}",
                         "--retry-policy", "fixed:1s", *more)


def shown(gofer, task):
    return gofer.json("task", "show", task, "--queue", QUEUE)


def failed(gofer, task):
    """The error of the first attempt."""
    return wait_for(lambda: shown(gofer, task).get("last_error"), "an attempt")


# ---- what is sent ------------------------------------------------------------------------------


def test_the_end_of_a_task_is_told(store, receiver, hooks):
    url = receiver.url("ok?token=@x")
    store.enqueue("t", "in", "--id", "a", "--on-done", f"webhook+result:{url}", "--retention", "1h")
    store.enqueue("t", "in", "--id", "b", "--on-done", f"webhook:{url}")
    store.enqueue("bad", "in", "--id", "c", "--retry", "0", "--on-dead", f"webhook:{url}",
                  "--on-done", f"webhook:{url}")
    assert store.json("task", "show", "a")["on_done"] == f"webhook+result:{url}"
    store("worker", "--drain", *hooks, "--shell", "t=printf 42", "--shell",
          "bad=echo no room >&2; exit 1")
    bodies = {json.loads(body)["id"]: json.loads(body) for _, _, body in receiver.seen}
    assert len(receiver.seen) == len(bodies) == 3
    for path, headers, body in receiver.seen:
        assert path == "/ok?token=@x" and headers["Content-Type"] == "application/json"
        assert headers["webhook-signature"] == signature(OLD, headers, body)
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 600
        assert headers["webhook-id"].startswith("msg_") and len(headers["webhook-id"]) == 36
        assert headers["User-Agent"].startswith("gofer/")
    assert len({headers["webhook-id"] for _, headers, _ in receiver.seen}) == 3
    a, b, c = bodies["a"], bodies["b"], bodies["c"]
    assert (a["type"], a["queue"], a["outcome"], a["attempts"]) == ("t", "default", "done", 1)
    assert a["result"] == "42" and "result" not in b and "result_size" not in b
    assert a["enqueued_at_ms"] <= a["started_at_ms"] <= a["ended_at_ms"]
    assert c["outcome"] == "archived" and "no room" in c["error"] and "result" not in c
    assert store.json("task", "ls", "--queue", QUEUE)["items"] == []


def test_an_on_done_task_is_an_ordinary_one(store):
    store.enqueue("t", "in", "--id", "a", "--on-done", "next@ops")
    store("worker", "--drain", "--shell", "t=printf 42")
    told = store.json("task", "show", "done:a:1", "--queue", "ops")
    assert told["type"] == "next"
    assert json.loads(told["payload"]) == {
        "id": "a", "type": "t", "queue": "default", "attempts": 1, "result": "42", "payload": "in",
    }


def test_everywhere_it_can_be_given(store, receiver):
    hook = f"webhook:{receiver.url('@me')}"
    line = {"type": "t", "id": "line", "on_done": hook, "on_dead": f"webhook+result:{hook[8:]}"}
    store("enqueue", "--batch", input=json.dumps(line))
    got = store.json("task", "show", "line")
    assert got["on_done"] == hook and "on_done_queue" not in got
    assert got["on_dead"] == line["on_dead"]
    store("cron", "add", "tick", "@daily", "t", "--on-done", hook, "--on-dead", "alarm@ops")
    entry = store.json("cron", "show", "tick")
    assert (entry["on_done"], entry["on_dead"]) == (hook, "alarm")
    store("cron", "run", "tick")
    items = store.json("task", "ls", "--queue", "default")["items"]
    ticked = next(item for item in items if item["id"] != "line")
    assert store.json("task", "show", ticked["id"])["on_done"] == hook
    flow = {"steps": [{"name": "a", "type": "t", "on_done": hook}]}
    store("flow", "start", "-", "--id", "f", input=json.dumps(flow))


def test_a_repeat_adds_nothing(gofer, receiver):
    """Two tasks of one id, queue and moment are one; those of other queues are others."""
    hook = f"webhook:{receiver.url()}"
    for queue in ("one", "two"):
        gofer.enqueue("t", "--id", "same", "--queue", queue, "--on-done", hook)
    gofer("worker", "--drain", "--queue", "one", "--queue", "two", "--exec", "t=true")
    items = gofer.json("task", "ls", "--queue", QUEUE)["items"]
    assert len(items) == 2 and len({item["id"] for item in items}) == 2


# ---- signatures --------------------------------------------------------------------------------


def test_each_secret_signs_and_a_new_one_is_seen(gofer, receiver, secrets, hooks):
    worker = gofer.worker(*hooks)
    send(gofer, receiver.url())
    wait_for(lambda: len(receiver.seen) == 1)
    secrets.write_text(f"# since today\n{NEW}\n{OLD}\n")
    send(gofer, receiver.url())
    wait_for(lambda: len(receiver.seen) == 2)
    _, headers, body = receiver.seen[1]
    assert headers["webhook-signature"].split() == [
        signature(NEW, headers, body), signature(OLD, headers, body),
    ]
    secrets.write_text("whsec_broken!\n")
    send(gofer, receiver.url())
    wait_for(lambda: len(receiver.seen) == 3)
    assert len(receiver.seen[2][1]["webhook-signature"].split()) == 2
    wait_for(lambda: "cannot be read again" in worker.log)
    worker.stop()
    for secret in (OLD, NEW, "broken"):
        assert secret.removeprefix("whsec_") not in worker.log


def test_a_host_has_a_secret_of_its_own(gofer, receiver, secrets):
    secrets.write_text(f"localhost {NEW}\n")
    send(gofer, receiver.url())
    other = send(gofer, receiver.url(host="127.0.0.1"))
    gofer.worker("--webhooks", "--webhook-secret", secrets, "--webhook-secret", "env:NONE_YET",
                 *LOCAL, env={"NONE_YET": f"example.org {OLD}"})
    assert "no --webhook-secret for this host" in failed(gofer, other)
    wait_for(lambda: receiver.seen)
    _, headers, body = receiver.seen[0]
    assert headers["webhook-signature"] == signature(NEW, headers, body)


# ---- where it may go ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "0.0.0.0",
                                  "[::ffff:127.0.0.1]", "169.254.169.254", "2130706433"])
def test_what_is_not_public_is_refused(gofer, receiver, secrets, host):
    task = send(gofer, receiver.url("ok?token=hidden", host))
    worker = gofer.worker("--webhooks", "--webhook-secret", secrets)
    wait_for(lambda: shown(gofer, task)["state"] == "archived")
    error = shown(gofer, task)["last_error"]
    assert "is not public" in error and host in error and "hidden" not in error
    worker.stop()
    assert "hidden" not in worker.log and not receiver.seen


def test_redirects_are_not_followed(gofer, receiver, hooks):
    task = send(gofer, receiver.url("redirect?token=hidden"))
    gofer.worker(*hooks)
    error = failed(gofer, task)
    assert "302" in error and "not followed" in error and "hidden" not in error
    assert all(path.startswith("/redirect") for path, _, _ in receiver.seen)


def test_no_proxy_of_the_environment_is_asked(gofer, receiver, hooks):
    proxy = {name: "http://127.0.0.1:1" for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY")}
    send(gofer, receiver.url())
    gofer("worker", "--drain", *hooks, env=proxy)
    assert receiver.seen[0][0] == "/ok"


@pytest.mark.parametrize("url, why", [
    ("ftp://example.org/", "does not begin with http"), ("http://u:p@example.org/", "a user"),
    ("http:///x", "no host"), ("http://example.org/#x", "'#'"), ("http://example.org:x/", "port"),
    ("http://" + "a" * 2048, "longer than"),
])
def test_urls_that_are_none(gofer, url, why):
    for option in ("--on-done", "--on-dead"):
        refused = gofer("enqueue", "t", option, f"webhook:{url}", code=2)
        assert why in refused.err and url[8:] not in refused.err
    line = json.dumps({"type": "t", "on_done": f"webhook+result:{url}"})
    assert why in gofer("enqueue", "--batch", input=line, code=2).err


def test_a_task_without_a_url_is_archived(gofer, hooks):
    none = gofer.enqueue("gofer:webhook", "{}", "--queue", QUEUE)
    bad = send(gofer, "gopher://example.org")
    gofer("worker", "--drain", *hooks, code=None)
    assert "no header webhook-url" in shown(gofer, none)["last_error"]
    assert "does not begin" in shown(gofer, bad)["last_error"]


# ---- answers -----------------------------------------------------------------------------------


def test_gone_wants_no_more(gofer, receiver, hooks):
    task = send(gofer, receiver.url("gone"))
    gofer("worker", "--drain", *hooks, code=None)
    got = shown(gofer, task)
    assert got["state"] == "archived" and "410" in got["last_error"] and got["retried"] == 0
    assert len(receiver.seen) == 1


def test_an_answer_says_when(gofer, receiver, hooks):
    task = send(gofer, receiver.url("busy"), "--retention", "1h")
    gofer("worker", "--drain", *hooks)
    got = shown(gofer, task)
    assert got["state"] == "completed" and got["snoozes"] == 1 and got["retried"] == 0
    first, second = receiver.seen
    assert first[1]["webhook-id"] == second[1]["webhook-id"] == task
    assert int(second[1]["webhook-timestamp"]) > int(first[1]["webhook-timestamp"])


def test_failures_are_tried_again(gofer, receiver, hooks):
    task = send(gofer, receiver.url("bad"), "--retry", "1")
    gofer("worker", "--drain", *hooks, code=None)
    got = shown(gofer, task)
    assert got["state"] == "archived" and "HTTP status 500" in got["last_error"]
    assert len(receiver.seen) == 2


def test_one_that_is_told_is_tried_for_days(gofer, receiver):
    gofer.enqueue("t", "--on-done", f"webhook:{receiver.url()}")
    gofer("worker", "--drain", "--exec", "t=true")
    item = gofer.json("task", "ls", "--queue", QUEUE)["items"][0]
    got = shown(gofer, item["id"])
    assert got["retry"].startswith("list:5s,5m,30m,2h") and got["max_retry"] == 9
    assert got["headers"] == {"webhook-url": receiver.url()} and got["timeout_ms"] == 60000


def test_a_server_that_hangs(gofer, receiver, hooks):
    task = send(gofer, receiver.url("hang"))
    gofer.worker(*hooks)
    assert "localhost: " in failed(gofer, task)


def test_a_stop_gives_up_what_hangs(gofer, receiver, hooks):
    task = send(gofer, receiver.url("hang"))
    worker = gofer.worker(*hooks, "--grace", "100ms")
    wait_for(lambda: receiver.seen)
    assert worker.stop() == 0
    got = shown(gofer, task)
    assert got["state"] == "pending" and got["retried"] == 0


def test_an_answer_without_end_is_not_read(gofer, receiver, hooks):
    send(gofer, receiver.url("much"))
    gofer("worker", "--drain", *hooks)
    assert len(receiver.seen) == 1 and receiver.written < MUCH
    assert gofer.states(QUEUE)["processed_total"] == 1


def test_certificates_are_checked(gofer, secrets):
    if not shutil.which("openssl"):
        pytest.skip("n/a: no openssl command")
    ca, cert, key = make_certificates(str(gofer.folder))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    it = Receiver(context)
    words = ["--webhooks", "--webhook-secret", secrets, *LOCAL]
    try:
        task = send(gofer, it.url(host="127.0.0.1"), "--retry", "0")
        gofer("worker", "--drain", *words, code=None)
        assert "certificate" in shown(gofer, task)["last_error"] and not it.seen
        send(gofer, it.url(host="127.0.0.1"))
        gofer("worker", "--drain", *words, "--webhook-ca", ca)
        assert len(it.seen) == 1
    finally:
        it.close()


# ---- the worker --------------------------------------------------------------------------------


@pytest.mark.parametrize("words, why", [
    (["--webhooks"], "needs --webhook-secret"),
    (["--webhook-secret", "x", "--exec", "t=true"], "need --webhooks"),
    (["--webhook-allow", "::1", "--exec", "t=true"], "need --webhooks"),
    (["--webhooks", "--webhook-secret", "/nowhere"], "/nowhere: No such file"),
    (["--webhooks", "--webhook-secret", "env:NOT_THERE"], "env:NOT_THERE: it is not set"),
    (["--webhooks", "--webhook-secret", "env:BROKEN"], "env:BROKEN: what follows 'whsec_'"),
    (["--webhooks", "--webhook-secret", "env:OLD", "--webhook-allow", "10.0.0.1/8"], "beyond"),
    (["--webhooks", "--webhook-secret", "env:OLD", "--webhook-ca", "/nowhere"], "be read"),
    (["--webhooks", "--webhook-secret", "env:OLD", "--child", "t=true"], "needs --queue"),
])
def test_options_that_do_not_fit(gofer, words, why):
    env = {"OLD": OLD, "BROKEN": "whsec_hidden!"}
    refused = gofer("worker", *words, code=2, env=env)
    assert why in refused.err and "hidden" not in refused.err


@pytest.mark.parametrize("words, queues", [
    ([], [f"{QUEUE}=1"]),
    (["--exec", "t=true"], [f"{QUEUE}=1", "default=1"]),
    (["--exec", "t=true", "--queue", "mail"], ["mail=1", f"{QUEUE}=1"]),
    (["--queue", f"{QUEUE}=5"], [f"{QUEUE}=5"]),
    (["--queue", "gofer-*=2"], [f"{QUEUE}=1"]),
])
def test_which_queues_are_served(gofer, hooks, words, queues):
    gofer.enqueue("t", "--queue", QUEUE, "--in", "1h")
    worker = gofer.worker(*hooks, *words)
    live = gofer.live(worker.process.pid)
    got = sorted(name for name in live["queues"].split() if "*" not in name)
    assert got == sorted(queues)


def test_without_them_a_worker_leaves_them(gofer, receiver):
    gofer.enqueue("t", "--on-done", f"webhook:{receiver.url()}")
    gofer("worker", "--drain", "--exec", "*=true")
    assert gofer.states(QUEUE)["pending"] == 1 and not receiver.seen


def test_a_killed_worker_loses_none(store, receiver, hooks):
    """Killed at any moment: each task's end is told, if need be more than once, by one id."""
    count = 20
    for i in range(count):
        store.enqueue("t", "--id", f"t{i}", "--on-done", f"webhook:{receiver.url()}")
    words = [*hooks, "--exec", "t=true", "--lease", "2s", "--concurrency", "2",
             "--set", "crash_limit=1000"]
    for _ in range(4):
        worker = store.worker(*words)
        before = len(receiver.seen)
        wait_for(lambda: len(receiver.seen) > before or len(told(receiver)) == count)
        worker.process.kill()
        worker.process.wait()
    store.worker(*words)
    wait_for(lambda: len(told(receiver)) == count, "all ends to be told")


def told(receiver):
    return {json.loads(body)["id"] for _, _, body in list(receiver.seen)}


def test_secrets_are_not_among_the_arguments(gofer, hooks):
    worker = gofer.worker(*hooks)
    if not os.path.exists("/proc/self/cmdline"):
        pytest.skip("n/a: no /proc")
    line = pathlib.Path(f"/proc/{worker.process.pid}/cmdline").read_bytes()
    assert OLD.encode() not in line
