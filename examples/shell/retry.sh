#!/bin/sh
# retry.sh - when it is tried again is the task's or the worker's to say;
# what is out of retries calls for help.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

# Three attempts some milliseconds apart, instead of Asynq's half minute and more. When all have
# failed, the task is archived, and another one says so.
gofer enqueue feed:fetch https://example.invalid/feed \
    --retry 2 --retry-policy 'list:10ms,20ms' --on-dead alarm >/dev/null

# The worker's policies are for tasks that have none of their own.
gofer worker --drain --retry '*=exponential:1s;cap=1h' --exec 'feed:*=false' \
    --shell "alarm=cat >$work/alarm" --log-level error
gofer task ls --state archived
echo "the alarm was told: $(cat "$work/alarm")"
