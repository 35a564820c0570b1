#!/usr/bin/env bash
# update.sh [BUILD-FOLDER] - writes docs/fields.md and docs/fields.schema.json anew from a build,
# after core/src/info/fields.h has grown. Look at `git diff docs`: only additions are allowed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../../build}/tests/fields_print
[[ -x $program ]] || { echo "no $program: build the tests there first" >&2; exit 1; }
"$here/docs.sh" "$program" --update
