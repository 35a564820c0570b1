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
[[ $(id -u) -eq 0 ]] || die "only root can make a root: sudo tests/fresh.sh"
command -v debootstrap >/dev/null || apt_install debootstrap
command -v debootstrap >/dev/null || die "debootstrap is not here: install it"

mirror=${GOFER_FRESH_MIRROR:-$(
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -v security | head -n 1
)}
[[ -n $mirror ]] || die "no Debian mirror is known here: set GOFER_FRESH_MIRROR"

base=$build_root/fresh
mkdir -p "$base"
mounted=()
unmount() {
    local at
    for at in ${mounted[@]+"${mounted[@]}"}; do umount -l "$at" || true; done
    mounted=()
}
trap unmount EXIT

# mount_in ROOT: what a process expects of a running system.
mount_in() {
    # A mount of its own, so that tests may mount in there.
    mount --bind "$1" "$1" && mounted=("$1" "${mounted[@]}")
    mount -t proc proc "$1/proc" && mounted=("$1/proc" "${mounted[@]}")
    mount --rbind /dev "$1/dev" && mounted=("$1/dev" "${mounted[@]}")
    mount --make-rslave "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp" && mounted=("$1/tmp" "${mounted[@]}")
}

# settings_into ROOT: how packages are fetched on this machine. Nothing else of it goes along.
settings_into() {
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
        [[ ! -e $file ]] || install -D -m 644 "$file" "$1$file"
    done
    # Beside the root's own list, which its packages make anew.
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/fresh.crt"
}

# inside ROOT COMMAND...: with a bare environment, but for how packages are fetched.
inside() {
    local where=$1 name pass=()
    shift
    for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy \
        GOPROXY GOSUMDB GONOSUMDB PIP_INDEX_URL PIP_TRUSTED_HOST GOFER_NO_SKIPS; do
        [[ -z ${!name:-} ]] || pass+=("$name=${!name}")
    done
    chroot "$where" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
        SSL_CERT_FILE=/etc/ssl/fresh.crt PIP_CERT=/etc/ssl/fresh.crt \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${pass[@]+"${pass[@]}"} "$@"
}

# try SUITE: both commands in a bare root of its own.
try() {
    local suite=$1 bare=$base/$1.bare where=$base/$1
    if [[ ! -e $bare/ready ]]; then
        rm -rf "$bare"
        say "making a bare root of $suite"
        quietly "$base/$suite.debootstrap.log" \
            debootstrap --variant=minbase --include=ca-certificates "$suite" "$bare" "$mirror" ||
            return 1
        touch "$bare/ready"
    fi
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
