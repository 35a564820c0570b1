#!/usr/bin/env bash
# run.sh [--quick] [--list] [PART...] - every test of gofer, on a fresh machine too: installs what
# is missing, builds in build/, runs, and ends with a summary. All parts are run even if one fails;
# the exit code is 0 only if all passed. The summary lists what was skipped and why; with
# GOFER_NO_SKIPS=1 in the environment (as in CI) each skip is a failure.
#
#   --quick   only the parts gcc and python: a few minutes, before a commit
#   --list    name the parts and exit
#   PART...   only these parts
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
unset GOFER_URL # the tests choose their brokers themselves

parts=(gcc clang asan tsan valgrind python examples)
extra_parts=(tidy) # only when named: opinions, not failures
# Tests with these labels have no C of ours to look into, or none that others do not run too.
without_sanitizer='plain|again'

# ---- Builds, each in its own folder; asking twice costs a second ------------------------

build_gcc() { build_tests gcc -DCMAKE_C_COMPILER=gcc; }
build_clang() { build_tests clang -DCMAKE_C_COMPILER=clang; }
# With assertions, and fast enough.
build_asan() { build_sanitized asan address; }
build_tsan() { build_sanitized tsan thread; }
# Lines for their reports, and no more: what is written and linked is a third of it.
build_sanitized() {
    build_tests "$1" -DCMAKE_C_COMPILER=gcc "-DGOFER_SANITIZE=$2" \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DCMAKE_C_FLAGS_DEBUG=-g1
}

# The builds of later parts, at the lowest priority, while the tests of the first ones wait. What
# fails here fails again, and says why, in its part.
build_ahead() {
    local part first=1
    renice -n 19 -p "$BASHPID" >/dev/null 2>&1 || true
    for part in "$@"; do
        if [[ $first -eq 0 && " clang asan tsan " == *" $part "* ]]; then
            "build_$part" >/dev/null 2>&1 || true
        fi
        touch "$logs/ahead.$part"
        first=0
    done
}

# await_build PART: until nobody else is building for it.
await_build() {
    [[ -n $ahead ]] || return 0
    until [[ -e $logs/ahead.$1 ]] || ! kill -0 "$ahead" 2>/dev/null; do sleep 0.2; done
}

# run_ctest NAME CTEST-ARGUMENT...
run_ctest() {
    local name=$1 code=0
    shift
    local folder=$build_root/test-$name log=$logs/ctest.log
    rm -f "$folder"/Testing/Temporary/MemoryChecker.*.log
    ctest_in "$folder" -j "$at_once" "$@" | tee "$log" || code=$?
    if [[ $code -ne 0 ]] && may_be_chance "$log" "$folder"; then
        local again
        again=$(failed_tests "$log")
        code=0
        ctest_in "$folder" -j 1 "$@" -R "^(${again//$'\n'/|})\$" || code=$?
        [[ $code -ne 0 ]] || told_again "$again"
    fi
    # What the programs said of their skips, which ctest keeps to itself.
    find "$folder/Testing/Temporary" -name 'Last*.log' -newer "$logs/began" \
        -exec grep -h '^SKIPPED' {} + | sort -u || true
    return "$code"
}
ctest_in() {
    "${launcher[@]}" ctest --test-dir "$1" --output-on-failure --no-tests=error --timeout 600 \
        "${@:2}"
}

# Where machines are shared, now and then one test of thousands is not given the time it needs. So
# what failed is run once more, by itself, and the summary names it: a fault fails again. Not if
# there are many, and not what a sanitizer or valgrind has found: that is one even if it stays away.
most_by_chance=3
may_be_chance() {
    local count
    count=$(failed_tests "$1" | wc -l)
    [[ $count -gt 0 && $count -le $most_by_chance ]] &&
        ! grep -qE '(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: ' "$1" &&
        ! grep -qsE '^==[0-9]+==' "$2"/Testing/Temporary/MemoryChecker.*.log
}
failed_tests() { # in what ctest printed
    sed -nE '/Skipped/d; s,^ *[0-9]+/[0-9]+ (Test|MemCheck) +#[0-9]+: ([^ ]+) .*\*\*\*.*,\2,p' "$1"
}
told_again() { # NAMES, one in each line
    while IFS= read -r name; do
        echo "AGAIN $name: failed beside the others, and passed by itself"
    done <<<"$1"
}

