#!/bin/sh
# The shared library exports the functions that its public headers declare with SOCLE_API, and nothing else.
set -eu
cd "$(dirname "$0")/../.."
library=$SOCLE_TEST_BINARY_DIR/libsocle.so
[ -e "$library" ]

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort -u >"$work/exported"
# A declaration may break after the type: join the lines, then take the name in front of the first parenthesis.
cat include/socle/*.h | sed '/^#/d' | tr '\n' ' ' | grep -oE 'SOCLE_API [^;(]*\(' | grep -v '__attribute__' |
    sed -E 's/.*[ *](socle_[a-z0-9_]+) *\(/\1/' | sort -u >"$work/declared"
[ -s "$work/declared" ]

if ! diff "$work/declared" "$work/exported" >"$work/difference"; then
    echo "declared (<) and exported (>) differ:"
    cat "$work/difference"
    exit 1
fi
