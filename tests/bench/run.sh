#!/usr/bin/env bash
# run.sh - measures gofer on SQLite and on Redis, beside the raw limits of both and beside other
# queues, in one run:
#
#   tests/bench/run.sh [--build FOLDER] [--rounds 5] [--quick] [--phase NAME]... [--peer NAME]...
#       [--broker sqlite|redis]... [--json FILE]
#
# Prints the median of the rounds with the lowest and the highest, a table for each phase; --json
# writes every figure as a line. It starts the servers it needs, on loopback. Peers whose packages
# cannot be had are passed over, and it says so. It judges nothing: the exit status is 0 whenever
# all could be measured.
set -euo pipefail
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
exec python3 "$(dirname "${BASH_SOURCE[0]}")/compare.py" "$@"
