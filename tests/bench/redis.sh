#!/usr/bin/env bash
# redis.sh - measures gofer on Redis beside the raw limit of Redis and
# beside Asynq, in the same run.
#
#   tests/bench/redis.sh [--rounds 5] [--short] [--json FILE] [--build FOLDER]
#
# Starts its own redis-server. What is compared runs close together in every round, and the best
# of all rounds is printed, since a busy machine only ever makes a figure worse. It judges
# nothing: the exit status is 0 whenever all could be measured. Asynq needs go and the module
# proxy; without go its lines are left out.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/../../build/release
rounds=5 json='' given=("$@")
limit_count=50000 one=5000 many=32000 batch=50000 drain=20000 latency=300 asynq_latency=12 idle=6

usage() {
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

while [[ $# -gt 0 ]]; do
    case $1 in
    --rounds) rounds=${2:?}; shift ;;
    --json) json=${2:?}; shift ;;
    --build) build=${2:?}; shift ;;
    --short)
        rounds=2 one=2000 many=16000 batch=20000 limit_count=20000
        latency=100 asynq_latency=5 idle=4
        ;;
    --smoke)
        rounds=1 limit_count=1000 one=50 many=160 batch=500 drain=500
        latency=10 asynq_latency=0 idle=1
        ;;
    *) usage ;;
    esac
    shift
done

if [[ -z ${GOFER_TEST_REDIS:-} ]]; then
    exec python3 "$here/../redis/servers.py" single -- bash "${BASH_SOURCE[0]}" "${given[@]}"
fi
for program in bench limit_redis; do
    [[ -x $build/bench/$program ]] || {
        echo "no $build/bench/$program: build first, or say where with --build FOLDER" >&2
        exit 2
    }
done

