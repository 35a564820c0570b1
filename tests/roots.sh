# roots.sh - bare roots of Debian: made by debootstrap, entered by chroot. For tests/fresh.sh and
# tests/wheel.sh, which have sourced lib.sh. Needs root.
#
#   GOFER_FRESH_MIRROR   the Debian mirror; that of this machine's apt, if not set
#
# shellcheck shell=bash

mirror=''
roots_ready() {
    [[ $(id -u) -eq 0 ]] || die "only root can make a root: sudo $0"
    command -v debootstrap >/dev/null || apt_install debootstrap
    command -v debootstrap >/dev/null || die "debootstrap is not here: install it"
    mirror=${GOFER_FRESH_MIRROR:-$(debian_mirror)}
    [[ -n $mirror ]] || die "no Debian mirror is known here: set GOFER_FRESH_MIRROR"
}

# bare_root SUITE FOLDER PACKAGES: the least there is of a Debian, and these (a,b); unless it is
# there already.
bare_root() {
    [[ ! -e $2/ready ]] || return 0
    rm -rf "$2"
    say "making a bare root of $1"
    quietly "$2.debootstrap.log" \
        debootstrap --variant=minbase --include="$3" "$1" "$2" "$mirror" || return 1
    touch "$2/ready"
}

mounted=()
unmount() {
    local at
    for at in ${mounted[@]+"${mounted[@]}"}; do umount -l "$at" || true; done
    mounted=()
}

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
through=() # what runs commands in there: unshare ..., for one
inside() {
    local where=$1 name pass=()
    shift
    for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy \
        GOPROXY GOSUMDB GONOSUMDB PIP_INDEX_URL PIP_TRUSTED_HOST GOFER_NO_SKIPS; do
        [[ -z ${!name:-} ]] || pass+=("$name=${!name}")
    done
    ${through[@]+"${through[@]}"} chroot "$where" /usr/bin/env -i \
        HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
        SSL_CERT_FILE=/etc/ssl/fresh.crt PIP_CERT=/etc/ssl/fresh.crt \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${pass[@]+"${pass[@]}"} "$@"
}
