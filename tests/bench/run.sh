#!/usr/bin/env bash
# run.sh - measures gofer on the SQLite broker beside the raw limit of SQLite, in the same run.
#
#   tests/bench/run.sh [--rounds 3] [--short] [--json FILE] [--build FOLDER] [--gofer PROGRAM]
#
# Prints the median of the rounds, and ratios to the limits. The files lie in the build folder, on a
# real disk if that is on one. It judges nothing: the exit status is 0
# whenever all could be measured.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/../../build/release
rounds=3 json='' gofer=''
limit_count=100000 one=10000 many=64000 batch=100000 drain=20000 latency=400 idle=5

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

while [[ $# -gt 0 ]]; do
    case $1 in
    --rounds) rounds=${2:?}; shift ;;
    --json) json=${2:?}; shift ;;
    --build) build=${2:?}; shift ;;
    --gofer) gofer=${2:?}; shift ;;
    --short)
        rounds=1 limit_count=50000 one=3000 many=24000 batch=50000 drain=20000 latency=300 idle=2
        ;;
    --smoke) rounds=1 limit_count=1000 one=50 many=160 batch=500 drain=500 latency=10 idle=1 ;;
    *) usage ;;
    esac
    shift
done

for program in bench limit_sqlite; do
    [[ -x $build/bench/$program ]] || {
        echo "no $build/bench/$program: build first, or say where with --build FOLDER" >&2
        exit 2
    }
done
[[ -n $gofer || ! -x $build/gofer ]] || gofer=$build/gofer

folder=$(mktemp -d "$build/bench-XXXXXX")
trap 'rm -rf "$folder"' EXIT
figures=$folder/figures

case $(stat -f -c %T "$folder" 2>/dev/null) in
tmpfs | ramfs)
    echo "note: $folder is in memory, so commits cost nothing and ratios mean little" >&2
    ;;
esac

# Every measurement has a file of its own, fresh.
serial=0
fresh() {
    serial=$((serial + 1))
    rm -f "$folder"/store-*
    url=sqlite:$folder/store-$serial.db
}

measure() { "$@" >>"$figures"; }

# What is compared runs close together, so that the machine's moods meet both.
for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    measure "$build/bench/limit_sqlite" "$folder/limit.db" "$limit_count"
    fresh
    measure "$build/bench/bench" enqueue "$url" 1 "$batch" 100 enqueue_batch
    fresh
    measure "$build/bench/bench" drain "$url" "$drain" drain
    fresh
    measure "$build/bench/bench" enqueue "$url" 1 "$one" 1 enqueue_1
    fresh
    measure "$build/bench/bench" enqueue "$url" 16 "$many" 1 enqueue_16
    fresh
    measure "$build/bench/bench" latency "$url" "$latency" latency
    fresh
    measure "$build/bench/bench" idle "$idle" idle "$build/bench/bench" serve "$url" 1
    if [[ -n $gofer ]]; then
        fresh
        measure "$build/bench/bench" idle "$idle" cli_idle env "GOFER_URL=$url" \
            "$gofer" worker --concurrency 10 --exec 'noop=true' 2>"$folder/worker.log" || {
            cat "$folder/worker.log" >&2
            exit 1
        }
    fi
done

# name median, one a line
medians=$(sort -k1,1 -k2,2g "$figures" | awk '
    $1 != name { if (n) print name, v[int((n + 1) / 2)]; name = $1; n = 0 }
    { v[++n] = $2 }
    END { if (n) print name, v[int((n + 1) / 2)] }')

awk -v rounds="$rounds" '
    { m[$1] = $2 }
    function row(what, value, unit, compared, aim) {
        printf "%-42s %12s %-6s  %-26s %s\n", what, value, unit, compared, aim
    }
    function share(name, limit, limit_name) {
        return limit ? sprintf("%.0f %% of %s", 100 * m[name] / m[limit], limit_name) : ""
    }
    function rate(what, name, limit, limit_name, aim) {
        row(what, sprintf("%d", m[name]), "/s", share(name, limit, limit_name), aim)
    }
    END {
        printf "median of %d\n", rounds
        row("figure", "value", "", "compared", "aim")
        rate("SQLite: insert, batches of 100", "limit_insert")
        rate("SQLite: finish and take, batches of 100", "limit_cycle")
        rate("SQLite: insert one at a time", "limit_one")
        row("SQLite: one insert after a pause, p50",
            sprintf("%.3f", m["limit_idle_p50_us"] / 1000), "ms", "", "")
        rate("enqueue, batches of 100", "enqueue_batch", "limit_insert", "SQLite", ">= 60 %")
        rate("drain, one worker, 10 slots", "drain", "limit_cycle", "SQLite", ">= 60 %")
        rate("enqueue one at a time, 1 thread", "enqueue_1", "limit_one", "SQLite", "")
        row("enqueue one at a time, 16 threads", sprintf("%d", m["enqueue_16"]), "/s",
            sprintf("%.1f x 1 thread", m["enqueue_16"] / m["enqueue_1"]), ">= 4 x")
        row("idle enqueue to start, p50", sprintf("%.3f", m["latency_p50_us"] / 1000), "ms",
            sprintf("%.3f ms is the enqueue", m["latency_call_p50_us"] / 1000), "< 0.5 ms")
        row("idle enqueue to start, p99", sprintf("%.3f", m["latency_p99_us"] / 1000), "ms",
            "", "< 2 ms")
        row("idle worker, CPU", sprintf("%.3f", m["idle_cpu_percent"]), "%", "", "0.0 %")
        row("idle worker, resident", sprintf("%.2f", m["idle_rss_kib"] / 1024), "MiB",
            sprintf("%.2f MiB its own", m["idle_rss_anon_kib"] / 1024), "< 6 MiB")
        if ("cli_idle_rss_kib" in m) {
            row("gofer worker, idle, CPU", sprintf("%.3f", m["cli_idle_cpu_percent"]), "%",
                "", "0.0 %")
            row("gofer worker, idle, resident",
                sprintf("%.2f", m["cli_idle_rss_kib"] / 1024), "MiB",
                sprintf("%.2f MiB its own", m["cli_idle_rss_anon_kib"] / 1024), "< 6 MiB")
        }
    }' <<<"$medians"

if [[ -n $json ]]; then
    awk -v rounds="$rounds" 'BEGIN { printf "{\"rounds\":%d", rounds }
        { printf ",\"%s\":%s", $1, $2 } END { print "}" }' <<<"$medians" >"$json"
fi
