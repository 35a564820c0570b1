"""gofer worker --metrics: what a worker did since its start, whatever kind its handlers are of."""
import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.parse

import pytest
from conftest import ROOT, wait_for
from exposition import OPEN, check_families, check_histograms, family_names, samples
from webserver import PATIENCE, Web

pytestmark = pytest.mark.usefixtures("has_web")
AT = re.compile(r"metrics are served +address=(\S+)")

CHILD = """
import os, sys
sys.path.insert(0, EXAMPLES)
from child import *

def die(task):
    if not os.path.exists("died"):
        open("died", "w").close()
        os._exit(3)

def nap(task):
    if not os.path.exists("napped"):
        open("napped", "w").close()
        raise Outcome(SNOOZE, delay_ms=1)

def drop(task):
    raise Outcome(REVOKE)

Child({"child": lambda task: None, "die": die, "nap": nap, "drop": drop}).serve("test")
"""

PLUGIN = """
#include <gofer/gofer.h>
int32_t gofer_plugin_abi(void);
gofer_status gofer_plugin_init(gofer_worker *worker);
static int32_t quick(gofer_task *task, void *user) { (void)task, (void)user; return GOFER_DONE; }
int32_t gofer_plugin_abi(void) { return GOFER_PLUGIN_ABI; }
gofer_status gofer_plugin_init(gofer_worker *worker)
{
    return gofer_worker_handle(worker, "plugin", quick, 0, 0);
}
"""


class Scraped(Web):
    """A worker that is asked for its metrics."""

    def __init__(self, gofer, *args, at="127.0.0.1:0", ready=True, env=None):
        self.gofer = gofer
        self.worker = gofer.worker("--metrics", at, *args, ready=ready, env=env)
        self.process, self.token, self.tls = self.worker.process, None, None
        wait_for(lambda: self.process.poll() is not None or AT.search(self.worker.log),
                 "the address in the log")
        assert self.process.poll() is None, self.worker.log
        self.address = AT.search(self.worker.log).group(1)
        self.url = urllib.parse.urlsplit(self.address)

    def samples(self):
        return samples(self("/metrics").text)

    def outcome(self, type, outcome, queue="default"):
        labels = f'queue="{queue}",type="{type}",outcome="{outcome}"'
        return self.samples().get(f"gofer_tasks_finished_total{{{labels}}}", 0)


@pytest.fixture
def scraped(request):
    made = []

    def make(*args, **how):
        made.append(Scraped(*args, **how))
        return made[-1]

    yield make
    for it in made:
        if it.process.poll() is None:
            assert it.worker.stop() == 0, it.worker.log


def of(text, type, queue="default"):
    """The counters of a type, those that are not 0."""
    names = re.compile(
        rf'gofer_tasks_finished_total{{queue="{queue}",type="{type}",outcome="(\w+)"}} (\d+)')
    return {outcome: int(n) for outcome, n in names.findall(text) if n != "0"}


def test_counters_are_what_was_done(store, scraped):
    for _ in range(3):
        store.enqueue("good", "x")
    store.enqueue("bad", "x", "--retry", "0")
    store.enqueue("again", "x", "--retry", "1", "--retry-policy", "fixed:1ms")
    store.enqueue("late", "x", "--expires", "1ms", "--queue", "other")
    worker = scraped(store, "--exec", "good=true", "--exec", "bad=false", "--exec", "again=false",
                     "--exec", "late=true", "--queue", "default", "--queue", "other")
    # They run side by side, so that any may be the last.
    wait_for(lambda: worker.outcome("again", "archived") and worker.outcome("bad", "archived") and
             worker.outcome("good", "done") == 3, "the outcomes")
    wait_for(lambda: worker.outcome("late", "expired", "other"), "the one that is too late")
    text = worker("/metrics").text
    check_families(text, opened=False)
    assert of(text, "good") == {"done": 3}
    assert of(text, "bad") == {"archived": 1}
    assert of(text, "again") == {"retried": 1, "archived": 1}
    assert of(text, "late", "other") == {"expired": 1}
    got = samples(text)
    assert got['gofer_tasks_failed_total{queue="default",type="again"}'] == 2
    assert got['gofer_task_run_seconds_count{queue="default",type="good"}'] == 3
    assert got['gofer_task_wait_seconds_count{queue="default",type="again"}'] == 2
    assert got['gofer_task_run_seconds_count{queue="other",type="late"}'] == 0
    assert got['gofer_broker_seconds_count{op="exchange"}'] > 0
    assert got['gofer_worker_state{state="active"}'] == 1
    assert got["gofer_series_limited"] == got["gofer_lease_lost_total"] == 0
    assert got["process_open_fds"] > 3 and got["process_resident_memory_bytes"] > 1 << 20
    assert abs(got["process_start_time_seconds"] - got["gofer_worker_start_time_seconds"]) < 60
    # What the store holds, its own server tells.
    assert not [name for name in got if name.startswith(("gofer_queue", "gofer_tasks{"))]


