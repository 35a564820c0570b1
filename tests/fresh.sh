#!/usr/bin/env bash
# fresh.sh [--keep] [SUITE...] - the README's two commands on machines where nothing was installed
# by hand: for each Debian release (bookworm and trixie unless named) makes a bare root by
# debootstrap, puts a clean clone of the last commit into it, and runs examples/quickstart.sh and
# tests/run.sh there. Needs root, debootstrap, and what apt, pip and Go need to fetch packages;
# takes about an hour. Not part of tests/run.sh.
#
#   --keep               leaves the roots below build/fresh; the next run starts from the bare ones
#                        in any case
#   GOFER_FRESH_PARTS    the parts of tests/run.sh to run; all, if not set
#   GOFER_FRESH_MIRROR   the Debian mirror; that of this machine's apt, if not set
#
# What pip, Go and apt are told here by the environment and their configuration files holds in
# the roots too.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=roots.sh
. "$root/tests/roots.sh"
cd "$root"

keep=0 suites=()
for word in "$@"; do
    case $word in
    --keep) keep=1 ;;
    -*)
        sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    *) suites+=("$word") ;;
    esac
done
[[ ${#suites[@]} -gt 0 ]] || suites=(bookworm trixie)
roots_ready

base=$build_root/fresh
mkdir -p "$base"
trap unmount EXIT

# try SUITE: both commands in a bare root of its own.
try() {
    local suite=$1 bare=$base/$1.bare where=$base/$1
    bare_root "$suite" "$bare" ca-certificates || return 1
    rm -rf "$where" && cp -a "$bare" "$where" || return 1
    settings_into "$where"
    mount_in "$where"
    git clone -q "$root" "$where/root/gofer" || return 1
    heading "$suite: examples/quickstart.sh"
    inside "$where" bash -c 'cd /root/gofer && examples/quickstart.sh' || return 1
    heading "$suite: tests/run.sh ${GOFER_FRESH_PARTS:-}"
    # shellcheck disable=SC2016  # expanded in there
    inside "$where" bash -c 'cd /root/gofer && tests/run.sh "$@"' run.sh ${GOFER_FRESH_PARTS:-} ||
        return 1
}

summary='' failed=0
for suite in "${suites[@]}"; do
    heading "$suite"
    set +e
    (
        trap unmount EXIT
        try "$suite"
    ) 2>&1 | tee "$base/$suite.log"
    code=${PIPESTATUS[0]}
    set -e
    if [[ $code -eq 0 ]]; then
        summary+="   $suite passed"$'\n'
    else
        summary+="   $suite FAILED"$'\n' failed=1
    fi
    [[ $keep -eq 1 ]] || rm -rf --one-file-system "${base:?}/$suite"
done
heading "Fresh machines"
printf '%s' "$summary"
exit "$failed"
