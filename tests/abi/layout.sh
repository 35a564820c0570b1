#!/usr/bin/env bash
# layout.sh PROGRAM [--update] - what PROGRAM (layout.c) prints is what layout.txt lists. Run on
# 64-bit systems with 64-bit pointers only (LP64); others have their own layout.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if ! "$1" --lp64; then
    echo "n/a: not an LP64 system"
    exit 77
fi
if [[ ${2:-} == --update ]]; then
    {
        cat <<'END'
# Sizes and offsets of the public structs on LP64, and the public constants. A field or a
# constant may be appended (a struct's size grows with it); no other line may change.
END
        "$1"
    } >"$here/layout.txt"
    exit
fi
if ! diff <(grep -v '^#' "$here/layout.txt") <("$1"); then
    echo "the layout differs ('<' listed in layout.txt, '>' as compiled)"
    exit 1
fi
echo "$(grep -vc '^#' "$here/layout.txt") lines as listed"