def test_prometheus_own_parser_reads_both(store, scraped):
    parser = pytest.importorskip("prometheus_client.parser")
    opened = pytest.importorskip("prometheus_client.openmetrics.parser")
    store.enqueue("t", "x", "--queue", 'a"\\bä')
    worker = scraped(store, "--queue", 'a"\\bä', "--shell", "t=sleep 0.02")
    wait_for(lambda: 'outcome="done"} 1' in worker("/metrics").text, "the task")
    text, other = worker("/metrics").text, worker("/metrics", headers=OPEN).text
    check_families(other, opened=True)
    families = list(parser.text_string_to_metric_families(text))
    assert check_histograms(families) >= 3
    assert {f.name for f in families} == {
        f.name for f in opened.text_string_to_metric_families(other)}
    done = [s for f in families for s in f.samples if s.name == "gofer_tasks_finished_total"]
    assert {s.labels["queue"] for s in done} == {'a"\\bä'}
    below = 'gofer_task_run_seconds_bucket{queue="a\\"\\\\bä",type="t",le="0.016"}'
    assert samples(text)[below] == 0


def test_nothing_falls_from_one_scrape_to_the_next(store, scraped):
    worker = scraped(store, "--exec", "t=true", "--concurrency", "2")
    store.enqueue("t", "--count", "60")
    before, seen = {}, 0
    while seen < 60:
        got = worker.samples()
        for name, value in before.items():
            if re.search(r"_(total|bucket|sum|count)\b", name):
                assert got[name] >= value, name
        before, seen = got, worker.outcome("t", "done")
    assert worker.samples()['gofer_task_run_seconds_count{queue="default",type="t"}'] == 60


def test_handlers_of_all_kinds_are_counted(store, scraped):
    """Also of a child that dies: its attempt, and that another took its place."""
    (store.folder / "c.py").write_text(CHILD.replace(
        "EXAMPLES", repr(str(ROOT / "examples" / "children"))))
    args = ["--exec", "exec=true", "--shell", "shell=:", "--child", f"={sys.executable} c.py"]
    kinds = {"exec", "shell", "child"}
    if store.json("version")["lua"]:
        (store.folder / "f.lua").write_text("gofer.handle('lua', function() end)")
        args += ["--lua", "f.lua"]
        kinds.add("lua")
    (store.folder / "p.c").write_text(PLUGIN)
    if not os.environ.get("GOFER_SANITIZED") and subprocess.run(
            [os.environ.get("CC", "cc"), "-shared", "-fPIC", "p.c", "-o", "p.so", "-I",
             ROOT / "core" / "include"], cwd=store.folder, capture_output=True).returncode == 0:
        (store.folder / "p.so").chmod(0o755)
        args += ["--plugin", "./p.so"]
        kinds.add("plugin")
    for type in sorted(kinds):
        store.enqueue(type, "x")
    for type in ("die", "nap", "drop"):
        store.enqueue(type, "x", "--retry-policy", "fixed:1ms")
    worker = scraped(store, *args)
    for type in (*sorted(kinds), "die", "nap"):
        wait_for(lambda type=type: worker.outcome(type, "done") == 1, type)
    wait_for(lambda: worker.outcome("drop", "revoked") == 1, "drop")
    text = worker("/metrics").text
    # What the dead child had besides went back.
    ends = {type: of(text, type) for type in ("die", "nap")}
    assert ends["die"].pop("retried") == ends["nap"].pop("snoozed") == 1
    assert [n.keys() - {"requeued"} for n in ends.values()] == [{"done"}, {"done"}]
    got = samples(text)
    assert got["gofer_child_restarts_total"] == 1 and got["gofer_children"] == 1