# run_pytest FOLDER PYTHON ARGUMENT...: the same of pytest, which remembers in the folder.
run_pytest() {
    local memory=$1 code=0
    shift
    local command=("$1" -m pytest -q -o addopts=-rs -o "cache_dir=$memory")
    shift
    rm -rf "$memory"
    "${command[@]}" "$@" || code=$?
    local failed=$memory/v/cache/lastfailed
    if [[ $code -eq 1 && -e $failed && $(grep -c '": true' "$failed") -le $most_by_chance ]]; then
        local names
        names=$(sed -nE 's/^ *"(.*)": true,?$/\1/p' "$failed")
        code=0
        "${command[@]}" "$@" --last-failed --last-failed-no-failures none || code=$?
        [[ $code -ne 0 ]] || told_again "$names"
    fi
    return "$code"
}
launcher=(env)
# Most tests wait, for a disk, a server or a lease, and take a tenth of a core. Those that keep
# cores busy by themselves count for more than one (PROCESSORS).
at_once=$((2 * $(jobs_count) + 1))

# ---- The parts ---------------------------------------------------------------------------

part_gcc() { # gcc, warnings are errors: all of ctest (unit, Redis, Asynq, ABI, Lua, install ...)
    build_gcc
    GOFER_TSC=$(tsc_program) run_ctest gcc
    # The words of go test, which ctest keeps to itself.
    grep -hE '^(ok|FAIL)[: \t].*gofer\.test' \
        "$build_root/test-gcc/Testing/Temporary/LastTest.log" || true
}

part_clang() { # clang, warnings are errors: builds everything, runs the short unit tests
    build_clang
    run_ctest clang -L unit -LE 'redis|long'
}

part_asan() { # address and undefined-behaviour sanitizers: all C tests; a leak is a failure
    build_asan
    stores_in_memory
    ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1 \
        UBSAN_OPTIONS=print_stacktrace=1 run_ctest asan -LE "$without_sanitizer"
}

part_tsan() { # thread sanitizer: all C tests, but those of the whole binary
    build_tsan
    stores_in_memory
    # Where addresses are too random for the sanitizer of an older gcc, ask for less.
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        launcher=(setarch "$(uname -m)" -R)
    fi
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
        run_ctest tsan -LE "$without_sanitizer|binary"
}

part_valgrind() { # valgrind: unit tests, nothing read that was not written, every byte freed
    build_gcc
    # fair-sched: else a thread that spins keeps the others from running. Not those that servers.py
    # runs: valgrind would look at Python. Nor the long ones, where it sees what it sees elsewhere.
    local options="-q --num-callers=40 --fair-sched=yes --error-exitcode=99"
    options+=" --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite"
    at_once=$(($(jobs_count) + 1)) # it works where the programs themselves wait
    run_ctest gcc -L unit -LE 'redis|long' -T memcheck \
        --overwrite MemoryCheckCommand="$(command -v valgrind)" \
        --overwrite MemoryCheckCommandOptions="$options" \
        --overwrite MemoryCheckSuppressionFile="$root/tests/valgrind.supp"
}

part_python() { # the Python package, installed by pip (pytest), and its types (mypy)
    build_gcc
    python_environment "$build_root/test-venv" --force-reinstall --no-deps "$root/python"
    GOFER_BIN=$build_root/test-gcc/gofer GOFER_PYRIGHT=$(pyright_program) \
        run_pytest "$logs/pytest" "$build_root/test-venv/bin/python" -n $(($(jobs_count) + 1)) \
        --dist loadfile --ignore tests/python/frameworks tests/python
    GOFER_BIN=$build_root/test-gcc/gofer \
        "$root/tests/pythons.sh" --smoke "$build_root/test-venv/bin/python"
    python_frameworks
    "$build_root/test-venv/bin/python" -m mypy --strict --cache-dir "$build_root/mypy" python/gofer
    # The reference, from the docstrings: warnings are errors.
    python_environment "$build_root/test-venv" "sphinx>=7"
    GOFER_PYTHON=$build_root/test-venv/bin/python docs/reference/build.sh
}

