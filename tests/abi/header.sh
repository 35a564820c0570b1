#!/usr/bin/env bash
# header.sh HEADER - gofer.h compiles alone, as C11 and as C++20, with every warning, with each
# compiler there is. Nothing is linked and nothing is written.
set -euo pipefail

include=$(dirname "$(dirname "$1")")
source='#include "gofer/gofer.h"
#include "gofer/gofer.h"
int use(void);
int use(void)
{
    return GOFER_OK == 0 && sizeof(gofer_enqueue_options) > 0 && GOFER_MAX_DURATION_MS > 0;
}'
common=(-fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wconversion -Werror -I "$include")
ran=0

# compile COMPILER LANGUAGE FLAG...
compile() {
    local compiler=$1 language=$2
    shift 2
    if ! command -v "$compiler" >/dev/null; then
        echo "SKIPPED: the header with $compiler, which is not here"
        [[ -z ${GOFER_NO_SKIPS:-} ]] || exit 1
        return 0
    fi
    "$compiler" -x "$language" "${common[@]}" "$@" - <<<"$source"
    echo "ok: $compiler $*"
    ran=$((ran + 1))
}

c=(-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wc++-compat)
compile gcc c -std=c11 -pedantic-errors "${c[@]}"
compile gcc c -std=c99 -pedantic-errors "${c[@]}"
compile g++ c++ -std=c++20 -pedantic-errors -Wold-style-cast
compile g++ c++ -std=c++11 -pedantic-errors
# All that clang knows, but for what asks C to be something else, and alignment told as a warning.
every=(-Weverything -Wno-padded -Wno-unknown-warning-option -Wno-unsafe-buffer-usage)
compile clang c -std=c11 "${every[@]}" -Wno-declaration-after-statement -Wno-pre-c11-compat
compile clang++ c++ -std=c++20 "${every[@]}" \
    -Wno-c++98-compat -Wno-c++98-compat-pedantic -Wno-old-style-cast

[[ $ran -gt 0 ]] || { echo "no compiler found"; exit 77; }
