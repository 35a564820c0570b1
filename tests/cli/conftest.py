"""The gofer binary, driven as a person or a script would: GOFER_BIN names it, each test has a
database of its own, and nothing is waited for longer than it takes."""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "redis"))
from resp import Connection  # noqa: E402
from topology import Running, Setup  # noqa: E402
from webserver import Web  # noqa: E402

pytest_plugins = ["browser"]

PATIENCE = 30  # seconds; only ever waited for in full when something is broken


HAS_REDIS = (os.environ.get("GOFER_REDIS_SERVER") or shutil.which("redis-server")
             or shutil.which("valkey-server"))
needs_redis = pytest.mark.skipif(not HAS_REDIS, reason="no redis-server")


def pytest_configure(config):
    if not os.access(os.environ.get("GOFER_BIN", ""), os.X_OK):
        raise pytest.UsageError("set GOFER_BIN to the gofer binary")


def wait_for(condition, what="the condition"):
    """Poll until condition() is true; returns its value."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {PATIENCE} s for {what}")
        time.sleep(0.02)


def let_files_grow(gofer, pid, room):
    """The process cannot write the files of the store beyond so many bytes more: to SQLite it is
    a write that failed."""
    largest = max((gofer.folder / name).stat().st_size for name in ("tasks.db", "tasks.db-wal"))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + room, resource.RLIM_INFINITY))


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.raw = done.stdout
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The error object that --json puts on standard error; lines of the log may follow."""
        return json.loads(self._last("{\"error\":{"))["error"]

    @property
    def why(self):
        """The line that tells the error to people."""
        return self._last("gofer: ")

    def _last(self, start):
        return [line for line in self.err.splitlines() if line.startswith(start)][-1]

    def __repr__(self):
        return f"<exit {self.code}>\n--- out\n{self.out}\n--- err\n{self.err}"


class Worker:
    """A running `gofer worker`; its log is read from a file."""

    def __init__(self, process, log):
        self.process = process
        self.log_path = log

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"the worker did not end:\n{self.log}")

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()


class Gofer:
    def __init__(self, folder):
        self.bin = os.path.abspath(os.environ["GOFER_BIN"])
        self.folder = folder
        self.db = folder / "tasks.db"
        self.env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "GOFER_URL")}
        self.env.update(GOFER_URL=f"sqlite:{self.db}", TZ="UTC", TERM="xterm")
        self.workers = []
        self.servers = []       # processes of `gofer web`

    def __call__(self, *args, input=b"", code=0, env=None, before=(), **how):
        """Run to the end, by the command `before` if there is one, and check the exit code (None:
        any)."""
        if isinstance(input, str):
            input = input.encode()
        done = subprocess.run(
            [*before, self.bin, *map(os.fspath, args)],
            input=input,
            capture_output=True,
            cwd=self.folder,
            env={**self.env, **(env or {})},
            timeout=2 * PATIENCE,
            **how,
        )
        result = Result(done)
        assert code is None or result.code == code, result
        return result

    def json(self, *args, **how):
        return self(*args, "--json", **how).json

    def enqueue(self, *args, **how):
        return self("enqueue", *args, **how).out.strip()

    def worker(self, *args, ready=True, env=None):
        """Start a worker; unless it is to fail or drain, wait until it is live."""
        log = self.folder / f"worker{len(self.workers)}.log"
        with open(log, "wb") as err:
            process = subprocess.Popen(
                [self.bin, "worker", *map(os.fspath, args)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                cwd=self.folder,
                env={**self.env, **(env or {})},
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        if ready:
            wait_for(
                lambda: process.poll() is not None or self.live(process.pid),
                "the worker to be live",
            )
            assert process.poll() is None, worker.log
        return worker

    def live(self, pid):
        return next((w for w in self.json("worker", "ls")["items"] if w["pid"] == pid), None)

    def states(self, queue="default"):
        items = self.json("queue", "ls")["items"]
        return next((q for q in items if q["queue"] == queue), {})

    def close(self):
        """Whatever a test that failed has left ends with it."""
        for process in [*(worker.process for worker in self.workers), *self.servers]:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture
def gofer(tmp_path):
    it = Gofer(tmp_path)
    yield it
    it.close()


@pytest.fixture(scope="module")
def server():
    """A Redis of the module's tests, and where there is none, a skip: its URL, and a connection to
    it."""
    if not HAS_REDIS:
        pytest.skip("no redis-server")
    with Running("single", Setup(appendonly=True)) as topology:
        host, port = topology.url.split("//")[1].split("/")[0].rsplit(":", 1)
        with Connection((host, int(port))) as connection:
            yield topology.url, connection


@pytest.fixture
def redis(gofer, server):
    """The connection, to an empty store that is the gofer's."""
    gofer.env["GOFER_URL"], connection = server
    connection("FLUSHALL")
    return connection


@pytest.fixture(params=["sqlite", "redis"])
def store(request, gofer):
    """The gofer of the test, on either store."""
    if request.param == "redis":
        request.getfixturevalue("redis")
    return gofer


@pytest.fixture
def has_web(gofer):
    """Of builds with the web server."""
    if gofer("web", "--help", code=None).code:
        pytest.skip("n/a: this build has no web server")


@pytest.fixture
def web(request, gofer):
    """A server of the test's store."""
    if "store" in request.fixturenames:
        request.getfixturevalue("store")
    it = Web(gofer)
    yield it
    it.close()


@pytest.fixture
def admin_web(store, web):
    """A server of either store, to which its requests come from one who may do everything."""
    web.token = web.add_token("root", "admin")
    return web
