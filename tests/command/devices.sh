#!/bin/sh
# Devices: the table, the stable fields of JSON, devices that are not there, and a machine without any.
. "$(dirname "$0")/common"

expect 0 socle devices
grep -q "^index  id " out
expect 0 socle devices --json
json 'len(d["devices"]) > 0'
json 'all(set("index id name vendor platform type compute_units memory_bytes opencl_version driver_version fp16 fp64 status reason".split()) <= set(x) for x in d["devices"])'
json 'len(set(x["id"] for x in d["devices"])) == len(d["devices"])'
json 'all(x["status"] in ("ok", "refused", "quarantined") and (x["status"] == "ok") == (x["reason"] == "") for x in d["devices"])'
[ ! -s err ] || wrong "something on stderr"
cp out before
expect 0 socle devices --json
cmp -s out before || wrong "ids change from run to run"

expect 4 socle devices --device nowhere/none-9
grep -q "^socle: .*nowhere/none-9" err
[ "$(wc -l <err)" -eq 1 ] || wrong "more than one line"

# No platform at all: the log warns, too; the last line is the error.
no_platform() {
    expect 4 env OCL_ICD_VENDORS="$work/no-drivers" socle "$@"
    [ "$(tail -1 err)" = "$line" ] || wrong "$(cat err)"
}
mkdir no-drivers
line="socle: no OpenCL device: install a driver, for example the package pocl-opencl-icd: socle doctor tells more"
no_platform devices
line="socle: no usable OpenCL device: install a driver, for example the package pocl-opencl-icd: socle doctor tells more"
no_platform profile --quick
expect 4 env OCL_ICD_VENDORS="$work/no-drivers" socle doctor
grep -q "^failed   OpenCL loader: no platform: install a driver" out

expect 0 socle doctor --json
json 'd["failed"] == 0 and len(d["checks"]) > 3 and all(set(c) == {"check", "status", "detail", "advice"} for c in d["checks"])'
expect 0 socle profile --quick --json
json 'len(d["profiles"]) > 0 and all(p["fp32_gflops"] > 0 and p["memory_gbytes_per_s"] > 0 and p["launch_us"] > 0 for p in d["profiles"])'
