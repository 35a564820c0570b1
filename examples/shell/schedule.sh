#!/bin/sh
# schedule.sh - cron entries are data: whichever worker runs enqueues their tasks.
# See docs/schedules.md.
set -eu
work=$(mktemp -d)
pid=''
trap 'if [ -n "$pid" ]; then kill "$pid" || :; wait "$pid" || :; fi; rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

gofer cron check '30 2 * * 1' --tz Europe/Berlin -n 2
gofer cron add nightly '30 2 * * *' backup:all /srv --tz Europe/Berlin --overlap skip --retention 1h
gofer cron add pulse '@every 1s' health:check --expires 1m --retry 0

# Any worker will do.
gofer worker --exec 'health:check=date' --exec 'backup:*=cat' --log-level warn &
pid=$!
echo "a tick: $(gofer events --event done --count 1)"

# By hand, beside the ticks; paused; gone.
gofer wait "$(gofer cron run nightly)" --timeout 1m && echo "the backup was run by hand"
gofer cron pause pulse
gofer cron ls
gofer cron rm nightly pulse
