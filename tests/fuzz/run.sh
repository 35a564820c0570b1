#!/usr/bin/env bash
# run.sh [SECONDS [TARGET...]] - fuzz what reads texts and bytes from outside, with clang's
# libFuzzer under the address and undefined-behaviour sanitizers. Not part of tests/run.sh: it
# finds more the longer it runs. New inputs are kept in build/fuzz/TARGET; a crash is a
# failure, and its input is named.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(cron zone json entries frames head claims masks route)

export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER:-}
cmake -S . -B build/fuzz -G Ninja \
    -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DBUILD_TESTING=OFF \
    -DCMAKE_C_FLAGS="-O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" \
    >build/fuzz-configure.log
cmake --build build/fuzz --target gofer_all >build/fuzz-build.log

libraries=$(pkg-config --libs sqlite3 libcjson hiredis libprotobuf-c)
for target in "${targets[@]}"; do
    work=build/fuzz/corpus-$target
    mkdir -p "$work"
    seeds=tests/fuzz/corpus/$target
    beside=() # what is not in the library
    case $target in
        head) beside=(core/web/head.c) ;;
        claims) beside=(core/web/claims.c core/web/roles.c core/web/scope.c) ;;
        route) # the tables name handlers that are not here and never run
            beside=(core/web/{route,routes,asynqmon_routes,call,copy,masks,scope}.c core/line/text.c
                -Wl,--unresolved-symbols=ignore-all) ;;
        masks) beside=(core/web/masks.c core/web/scope.c core/line/text.c) ;;
    esac
    # shellcheck disable=SC2086 # several words on purpose
    clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        -Icore/include -Icore/src -Icore/line -Icore/web -Ibuild/fuzz/core/wire \
        "tests/fuzz/fuzz_$target.c" "${beside[@]}" build/fuzz/libgofer_all.a \
        $libraries -lpthread -ldl -lm -o "build/fuzz/fuzz_$target"
    echo "== $target, $seconds s"
    dictionary=()
    [[ ! -e tests/fuzz/$target.dict ]] || dictionary=(-dict="tests/fuzz/$target.dict")
    "build/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
        "${dictionary[@]}" -artifact_prefix="build/fuzz/" "$work" "$seeds"
done
