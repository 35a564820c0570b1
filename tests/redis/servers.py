#!/usr/bin/env python3
"""servers.py [OPTION...] TOPOLOGY [-- COMMAND [WORD...]] - real Redis servers for one command.

Starts servers on free ports of 127.0.0.1, their data in a folder that is removed afterwards, waits
until they answer, and runs COMMAND; its exit code is this one's. In its words {url} is the URL,
{admin} the same for a user who may do everything, {dir} the folder; they are in the environment
too, as GOFER_TEST_REDIS, GOFER_TEST_REDIS_ADMIN, GOFER_TEST_REDIS_DIR. Without a command: prints
the URL and waits to be stopped. All servers end with this process, also when it is killed.

Topologies: single, unix, tls (single --tls), auth (single --auth), sentinel (a primary, 2 replicas,
3 Sentinels), cluster (3 primaries). $GOFER_REDIS_SERVER or redis-server or valkey-server from PATH
is run.
"""
from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from typing import List, NoReturn, Tuple

import process
from events import EVENTS, UNPLANNED, happens
from process import Broken
from topology import TOPOLOGIES, Running, Setup, Topology


def parse(words: List[str]) -> Tuple[argparse.Namespace, List[str]]:
    command: List[str] = []
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1:]
    parser = argparse.ArgumentParser(
        usage="servers.py [OPTION...] TOPOLOGY [-- COMMAND [WORD...]]",
        description="Real Redis servers for one command; see the top of this file.",
    )
    parser.add_argument("topology", choices=sorted(TOPOLOGIES))
    parser.add_argument(
        "--tls", action="store_true", help="TLS on every port; the URL names the CA"
    )
    parser.add_argument(
        "--client-cert", action="store_true", help="and the servers demand a certificate"
    )
    parser.add_argument(
        "--auth", action="store_true", help="a user with the rules of acl.txt and a password"
    )
    parser.add_argument("--appendonly", action="store_true", help="AOF, appendfsync always")
    parser.add_argument("--maxmemory", metavar="SIZE", help="with the policy noeviction")
    parser.add_argument(
        "--replicas", type=int, default=0, metavar="N", help="of each primary of a cluster"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="LINE", help="a line for redis.conf"
    )
    parser.add_argument(
        "--event", choices=sorted(EVENTS), help="happens again and again until the end"
    )
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="SECONDS", help="between events (2)"
    )
    return parser.parse_args(words), command


def settings_of(options: argparse.Namespace) -> Setup:
    setup = Setup(
        tls=options.tls or options.client_cert,
        client_cert=options.client_cert,
        auth=options.auth,
        appendonly=options.appendonly,
        replicas=options.replicas,
        settings=list(options.set),
    )
    if options.event not in (None, *UNPLANNED):     # what is slow is not dead
        setup.silence_ms = 20000
    if options.maxmemory:
        setup.settings += [f"maxmemory {options.maxmemory}", "maxmemory-policy noeviction"]
    return setup


def attend(
    topology: Topology, command: "subprocess.Popen[bytes]", options: argparse.Namespace
) -> int:
    """Let events happen until the command ends; its exit code."""
    due = time.monotonic() + options.every
    happened = 0
    while command.poll() is None:
        if options.event and time.monotonic() >= due:
            began = time.monotonic()
            happened += happens(options.event, topology)
            # Three times as long as it took all is well: a store that always
            # moves gets nothing done.
            due = time.monotonic() + max(options.every, 3 * (time.monotonic() - began))
        for server in topology.data + topology.sentinels:
            if not server.alive():
                raise Broken(f"{server.name} ended by itself:\n{server.log_tail()}")
        time.sleep(0.02)
    if options.event:
        print(f"servers.py: {options.event} happened {happened} times", file=sys.stderr)
    return command.returncode if command.returncode >= 0 else 128 - command.returncode


def run(topology: Topology, words: List[str], options: argparse.Namespace) -> int:
    known = {"{url}": topology.url, "{admin}": topology.admin_url, "{dir}": topology.setup.folder}
    for name, value in known.items():
        words = [word.replace(name, value) for word in words]
    env = dict(os.environ, GOFER_TEST_REDIS=topology.url, GOFER_TEST_REDIS_ADMIN=topology.admin_url,
               GOFER_TEST_REDIS_DIR=topology.setup.folder)
    command = process.start(words, env=env)
    try:
        return attend(topology, command, options)
    finally:
        process.end(command)


def _leave(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def main(words: List[str]) -> int:
    options, command = parse(words)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        with Running(options.topology, settings_of(options)) as topology:
            if command:
                return run(topology, command, options)
            print(topology.url, flush=True)
            while True:
                signal.pause()
    except (Broken, OSError) as error:
        print(f"servers.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
