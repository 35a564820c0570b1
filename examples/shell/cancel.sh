#!/bin/sh
# cancel.sh - tasks that nobody needs any more: cancelled while they wait or run, or expired.
set -eu
work=$(mktemp -d)
pid=''
trap 'if [ -n "$pid" ]; then kill "$pid" || :; wait "$pid" || :; fi; rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

# What waits is set aside at once.
waiting=$(gofer enqueue report:monthly 2026-11 --in 1h)
gofer task cancel "$waiting"
gofer wait "$waiting" --timeout 0 || echo "waiting: exit code $?"

# What has not started in time is dropped: nobody reads yesterday's weather.
late=$(gofer enqueue weather:fetch Rome --expires 1ms)

# What runs is told to stop: a command gets TERM, a Lua handler is interrupted.
running=$(gofer enqueue report:yearly 2026)
gofer worker --exec 'report:*=sleep 600' --exec 'weather:*=cat' --log-level error &
pid=$!
# Who waits when it is dropped is told that it expired (exit code 4);
# who comes later, that it is gone (0).
gofer wait "$late" --timeout 1m || echo "late: exit code $?"
until gofer --json task show "$running" | grep -q '"state": *"active"'; do sleep 0.1; done
gofer task cancel "$running"
gofer wait "$running" --timeout 1m || echo "running: exit code $?"
gofer task ls --state archived
