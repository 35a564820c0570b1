#!/usr/bin/env bash
# soak.sh [--seconds N] [PART OF A NAME...] - builds gofer and runs soak.py: a Redis that is gone
# for a minute, in three ways. Not part of run.sh: it takes five minutes.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
unset GOFER_URL
need_packages "build test"
build_tests gcc -DCMAKE_C_COMPILER=gcc
GOFER_BIN=$build_root/test-gcc/gofer exec python3 "$root/tests/redis/soak.py" "$@"
