#!/usr/bin/env bash
# embedded.sh SOURCE COMPILER GENERATOR - gofer inside another project, by add_subdirectory: the
# library alone, shared or static, which leaves the project's own settings as they are. And
# installed into folders that are absolute.
set -euo pipefail

source=$1 compiler=$2 generator=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFER_URL=sqlite:$work/tasks.db

fail() {
    echo "failed: $*" >&2
    exit 1
}

mkdir "$work/app"
ln -s "$source" "$work/app/gofer"
cp "$source/examples/c/schedule.c" "$work/app/"
cat >"$work/app/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES C)
include(CTest)
add_subdirectory(gofer)
add_executable(app schedule.c)
target_compile_definitions(app PRIVATE _GNU_SOURCE)
target_link_libraries(app PRIVATE gofer::gofer)
install(TARGETS app RUNTIME DESTINATION bin)
if(CMAKE_BUILD_TYPE)
  message(FATAL_ERROR "gofer chose a build type: ${CMAKE_BUILD_TYPE}")
endif()
END

# try KIND CMAKE-ARGUMENT...: configure, build, run, install.
try() {
    local kind=$1 build=$work/$1
    shift
    # What embedding must not need is not to be found.
    cmake -G "$generator" -S "$work/app" -B "$build" \
        -DCMAKE_C_COMPILER="$compiler" -DSWIG_EXECUTABLE=/nowhere \
        -DCMAKE_INSTALL_PREFIX="$work/$kind-prefix" "$@" \
        >"$work/log" 2>&1 || { cat "$work/log"; fail "$kind: configure"; }
    cmake --build "$build" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; fail "$kind: build"; }
    "$build/app" "$work/cache" "$work/cache" >/dev/null || fail "$kind: the program does not run"
    [[ -z $(cd "$build" && ctest -N | grep 'Test *#') ]] ||
        fail "$kind: gofer's tests are among the project's"
    cmake --install "$build" >"$work/log" 2>&1 || { cat "$work/log"; fail "$kind: install"; }
    [[ $(cd "$work/$kind-prefix" && find . -type f) == ./bin/app ]] ||
        fail "$kind: gofer installs itself beside the project"
}

try shared
readelf -d "$work/shared/app" | grep -q 'NEEDED.*libgofer' || fail "shared: it is not"
try static -DGOFER_STATIC=ON
! readelf -d "$work/static/app" | grep -q 'NEEDED.*libgofer' || fail "static: it is not"

# Absolute folders, as some distributions have: the binary finds its library there.
cmake -G "$generator" -S "$source" -B "$work/build" -DCMAKE_C_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Debug \
    -DBUILD_TESTING=OFF -DGOFER_LUA=OFF -DGOFER_TOP=OFF -DGOFER_WEB=OFF -DGOFER_OTLP=OFF \
    -DGOFER_WEBHOOKS=OFF \
    -DCMAKE_INSTALL_PREFIX="$work/prefix" -DCMAKE_INSTALL_LIBDIR="$work/elsewhere/lib64" \
    >"$work/log" 2>&1 || { cat "$work/log"; fail "absolute: configure"; }
cmake --build "$work/build" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; fail "absolute: build"; }
cmake --install "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; fail "absolute: install"; }
rm -r "$work/build"
"$work/prefix/bin/gofer" version >/dev/null || fail "absolute: the installed gofer does not run"
[[ -e $work/elsewhere/lib64/libgofer.so ]] || fail "absolute: the library is elsewhere"
echo "embedded, shared and static; installed into absolute folders"
