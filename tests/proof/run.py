#!/usr/bin/env python3
"""run.py [--smoke] [--seed N] [NAME[:STORE]...] - the proofs: see README.md.

$GOFER_BIN names the binary, $PROOF_HANDLERS the plugin. A line for each proof on each store; the
exit code is 1 if one of them fails. Run by run.sh, which builds both.
"""
from __future__ import annotations

import argparse
import importlib
import os
import random
import signal
import sys
import time
import traceback
from typing import List

sys.dont_write_bytecode = True

import stage  # noqa: E402

PROOFS = ["limit", "rate", "changed", "fair", "ordered", "flow", "fan_in", "blocked", "debounce",
          "replaced", "refused", "hostile"]


def chosen(names: List[str]) -> "List[tuple[str, str]]":
    """Proofs and stores, of names such as limit and limit:redis."""
    every = [(name, store) for name in PROOFS for store in importlib.import_module(name).STORES]
    if not names:
        return every
    known = {name for pair in every for name in (pair[0], ":".join(pair))}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"run.py: no proof {unknown[0]}; there are: {' '.join(PROOFS)}")
    return [pair for pair in every if pair[0] in names or ":".join(pair) in names]


def prove(name: str, kind: str, smoke: bool) -> bool:
    proof = importlib.import_module(name)
    began, holds = time.monotonic(), True
    try:
        with stage.Store(kind, getattr(proof, "QUERY", "")) as store:
            said = proof.prove(store, **(proof.SMOKE if smoke else proof.FULL))
    except (stage.Wrong, stage.Broken) as error:
        said, holds = str(error), False
    except Exception:
        said, holds = traceback.format_exc(), False
    took = time.monotonic() - began
    print(f"{'holds' if holds else 'FAILS'}  {name}:{kind}  {said}  [{took:.0f} s]", flush=True)
    return holds


def main(words: List[str]) -> int:
    parser = argparse.ArgumentParser(usage="run.py [--smoke] [--seed N] [NAME[:STORE]...]")
    parser.add_argument("--smoke", action="store_true", help="small numbers: seconds")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what is by chance")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(words)
    for path in (stage.GOFER, stage.PLUGIN):
        if not os.access(path, os.R_OK):
            print(f"run.py: no file {path}: set GOFER_BIN and PROOF_HANDLERS", file=sys.stderr)
            return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    random.seed(options.seed)
    results = [prove(name, kind, options.smoke) for name, kind in chosen(options.names)]
    print(f"{len(results)} proofs, {results.count(False)} failed; seed {options.seed}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
