"""Redis servers in the topologies that gofer knows, each with its data in a folder of its own."""
from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any, Callable, List, Optional, Tuple
from urllib.parse import quote

import process
from process import Broken, wait_for
from resp import Connection, ReplyError

HERE = os.path.dirname(os.path.abspath(__file__))
MASTER = "gofer-primary"
SLOTS = 16384


def server_binary() -> str:
    given = os.environ.get("GOFER_REDIS_SERVER")
    for name in [given] if given else ["redis-server", "valkey-server"]:
        found = shutil.which(name)
        if found:
            return found
    raise Broken(f"no such server: {given}" if given else
                 "neither redis-server nor valkey-server is in PATH; tests/run.sh installs one")


def server_version() -> Tuple[int, ...]:
    """(7, 0, 15), of Redis or of Valkey."""
    said = subprocess.run(
        [server_binary(), "--version"], stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    found = re.search(r" v=(\d+)\.(\d+)\.(\d+)", said)
    if not found:
        raise Broken(f"no version in: {said}")
    return tuple(map(int, found.groups()))


def server_has_tls() -> bool:
    """$GOFER_REDIS_TLS is "no" for a server that was built without."""
    return os.environ.get("GOFER_REDIS_TLS") != "no"


def acl_rules() -> List[str]:
    """What gofer needs, as acl.txt lists it."""
    with open(os.path.join(HERE, "acl.txt")) as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


@dataclass
class Setup:
    """What the servers of a test have in common."""
    tls: bool = False
    client_cert: bool = False            # the servers demand one
    auth: bool = False
    appendonly: bool = False
    replicas: int = 0                    # of each primary of a cluster
    primaries: int = 3                   # of a cluster
    silence_ms: int = 1500               # of a primary, until the Sentinels replace it
    settings: List[str] = field(default_factory=list)    # lines of redis.conf

    folder: str = ""
    password: str = ""                   # of the user gofer, who may do what acl.txt says
    admin_password: str = ""
    sentinel_password: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""

    def prepare(self) -> None:
        if self.tls and not server_has_tls():
            print("topology.py: this server has no TLS; going on without", file=sys.stderr)
            self.tls = self.client_cert = False
        self.folder = tempfile.mkdtemp(prefix="gofer-redis-")
        if self.auth:
            # Every character that a careless URL parser trips over.
            self.password = "p@s/s:w%rd?&" + secrets.token_hex(8)
            self.admin_password = secrets.token_hex(16)
            self.sentinel_password = "s@e/n:t%" + secrets.token_hex(8)
        if self.tls:
            self.ca, self.cert, self.key = process.make_certificates(self.folder)

    def tls_context(self) -> Optional[ssl.SSLContext]:
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        return context


class Server:
    """One process: a data server, or a Sentinel."""

    def __init__(self, setup: Setup, name: str, lines: List[str], *, sentinel: bool = False,
                 unix: bool = False) -> None:
        self.setup, self.name, self.sentinel = setup, name, sentinel
        self.port = process.free_port()
        self.folder = os.path.join(setup.folder, name)
        self.path = os.path.join(setup.folder, name + ".sock") if unix else None
        self.log_path = os.path.join(self.folder, "log")
        self.process: Optional["subprocess.Popen[bytes]"] = None
        os.makedirs(self.folder)
        self.config = os.path.join(self.folder, "conf")
        with open(self.config, "w") as file:
            file.write("\n".join(self._config() + lines) + "\n")

    def _config(self) -> List[str]:
        s = self.setup
        lines = [f"dir {self.folder}", f"logfile {self.log_path}", "bind 127.0.0.1", "daemonize no"]
        if self.path:
            lines += ["port 0", f"unixsocket {self.path}", "unixsocketperm 700"]
        elif s.tls:
            lines += [
                "port 0",
                f"tls-port {self.port}",
                f"tls-ca-cert-file {s.ca}",
                f"tls-cert-file {s.cert}",
                f"tls-key-file {s.key}",
                f"tls-auth-clients {'yes' if s.client_cert else 'no'}",
                "tls-replication yes",
            ]
        else:
            lines += [f"port {self.port}"]
        if self.sentinel:
            if s.auth:
                lines += [
                    f'requirepass "{s.sentinel_password}"',
                    f'sentinel sentinel-pass "{s.sentinel_password}"',
                ]
            return lines
        lines += [
            'save ""',
            "repl-diskless-sync-delay 0",
            f"appendonly {'yes' if s.appendonly else 'no'}",
            "appendfsync always",
        ]
        if s.auth:
            lines += [f"user gofer on >{s.password} {' '.join(acl_rules())}", "user default off",
                      f"user admin on >{s.admin_password} ~* &* +@all",
                      "masteruser admin", f"masterauth {s.admin_password}"]
        return lines + s.settings

    @property
    def address(self) -> str:
        return self.path or f"127.0.0.1:{self.port}"

    def start(self, wait: bool = True) -> None:
        words = [server_binary(), self.config] + (["--sentinel"] if self.sentinel else [])
        self.process = process.start(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL, cwd=self.folder)
        if wait:
            wait_for(self._answers, f"{self.name} to answer at {self.address}")

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise Broken(f"{self.name} ended at once:\n{self.log_tail()}")
        try:
            with self.connect(timeout=5) as c:
                return bool(c("PING") == b"PONG")
        except ReplyError:      # loading
            return False

    def connect(self, timeout: float = 10) -> Connection:
        """As one who may do everything."""
        user, password = None, None
        if self.setup.auth:
            user, password = ("admin", self.setup.admin_password) if not self.sentinel else \
                (None, self.setup.sentinel_password)
        return Connection(self.path or ("127.0.0.1", self.port), user=user, password=password,
                          tls=None if self.path else self.setup.tls_context(), timeout=timeout)

    def call(self, *words: Any, timeout: float = 10) -> Any:
        with self.connect(timeout) as c:
            return c(*words)

    def stop(self, sig: int = signal.SIGKILL) -> None:
        process.end(self.process, sig)

    def restart(self, sig: int = signal.SIGKILL, down: float = 0) -> None:
        self.stop(sig)
        time.sleep(down)
        self.start()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def role(self) -> str:
        return str(self.call("ROLE")[0].decode())

    def log_tail(self) -> str:
        try:
            with open(self.log_path, errors="replace") as file:
                return "".join(file.readlines()[-15:])
        except OSError:
            return "(no log)\n"


class Topology:
    """The servers of a test. `data` hold keys; `url` is how gofer reaches them."""

    kind = "redis"

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.data: List[Server] = []
        self.sentinels: List[Server] = []

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        for server in self.sentinels + self.data:
            server.stop()

    def primaries(self) -> List[Server]:
        return self.data

    def _url(self, kind: str, user: str, password: str, where: str, query: List[str]) -> str:
        s = self.setup
        sign_on = f"{user}:{quote(password, safe='')}@" if s.auth else ""
        if s.tls:
            query = query + [f"ca={quote(s.ca)}"]
            if s.client_cert:
                query += [f"cert={quote(s.cert)}", f"key={quote(s.key)}"]
            kind = kind.replace("redis", "rediss", 1)
        return f"{kind}://{sign_on}{where}{'?' + '&'.join(query) if query else ''}"

    def _data_url(self, user: str, password: str) -> str:
        return self._url("redis", user, password, self.data[0].address + "/0", [])

    @property
    def url(self) -> str:
        return self._data_url("gofer", self.setup.password)

    @property
    def admin_url(self) -> str:
        return self._data_url("admin", self.setup.admin_password)


class Single(Topology):
    def start(self) -> None:
        self.data = [Server(self.setup, "redis", [])]
        self.data[0].start()


class Unix(Topology):
    def start(self) -> None:
        self.data = [Server(self.setup, "redis", [], unix=True)]
        self.data[0].start()

    def _data_url(self, user: str, password: str) -> str:
        return self._url("redis+unix", user, password, self.data[0].address, ["db=0"])


class Sentinel(Topology):
    def start(self) -> None:
        primary = Server(self.setup, "redis1", [])
        replicas = [
            Server(self.setup, f"redis{n}", [f"replicaof 127.0.0.1 {primary.port}"]) for n in (2, 3)
        ]
        self.data = [primary] + replicas
        for server in self.data:
            server.start()
        for server in replicas:
            wait_for(
                lambda: server.call("ROLE")[3] == b"connected",
                f"{server.name} to follow the primary",
            )
        self.sentinels = [
            Server(self.setup, f"sentinel{n}", self._watch(primary), sentinel=True)
            for n in (1, 2, 3)
        ]
        for server in self.sentinels:
            server.start()
        wait_for(
            lambda: all(self._complete(s) for s in self.sentinels),
            "the Sentinels to know each other",
        )

    def _watch(self, primary: Server) -> List[str]:
        lines = [
            f"sentinel monitor {MASTER} 127.0.0.1 {primary.port} 2",
            f"sentinel down-after-milliseconds {MASTER} {self.setup.silence_ms}",
            f"sentinel failover-timeout {MASTER} 4000",
        ]
        if self.setup.auth:
            lines += [
                f"sentinel auth-user {MASTER} admin",
                f"sentinel auth-pass {MASTER} {self.setup.admin_password}",
            ]
        return lines

    @staticmethod
    def _complete(sentinel: Server) -> bool:
        seen = sentinel.call("SENTINEL", "MASTER", MASTER)
        facts = dict(zip(seen[::2], seen[1::2]))
        return (facts[b"flags"], facts[b"num-slaves"], facts[b"num-other-sentinels"]) == (
            b"master",
            b"2",
            b"2",
        )

    def primary(self) -> Server:
        """Whom most Sentinels call the primary, once it says so itself."""
        def agreed() -> Optional[Server]:
            named = [
                int(s.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])
                for s in self.sentinels
                if s.alive()
            ]
            port = max(set(named), key=named.count)
            server = next(s for s in self.data if s.port == port)
            return (
                server
                if server.alive() and named.count(port) >= 2 and server.role() == "master"
                else None
            )
        found = wait_for(agreed, "the Sentinels to agree on a primary")
        assert found is not None
        return found

    def primaries(self) -> List[Server]:
        return [self.primary()]

    def _data_url(self, user: str, password: str) -> str:
        s = self.setup
        query = [f"master={MASTER}"]
        if s.auth:
            query += [f"username={user}", f"password={quote(password, safe='')}"]
        where = ",".join(one.address for one in self.sentinels)
        return self._url("redis-sentinel", "", s.sentinel_password, where + "/0", query)


