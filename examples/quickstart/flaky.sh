#!/usr/bin/env bash
# flaky.sh FILE - a handler that fails twice and then succeeds, as remote services do. FILE counts
# the attempts across runs; the worker tells the attempt too, and both must agree.
set -euo pipefail

count=$(($(cat "$1" 2>/dev/null || echo 0) + 1))
echo "$count" >"$1"
if [[ $count -lt 3 ]]; then
    echo "the service is busy (attempt $GOFER_TASK_ATTEMPT)" >&2
    exit 75 # try again later
fi
printf 'imported at attempt %s' "$GOFER_TASK_ATTEMPT"
