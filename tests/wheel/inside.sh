# inside.sh - run by tests/wheel.sh in a bare root, as root: installs the wheel from /wheels, and
# has its parts do something. No compiler, no network, no time zones, no descriptions of terminals.
set -eu
unset SSL_CERT_FILE
say() { printf '   %s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

for tool in cc gcc redis-server sqlite3 lua5.4; do
    ! command -v "$tool" >/dev/null || fail "this root is not bare: it has $tool"
done
! ls /usr/lib/*/libhiredis* >/dev/null 2>&1 ||
    fail "this root is not bare: it has libraries of ours"

mkdir -p /shop && cd /shop
cp /test/shop.py .
python3 -m venv venv
venv/bin/pip install --quiet --no-index --find-links /wheels gofer
PATH=/shop/venv/bin:$PATH GOFER_URL=sqlite:/shop/tasks.db
export PATH GOFER_URL

version=$(gofer version)
case $version in
*"with Lua, with top, with web"*) say "$version" ;;
*) fail "parts are missing: $version" ;;
esac
[ "$(python -m gofer version)" = "$version" ] || fail "python -m gofer is another one"
[ "$(python -c 'import gofer; print(gofer.binary())')" = /shop/venv/bin/gofer ]

id=$(python -W error -X dev shop.py)
python -m gofer --log-level warn worker shop:app --drain
[ "$(gofer wait "$id")" = 342.4 ] || fail "the task in Python did not give its result"
say "a task in Python ran on SQLite"

printf 'gofer.handle("hello:*", function(task) return "Lua, " .. task.raw end)\n' >hello.lua
id=$(gofer enqueue hello:lua Ada --retention 1h)
gofer --log-level warn worker --drain --lua hello.lua
[ "$(gofer wait "$id")" = "Lua, Ada" ] || fail "the task in Lua did not give its result"
say "a task in Lua ran"

python /test/top.py "$(command -v gofer)"
say "gofer top has shown itself without a terminfo database"

! gofer cron check '30 2 * * *' --tz Europe/Berlin 2>/dev/null ||
    fail "this root has time zones, which were removed"
venv/bin/pip install --quiet --no-index --find-links /wheels tzdata
gofer cron check '30 2 * * *' --tz Europe/Berlin >/dev/null
python -c 'import gofer; print(gofer.cron_check("30 2 * * *", tz="Europe/Berlin"))' >/dev/null
say "zones are those of the package tzdata"

# OpenSSL is inside, too, and finds the system's CA file where Fedora has it.
python /test/tls.py
say "the certificate of a server is checked against the system's CA file, wherever that is"
