#!/usr/bin/env bash
# backup.sh FOLDER - a handler for `gofer worker --exec 'backup:*=backup.sh FOLDER'`: packs the
# directory that the payload names into an archive in FOLDER, restores that to compare it, and
# prints its path, which becomes the task's result.
#
# What a handler of this kind gets and gives: the payload on standard input, GOFER_TASK_ID and its
# like in the environment; exit code 0 done, 75 try again later, 100 no use in trying again; the
# last lines on standard error become the error text.
set -euo pipefail

folder=$1
source=$(cat)
[[ -d $source ]] || { echo "'$source' is not a directory" >&2; exit 100; }
parent=$(dirname "$source") name=$(basename "$source")

# Named by the task, so that a repeat after a crash replaces a half-made archive and adds none.
archive=$folder/$name-$GOFER_TASK_ID.tar.gz
work=$(mktemp -d "$folder/.backup-XXXXXX")
trap 'rm -rf "$work"' EXIT
tar -czf "$work/archive" -C "$parent" "$name"

# A backup that nobody has restored is a hope.
mkdir "$work/restored"
tar -xzf "$work/archive" -C "$work/restored"
if ! diff -r "$source" "$work/restored/$name" >&2; then
    echo "the archive differs from '$source' (changed meanwhile?)" >&2
    exit 75
fi
mv "$work/archive" "$archive"
printf '%s' "$archive"
