#!/bin/sh
# copies.sh SOURCE: nowhere is a text copied without a word on how much room there is for it.
set -eu
if grep -rnE '\b(strcpy|strcat|stpcpy|sprintf|vsprintf|gets)[[:space:]]*\(' \
    "$1/core" "$1/bindings" --include='*.c' --include='*.h' --include='*.i'; then
    echo "use snprintf, or memcpy with a size that was checked"
    exit 1
fi
