#!/bin/sh
# new, run and plan: a network's outputs as a file, timed runs, and the stable fields of JSON.
. "$(dirname "$0")/common"

expect 0 socle new mlp --layers 8,16,4 --out net.onnx --json
json 'd == {"model": "net.onnx", "kind": "mlp", "parameters": 8 * 16 + 16 + 16 * 4 + 4}'
expect 0 socle new mlp --layers 8,16,4 --out again.onnx
cmp net.onnx again.onnx || wrong "the same seed gives other weights"

expect 0 socle run net.onnx --random 7 --output scores=y.npy --budget 0 --repeat 20 --warmup 2 --json --profile
json 'set("model goal placement load_ms compile_ms first_ms latency_ms throughput_per_s peak_memory_bytes outputs steps".split()) == set(d)'
json 'd["model"] == "net.onnx" and d["goal"] == "latency" and abs(sum(p["share"] for p in d["placement"]) - 1) < 1e-6'
json 'set(d["latency_ms"]) == {"min", "median", "mean", "p90", "p99", "max", "stddev"}'
json '0 < d["latency_ms"]["min"] <= d["latency_ms"]["median"] <= d["latency_ms"]["p90"] <= d["latency_ms"]["p99"] <= d["latency_ms"]["max"]'
json 'd["outputs"] == [{"name": "scores", "dtype": "float32", "shape": [1, 4]}]'
json 'len(d["steps"]) > 0 and all(s["us"] >= 0 and s["device"] for s in d["steps"])'
head -c 6 y.npy | tail -c 5 | grep -q NUMPY || wrong "no NPY file"
[ "$(wc -c <y.npy)" -eq $((128 + 16)) ] || wrong "y.npy has $(wc -c <y.npy) bytes"
cp y.npy first.npy
expect 0 socle run net.onnx --random 7 --output scores=y.npy
cmp y.npy first.npy || wrong "the same inputs give another answer"

# What results have to keep to is a plan of its own.
expect 0 socle run net.onnx --random 7 --output scores=y.npy --budget 0 --deterministic --strict-accuracy --allow-tf32
cp y.npy first.npy
expect 0 socle run net.onnx --random 7 --output scores=y.npy --budget 0 --deterministic --strict-accuracy --allow-tf32
cmp y.npy first.npy || wrong "a deterministic run gives another answer"
expect 0 socle plan net.onnx --budget 0 --deterministic --strict-accuracy --allow-tf32

# Another batch
expect 0 socle run net.onnx --random 7 --batch 3 --budget 0 --json
json 'd["outputs"][0]["shape"] == [3, 4]'
expect 0 socle run net.onnx --random 7 --shape batch=5 --budget 0 --json
json 'd["outputs"][0]["shape"] == [5, 4]'
expect 0 socle run net.onnx --random 7 --shape input=2x8 --budget 0 --json
json 'd["outputs"][0]["shape"] == [2, 4]'

# Files as inputs decide the shape; a wrong type or shape is named.
expect 0 socle run net.onnx --random 7 --batch 3 --budget 0 --output scores=three.npy
fails 3 "socle: three.npy: its shape [3, 4] does not fit input 'input': its dimension 1 is 8" \
    socle run net.onnx --input input=three.npy --budget 0

expect 0 socle plan net.onnx --goal latency --budget 0
grep -q "steps on" out
expect 0 socle plan net.onnx --goal training --batch 8 --budget 0 --format json
json 'any(p["chosen"] for p in d["placements"])'
expect 0 socle plan net.onnx --goal throughput --budget 0 --format dot
grep -q "^digraph" out

expect 0 socle cache path
[ "$(cat out)" = "$work/cache/socle.db" ] || wrong "cache path: $(cat out)"
expect 0 socle cache list --json
json 'd["count"] == len(d["entries"]) > 0 and d["damaged"] == 0'
expect 0 socle cache verify
grep -q ", 0 damaged$" out
expect 0 socle cache clear
expect 0 socle cache list --json
json 'd["count"] == 0'
