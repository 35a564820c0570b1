#!/usr/bin/env bash
# run.sh [FOLDER] - checks the models by SPIN: each must hold, and each of its variants (the lines
# " * -DNAME" of its head) must fail. FOLDER is for what SPIN makes. Exit code 77: there is no SPIN.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "no spin: install it to check the models"; exit 77; }
work=${1:-$(mktemp -d)}
mkdir -p "$work"
cd "$work"

# The last line is what pan says of errors.
check() {
    rm -f pan.* pan
    spin -a "${@:2}" "$here/$1" >spin.log
    "${CC:-cc}" -w -O2 -DSAFETY "${@:2}" -o pan pan.c
    ./pan -m100000 >pan.log
    grep -o 'errors: [0-9]*' pan.log
}

failed=0
expect() {
    local said
    said=$(check "${@:2}")
    case $1/$said in
    holds/'errors: 0') echo "ok      ${*:2} holds" ;;
    holds/*) echo "FAILED  ${*:2} does not hold, see $work/pan.log"; failed=1 ;;
    fails/'errors: 0') echo "FAILED  ${*:2} finds nothing wrong"; failed=1 ;;
    *) echo "ok      ${*:2} fails, as it must" ;;
    esac
}

for model in "$here"/*.pml; do
    name=$(basename "$model")
    expect holds "$name"
    while read -r variant; do
        expect fails "$name" "$variant"
    done < <(grep -oE '^ \* -D[A-Z_]+(=[0-9]+)?' "$model" | cut -c4-)
done
exit $failed
