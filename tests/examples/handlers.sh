#!/usr/bin/env bash
# handlers.sh FOLDER - the quickstart's external commands keep the contract of such handlers: what
# they print, and which exit code says what. The worker's part of it is tested elsewhere.
set -euo pipefail

commands=$1
work=$(mktemp -d)
sink=''
clean_up() {
    [[ -z $sink ]] || kill "$sink" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
export GOFER_TASK_ID=0190-test GOFER_TASK_ATTEMPT=1

fail() {
    echo "failed: $*" >&2
    exit 1
}
# expect CODE PAYLOAD COMMAND...: its output is left in $output
expect() {
    local code=0 wanted=$1 payload=$2
    shift 2
    output=$(printf '%s' "$payload" | "$@" 2>"$work/errors") || code=$?
    [[ $code -eq $wanted ]] || fail "exit code $code instead of $wanted: $* ($(cat "$work/errors"))"
}

# backup.sh
mkdir -p "$work/a folder/sub" "$work/backups"
echo one >"$work/a folder/1"
echo two >"$work/a folder/sub/2"
expect 0 "$work/a folder" "$commands/backup.sh" "$work/backups"
[[ $(tar -xzOf "$output" 'a folder/sub/2') == two ]] || fail "the archive does not hold the file"
expect 0 "$work/a folder" "$commands/backup.sh" "$work/backups" # again, after a crash
[[ $(find "$work/backups" -mindepth 1 | wc -l) -eq 1 ]] ||
    fail "something was left beside the archive"
expect 100 "$work/nowhere" "$commands/backup.sh" "$work/backups"

# flaky.sh
expect 75 x "$commands/flaky.sh" "$work/count"
expect 75 x "$commands/flaky.sh" "$work/count"
expect 0 x "$commands/flaky.sh" "$work/count"

# send_mail.py, against the sink
python3 "$commands/smtp_sink.py" "$work/mail" &
sink=$!
end=$((SECONDS + 30))
until [[ -s $work/mail/port ]]; do
    [[ $SECONDS -lt $end ]] || fail "the sink did not start"
    sleep 0.05
done
SMTP_PORT=$(cat "$work/mail/port")
export SMTP_PORT
expect 0 '{"to":"ann@example.org","subject":"Gr\u00fc\u00dfe","body":".dot\nend"}' \
    "$commands/send_mail.py"
grep -q '^To: ann@example.org' "$work/mail/1.eml" || fail "the mail has another recipient"
grep -q '^Message-ID: <0190-test@' "$work/mail/1.eml" || fail "the mail does not name its task"
grep -q '^\.dot' "$work/mail/1.eml" || fail "a leading dot was lost"
expect 100 '{"to":"ann@example.org"}' "$commands/send_mail.py"
expect 100 'no json' "$commands/send_mail.py"
kill "$sink"
wait "$sink" || fail "the sink did not end well"
sink=''
expect 75 '{"to":"a@b","subject":"x","body":"y"}' "$commands/send_mail.py"
echo "the handlers keep their contract"
