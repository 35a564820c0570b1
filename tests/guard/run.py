#!/usr/bin/env python3
"""run.py [--build FOLDER] [--update] [--only STEP]... [--times N] - what a task costs, counted.

Runs guard.c under callgrind for so many tasks and for twice as many: the difference is what the
tasks cost, without start and end. Counted are instructions, allocations, lock acquisitions and
system calls of the process, the commands that Redis ran, and the bytes of SQLite's WAL and its
syncs. Nothing of it depends on how fast or busy the machine is. It fails when a step costs more
than figures.json says and the tolerance allows, and tells when it costs less.

    --build FOLDER    of an optimised build with tests (build/test-gcc)
    --update          write what was counted into figures.json, for this machine's versions
    --only STEP       this one; may be given again. Those left out stay as they are
    --times N         count all N times over, and print how far apart the counts are

Figures depend on compiler and libraries, so figures.json has them by versions. Where there are none
for this machine's, it says so and passes.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Dict, List, NamedTuple, Optional
from urllib.parse import urlparse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "redis")]
sys.dont_write_bytecode = True

import callgrind  # noqa: E402
import figures  # noqa: E402
from figures import Counts  # noqa: E402
from resp import Connection  # noqa: E402
from topology import Broken, Running  # noqa: E402

SKIPPED = 77
PATIENCE_S = 150
FILL_BATCH = 100  # in which tasks are put that a drain finds


class Step(NamedTuple):
    mode: str  # of guard.c
    store: str  # "sqlite", "redis", or "" for none
    count: int
    batch: int = 1


STEPS = {
    "codec": Step("codec", "", 1000),
    "put single, SQLite": Step("put", "sqlite", 300),
    "put batch, SQLite": Step("put", "sqlite", 2000, 100),
    "drain, SQLite": Step("drain", "sqlite", 2000),
    "drain seen, SQLite": Step("watched", "sqlite", 2000),
    "live, SQLite": Step("live", "sqlite", 150),
    "put single, Redis": Step("put", "redis", 500),
    "put batch, Redis": Step("put", "redis", 5000, 100),
    "drain, Redis": Step("drain", "redis", 4000),
    "live, Redis": Step("live", "redis", 300),
}


class Counter:
    """Counts steps with one build; Redis, if it is needed, is at the URL."""

    def __init__(self, program: pathlib.Path, redis_url: str) -> None:
        self.program = program
        self.redis_url = redis_url
        address = urlparse(redis_url)
        self.redis = (
            Connection((address.hostname, address.port)) if address.port else None
        )  # type: Optional[Connection]

    def step(self, step: Step) -> Counts:
        """What one task of the step costs."""
        once, twice = self._ended(step, step.count), self._ended(step, 2 * step.count)
        return {name: (twice[name] - once[name]) / step.count for name in once}

    def _ended(self, step: Step, count: int) -> Counts:
        """The worker of guard.c has no housekeeping, which sees to it that nothing stands still."""
        try:
            return self._run(step, count)
        except (Broken, subprocess.TimeoutExpired) as stuck:
            print(f"guard: {stuck}; once more", file=sys.stderr)
            return self._run(step, count)

    def _run(self, step: Step, count: int) -> Counts:
        with tempfile.TemporaryDirectory(prefix="gofer-guard-") as folder:
            url = {"sqlite": f"sqlite:{folder}/store.db", "redis": self.redis_url}.get(
                step.store, "-"
            )
            if step.store == "redis":
                self._ask("FLUSHALL")
            if step.mode in ("drain", "watched"):
                self._call([], ["put", url, str(count), str(FILL_BATCH)])
            words = [step.mode, url, str(count), str(step.batch)]
            return self._count(words, step, os.path.join(folder, "callgrind.out"))

    def _count(self, words: List[str], step: Step, path: str) -> Counts:
        # fair-sched: threads have their turns in order. On one core nothing spins.
        tool = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
        tool += ["valgrind", "-q", "--tool=callgrind", "--fair-sched=yes"]
        tool += ["--collect-systime=yes", f"--callgrind-out-file={path}"]
        if step.store == "redis":
            self._ask("CONFIG", "RESETSTAT")
        told = dict(line.split() for line in self._call(tool, words).splitlines())
        profile = callgrind.read(path, besides="/guard.c")
        counts = {
            "instructions": float(profile.total("Ir")),
            "allocations": float(profile.calls("malloc", "calloc", "realloc")),
            "locks": float(profile.calls("pthread_mutex_lock")),
            # Valgrind makes a call of each look at a clock, which is none elsewhere.
            "system calls": float(
                profile.total("sysCount") - profile.own("sysCount", "clock_gettime")
            ),
        }
        if step.store == "redis":
            counts["Redis commands"] = float(self._commands())
        if step.store == "sqlite":
            counts["WAL bytes"] = float(told["wal_bytes"])
            counts["syncs"] = float(told["syncs"])
        return counts

    def _call(self, tool: List[str], words: List[str]) -> str:
        done = subprocess.run(
            [*tool, str(self.program), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
        )
        if done.returncode != 0:
            raise Broken(f"guard {' '.join(words)}: {done.stderr.decode('utf-8', 'replace')}")
        return done.stdout.decode()

    def _ask(self, *words: str) -> bytes:
        if self.redis is None:
            raise Broken("there is no Redis")
        reply: bytes = self.redis(*words)
        return reply

    def _commands(self) -> int:
        """All that ran since the last reset, inside of scripts too; but not what we ask."""
        text = self._ask("INFO", "commandstats").decode()
        ran = re.findall(r"^cmdstat_([^:]+):calls=(\d+)", text, re.M)
        return sum(int(calls) for name, calls in ran if not name.startswith(("config", "info")))


def count_all(counter: Counter, names: List[str]) -> Dict[str, Counts]:
    return {name: counter.step(STEPS[name]) for name in names}


def spread(rounds: List[Dict[str, Counts]]) -> List[str]:
    """How far apart the counts of all rounds are, the widest of each measure last."""
    lines = []
    for name in rounds[0]:
        for measure in rounds[0][name]:
            values = [counts[name][measure] for counts in rounds]
            low, high = min(values), max(values)
            wide = f"{100 * (high - low) / high:.2f} %" if high else "0"
            lines.append(f"{name:<20} {measure:<15} {low:12.3f} to {high:12.3f}  {wide}")
    return lines


def judge(counter: Counter, names: List[str], base: Dict[str, Counts]) -> int:
    """Counts, prints, and says whether all is within its figures."""
    bad, lower = [], False
    print(figures.HEADING)
    for name in names:
        known = base.get(name)
        if known is None:
            bad.append(f"{name}: not in figures.json")
            continue
        live = STEPS[name].mode == "live"
        counts = counter.step(STEPS[name])
        if any(v.word == figures.MORE for v in figures.compare(known, counts, live)):
            # Once more: what is really dearer is so each time.
            counts = figures.least(counts, counter.step(STEPS[name]))
        for verdict in figures.compare(known, counts, live):
            print(verdict.line(name), flush=True)
            lower = lower or verdict.word == figures.LESS
            if verdict.word == figures.MORE:
                bad.append(f"{name}: {verdict.text()}")
    if lower:
        print("It costs less than figures.json says. Keep that: tests/guard/run.py --update")
    for line in bad:
        print(f"guard: {line}", file=sys.stderr)
    if bad:
        print(
            "guard: find what is dearer (docs/performance.md, Profiles). If it is worth it, write "
            "the new figures: tests/guard/run.py --update",
            file=sys.stderr,
        )
    return 1 if bad else 0


def run(options: argparse.Namespace, key: str, counter: Counter) -> int:
    names = options.only or list(STEPS)
    path = HERE / "figures.json"
    known = figures.load(path)
    if options.times:
        print(*spread([count_all(counter, names) for _ in range(options.times)]), sep="\n")
        return 0
    if options.update:
        counted = {
            name: figures.least(counter.step(STEPS[name]), counter.step(STEPS[name]))
            for name in names
        }
        figures.save(path, {**known, key: {**known.get(key, {}), **counted}})
        print(f"written for {key}")
        return 0
    if key not in known:
        print(f"SKIPPED guard: no figures for {key}; tests/guard/run.py --update makes them")
        return 0
    return judge(counter, names, known[key])


def main() -> int:
    parser = argparse.ArgumentParser(
        description="What a task costs, counted; see the top of this file."
    )
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent.parent / "build/test-gcc")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--only", action="append", choices=sorted(STEPS))
    parser.add_argument("--times", type=int, default=0)
    options = parser.parse_args()
    program = options.build / "bench" / "guard"
    for tool in ("valgrind", "taskset"):
        if not shutil.which(tool):
            print(f"SKIPPED guard: there is no {tool}")
            return SKIPPED
    if not program.exists():
        print(f"guard: no {program}: build with tests, or say where with --build", file=sys.stderr)
        return 2
    try:
        key = figures.key_of(options.build)
        with Running("single") as servers:
            return run(options, key, Counter(program, servers.url))
    except (Broken, OSError, subprocess.SubprocessError) as error:
        print(f"guard: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
