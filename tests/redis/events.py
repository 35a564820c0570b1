"""What can happen to servers while a command runs. Each event is over when its function returns,
and loses no acknowledged write where Redis can promise that (`crash` and `freeze` of a primary with
replicas cannot)."""
from __future__ import annotations

import fcntl
import os
import random
import signal
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List

from process import Broken, wait_for
from resp import Connection, ReplyError
from topology import MASTER, Cluster, Sentinel, Server, Topology

PAUSE_S = 1.5


def failover(topology: Topology) -> None:
    """Another server becomes primary, after it has all that the old one acknowledged."""
    if isinstance(topology, Sentinel):
        _sentinel_failover(topology)
    elif isinstance(topology, Cluster):
        _cluster_failover(topology)
    else:
        raise Broken("failover needs the topology sentinel or cluster")


def _sentinel_failover(topology: Sentinel) -> None:
    old = topology.primary()
    _let_catch_up(topology, old)
    _replace(topology, old)
    # What the Sentinels do too, but behind a PUBLISH of theirs that the pause holds up.
    old.call("REPLICAOF", "127.0.0.1", topology.primary().port)
    with old.connect() as c:
        c("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        c("CLIENT", "UNPAUSE")
    wait_for(lambda: _following(topology), "the replicas to follow")


def _let_catch_up(topology: Sentinel, old: Server) -> None:
    """Nothing more is written to the primary, and the others have all that it acknowledged."""
    old.call("CLIENT", "PAUSE", 60000, "WRITE")
    offset = old.call("ROLE")[1]
    for server in topology.data:
        if server is not old:
            wait_for(lambda: server.call("ROLE")[4] >= offset, f"{server.name} to catch up")


def switch(topology: Topology) -> None:
    """SENTINEL FAILOVER as an operator gives it: the old primary goes on taking writes until it is
    demoted, ten seconds later."""
    if not isinstance(topology, Sentinel):
        raise Broken("switch needs the topology sentinel")
    old = topology.primary()
    _replace(topology, old)
    wait_for(lambda: old.role() == "slave", "the old primary to be demoted", 60)
    wait_for(lambda: _following(topology), "the replicas to follow")


def freeze(topology: Topology) -> None:
    """The primary stands still, is replaced, and comes back as if nothing had been."""
    if not isinstance(topology, Sentinel):
        raise Broken("freeze needs the topology sentinel")
    old = topology.primary()
    _let_catch_up(topology, old)
    old.freeze()
    try:
        wait_for(lambda: topology.primary() is not old, "another primary")
    finally:
        old.thaw()
    old.call("CLIENT", "UNPAUSE")           # now it does what was sent to it before, and answers
    wait_for(lambda: old.role() == "slave", "the old primary to be demoted", 60)
    wait_for(lambda: _following(topology), "the replicas to follow")


def _replace(topology: Sentinel, old: Server) -> None:
    """The Sentinels are asked again: they give up if the new one is not ready within 4 s."""
    ask_at = 0.0

    def replaced() -> bool:
        nonlocal ask_at
        if topology.primary() is old and time.monotonic() >= ask_at and _accepted(topology):
            ask_at = time.monotonic() + 10
        return topology.primary() is not old

    wait_for(replaced, "another primary")


def _accepted(topology: Sentinel) -> bool:
    for sentinel in topology.sentinels:
        try:
            sentinel.call("SENTINEL", "FAILOVER", MASTER)
            return True
        except ReplyError:      # NOGOODSLAVE, INPROG: not yet
            continue
    return False


def _following(topology: Sentinel) -> bool:
    return all(s.role() == "master" or s.call("ROLE")[3] == b"connected" for s in topology.data)


def _cluster_failover(topology: Cluster) -> None:
    replicas = [s for s in topology.data if s.role() == "slave"]
    if not replicas:
        raise Broken("failover of a cluster needs --replicas 1")
    chosen = random.choice(replicas)
    wait_for(lambda: chosen.call("ROLE")[3] == b"connected", f"{chosen.name} to follow")
    wait_for(lambda: _takes_over(chosen), f"{chosen.name} to take over")


def _takes_over(chosen: Server) -> bool:
    """Ask, and wait for as long as the servers themselves do (5 s): on a slow machine they may give
    up."""
    try:
        chosen.call("CLUSTER", "FAILOVER")
    except ReplyError:      # it did so just now
        return chosen.role() == "master"
    try:
        return bool(wait_for(lambda: chosen.role() == "master", f"{chosen.name} to take over", 6))
    except Broken:
        return False


def crash(topology: Topology) -> None:
    """The primary dies, another one is promoted, the dead one comes back."""
    if not isinstance(topology, Sentinel):
        raise Broken("crash needs the topology sentinel")
    old = topology.primary()
    old.stop()
    wait_for(lambda: topology.primary() is not old, "another primary")
    old.start()
    wait_for(lambda: old.role() == "slave", "the old primary to follow")
    wait_for(lambda: _following(topology), "the replicas to follow")


def reshard(topology: Topology) -> None:
    """A slot that holds keys moves to another primary, one key at a time."""
    if not isinstance(topology, Cluster):
        raise Broken("reshard needs the topology cluster")
    full = [s for s in topology.primaries() if s.call("DBSIZE") > 0]
    if full:
        source = random.choice(full)
        target = random.choice([s for s in topology.primaries() if s is not source])
        key = source.call("RANDOMKEY")
        if key is not None:
            slot = source.call("CLUSTER", "KEYSLOT", key)
            with _slot_on_the_move(topology, slot, source, target):
                pass


@contextmanager
def moving(topology: Topology, key: str) -> Iterator[Callable[[str], None]]:
    """Within, the slot of the key is on its way to another primary: those keys are there that were
    moved by the function yielded, and the others follow at the end."""
    if not isinstance(topology, Cluster):
        raise Broken("a slot moves in the topology cluster")
    slot = topology.data[0].call("CLUSTER", "KEYSLOT", key)
    source = next(
        s for s in topology.primaries() if s.call("CLUSTER", "COUNTKEYSINSLOT", slot) > 0
    )
    target = next(s for s in topology.primaries() if s is not source)
    with _slot_on_the_move(topology, slot, source, target) as move:
        yield lambda one: move([one])


@contextmanager
def _slot_on_the_move(
    topology: Topology, slot: int, source: Server, target: Server
) -> Iterator[Callable[[List[Any]], None]]:
    sign_on: List[Any] = (
        ["AUTH2", "admin", topology.setup.admin_password] if topology.setup.auth else []
    )
    with source.connect() as s, target.connect() as t:
        source_id, target_id = s("CLUSTER", "MYID"), t("CLUSTER", "MYID")
        t("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        s("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)

        def move(keys: List[Any]) -> None:
            s("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, *sign_on, "KEYS", *keys)

        yield move
        _move_rest(slot, s, move)
        t("CLUSTER", "SETSLOT", slot, "NODE", target_id)
        s("CLUSTER", "SETSLOT", slot, "NODE", target_id)


def _move_rest(slot: int, source: Connection, move: Callable[[List[Any]], None]) -> None:
    # At first key by key, so that commands meet a slot that is here and there; then faster, for a
    # large queue stands still meanwhile.
    count = 0
    while True:
        keys = source("CLUSTER", "GETKEYSINSLOT", slot, 1 if count < 50 else 200)
        if not keys:
            return
        move(keys)
        count += len(keys)
        time.sleep(0.002)


def restart(topology: Topology) -> None:
    """A primary is killed, or told to end, and comes back with what its AOF holds."""
    server = random.choice(topology.primaries())
    if not topology.setup.appendonly:
        raise Broken("restart needs --appendonly")
    server.restart(random.choice([signal.SIGKILL, signal.SIGTERM]), down=0.2)


def flush_scripts(topology: Topology) -> None:
    for server in topology.primaries():
        server.call("SCRIPT", "FLUSH")


def pause(topology: Topology) -> None:
    """A primary does nothing for a while, and does not say so either."""
    server = random.choice(topology.primaries())
    server.freeze()
    time.sleep(PAUSE_S)
    server.thaw()


UNPLANNED = ("crash", "freeze")     # the Sentinels have to find out
EVENTS: Dict[str, Callable[[Topology], None]] = {
    "crash": crash,
    "failover": failover,
    "flush-scripts": flush_scripts,
    "freeze": freeze,
    "pause": pause,
    "reshard": reshard,
    "restart": restart,
    "switch": switch,
}


def happens(name: str, topology: Topology) -> bool:
    """Lets it happen, unless a test has a lock on the file: then servers are to rest (raw.c)."""
    with open(os.path.join(topology.setup.folder, "events.lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        EVENTS[name](topology)
        return True