# pyright, if it can be had: it runs on node, and fetches itself from npm's registry.
pyright_program() {
    local folder=$build_root/test-venv
    if ! command -v node >/dev/null; then
        say "OMIT pyright: there is no node" >&2
    elif ! python_environment "$folder" pyright >&2 ||
        ! timeout 300 "$folder/bin/pyright" --version >/dev/null 2>&1; then
        say "OMIT pyright: it cannot be installed" >&2
    else
        echo "$folder/bin/pyright"
    fi
}

# The disk, with a thousand syncs, is part gcc's: where there is memory enough the stores of the
# conformance tests lie there. For the rest of this part.
stores_in_memory() {
    local shared=/dev/shm enough_kib=$((2 << 20)) free_kib
    free_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null || true)
    [[ -w $shared && ${free_kib:-0} -gt $enough_kib ]] || return 0
    [[ $(df -Pk "$shared" | awk 'NR == 2 { print $4 }') -gt $enough_kib ]] || return 0
    GOFER_TEST_STORES=$(mktemp -d "$shared/gofer-test-XXXXXX")
    export GOFER_TEST_STORES
    trap 'rm -rf "$GOFER_TEST_STORES"' EXIT # of this part's shell
    chmod 755 "$GOFER_TEST_STORES"          # some stores are other users', too
}

# The compiler that reads the types of the page's scripts, if it can be had: it runs on node.
tsc_program() {
    local folder=$build_root/test-node
    if ! command -v npm >/dev/null; then
        say "OMIT tsc: there is no node with npm" >&2
    elif ! [[ -x $folder/node_modules/.bin/tsc ]] && ! timeout 300 npm install --silent \
        --no-audit --no-fund --prefix "$folder" typescript@5 >"$build_root/npm.log" 2>&1; then
        say "OMIT tsc: it cannot be installed" >&2
    else
        echo "$folder/node_modules/.bin/tsc"
    fi
}

# The package beside Django, Flask and the others, in an environment that has them.
python_frameworks() {
    local folder=$build_root/test-frameworks
    local frameworks=(django 'django-tasks; python_version < "3.12"' flask fastapi httpx
        'sqlalchemy[asyncio]' aiosqlite opentelemetry-sdk sentry-sdk structlog gunicorn)
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        say "OMIT python/frameworks: they need Python 3.10 or newer"
    elif ! python_environment "$folder" cffi pytest "${frameworks[@]}"; then
        say "OMIT python/frameworks: they cannot be installed"
    else
        python_environment "$folder" --force-reinstall --no-deps "$root/python"
        GOFER_BIN=$build_root/test-gcc/gofer run_pytest "$logs/pytest-frameworks" \
            "$folder/bin/python" --confcutdir tests/python/frameworks tests/python/frameworks
    fi
}

part_examples() { # the quickstart, from nothing; then what the documentation shows, as written
    "$root/examples/quickstart.sh"
    local library
    library=$(dirname "$(find "$build_root/prefix" -name libgofer.so -print -quit)")
    PKG_CONFIG_PATH=$library/pkgconfig LD_LIBRARY_PATH=$library \
        python3 tests/examples/shown.py --build "$build_root" \
        "README.md:In Python" "README.md:Sixty seconds" docs/tutorial.md: docs/python.md \
        docs/python-install.md: docs/python-results.md: docs/python-workers.md \
        docs/python-asyncio.md \
        docs/python-testing.md docs/from-celery.md docs/from-rq.md docs/from-dramatiq.md \
        docs/from-taskiq-arq.md docs/c.md docs/groups.md docs/children.md docs/children.md:Groups \
        docs/python-workers.md:Groups docs/flows.md:Python \
        docs/web.md docs/metrics.md: docs/events.md:Events
    if python_environment "$build_root/venv" msgpack; then
        python3 tests/examples/shown.py --build "$build_root" docs/python-payloads.md:
    else
        say "OMIT docs/python-payloads.md: msgpack cannot be installed"
    fi
    if python_environment "$build_root/venv" fastapi uvicorn pytest \
        'httpx2; python_version >= "3.11"' 'httpx; python_version < "3.11"'; then
        python3 tests/examples/shown.py --build "$build_root" docs/python-tutorial.md:
    else
        say "OMIT docs/python-tutorial.md: FastAPI, uvicorn and pytest cannot be installed"
    fi
}

