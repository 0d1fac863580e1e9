#!/usr/bin/env python3
"""Compares the networks with PyTorch and torchvision: the same weights and pictures, moved in safetensors and npy files.

    compare_torch.py PROGRAM [--golden FOLDER] [NAME...]

PROGRAM is network_gradients of the build. For every network (or those named) it compares logits in inference, and logits,
loss, gradients of the picture and of every parameter, and running averages of a training pass, with what PyTorch computes
in double. The error of a tensor is relative to its Euclidean norm; tensors whose gradient is zero but for rounding, such as
biases before batch normalisation, are measured against the largest gradient.

A network agrees if on one picture no tensor is off by more than 1e-3. Why one of several: a rounding may take a value
across the kink of a ReLU or make another value of a window the largest. That is no mistake, PyTorch in float does it too
("PyTorch in float": its own error on that picture), but one value that flips changes gradients by a part in a hundred or a
thousand. So networks are small enough, in pictures and in width, that most pictures are free of it, and a mistake shows on
all of them. Ocelli computes with plain sums (recipe.h), since algorithms that err more flip more.

In deep networks no picture is free of flips, and batch normalisation over few values makes a rounding grow from layer to
layer: at random weights, a network of 110 layers without shortcuts has errors as large as its values, here and in PyTorch.
Those in DEEP get biases shifted by 2 (recipe.h): nearly all values then pass the ReLUs, few are close to their kinks, and
errors stay as small as in shallow networks. What ReLUs do to negative values is compared in the others. Only plain110_cifar
is less sharp then, and may be off by 6e-3: with biases shifted by 3, values agree to 4e-7, but its gradients are small
differences of large numbers, which Ocelli gets to 4e-3 and PyTorch in float to 3e-3.

Networks that torchvision has are torchvision's modules. At full width they get weights of its own initialisation (so that
its files are read too). The narrower ones, and the networks written down here as functions of a dictionary of weights, get
weights that PROGRAM draws. Dropout is off on both sides. Some of torchvision's layers only make other sizes of pictures
possible, where Ocelli's networks take the published ones: those adaptive poolings are removed, and the auxiliary heads of
GoogLeNet pool 5x5 with stride 3, as published, where torchvision has an adaptive pooling too.

With --golden the results of PyTorch for the weights that PROGRAM draws go to FOLDER/NAME.txt, for models/test_golden.c: of
the first picture on which Ocelli and PyTorch in float are both sharp.
"""
import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

