#!/bin/sh
# Training on real digits: accuracy, history, plot, checkpoints that resume exactly, and stopping by a signal.
. "$(dirname "$0")/common"

train() {
    socle train "$@" --data "$digits" --label-column -1 --scale 0.0625 --lr 0.1 --momentum 0.9 --budget 0
}

expect 0 socle new mlp --layers 64,128,10 --out digits.onnx
expect 0 train digits.onnx --validation-split 0.2 --epochs 10 --out trained.onnx --history history.csv --plot loss.svg --json
json 'd["validation_accuracy"] >= 0.88 and d["final_loss"] < 0.5 and d["epochs"] == 10 and d["steps"] == 450'
json 'abs(sum(p["share"] for p in d["placement"]) - 1) < 1e-6 and not d["interrupted"] and d["out"] == "trained.onnx"'
[ "$(head -1 history.csv)" = "step,epoch,loss,lr,samples_per_s,validation_loss,validation_accuracy" ] || wrong "the history's header"
[ "$(wc -l <history.csv)" -eq 451 ] || wrong "the history has $(wc -l <history.csv) lines"
[ "$(awk -F, 'NR > 1 && $7 != ""' history.csv | wc -l)" -eq 10 ] || wrong "not one validation per epoch"
grep -q "</svg>" loss.svg && grep -q "validation" loss.svg
expect 0 socle run trained.onnx --random 1 --budget 0

# A network of convolutions takes the same rows as pictures.
expect 0 socle new cnn --layers 1x8x8,8,16,10 --out cnn.onnx
expect 0 train cnn.onnx --drop-last --epochs 1 --json
json 'd["steps"] == 1797 // 32'

expect 0 train digits.onnx --steps 3 --strict-accuracy --allow-tf32

# Half, then the rest from the checkpoint, is bitwise the whole, also where the second start would decide for other devices: they
# are measured anew for it.
expect 0 train digits.onnx --steps 40 --deterministic --out whole.onnx --history whole.csv
expect 0 train digits.onnx --steps 20 --deterministic --checkpoint state --history parts.csv
expect 0 socle cache clear
expect 0 train digits.onnx --steps 40 --deterministic --checkpoint state --resume --out parts.onnx --history parts.csv
cmp whole.onnx parts.onnx || wrong "a resumed training differs"
cut -d, -f1-4 whole.csv >whole.losses
cut -d, -f1-4 parts.csv >parts.losses
cmp whole.losses parts.losses || wrong "a resumed history differs"

# Accumulated batches make one update; an order without shuffling is the file's.
expect 0 train digits.onnx --steps 5 --accumulate 3 --batch 8 --no-shuffle --history few.csv --json
json 'd["steps"] == 5'
[ "$(wc -l <few.csv)" -eq 16 ] || wrong "15 batches make $(wc -l <few.csv) lines"

# Regression on NPY files, made from a run of another network.
expect 0 socle new mlp --layers 6,4 --out teacher.onnx --seed 3
expect 0 socle new mlp --layers 6,4 --out pupil.onnx --seed 4
expect 0 socle new mlp --layers 2,6 --out source.onnx --seed 5
expect 0 socle run source.onnx --random 1 --batch 256 --budget 0 --output scores=x.npy
expect 0 socle run teacher.onnx --input input=x.npy --budget 0 --output scores=y.npy
expect 0 socle train pupil.onnx --data x.npy --labels y.npy --loss mse --optimizer adam --lr 0.02 --epochs 60 --budget 0 --json
json 'd["final_loss"] < 0.01 and d["validation_accuracy"] is None'

# A loss that is not a number stops it, naming the step; nothing is written.
expect 1 socle train digits.onnx --data "$digits" --label-column -1 --scale 1e18 --lr 1e18 --steps 50 --budget 0 --out nan.onnx
says "socle: step 2: the loss is not finite; the first tensor that is not is value 'fc1': use a smaller learning rate, clip \
gradients, or look at the data"
[ ! -e nan.onnx ] || wrong "a model full of NaN is written"

# Ctrl-C stops after the present batch and keeps what was trained.
socle train digits.onnx --data "$digits" --label-column -1 --scale 0.0625 --lr 0.01 --budget 0 --epochs 1000000 --out stopped.onnx \
    --history stopped.csv >out 2>err &
pid=$!
trap 'kill -KILL $pid 2>/dev/null || true; rm -rf "$work"' EXIT
while ! grep -q "^epoch 1:" err && kill -0 $pid; do sleep 0.1; done
kill -INT $pid
status=0
wait $pid || status=$?
[ "$status" -eq 1 ] || wrong "exit status $status after an interrupt"
tail -1 err | grep -q "^socle: digits.onnx: stopped by a signal after step [0-9]* of 57000000: what was trained so far is kept$" ||
    wrong "$(tail -1 err)"
expect 0 socle run stopped.onnx --random 1 --budget 0
[ -s stopped.csv ] && [ -z "$(find . -name '*.part')" ] || wrong "half-written files"
