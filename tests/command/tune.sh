#!/bin/sh
# Tuning: winners are kept as they are found and looked up, budgets are kept, what crashes, hangs or computes nonsense is left out, and
# tunings go from one machine to an equal one.
. "$(dirname "$0")/common"

export SOCLE_DEVICES=0 # one is enough

tune() {
    socle tune gemm --shape 40x48x56 --level fast --budget 20 "$@"
}

# What was tuned is known at the next start, and not measured again but where a higher level or --refresh asks for it.
expect 0 tune --json
json 'd["crashes"] == 0 and not d["interrupted"] and all(r["us"] > 0 and r["default_us"] > 0 for r in d["rows"])'
expect 0 socle bench gemm --shape 40x48x56 --json
json 'all(r["algorithm"].endswith("(tuned)") for r in d["rows"])'
expect 0 tune --json
json 'all(r["us"] > 0 and r["default_us"] is None for r in d["rows"])'
expect 0 tune --json --refresh
json 'all(r["default_us"] > 0 for r in d["rows"])'

# What is asked of results makes a problem of its own, with ways of its own.
expect 0 tune --json --strict-accuracy --deterministic
json 'len(d["rows"]) > 0 and all("strict" in r["problem"] and r["default_us"] > 0 for r in d["rows"])'
expect 0 tune --json --allow-tf32
json 'all("tf32" in r["problem"] for r in d["rows"])'

# To an equal machine and back: the same winners; other devices' tunings are not kept.
expect 0 socle tune --export tunings.json
grep -q '^[1-9][0-9]* tunings written to tunings.json$' out
SOCLE_CACHE_DIR="$work/other" expect 0 socle tune --import tunings.json
grep -q '^[1-9][0-9]* tunings kept, 0 are for other devices$' out
SOCLE_CACHE_DIR="$work/other" expect 0 socle bench gemm --shape 40x48x56 --json
json 'all(r["algorithm"].endswith("(tuned)") for r in d["rows"])'
sed 's/"device": "/&another /' tunings.json >foreign.json
SOCLE_CACHE_DIR="$work/third" expect 0 socle tune --import foreign.json
grep -q '^0 tunings kept, [1-9][0-9]* are for other devices$' out
sed 's/"solver": "gemm/"solver": "germ/' tunings.json >wrong.json
fails 3 "socle: wrong.json: tuning 0 is incomplete or names an unknown solver: export it again" socle tune --import wrong.json
echo '{"socle": "0.0.1", "tunings": []}' >old.json
fails 3 "socle: old.json: written by Socle 0.0.1, this is $(socle --version | cut -d' ' -f2): tune again with this version" \
    socle tune --import old.json
echo '{"tunings": 3}' >no.json
fails 3 "socle: no.json: not a file of tunings: write one with socle tune --export" socle tune --import no.json
expect 3 socle tune --import nothing.json
fails 2 "socle: tune: --export and --import go without a model: see socle tune --help" socle tune gemm --export x.json
fails 2 "socle: tune: MODEL.onnx, gemm or conv is missing: see socle tune --help" socle tune
fails 2 "socle: tune: --budget and --patience must be above 0: see socle tune --help" socle tune gemm --budget 0

# A file of CLBlast's own tuner: kept for the device that it names, and in force where CLBlast is called.
name=$(socle devices --json | tr ',' '\n' | sed -n 's/.*"name": "\(.*\)".*/\1/p' | head -n 1)
kept=$SOCLE_CACHE_DIR
export SOCLE_CACHE_DIR="$work/clblast"
clblast() { # FILE [SED]: a tuning of CLBlast's small product for this device
    cat >"$1" <<END
{
  "kernel_family": "xgemm_direct_1",
  "precision": "32",
  "best_time": "0.05",
  "best_parameters": "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 PRECISION=32 VWMD=2 VWND=2 WGD=16",
  "device": "$name"
}
END
    [ $# -eq 1 ] || sed -i "$2" "$1"
}
clblast clblast.json
expect 0 socle tune --import clblast.json
grep -q '^1 tunings kept, 0 are for other devices$' out
expect 0 socle bench gemm --shape 40x48x56 --peers --json
! grep CLBlast err
clblast clblast.json 's/KWID=2 //'
expect 0 socle tune --import clblast.json
expect 0 socle bench gemm --shape 40x48x56 --peers --json
if grep -q '"CLBlast"' out; then
    grep -q "CLBlast does not take its tuning of XgemmDirect (status -[0-9]*): tune again with this version of it" err
fi
clblast foreign.json 's/"device": "/&another /'
expect 0 socle tune --import foreign.json
grep -q '^0 tunings kept, 1 are for other devices$' out
clblast wrong.json 's/"32"/"64"/'
fails 3 "socle: wrong.json: a tuning of CLBlast for precision 64: Socle calls CLBlast in float32 alone: tune with -precision 32" \
    socle tune --import wrong.json
clblast wrong.json 's/KWID=2/KWID/'
expect 3 socle tune --import wrong.json
clblast wrong.json 's/xgemm_direct_1/xaxpy/'
expect 3 socle tune --import wrong.json
export SOCLE_CACHE_DIR="$kept"

# A shape never seen takes the way of the nearest one.
expect 0 socle bench gemm --shape 40x40x56 --json
json 'all(not r["algorithm"].endswith("(tuned)") for r in d["rows"])'

# Convolutions along one axis and along three.
expect 0 socle tune conv --shape '1x4x20,8x3,p1 1x2x4x5x6,3x3x3x3,p1' --level fast --budget 4

# A budget is kept, and what there was no time for is tuned by the next calls.
start=$(date +%s%N)
expect 0 socle tune gemm --shape '200x100x300 250x100x300 300x100x300 350x100x300' --level exhaustive --budget 4 --json
took_ms=$((($(date +%s%N) - start) / 1000000))
[ "$took_ms" -le 6000 ] || wrong "a budget of 4 s took $took_ms ms"

# Ctrl-C keeps what was found.
rm -rf "$SOCLE_CACHE_DIR"
socle tune gemm --shape '64x64x64 128x128x128 256x256x256' --level exhaustive --budget 60 --json >out 2>err &
sleep 3
kill -INT $!
status=0
wait $! || status=$?
[ "$status" -eq 0 ] || wrong "exit status $status after an interruption: $(cat err)"
json 'd["interrupted"]'

# One kernel of the products misbehaves: it is left out, the others are measured, and it stays out.
sabotage() {
    rm -rf "$SOCLE_CACHE_DIR"
    OPENCL_LAYERS="$SOCLE_TEST_BINARY_DIR/libtest_layer_sabotage.so" SABOTAGE="gemm_direct:$1" expect 0 tune --patience 3 --json
    grep -q "left out" err || wrong "nothing was said of what was left out: $(cat err)"
    json "$2 and len(d['rows']) > 0 and all(r['winner'] != 'gemm/direct' for r in d['rows'])"
    expect 0 socle bench gemm --shape 40x48x56 --json
    json 'all(not r["algorithm"].startswith("gemm/direct") for r in d["rows"])'
}
sabotage crash 'd["crashes"] > 0'
sabotage hang 'd["crashes"] > 0'
sabotage wrong 'd["crashes"] == 0'
