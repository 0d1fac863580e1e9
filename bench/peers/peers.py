#!/usr/bin/env python3
"""The networks of `ocelli-bench net all` in PyTorch and ONNX Runtime, in turns with ocelli-bench.

    bench/peers/peers.py --nets resnet50,vgg16 --rounds 3            PyTorch of this interpreter
    bench/peers/peers.py --python /usr/bin/python3 --python venv/bin/python --onnx
    bench/peers/peers.py --ops resnet50                              convolution by convolution

Every contestant has the same number of threads, the same networks (torchvision's), the same batch of random pictures
that lies ready in its memory, and the same way of measuring: steps for --seconds after a tenth of that to warm up, of
which the median counts. The rounds go A B A B, so that what a machine does besides hits everybody, and the median of
the rounds counts. PyTorch runs in its default and in the channels-last memory format, and the faster one of each
network counts. Inference is eval() and no_grad(); a training step is zero_grad, forward, cross-entropy, backward and
SGD with momentum. Memory is, for PyTorch, how far a step's highest resident set is above that before the network was
made, and for Ocelli all that it allocates on the device.

The workers need torch and torchvision (and, with --onnx, onnx and onnxruntime); this program itself needs neither, so
that --python may name any other interpreter. Debian's python3-torch has no torchvision. Its version 1.13 gets on with
the networks of torchvision 0.15.2:

    python3 -m venv --system-site-packages venv && venv/bin/pip install --no-deps torchvision==0.15.2
    venv/bin/pip install onnx onnxruntime 'numpy<2'

Newer releases of torch want onnxscript too.
"""
import argparse
import contextlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time

NETS = "alexnet,vgg16,googlenet,resnet18,resnet50,resnext50_32x4d,wide_resnet50_2,densenet121"
FORMATS = ("default", "channels_last")
LEAST_STEPS = 3


# ---- a worker: one library with one network, answering a line of JSON with a line of JSON ----

