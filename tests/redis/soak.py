#!/usr/bin/env python3
"""soak.py [--seconds N] [PART OF A NAME...] - outages that take longer than a test may, and than a
lease lasts.

$GOFER_BIN names the binary. A client enqueues and a worker runs tasks; then the server is gone for
N seconds (60). What must hold: no acknowledged task is lost, also none that was running; neither
the worker nor a client's command ends by the outage; and within 5 seconds of its end a new task has
been accepted and run. Run by soak.sh.
"""
from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from typing import Callable

import fault_test
from fault_test import Client, Worker, check, gofer, patience_factor
from process import wait_for
from topology import Running, Server, Setup, Topology

RECOVERY_S = 5.0
RUNNING = "running-through"  # a task that runs when the server goes, and after its lease has ended
seconds = 60.0


def outage(
    topology: Topology, folder: str, begin: Callable[[Server], None], end: Callable[[Server], None]
) -> None:
    server = topology.data[0]
    ledger = os.path.join(folder, "ledger")
    handler = (
        f"if [ $GOFER_TASK_ID = {RUNNING} ]; then sleep {seconds / 2 + 5:g}; fi; echo"
        f" $GOFER_TASK_ID >>{ledger}"
    )
    with Worker(topology.url, folder, handler=handler) as worker:
        gofer(topology.url, "enqueue", "work", "--id", RUNNING, "--timeout", "10m").expect(0)
        wait_for(lambda: server.call("LLEN", "asynq:{default}:active") == 1, "the long task to run")
        client = Client(topology.url)
        client.start()
        wait_for(lambda: len(worker.ran()) >= 20 or client.error, "the first tasks to run")
        begin(server)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            worker.alive()
            check(client.error is None, f"the client gave up: {client.error}")
            time.sleep(0.5)
        end(server)
        began, count = time.monotonic(), len(client.acked)
        wait_for(
            lambda: len(client.acked) > count + 1 or client.error, "a task to be accepted again"
        )
        worker.wait_until_ran(
            [client.acked[count + 1]]
        )  # enqueued after the outage, as the one before may not be
        took = time.monotonic() - began
        time.sleep(2)
        acked = client.finish()
        worker.wait_until_ran(acked + [RUNNING], patience=120)
        twice = len(worker.ran()) - len(set(worker.ran()))
        worker.stop()
        print(
            f"         {len(acked)} tasks acknowledged, {client.retries} tries in vain, {twice} run"
            f" twice; a task enqueued after the outage of {seconds:g} s had run {took:.1f} s after"
            " its end"
        )
        check(took < RECOVERY_S * patience_factor(), f"it took {took:.1f} s after the outage")


def test_a_server_that_stands_still(folder: str) -> None:
    """Connections stay open, nothing answers (SIGSTOP)."""
    with Running("single", Setup(appendonly=True)) as topology:
        outage(topology, folder, Server.freeze, Server.thaw)


def test_a_server_that_is_gone_and_restarted(folder: str) -> None:
    """Killed, connections are refused, then it reads its log."""
    with Running("single", Setup(appendonly=True)) as topology:
        outage(topology, folder, Server.stop, Server.start)


def test_a_server_that_is_told_to_end_and_restarted(folder: str) -> None:
    with Running("single", Setup(appendonly=True)) as topology:
        outage(topology, folder, lambda server: server.stop(signal.SIGTERM), Server.start)


def main(words: list[str]) -> int:
    global seconds
    parser = argparse.ArgumentParser(usage="soak.py [--seconds N] [PART OF A NAME...]")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="how long an outage lasts (60)"
    )
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args(words)
    seconds = options.seconds
    if not os.access(fault_test.GOFER, os.X_OK):
        print("set GOFER_BIN to the gofer binary", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    tests = {
        name[5:].replace("_", " "): value
        for name, value in globals().items()
        if name.startswith("test_")
    }
    chosen = {name: test for name, test in tests.items()
              if not options.parts or any(part.replace("_", " ") in name for part in options.parts)}
    failed = [name for name, test in chosen.items() if not fault_test.run(name, test)]
    print(f"{len(chosen)} tests, {len(failed)} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
