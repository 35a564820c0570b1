#!/usr/bin/env bash
# all.sh [--build FOLDER] [--quick] FOLDER [PART...] - measures everything that docs/performance.md
# and docs/scaling.md tell, one part after the other, in one command. What each part prints goes to
# FOLDER/PART.txt and to the screen, figures as lines to FOLDER/PART.jsonl where the part has them.
#
#   --build FOLDER  a release build with its benchmarks; build/release, made if it is not there
#   --quick         few rounds and small numbers: minutes instead of many hours
#   --smoke         tiny numbers: that it runs
#   PART...         only these; all without any
#
# Leave the machine alone meanwhile, and have the build folder on the disk that you want to know of.
# It judges nothing: the exit status is 0 whenever all could be measured.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$root"
bench=tests/bench
parts=(compare live growth scaling web costs python calls children)

# ---- The parts: from the least to the whole -----------------------------------------------------

# by SIZE: of three words that of this run.
by() {
    case $size in
    smoke) echo "$1" ;;
    quick) echo "$2" ;;
    *) echo "$3" ;;
    esac
}

part_compare() { # gofer on both brokers beside the raw limits and other queues
    # shellcheck disable=SC2046  # words
    $bench/run.sh --build "$build" --json "$out/compare.jsonl" $(by \
        "--smoke --peer none" --quick "")
}

part_live() { # a producer beside a worker, at several rates
    # shellcheck disable=SC2046
    python3 $bench/live.py --build now="$build" --json "$out/live.jsonl" $(by \
        "--rounds 1 --seconds 0.2 --tasks 200 --rates 0 --stores sqlite --no-asynq" \
        "--rounds 3 --seconds 1 --tasks 5000" "")
}

part_growth() { # a task beside a thousand others and beside a million
    # shellcheck disable=SC2046
    python3 $bench/growth.py --build "$build" $(by \
        "--large 2000 --tasks 200 --rounds 1" "--large 100000 --rounds 3" "")
}

part_scaling() { # one queue on many servers, and workers with nothing to do
    # shellcheck disable=SC2046
    python3 $bench/scaling.py --build "$build" $(by \
        "--tasks 400 --rounds 1 --idle 2" "--tasks 40000 --rounds 3 --idle 16" "--tasks 40000")
}

part_web() { # what 'gofer web' costs, and costs the work beside it
    # shellcheck disable=SC2046
    $bench/web.sh --build "$build" $(by "--quick scrape" "--rounds 3 streams pages scrape" "")
}

part_costs() { # instructions, allocations, locks, system calls, commands for a task
    python3 tests/guard/run.py --build "$build" || say "not as the figures kept"
}

part_python() { # the Python package beside other queues
    # shellcheck disable=SC2046
    python3 $bench/python/run.py --build "$build" --json "$out/python.jsonl" $(by --smoke \
        "--rounds 1 --tasks 10000 --slow-tasks 300 --idle 100 --flat 0 --gofer-flat 0" "")
}

part_calls() { # instructions of a call in Python, and calls that wait together
    python_environment "$build/test-venv" "$root/python"
    # shellcheck disable=SC2046
    "$build/test-venv/bin/python" $bench/python/instructions.py $(by item "" "")
    "$build/test-venv/bin/python" $bench/asyncio_enqueue.py "$(by 50 1000 5000)"
}

part_children() { # processes that live on from task to task
    python_environment "$build/test-venv" "$root/python"
    "$build/test-venv/bin/python" $bench/children.py --gofer "$build/gofer" \
        --tasks "$(by 100 5000 20000)" --starts "$(by 3 50 200)"
}

# ---- Running them -------------------------------------------------------------------------------

usage() {
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    local part
    for part in "${parts[@]}"; do
        printf '  %-9s %s\n' "$part" "$(sed -n "s/^part_$part() { # //p" "$0")" >&2
    done
    exit 2
}

build=$root/build/release size=whole out='' chosen=()
while [[ $# -gt 0 ]]; do
    case $1 in
    --build) [[ $# -gt 1 ]] || usage; build=$(realpath -m "$2"); shift ;;
    --quick) size=quick ;;
    --smoke) size=smoke ;;
    -*) usage ;;
    *)
        if [[ -z $out ]]; then
            out=$(realpath -m "$1")
        elif [[ " ${parts[*]} " == *" $1 "* ]]; then
            chosen+=("$1")
        else
            usage
        fi
        ;;
    esac
    shift
done
[[ -n $out ]] || usage
[[ ${#chosen[@]} -gt 0 ]] || chosen=("${parts[@]}")
mkdir -p "$out"

if ! [[ -x $build/bench/bench ]]; then
    heading "A release build in $build"
    cmake -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON >"$out/build.log"
    cmake --build "$build" -j "$(jobs_count)" >>"$out/build.log" ||
        die "it cannot be built: see $out/build.log"
fi

summary='' failed=0
for part in "${chosen[@]}"; do
    heading "$part: $(sed -n "s/^part_$part() { # //p" "$0")"
    start=$SECONDS word=measured
    set +e
    (set -e && "part_$part") 2>&1 | tee "$out/$part.txt"
    [[ ${PIPESTATUS[0]} -eq 0 ]] || word=FAILED failed=1
    set -e
    summary+=$(printf '%-9s %-8s %6d s' "$part" "$word" $((SECONDS - start)))$'\n'
done
heading "Measured, to $out"
printf '%s' "$summary"
exit "$failed"
