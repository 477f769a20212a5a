#!/usr/bin/env python3
"""Socle against its peers, side by side: the two take turns in one run, each in a process of its own, and the medians over all turns are
compared. Prints Markdown tables with machine, date and command.

usage: bench/compare.py --build BUILD_DIR [--python PYTHON_WITH_PEERS] [--turns N] [--seconds S] [--shape MxNxK] [--drivers DIR] [SECTION ...]
sections: gemm conv train infer networks start memory launch low (default: all)"""
import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GEMM_SHAPES = ["256x256x256", "512x512x512", "1024x1024x1024", "2048x2048x2048", "64x384x384", "64x1536x384", "128x4096x1024",
               "127x127x127", "1000x1000x1000", "2049x2049x2049", "1x1024x1024", "1x4096x1024"]
MLPS = [("64,128,10", 32, "sgd"), ("1024,4096,4096,10", 128, "adam")]


def run_json(command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    return json.loads(done.stdout)


class Bench:
    def __init__(self, args):
        self.args = args
        self.run_json, self.drivers = run_json, HERE.parent / ".cache" / "drivers"
        self.socle = args.build / "socle"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="socle-bench-"))
        self.environment = dict(os.environ, SOCLE_CACHE_DIR=str(self.folder / "cache"))

    def ours(self, *command):
        return run_json([str(c) for c in command], env=self.environment)

    def ours_everywhere(self, *command):
        """With the system's OpenCL drivers and those that tools/setup-tests fetched."""
        environment, folder = dict(self.environment), self.folder / "drivers"
        folder.mkdir(exist_ok=True)
        for icd in [*pathlib.Path(environment.get("OCL_ICD_VENDORS", "/etc/OpenCL/vendors")).glob("*.icd"),
                    *self.args.drivers.glob("*/*.icd")]:
            (folder / icd.name).write_text(icd.read_text())
        for line in "".join(f.read_text() for f in self.args.drivers.glob("*/env")).splitlines():
            name, value = line.split("=", 1)
            environment[name] = value
        environment["OCL_ICD_VENDORS"] = str(folder)
        return run_json([str(c) for c in command], env=environment)

    def peer(self, script, *arguments):
        return run_json([self.args.python, str(HERE / "peers" / script), *map(str, arguments)])

    def mlp(self, layers):
        path = self.folder / f"mlp-{layers.replace(',', '-')}.onnx"
        if not path.exists():
            subprocess.run([self.socle, "new", "mlp", "--layers", layers, "--out", path], check=True, capture_output=True,
                           env=self.environment)
        return path

    def in_turns(self, first, second, keys):
        """Medians of both over the turns, per key; the order changes with each turn."""
        taken = {key: ([], []) for key in keys}
        names = ["", ""]
        for turn in range(self.args.turns):
            calls = [(0, first), (1, second)]
            for which, call in calls if turn % 2 == 0 else reversed(calls):
                result = call()
                names[which] = result.get("name", "socle") + (f" on {result['device']}" if "device" in result else "")
                for key in keys:
                    taken[key][which].append(result[key])
        return names, {key: (statistics.median(a), statistics.median(b)) for key, (a, b) in taken.items()}

    # ---- sections ----

    def operators(self, what, shapes):
        print(f"\n## {what}: one operator, weights prepacked, ms (GFLOP/s)\n")
        for device in self.args.devices:
            rows = {}
            result = self.ours_everywhere(self.socle, "bench", what, "--shape", " ".join(shapes), "--device", device, "--peers", "--format", "json")
            for row in result["rows"]:
                rows.setdefault(row["shape"], {})[row["peer"] or "socle"] = row
            peers = sorted({peer for by_peer in rows.values() for peer in by_peer} - {"socle"})
            print("| shape | algorithm on " + device + " | socle | " + " | ".join(peers) + " | fastest peer / socle |")
            print("|---|---|---|" + "---|" * (len(peers) + 1))
            ratios = []
            for shape, by_peer in rows.items():
                own = by_peer["socle"]
                cells = [f"{by_peer[p]['median_ms']:.4f} ({by_peer[p]['gflops']:.0f})" if p in by_peer else "-" for p in peers]
                best = min((by_peer[p]["median_ms"] for p in peers if p in by_peer), default=None)
                ratios += [best / own["median_ms"]] if best else []
                print(f"| {shape} | {own['algorithm']} | {own['median_ms']:.4f} ({own['gflops']:.0f}) | " + " | ".join(cells) +
                      f" | {best / own['median_ms']:.2f} |" if best else " | - |")
            if ratios:
                print(f"\ngeometric mean {statistics.geometric_mean(ratios):.2f}, least {min(ratios):.2f}\n")

    def gemm(self):
        """All drivers in one process beside the libraries of the processor: the better device counts."""
        print("\n## gemm: one product, constant weights packed beforehand, medians in ms (GFLOP/s)\n")
        result = self.ours_everywhere(self.socle, "bench", "gemm", "--shape", " ".join(self.args.shapes or GEMM_SHAPES), "--peers", "--json")
        rows, columns, names = {}, {}, {}
        for row in result["rows"]:
            who = row["peer"] or "socle on " + row["device"].split("/")[0]
            best = rows.setdefault(row["shape"], {}).get(who)
            if best is None or row["median_ms"] < best["median_ms"]:
                rows[row["shape"]][who] = row
            columns[who] = row["peer"] is not None
            if row["device"] == "host":
                names[who] = row["algorithm"]
        own, peers = [c for c in columns if not columns[c]], [c for c in columns if columns[c]]
        print("| shape | " + " | ".join(own) + " | by | " + " | ".join(peers) + " | " + " | ".join(f"{p} / socle" for p in peers) + " |")
        print("|---|" + "---|" * (len(own) + 1 + 2 * len(peers)))
        ratios = {peer: [] for peer in peers}
        for shape, by in rows.items():
            best = min((by[c] for c in own if c in by), key=lambda row: row["median_ms"])
            cells = [f"{by[c]['median_ms']:.4f} ({by[c]['gflops']:.0f})" if c in by else "-" for c in own]
            cells += [best["algorithm"]] + [f"{by[c]['median_ms']:.4f}" if c in by else "-" for c in peers]
            for peer in peers:
                ratio = by[peer]["median_ms"] / best["median_ms"] if peer in by else None
                ratios[peer] += [ratio] if ratio else []
                cells.append(f"{ratio:.2f}" if ratio else "-")
            print(f"| {shape} | " + " | ".join(cells) + " |")
        print()
        for peer in peers:
            print(f"{peer} ({names.get(peer, 'the better device')}): geometric mean {statistics.geometric_mean(ratios[peer]):.3f}, "
                  f"least {min(ratios[peer]):.2f}\n")

    def conv(self):
        import convolution

        convolution.section(self)

    def train(self):
        print("\n## Training steps of an MLP\n")
        print("| network, batch, optimizer | socle | peer | socle, ms | peer, ms | peer / socle | without reading the loss, ms | peer | ratio |")
        print("|---|---|---|---|---|---|---|---|---|")
        for layers, batch, optimizer in MLPS:
            sizes = layers.split(",")
            names, medians = self.in_turns(
                lambda: self.ours(self.args.build / "bench_train_step", self.mlp(layers), sizes[0], sizes[-1], batch,
                                  self.args.seconds, optimizer),
                lambda: self.peer("torch_train.py", layers, batch, self.args.seconds, optimizer),
                ["step_ms", "step_without_reading_loss_ms"])
            a, b = medians["step_ms"]
            c, d = medians["step_without_reading_loss_ms"]
            print(f"| {layers}, {batch}, {optimizer} | {names[0]} | {names[1]} | {a:.4f} | {b:.4f} | {b / a:.2f} | {c:.4f} | {d:.4f} | {d / c:.2f} |")

    def infer(self):
        print("\n## Inference, latency goal\n")
        print("| network, batch | socle | peer | socle, ms | peer, ms | peer / socle |")
        print("|---|---|---|---|---|---|")

        def ours(path, batch):
            repeat = 2000 if batch == 1 else 200
            result = self.ours(self.socle, "run", path, "--random", 1, "--repeat", repeat, "--warmup", 50, "--shape", f"batch={batch}", "--json")
            return {"median_ms": result["latency_ms"]["median"], "device": result["placement"][0]["device"]}

        for layers, batch in (("64,128,10", 1), ("64,128,10", 256), ("1024,4096,4096,10", 1)):
            path = self.mlp(layers)
            names, medians = self.in_turns(lambda: ours(path, batch),
                                           lambda: self.peer("onnxruntime_infer.py", path, batch, self.args.seconds / 2), ["median_ms"])
            a, b = medians["median_ms"]
            print(f"| {layers}, {batch} | {names[0]} | {names[1]} | {a:.4f} | {b:.4f} | {b / a:.2f} |")

    def networks(self):
        """Residual networks: inference with operands resident, and training steps with the loss read after each."""
        import network_models

        for name in network_models.RESNETS:
            network_models.save_resnet(name, self.folder / f"{name}.onnx")
        print("\n## Residual networks with random weights\n")
        print("| work | device | socle, ms | peer | peer, ms | peer / socle |")
        print("|---|---|---|---|---|---|")
        for device in self.args.devices:
            for batch in (1, 8):
                for peer, script in (("ONNX Runtime", "onnxruntime_infer.py"), ("OpenVINO", "openvino_infer.py")):
                    path = self.folder / f"resnet50-{batch}.onnx"
                    network_models.save_resnet("resnet50", path, batch)
                    given = [path, batch] if peer == "ONNX Runtime" else [path]
                    _, medians = self.in_turns(lambda: self.ours_everywhere(self.args.build / "bench_resident", path, device, self.args.seconds),
                                               lambda: self.peer(script, *given, self.args.seconds), ["median_ms"])
                    a, b = medians["median_ms"]
                    print(f"| ResNet-50, inference, batch {batch} | {device} | {a:.2f} | {peer} | {b:.2f} | {b / a:.2f} |")
            for name, batch in (("resnet18-32", 32), ("resnet50", 4)):
                of = network_models.RESNETS[name]
                ours = [self.folder / f"{name}.onnx", 3 * of["extent"] ** 2, of["classes"], batch, self.args.seconds, "sgd", device]
                names, medians = self.in_turns(lambda: self.ours_everywhere(self.args.build / "bench_train_step", *ours),
                                               lambda: self.peer("torch_resnet.py", name, batch, self.args.seconds), ["step_ms"])
                a, b = medians["step_ms"]
                print(f"| {name}, training step, batch {batch}, SGD | {device} | {a:.1f} | {names[1]} | {b:.1f} | {b / a:.2f} |")
                sys.stdout.flush()

    def memory(self):
        """Work bound by memory, operands resident on the device: against ONNX Runtime and against the bandwidth that the profile measured."""
        import memory_models

        only = os.environ.get("SOCLE_BENCH_ONLY", "")
        chosen = [row for row in memory_models.rows() if only in row.name]
        profiles = self.ours_everywhere(self.socle, "profile", "--json")["profiles"]
        for device in self.args.devices:
            bandwidth = next(p["memory_gbytes_per_s"] for p in profiles if p["device"] == device)
            print(f"\n## Bound by memory, {device}: {bandwidth:.1f} GB/s by its profile\n")
            print("| work | socle, ms | onnxruntime, ms | onnxruntime / socle | GB/s | of the bandwidth | ways |")
            print("|---|---|---|---|---|---|---|")
            for row in chosen:
                path, steps = self.folder / "memory.onnx", []
                row.save(path)

                def ours():
                    result = self.ours_everywhere(self.args.build / "bench_resident", path, device, self.args.seconds / 10)
                    steps[:] = result["steps"]
                    return result

                def peer():
                    try:
                        return self.peer("onnxruntime_infer.py", path, 1, self.args.seconds / 10)
                    except RuntimeError:
                        return {"median_ms": float("nan")}

                try:
                    _, medians = self.in_turns(ours, peer, ["median_ms"])
                except RuntimeError as error:
                    print(f"| {row.name} | {error} | | | | | |")
                    continue
                a, b = medians["median_ms"]
                rate = row.moved / a / 1e6
                print(f"| {row.name} | {a:.4f} | {b:.4f} | {b / a:.2f} | {rate:.1f} | {rate / bandwidth:.2f} | {', '.join(dict.fromkeys(steps))} |")
                sys.stdout.flush()

        self.gradients_of_normalization(only)

    def gradients_of_normalization(self, only):
        import memory_models

        print("\n## Gradients of normalization, with scale and bias: against PyTorch's autograd\n")
        print("| work | device | socle, ms | pytorch, ms | pytorch / socle | GB/s | way |")
        print("|---|---|---|---|---|---|---|")
        for name, form, dims in memory_models.NORM_GRADIENTS:
            if only not in name:
                continue
            shape = dims + {"layer": "", "rms": ",rms"}.get(form, ",g" + form)
            for device in self.args.devices:
                def ours():
                    row = self.ours_everywhere(self.socle, "bench", "norm_grad", "--shape", shape, "--device", device, "--json")["rows"][0]
                    return {"median_ms": row["median_ms"], "name": row["algorithm"]}

                names, medians = self.in_turns(ours, lambda: self.peer("torch_norm_gradient.py", form, dims, self.args.seconds / 10),
                                               ["median_ms"])
                a, b = medians["median_ms"]
                moved = 3 * 4 * math.prod(map(int, dims.split("x")))
                print(f"| {name} | {device} | {a:.4f} | {b:.4f} | {b / a:.2f} | {moved / a / 1e6:.1f} | {names[0]} |")
                sys.stdout.flush()

    def low(self):
        """Low precision on one device, operands resident: against ONNX Runtime, for products oneDNN (bytes) or PyTorch (bfloat16),
        and our own float32."""
        import low_precision_models

        only = os.environ.get("SOCLE_BENCH_ONLY", "")
        for device in self.args.devices:
            print(f"\n## Low precision, {device}\n")
            print("| work | by | socle, ms | Gop/s | times our float32 | onnxruntime, ms | onnxruntime / socle | product by | ms | ms / socle |")
            print("|---|---|---|---|---|---|---|---|---|---|")
            for row in low_precision_models.rows():
                path, base, taken, steps = self.folder / "low.onnx", self.folder / "base.onnx", {}, []
                row.save(path)
                if row.base is None:
                    row.save(base)
                if only not in row.name:
                    continue
                seconds = self.args.seconds / 10
                calls = {"socle": lambda: self.ours_everywhere(self.args.build / "bench_resident", path, device, seconds)}
                if row.onnxruntime:
                    calls["onnxruntime"] = lambda: self.peer("onnxruntime_infer.py", path, 1, seconds)
                if row.base is not None:
                    calls["float32"] = lambda: self.ours_everywhere(self.args.build / "bench_resident", base, device, seconds)
                if row.peer is not None:
                    calls[row.peer[0]] = lambda: self.peer(*row.peer[1:], seconds)
                for turn in range(self.args.turns):
                    for name in list(calls) if turn % 2 == 0 else reversed(list(calls)):
                        result = calls[name]()
                        taken.setdefault(name, []).append(result["median_ms"])
                        steps = result["steps"] if name == "socle" else steps
                a = statistics.median(taken["socle"])
                cells = [f"{statistics.median(taken['float32']) / a:.2f}" if "float32" in taken else "-"]
                other = row.peer[0] if row.peer is not None else "-"
                for name in ("onnxruntime", other):
                    b = statistics.median(taken[name]) if name in taken else None
                    cells += [name] if name == other else []
                    cells += [f"{b:.4f}", f"{b / a:.2f}"] if b else ["-", "-"]
                print(f"| {row.name} | {', '.join(dict.fromkeys(steps))} | {a:.4f} | {row.operations / a / 1e6:.0f} | " + " | ".join(cells) + " |")
                sys.stdout.flush()

    def launch(self):
        print("\n## Launches: a chain of 1000 tiny steps against the same calls by hand, us per step\n")
        print("| device | socle | by hand | added, median of differences |")
        print("|---|---|---|---|")
        for device in self.args.devices:
            r = self.ours_everywhere(self.args.build / "bench_launch", device, self.args.seconds)
            print(f"| {device} | {r['step_us']:.3f} | {r['by_hand_us']:.3f} | {r['added_us']:.3f} |")

    def start(self):
        print("\n## Start from nothing to the first answer, ms\n")
        print("| model | parameters | device | first time | warm, median | context | model | session | first run |")
        print("|---|---|---|---|---|---|---|---|---|")
        path = self.mlp("1024,4096,4096,1000")
        first = self.ours(self.args.build / "bench_warm_start", path)
        warm = [self.ours(self.args.build / "bench_warm_start", path) for _ in range(self.args.turns * 2 + 1)]
        middle = sorted(warm, key=lambda r: r["total_ms"])[len(warm) // 2]
        print(f"| MLP 1024-4096-4096-1000 | {first['parameters']} | {middle['device']} | {first['total_ms']:.0f} | {middle['total_ms']:.1f} | "
              f"{middle['context_ms']:.1f} | {middle['model_ms']:.1f} | {middle['session_ms']:.1f} | {middle['first_run_ms']:.1f} |")


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("sections", nargs="*", default=[])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--device", dest="devices", action="append")
    parser.add_argument("--shape", dest="shapes", action="append", help="of gemm, instead of the usual ones")
    parser.add_argument("--drivers", type=pathlib.Path, default=HERE.parent / ".cache" / "drivers")
    args = parser.parse_args()
    bench = Bench(args)
    args.devices_given = list(args.devices or [])
    if not args.devices:
        listed = bench.ours_everywhere(bench.socle, "devices", "--json")
        args.devices = [d["id"] for d in listed["devices"] if d["status"] == "ok"]
    print(f"{processor()}, {os.cpu_count()} cores, {datetime.date.today()}\n\n`{' '.join(['bench/compare.py', *sys.argv[1:]])}`")
    failed = False
    for section in args.sections or ["gemm", "conv", "train", "infer", "networks", "start", "memory", "launch", "low"]:
        try:
            getattr(bench, section)()
        except (RuntimeError, FileNotFoundError) as error:
            print(f"\n{section}: {error}")
            failed = True
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
