#!/usr/bin/env bash
# build.sh [FOLDER] - the reference of the Python package, made from its docstrings, as HTML in
# FOLDER (build/reference). Warnings are errors.
#
# Makes an environment with Sphinx in build/reference-venv. The package is installed there first,
# unless $GOFER_PYTHON names a Python that has both.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../tests/lib.sh
. "$here/../../tests/lib.sh"

folder=${1:-$build_root/reference}
python=${GOFER_PYTHON:-}
if [[ -z $python ]]; then
    python_environment "$build_root/reference-venv" "sphinx>=7" "$root/python" ||
        die "Sphinx or the package could not be installed"
    python=$build_root/reference-venv/bin/python
fi
"$python" -m sphinx -b html -W --keep-going -q -d "$folder.doctrees" "$here" "$folder"
say "the reference is in $folder/index.html"
