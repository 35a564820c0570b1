#!/usr/bin/env bash
# pythons.sh [--wheel WHEEL] [PYTHON...] - the tests of the Python package on several CPythons: on
# all from 3.9 on that pyenv or the PATH has, unless some are named by their paths. One wheel is
# built and installed into an environment for each of them; a free-threaded one gets a wheel of its
# own. Takes two minutes for each. Not part of tests/run.sh, which runs them on one.
#
# On each: pytest, the package under `-X dev -W error`, and how long `import gofer` takes.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
unset GOFER_URL

wheel='' pythons=()
while [[ $# -gt 0 ]]; do
    case $1 in
    --wheel) wheel=$(realpath "${2:?"--wheel needs a file"}") && shift ;;
    -*)
        sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
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
        $(compgen -c python3. | sort -u); do
        python=$(command -v "$python") || continue
        name=$(says "$python")
        [[ -n $name && -z ${seen[$name]:-} ]] || continue
        seen[$name]=1 pythons+=("$python")
    done
fi
[[ ${#pythons[@]} -gt 0 ]] || die "no CPython from 3.9 on is here"

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