def memory(key):
    """Bytes of a line of /proc/self/status, such as VmRSS or VmHWM."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))


def measure(step, batch, seconds):
    """Images per second by the median step, as ocelli-bench net measures it."""
    start = time.monotonic()
    step()
    step()
    while time.monotonic() - start < seconds / 10:
        step()
    times = []
    start = time.monotonic()
    while len(times) < LEAST_STEPS or time.monotonic() - start < seconds:
        before = time.monotonic()
        step()
        times.append(time.monotonic() - before)
    return batch / statistics.median(times)


def make_network(name):
    import torchvision.models

    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(**options)


def make_torch_step(torch, request):
    """A step of the network, and the resident set before it was made."""
    layout = torch.channels_last if request["format"] == "channels_last" else torch.contiguous_format
    warm = torch.nn.Conv2d(16, 16, 3)
    warm(torch.randn(1, 16, 32, 32)).sum().backward()
    before = memory("VmRSS")
    net = make_network(request["net"]).to(memory_format=layout)
    x = torch.rand(request["batch"], 3, request["input"], request["input"]).to(memory_format=layout)
    if request["mode"] == "infer":
        net.eval()

        def infer():
            with torch.no_grad():
                net(x)
        return infer, before

    net.train()
    label = torch.randint(1000, (request["batch"],))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

    def train():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(net(x), label).backward()
        optimizer.step()
    return train, before


def make_onnx_step(torch, request):
    import io

    import onnxruntime

    shape = (request["batch"], 3, request["input"], request["input"])
    file = io.BytesIO()
    x = torch.rand(*shape)
    with contextlib.redirect_stdout(sys.stderr):  # newer releases tell there how they get on; ours are the answers
        torch.onnx.export(make_network(request["net"]).eval(), x, file, input_names=["x"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    feeds = {"x": x.numpy()}
    return lambda: session.run(None, feeds), onnxruntime.__version__


def time_conv(torch, request):
    """Milliseconds of one pass of a convolution: the fastest of several runs in the faster format."""
    best = math.inf
    for layout in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(request["batch"], request["channels"], request["size"], request["size"])
        w = torch.randn(request["filters"], request["channels"] // request["groups"], *[request["window"]] * 2)
        x, w = x.to(memory_format=layout), w.to(memory_format=layout)
        places = [[request[key]] * 2 for key in ("stride", "pad")] + [[1, 1]]
        dy = torch.randn_like(torch.conv2d(x, w, None, *places, request["groups"])).to(memory_format=layout)

        def run():
            if request["pass"] == "forward":
                torch.conv2d(x, w, None, *places, request["groups"])
            else:
                data = request["pass"] == "backward_data"
                torch.ops.aten.convolution_backward(dy, x, w, None, *places, False, [0, 0], request["groups"],
                                                    [data, not data, False])
        with torch.no_grad():
            for i in range(request["repeat"] + 1):
                start = time.monotonic()
                run()
                best = min(best, 1e3 * (time.monotonic() - start)) if i > 0 else best
    return best


def answer(torch, state, request):
    if request["do"] == "load":
        torch.set_num_threads(request["threads"])
        if request["library"] == "onnxruntime":
            state["step"], version = make_onnx_step(torch, request)
            return {"name": "onnxruntime " + version}
        if "net" in request:
            state["step"], state["before"] = make_torch_step(torch, request)
        return {"name": "torch " + torch.__version__}
    if request["do"] == "conv":
        return {"ms": time_conv(torch, request)}
    reply = {"images_per_second": measure(state["step"], request["batch"], request["seconds"])}
    if "before" in state:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the highest resident set starts anew
        state["step"]()
        reply["bytes"] = memory("VmHWM") - state["before"]
    return reply


def work():
    import warnings

    warnings.filterwarnings("ignore")
    import torch

    state = {}
    for line in sys.stdin:
        print(json.dumps(answer(torch, state, json.loads(line))), flush=True)


# ---- the contest ----

class Worker:
    def __init__(self, python, threads, **request):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        self.process = subprocess.Popen([python, os.path.abspath(__file__), "--worker"], text=True, env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.name = self.ask(do="load", threads=threads, **request)["name"]
        self.format = request.get("format", "default")

    def ask(self, **request):
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, ValueError):
            sys.exit("peers.py: %s ended: see above" % " ".join(self.process.args[:1]))

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def ocelli(options, *words):
    """Lines that ocelli-bench prints, as objects."""
    environment = dict(os.environ, POCL_MAX_PTHREAD_COUNT=str(options.threads))
    command = [options.bench, *words, "--batch", str(options.batch), "--device", options.device, "--json"]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit("peers.py: '%s' failed: see above" % " ".join(command))
    return [json.loads(line) for line in run.stdout.splitlines()]


def progress(*words):
    if sys.stderr.isatty():
        print("\r\033[K" + " ".join(words), end="", file=sys.stderr, flush=True)


def hire(options, net, mode):
    request = {"net": net, "mode": mode, "batch": options.batch, "input": options.input}
    workers = [Worker(python, options.threads, library="torch", format=layout, **request)
               for python in options.python for layout in FORMATS]
    if options.onnx and mode == "infer":
        workers.append(Worker(options.python[0], options.threads, library="onnxruntime", **request))
    return workers


def contest(options, net, mode):
    """One network: medians of Ocelli and, by name, of each peer in its faster format."""
    workers = hire(options, net, mode)
    ours, theirs = [], [[] for _ in workers]
    for number in range(options.rounds):
        progress(net, mode, "round", str(number + 1))
        ours += ocelli(options, "net", net, "--mode", mode, "--input", str(options.input), "--seconds",
                       str(options.seconds))
        for worker, replies in zip(workers, theirs):
            replies.append(worker.ask(do="measure", batch=options.batch, seconds=options.seconds))
    progress()
    row = {"net": net, "mode": mode, "batch": options.batch, "threads": options.threads, "peers": {},
           "images_per_second": statistics.median(r["images_per_second"] for r in ours),
           "device_bytes": ours[0]["device_bytes"], "create_seconds": min(r["create_seconds"] for r in ours)}
    for worker, replies in zip(workers, theirs):
        worker.end()
        speed = statistics.median(r["images_per_second"] for r in replies)
        if speed > row["peers"].get(worker.name, {"images_per_second": 0})["images_per_second"]:
            row["peers"][worker.name] = {"images_per_second": speed, "format": worker.format,
                                         "bytes": max(r.get("bytes", 0) for r in replies),
                                         "ratio": row["images_per_second"] / speed}
    return row


def geometric_mean(values):
    return math.exp(statistics.mean(math.log(value) for value in values))


def print_row(row):
    for name, peer in row["peers"].items():
        print("%-16s %-5s %9.2f %9.2f %7.2fx %9.0f %9s  %s, %s" % (
            row["net"], row["mode"], row["images_per_second"], peer["images_per_second"], peer["ratio"],
            row["device_bytes"] * 1e-6, "%.0f" % (peer["bytes"] * 1e-6) if peer["bytes"] else "-", name,
            peer["format"]), flush=True)


def compare_nets(options):
    if not options.json:
        print("batch %d, %d threads, %d rounds of %d s\n" % (options.batch, options.threads, options.rounds,
                                                             options.seconds))
        print("%-16s %-5s %9s %9s %8s %9s %9s  peer" % ("network", "mode", "images/s", "peer", "ratio", "MB",
                                                      "peer's MB"))
    for mode in options.mode.split(","):
        ratios = {}
        for net in options.nets.split(","):
            row = contest(options, net, mode)
            for name, peer in row["peers"].items():
                ratios.setdefault(name, []).append(peer["ratio"])
            print(json.dumps(row), flush=True) if options.json else print_row(row)
        for name, values in ratios.items():
            mean = geometric_mean(values)
            if options.json:
                print(json.dumps({"net": "geometric mean", "mode": mode, "peer": name, "ratio": mean}))
            else:
                print("geometric mean of %d, %s: %.2fx of %s" % (len(values), mode, mean, name))


# ---- convolution by convolution ----

def shape_of(case):
    """What a case of a suite is called says what it is, but for its padding."""
    numbers = [int(n) for n in re.match(r"(\d+)x\d+, (\d+) to (\d+) channels, (\d+)x", case).groups()]
    extra = [re.search(pattern, case) for pattern in (r"stride (\d+)", r"(\d+) groups")]
    shape = dict(zip(("window", "channels", "filters", "size"), numbers))
    shape["stride"], shape["groups"] = [int(found.group(1)) if found else 1 for found in extra]
    shape["pad"] = 2 if shape["window"] == 11 else shape["window"] // 2  # 11x11: AlexNet's
    return shape


def compare_ops(options):
    worker = Worker(options.python[0], options.threads, library="torch")
    for suite in options.ops.split(","):
        for name in ("forward", "backward_data", "backward_filter"):
            best = {}  # by case: count, our milliseconds, theirs
            for number in range(options.rounds):
                progress(suite, name, "round", str(number + 1))
                for row in ocelli(options, "op", "--suite", suite, "--pass", name):
                    if row["op"] != "conv":
                        continue
                    old = best.get(row["case"], (0, math.inf, math.inf))
                    best[row["case"]] = (row["count"], min(old[1], row["ms"]), old[2])
                for case, old in best.items():
                    ms = worker.ask(do="conv", batch=options.batch, repeat=5, **{"pass": name}, **shape_of(case))["ms"]
                    best[case] = (*old[:2], min(old[2], ms))
            progress()
            report_ops(options, suite, name, worker.name, best)
    worker.end()


def report_ops(options, suite, name, peer, best):
    totals = [sum(count * times[i] for count, *times in best.values()) for i in range(2)]
    rows = [(case, *row) for case, row in best.items()] + [("total", sum(r[0] for r in best.values()), *totals)]
    if not options.json:
        print("\n%s, %s, against %s" % (suite, name, peer))
    for case, count, ours, theirs in rows:
        if options.json:
            print(json.dumps({"suite": suite, "pass": name, "case": case, "count": count, "ms": ours, "peer": peer,
                              "peer_ms": theirs, "ratio": theirs / ours}), flush=True)
        else:
            print("%3d x %-44s %10.3f ms %10.3f ms %7.2fx" % (count, case, ours, theirs, theirs / ours), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/ocelli-bench", help="the program (default: %(default)s)")
    parser.add_argument("--python", action="append", help="an interpreter with torch; several may be given")
    parser.add_argument("--onnx", action="store_true", help="also ONNX Runtime, of the first interpreter")
    parser.add_argument("--nets", default="all", help="names with commas between them (default: all eight)")
    parser.add_argument("--ops", metavar="SUITES", help="the convolutions of these networks instead, or of all")
    parser.add_argument("--mode", default="infer,train", help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=16, help="default: %(default)s")
    parser.add_argument("--input", type=int, default=224, help="height and width (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="of ocelli-bench (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="an object per line")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.python = options.python or [sys.executable]
    options.nets = NETS if options.nets == "all" else options.nets
    options.ops = NETS if options.ops == "all" else options.ops
    if not set((options.ops or options.nets).split(",")) <= set(NETS.split(",")):
        parser.error("there are " + NETS)
    if options.worker:
        work()
    elif options.ops:
        compare_ops(options)
    else:
        compare_nets(options)


if __name__ == "__main__":
    main()
