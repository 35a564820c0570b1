#!/usr/bin/env bash
# alone.sh ROOT INCLUDE-FOLDERS (with ':' between them) [lua]: without "lua" those of core/lua are
# left out. Each header of the core compiles by itself, twice included. What it needs it includes,
# so that the order of a file's includes does not matter.
set -euo pipefail

root=$1
flags=(-std=c11 -D_GNU_SOURCE -fsyntax-only
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
    -I "$root/core/src" -I "$root/core/include" -I "$root/core/cli" -I "$root/core/line"
    -I "$root/core")
IFS=: read -ra folders <<<"$2"
for folder in "${folders[@]}"; do
    [[ -z $folder ]] || flags+=(-isystem "$folder")
done

without=()
[[ ${3:-} == lua ]] || without=(-not -path '*/core/lua/*')
ran=0 wrong=0
while IFS= read -r header; do
    ran=$((ran + 1))
    once="#include \"$header\""
    "${CC:-cc}" -x c "${flags[@]}" - <<<"$once"$'\n'"$once"$'\n''extern int nothing;' || {
        echo "FAILED: $header"
        wrong=$((wrong + 1))
    }
done < <(find "$root/core" -name '*.h' "${without[@]}" | sort)
echo "$ran headers compiled, $wrong failed"
[[ $ran -gt 0 ]] || exit 77
[[ $wrong -eq 0 ]]
