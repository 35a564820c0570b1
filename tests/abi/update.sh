#!/usr/bin/env bash
# update.sh [BUILD-FOLDER] - rewrites symbols.txt and layout.txt from a build, after the public
# interface has grown. Look at `git diff tests/abi`: only additions are allowed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build}
library=$(find "$build" -maxdepth 1 -name 'libgofer.so' -print -quit)
[[ -n $library && -x $build/abi_layout ]] || {
    echo "no libgofer.so and abi_layout in $build: build there first" >&2
    exit 1
}

"$here/symbols.sh" "$library" --update
"$here/layout.sh" "$build/abi_layout" --update
