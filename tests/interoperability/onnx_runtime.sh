#!/bin/sh
# What Socle trains and writes is valid ONNX, and ONNX Runtime computes the same from it: scores of every digit within 1e-4.
set -eu
if [ ! -x "$SOCLE_TEST_PYTHON" ] || [ ! -x "$SOCLE_TEST_BINARY_DIR/socle" ]; then
    echo "needs the command socle and a Python with onnx and onnxruntime (tools/setup-tests)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOCLE_CACHE_DIR="$work/cache"
PATH="$SOCLE_TEST_BINARY_DIR:$PATH"

for network in "mlp --layers 64,128,10" "cnn --layers 1x8x8,8,16,10"; do
    kind=${network%% *}
    # shellcheck disable=SC2086 # a subcommand and its options
    socle new $network --out "$work/$kind.onnx"
    socle train "$work/$kind.onnx" --data "$SOCLE_TEST_SOURCE_DIR/examples/digits.csv.gz" --label-column -1 --scale 0.0625 \
        --lr 0.05 --momentum 0.9 --batch 32 --epochs 2 --drop-last --out "$work/$kind-trained.onnx"
    "$SOCLE_TEST_PYTHON" - "$SOCLE_TEST_SOURCE_DIR/examples/digits.csv.gz" "$work/$kind-trained.onnx" "$work" "$kind" <<'PYTHON'
import subprocess
import sys

import numpy
import onnx
import onnxruntime

data, path, work, kind = sys.argv[1:]
onnx.checker.check_model(path, full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
rank = len(session.get_inputs()[0].shape)
output = session.get_outputs()[0].name
images = (numpy.loadtxt(data, delimiter=",", dtype=numpy.float32)[:, :64] / 16)
images = images if rank == 2 else images.reshape(-1, 1, 8, 8)
numpy.save(f"{work}/{kind}-in.npy", images)
subprocess.run(["socle", "run", path, "--input", f"{name}={work}/{kind}-in.npy", "--output", f"{output}={work}/{kind}-out.npy"],
               check=True)
ours = numpy.load(f"{work}/{kind}-out.npy")
theirs = session.run(None, {name: images})[0]
assert ours.shape == theirs.shape == (len(images), 10), (ours.shape, theirs.shape)
difference = numpy.abs(ours - theirs).max()
print(f"{kind}: largest difference {difference:.2e}, largest score {numpy.abs(theirs).max():.2f}")
assert numpy.isfinite(theirs).all() and theirs.std() > 0.1
assert difference < 1e-4, difference
PYTHON
done
