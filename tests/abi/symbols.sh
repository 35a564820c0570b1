#!/usr/bin/env bash
# symbols.sh LIBGOFER [--update] - the library exports what symbols.txt lists, and nothing else;
# its soname is the promised one. With --update symbols.txt is rewritten.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
library=$1
export LC_ALL=C

# Name and version node: "gofer_client_open GOFER_0". The nodes themselves are absolute symbols (A).
exported() {
    nm -D --defined-only "$library" | awk '$2 != "A" { sub("@@?", " ", $3); print $3 }' | sort
}

if [[ ${2:-} == --update ]]; then
    {
        echo "# What libgofer.so exports: symbol and version node." \
            "A line may be added, never changed or removed."
        exported
    } >"$here/symbols.txt"
    exit
fi

failed=0
if ! difference=$(diff <(grep -v '^#' "$here/symbols.txt") <(exported)); then
    echo "exported symbols differ ('<' listed in symbols.txt, '>' in the library):"
    echo "$difference"
    failed=1
fi
soname=$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
if [[ $soname != libgofer.so.0 ]]; then
    echo "soname is '$soname', not libgofer.so.0"
    failed=1
fi
[[ $failed -eq 0 ]] && echo "$(grep -vc '^#' "$here/symbols.txt") symbols as listed, soname $soname"
exit $failed
