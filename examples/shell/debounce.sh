#!/bin/sh
# debounce.sh - of many calls one task: when no more of them come, or not sooner than so often.
#
#     examples/shell/debounce.sh      # gofer must be in your PATH; works in a folder of its own
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

# Debounce. Each change asks for the export; it runs once, with what the last change said.
first=$(gofer enqueue export:books 'after change 1' --debounce 1s --max-wait 1m)
gofer enqueue export:books 'after change 2' --debounce 1s --max-wait 1m >/dev/null
last=$(gofer enqueue export:books 'after change 3' --debounce 1s --max-wait 1m)
[ "$first" = "$last" ] && echo "one task of three calls"
while [ ! -s "$work/done" ]; do
    sleep 0.2
    gofer worker --drain --shell "export:*=cat >>'$work/done'" --log-level warn
done
cat "$work/done" && echo

# Throttle. The first call runs at once, those of the hour after it are answered with its id.
ran=$(gofer enqueue sync:books --unique 1h --unique-key sync --unique-until ttl --return-existing)
gofer worker --drain --exec 'sync:*=echo synced' --log-level warn
same=$(gofer enqueue sync:books --unique 1h --unique-key sync --unique-until ttl --return-existing)
[ "$ran" = "$same" ] && echo "not twice in an hour"

# Enqueue or replace. A reminder whose text or time changes as long as it waits.
gofer enqueue mail:reminder 'at noon' --id reminder-7 --replace --in 1h >/dev/null
gofer enqueue mail:reminder 'at two' --id reminder-7 --replace --in 3h >/dev/null
gofer task show reminder-7 --json | grep -o '"payload":"[^"]*"'
