#!/bin/sh
# The examples, as a reader would run them: train writes a model that answers well on rows it has not seen, infer serves it, kernel
# tunes and checks its own kernel on every device.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOCLE_CACHE_DIR="$work/cache"

"$SOCLE_TEST_BINARY_DIR/example_train" "$SOCLE_TEST_SOURCE_DIR/examples/digits.csv.gz" "$work/digits.onnx" >"$work/train"
cat "$work/train"
grep -q "^epoch 20 .* accuracy on unseen rows 0\.9" "$work/train"
grep -q "digits.onnx says 8, the label says 8" "$work/train"

"$SOCLE_TEST_BINARY_DIR/example_infer" "$work/digits.onnx" 200 >"$work/infer"
cat "$work/infer"
grep -q "^200 requests: median [0-9.]* ms" "$work/infer"

"$SOCLE_TEST_BINARY_DIR/example_kernel" >"$work/kernel"
cat "$work/kernel"
grep -q " fits best: " "$work/kernel"

# What is wrong is said, with status 1.
status=0
"$SOCLE_TEST_BINARY_DIR/example_infer" "$work/missing.onnx" 2>"$work/error" || status=$?
[ "$status" -eq 1 ]
grep -q "missing.onnx: cannot be opened: No such file or directory" "$work/error"