CLASSES, BATCH, PICTURES = 10, 3, 12
RESULTS = ("logits", "training_logits", "loss")


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    types = {"F32": "<f4", "I64": "<i8"}
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], types[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        array = np.asarray(tensor.numpy(), order="C")
        kind = "I64" if array.dtype == np.int64 else "F32"
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


# ---- networks that torchvision has not: functions of the picture, the weights and whether it trains ----

class Net:
    def __init__(self, weights, training):
        self.w, self.training = weights, training

    def conv(self, x, name, **options):
        return F.conv2d(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"), **options)

    def dense(self, x, name):
        return F.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm(self, x, name, eps=1e-5):
        mean, variance, weight, bias = (self.w[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, variance, weight, bias, self.training, 0.1, eps)


def lenet(relu):
    def run(net, x):
        act, pool = (F.relu, F.max_pool2d) if relu else (torch.tanh, F.avg_pool2d)
        x = pool(act(net.conv(x, "conv1")), 2)
        x = pool(act(net.conv(x, "conv2")), 2)
        x = act(net.conv(x, "conv3")).flatten(1)
        return net.dense(act(net.dense(x, "fc1")), "fc2")
    return run


def xo(net, x):
    x = F.max_pool2d(F.relu(net.conv(x, "conv1")), 2, ceil_mode=True)
    x = F.max_pool2d(F.relu(net.conv(x, "conv2", padding=1)), 2, ceil_mode=True)
    return net.dense(x.flatten(1), "fc1")


def convnetjs(net, x):
    for i in (1, 2, 3):
        x = F.max_pool2d(F.relu(net.conv(x, f"conv{i}", padding=2)), 2)
    return net.dense(x.flatten(1), "fc1")


def alexnet_2012(options, pool_padding=0):
    def run(net, x):
        for i, extra in enumerate(options):
            x = F.relu(net.conv(x, f"conv{i + 1}", **extra))
            if i < 2:
                x = F.max_pool2d(x, 3, 2, pool_padding)
                x = F.local_response_norm(x, 5, 5e-4, 0.75, 2)
        x = F.max_pool2d(x, 3, 2).flatten(1)
        return net.dense(F.relu(net.dense(F.relu(net.dense(x, "fc6")), "fc7")), "fc8")
    return run


def vgg(convs, last_window=3, lrn=False):
    def run(net, x):
        index = 0
        for stage, count in enumerate(convs):
            for i in range(count):
                window = net.w[f"features.{index}.weight"].shape[-1]
                assert window == (last_window if stage >= 2 and i == count - 1 else 3)
                x = F.relu(net.conv(x, f"features.{index}", padding=window // 2))
                index += 2
                if lrn and stage == 0:
                    x = F.local_response_norm(x, 5, 1e-4, 0.75, 1)
                    index += 1
            x = F.max_pool2d(x, 2)
            index += 1
        x = F.relu(net.dense(x.flatten(1), "classifier.0"))
        return net.dense(F.relu(net.dense(x, "classifier.3")), "classifier.6")
    return run


def googlenet_2014(net, x):
    def conv(x, name, **options):
        return F.relu(net.conv(x, f"{name}.conv", **options))

    def head(x, name):
        x = conv(F.avg_pool2d(x, 5, 3), f"{name}.conv").flatten(1)
        return net.dense(F.relu(net.dense(x, f"{name}.fc1")), f"{name}.fc2")

    def halve(x):
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    heads = {}
    x = F.local_response_norm(halve(conv(x, "conv1", stride=2, padding=3)), 5, 1e-4, 0.75, 1)
    x = conv(conv(x, "conv2"), "conv3", padding=1)
    x = halve(F.local_response_norm(x, 5, 1e-4, 0.75, 1))
    for block in "3a 3b 4a 4b 4c 4d 4e 5a 5b".split():
        name = f"inception{block}"
        x = torch.cat([conv(x, f"{name}.branch1"),
                       conv(conv(x, f"{name}.branch2.0"), f"{name}.branch2.1", padding=1),
                       conv(conv(x, f"{name}.branch3.0"), f"{name}.branch3.1", padding=2),
                       conv(F.max_pool2d(x, 3, 1, 1), f"{name}.branch4.1")], 1)
        if block in ("4a", "4d"):
            heads[block] = head(x, {"4a": "aux1", "4d": "aux2"}[block])
        if block in ("3b", "4e"):
            x = halve(x)
    return net.dense(x.mean((2, 3)), "fc"), heads["4a"], heads["4d"]


def residual(form, stem=1):
    """form: plain, residual or preactivation; stem 2: ImageNet's, with stride and pooling."""
    def block(net, x, name, stride):
        bottleneck = f"{name}.conv3.weight" in net.w
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        y = shortcut = x
        if form == "preactivation":
            x = F.relu(net.norm(x, f"{name}.bn1"))
        y = x
        for i, step in enumerate(strides, 1):
            if form == "preactivation" and i > 1:
                y = F.relu(net.norm(y, f"{name}.bn{i}"))
            y = net.conv(y, f"{name}.conv{i}", stride=step, padding=net.w[f"{name}.conv{i}.weight"].shape[-1] // 2)
            if form != "preactivation":
                y = net.norm(y, f"{name}.bn{i}")
                y = F.relu(y) if i < len(strides) else y
        if f"{name}.downsample.0.weight" in net.w:
            shortcut = net.conv(x, f"{name}.downsample.0", stride=stride)
            if form != "preactivation":
                shortcut = net.norm(shortcut, f"{name}.downsample.1")
        if form == "preactivation":
            return y + shortcut
        return F.relu(y if form == "plain" else y + shortcut)

    def run(net, x):
        x = net.conv(x, "conv1", stride=stem, padding=net.w["conv1.weight"].shape[-1] // 2)
        if form != "preactivation":
            x = F.relu(net.norm(x, "bn1"))
        if stem == 2:
            x = F.max_pool2d(x, 3, 2, 1)
        names = dict.fromkeys(m[1] for m in (re.match(r"(layer\d+\.\d+)\.", key) for key in net.w) if m)
        for name in sorted(names, key=lambda n: [int(k) for k in re.findall(r"\d+", n)]):
            x = block(net, x, name, 2 if name.endswith(".0") and not name.startswith("layer1.") else 1)
        if form == "preactivation":
            x = F.relu(net.norm(x, "bn_last"))
        return net.dense(x.mean((2, 3)), "fc")
    return run


def densenet(blocks):
    def run(net, x):
        x = net.conv(x, "features.conv0", padding=1)
        for i, count in enumerate(blocks, 1):
            for k in range(1, count + 1):
                y, name = x, f"features.denseblock{i}.denselayer{k}"
                for part in (1, 2):
                    if f"{name}.conv{part}.weight" in net.w:
                        window = net.w[f"{name}.conv{part}.weight"].shape[-1]
                        y = net.conv(F.relu(net.norm(y, f"{name}.norm{part}")), f"{name}.conv{part}", padding=window // 2)
                x = torch.cat([x, y], 1)
            if i < len(blocks):
                name = f"features.transition{i}"
                x = F.avg_pool2d(net.conv(F.relu(net.norm(x, f"{name}.norm")), f"{name}.conv"), 2)
        return net.dense(F.relu(net.norm(x, f"features.norm{len(blocks) + 1}")).mean((2, 3)), "classifier")
    return run


TOWERS = [{"stride": 4}, {"padding": 2, "groups": 2}, {"padding": 1}, {"padding": 1, "groups": 2}, {"padding": 1, "groups": 2}]
SINGLE = [{k: v for k, v in layer.items() if k != "groups"} for layer in TOWERS]
ZEILER = [{"stride": 2, "padding": 1}, {"stride": 2}, {"padding": 1}, {"padding": 1}, {"padding": 1}]

# name: (size of the picture, divisor of the width, function); None: torchvision's
NETWORKS = {
    "lenet5": (32, 1, lenet(False)),
    "lenet5_relu": (32, 1, lenet(True)),
    "xo": (9, 1, xo),
    "convnetjs_cifar10": (16, 1, convnetjs),
    "alexnet": (63, 1, None),
    "alexnet_2012": (99, 4, alexnet_2012(TOWERS)),
    "alexnet_2012_single": (99, 4, alexnet_2012(SINGLE)),
    "zfnet": (85, 4, alexnet_2012(ZEILER, 1)),
    "vgg_a_lrn": (32, 2, vgg((1, 1, 2, 2, 2), lrn=True)),
    "vgg_c": (32, 2, vgg((2, 2, 3, 3, 3), 1)),
    "googlenet": (65, 4, None),
    "googlenet_aux": (80, 4, None),
    "googlenet_2014": (80, 4, googlenet_2014),
    "wrn16_8": (16, 4, residual("preactivation")),
    "wrn28_10": (16, 8, residual("preactivation")),
    "wrn40_4": (16, 4, residual("preactivation")),
    "preact_resnet164_cifar": (8, 2, residual("preactivation")),
    "preact_resnet1001_cifar": (8, 4, residual("preactivation")),
    "densenet40_12_cifar": (16, 1, densenet((12, 12, 12))),
    "densenet_bc100_12_cifar": (12, 1, densenet((16, 16, 16))),
    "resnet110_stochastic_cifar": (8, 1, residual("residual")),
}
NETWORKS.update({f"vgg{depth}": (32, 1 if depth == 11 else 4, None) for depth in (11, 13, 16, 19)})
NETWORKS.update({f"vgg{depth}_bn": (64, 8, None) for depth in (11, 13, 16, 19)})
NETWORKS.update({name: (33, 1, None) for name in "resnet18 resnet34".split()})
NETWORKS.update({name: (33, 8, None) for name in "resnet50 resnet101 resnet152 wide_resnet50_2 wide_resnet101_2".split()})
NETWORKS.update({"resnext50_32x4d": (33, 2, None), "resnext101_32x8d": (33, 4, None)})
NETWORKS.update({f"densenet{depth}": (65, 8, None) for depth in (121, 169, 201, 161)})
NETWORKS.update({f"preact_resnet{depth}": (33, 4 if depth < 50 else 8, residual("preactivation", 2))
                 for depth in (18, 34, 50, 101, 152, 200)})
NETWORKS.update({f"{form}{depth}_cifar": (12 if depth < 44 else 8, 1, residual({"resnet": "residual"}.get(form, form)))
                 for form in ("resnet", "plain") for depth in (20, 32, 44, 56, 110)})

# Their biases are shifted.
DEEP = set("""resnet50 resnet101 resnet152 wide_resnet50_2 wide_resnet101_2 resnext50_32x4d resnext101_32x8d
    googlenet googlenet_aux preact_resnet50 preact_resnet101 preact_resnet152 preact_resnet200
    preact_resnet164_cifar preact_resnet1001_cifar plain44_cifar plain56_cifar plain110_cifar densenet161""".split())


def tolerance(name):
    return 6e-3 if name == "plain110_cifar" else 1e-3


def shift(name):
    return (3 if name == "plain110_cifar" else 2) if name in DEEP else 0


# ---- both sides ----

def torchvision_module(name, size):
    import torchvision
    options = {"num_classes": CLASSES, "weights": None}
    if name.startswith("googlenet"):
        options.update(aux_logits=name.endswith("_aux"), init_weights=False)
    module = getattr(torchvision.models, name.removesuffix("_aux"))(**options)
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    if name.startswith("vgg") or name == "alexnet":
        module.avgpool = torch.nn.Identity()
        first = 0 if name.startswith("vgg") else 1
        channels = 512 if name.startswith("vgg") else 256
        side = size // 32 if name.startswith("vgg") else ((size - 7) // 4 // 2 - 1) // 2 // 2
        module.classifier[first] = torch.nn.Linear(channels * side * side, 4096)
    if name.endswith("_aux"):
        from types import MethodType

        def head(self, x):
            x = self.conv(F.avg_pool2d(x, 5, 3)).flatten(1)
            return self.fc2(F.relu(self.fc1(x)))
        for part in (module.aux1, module.aux2):
            part.forward = MethodType(head, part)
            side = (size // 16 - 5) // 3 + 1
            part.fc1 = torch.nn.Linear(128 * side * side, 1024)
    return module


def check_names(state, published, divisor):
    """Narrower parameters serve torchvision's modules too: what they compute follows from the shapes."""
    assert set(state) == set(published), sorted(set(state) ^ set(published))[:5]
    if divisor == 1:
        for key, value in state.items():
            assert value.shape == published[key].shape, f"{key} is {value.shape}, not {published[key].shape}"


def run_torch(name, weights, image, labels, dtype):
    """Logits in inference; logits, loss and gradients of a training pass by name; states are what they become."""
    size, divisor, function = NETWORKS[name]
    state = {key: torch.from_numpy(value.copy()) for key, value in weights.items()}
    state = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    trained = {key: value.requires_grad_() for key, value in state.items()
               if value.is_floating_point() and "running_" not in key}
    image = torch.from_numpy(image).to(dtype).requires_grad_()
    if function is None:
        with torch.device("meta"):  # of which the values are never read
            module = torchvision_module(name, size)
        check_names(state, module.state_dict(), divisor)

        def run(training):
            return torch.func.functional_call(module.train(training), state, (image,))
    else:
        def run(training):
            return function(Net(state, training), image)

    def first(result):
        return result if isinstance(result, torch.Tensor) else result[0]
    with torch.no_grad():
        logits = first(run(False))
    result = run(True)
    loss = F.cross_entropy(first(result), labels)
    if not isinstance(result, torch.Tensor):
        loss = loss + 0.3 * sum(F.cross_entropy(part, labels) for part in result[1:])
    gradients = torch.autograd.grad(loss, [image, *trained.values()])
    values = {"logits": logits, "training_logits": first(result), "loss": loss, "image_gradient": gradients[0]}
    values.update(zip(trained, gradients[1:]))
    values.update({key: value for key, value in state.items() if "running_" in key})
    return {key: value.detach().numpy() for key, value in values.items()}


def run_ocelli(program, name, picture, folder):
    size, divisor, _ = NETWORKS[name]
    subprocess.check_call([program, name, str(size), str(divisor), str(picture), str(shift(name)), folder])
    values = {key: np.load(f"{folder}/{key}.npy") for key in ("logits", "training_logits", "loss", "image_gradient")}
    gradients = read_safetensors(f"{folder}/gradients.safetensors")
    values.update({key: value for key, value in gradients.items() if not key.endswith("num_batches_tracked")})
    return values


def largest_error(got, want):
    """And the tensor that has it."""
    if set(got) != set(want):
        return np.inf, f"only one side has {sorted(set(got) ^ set(want))[:5]}"
    largest = max(np.linalg.norm(value) for key, value in want.items() if key.endswith(("weight", "bias")))
    worst, where = 0.0, ""
    for key, value in want.items():
        if got[key].size != value.size:
            return np.inf, f"{key} is {got[key].shape}, not {value.shape}"
        scale = max(np.linalg.norm(value), 1e-4 * largest)
        error = np.linalg.norm(got[key].reshape(value.shape) - value) / scale
        if not np.isfinite(error):
            return np.inf, key
        if error > worst:
            worst, where = error, key
    return worst, where


def save_golden(path, name, picture, values):
    """Of every tensor the norm and a sum that weights every element differently; read by models/test_golden.c."""
    size, divisor, _ = NETWORKS[name]
    values = {key: value.reshape(-1) for key, value in values.items() if "running_" not in key}
    lines = [f"{name} {size} {divisor} {picture} {shift(name)} {len(values)}"]
    for key, value in values.items():
        weight = 1 + (np.arange(value.size, dtype=np.uint64) * 2654435761 % 2**32) / 2**32
        lines.append(f"{key} {np.linalg.norm(value):.6g} {value @ weight:.6g}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def run_both(program, name, picture, drawn):
    """What Ocelli computed and PyTorch in float, and PyTorch in double."""
    labels = torch.tensor([(3 * i + 1) % CLASSES for i in range(BATCH)])
    size, divisor, function = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        if function is None and divisor == 1 and not drawn:
            torch.manual_seed(1)
            write_safetensors(f"{folder}/weights.safetensors", torchvision_module(name, size).state_dict())
        got = run_ocelli(program, name, picture, folder)
        weights, image = read_safetensors(f"{folder}/weights.safetensors"), np.load(f"{folder}/image.npy")
    single, double = (run_torch(name, weights, image, labels, dtype) for dtype in (torch.float32, torch.float64))
    return got, single, double


def agrees(program, name, golden):
    """True if both agree on one of the pictures; says what differs most."""
    size, divisor, _ = NETWORKS[name]
    for picture in range(PICTURES):
        got, single, double = run_both(program, name, picture, golden)
        (error, where), (own, _) = largest_error(got, double), largest_error(single, double)
        forward = np.max([np.linalg.norm(got[k] - double[k]) / np.linalg.norm(double[k]) for k in RESULTS])
        print(f"{name:<28}{size:3}/{divisor} picture {picture}: {len(double):5} tensors, {error:8.1e} ({where}), results "
              f"{forward:8.1e}, PyTorch in float {own:8.1e}", flush=True)
        if error <= tolerance(name) and not (golden and own > tolerance(name)):
            if golden:
                save_golden(f"{golden}/{name}.txt", name, picture, double)
            return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--golden")
    arguments = parser.parse_intermixed_args()
    failed = [name for name in arguments.names or NETWORKS if not agrees(arguments.program, name, arguments.golden)]
    if failed:
        sys.exit("these differ: " + ", ".join(failed))


main()
