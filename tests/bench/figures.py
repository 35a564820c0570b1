"""figures - what every round has measured: lines of JSON, and tables of medians with spread."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
from pathlib import Path
from typing import IO

from phases import PHASES

NOT_SPREAD = 1  # a single round has none


def machine() -> "dict[str, object]":
    """What it ran on."""
    try:
        cpus = Path("/proc/cpuinfo").read_text()
    except OSError:
        cpus = ""
    model = re.search(r"model name\s*: (.*)", cpus)
    return {
        "machine": model.group(1) if model else platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
    }


def shown(figure: str, value: float) -> str:
    """With its unit."""
    kind = figure.partition("@")[0]
    if kind in ("rate", "put", "alone"):
        return f"{value:,.0f}/s"
    if kind.endswith("cpu_us"):
        return f"{value:.1f} us"
    if kind.endswith("_us"):
        return f"{value / 1e3:.3f} ms"
    if kind.endswith("_percent"):
        return f"{value:.3f} %"
    if kind == "commands":
        return f"{value:.1f}/s"
    if kind.endswith("_kib"):
        return f"{value / 1024:.1f} MiB"
    return f"{value:,.0f}"


class Report:
    """All figures of a run; each is a line at once, so that a run that is broken off has not been
    for nothing."""

    def __init__(self, lines: "IO[str] | None") -> None:
        self.lines = lines
        self.values: "dict[tuple[str, str, str, str], list[float]]" = {}

    def line(self, **fields: object) -> None:
        if self.lines:
            self.lines.write(json.dumps(fields) + "\n")
            self.lines.flush()

    def add(self, round_: int, phase: str, queue, figures: "dict[str, float]") -> None:
        for figure, value in figures.items():
            key = (phase, queue.broker, queue.name, figure)
            self.values.setdefault(key, []).append(value)
            self.line(
                round=round_,
                phase=phase,
                broker=queue.broker,
                queue=queue.name,
                figure=figure,
                value=round(value, 3),
            )

    def end(self) -> None:
        for (phase, broker, queue, figure), all_ in self.values.items():
            self.line(
                phase=phase,
                broker=broker,
                queue=queue,
                figure=figure,
                median=round(statistics.median(all_), 3),
                lowest=round(min(all_), 3),
                highest=round(max(all_), 3),
                rounds=len(all_),
            )

    def rows(self, phase: str, broker: str) -> "list[tuple[str, ...]]":
        rows, last = [], ""
        for (of, at, queue, figure), all_ in self.values.items():
            if (of, at) != (phase, broker):
                continue
            median = statistics.median(all_)
            spread = f"{shown(figure, min(all_))} to {shown(figure, max(all_))}"
            gofers = self.values.get((phase, broker, "gofer", figure))
            ratio = ""
            if queue != "gofer" and gofers and median > 0:
                ratio = f"gofer is {statistics.median(gofers) / median:.2f} x"
            rows.append(
                (
                    queue if queue != last else "",
                    figure,
                    shown(figure, median),
                    spread if len(all_) > NOT_SPREAD else "",
                    ratio,
                )
            )
            last = queue
        return rows

    def table(self) -> None:
        for phase, (words, _) in PHASES.items():
            for broker in ("sqlite", "redis"):
                rows = self.rows(phase, broker)
                if not rows:
                    continue
                print(f"\n{phase}, {broker}: {words}")
                widths = [max(len(row[i]) for row in rows) for i in range(5)]
                for name, figure, median, spread, ratio in rows:
                    print(
                        f"  {name:<{widths[0]}}  {figure:<{widths[1]}}  {median:>{widths[2]}}  "
                        f"{spread:>{widths[3]}}  {ratio}".rstrip()
                    )
