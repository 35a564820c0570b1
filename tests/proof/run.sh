#!/usr/bin/env bash
# run.sh [--smoke] [--seed N] [NAME[:STORE]...] - builds gofer and runs the long proofs, one after
# the other: see README.md. Not part of tests/run.sh, but for a smoke of each: they take hours.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
unset GOFER_URL
need_packages "build test"
build_tests gcc -DCMAKE_C_COMPILER=gcc
export GOFER_BIN=$build_root/test-gcc/gofer
export PROOF_HANDLERS=$build_root/test-gcc/tests/proof_handlers.so
exec nice -n 15 python3 "$root/tests/proof/run.py" "$@"
