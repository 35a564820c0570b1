#!/usr/bin/env bash
# run.sh PYTHON [FILE] [PYTEST-ARGUMENT...] - the tests of the command line, or of one file of this
# folder, by this Python's pytest. GOFER_BIN names the binary.
set -euo pipefail

python=$1
shift
if ! "$python" -c 'import pytest' 2>/dev/null; then
    echo "SKIPPED: the tests of the command line: $python has no pytest" >&2
    [[ -z ${GOFER_NO_SKIPS:-} ]] || exit 1
    exit 77
fi
what=$(dirname "$0")
if [[ ${1:-} == test_*.py ]]; then
    what+=/$1
    shift
fi
exec "$python" -m pytest -q "$what" "$@"
