#!/bin/sh
# Wrong usage: one line that names the subcommand and the option, status 2, nothing on stdout.
. "$(dirname "$0")/common"

fails 2 "socle: fly: no such subcommand: see socle --help" socle fly
fails 2 "socle: run: unknown option --fast: see socle run --help" socle run m.onnx --fast
fails 2 "socle: run: --repeat needs a value: see socle run --help" socle run m.onnx --repeat
fails 2 "socle: run: --repeat 'many' is not a whole number of at least 0: see socle run --help" socle run m.onnx --repeat many
fails 2 "socle: run: --repeat '-1' is not a whole number of at least 0: see socle run --help" socle run m.onnx --repeat=-1
fails 2 "socle: run: --goal 'speed' is none of latency, throughput: see socle run --help" socle run m.onnx --goal speed
fails 2 "socle: run: something is missing: socle run MODEL.onnx [options]: see socle run --help" socle run
fails 2 "socle: run: 'b.onnx' is too much: see socle run --help" socle run a.onnx b.onnx
fails 2 "socle: plan: --shape wants NAME=1x3x224x224: see socle plan --help" socle plan m.onnx --shape 1x3
fails 2 "socle: new: 'rnn' is neither mlp nor cnn: see socle new --help" socle new rnn --layers 1,2 --out m.onnx
fails 2 "socle: new: --layers and --out are needed: see socle new --help" socle new mlp
fails 2 "socle: new: --layers '64' is not FEATURES,UNITS,...,CLASSES, for example 64,128,10: see socle new --help" \
    socle new mlp --layers 64 --out m.onnx
fails 2 "socle: new: --layers '8x8,4' is not CxHxW,CHANNELS,...,CLASSES, for example 1x8x8,16,32,10: see socle new --help" \
    socle new cnn --layers 8x8,4 --out m.onnx
fails 2 "socle: cache: 'shrink' is none of list, verify, clear, path: see socle cache --help" socle cache shrink
fails 2 "socle: train: --data is needed: see socle train --help" socle train m.onnx
fails 2 "socle: train: --data x.npy needs --labels FILE.npy: see socle train --help" socle train m.onnx --data x.npy
fails 2 "socle: train: --data x.csv needs --label-column N, and no --labels: see socle train --help" socle train m.onnx --data x.csv
fails 2 "socle: train: --resume needs --checkpoint DIR: see socle train --help" \
    socle train m.onnx --data x.csv --label-column 0 --resume
fails 2 "socle: train: --epochs and --steps exclude each other: see socle train --help" \
    socle train m.onnx --data x.csv --label-column 0 --epochs 1 --steps 1
fails 2 "socle: train: --optimizer 'lion' is none of sgd, adam, adamw: see socle train --help" \
    socle train m.onnx --data x.csv --label-column 0 --optimizer lion
for count in batch epochs steps accumulate label-column; do
    fails 2 "socle: train: --$count 4294967296: at most 2147483647: see socle train --help" \
        socle train m.onnx --data x.csv --label-column 0 --$count 4294967296
done
fails 2 "socle: tune: --shape goes with gemm and conv: see socle tune --help" socle tune m.onnx --shape 1x1x1

# Help is there for all of it, with an example, on stdout.
expect 0 socle --help
grep -q "^Usage: socle SUBCOMMAND" out
expect 2 socle
for subcommand in devices profile bench plan run train new tune cache doctor; do
    expect 0 socle $subcommand --help
    grep -q "^Usage: socle $subcommand" out || wrong "no usage of $subcommand"
    grep -q "^Example: socle $subcommand" out || wrong "no example of $subcommand"
    [ ! -s err ] || wrong "help on stderr"
done
expect 0 socle --version
grep -Eq '^socle [0-9]+\.[0-9]+\.[0-9]+$' out
