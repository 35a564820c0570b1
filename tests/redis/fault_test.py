#!/usr/bin/env python3
"""fault_test.py [[--but] PART OF A NAME...] - the gofer binary, and a Redis with each known fault.

$GOFER_BIN names the binary. Each test is a function; a line is printed for each, and what went
wrong. Nothing is waited for longer than it takes, but the silences that are themselves the fault.
"""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, List, Optional, Set, Tuple
from urllib.parse import quote

import events
import process
import proxy
from process import Broken, wait_for
from topology import MASTER, SLOTS, Running, Server, Setup, Topology, server_has_tls, server_version

GOFER = os.path.abspath(os.environ.get("GOFER_BIN", "gofer"))
FAILED, USAGE, CONFLICT, BROKER, DENIED = 1, 2, 4, 5, 6    # exit codes
COMMAND_MAX_S = 45.0        # no command takes longer, whatever the server does


class Wrong(AssertionError):
    """What the test found."""


def check(holds: object, what: str) -> None:
    if not holds:
        raise Wrong(what)


class Skipped(Exception):
    """The server at hand cannot do what the test is about; str() says what."""


def needs_tls() -> None:
    if not server_has_tls():
        raise Skipped("this server has no TLS")


class Result:
    def __init__(self, code: int, text: str, seconds: float) -> None:
        self.code, self.text, self.seconds = code, text, seconds

    def expect(self, code: int, *words: str) -> "Result":
        check(self.code == code, f"exit code {self.code}, not {code}:\n{self.text}")
        for word in words:
            check(word.lower() in self.text.lower(), f"no '{word}' in:\n{self.text}")
        return self


def gofer(url: str, *words: str, text: str = "") -> Result:
    """Run the binary to its end. No password may be in what it prints."""
    began = time.monotonic()
    env = {k: v for k, v in os.environ.items() if not k.startswith("GOFER_")}
    try:
        done = subprocess.run(
            [GOFER, *words],
            env={**env, "GOFER_URL": url},
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_MAX_S,
        )
    except subprocess.TimeoutExpired:
        raise Wrong(f"gofer {' '.join(words)} did not end within {COMMAND_MAX_S:g} s")
    said = done.stdout.decode("utf-8", "replace")
    no_secret(said, url)
    return Result(done.returncode, said, time.monotonic() - began)


SECRETS: Set[str] = set()


def no_secret(text: str, what: str = "") -> None:
    for secret in SECRETS:
        check(
            secret not in text,
            f"a password was printed{' for ' + what.split('@')[-1] if what else ''}:\n"
            + text.replace(secret, "<THE PASSWORD>"),
        )


def remember(setup: Setup) -> None:
    for secret in (setup.password, setup.admin_password, setup.sentinel_password):
        if secret:
            SECRETS.update((secret, quote(secret, safe="")))


def gofer_each(urls: List[str], *words: str) -> List[Result]:
    """The same command for several URLs, all at once: they mostly wait."""
    with ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(lambda url: gofer(url, *words), urls))


