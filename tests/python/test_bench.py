"""test_bench - that the benchmark of Python queues runs: gofer alone, tiny counts, figures not
looked at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "bench" / "python" / "run.py"


def test_the_benchmark_measures_gofer_on_redis_and_on_sqlite(tmp_path: Path) -> None:
    binary = os.environ.get("GOFER_BIN")
    if not binary:
        pytest.skip("GOFER_BIN is not set: no worker to measure")
    if not (shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.skip("there is no redis-server")
    figures = tmp_path / "figures.json"
    command = [sys.executable, str(RUN), "--smoke", "--build", str(Path(binary).parent)]
    command += ["--python", sys.executable, "--json", str(figures)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(figures.read_text())["figures"]
    for name in ("gofer", "gofer async", "gofer, SQLite"):
        assert measured[name]["drain"] > 0
        assert measured[name]["idle_p50_ms"] > 0
