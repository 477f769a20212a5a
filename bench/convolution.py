"""The section `conv` of bench/compare.py. Contestants take turns in blocks, each in a process of its own; the order changes with each turn, and
medians over the turns are compared. Socle's better device counts, against the fastest peer of each row."""
import os
import statistics
import sys

import convolution_models

GRADIENTS = [(64, 56, 3, 1), (128, 28, 3, 1), (256, 14, 3, 1), (512, 7, 3, 1), (128, 56, 3, 2)]


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
        for channels, extent, kernel, stride in GRADIENTS:
            name = f"gradient of {of}, {kernel}x{kernel}{' stride 2' if stride > 1 else ''}, {channels} at {extent}, batch 8"
            if wanted not in "gradient: " + name:
                continue
            x, w, pad = f"8x{channels}x{extent}x{extent}", f"{channels}x{kernel}x{kernel}", kernel // 2

            def ours(id, environment):
                command = [bench.socle, "bench", what, "--shape", f"{x},{w},s{stride},p{pad}", "--device", id, "--json"]
                return bench.run_json(command, env=environment)["rows"][0]

            contestants = {id: lambda id=id, e=e: ours(id, e) for id, e in devices}
            contestants["PyTorch"] = lambda: bench.peer("torch_conv_gradient.py", of, x, w, stride, pad, seconds)
            medians, labels = take_turns(bench, contestants)
            best = min((d for d, _ in devices if d in medians), key=lambda d: medians[d])
            operations = 2 * 8 * channels * channels * kernel * kernel * ((extent - 1) // stride + 1) ** 2
            rows.append((name, f"gradient of {of}", operations, medians, labels[best]["algorithm"]))
    if rows:
        table("Gradients, ms (GFLOP/s)", rows, [d for d, _ in devices], ["PyTorch"])


def section(bench):
    print("\n## Convolution")
    devices = device_environments(bench)
    forward(bench, devices)
    gradients(bench, devices)