def test_python_handlers_are_counted(gofer, scraped):
    gofer.env["PYTHONPATH"] = str(ROOT / "python")      # a child needs nothing that is compiled
    (gofer.folder / "app.py").write_text(
        "import gofer\napp = gofer.Gofer()\n@app.task(name=\"hello\")\ndef hello():\n    pass\n")
    gofer.enqueue("hello", "{}")
    worker = scraped(gofer, "--python", "app:app", "--python-exe", sys.executable)
    wait_for(lambda: worker.outcome("hello", "done") == 1, "the task")


def test_a_flood_of_types_is_no_flood_of_series(gofer, scraped):
    if not gofer.json("version")["lua"]:
        pytest.skip("n/a: a command for each of so many tasks takes too long")
    (gofer.folder / "f.lua").write_text("gofer.handle('*', function() end)")
    count = 1200
    gofer("enqueue", "--batch", input="\n".join(f'{{"type": "t{i}"}}' for i in range(count)))
    worker = scraped(gofer, "--lua", "f.lua")

    def finished():
        return {name: n for name, n in worker.samples().items()
                if name.startswith("gofer_tasks_finished_total") and 'outcome="done"' in name}

    wait_for(lambda: sum(finished().values()) == count, "all tasks")
    got = finished()
    assert len(got) == 1001
    name = 'gofer_tasks_finished_total{queue="default",type="_other",outcome="done"}'
    assert got[name] == count - 1000
    assert worker.samples()["gofer_series_limited"] == 1


# ---- health -------------------------------------------------------------------------------------


def test_it_is_ready_from_its_start_to_its_stop(gofer, scraped):
    (gofer.folder / "c.py").write_text(CHILD.replace("import os, sys", """
import os, sys, time
while not os.path.exists("go"):
    time.sleep(0.02)""").replace("EXAMPLES", repr(str(ROOT / "examples" / "children"))))
    worker = scraped(gofer, "--child", f"={sys.executable} c.py", "--shell",
                     "hold=touch held; while ! test -e free; do sleep 0.02; done", ready=False)
    assert worker("/healthz").status == 200
    early = worker("/readyz")
    assert early.status == 503 and "new" in early.why
    assert worker("/metrics").status == 200
    (gofer.folder / "go").touch()
    wait_for(lambda: worker("/readyz").status == 200, "the start")
    worker.worker.signal(signal.SIGUSR1)
    quiet = 'gofer_worker_state{state="quiet"}'
    wait_for(lambda: worker.samples()[quiet] == 1, "the quiet")
    assert worker("/readyz").status == 200
    worker.worker.signal(signal.SIGCONT)
    gofer.enqueue("hold", "x")
    wait_for((gofer.folder / "held").exists, "the handler")
    assert worker.samples()['gofer_worker_slots{state="busy"}'] == 1
    worker.worker.signal(signal.SIGTERM)
    wait_for(lambda: worker("/readyz").status == 503, "the stop")
    assert "stopping" in worker("/readyz").why
    assert worker("/healthz").status == 200
    assert worker.samples()['gofer_worker_state{state="stopping"}'] == 1
    (gofer.folder / "free").touch()
    assert worker.worker.wait() == 0


def test_it_is_not_ready_while_its_store_is_away(gofer, redis, scraped):
    worker = scraped(gofer, "--exec", "t=true")
    assert worker("/readyz").status == 200
    pid = int(re.search(rb"process_id:(\d+)", redis("INFO", "server")).group(1))
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: worker("/readyz").status == 503, "the silence to be noticed")
        assert "has not answered" in worker("/readyz").why
        assert worker("/healthz").status == worker("/metrics").status == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: worker("/readyz").status == 200, "the store")


