#!/usr/bin/env bash
# life.sh EXAMPLES GOFER LIFE [LUA-FOLDER] - the examples of a task's life do what they say: the
# shell scripts, the program in C, the client in Lua. Each works in a folder of its own.
set -euo pipefail

examples=$1 gofer=$2 life=$3 lua=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$gofer" "$work/bin/gofer"
export PATH=$work/bin:$PATH
unset GOFER_URL

# run NAME COMMAND...; says WORDS...: the output of the last run has them
run() {
    said=$1
    shift
    "$@" >"$work/out" 2>&1 || {
        cat "$work/out" >&2
        echo "failed: $said ends with $?" >&2
        exit 1
    }
}
says() {
    local words
    for words in "$@"; do
        grep -qF -e "$words" "$work/out" || {
            cat "$work/out" >&2
            echo "failed: $said does not say '$words'" >&2
            exit 1
        }
    done
}

run unique.sh sh "$examples/shell/unique.sh"
says "refused, exit code 4" "the same task: " "one import at a time" "welcome again"
run limits.sh sh "$examples/shell/limits.sh"
says "smtp:*" "12 mails, never more than two at a time"
run debounce.sh sh "$examples/shell/debounce.sh"
says "one task of three calls" "after change 3" "not twice in an hour" "\"payload\":\"at two\""
run groups.sh sh "$examples/shell/groups.sh"
says "sent: ann: two invoices, a reminder, a receipt"
run schedule.sh sh "$examples/shell/schedule.sh"
says "at 02:30 on Monday" "a tick: " "the backup was run by hand" "removed nightly"
run cancel.sh sh "$examples/shell/cancel.sh"
says "waiting: exit code 4" "running: exit code 4"
run retry.sh sh "$examples/shell/retry.sh"
says "2/2" 'the alarm was told: {"id":"'
if [[ -n $lua ]]; then
    run results.sh sh "$examples/shell/results.sh"
    says '"rows":40000000' "goes on at row"
fi
run control.sh sh "$examples/shell/control.sh"
says "quiet" "cancelled 1 pending task" "the worker has stopped"

# What is in the Lua handlers beside the import: a group becomes one task, and a task that must
# wait for the night waits.
lua_handlers() {
    export GOFER_URL=sqlite:$work/lua.db
    for text in one two three; do
        gofer enqueue mail:part "{\"text\": \"$text\"}" --group ann >/dev/null
    done
    gofer enqueue backup:all /srv --id now --header now=1 --retention 1h >/dev/null
    run life.lua gofer worker --lua "$examples/lua/life.lua" --set group_max_size=3 --drain
    run life.lua gofer task ls --state completed
    says "mail:digest" "backup:all"
    run life.lua gofer wait now --timeout 0
    says "saved /srv"
    run life.lua gofer cron ls
    says "nightly" "Europe/Berlin"
    unset GOFER_URL
}
[[ -z $lua ]] || lua_handlers

run life.c "$life"
says "unique: the second is the first" "digest: 3 parts for ann, the first: two invoices" \
    "done: counted to 1000 in attempt 1"
run life.c "$life" "sqlite:$work/life.db"
says "done: counted to 1000 in attempt 1"

if [[ -n $lua ]] && interpreter=$(command -v lua5.4 || command -v lua54 || command -v lua); then
    run client.lua env LUA_CPATH="$lua/?.so" \
        "$interpreter" "$examples/lua/client.lua" "sqlite:$work/client.db"
    says "EDUPLICATE" "entry	nightly" "cancelled	5" "event	enqueued	report:daily" "ended	cancelled"
fi
echo "the examples of a task's life do what they say"
