# lib.sh - what tests/run.sh, the scripts in tests/redis and examples/quickstart.sh share: say
# things, install what is missing, build, make a Python environment. Sourced by bash, which has
# set -euo pipefail. It writes only below build/ and, by apt-get on Debian and Ubuntu, system
# packages.
#
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_root=$root/build
umask 022 # a worker refuses a plugin that others may write to
export PYTHONDONTWRITEBYTECODE=1 # nothing beside the sources
# Where Go's own archive is unpacked; its instructions leave the PATH to whoever does it.
[[ ! -x /usr/local/go/bin/go ]] || PATH=$PATH:/usr/local/go/bin

bold='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
fi

heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '   %s\n' "$*"; }
die() {
    printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
    exit 1
}

# Run a command, its output into a log; on failure show the end of the log and fail.
# quietly LOG COMMAND...
quietly() {
    local log=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        printf '%s failed; the end of %s:\n' "$1" "$log" >&2
        tail -n 40 "$log" >&2
        return 1
    fi
}

jobs_count() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2; }

# ---- System packages --------------------------------------------------------
#
# One line for each need: who needs it, how to see that it is there, and the package that brings
# it in each system ('-': comes with another one of the list, or with the system).
# Probes: cmd:NAME a command · pc:NAME a pkg-config module · py:NAME a Python module · inc:FILE a
# header · zone:NAME a time zone.
packages_table='
# for   probe            debian          fedora            arch        alpine         brew
build   cmd:cc           gcc             gcc               gcc         gcc            -
build   inc:stdio.h      libc6-dev       glibc-devel       -           musl-dev       -
build   cmd:cmake        cmake           cmake             cmake       cmake          cmake
build   cmd:ninja|make   ninja-build     ninja-build       ninja       samurai        ninja
build   cmd:pkg-config   pkg-config      pkgconf           pkgconf     pkgconf        pkgconf
build   pc:sqlite3       libsqlite3-dev  sqlite-devel      sqlite      sqlite-dev     sqlite
build   pc:libcjson      libcjson-dev    cjson-devel       cjson       cjson-dev      cjson
build   pc:hiredis       libhiredis-dev  hiredis-devel     hiredis     hiredis-dev    hiredis
build   pc:openssl       libssl-dev      openssl-devel     openssl     openssl-dev    openssl
build   pc:libprotobuf-c libprotobuf-c-dev protobuf-c-devel protobuf-c protobuf-c-dev protobuf-c
build   cmd:protoc-c     protobuf-c-compiler protobuf-c-compiler - protobuf-c-compiler -
build   pc:popt          libpopt-dev     popt-devel        popt        popt-dev       popt
build   pc:libmicrohttpd libmicrohttpd-dev libmicrohttpd-devel libmicrohttpd libmicrohttpd-dev -
build   pc:libmicrohttpd -               -                 -           -              libmicrohttpd
build   pc:libcurl       libcurl4-openssl-dev libcurl-devel    curl        curl-dev       curl
build   pc:ncursesw      libncurses-dev  ncurses-devel     ncurses     ncurses-dev    ncurses
build   pc:lua           liblua5.4-dev   lua-devel         lua         lua5.4-dev     lua
build   cmd:swig         swig            swig              swig        swig           swig
build   cmd:python3      python3         python3           python      python3        python3
build   py:venv          python3-venv    -                 -           -              -
build   inc:Python.h     python3-dev     python3-devel     -           python3-dev    -
build   zone:Europe/Berlin tzdata        tzdata            tzdata      tzdata         -
test    cmd:c++          g++             gcc-c++           -           g++            -
test    cmd:clang        clang           clang             clang       clang          llvm
test    cmd:valgrind     valgrind        valgrind          valgrind    valgrind       -
test    cmd:lua5.4|lua   lua5.4          lua               -           lua5.4         -
test    cmd:luacheck     lua-check       -                 luacheck   lua-luacheck   luacheck
test    cmd:nm           binutils        binutils          binutils    binutils       -
test    cmd:sqlite3      sqlite3         sqlite            -           sqlite         -
test    cmd:redis-server|valkey-server redis-server valkey valkey  valkey         redis
test    cmd:openssl      openssl         openssl           -           openssl        -
test    cmd:curl         curl            curl              curl        curl           -
test    cmd:ps           procps          procps-ng         procps-ng   procps         -
test    cmd:tmux         tmux            tmux              tmux        tmux           tmux
test    cmd:go           golang-go       golang            go          go             go
test    cmd:zsh          zsh             zsh               zsh         zsh            -
test    cmd:fish         fish            fish              fish        fish           fish
test    cmd:mandoc       mandoc          mandoc            mandoc      mandoc         mandoc
test    cmd:setpriv      util-linux      util-linux        -           setpriv        -
page    cmd:chromium|google-chrome chromium chromium         chromium   chromium       chromium
page    cmd:chromedriver chromium-driver chromedriver - chromium-chromedriver chromedriver
'

# Is the need of one probe met?
probe() {
    local kind=${1%%:*} what=${1#*:} name
    case $kind in
    cmd)
        for name in ${what//|/ }; do
            command -v "$name" >/dev/null && return
        done
        return 1
        ;;
    pc)
        [[ $what != lua ]] || what='lua5.4 lua-5.4 lua54 lua'
        [[ $what != ncursesw ]] || what='ncursesw ncurses'
        for name in $what; do
            pkg-config --exists "$name" 2>/dev/null && return
        done
        return 1
        ;;
    py) python3 -c "import $what, ensurepip" 2>/dev/null ;;
    zone) [[ -e ${TZDIR:-/usr/share/zoneinfo}/$what ]] ;;
    inc)
        local flags=''
        [[ $what != Python.h ]] || flags=$(python3 -c \
            'import sysconfig; print("-I" + sysconfig.get_path("include"))' 2>/dev/null) || return 1
        printf '#include <%s>\n' "$what" | cc ${flags:+"$flags"} -E - >/dev/null 2>&1
        ;;
    esac
}