def test_connections_that_broke_are_counted(gofer, redis, scraped):
    worker = scraped(gofer, "--exec", "t=true")
    before = worker.samples()["gofer_broker_reconnects_total"]
    redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    gofer.enqueue("t", "x")
    wait_for(lambda: worker.outcome("t", "done") == 1, "the task")
    wait_for(lambda: worker.samples()["gofer_broker_reconnects_total"] > before, "the count")


def test_what_dead_workers_held_is_counted_by_who_brings_it_back(gofer, scraped):
    first = gofer.worker("--shell", "t=touch held; sleep 60", "--lease", "2s", "--set",
                         "crash_limit=5")
    gofer.enqueue("t", "x")
    wait_for((gofer.folder / "held").exists, "the handler")
    worker = scraped(gofer, "--shell", "other=:", "--queue", "other", "--lease", "2s")
    first.process.kill()
    first.process.wait()
    wait_for(lambda: worker.samples()["gofer_orphans_repaired_total"] == 1, "the task back")


# ---- who may ask, and where ---------------------------------------------------------------------


def test_only_what_a_worker_has_is_there(gofer, scraped):
    worker = scraped(gofer, "--exec", "t=true")
    html = {"Accept": "text/html"}
    for path in ("/", "/api/v1/queues", "/api/v1/me", "/login", "/events"):
        assert worker(path, headers=html).status == 404, path
    assert worker("/metrics", "POST").status == 405
    assert worker("/metrics?x=1").status == 400
    assert worker("/metrics", headers={"Host": "evil.example"}).status == 400
    assert "--metrics-host" in worker("/metrics", headers={"Host": "evil.example"}).why
    assert worker("/metrics", "HEAD").status == 200
    assert worker.raw("GET /metrics HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 400")
    assert worker.raw("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
                      "Content-Length: 2\r\n\r\n").startswith("HTTP/1.1 400")


def test_a_name_and_a_token_can_be_asked_for(gofer, scraped):
    tokens = gofer.folder / "tokens"
    token = gofer("web", "token", "add", "p", "--role", "metrics", "--tokens", tokens).out.strip()
    worker = scraped(gofer, "--exec", "t=true", "--metrics-tokens", tokens, "--metrics-host",
                     "pod.example")
    assert worker("/metrics").status == 401
    assert worker("/metrics", token=token, headers={"Host": "pod.example"}).status == 200
    assert worker("/healthz").status == worker("/readyz").status == 200


def test_a_unix_socket(gofer, scraped):
    path = gofer.folder / "m.sock"
    worker = scraped(gofer, "--exec", "t=true", at=f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", "/metrics")
    assert b"gofer_build_info" in connection.getresponse().read()
    connection.close()
    assert worker.worker.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("args, code, text", [
    (["--metrics", "0.0.0.0:0"], 2, "--metrics-tokens"),
    (["--metrics", "0.0.0.0:0", "--metrics-tokens", "TOKENS"], 2, "--metrics-behind-proxy"),
    (["--metrics", "nonsense"], 1, "neither HOST:PORT nor unix:PATH"),
    (["--metrics", "127.0.0.1:0", "--metrics-tls-cert", "c"], 2, "--metrics-tls-key"),
    (["--metrics-host", "x"], 2, "without --metrics ADDRESS"),
])
def test_what_cannot_be_served_ends_the_worker_at_once(gofer, args, code, text):
    tokens = gofer.folder / "tokens"
    gofer("web", "token", "add", "p", "--tokens", tokens)
    args = [tokens if word == "TOKENS" else word for word in args]
    assert text in gofer("worker", "--exec", "t=true", *args, code=code).why


def test_a_port_that_is_taken_ends_the_worker_at_once(gofer):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = gofer("worker", "--exec", "t=true", "--metrics", address, code=1)
    assert "in use" in refused.why


# ---- what is shipped ----------------------------------------------------------------------------


def test_the_page_names_what_there_is(store, scraped):
    store.enqueue("t", "x")
    worker = scraped(store, "--exec", "t=true")
    wait_for(lambda: worker.outcome("t", "done") == 1, "the task")
    docs = (ROOT / "docs" / "metrics.md").read_text()
    for name in family_names(worker("/metrics").text):
        assert f"`{name}" in docs, name
