#!/bin/sh
# shellcheck disable=SC2086 # $train_big is a command with its options
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
fails 3 "socle: range.csv: label 2 in row 1 is out of range: 'scores' of the model has classes 0 to 1" \
    socle train net.onnx --data range.csv --label-column -1
printf '1,2,3,4,-1\n' >negative.csv
fails 3 "socle: negative.csv: label -1 in row 0 is out of range: 'scores' of the model has classes 0 to 1" \
    socle train net.onnx --data negative.csv --label-column -1
printf 'a,b,c,d,class\n' >header.csv
fails 3 "socle: header.csv: it has no rows of numbers" socle train net.onnx --data header.csv --label-column -1
: >nothing.csv
fails 3 "socle: nothing.csv: it has no rows of numbers" socle train net.onnx --data nothing.csv --label-column -1
fails 3 "socle: .: is a folder, not a file" socle train net.onnx --data . --label-column -1
fails 2 "socle: narrow.csv: no label column 7: it has 4 columns, numbered from 0" \
    socle train net.onnx --data narrow.csv --label-column 7

# NPY files: VERSION 1, a header, and 16 bytes of elements.
npy() {
    { printf '\223NUMPY\001\000\166\000' && printf '%-117s\n' "$2" && printf '%016d' 0; } >"$1"
}
npy x.npy "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }"
expect 0 socle run net.onnx --input input=x.npy --budget 0
npy wide.npy "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }"
npy wide4.npy "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 4), }"
fails 3 "socle: wide4.npy: its elements are int32, input 'input' wants float32: convert it with astype" \
    socle run net.onnx --input input=wide4.npy --budget 0
fails 3 "socle: wide.npy: its shape [1, 2] does not fit input 'input': its dimension 1 is 4" \
    socle run net.onnx --input input=wide.npy --budget 0
npy fortran.npy "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 4), }"
fails 3 "socle: fortran.npy: it is in Fortran order: save it with numpy.ascontiguousarray" \
    socle run net.onnx --input input=fortran.npy --budget 0
fails 3 "socle: range.csv: is not an NPY file: its first bytes are not \\x93NUMPY" socle run net.onnx --input input=range.csv
npy complex.npy "{'descr': '<c8', 'fortran_order': False, 'shape': (1, 2), }"
fails 3 "socle: complex.npy: its element type '<c8' is not supported: convert it with astype, for example to float32" \
    socle train net.onnx --data complex.npy --labels x.npy
fails 3 "socle: none.npy: cannot be opened: No such file or directory: check the path" \
    socle train net.onnx --data x.npy --labels none.npy

# What cannot be written
fails 1 "socle: none/net.onnx: cannot be written: No such file or directory: check the path" \
    socle new mlp --layers 4,3,2 --out none/net.onnx
printf '1,2,3,4,0\n4,3,2,1,1\n' >good.csv
expect 1 socle train net.onnx --data good.csv --label-column -1 --epochs 1 --budget 0 --out /dev/full
tail -1 err | grep -q "^socle: /dev/full: cannot be written: No space left on device" || wrong "$(cat err)"
fails 1 "socle: none/h.csv: cannot be written: No such file or directory: choose another place" \
    socle train net.onnx --data good.csv --label-column -1 --history none/h.csv
fails 1 "socle: none/p.svg: cannot be written: No such file or directory: choose another place" \
    socle train net.onnx --data good.csv --label-column -1 --plot none/p.svg
fails 1 "socle: none/t.onnx: cannot be written: No such file or directory: choose another place" \
    socle train net.onnx --data good.csv --label-column -1 --out none/t.onnx
fails 1 "socle: .: is a folder: name a file in it" socle train net.onnx --data good.csv --label-column -1 --out .
fails 1 "socle: net.onnx: is no folder: name another one for the checkpoint" \
    socle train net.onnx --data good.csv --label-column -1 --checkpoint net.onnx