# Packages of one column for the given needs; '-' left out. column: 3 debian ... 7 brew
packages_of() {
    local column=$1 needs=$2
    awk -v c="$column" -v needs=" $needs " \
        '!/^#/ && NF >= 7 && index(needs, " " $1 " ") && $c != "-" { printf "%s ", $c }' \
        <<<"$packages_table"
}

# Needs that are not met: their probes, or what brings them on Debian.
# unmet NEEDS [probes|debian]
unmet() {
    local needs=" $1 " how=${2:-probes} for_what what_probe debian rest
    while read -r for_what what_probe debian rest; do
        [[ -n $for_what && $for_what != \#* && $needs == *" $for_what "* ]] || continue
        probe "$what_probe" && continue
        if [[ $how == probes ]]; then
            printf '%s ' "$what_probe"
        elif [[ $debian != - ]]; then
            printf '%s ' "$debian"
        fi
    done <<<"$packages_table"
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install() {
    local missing=() name
    for name in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
            missing+=("$name")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ $(id -u) -ne 0 ]] && ! command -v sudo >/dev/null; then
        say "missing packages, and neither root nor sudo to install them: ${missing[*]}"
        return 0
    fi
    say "installing ${missing[*]}"
    mkdir -p "$build_root"
    export DEBIAN_FRONTEND=noninteractive
    quietly "$build_root/apt.log" as_root apt-get update -qq ||
        say "going on with the package lists there are"
    quietly "$build_root/apt.log" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install: ${missing[*]}"
}

# The Debian mirror that apt uses here; nothing if it has none.
debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -v security | grep -m 1 '/debian/*$' || true
}

# need_packages "build test": what these needs take, installed on Debian and Ubuntu, told elsewhere.
need_packages() {
    local needs=$1 lacking
    if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
        # shellcheck disable=SC2046  # the list is meant to be split
        apt_install $(unmet "$needs" debian)
    fi
    lacking=$(unmet "$needs")
    [[ -n $lacking ]] || return 0
    cat >&2 <<EOF
Not found here: $lacking
gofer needs these packages:
  Debian, Ubuntu  sudo apt-get install $(packages_of 3 "$needs")
  Fedora          sudo dnf install $(packages_of 4 "$needs")
  Arch            sudo pacman -S --needed $(packages_of 5 "$needs")
  Alpine          sudo apk add bash $(packages_of 6 "$needs")
  macOS           xcode-select --install; brew install $(packages_of 7 "$needs")
EOF
    die "install them and run this again"
}

# want_packages NEEDS: installed where apt-get has them; where not, some tests are skipped.
want_packages() {
    local lacking
    lacking=$(unmet "$1" debian)
    [[ -n $lacking ]] || return 0
    # Ubuntu has a browser as a snap alone.
    # shellcheck disable=SC2086  # the list is meant to be split
    if command -v apt-get >/dev/null && apt-get install --simulate $lacking >/dev/null 2>&1; then
        apt_install $lacking
    else
        say "OMIT what needs $lacking: it cannot be installed"
    fi
}

# ---- Building ----------------------------------------------------------------

# cmake_configure SOURCE FOLDER [CMAKE-ARGUMENT...]: with Ninja if it is there.
cmake_configure() {
    local source=$1 folder=$2 generator=()
    shift 2
    # A folder keeps the generator it was first made with.
    if [[ ! -f $folder/CMakeCache.txt ]] && command -v ninja >/dev/null; then
        generator=(-G Ninja)
    fi
    cmake -S "$source" -B "$folder" ${generator[@]+"${generator[@]}"} "$@"
}

# configure_and_build FOLDER [CMAKE-ARGUMENT...]: gofer itself; says nothing unless it fails.
configure_and_build() {
    local folder=$1
    shift
    mkdir -p "$folder"
    quietly "$folder/configure.log" cmake_configure "$root" "$folder" "$@" &&
        quietly "$folder/build.log" cmake --build "$folder" -j "$(jobs_count)"
}

# python_environment FOLDER [PIP-ARGUMENT...]: a venv in which these are installed.
python_environment() {
    local folder=$1
    shift
    # A venv of a Python that is gone, or that was begun and not finished, is made anew.
    "$folder/bin/python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$folder"
    quietly "$folder/pip.log" "$folder/bin/python" -m pip install --quiet \
        --disable-pip-version-check "$@"
}

# The Python of the tests: pytest for the command line and the package, and the package itself.
tests_python_ready() {
    local packages=(cffi pytest pytest-xdist mypy pydantic msgpack prometheus-client selenium
        opentelemetry-proto "setuptools>=70.1")
    local axe=axe-playwright-python     # for axe-core, which it carries: not with what it needs
    local ready=$build_root/test-venv/ready
    [[ ! -e $ready || $(<"$ready") != "${packages[*]} $axe" ]] || return 0
    say "making a Python environment"
    python_environment "$build_root/test-venv" "${packages[@]}" &&
        python_environment "$build_root/test-venv" --no-deps "$axe" &&
        echo "${packages[*]} $axe" >"$ready"
}

# build_tests NAME CMAKE-ARGUMENT...: with the tests, in build/test-NAME.
build_tests() {
    local name=$1
    shift
    tests_python_ready
    say "building $name"
    configure_and_build "$build_root/test-$name" -DGOFER_WERROR=ON -DBUILD_TESTING=ON \
        -DPython3_EXECUTABLE="$build_root/test-venv/bin/python" "$@"
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails when the time is over.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.05
    done
}
