#!/usr/bin/env bash
# quickstart.sh [--keep] - gofer at work, for real, in about a minute and without a server: installs
# what is missing, builds, then schedules an email, a report, backups and a clean-up from Python, C
# and the shell, runs one worker until all is done, and checks each outcome.
#
# Writes to build/ and to a temporary folder, which it removes at the end (--keep: it stays).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../tests/lib.sh
. "$here/../tests/lib.sh"

keep=0
case ${1:-} in
'') ;;
--keep) keep=1 ;;
*)
    sed -n '2,6s/^# //p' "$0"
    exit 2
    ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/gofer-quickstart-XXXXXX")
sink=''
clean_up() {
    local code=$?
    trap - EXIT
    [[ -z $sink ]] || { kill "$sink" && wait "$sink"; } 2>/dev/null || true
    if [[ $keep -eq 1 || $code -ne 0 ]]; then
        echo "   (everything of this run is in $work)"
    else
        rm -rf "$work"
    fi
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- Build ---------------------------------------------------------------------

heading "Build"
need_packages build
# A build that is there already keeps its settings; a new one is made without the tests.
options=()
[[ -f $build_root/CMakeCache.txt ]] || options=(-DBUILD_TESTING=OFF)
configure_and_build "$build_root" ${options[@]+"${options[@]}"} || die "the build failed"
# The command is that of the build above.
GOFER_COMMAND=0 python_environment "$build_root/venv" "$root/python" ||
    die "the Python package could not be installed"
# The examples in C, built as a program of your own would be: against an installed gofer.
build_examples() {
    rm -rf "$build_root/example" &&
        cmake --install "$build_root" --prefix "$build_root/prefix" &&
        cmake_configure "$here/c" "$build_root/example" -DCMAKE_BUILD_TYPE=Release \
            -DCMAKE_PREFIX_PATH="$build_root/prefix" &&
        cmake --build "$build_root/example"
}
quietly "$build_root/examples.log" build_examples || die "the examples in C could not be built"

PATH=$build_root:$PATH
say "$(gofer version | head -n 1)"

# ---- The world the tasks act on ----------------------------------------------------

export GOFER_URL=sqlite:$work/tasks.db
mkdir "$work/mail" "$work/documents" "$work/backups" "$work/cache"
printf 'customer,product,amount\nAda,Lamp,12.50\nGrace,Desk,240.00\nAda,Chair,89.90\n' \
    >"$work/sales.csv"
printf 'the first draft\n' >"$work/documents/novel.txt"
printf 'flour, butter, apples\n' >"$work/documents/recipe.txt"
touch "$work/cache/fresh.tmp"
touch -t 202001010000 "$work/cache/old-1.tmp" "$work/cache/old-2.tmp"

python3 "$here/quickstart/smtp_sink.py" "$work/mail" &
sink=$!
wait_for 20 test -s "$work/mail/port" || die "the mail server did not start"
SMTP_PORT=$(cat "$work/mail/port")
export SMTP_PORT

# ---- Schedule, from three languages ---------------------------------------------------

heading "Schedule, in Python: an email and a report"
"$build_root/venv/bin/python" "$here/quickstart/schedule.py" "$work/sales.csv" "$work/report.html"

heading "Schedule, in C: a clean-up, a backup now and one in two seconds"
scheduled_at=$SECONDS
"$build_root/example/example_schedule" "$work/cache" "$work/documents"

heading "Schedule, from the shell: something that fails twice"
gofer enqueue import:orders '{"from":"shop"}' --retry 5 --retention 1h --id import-1

# ---- Run ------------------------------------------------------------------------------

heading "Run: one worker, until its queues are empty"
# retry_delay_max: the usual first delays, 15 seconds and more, would be long for a demonstration.
PYTHONPATH=$here/quickstart timeout 120 gofer --log-level warn worker --drain --concurrency 4 \
    --queue mail=3 --queue default=2 --queue low --queue maintenance \
    --python tasks:app --python-exe "$build_root/venv/bin/python" \
    --lua "$here/lua/handlers.lua" --lua-allow io \
    --exec "backup:*='$here/quickstart/backup.sh' '$work/backups'" \
    --plugin "$build_root/example/maintenance.so" \
    --exec "import:*='$here/quickstart/flaky.sh' '$work/attempts'" \
    --set retry_delay_max=1s || die "the worker failed"
ran_for=$((SECONDS - scheduled_at))

# ---- Look at what ran -------------------------------------------------------------------

heading "What ran"
gofer queue ls
echo
gofer task ls --state completed

heading "The email that Python sent"
grep -E '^(From|To|Subject):' "$work/mail/1.eml" || die "no email arrived"

heading "The report that Lua made"
head -n 9 "$work/report.html" || die "there is no report"

heading "The backups"
archives=("$work"/backups/*.tar.gz)
tar -tzf "${archives[0]}" || die "there is no backup"

heading "The clean-up, and the import that failed twice"
# The result of the one completed task of a type.
result_of() {
    gofer task show --result "$(gofer --json task ls --state completed | python3 -c '
import json, sys
print(*(t["id"] for t in json.load(sys.stdin)["items"] if t["type"] == sys.argv[1]))' "$1")"
}
say "maintenance:files: $(result_of maintenance:files)"
say "import:orders:      $(result_of import:orders)"

# ---- Check ------------------------------------------------------------------------------

check() {
    local what=$1
    shift
    "$@" >/dev/null 2>&1 || die "not as it should be: $what"
}
left() { [[ $(gofer --json task ls --state "$1" | grep -c '"id"') -eq 0 ]]; }
check "one email was delivered" test -f "$work/mail/1.eml" -a ! -f "$work/mail/2.eml"
check "the report sums up Ada's purchases" grep -q 102.40 "$work/report.html"
check "there are two backups" test "${#archives[@]}" -eq 2
check "the backups hold the documents" \
    test "$(tar -xzOf "${archives[1]}" documents/novel.txt)" = "the first draft"
check "the second backup waited two seconds" test "$ran_for" -ge 2
check "the expired files are gone" test ! -e "$work/cache/old-1.tmp" -a ! -e "$work/cache/old-2.tmp"
check "the fresh file is there" test -e "$work/cache/fresh.tmp"
check "the import took three attempts" test "$(cat "$work/attempts")" -eq 3
for state in pending active scheduled retry archived; do
    check "no task is $state" left "$state"
done

heading "All done, and checked"
say "next: README.md, docs/handlers.md; the commands: $build_root/gofer --help"
