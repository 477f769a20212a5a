#!/bin/sh
# Files that are not there or not valid: status 3 and a line that names the file; files that cannot be written: status 1, nothing left.
. "$(dirname "$0")/common"

fails 3 "socle: none.onnx: cannot be opened: No such file or directory: check the path" socle run none.onnx
printf 'no network' >text.onnx
expect 3 socle plan text.onnx
grep -q "^socle: text.onnx: not a valid ONNX file: " err
: >empty.onnx
fails 3 "socle: empty.onnx: the file is empty" socle run empty.onnx

expect 0 socle new mlp --layers 4,3,2 --out net.onnx
size=$(wc -c <net.onnx)
head -c $((size / 2)) net.onnx >half.onnx
expect 3 socle run half.onnx
grep -q "^socle: half.onnx: not a valid ONNX file: a field claims more bytes than there are in ModelProto at byte [0-9]*: the file is damaged or incomplete$" err

# Inputs
fails 2 "socle: run: input 'input' is missing: give --input input=FILE.npy, or --random SEED: see socle run --help" socle run net.onnx --budget 0
fails 3 "socle: none.npy: cannot be opened: No such file or directory: check the path" socle run net.onnx --input input=none.npy
fails 2 "socle: run: --input 'image=x.npy': the model's only one is 'input': see socle run --help" \
    socle run net.onnx --random 1 --budget 0 --input image=x.npy

# Training data
printf '1,2,3,4,0\n1,2,3,1\n' >ragged.csv
fails 3 "socle: ragged.csv: line 2 has 4 columns, the lines before have 5: make all lines equally long" \
    socle train net.onnx --data ragged.csv --label-column -1
printf '1,2,3,four,0\n' >text.csv
fails 3 "socle: text.csv: line 1, column 3: 'four' is not a number" socle train net.onnx --data text.csv --label-column -1
printf '1,2,3,0\n' >narrow.csv
fails 3 "socle: narrow.csv: a row has 3 numbers, 'input' of the model wants 4: use another model or file" \
    socle train net.onnx --data narrow.csv --label-column -1
printf '1,2,3,4,0.5\n' >fraction.csv
fails 3 "socle: fraction.csv: label 0.5 in row 0 is no class: cross_entropy wants whole numbers" \
    socle train net.onnx --data fraction.csv --label-column -1
printf '1,2,3,4,0\n1,2,3,4,2\n' >range.csv
expect 2 socle train net.onnx --data range.csv --label-column -1 --budget 0 --no-shuffle
grep -Eq "^socle: .*(label|2).*" err

# What cannot be written
fails 1 "socle: none/net.onnx: cannot be written: No such file or directory: check the path" \
    socle new mlp --layers 4,3,2 --out none/net.onnx
printf '1,2,3,4,0\n4,3,2,1,1\n' >good.csv
expect 1 socle train net.onnx --data good.csv --label-column -1 --epochs 1 --budget 0 --out /dev/full
tail -1 err | grep -q "^socle: /dev/full: cannot be written: No space left on device" || wrong "$(cat err)"
expect 1 socle train net.onnx --data good.csv --label-column -1 --epochs 1 --budget 0 --history none/h.csv
tail -1 err | grep -q "^socle: none/h.csv: cannot be written: No such file or directory" || wrong "$(cat err)"
[ -z "$(find . -name '*.part')" ] || wrong "half-written files stay"

# A comparison with something else
printf '[1]' >old.json
fails 3 "socle: old.json: is not what socle bench --json prints: it has no rows" socle bench launch --compare old.json
