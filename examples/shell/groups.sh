#!/bin/sh
# groups.sh - three mails to one person become one digest.
# Here a group is ready at three tasks; see docs/groups.md.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db"

for text in 'two invoices' 'a reminder' 'a receipt'; do
    gofer enqueue mail:part "$text" --group ann >/dev/null
done
gofer group ls

# The aggregator reads the tasks as a JSON array and prints the payload of the task they become.
cat >"$work/digest.py" <<'PYTHON'
import json, os, sys
parts = [task["payload"] for task in json.load(sys.stdin)]
print(f"{os.environ['GOFER_GROUP']}: {', '.join(parts)}", end="")
PYTHON
gofer worker --drain --set group_max_size=3 --aggregate "ann:mail:send=python3 $work/digest.py" \
    --shell "mail:send=cat >>$work/sent" --log-level warn
echo "sent: $(cat "$work/sent")"
