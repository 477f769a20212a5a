#!/bin/sh
# Each room of lib/ includes only itself and rooms above it; base knows nothing of OpenCL; the command and the examples know only
# what a host sees. Reads the #include lines.
set -eu
cd "$(dirname "$0")/../.."

rooms="base device program graph model codegen solver profile plan run"

position() {
    place=0
    for room in $rooms; do
        place=$((place + 1))
        [ "$room" != "$1" ] || echo $place
    done
}

report=$(mktemp)
trap 'rm -f "$report"' EXIT

for folder in lib/*/; do
    [ -n "$(position "$(basename "$folder")")" ] || echo "$folder: no room of that name" >>"$report"
done

# FILE LINE INCLUDED for every private include: "../room/x.h", "room/x.h" or "../../room/x.h" names a room, all else stays inside.
grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' lib --include='*.[ch]' |
    sed -E 's/^([^:]*):([0-9]*):[^"]*"([^"]*)".*/\1 \2 \3/' |
    while read -r file line included; do
        room=$(echo "$file" | cut -d/ -f2)
        other=$(echo "$included" | sed -E 's,^(\.\./)+,,' | cut -d/ -f1)
        place=$(position "$other")
        [ -n "$place" ] || continue
        if [ "$place" -gt "$(position "$room")" ]; then
            echo "$file:$line: $room includes $included, which lies below it"
        fi
    done >>"$report"

grep -rnE '#[[:space:]]*include[[:space:]]*<CL/' lib/base | sed 's/$/: base knows nothing of OpenCL/' >>"$report" || true
for folder in tools/socle examples; do
    [ -d "$folder" ] || continue
    grep -rnE '#[[:space:]]*include' "$folder" --include='*.[ch]' | grep -E '<CL/|lib/|\.\./' |
        sed 's/$/: only public headers here/' >>"$report" || true
done
grep -rnE '#[[:space:]]*include[[:space:]]*("|<CL/)' include | sed 's/$/: public headers include only public ones/' >>"$report" || true

if [ -s "$report" ]; then
    cat "$report"
    exit 1
fi
