#!/usr/bin/env bash
# c.sh GOFER SCHEDULE WORKER PLUGIN - the examples in C do what they say: schedule, a worker of
# their own, the same handler as a plugin. All in a temporary folder.
set -euo pipefail

gofer=$1 schedule=$2 worker=$3 plugin=$4
work=$(mktemp -d)
pid=''
clean_up() {
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
export GOFER_URL=sqlite:$work/tasks.db

fail() {
    echo "failed: $*" >&2
    "$gofer" task ls >&2 || true
    exit 1
}
expect() { # WHAT WANTED GOT
    [[ $2 == "$3" ]] || fail "$1: wanted '$2', got '$3'"
}
fill_cache() {
    mkdir -p "$work/cache/folder"
    touch "$work/cache/fresh"
    touch -t 202001010000 "$work/cache/old 1" "$work/cache/old 2" "$work/cache/folder"
    ln -sfn "$work/cache/fresh" "$work/cache/link"
}
only_fresh_is_left() {
    expect "$1: files left" "folder fresh link" "$(cd "$work/cache" && echo *)"
}
wait_until() { # COMMAND...: for a minute at the most
    local end=$((SECONDS + 60))
    until "$@"; do
        [[ $SECONDS -lt $end ]] || fail "waited in vain for: $*"
        sleep 0.1
    done
}
is_gone() { [[ ! -e $1 ]]; }
state_of() { "$gofer" --json task show "$1" | tr -d ' \n' | sed 's/.*"state":"\([a-z]*\)".*/\1/'; }

# Where the umask is 002 the plugin was built so that its group may write, which is refused.
cp "$plugin" "$work/maintenance.so"
chmod go-w "$work/maintenance.so"
plugin=$work/maintenance.so

# schedule prints three tasks; the worker does the one it has a handler for, and ends.
fill_cache
mkdir "$work/documents"
"$schedule" "$work/cache" "$work/documents" >"$work/out"
expect "lines of schedule" 3 "$(wc -l <"$work/out" | tr -d ' ')"
id=$(sed -n 's/ *maintenance:files.*//p' "$work/out")
"$worker" --drain >"$work/out"
grep -q "maintenance:files $id, attempt 1: done" "$work/out" ||
    fail "the middleware said: $(cat "$work/out")"
only_fresh_is_left "worker"
expect "result" "removed 2 of 3 files, 0 bytes" "$("$gofer" task show --result "$id")"

# The same handler inside the gofer binary.
fill_cache
id=$("$gofer" enqueue maintenance:files "$work/cache" --retention 1h --header older-than=1d)
"$gofer" worker --drain --plugin "$plugin"
only_fresh_is_left "plugin"
expect "state" completed "$(state_of "$id")"

# What no retry will mend is archived at once, with a reason.
for bad in relative/path "$work/nowhere"; do
    id=$("$gofer" enqueue maintenance:files "$bad")
    "$gofer" worker --drain --plugin "$plugin"
    expect "state after '$bad'" archived "$(state_of "$id")"
done
id=$("$gofer" enqueue maintenance:files "$work/cache" --header older-than=soon)
"$gofer" worker --drain --plugin "$plugin"
expect "state after a bad age" archived "$(state_of "$id")"

# Without --drain the worker stays until it is told to stop, then ends with exit code 0.
fill_cache
"$worker" "$GOFER_URL" >/dev/null 2>"$work/log" &
pid=$!
"$gofer" enqueue maintenance:files "$work/cache" --queue maintenance >/dev/null
wait_until is_gone "$work/cache/old 2"
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
pid=''
expect "exit code after TERM" 0 "$code"

# Wrong use is told.
code=0
"$schedule" 2>"$work/log" || code=$?
expect "exit code without arguments" 2 "$code"
code=0
"$worker" --drain redis-but-not:there 2>"$work/log" || code=$?
expect "exit code for an unknown scheme" 1 "$code"
grep -q 'sqlite' "$work/log" || fail "the error names no scheme that there is: $(cat "$work/log")"
echo "the examples in C do what they say"