part_tidy() { # clang-tidy, for reading
    command -v clang-tidy >/dev/null || apt_install clang-tidy
    build_tests clang -DCMAKE_C_COMPILER=clang -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
    find core -name '*.c' -print0 | xargs -0 -n 4 -P "$(jobs_count)" \
        clang-tidy --quiet -p "$build_root/test-clang"
}

# ---- Running them ----------------------------------------------------------------------------

describe() { sed -n "s/^part_$1() { # //p" "$0"; }

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    echo
    local part
    for part in "${parts[@]}" "${extra_parts[@]}"; do
        printf '  %-9s %s\n' "$part" "$(describe "$part")"
    done
}

chosen=()
for word in "$@"; do
    case $word in
    --quick) chosen+=(gcc python) ;;
    --list | --help | -h)
        usage
        exit
        ;;
    *)
        [[ " ${parts[*]} ${extra_parts[*]} " == *" $word "* ]] ||
            { usage >&2; die "no such part: $word"; }
        chosen+=("$word")
        ;;
    esac
done
[[ ${#chosen[@]} -gt 0 ]] || chosen=("${parts[@]}")

logs=$build_root/test-logs
mkdir -p "$logs"
touch "$logs/began"
heading "System packages"
need_packages "build test"
want_packages page

ahead=''
rm -f "$logs"/ahead.*
if [[ ${#chosen[@]} -gt 1 ]]; then
    tests_python_ready
    set -m # a group of its own, which can be ended whole
    build_ahead "${chosen[@]}" &
    ahead=$!
    set +m
    trap 'kill -- "-$ahead" 2>/dev/null || true' EXIT
fi

# What a runner says last, in its own words.
closing_lines() {
    grep -E -e '^[0-9]+% tests passed|^(ok|FAIL)[[:space:]]+gofer\.test' \
        -e '^(=+ )?[0-9]+ (passed|failed|error)[^:]* in [0-9.]+' \
        -e '^Success: no issues|^Found [0-9]+ error|No tests were found' "$1" || true
}

# What this machine could not try, and why. "n/a" is what says nothing here on any machine.
skipped_lines() { grep -h '^SKIPPED' "$1" | grep -v 'n/a: ' | sort -u || true; }

# What passed at the second try.
again_lines() { grep -h '^AGAIN ' "$1" || true; }

# What failed, and what the checks said of it: the log is long, and the summary is read first.
failure_lines() {
    grep -E -e '\*\*\*(Failed|Timeout|Exception|Not Run)' -e '^FAILED ' -e '^ERROR ' -e '^E   ' \
        -e '^    [^ ]+\.[ch]:[0-9]+: ' -e '(Address|Leak|Thread)Sanitizer' "$1" | head -n 60 || true
}

failed=() summary=''
began=$SECONDS
for part in "${chosen[@]}"; do
    heading "$part: $(describe "$part")"
    start=$SECONDS
    # Not in a condition: there `set -e` would mean nothing inside the part.
    set +e
    (
        set -e
        await_build "$part"
        "part_$part"
    ) 2>&1 | tee "$logs/$part.log"
    code=${PIPESTATUS[0]}
    set -e
    word=passed
    [[ $code -eq 0 ]] || { failed+=("$part"); word=FAILED; }
    summary+=$(printf '%-9s %-6s %4d s' "$part" "$word" $((SECONDS - start)))$'\n'
    while read -r line; do
        [[ -z $line ]] || summary+="    $line"$'\n'
    done < <(
        closing_lines "$logs/$part.log"
        skipped_lines "$logs/$part.log"
        again_lines "$logs/$part.log"
        [[ $code -eq 0 && -z $(again_lines "$logs/$part.log") ]] || failure_lines "$logs/$part.log"
    )
done

if [[ -n $ahead ]]; then
    wait "$ahead" || true
    trap - EXIT
fi
heading "Summary, after $((SECONDS - began)) s"
printf '%s' "$summary"
if [[ ${#failed[@]} -gt 0 ]]; then
    die "failed: ${failed[*]} (their output: $logs)"
fi
