"""compare.py - the program behind run.sh, whose head tells how it is called.

What is compared runs close together: in every round, phase by phase, one queue after the other.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE / "python"))
from figures import Report, machine  # noqa: E402
from phases import FULL, PHASES, QUICK, SMOKE, Measuring, measure  # noqa: E402
from queues import QUEUES, InPython, Queue  # noqa: E402
from stores import Missing, Stores  # noqa: E402


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh")
    parser.add_argument("--build", type=Path, default=HERE.parents[1] / "build" / "release")
    parser.add_argument("--rounds", type=int, help="default: 5, with --quick 2")
    parser.add_argument("--quick", action="store_true", help="fewer tasks")
    parser.add_argument("--smoke", action="store_true", help="tiny counts, no peers: it runs")
    parser.add_argument("--phase", action="append", choices=PHASES, help="may be repeated")
    peers = sorted({queue.name for queue in QUEUES if queue.name != "gofer"})
    parser.add_argument(
        "--peer",
        action="append",
        choices=[*peers, "none"],
        help="beside gofer; may be repeated; default: all",
    )
    parser.add_argument("--broker", action="append", choices=["sqlite", "redis"])
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure as a line")
    given = parser.parse_args()
    given.build = given.build.resolve()
    given.sizes = SMOKE if given.smoke else QUICK if given.quick else FULL
    given.rounds = given.rounds or (1 if given.smoke else 2 if given.quick else 5)
    if given.smoke and not given.peer:
        given.peer = ["raw sqlite", "raw redis"]
    return given


def wanted(queue: Queue, given: argparse.Namespace) -> bool:
    if given.broker and queue.broker not in given.broker:
        return False
    if given.phase and not queue.phases & set(given.phase):
        return False
    return queue.name == "gofer" or not given.peer or queue.name in given.peer


class Run:
    def __init__(self, given: argparse.Namespace, folder: Path, report: Report) -> None:
        self.given, self.folder, self.report = given, folder, report
        self.stores = Stores(folder)
        self.measured: "list[Measuring]" = []

    def prepare(self) -> None:
        """What cannot be had is passed over, and a line says so."""
        for queue in QUEUES:
            if not wanted(queue, self.given):
                continue
            print(f"preparing {queue.name} ({queue.broker})", file=sys.stderr)
            try:
                queue.prepare(queue, self.given.build)
                self.measured.append(
                    Measuring(queue, self.given.sizes, self.stores, self.given.build)
                )
            except Missing as why:
                print(f"passed over: {queue.name}: {why}")
                self.report.line(queue=queue.name, broker=queue.broker, passed_over=str(why))

    def told(self) -> None:
        ground = machine()
        print("{machine}, {cores} cores, {system}, load {load}".format(**ground))
        print(f"medians of {self.given.rounds} rounds")
        self.report.line(**ground, rounds=self.given.rounds)
        for m in self.measured:
            version = f" {m.queue.version}" if m.queue.version else ""
            print(f"{m.queue.name}{version} on {m.queue.store}: {m.queue.how}")
            self.report.line(
                queue=m.queue.name,
                broker=m.queue.broker,
                store=m.queue.store,
                version=m.queue.version,
                how=m.queue.how,
            )

    def one(self, round_: int, phase: str, m: Measuring) -> bool:
        print(f"round {round_}: {phase}: {m.queue.name} ({m.queue.store})", file=sys.stderr)
        try:
            self.report.add(round_, phase, m.queue, measure(phase, m))
        except (RuntimeError, subprocess.SubprocessError) as why:
            print(f"failed: {phase}: {m.queue.name} ({m.queue.store}): {why}")
            self.report.line(
                phase=phase, queue=m.queue.name, broker=m.queue.broker, failed=str(why)
            )
            return False
        return True

    def rounds(self) -> bool:
        """Whether all went well; what has failed in a phase is left out of it from then on."""
        failed = set()
        for round_ in range(1, self.given.rounds + 1):
            for phase in PHASES:
                for m in self.measured:
                    key = (phase, m.queue.name, m.queue.store)
                    if phase not in m.queue.phases or key in failed:
                        continue
                    if self.given.phase and phase not in self.given.phase:
                        continue
                    if not self.one(round_, phase, m):
                        failed.add(key)
        return not failed


def main() -> None:
    given = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=given.build))
    lines = open(given.json, "w", encoding="utf-8") if given.json else None
    report = Report(lines)
    run = Run(given, folder, report)
    try:
        run.prepare()
        run.told()
        well = run.rounds()
    finally:
        report.table()
        report.end()
        run.stores.close()
        shutil.rmtree(folder, ignore_errors=True)
        if lines:
            lines.close()
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
