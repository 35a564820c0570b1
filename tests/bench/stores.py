"""stores - the stores that the queues are measured on, each of this run alone, on loopback.

A store says what a program is to be given as its address, empties itself, and knows the process
whose CPU time tasks cost there (if it has one). Not one of them syncs to disk but SQLite and
PostgreSQL, which do so at every commit: their defaults, and what gofer compares itself with.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from machine import cpu_s

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "redis"))
from resp import Connection  # noqa: E402
from topology import Running, Setup  # noqa: E402

START_S = 30


class Missing(Exception):
    """What a store or a peer needs is not on this machine, and cannot be had."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port: int, process: subprocess.Popen) -> None:
    give_up = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise Missing(f"{process.args[0]} does not answer") from None
            time.sleep(0.05)


def needed(program: str) -> str:
    found = shutil.which(program)
    if not found:
        raise Missing(f"there is no {program}")
    return found


class Sqlite:
    """A file that is new for every measurement, in the build folder."""

    pid = None

    def __init__(self, folder: Path) -> None:
        self.folder, self.serial = folder, 0

    def fresh(self) -> None:
        for old in self.folder.glob("store-*"):
            old.unlink()
        self.serial += 1

    @property
    def address(self) -> str:
        return str(self.folder / f"store-{self.serial}.db")

    @property
    def url(self) -> str:
        return f"sqlite:{self.address}"

    def memory(self) -> "int | None":
        return None

    def close(self) -> None:
        self.fresh()


class Redis:
    """A server without persistence."""

    def __init__(self, folder: Path) -> None:
        needed(os.environ.get("GOFER_REDIS_SERVER", "redis-server"))
        self.running = Running("single", Setup())
        topology = self.running.__enter__()
        self.url = topology.url
        self.address = topology.url.split("//")[1].split("/")[0]
        host, _, port = self.address.rpartition(":")
        self.connection = Connection((host, int(port)), timeout=120)
        self.pid = topology.data[0].process.pid

    def fresh(self) -> None:
        self.connection("FLUSHALL", "SYNC")

    def info(self, section: str, field: str) -> int:
        for line in self.connection("INFO", section).decode().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split(":")[1])
        raise RuntimeError(f"INFO {section} has no {field}")

    def memory(self) -> "int | None":
        return self.info("memory", "used_memory")

    def close(self) -> None:
        self.connection.close()
        self.running.__exit__(None, None, None)


class Beanstalkd:
    """A server without its log, so that it keeps nothing on disk; empty by a new start."""

    pid = None

    def __init__(self, folder: Path) -> None:
        self.program = needed("beanstalkd")
        self.process = None
        self.fresh()

    def fresh(self) -> None:
        self.close()
        port = free_port()
        words = [self.program, "-l", "127.0.0.1", "-p", str(port), "-z", str(2 << 20)]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        await_port(port, self.process)
        self.address = self.url = f"127.0.0.1:{port}"
        self.pid = self.process.pid

    def memory(self) -> "int | None":
        return None

    def close(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()


class Postgres:
    """A cluster with its defaults, every commit synced; a new database for each measurement."""

    def __init__(self, folder: Path) -> None:
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        programs = versions[-1].parent if versions else Path(needed("postgres")).parent
        self.folder, self.serial = folder / "postgres", 0
        self.folder.mkdir()
        self.port = free_port()
        self.how = {}
        if os.geteuid() == 0:  # it does not run as root
            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                raise Missing("PostgreSQL does not run as root, and there is no postgres") from None
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.folder.parent.chmod(0o711)
            self.how = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = str(self.folder / "data")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", **self.how}
        words = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "bench"]
        if subprocess.run(words, **quiet).returncode != 0:
            raise Missing("PostgreSQL's initdb has failed")
        words = [str(programs / "postgres"), "-D", data, "-p", str(self.port), "-h", "127.0.0.1"]
        self.process = subprocess.Popen([*words, "-k", str(self.folder)], **quiet)
        await_port(self.port, self.process)
        self.pid = self.process.pid
        self.psql = [
            str(programs / "psql"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "bench",
            "-q",
            "-d",
            "postgres",
            "-c",
        ]

    def fresh(self) -> None:
        if self.serial:
            old = f"drop database if exists bench{self.serial} with (force)"
            subprocess.run([*self.psql, old], check=True)
        self.serial += 1
        subprocess.run([*self.psql, f"create database bench{self.serial}"], check=True)

    @property
    def address(self) -> str:
        return f"postgres://bench@127.0.0.1:{self.port}/bench{self.serial}"

    url = address

    def memory(self) -> "int | None":
        return None

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


KINDS = {"sqlite": Sqlite, "redis": Redis, "beanstalkd": Beanstalkd, "postgres": Postgres}


class Stores:
    """Those that were needed so far, started when they are."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.open = folder, {}

    def get(self, kind: str):
        if kind not in self.open:
            self.open[kind] = KINDS[kind](self.folder)
        return self.open[kind]

    def close(self) -> None:
        for store in self.open.values():
            store.close()


def server_cpu_us(store) -> "float | None":
    return cpu_s(store.pid) * 1e6 if store.pid else None
