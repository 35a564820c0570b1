#!/bin/sh
# results.sh - wait for a result, watch the progress, and go on after a stop where it was.
# The handlers are those of examples/lua/life.lua.
set -eu
lua=$(dirname "$0")/../lua/life.lua
work=$(mktemp -d)
pid=''
trap 'if [ -n "$pid" ]; then kill "$pid" || :; wait "$pid" || :; fi; rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

# A long import is stopped in the middle...
id=$(gofer enqueue import:rows '{"rows": 40000000}' --retention 1h)
gofer worker --lua "$lua" --log-level warn &
pid=$!
until gofer --json task show "$id" | grep -q '"progress_done"'; do sleep 0.1; done
gofer task show "$id" | grep -i progress
kill -TERM "$pid"
wait "$pid"
pid=''
gofer task show "$id" | grep -i -E 'state|checkpoint'

# ... goes on in the next worker, and the caller has the result.
gofer worker --lua "$lua" --log-level warn &
pid=$!
gofer wait "$id" --timeout 5m
echo
gofer task show "$id" | grep "goes on"
