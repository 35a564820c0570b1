"""children.py - what children cost: memory while idle, the time until an idle one begins a task,
and how many no-op tasks one of them runs a second.

    python tests/bench/children.py --gofer build/gofer [--url sqlite:FILE] [--tasks 20000]
        [--child 'NAME=COMMAND ...'] ...

Measures, it does not check. The reference child in Python is measured first, then those of
--child, which answer `bench:noop` with nothing, and for `bench:start` append to the file
$BENCH_TOOK how many nanoseconds of the monotonic clock the number in the payload is ago. Starts
need the package gofer in the Python that runs this; --starts 0 leaves them out. Prints a JSON line
for each child. The store is a new file in a temporary folder unless --url names one, which is
expected to be empty.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent.parent / "examples" / "children"
SIZE, PATIENCE_S = 64, 60

PYTHON = f"""
import os, sys, time
sys.path.insert(0, {str(EXAMPLES)!r})
from child import Child

def start(task):
    took = time.monotonic_ns() - int(task.payload)
    with open(os.environ["BENCH_TOOK"], "a") as file:
        print(took, file=file)

Child({{"bench:noop": lambda task: None, "bench:start": start}}).serve("bench")
"""


def memory_kib(pid):
    """Proportional: a page that two processes share counts half for each."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def children_of(pid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                found += [int(entry.name)] if int(fields[1]) == pid else []
        except OSError:
            pass
    return found


class Bench:
    def __init__(self, options, folder):
        self.gofer, self.tasks, self.starts = options.gofer, options.tasks, options.starts
        self.env = {**os.environ, "GOFER_URL": options.url or f"sqlite:{folder}/bench.db"}
        self.log, self.took = pathlib.Path(folder, "worker.log"), pathlib.Path(folder, "took")
        self.env["BENCH_TOOK"] = str(self.took)

    def run(self, *words, input=""):
        done = subprocess.run(
            [self.gofer, *words],
            env=self.env,
            input=input,
            text=True,
            capture_output=True,
            check=True,
        )
        return done.stdout

    def worker(self, command, *words):
        with open(self.log, "w") as log:
            return subprocess.Popen(
                [self.gofer, "--log-format", "json", "worker", *words, "--child", f"={command}"],
                env=self.env,
                stderr=log,
                stdout=subprocess.DEVNULL,
            )

    def wait_for_log(self, text):
        end = time.monotonic() + PATIENCE_S
        while text not in self.log.read_text():
            if time.monotonic() > end:
                sys.exit(f"the worker does not say '{text}':\n{self.log.read_text()}")
            time.sleep(0.01)

    def drain_per_s(self, command):
        line = json.dumps({"type": "bench:noop", "payload": "x" * (SIZE - 2)}) + "\n"
        self.run("enqueue", "--batch", input=line * self.tasks)
        worker = self.worker(command, "--drain")
        self.wait_for_log("worker started")
        begun = time.monotonic()
        if worker.wait() != 0:
            sys.exit(self.log.read_text())
        return round(self.tasks / (time.monotonic() - begun))

    def start_ms(self):
        """From before the enqueue to the begin of the function, by the clock of the machine."""
        from gofer import Client, Put

        with Client(self.env["GOFER_URL"]) as client:
            for i in range(self.starts):
                time.sleep(0.02)
                client.enqueue(Put("bench:start", str(time.monotonic_ns()).encode()))
        end = time.monotonic() + PATIENCE_S
        while len(took := self.took.read_text().split()) < self.starts:
            if time.monotonic() > end:
                sys.exit(f"only {len(took)} of {self.starts} tasks have begun")
            time.sleep(0.05)
        took = sorted(int(ns) / 1e6 for ns in took)
        return [round(took[int(len(took) * part)], 2) for part in (0.5, 0.99)]

    def measure(self, name, command):
        drain = self.drain_per_s(command)
        worker = self.worker(command)
        try:
            self.wait_for_log("worker started")
            time.sleep(1)
            parts = [memory_kib(pid) for pid in (worker.pid, *children_of(worker.pid))]
            figures = {
                "child": name,
                "drain_per_s": drain,
                "worker_kib": parts[0],
                "child_kib": sum(parts[1:]),
            }
            self.took.write_text("")
            if self.starts:
                p50, p99 = self.start_ms()
                figures.update(start_p50_ms=p50, start_p99_ms=p99)
        finally:
            worker.terminate()
            worker.wait()
        print(json.dumps(figures), flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    words.add_argument("--gofer", default=os.environ.get("GOFER_BIN", "gofer"))
    words.add_argument("--url")
    words.add_argument("--tasks", type=int, default=20000)
    words.add_argument("--starts", type=int, default=200, help="how many idle starts; 0: none")
    words.add_argument("--child", action="append", metavar="NAME=COMMAND")
    options = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        child = pathlib.Path(folder, "noop.py")
        child.write_text(PYTHON)
        children = [("python", f"{sys.executable} {child}")]
        children += [tuple(text.split("=", 1)) for text in options.child or ()]
        bench = Bench(options, folder)
        for name, command in children:
            bench.measure(name, command)


if __name__ == "__main__":
    main()
