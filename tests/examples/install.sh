#!/usr/bin/env bash
# install.sh SOURCE BUILD COMPILER VERSION GENERATOR - an installed gofer is complete and can be
# moved: a project outside finds it by find_package and by pkg-config, builds, links and runs.
# Installs into a temporary folder only.
set -euo pipefail

source=$1 build=$2 compiler=$3 version=$4 generator=$5
umask 022 # a worker refuses a plugin that others may write to
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFER_URL=sqlite:$work/tasks.db

fail() {
    echo "failed: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix" # nothing in it may know where it was installed
prefix=$work/prefix

# Nothing leads back to where it was built.
if grep -rIlF -e "$build" -e "$source" "$prefix"; then
    fail "these installed files name the build or source folder"
fi
for program in "$prefix"/bin/gofer "$prefix"/lib*/libgofer.so "$prefix"/lib*/*/libgofer.so; do
    [[ -e $program ]] || continue
    if readelf -d "$program" | grep -E 'R(UN)?PATH' | grep -qF "$build"; then
        fail "$program has a run path into the build folder"
    fi
done
"$prefix/bin/gofer" version | grep -qF "$version" || fail "the installed gofer does not run"
[[ -n $(find "$prefix" -name gofer.1 -print -quit) ]] || fail "there is no manual page"
[[ -n $(find "$prefix" -name gofer.h -print -quit) ]] || fail "there is no header"

# find_package, with the examples as the project outside.
cp -r "$source/examples/c" "$work/project"
cmake -G "$generator" -S "$work/project" -B "$work/project-build" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$compiler" >"$work/log" || { cat "$work/log"; fail "find_package"; }
cmake --build "$work/project-build" >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "build by find_package"; }
"$work/project-build/example_schedule" "$work/cache" "$work/cache" >/dev/null ||
    fail "the program does not run"
mkdir "$work/cache"
touch -t 202001010000 "$work/cache/old"
"$prefix/bin/gofer" worker --drain --queue maintenance --plugin "$work/project-build/maintenance.so"
[[ ! -e $work/cache/old ]] || fail "the plugin, built outside, did not do its work"

# A wrong version is refused.
mkdir "$work/newer"
cat >"$work/newer/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(newer LANGUAGES C)
find_package(gofer 99 REQUIRED)
END
if cmake -G "$generator" -S "$work/newer" -B "$work/newer-build" -DCMAKE_PREFIX_PATH="$prefix" \
    >/dev/null 2>&1; then
    fail "find_package(gofer 99) was satisfied"
fi

# pkg-config, and a compiler by hand.
pc=$(find "$prefix" -name gofer.pc -print -quit)
[[ -n $pc ]] || fail "there is no gofer.pc"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
[[ $(pkg-config --modversion gofer) == "$version" ]] || fail "gofer.pc has another version"
# shellcheck disable=SC2046  # flags are meant to be split
"$compiler" -std=c11 "$source/examples/c/schedule.c" -o "$work/by-hand" \
    $(pkg-config --cflags --libs gofer) || fail "compile by pkg-config"
LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libgofer.so -print -quit)") \
    "$work/by-hand" "$work/cache" "$work/cache" >/dev/null ||
    fail "the program built by hand does not run"
echo "installed, found by CMake and by pkg-config, and used"
