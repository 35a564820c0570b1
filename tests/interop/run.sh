#!/usr/bin/env bash
# run.sh GOFER PEER - the interop tests: gofer and the Go library Asynq on one Redis.
#
# Needs Go and a redis-server. The Go modules come from the module proxy the first time; without
# them, or without Go, the tests are skipped, which is said.
set -euo pipefail

skip() {
    echo "SKIPPED: interop tests with Go's asynq: $1" >&2
    [[ -z ${GOFER_NO_SKIPS:-} ]] || exit 1
    exit 77
}

GOFER=$(realpath "$1")
GOFER_PEER=$(realpath "$2")
export GOFER GOFER_PEER
cd "$(dirname "$0")"
command -v go >/dev/null || skip "there is no 'go' here"
command -v "${GOFER_REDIS_SERVER:-redis-server}" >/dev/null || skip "there is no redis-server here"
export GOFLAGS=-mod=readonly GOTOOLCHAIN=local
wanted=$(sed -n 's/^go //p' go.mod) here=$(go env GOVERSION)
[[ $(printf '%s\n' "$wanted" "${here#go}" | sort -V | head -n 1) == "$wanted" ]] ||
    skip "they need Go $wanted, and $here is older"
# What the package needs, no more; fails without a network unless they are there already.
go list -deps -test ./... >/dev/null || skip "the Go modules cannot be had (see above)"
exec go test -count=1 -timeout 600s ./...
