#!/usr/bin/env bash
# web.sh - measures what `gofer web` costs, and what it costs the work beside it.
#
#   tests/bench/web.sh [--quick] [--rounds 7] [--build FOLDER] [PART...]
#
# Parts: streams, pages, scrape, many, page; all of them without any. Starts its own redis-server.
# Prints what was measured beside what is aimed at and judges nothing: the exit status is 0 whenever
# all could be measured.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec python3 "$here/../redis/servers.py" single -- python3 "$here/web.py" --redis '{url}' "$@"
