#!/bin/sh
# Benchmarks and tuning: the stable fields, every format, a comparison with an earlier run, and tuning that can be stopped.
. "$(dirname "$0")/common"

expect 0 socle bench gemm --shape '32x32x32 8x16x4' --json
json 'len(d["rows"]) >= 2 and {r["shape"] for r in d["rows"]} == {"32x32x32", "8x16x4"}'
json 'all(set("what shape device algorithm peer min_ms median_ms p90_ms p99_ms gflops gbytes_per_s peak_share timer".split()) == set(r) for r in d["rows"])'
json 'all(0 < r["min_ms"] <= r["median_ms"] <= r["p90_ms"] <= r["p99_ms"] and r["gflops"] > 0 and r["peer"] is None for r in d["rows"])'
cp out old.json
expect 0 socle bench gemm --shape 32x32x32 --compare old.json --json
json 'all(r["speedup"] > 0 for r in d["rows"])'
expect 0 socle bench conv --shape 1x4x8x8,8x3x3,s1,p1 --format csv
head -1 out | grep -q "^what,shape,device,algorithm,peer,min_ms,median_ms,p90_ms,p99_ms,gflops,gbytes_per_s,peak_share$"
expect 0 socle bench launch --format md
head -2 out | tail -1 | grep -q "^|---|---|"
for what in peak memory; do
    expect 0 socle bench $what --json
    json 'len(d["rows"]) > 0 and all(r["median_ms"] > 0 and (r["gflops"] or r["gbytes_per_s"]) > 0 for r in d["rows"])'
done
fails 2 "socle: shape '32x32' is not MxNxK[,types]: write for example 1024x1024x1024 or 1024x1024x1024,uint8*int8 (types: float16, \
bfloat16, float32*float16, float32*bfloat16, float32*int8, uint8*int8, int8*int8)" socle bench gemm --shape 32x32
large="each number is at most 16777216, and all multiplications at most 2^60"
for shape in 4294967296x4294967296x0 16777216x16777216x16777216; do
    fails 2 "socle: shape '$shape' is too large: $large" socle bench gemm --shape $shape
done
for shape in 1x64x4294967296x4294967296,64x3x3,s1,p1 1x64x4x4,64x3x3,s1,p16777216; do
    fails 2 "socle: shape '$shape' is too large: $large" socle bench conv --shape $shape
done

expect 0 socle new mlp --layers 8,16,4 --out net.onnx
expect 0 socle bench net.onnx --json
json 'len(d["rows"]) > 0 and all(r["what"] == "model" and r["shape"] == "net.onnx" for r in d["rows"])'

expect 0 socle tune net.onnx --level fast --budget 2 --json
json 'not d["interrupted"] and all(r["us"] > 0 for r in d["rows"])'
expect 0 socle tune gemm --shape 48x48x48 --level fast --budget 2
grep -q "^device  *problem" out
