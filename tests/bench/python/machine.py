"""machine - what processes cost, from /proc: memory and CPU of a worker with all below it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for member in found:
        try:
            for children in Path(f"/proc/{member}/task").glob("*/children"):
                found += [int(word) for word in children.read_text().split()]
        except OSError:
            pass  # it has gone meanwhile
    return found


def memory_kib(pid: int) -> tuple[int, int]:
    """Resident, and the share of it (what processes have in common counted once), of a family."""
    resident = share = 0
    for member in family(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("Rss:"):
                resident += int(line.split()[1])
            elif line.startswith("Pss:"):
                share += int(line.split()[1])
    return resident, share


def cpu_s(pid: int) -> float:
    """User and system time of a family so far."""
    ticks = 0
    for member in family(pid):
        try:
            words = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(words[11]) + int(words[12])
    return ticks / TICKS


class Worker:
    """A worker process while it is measured; its family ends with the block."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], log: Path):
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.log = log

    def check(self) -> None:
        """RuntimeError: it has ended."""
        if self._process.poll() is not None:
            said = self.log.read_text("utf-8", "replace")[-2000:]
            raise RuntimeError(f"the worker has ended with {self._process.returncode}:\n{said}")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        members = family(self.pid)
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        for member in members:
            try:
                os.kill(member, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()


def until(condition, limit_s: float, worker: Worker, pause_s: float = 0.005) -> float:
    """Waits; gives the time of the clock when it came true. RuntimeError: not in time."""
    give_up = time.perf_counter() + limit_s
    while not condition():
        worker.check()
        if time.perf_counter() > give_up:
            raise RuntimeError(
                f"not done after {limit_s} s; the worker said:\n"
                + worker.log.read_text("utf-8", "replace")[-2000:]
            )
        time.sleep(pause_s)
    return time.perf_counter()
