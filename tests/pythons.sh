#!/usr/bin/env bash
# pythons.sh [--wheel WHEEL] [PYTHON...] - the tests of the Python package on several CPythons: on
# all from 3.9 on that pyenv or the PATH has, unless some are named by their paths. One wheel is
# built and installed into an environment for each of them; a free-threaded one gets a wheel of its
# own. Takes two minutes for each. Not part of tests/run.sh, which runs them on one.
#
# On each: pytest, the package under `-X dev -W error`, and how long `import gofer` takes.
#
# pythons.sh --smoke PACKAGED - in seconds: the oldest and the newest of them run some tasks
# (python/smoke.py), with the package that the Python PACKAGED has installed. Part of tests/run.sh.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
unset GOFER_URL

wheel='' packaged='' pythons=()
while [[ $# -gt 0 ]]; do
    case $1 in
    --wheel) wheel=$(realpath "${2:?"--wheel needs a file"}") && shift ;;
    --smoke) packaged=${2:?"--smoke needs a Python"} && shift ;;
    -*)
        sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    *) pythons+=("$1") ;;
    esac
    shift
done
work=$build_root/pythons
mkdir -p "$work"

# What one says of itself, "3.13 t" where it is free-threaded; nothing if it is not for us.
says() {
    "$1" -c '
import sys, sysconfig
if sys.implementation.name == "cpython" and sys.version_info >= (3, 9):
    print("%d.%d" % sys.version_info[:2], "t" * bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
' 2>/dev/null || true
}

if [[ ${#pythons[@]} -eq 0 ]]; then
    declare -A seen=()
    for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python \
        $(compgen -c python3. | grep -E '^python3\.[0-9]+t?$' | sort -u); do
        python=$(command -v "$python") || continue
        name=$(says "$python")
        [[ -n $name && -z ${seen[$name]:-} ]] || continue
        seen[$name]=1 pythons+=("$python")
    done
fi
[[ ${#pythons[@]} -gt 0 ]] || die "no CPython from 3.9 on is here"

# smoke PYTHON NAME: with the package as it is installed elsewhere; of its own it has only cffi.
smoke() {
    local python=$1 environment=$work/smoke-$2
    if [[ ! -e $environment/ready ]]; then
        rm -rf "$environment" && "$python" -m venv --without-pip "$environment" || return 1
        # A free-threaded one before 3.14 has no cffi, and goes without.
        if quietly "$work/smoke-$2.log" "$packaged" -m pip --python "$environment/bin/python" \
            install --quiet --disable-pip-version-check 'cffi>=1.15' \
            'typing_extensions>=4.0; python_version < "3.10"' || [[ $2 == *t ]]; then
            touch "$environment/ready"
        else
            return 1
        fi
    fi
    PYTHONPATH=$work/package "$environment/bin/python" tests/python/smoke.py
}

if [[ -n $packaged ]]; then
    : "${GOFER_BIN:?GOFER_BIN names the command}"
    own=$(says "$packaged" | tr -d ' ')
    rm -rf "$work/package" && mkdir -p "$work/package"
    ln -s "$("$packaged" -c 'import gofer; print(gofer.__path__[0])')" "$work/package/gofer"
    mapfile -t sorted < <(for python in "${pythons[@]}"; do
        echo "$(says "$python" | tr -d ' ') $python"
    done | sort -V)
    declare -A ends=(["${sorted[0]%% *}"]=${sorted[0]#* } ["${sorted[-1]%% *}"]=${sorted[-1]#* })
    unset "ends[$own]"
    [[ ${#ends[@]} -gt 0 ]] || say "OMIT python/versions: no other CPython from 3.9 on is here"
    for name in "${!ends[@]}"; do smoke "${ends[$name]}" "$name"; done
    exit 0
fi

# wheel_for PYTHON: built once for all that share an ABI.
wheel_for() {
    local python=$1 kind=abi3
    [[ $(says "$python") != *t ]] || kind=${1//\//_}
    if [[ $kind == abi3 && -n $wheel ]]; then
        echo "$wheel"
        return
    fi
    if [[ ! -e $work/$kind/built ]]; then
        rm -rf "${work:?}/$kind" && mkdir -p "$work/$kind"
        quietly "$work/$kind.log" "$python" -m pip wheel --no-deps --wheel-dir "$work/$kind" \
            "$root/python" >&2 || return 1
        touch "$work/$kind/built"
    fi
    echo "$work/$kind"/gofer-*.whl
}

# try PYTHON NAME: the tests in an environment of its own.
try() {
    local python=$1 environment=$work/venv-$2 file
    file=$(wheel_for "$python") || return 1
    rm -rf "$environment" && "$python" -m venv "$environment" || return 1
    quietly "$work/$2.pip.log" "$environment/bin/python" -m pip install --quiet \
        --disable-pip-version-check "$file" pytest || return 1
    local inside=$environment/bin/python
    "$inside" -X dev -W error tests/python/dev_mode.py || return 1
    "$inside" tests/python/import_time.py || return 1
    GOFER_BIN=$environment/bin/gofer "$inside" -m pytest -q tests/python || return 1
}

rm -rf "$work"/*/built
summary='' failed=0
for python in "${pythons[@]}"; do
    name=$(says "$python" | tr -d ' ')
    [[ -n $name ]] || die "$python is no CPython from 3.9 on"
    heading "CPython $name: $python"
    set +e
    try "$python" "$name" 2>&1 | tee "$work/$name.log"
    code=${PIPESTATUS[0]}
    set -e
    word=passed
    [[ $code -eq 0 ]] || { word=FAILED failed=1; }
    summary+="$(printf '%-6s %s' "$name" "$word")  $(tail -n 1 "$work/$name.log")"$'\n'
done
heading "Pythons"
printf '%s' "$summary"
exit "$failed"