# A full disk, as a limit on the size of files: each output in turn is refused, what stood there stays, and nothing half-written.
export SOCLE_DEVICES=0
train_big="socle train big.onnx --data good.csv --label-column -1 --epochs 1 --budget 0"
limited() { # BLOCKS COMMAND...: of 512 bytes; stdout and stderr go through a pipe, which has no limit. Caches are as they were filled.
    blocks=$1
    rm -rf cache pocl
    cp -r filled/* .
    shift
    {
        limited_status=0
        (ulimit -f "$blocks" && POCL_CACHE_DIR="$work/pocl" exec "$@") || limited_status=$?
        echo $limited_status >status
    } 2>&1 | cat >&2
    return "$(cat status)"
}
full="File too large: raise the limit of file sizes (ulimit -f)"
expect 0 socle new mlp --layers 4,5000,2 --out big.onnx
touch mark
expect 0 $train_big --checkpoint state
expect 0 socle run net.onnx --random 1 --budget 0
mkdir -p filled/pocl
cp -r cache filled
cp -r state before
if [ -d "${POCL_CACHE_DIR:-}" ]; then # what PoCL took from its cache: its compiler does not survive a full disk
    (cd "$POCL_CACHE_DIR" && find . -name last_accessed -newer "$work/mark" -exec dirname {} +) >used
    while read -r entry; do (cd "$POCL_CACHE_DIR" && cp -r --parents "$entry" "$work/filled/pocl"); done <used
fi
expect 1 limited 200 socle new mlp --layers 4,6000,2 --out big.onnx
says "socle: big.onnx: cannot be written: $full"
last() {
    [ "$(tail -1 err)" = "$1" ] || wrong "$(cat err)"
}
expect 1 limited 200 $train_big --out big.onnx
last "socle: big.onnx: cannot be written: $full"
expect 0 socle new mlp --layers 4,5000,2 --out same.onnx
cmp big.onnx same.onnx || wrong "a full disk spoils the model that was there"
expect 1 limited 200 $train_big --checkpoint state
last "socle: state/checkpoint.safetensors: cannot be written: $full"
cmp state/checkpoint.safetensors before/checkpoint.safetensors || wrong "a full disk spoils the last checkpoint"
expect 1 limited 0 $train_big --history h.csv
last "socle: h.csv: cannot be written: File too large: choose another place"
expect 1 limited 0 $train_big --plot p.svg
last "socle: p.svg: cannot be written: File too large: choose another place"
expect 1 limited 0 socle run net.onnx --random 1 --budget 0 --output scores=y.npy
last "socle: y.npy: cannot be written: $full"
expect 1 limited 0 socle tune --export tunings.json
last "socle: tunings.json: cannot be written: $full"
for left in h.csv p.svg y.npy tunings.json; do
    [ ! -e $left ] || wrong "$left is half-written"
done

# A cache that cannot be written: said once, and all works from memory.
SOCLE_CACHE_DIR="$work/net.onnx/cache" expect 0 socle run net.onnx --random 1 --budget 0
says "socle: warn: store: $work/net.onnx: the folder cannot be made: Not a directory: everything is kept in memory"
SOCLE_CACHE_DIR=/proc/socle expect 0 socle cache path
says "socle: warn: store: /proc/socle: the folder cannot be made: No such file or directory: check the path: everything is kept in \
memory"
expect 0 limited 0 socle run net.onnx --random 1 --budget 0 # what is in the cache is used on a full disk
grep -q "^output scores: float32 \[1, 2\]: " err || wrong "$(cat err)"

# Two at once with one cache.
for i in 1 2; do
    SOCLE_CACHE_DIR="$work/shared" socle run net.onnx --random 1 --budget 0 --output scores=both$i.npy >both$i.out 2>&1 &
done
wait
cmp both1.npy both2.npy || wrong "two runs at once: $(cat both1.out both2.out)"
expect 0 env SOCLE_CACHE_DIR="$work/shared" socle cache verify
grep -q ", 0 damaged$" out

# Checkpoints that are not there, not whole, or of another model.
mkdir empty
expect 0 $train_big --checkpoint empty --resume
grep -q "^socle: empty: no checkpoint yet: starting anew$" err || wrong "$(cat err)"
mkdir damaged
head -c 1000 state/checkpoint.safetensors >damaged/checkpoint.safetensors
damage="lies beyond the end of the file, or does not have its shape's size: the file is damaged"
fails 3 "socle: damaged/checkpoint.safetensors: tensor 'fc1.weight' $damage" $train_big --checkpoint damaged --resume
fails 3 "socle: state/checkpoint.safetensors: 'fc1.weight' has another type or shape than the model's: it is a checkpoint of another \
model" socle train net.onnx --data good.csv --label-column -1 --budget 0 --checkpoint state --resume
fails 3 "socle: state/checkpoint.safetensors: 'socle.first:fc1.weight' is missing: it is a checkpoint of another model or optimizer" \
    $train_big --checkpoint state --resume --optimizer adam
fails 3 "socle: good.csv: is no history of a training: name another file" \
    $train_big --checkpoint state --resume --history good.csv
[ -z "$(find . -name '*.part')" ] || wrong "half-written files stay"

# A comparison with something else
printf '[1]' >old.json
fails 3 "socle: old.json: is not what socle bench --json prints: it has no rows" socle bench launch --compare old.json