url=$GOFER_TEST_REDIS
address=${url#redis://}
address=${address%%/*}
bench=$build/bench/bench
folder=$(mktemp -d "${TMPDIR:-/tmp}/gofer-bench-XXXXXX")
trap 'rm -rf "$folder"' EXIT
figures=$folder/figures

asynq=''
if [[ $asynq_latency -gt 0 ]]; then
    if ! command -v go >/dev/null; then
        echo "note: no go here, so Asynq is not measured" >&2
    elif ! (cd "$here/asynq" && go build -o "$folder/asynq" .) >&2; then
        echo "note: Asynq could not be built, so it is not measured" >&2
    else
        asynq=$folder/asynq
    fi
fi

redis() { redis-cli -h "${address%:*}" -p "${address##*:}" "$@" | tr -d '\r'; }
info() { redis info "$1" | sed -n "s/^$2:\(.*\)/\1/p"; }
cpu_us() {
    redis info cpu |
        awk -F: '/^used_cpu_(sys|user):/ { s += $2 } END { printf "%.0f", s * 1e6 }'
}
fresh() { redis flushall sync >/dev/null; }
measure() { "$@" >>"$figures"; }

# NAME COUNT COMMAND...: and what the server's CPU had to do for one of COUNT.
with_cpu() {
    local name=$1 count=$2 before after
    shift 2
    before=$(cpu_us)
    measure "$@"
    after=$(cpu_us)
    awk -v n="$name" -v c="$count" -v a="$before" -v b="$after" \
        'BEGIN { printf "%s_cpu_us %.3f\n", n, (b - a) / c }' >>"$figures"
}

# NAME COUNT COMMAND...: and the memory that one task waiting takes.
with_memory() {
    local name=$1 count=$2 before after
    shift 2
    before=$(info memory used_memory)
    with_cpu "$name" "$count" "$@"
    after=$(info memory used_memory)
    awk -v n="$name" -v c="$count" -v a="$before" -v b="$after" \
        'BEGIN { printf "%s_bytes %.0f\n", n, (b - a) / c }' >>"$figures"
}

# NAME COMMAND...: an idle worker, and the commands it sends.
with_commands() {
    local name=$1 before after
    shift
    "$bench" idle "$idle" "$name" "$@" >>"$figures" &
    local job=$!
    sleep 2
    before=$(info stats total_commands_processed)
    sleep "$idle"
    after=$(info stats total_commands_processed)
    wait "$job"
    awk -v n="$name" -v c="$idle" -v a="$before" -v b="$after" \
        'BEGIN { printf "%s_commands %.1f\n", n, (b - a - 1) / c }' >>"$figures"
}

for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    fresh
    measure "$build/bench/limit_redis" "$address" "$limit_count"
    fresh
    with_memory enqueue_batch "$batch" "$bench" enqueue "$url" 1 "$batch" 100 enqueue_batch
    fresh
    measure "$bench" enqueue "$url" 1 "$one" 1 enqueue_1
    fresh
    with_cpu enqueue_16 "$many" "$bench" enqueue "$url" 16 "$many" 1 enqueue_16
    if [[ -n $asynq ]]; then
        fresh
        with_cpu asynq_enqueue_16 "$many" "$asynq" enqueue "$address" 16 "$many" 1 asynq_enqueue_16
        fresh
        measure "$asynq" enqueue "$address" 1 "$one" 1 asynq_enqueue_1
        fresh
        with_memory asynq_enqueue "$drain" "$asynq" enqueue "$address" 16 "$drain" 1 asynq_fill
        with_cpu asynq_drain "$drain" "$asynq" drain "$address" "$drain" asynq_drain there
    fi
    fresh
    measure "$bench" enqueue "$url" 1 "$drain" 100 fill
    with_cpu drain "$drain" "$bench" drain "$url" "$drain" drain there
    fresh
    measure "$bench" latency "$url" "$latency" latency
    if [[ -n $asynq ]]; then
        fresh
        measure "$asynq" latency "$address" "$latency" go_latency "$bench" serve "$url"
        fresh
        measure "$asynq" latency "$address" "$asynq_latency" asynq_latency
    fi
    fresh
    with_commands idle "$bench" serve "$url" 1
    [[ -z $asynq ]] || { fresh; with_commands asynq_idle "$asynq" serve "$address" 1; }
done

# name best, one a line: of rates the highest, of all else the lowest
best=$(sort -k1,1 -k2,2g "$figures" | awk '
    $1 != name { if (name != "") print name, value; name = $1; value = $2 }
    name !~ /_(us|bytes|kib|percent|commands)$/ { value = $2 }
    END { print name, value }')

awk -v rounds="$rounds" '
    { m[$1] = $2 }
    function row(what, value, unit, compared, aim) {
        printf "%-40s %10s %-6s  %-34s %s\n", what, value, unit, compared, aim
    }
    function ms(name) { return sprintf("%.3f", m[name] / 1000) }
    function share(a, b, name) {
        if (!(a in m) || !(b in m) || m[b] <= 0) return ""
        return sprintf("%.0f %% of %s", 100 * m[a] / m[b], name)
    }
    function times(a, b) {
        if (!(a in m) || !(b in m) || m[b] <= 0) return ""
        return sprintf("%.1f x Asynq (%g)", m[a] / m[b], m[b])
    }
    function less(a, b) {
        if (!(a in m) || !(b in m) || m[a] <= 0) return ""
        return sprintf("1/%.1f of Asynq (%g)", m[b] / m[a], m[b])
    }
    function asynq(name) { return name in m ? "Asynq: " m[name] : "" }
    function asynq_mib(name) { return name in m ? sprintf("Asynq: %.2f", m[name] / 1024) : "" }
    END {
        printf "best of %d\n", rounds
        row("figure", "value", "", "compared", "aim")
        row("Redis: insert, batches of 100", m["limit_insert"], "/s")
        row("Redis: finish and take, batches of 100", m["limit_cycle"], "/s")
        row("Redis: insert one at a time", m["limit_one"], "/s")
        row("enqueue, batches of 100", m["enqueue_batch"], "/s",
            share("enqueue_batch", "limit_insert", "Redis"), ">= 75 %")
        row("enqueue one at a time, 1 thread", m["enqueue_1"], "/s",
            share("enqueue_1", "limit_one", "Redis"), ">= 95 %")
        row("  ", "", "", times("enqueue_1", "asynq_enqueue_1"), "")
        row("enqueue one at a time, 16 threads", m["enqueue_16"], "/s",
            times("enqueue_16", "asynq_enqueue_16"), ">= 3 x")
        row("drain, one worker, 10 slots", m["drain"], "/s",
            times("drain", "asynq_drain"), ">= 10 x")
        row("  ", "", "", share("drain", "limit_cycle", "Redis"), "")
        row("Redis CPU for a task taken and finished", m["drain_cpu_us"], "us",
            less("drain_cpu_us", "asynq_drain_cpu_us"), "<= 10 us, <= 1/6")
        row("Redis CPU for a task enqueued, batches", m["enqueue_batch_cpu_us"], "us", "", "")
        row("Redis CPU for a task enqueued, 16 threads", m["enqueue_16_cpu_us"], "us",
            less("enqueue_16_cpu_us", "asynq_enqueue_16_cpu_us"), "")
        row("memory of a pending task", m["enqueue_batch_bytes"], "bytes",
            asynq("asynq_enqueue_bytes"), "<= Asynq")
        row("idle enqueue to start, p50", ms("latency_p50_us"), "ms",
            ms("latency_call_p50_us") " ms is the enqueue", "< 0.4 ms")
        row("idle enqueue to start, p99", ms("latency_p99_us"), "ms", "", "< 2 ms")
        if ("go_latency_p50_us" in m) {
            row("  enqueued by a Go client, p50", ms("go_latency_p50_us"), "ms", "", "")
            row("  enqueued by a Go client, p99", ms("go_latency_p99_us"), "ms", "", "")
            row("  Asynq client and worker, p50",
                sprintf("%.0f", m["asynq_latency_p50_us"] / 1000), "ms", "", "")
        }
        row("idle worker, CPU", m["idle_cpu_percent"], "%", asynq("asynq_idle_cpu_percent"), "")
        row("idle worker, resident", sprintf("%.2f", m["idle_rss_kib"] / 1024), "MiB",
            asynq_mib("asynq_idle_rss_kib"), "")
        row("idle worker, commands to Redis", m["idle_commands"], "/s",
            asynq("asynq_idle_commands"), "")
    }' <<<"$best"

if [[ -n $json ]]; then
    awk -v rounds="$rounds" '
        BEGIN { printf "{\"rounds\":%d", rounds }
        { printf ",\"%s\":%s", $1, $2 }
        END { print "}" }' <<<"$best" >"$json"
fi
