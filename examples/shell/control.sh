#!/bin/sh
# control.sh - change workers and many tasks at once, while everything runs.
# See docs/fleet.md and docs/inspect.md.
set -eu
work=$(mktemp -d)
pid=''
trap 'if [ -n "$pid" ]; then kill "$pid" || :; wait "$pid" || :; fi; rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

gofer worker --queue 'mail:*' --exec '*=cat' --concurrency 1 --log-level warn &
pid=$!
id=''
while [ -z "$id" ]; do
    id=$(gofer worker ls --json | tr -d ' \n' | sed -n 's/.*"worker":"\([^"]*\)".*/\1/p')
done

# More at a time, other queues, and a pause, without a restart.
gofer worker set "$id" concurrency=8 'queues=mail:*=3 low'
gofer worker set "$id" quiet
until gofer worker ls | grep -q quiet; do sleep 0.1; done
gofer worker ls

# Tasks by what they are: look at them, then act on all that match.
for n in 1 2 3; do gofer enqueue "mail:$n" --queue mail:out >/dev/null; done
gofer task ls --type 'mail:*' --queue 'mail:*'
gofer task cancel --type mail:2 --queue 'mail:*' --state pending

# It takes tasks again, and stops when they are done.
gofer worker set "$id" resume
until gofer queue ls | grep -q 'mail:out  *0'; do sleep 0.1; done
gofer worker set "$id" stop
wait "$pid"
pid=''
echo "the worker has stopped"