class Cluster(Topology):
    def start(self) -> None:
        lines = [
            "cluster-enabled yes",
            "cluster-node-timeout 2000",
            "cluster-require-full-coverage yes",
        ]
        if self.setup.tls:
            lines.append("tls-cluster yes")
        primaries = self.setup.primaries
        count = primaries * (1 + self.setup.replicas)
        self.data = [Server(self.setup, f"node{n + 1}", lines) for n in range(count)]
        for n, server in enumerate(self.data):
            server.start()
            server.call("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for server in self.data[1:]:
            server.call("CLUSTER", "MEET", "127.0.0.1", self.data[0].port)
        for n in range(primaries):
            own = range(SLOTS * n // primaries, SLOTS * (n + 1) // primaries)
            self.data[n].call("CLUSTER", "ADDSLOTS", *own)
        wait_for(
            lambda: all(self._known(s, count) for s in self.data), "the nodes to know each other"
        )
        for n, server in enumerate(self.data[primaries:]):
            primary = self.data[n % primaries]
            wait_for(
                lambda: self._replicate(server, primary), f"{server.name} to follow {primary.name}"
            )
        wait_for(lambda: all(self._ready(s) for s in self.data), "the cluster to be complete")

    @staticmethod
    def _facts(server: Server) -> "dict[str, str]":
        text = server.call("CLUSTER", "INFO").decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def _known(self, server: Server, count: int) -> bool:
        facts = self._facts(server)
        return facts["cluster_state"] == "ok" and facts["cluster_known_nodes"] == str(count)

    @staticmethod
    def _replicate(server: Server, primary: Server) -> bool:
        try:
            server.call("CLUSTER", "REPLICATE", primary.call("CLUSTER", "MYID"))
            return True
        except ReplyError:      # "Unknown node": not heard of yet
            return False

    def _ready(self, server: Server) -> bool:
        rows = server.call("CLUSTER", "SLOTS")
        full = sum(row[1] - row[0] + 1 for row in rows) == SLOTS
        return full and all(len(row) == 3 + self.setup.replicas for row in rows)

    def primaries(self) -> List[Server]:
        return [s for s in self.data if s.alive() and s.role() == "master"]

    def _data_url(self, user: str, password: str) -> str:
        return self._url(
            "redis-cluster", user, password, ",".join(s.address for s in self.data), []
        )


def _with(kind: Callable[[Setup], Topology], **changes: bool) -> Callable[[Setup], Topology]:
    def make(setup: Setup) -> Topology:
        for name, value in changes.items():
            setattr(setup, name, value)
        return kind(setup)
    return make


TOPOLOGIES = {
    "single": Single,
    "unix": Unix,
    "tls": _with(Single, tls=True),
    "auth": _with(Single, auth=True),
    "sentinel": Sentinel,
    "cluster": Cluster,
}


class Running:
    """with Running("single", Setup()) as topology: … - servers for a Python test."""

    def __init__(self, name: str, setup: Optional[Setup] = None) -> None:
        self.setup = setup or Setup()
        self.topology: Topology = TOPOLOGIES[name](self.setup)

    def __enter__(self) -> Topology:
        self.setup.prepare()
        try:
            self.topology.start()
        except BaseException:
            self.__exit__()
            raise
        return self.topology

    def __exit__(self, *_: object) -> None:
        self.topology.stop()
        shutil.rmtree(self.setup.folder, ignore_errors=True)
