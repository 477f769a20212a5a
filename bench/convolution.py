"""The section `conv` of bench/compare.py. Contestants take turns in blocks, each in a process of its own; the order changes with each turn, and
medians over the turns are compared. Socle's better device counts, against the fastest peer of each row."""
import os
import statistics
import sys

import convolution_models
from convolution_models import Layer

# What, group, the input's N x C x spatial extents, the layer.
GRADIENTS = [("3x3, 64 at 56", "", [8, 64, 56, 56], Layer(64, 64, 3, 1, 1)), ("3x3, 128 at 28", "", [8, 128, 28, 28], Layer(128, 128, 3, 1, 1)),
             ("3x3, 256 at 14", "", [8, 256, 14, 14], Layer(256, 256, 3, 1, 1)), ("3x3, 512 at 7", "", [8, 512, 7, 7], Layer(512, 512, 3, 1, 1)),
             ("3x3 stride 2, 128 at 56", "", [8, 128, 56, 56], Layer(128, 128, 3, 2, 1)),
             ("depthwise 3x3, 144 at 56", ", depthwise", [8, 144, 56, 56], Layer(144, 144, 3, 1, 1, 144)),
             ("depthwise 3x3 stride 2, 144 at 56", ", depthwise", [8, 144, 56, 56], Layer(144, 144, 3, 2, 1, 144)),
             ("3x3, 128 in 32 groups at 56", ", grouped", [8, 128, 56, 56], Layer(128, 128, 3, 1, 1, 32)),
             ("1-D 3, 256 at 1024", ", 1-D and 3-D", [8, 256, 1024], Layer(256, 256, 3, 1, 1)),
             ("1-D 9 dilated by 2, 256 at 1024", ", 1-D and 3-D", [8, 256, 1024], Layer(256, 256, 9, 1, 8, 1, 2)),
             ("3x3x3, 32 to 64 at 16x56x56", ", 1-D and 3-D", [1, 32, 16, 56, 56], Layer(32, 64, 3, 1, 1)),
             ("3x3x3, 64 at 8x28x28", ", 1-D and 3-D", [4, 64, 8, 28, 28], Layer(64, 64, 3, 1, 1))]


def device_environments(bench):
    """Every usable device, with the environment in which its driver is found: the system's drivers and those that tools/setup-tests fetched."""
    found, environments = [], [bench.environment]
    for folder in sorted(bench.drivers.glob("*/env")) if bench.drivers.is_dir() else []:
        more = dict(line.split("=", 1) for line in folder.read_text().splitlines() if "=" in line)
        environments.append(dict(bench.environment, OCL_ICD_VENDORS=str(folder.parent), **more))
    for environment in environments:
        for device in bench.run_json([bench.socle, "devices", "--json"], env=environment)["devices"]:
            wanted = bench.args.devices_given
            if device["status"] == "ok" and device["id"] not in [d for d, _ in found] and (not wanted or device["id"] in wanted):
                found.append((device["id"], environment))
    return found


def take_turns(bench, contestants):
    taken, labels = {}, {}
    for turn in range(bench.args.turns):
        order = list(contestants)
        for name in order if turn % 2 == 0 else reversed(order):
            try:
                result = contestants[name]()
            except RuntimeError as error:
                if turn == 0:
                    print(f"{name}: {error}", file=sys.stderr)
                continue
            labels[name] = result
            taken.setdefault(name, []).append(result["median_ms"])
    return {name: statistics.median(times) for name, times in taken.items()}, labels


def table(title, rows, ours, peers):
    """rows: (name, group, operations, medians by contestant, by what)."""
    print(f"\n### {title}\n")
    print("| work | " + " | ".join(ours) + " | by | " + " | ".join(peers) + " | fastest peer / socle |")
    print("|---|" + "---|" * (len(ours) + len(peers) + 2))
    ratios = {}
    for name, group, operations, medians, way in rows:
        own = min((medians[d] for d in ours if d in medians), default=None)
        best = min((medians[p] for p in peers if p in medians), default=None)
        cells = [f"{medians[c]:.3f} ({operations / medians[c] / 1e6:.0f})" if c in medians else "-" for c in ours] + [way]
        cells += [f"{medians[c]:.3f}" if c in medians else "-" for c in peers]
        ratio = best / own if own and best else None
        if ratio:
            ratios.setdefault(group, []).append(ratio)
        print(f"| {name} | " + " | ".join(cells) + (f" | {ratio:.2f} |" if ratio else " | - |"))
    print()
    for group, values in ratios.items():
        print(f"{group}: geometric mean {statistics.geometric_mean(values):.2f}, least {min(values):.2f}\n")
    sys.stdout.flush()


def forward(bench, devices):
    rows, wanted = [], os.environ.get("SOCLE_BENCH_ONLY", "")
    seconds = bench.args.seconds / 4
    for row in (r for r in convolution_models.rows() if wanted in r.group + ": " + r.name):
        path = bench.folder / "conv.onnx"
        row.save(path)
        contestants = {id: lambda id=id, e=e: bench.run_json([bench.args.build / "bench_resident", path, id, seconds], env=e)
                       for id, e in devices}
        contestants["oneDNN"] = lambda: bench.peer("onednn_conv.py", row.text(), seconds)
        contestants["ONNX Runtime"] = lambda: bench.peer("onnxruntime_infer.py", path, 1, seconds)
        contestants["OpenVINO"] = lambda: bench.peer("openvino_infer.py", path, seconds)
        medians, labels = take_turns(bench, contestants)
        best = min((d for d, _ in devices if d in medians), key=lambda d: medians[d])
        rows.append((row.name, row.group, row.operations, medians, ", ".join(dict.fromkeys(labels[best]["steps"]))))
    if rows:
        table("Layers in a row, weights cold, ms (GFLOP/s)", rows, [d for d, _ in devices], ["oneDNN", "ONNX Runtime", "OpenVINO"])


def gradients(bench, devices):
    rows, wanted = [], os.environ.get("SOCLE_BENCH_ONLY", "")
    seconds = bench.args.seconds / 4
    for what, of in (("conv_input", "data"), ("conv_weight", "weights")):
        for described, group, x, layer in GRADIENTS:
            name = f"gradient of {of}, {described}, batch {x[0]}"
            if wanted not in "gradient: " + name:
                continue
            dims, w = "x".join(map(str, x)), "x".join(map(str, [layer.written] + [layer.kernel] * (len(x) - 2)))
            shape = f"{dims},{w},s{layer.stride},p{layer.pad},d{layer.dilation},g{layer.groups}"

            def ours(id, environment):
                return bench.run_json([bench.socle, "bench", what, "--shape", shape, "--device", id, "--json"], env=environment)["rows"][0]

            contestants = {id: lambda id=id, e=e: ours(id, e) for id, e in devices}
            contestants["PyTorch"] = lambda: bench.peer("torch_conv_gradient.py", of, dims, w, layer.stride, layer.pad, layer.dilation,
                                                        layer.groups, seconds)
            medians, labels = take_turns(bench, contestants)
            best = min((d for d, _ in devices if d in medians), key=lambda d: medians[d])
            rows.append((name, f"gradient of {of}{group}", layer.operations(x[0], x[2:]), medians, labels[best]["algorithm"]))
    if rows:
        table("Gradients, ms (GFLOP/s)", rows, [d for d, _ in devices], ["PyTorch"])


def section(bench):
    print("\n## Convolution")
    devices = device_environments(bench)
    forward(bench, devices)
    gradients(bench, devices)
