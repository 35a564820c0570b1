#!/usr/bin/env bash
# wheel.sh [WHEEL] [SUITE...] - installs the release wheel (python/release.sh builds it, if none is
# named) in bare roots of Debian (bookworm, unless named) without compiler, libraries and network,
# and runs tasks there, in Python, on SQLite. Needs root, debootstrap, unshare, and what apt and pip
# need to fetch packages; takes some minutes. Not part of tests/run.sh.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=roots.sh
. "$root/tests/roots.sh"
cd "$root"

wheel='' suites=()
for word in "$@"; do
    case $word in
    *.whl) wheel=$(realpath "$word") ;;
    -*)
        sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    *) suites+=("$word") ;;
    esac
done
[[ ${#suites[@]} -gt 0 ]] || suites=(bookworm)
roots_ready
base=$build_root/wheel
mkdir -p "$base"
trap unmount EXIT
if [[ -z $wheel ]]; then
    python/release.sh | tee "$base/release.log"
    wheel=$(tail -n 1 "$base/release.log")
fi

heading "What the wheel says of itself"
python3 tests/wheel/look.py "$wheel"

# What pip would fetch, for the Python of that root: beside the wheel, because there is no network.
wheels_into() {
    local where=$1 version
    version=$(chroot "$where" /usr/bin/python3 -c \
        'import sys; print("%d.%d" % sys.version_info[:2])')
    mkdir -p "$where/wheels"
    cp "$wheel" "$where/wheels"
    python3 -m pip download --quiet --disable-pip-version-check --dest "$where/wheels" \
        --only-binary :all: --implementation cp --python-version "$version" \
        --platform "manylinux2014_$(uname -m)" --platform "manylinux_2_28_$(uname -m)" \
        cffi tzdata
}

# try SUITE: in a root of its own, from which the last things that could help are removed.
try() {
    local suite=$1 bare=$base/$1.bare where=$base/$1
    bare_root "$suite" "$bare" ca-certificates,python3-minimal,python3-venv || return 1
    rm -rf "$where" && cp -a "$bare" "$where" || return 1
    wheels_into "$where" || return 1
    rm -rf "$where"/usr/share/zoneinfo "$where"/{etc,lib,usr/lib,usr/share}/terminfo
    echo 127.0.0.1 localhost >"$where/etc/hosts"
    mkdir "$where/test" && cp -a tests/wheel/. "$where/test" || return 1
    quietly "$base/openssl.log" openssl req -x509 -newkey rsa:2048 -nodes -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$where/test/key.pem" -out "$where/test/cert.pem" || return 1
    mount_in "$where"
    # Nothing but loopback.
    through=(unshare --net sh -c 'ip link set lo up && exec "$@"' sh)
    heading "$suite: installed, and at work"
    inside "$where" sh /test/inside.sh || return 1
}

for suite in "${suites[@]}"; do
    (
        trap unmount EXIT
        try "$suite"
    ) || die "failed on $suite"
    rm -rf --one-file-system "${base:?}/$suite"
done
heading "Passed on ${suites[*]}"