class Worker:
    """`gofer worker` that notes the ids of the tasks it ran. It must live until it is stopped."""

    def __init__(self, url: str, folder: str, *options: str, handler: str = "") -> None:
        self.ledger_path = os.path.join(folder, "ledger")
        self.log_path = os.path.join(folder, "worker.log")
        env = {k: v for k, v in os.environ.items() if not k.startswith("GOFER_")}
        handler = handler or f"echo $GOFER_TASK_ID >>{self.ledger_path}"
        with open(self.log_path, "wb") as log:
            self.process = process.start(
                [GOFER, "worker", "--concurrency", "4", "--shell", f"*={handler}", *options],
                env={**env, "GOFER_URL": url},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def ran(self) -> List[str]:
        try:
            with open(self.ledger_path) as file:
                return file.read().split()
        except OSError:
            return []

    def alive(self) -> None:
        check(
            self.process.poll() is None,
            f"the worker ended with {self.process.returncode}:\n{self.log[-3000:]}",
        )

    def wait_until_ran(self, ids: List[str], patience: float = 60) -> None:
        def all_ran() -> bool:
            self.alive()
            return set(ids) <= set(self.ran())
        try:
            wait_for(all_ran, "tasks to run", patience)
        except Broken:
            missing = sorted(set(ids) - set(self.ran()))
            raise Wrong(
                f"{len(missing)} of {len(ids)} acknowledged tasks did not run, such as"
                f" {missing[:3]}:\n{self.log[-3000:]}"
            )

    def stop(self) -> None:
        self.alive()
        self.process.terminate()
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Wrong(f"the worker did not stop:\n{self.log[-3000:]}")
        check(code == 0, f"the worker ended with {code}:\n{self.log[-3000:]}")
        no_secret(self.log)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        process.end(self.process)


class Client(threading.Thread):
    """Enqueues tasks one by one; one that is not acknowledged is tried again with the same id."""

    def __init__(self, url: str, prefix: str = "t") -> None:
        super().__init__(daemon=True)
        self.url, self.prefix = url, prefix
        self.acked: List[str] = []
        self.retries = 0
        self.error: Optional[BaseException] = None
        self._over = threading.Event()

    def run(self) -> None:
        try:
            while not self._over.is_set():
                self._enqueue(f"{self.prefix}{len(self.acked)}")
        except BaseException as error:
            self.error = error

    def _enqueue(self, id: str) -> None:
        while True:
            got = gofer(self.url, "enqueue", "work", "--id", id)
            if got.code == 0:
                self.acked.append(id)
                return
            got.expect(BROKER)
            self.retries += 1

    def finish(self) -> List[str]:
        self._over.set()
        self.join()
        if self.error:
            raise self.error
        check(len(self.acked) > 0, "nothing was acknowledged")
        return self.acked


def survives(topology: Topology, folder: str, trouble: Callable[[], None], url: str = "") -> str:
    """Work goes on through the trouble: every task acknowledged is run, the worker lives on. What
    it logged."""
    url = url or topology.url
    with Worker(url, folder) as worker:
        client = Client(url)
        client.start()
        wait_for(lambda: len(worker.ran()) >= 5 or client.error, "the first tasks to run")
        trouble()
        during = len(client.acked)
        wait_for(
            lambda: len(client.acked) >= during + 10 or client.error, "tasks to be accepted again"
        )
        acked = client.finish()
        worker.wait_until_ran(acked)
        twice = len(worker.ran()) - len(set(worker.ran()))
        worker.stop()
        print(
            f"         {len(acked)} tasks acknowledged, {client.retries} tried again, {twice} run"
            " twice"
        )
        return worker.log


# ---- what cannot work: told in words, soon, without the password ---------------------------------


def test_a_wrong_password_is_told_apart(folder: str) -> None:
    setup = Setup(auth=True)
    with Running("single", setup) as topology:
        remember(setup)
        right = quote(setup.password, safe="")
        gofer(topology.url, "ping").expect(0)
        wrong = "wr0ng-and-secret"
        SECRETS.add(wrong)
        got = gofer(topology.url.replace(right, wrong), "enqueue", "t").expect(DENIED, "WRONGPASS")
        check(got.seconds < 10, f"it took {got.seconds:.1f} s")
        gofer(topology.url.replace(f"gofer:{right}@", ""), "enqueue", "t").expect(DENIED, "NOAUTH")
        gofer(topology.url.replace(right, wrong), "worker", "--drain", "--shell", "*=true").expect(
            DENIED
        )


def test_a_user_who_may_not_is_told_apart(folder: str) -> None:
    setup = Setup(auth=True)
    with Running("single", setup) as topology:
        remember(setup)
        topology.data[0].call("ACL", "SETUSER", "gofer", "-evalsha", "-eval")
        gofer(topology.url, "enqueue", "t").expect(DENIED, "eval")
        topology.data[0].call(
            "ACL", "SETUSER", "gofer", "+evalsha", "+eval", "resetkeys", "~other:*"
        )
        gofer(topology.url, "enqueue", "t").expect(DENIED)


def test_a_right_that_is_missing_inside_a_script_is_told_with_its_name(folder: str) -> None:
    setup = Setup(auth=True)
    kinds = {
        "plain": [],
        "later": ["--in", "1h"],
        "grouped": ["--group", "g"],
        "unique": ["--unique", "1h"],
    }
    missing = {
        "hset": list(kinds),
        "lpush": ["plain", "unique"],
        "zadd": ["later", "grouped"],
        "sadd": ["grouped"],
        "exists": list(kinds),
    }
    with Running("single", setup) as topology:
        remember(setup)
        server = topology.data[0]
        gofer(topology.url, "enqueue", "t", "--queue", "q").expect(0)     # the queue is known
        for command, those in missing.items():
            server.call("ACL", "SETUSER", "gofer", f"-{command}")
            for kind in those:
                before = sorted(server.call("KEYS", "asynq:{q}:*"))
                length = server.call("LLEN", "asynq:{q}:pending")
                got = gofer(topology.url, "enqueue", "t", "--queue", "q", *kinds[kind]).expect(
                    DENIED
                )
                named = command in got.text.lower() or (
                    command == "exists" and "gofer doctor" in got.text
                )
                check(named, f"{kind} without {command}: not named:\n{got.text}")
                after = sorted(server.call("KEYS", "asynq:{q}:*"))
                check((after, server.call("LLEN", "asynq:{q}:pending")) == (before, length),
                      f"{kind} without {command}: {before} became {after}")
            gofer(topology.url, "doctor").expect(FAILED, command)
            server.call("ACL", "SETUSER", "gofer", f"+{command}")
        gofer(topology.url, "enqueue", "t", "--queue", "q").expect(0)


def test_a_wait_that_is_refused_is_told_as_that(folder: str) -> None:
    setup = Setup(auth=True)
    with Running("single", setup) as topology:
        remember(setup)
        server = topology.data[0]
        gofer(topology.url + "?wait-replicas=1", "enqueue", "t").expect(
            BROKER, "fewer than 1 replicas"
        )
        server.call("ACL", "SETUSER", "gofer", "-wait")
        before = server.call("LLEN", "asynq:{default}:pending")
        gofer(topology.url + "?wait-replicas=1", "enqueue", "t").expect(DENIED, "'WAIT'", "NOPERM")
        check(server.call("LLEN", "asynq:{default}:pending") == before, "it was done all the same")
        gofer(topology.url + "?wait-replicas=1", "doctor").expect(DENIED, "'WAIT'")
        gofer(topology.url, "enqueue", "t").expect(0)


def test_tls_that_does_not_fit_is_told_apart(folder: str) -> None:
    needs_tls()
    setup = Setup(tls=True)
    with Running("single", setup) as secure, Running("single") as plain:
        gofer(secure.url, "ping").expect(0)
        ca = f"?ca={quote(setup.ca)}"
        cases = {
            f"rediss://{plain.data[0].address}/0{ca}": ["tls"],
            f"redis://{secure.data[0].address}/0": [secure.data[0].address],
            f"rediss://{secure.data[0].address}/0": ["certificate"],
            f"rediss://{secure.data[0].address}/0{ca}&sni=elsewhere.example": ["certificate"],
        }
        for got, (url, words) in zip(gofer_each(list(cases), "enqueue", "t"), cases.items()):
            check(got.code in (BROKER, DENIED), f"{url}: exit code {got.code}:\n{got.text}")
            got.expect(got.code, *words)
            check(got.seconds < 20, f"{url}: it took {got.seconds:.1f} s")
        gofer(f"rediss://{secure.data[0].address}/0?tls-verify=none", "ping").expect(0)


def test_a_certificate_that_is_not_trusted_is_told_at_once_everywhere(folder: str) -> None:
    needs_tls()
    for kind in ("single", "sentinel", "cluster"):
        setup = Setup(tls=True)
        with Running(kind, setup) as topology:
            ca = f"ca={quote(setup.ca)}"
            untrusted = topology.url.replace(ca, "").rstrip("?&")
            for url in (untrusted, topology.url + "&sni=elsewhere.example"):
                got = gofer(url, "ping").expect(BROKER, "certificate", "not trusted")
                check("given up after" not in got.text, f"tried on:\n{got.text}")


def test_nobody_there_is_told_in_time(folder: str) -> None:
    port = process.free_port()
    urls = [
        f"redis://127.0.0.1:{port}/0",
        f"redis+unix://{folder}/no.sock",
        f"redis-sentinel://127.0.0.1:{port}/0?master=x",
        f"redis-cluster://127.0.0.1:{port}",
        "redis://no-such-host.invalid/0",
    ]
    for url, got in zip(urls, gofer_each(urls, "enqueue", "t")):
        got.expect(BROKER)
        check(got.seconds < 25, f"{url}: it took {got.seconds:.1f} s")
        check(
            "invalid" in url or str(port) in got.text or "no.sock" in got.text,
            f"{url}: not named:\n{got.text}",
        )


def test_a_replica_is_not_written_to(folder: str) -> None:
    with Running("sentinel") as topology:
        replica = next(s for s in topology.data if s.role() == "slave")
        gofer(f"redis://{replica.address}/0", "enqueue", "t").expect(BROKER, "replica")
        gofer(topology.url.replace(MASTER, "another-name"), "enqueue", "t").expect(
            USAGE, "another-name"
        )


def test_the_wrong_topology_is_told_apart(folder: str) -> None:
    with Running("single") as single, Running("cluster") as cluster:
        gofer(f"redis-cluster://{single.data[0].address}", "enqueue", "t").expect(USAGE, "redis://")
        told = 0
        for node in cluster.data:       # one of them has the queue's slot, and would do by chance
            got = gofer(f"redis://{node.address}/0", "enqueue", "t")
            check(
                got.code == 0 or (got.code == BROKER and "redis-cluster://" in got.text), got.text
            )
            told += got.code != 0
        check(told == 2, f"{told} of 3 nodes refused what is not theirs")
        gofer(f"redis-sentinel://{single.data[0].address}/0?master=x", "enqueue", "t").expect(
            BROKER, "SENTINEL"
        )


def test_a_certificate_that_is_demanded_is_told(folder: str) -> None:
    needs_tls()
    for protocols in ("TLSv1.2", "TLSv1.3"):
        with Running(
            "tls", Setup(client_cert=True, settings=[f"tls-protocols {protocols}"])
        ) as topology:
            gofer(topology.url, "enqueue", "t").expect(0)
            got = gofer(topology.url.split("&cert=")[0], "ping")
            got.expect(DENIED if protocols == "TLSv1.3" else BROKER, "certificate", "cert=FILE")


# ---- what is passed over -------------------------------------------------------------------------


def test_dead_and_silent_sentinels_are_passed_over(folder: str) -> None:
    with Running("sentinel") as topology:
        topology.sentinels[0].stop()
        gofer(topology.url, "enqueue", "t").expect(0)
        topology.sentinels[1].freeze()
        got = gofer(topology.url, "enqueue", "t").expect(0)
        check(got.seconds < 5 * patience_factor(), f"it took {got.seconds:.1f} s")


def test_dead_and_silent_seeds_are_passed_over(folder: str) -> None:
    with Running("cluster") as topology:
        nowhere = f"127.0.0.1:{process.free_port()}"
        silent = proxy.Proxy(("127.0.0.1", topology.data[0].port))
        silent.mode = proxy.SWALLOW
        got = gofer(
            f"redis-cluster://{nowhere},{silent.address},{topology.data[2].address}", "enqueue", "t"
        ).expect(0)
        check(got.seconds < 5 * patience_factor(), f"it took {got.seconds:.1f} s")


def test_names_that_a_cluster_announces_are_lost_on_nobody(folder: str) -> None:
    if server_version() < (7,):
        raise Skipped("a Cluster before Redis 7 announces no names")
    for kind in ("hostname", "unknown-endpoint"):
        setup = Setup(
            tls=kind == "hostname",
            settings=[
                "cluster-announce-hostname localhost",
                f"cluster-preferred-endpoint-type {kind}",
            ],
        )
        with Running("cluster", setup) as topology:
            if kind == "unknown-endpoint":
                # The port alone must lead on: the hosts are the same.
                check(
                    topology.data[0].call("CLUSTER", "SLOTS")[0][2][0] is None,
                    "the host is told after all",
                )
            for n in range(8):
                gofer(topology.url, "enqueue", "t", "--queue", f"q{n}").expect(0)


def test_a_full_redis_takes_no_more_and_can_be_drained(folder: str) -> None:
    with Running("single") as topology:
        ids = [f"t{n}" for n in range(20)]
        for id in ids:
            gofer(topology.url, "enqueue", "work", "--id", id).expect(0)
        topology.data[0].call("CONFIG", "SET", "maxmemory", "1")
        gofer(topology.url, "enqueue", "work").expect(BROKER, "full")
        with Worker(topology.url, folder) as worker:
            worker.wait_until_ran(ids)
            topology.data[0].call("CONFIG", "SET", "maxmemory", "0")
            gofer(topology.url, "enqueue", "work", "--id", "after").expect(0)
            worker.wait_until_ran(["after"])
            worker.stop()


def test_a_redis_that_evicts_keys_gets_no_worker(folder: str) -> None:
    with Running(
        "single", Setup(settings=["maxmemory 100mb", "maxmemory-policy allkeys-lru"])
    ) as topology:
        gofer(topology.url, "enqueue", "work").expect(0)
        drain = ["worker", "--drain", "--shell", "*=true"]
        gofer(topology.url, *drain).expect(CONFLICT, "maxmemory-policy noeviction")
        gofer(topology.url + "?eviction=accept", *drain).expect(0)
        topology.data[0].call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        gofer(topology.url, *drain).expect(0)


# ---- what passes: work goes on by itself ---------------------------------------------------------


def test_a_restart_under_load_loses_nothing(folder: str) -> None:
    with Running("single", Setup(appendonly=True)) as topology:
        def trouble() -> None:
            for _ in range(3):
                time.sleep(0.5)
                events.restart(topology)
        survives(topology, folder, trouble)


def test_a_redis_that_stands_still_is_waited_for(folder: str) -> None:
    with Running("single") as topology:
        def trouble() -> None:
            topology.data[0].freeze()
            time.sleep(8)
            topology.data[0].thaw()
        survives(topology, folder, trouble)


def test_a_server_that_may_not_write_is_waited_for(folder: str) -> None:
    """Its folder is gone, as if the disk were full: it cannot save, and so refuses writes and even
    PING."""
    with Running("single") as topology:
        server = topology.data[0]

        def trouble() -> None:
            shutil.rmtree(server.folder)
            server.call("CONFIG", "SET", "save", "3600 1")
            server.call("BGSAVE")
            wait_for(
                lambda: b"rdb_last_bgsave_status:err" in server.call("INFO", "persistence"),
                "the snapshot to fail",
            )
            gofer(topology.url, "enqueue", "work").expect(BROKER, "MISCONF")
            gofer(topology.url, "queue", "ls").expect(0)
            time.sleep(2)
            server.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        survives(topology, folder, trouble)


def test_a_redis_that_loads_is_waited_for(folder: str) -> None:
    with Running("single") as topology:
        between = proxy.Proxy(("127.0.0.1", topology.data[0].port))
        between.words = b"-LOADING Redis is loading the dataset in memory\r\n"

        def trouble() -> None:
            between.mode = proxy.SAY
            between.cut_all()
            time.sleep(2)
            between.mode = proxy.PASS
        survives(topology, folder, trouble, f"redis://{between.address}/0")


def test_scripts_that_are_forgotten_are_told_again(folder: str) -> None:
    with Running("single") as topology:
        def trouble() -> None:
            for _ in range(40):
                events.flush_scripts(topology)
                time.sleep(0.02)
        survives(topology, folder, trouble)


def test_lost_replies_and_cut_connections_lose_nothing(folder: str) -> None:
    with Running("single") as topology:
        between = proxy.Proxy(("127.0.0.1", topology.data[0].port))

        def trouble() -> None:
            for mode, seconds in (
                (proxy.CUT, 0.3),
                (proxy.SWALLOW, 0.5),
                (proxy.CUT, 0.3),
                (proxy.DELAY, 1.0),
            ):
                between.delay_s = 0.2
                between.mode = mode
                time.sleep(seconds)
                between.mode = proxy.PASS
                if mode == proxy.SWALLOW:
                    between.cut_all()
                time.sleep(0.3)
            between.refuse()
            time.sleep(1)
            between.listen()
        survives(topology, folder, trouble, f"redis://{between.address}/0")


def test_a_silent_redis_is_noticed(folder: str) -> None:
    """Connections stay open, but every reply is lost: nobody hangs for ever."""
    with Running("single") as topology:
        between = proxy.Proxy(("127.0.0.1", topology.data[0].port))
        url = f"redis://{between.address}/0"
        with Worker(url, folder) as worker:
            gofer(url, "enqueue", "work", "--id", "before").expect(0)
            worker.wait_until_ran(["before"])
            between.mode = proxy.SWALLOW
            got = gofer(url, "enqueue", "work", "--id", "during").expect(BROKER)
            check(got.seconds < 30, f"it took {got.seconds:.1f} s")
            between.mode = proxy.PASS  # those that were silent stay so: they were half-open
            gofer(url, "enqueue", "work", "--id", "after").expect(0)
            worker.wait_until_ran(["after"], 30)
            worker.stop()


def test_a_primary_that_dies_is_replaced(folder: str) -> None:
    setup = Setup(auth=True)
    with Running("sentinel", setup) as topology:
        remember(setup)

        def trouble() -> None:
            old = topology.primaries()[0]
            old.stop()
            wait_for(lambda: topology.primaries()[0] is not old, "another primary")
        # Replication is asynchronous: what the dead primary acknowledged last may be lost, so the
        # worker and the client must go on, but not every id must have run.
        with Worker(topology.url, folder) as worker:
            client = Client(topology.url)
            client.start()
            wait_for(lambda: len(worker.ran()) >= 5 or client.error, "the first tasks to run")
            trouble()
            promoted = time.monotonic()
            count = len(client.acked)
            wait_for(
                lambda: len(client.acked) > count + 2 or client.error, "tasks to be accepted again"
            )
            late = client.acked[-1]
            worker.wait_until_ran([late])
            took = time.monotonic() - promoted
            acked = client.finish()
            worker.wait_until_ran(acked[-3:])
            lost = len(set(acked) - set(worker.ran()))
            worker.stop()
            print(
                f"         working again {took:.1f} s after the promotion; {lost} of {len(acked)}"
                " lost by replication"
            )
            check(took < 5 * patience_factor(), f"it took {took:.1f} s after the promotion")


def keyslot_owner(topology: Topology, key: str) -> int:
    """Which of the three primaries of a fresh cluster has the key."""
    slot = int(topology.data[0].call("CLUSTER", "KEYSLOT", key))
    return next(n for n in range(3) if SLOTS * n // 3 <= slot < SLOTS * (n + 1) // 3)


def test_a_shard_that_is_silent_or_gone_holds_up_no_other(folder: str) -> None:
    for trouble in ("freeze", "stop"):
        with Running("cluster") as topology:
            for server in topology.data:        # the rest of a cluster goes on without one
                server.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
            bad = keyslot_owner(topology, "asynq:queues")
            names = [f"q{n}" for n in range(50)]
            well = next(q for q in names if keyslot_owner(topology, "{" + q + "}") != bad)
            ill = next(q for q in names if keyslot_owner(topology, "{" + q + "}") == bad)
            url = f"redis-cluster://{topology.data[(bad + 1) % 3].address}"
            ids = [f"{trouble}{n}" for n in range(300)]
            here = os.path.join(folder, trouble)
            os.makedirs(here)
            with Worker(url, here, "--queue", well, "--queue", ill) as worker:
                for queue in (well, ill):
                    gofer(
                        url, "enqueue", "work", "--queue", queue, "--id", "first-" + queue
                    ).expect(0)
                worker.wait_until_ran(["first-" + well, "first-" + ill])
                getattr(topology.data[bad], trouble)()
                batch = "".join(
                    json.dumps({"type": "work", "queue": well, "id": id}) + "\n" for id in ids
                )
                began = time.monotonic()
                gofer(url, "enqueue", "--batch", text=batch).expect(0)
                worker.wait_until_ran(ids, 30 * patience_factor())
                print(
                    f"         {trouble}: 300 tasks beside it ran in"
                    f" {time.monotonic() - began:.1f} s"
                )
                worker.alive()
                if trouble == "freeze":
                    topology.data[bad].thaw()
                    gofer(url, "enqueue", "work", "--queue", ill, "--id", "again").expect(0)
                    worker.wait_until_ran(["again"])
                    worker.stop()


def refuses_alike(url: str, queue: str, why: List[str]) -> None:
    """Enqueue, take, look and ping: each ends with the broker's exit code and one of these
    causes."""
    commands = [
        ["enqueue", "work", "--queue", queue, "--id", "not-taken"],
        ["ping"],
        ["queue", "ls"],
        ["task", "ls", "--queue", queue],
        ["stats"],
        ["worker", "--shell", "*=true", "--queue", queue],
    ]
    with ThreadPoolExecutor(len(commands)) as pool:
        told = list(pool.map(lambda words: gofer(url, *words), commands))
    for words, got in zip(commands, told):
        got.expect(BROKER)
        said = got.text.splitlines()[-1].lower()
        check(
            any(cause in said for cause in why),
            f"gofer {' '.join(words)} does not tell why: {got.text}",
        )


def cluster_state(server: Server, state: str) -> bool:
    return f"cluster_state:{state}\r" in server.call("CLUSTER", "INFO").decode()


def test_a_cluster_that_is_down_is_told_alike_and_goes_on(folder: str) -> None:
    with Running("cluster", Setup(appendonly=True)) as topology:
        bad = keyslot_owner(topology, "asynq:queues")
        rest = [s for n, s in enumerate(topology.data) if n != bad]
        names = [f"q{n}" for n in range(50)]
        well = next(q for q in names if keyslot_owner(topology, "{" + q + "}") != bad)
        ill = next(q for q in names if keyslot_owner(topology, "{" + q + "}") == bad)
        ids: List[str] = []

        def enqueue(name: str, *options: str) -> None:
            for queue in (well, ill):
                ids.append(f"{name}-{queue}")
                gofer(
                    topology.url, "enqueue", "work", "--queue", queue, "--id", ids[-1], *options
                ).expect(0)

        with Worker(topology.url, folder, "--queue", well, "--queue", ill) as worker:
            enqueue("first")
            worker.wait_until_ran(ids)
            enqueue("due-meanwhile", "--in", "3s")
            topology.data[bad].stop()
            wait_for(lambda: all(cluster_state(s, "fail") for s in rest), "the cluster to be down")
            refuses_alike(
                topology.url, well, ["clusterdown", f"127.0.0.1:{topology.data[bad].port}"]
            )
            doctor = gofer(topology.url, "doctor").expect(FAILED, "cluster-down", "server-down")
            check(
                "+info" not in doctor.text,
                f"a server that is down is no matter of rights:\n{doctor.text}",
            )
            wait_for(lambda: "CLUSTERDOWN" in worker.log, "the worker to tell of it")
            worker.alive()
            topology.data[bad].start()
            wait_for(
                lambda: all(cluster_state(s, "ok") for s in topology.data), "the cluster to be well"
            )
            enqueue("after")
            worker.wait_until_ran(ids)
            check("not-taken" not in worker.ran(), "a task ran that was refused")

            # Every server answers, but nobody serves a slot.
            slot = SLOTS * bad // 3
            for server in topology.data:
                server.call("CLUSTER", "DELSLOTS", slot)
            wait_for(
                lambda: all(cluster_state(s, "fail") for s in topology.data),
                "the cluster to be down",
            )
            refuses_alike(topology.url, well, ["clusterdown"])
            topology.data[bad].call("CLUSTER", "ADDSLOTS", slot)
            wait_for(
                lambda: all(cluster_state(s, "ok") for s in topology.data), "the cluster to be well"
            )
            enqueue("last")
            worker.wait_until_ran(ids)
            worker.stop()


def patience_factor() -> float:
    """Sanitizers and slow machines: promises of time are held to on the ordinary build only."""
    return float(os.environ.get("GOFER_PATIENCE", "1"))


def test_slots_that_move_under_load_lose_nothing(folder: str) -> None:
    with Running("cluster") as topology:
        def trouble() -> None:
            for _ in range(20):
                events.reshard(topology)
                time.sleep(0.05)
        survives(topology, folder, trouble)


def test_what_is_ranked_is_listed_while_its_slot_moves(folder: str) -> None:
    """A task whose hash has moved already is not one that has gone."""
    with Running("cluster") as topology:
        ids = ["high", "plain", "low"]
        for id, rank in zip(ids, ("5", "0", "-5")):
            gofer(topology.url, "enqueue", "t", "--id", id, "--priority", rank).expect(0)

        def listed() -> List[Dict[str, str]]:
            words = ("task", "ls", "--queue", "default", "--state", "pending", "--json")
            items: List[Dict[str, str]] = json.loads(
                gofer(topology.url, *words).expect(0).text
            )["items"]
            return items

        with events.moving(topology, "asynq:{default}:t:low") as move:
            move("asynq:{default}:t:low")
            check([item["id"] for item in listed()] == ids, f"it lists {listed()}")
            check("slot" in listed()[2]["last_error"], f"it says {listed()[2]}")
            move("asynq:{default}:t:high")
            check([item["id"] for item in listed()] == ids, f"it lists {listed()}")
        check([item["type"] for item in listed()] == ["t"] * 3, f"it lists {listed()}")


def test_a_group_is_listed_while_its_slot_moves(folder: str) -> None:
    """One whose tasks have moved already is not one without tasks: who looks waits for the slot."""
    with Running("cluster") as topology, ThreadPoolExecutor(1) as beside:
        for name in ("a", "b"):
            gofer(topology.url, "enqueue", "t", "--id", name, "--group", name).expect(0)

        def listed() -> List[str]:
            words = ("group", "ls", "--queue", "default", "--json")
            items = json.loads(gofer(topology.url, *words).expect(0).text)["items"]
            return [item["group"] for item in items]

        with events.moving(topology, "asynq:{default}:g:a") as move:
            move("asynq:{default}:g:a")
            looking = beside.submit(listed)
            time.sleep(0.5)             # to look at what is there and not
        check(looking.result() == ["a", "b"], f"it lists {looking.result()}")


def test_a_sharded_queue_changes_and_fails_over_and_loses_nothing(folder: str) -> None:
    """More shards, fewer and failovers, while tasks come and are run."""
    with Running("cluster", Setup(replicas=1)) as topology:
        gofer(topology.url, "queue", "shard", "default", "4").expect(0)

        def trouble() -> None:
            gofer(topology.url, "queue", "shard", "default", "9").expect(0)
            events.failover(topology)
            gofer(topology.url, "queue", "shard", "default", "2").expect(0)
            events.failover(topology)
        survives(topology, folder, trouble)


def test_a_sharded_queue_goes_on_without_one_of_its_servers(folder: str) -> None:
    with Running("cluster") as topology:
        for server in topology.data:
            server.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
        names = keyslot_owner(topology, "asynq:queues")
        bad = (names + 1) % 3
        url = f"redis-cluster://{topology.data[names].address}"
        gofer(url, "queue", "shard", "mail", "6").expect(0)
        listed = gofer(url, "queue", "ls", "--shards", "--json").expect(0)
        shards = json.loads(listed.text)["items"]
        servers = [shard["server"] for shard in shards]
        check(sorted(map(servers.count, set(servers))) == [2, 2, 2], f"not even: {servers}")

        def enqueue(count: int, name: str = "") -> Tuple[int, List[str]]:
            """The exit code, and the ids of those that were acknowledged."""
            tasks: List[Dict[str, str]] = [{"type": "work", "queue": "mail"} for _ in range(count)]
            for n, task in enumerate(tasks):
                task.update({"id": f"{name}{n}"} if name else {})
            text = "".join(json.dumps(task) + "\n" for task in tasks)
            done = gofer(url, "enqueue", "--batch", text=text)
            begin = name or "0"
            return done.code, [word for word in done.text.split("\n") if word.startswith(begin)]

        with Worker(url, folder, "--queue", "mail") as worker:
            code, first = enqueue(30)
            check(code == 0 and len(first) == 30, f"exit code {code}, {len(first)} of 30")
            worker.wait_until_ran(first)
            topology.data[bad].stop()
            # Tasks whose id is gofer's own go to other shards.
            code, more = enqueue(60)
            check(code == 0 and len(more) == 60, f"exit code {code}, {len(more)} of 60")
            worker.wait_until_ran(more, 30 * patience_factor())
            # Those with an id of the caller's belong where they are: that is told, of these alone.
            code, acked = enqueue(30, "named")
            check(code == BROKER and 0 < len(acked) < 30, f"exit code {code}, {len(acked)} of 30")
            worker.wait_until_ran(acked, 30 * patience_factor())
            twice = len(worker.ran()) - len(set(worker.ran()))
            check(twice == 0, f"{twice} ran twice")
            worker.alive()


# ---- running them --------------------------------------------------------------------------------

def run(name: str, test: Callable[[str], None]) -> bool:
    SECRETS.clear()
    folder = tempfile.mkdtemp(prefix="gofer-fault-")
    began = time.monotonic()
    try:
        test(folder)
        print(f"ok       {name} [{time.monotonic() - began:.1f} s]", flush=True)
        return True
    except Skipped as why:
        strict = bool(os.environ.get("GOFER_NO_SKIPS"))
        print(f"{'FAILED ' if strict else 'SKIPPED'}  {name}: {why}", flush=True)
        return not strict
    except (Wrong, Broken, OSError) as error:
        print(
            f"FAILED   {name} [{time.monotonic() - began:.1f} s]\n    "
            + str(error).replace("\n", "\n    "),
            flush=True,
        )
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(words: List[str]) -> int:
    if not os.access(GOFER, os.X_OK):
        print("set GOFER_BIN to the gofer binary", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    tests: Dict[str, Callable[[str], None]] = {
        name[5:].replace("_", " "): value
        for name, value in globals().items()
        if name.startswith("test_")
    }
    but = words[:1] == ["--but"]
    parts = [word.replace("_", " ") for word in words[but:]]
    chosen = {name: test for name, test in tests.items()
              if not parts or any(part in name for part in parts) != but}
    failed = [name for name, test in chosen.items() if not run(name, test)]
    print(f"{len(chosen)} tests, {len(failed)} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
