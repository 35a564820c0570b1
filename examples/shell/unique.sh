#!/bin/sh
# unique.sh - at most one: a second task is refused, or answered with the first one's id.
#
#     examples/shell/unique.sh        # gofer must be in your PATH; works in a folder of its own
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

# However often somebody asks for it, the index is rebuilt once an hour.
first=$(gofer enqueue index:rebuild books --unique 1h)
gofer enqueue index:rebuild books --unique 1h 2>"$work/why" ||
    echo "refused, exit code $?: $(cat "$work/why")"

# Who only needs to know which task does it asks for its id instead.
second=$(gofer enqueue index:rebuild books --unique 1h --return-existing)
[ "$first" = "$second" ] && echo "the same task: $second"

# A name of your own in place of type and payload: one import at a time, whatever it imports.
gofer enqueue import:file /srv/a.csv --unique 1d --unique-key import >/dev/null
gofer enqueue import:file /srv/b.csv --unique 1d --unique-key import 2>/dev/null ||
    echo "one import at a time"

# The end of the task ends its lock: the next one is welcome.
gofer worker --drain --exec '*=cat' --log-level warn
gofer enqueue index:rebuild books --unique 1h >/dev/null && echo "welcome again"
