"""What all proofs have: a store with real servers, the gofer command on it, workers that can be
killed, and the ledger that their handlers (handlers.c) write."""
from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "redis")]

import process  # noqa: E402
from process import Broken, wait_for  # noqa: E402,F401
from topology import Running, Setup  # noqa: E402

PATIENCE_S = 600.0      # for what takes long where others use the machine, too
MARGIN_S = 10.0         # what such a machine may add to a promise of seconds
GOFER = os.path.abspath(os.environ.get("GOFER_BIN", "gofer"))
PLUGIN = os.path.abspath(os.environ.get("PROOF_HANDLERS", "proof_handlers.so"))


class Wrong(AssertionError):
    """What is to be proved does not hold."""


def check(holds: object, what: str) -> None:
    if not holds:
        raise Wrong(what)


class Note(NamedTuple):
    """A line of the ledger."""

    what: str           # b begins, e done, f failed, d dead
    at: float           # seconds of CLOCK_MONOTONIC
    pid: int
    attempt: int
    id: str
    queue: bytes
    type: bytes
    payload: bytes


class Store:
    """The gofer command on a store of its own: "sqlite", "redis", or "cluster" with replicas."""

    def __init__(self, kind: str, query: str = "") -> None:
        self.kind = kind
        self.folder = tempfile.mkdtemp(prefix="gofer-proof-")
        self.db = os.path.join(self.folder, "tasks.db")
        self.servers: Optional[Running] = None
        self.url = "sqlite:" + self.db
        if kind != "sqlite":
            setup = Setup(replicas=1) if kind == "cluster" else Setup()
            self.servers = Running({"redis": "single", "cluster": "cluster"}[kind], setup)
            self.topology = self.servers.__enter__()
            self.url = self.topology.url + query
        self.ledger_path = os.path.join(self.folder, "ledger")
        self._read, self._notes = 0, []  # type: int, List[Note]
        self._rest = b""

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        if self.servers:
            self.servers.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def env(self) -> Dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith("GOFER_")}
        return {**own, "GOFER_URL": self.url, "PROOF_LEDGER": self.ledger_path}

    def command(self, *words: "str | bytes", text: "str | bytes" = b""
                ) -> "subprocess.CompletedProcess[bytes]":
        """A command to its end, however that is."""
        given = text.encode() if isinstance(text, str) else text
        return subprocess.run([GOFER, *words], input=given, env=self.env, cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words: "str | bytes", text: "str | bytes" = b"") -> str:
        """What a command prints that must succeed."""
        done = self.command(*words, text=text)
        check(done.returncode == 0,
              f"gofer {words} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode()

    def json(self, *words: "str | bytes", text: "str | bytes" = b"") -> Any:
        at = words.index("--") if "--" in words else len(words)
        return json.loads(self.run(*words[:at], "--json", *words[at:], text=text))

    def enqueue(self, tasks: Iterable[Dict], *words: str) -> None:
        """However many, as lines of a batch."""
        with subprocess.Popen([GOFER, "enqueue", "--batch", "--quiet", "--queue", "q", *words],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.env,
                              ) as command:
            assert command.stdin
            for task in tasks:
                command.stdin.write(json.dumps(task).encode() + b"\n")
        check(command.returncode == 0, f"enqueueing ended with {command.returncode}")

    def counts(self, queue: str = "q") -> Dict[str, Any]:
        return self.json("queue", "show", queue)

    def notes(self) -> List[Note]:
        """The ledger, as far as it is written."""
        try:
            with open(self.ledger_path, "rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return []
        self._read += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        self._notes += [note_of(line) for line in lines]
        return self._notes

    def ended(self) -> int:
        """How many runs were done."""
        return sum(note.what == "e" for note in self.notes())


def note_of(line: bytes) -> Note:
    what, at, pid, attempt, *names = line.decode().split(" ")
    id, queue, type, payload = (bytes.fromhex(name) for name in names)
    return Note(what, int(at) / 1e9, int(pid), int(attempt), id.decode(), queue, type, payload)


class Crew:
    """So many workers; `with` ends them, and whatever they have left running."""

    def __init__(self, store: Store, count: int, *options: str, lease_s: float = 30) -> None:
        self.store = store
        self.words = [GOFER, "worker", "--log-level", "error", "--plugin", PLUGIN, "--lease",
                      f"{lease_s:g}s", "--set", "crash_limit=100000", *options]
        if "--queue" not in options:
            self.words += ["--queue", "q"]
        self.log_path = os.path.join(store.folder, "workers.log")
        self.deaths: Dict[int, float] = {}      # by pid, when it was about to be killed
        self.workers = [self._start() for _ in range(count)]

    def _start(self) -> "subprocess.Popen[bytes]":
        with open(self.log_path, "ab") as log:
            return process.start(self.words, env=self.store.env, stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log, start_new_session=True)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            process.end(worker, signal.SIGTERM)
        for worker in self.workers:
            process.end(worker)

    def kill_one(self) -> None:
        """kill -9 of one, and a new one for it."""
        number = random.randrange(len(self.workers))
        worker = self.workers[number]
        check(worker.poll() is None, f"a worker ended by itself: {self.log()}")
        self.deaths[worker.pid] = time.monotonic()
        process.end(worker, signal.SIGKILL)
        self.workers[number] = self._start()

    @property
    def killed(self) -> int:
        return len(self.deaths)

    def kill_for(self, seconds: float, every: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(every)
            self.kill_one()

    def pids(self) -> Set[int]:
        return {worker.pid for worker in self.workers}

    def log(self) -> str:
        with open(self.log_path, errors="replace") as file:
            return file.read()[-2000:]

    def cpu_s(self) -> float:
        """What all threads of all workers have used."""
        threads = [path for worker in self.workers
                   for path in pathlib.Path(f"/proc/{worker.pid}/task").glob("*/schedstat")]
        return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def most_at_once(notes: Iterable[Note]) -> Iterator["tuple[float, int]"]:
    """How many handlers run, from each moment of the ledger."""
    running = 0
    for note in notes:
        running += 1 if note.what == "b" else -1
        yield note.at, running
