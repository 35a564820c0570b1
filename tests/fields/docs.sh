#!/usr/bin/env bash
# docs.sh PROGRAM [--update] - what PROGRAM (print.c) prints is what docs/fields.md and
# docs/fields.schema.json hold; with --update they are written anew.
set -euo pipefail

docs=$(cd "$(dirname "$0")/../../docs" && pwd)
wrong=0
for pair in markdown:fields.md schema:fields.schema.json; do
    page=$docs/${pair#*:}
    if [[ ${2:-} == --update ]]; then
        "$1" "${pair%%:*}" >"$page"
    elif ! diff "$page" <("$1" "${pair%%:*}"); then
        echo "$page is not what core/src/info/fields.h says: run tests/fields/update.sh"
        wrong=1
    fi
done
exit $wrong
