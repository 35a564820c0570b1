#!/bin/sh
# limits.sh - no more than two mails at a time to one server, whoever sends them.
#
#     examples/shell/limits.sh        # gofer must be in your PATH; works in a folder of its own
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFER_URL="sqlite:$work/tasks.db" work

# Each key that begins with "smtp:" counts for itself.
gofer limit put 'smtp:*' --concurrency 2 >/dev/null
gofer limit ls

for n in 1 2 3 4 5 6; do
    gofer enqueue mail:send "$n" --limit smtp:example.org >/dev/null
    gofer enqueue mail:send "$n" --limit smtp:example.com >/dev/null
done

# Eight could run at a time. Each notes how many of its server run beside it.
cat >"$work/send.sh" <<'END'
#!/bin/sh
server=$(gofer task show "$GOFER_TASK_ID" --json | grep -o 'smtp:example.[a-z]*' | head -n 1)
gofer limit show "$server" --json | grep -o '"running":[0-9]*' | cut -d: -f2 >>"$work/counts"
END
chmod +x "$work/send.sh"
gofer worker --drain --concurrency 8 --log-level warn --exec "mail:send=$work/send.sh"

[ "$(sort -n "$work/counts" | tail -n 1)" -le 2 ] &&
    echo "$(wc -l <"$work/counts" | tr -d ' ') mails, never more than two at a time to a server"
