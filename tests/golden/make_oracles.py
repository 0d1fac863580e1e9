#!/usr/bin/env python3
"""Writes oracles.h: checksums of what PyTorch makes, in double, of every case of every operation.

Needs PyTorch and a C compiler; run it when a case is added: python3 tests/golden/make_oracles.py
The values are those of support/problem.c, read by ctypes: integers for operations that are exact on them, where
ties and zeros occur, and reals for the others.
"""
import ctypes as c
import glob
import math
import os
import subprocess
import tempfile

import torch
import torch.nn.functional as F

tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INT3, INT64_5 = c.c_int * 3, c.c_int64 * 5
PAD_NUMBER, PAD_VALID, PAD_SAME, PAD_FULL = range(4)
ROUND_CEIL, FILL_REAL, FILL_INTEGER = 3, 0, 1


class Init(c.Structure):
    _fields_ = [("kind", c.c_int), ("value", c.c_float)]


class Conv(c.Structure):
    _fields_ = [("name", c.c_char_p), ("filters", c.c_int), ("window", INT3), ("stride", INT3), ("dilation", INT3),
                ("groups", c.c_int), ("padding", c.c_int), ("pad", c.c_int), ("pad_begin", INT3), ("pad_end", INT3),
                ("rounding", c.c_int), ("no_bias", c.c_bool), ("frozen", c.c_bool), ("weight_init", Init),
                ("bias_init", Init)]


class ConvTranspose(c.Structure):
    _fields_ = [("name", c.c_char_p), ("filters", c.c_int), ("window", INT3), ("stride", INT3), ("dilation", INT3),
                ("groups", c.c_int), ("padding", c.c_int), ("pad", c.c_int), ("pad_begin", INT3), ("pad_end", INT3),
                ("output_padding", INT3), ("no_bias", c.c_bool), ("frozen", c.c_bool), ("weight_init", Init),
                ("bias_init", Init)]


class Pool(c.Structure):
    _fields_ = [("name", c.c_char_p), ("window", INT3), ("stride", INT3), ("dilation", INT3), ("padding", c.c_int),
                ("pad", c.c_int), ("pad_begin", INT3), ("pad_end", INT3), ("rounding", c.c_int),
                ("exclude_padding", c.c_bool)]


class Upsample(c.Structure):
    _fields_ = [("mode", c.c_int), ("factor", INT3), ("size", INT3), ("align_corners", c.c_bool)]


class Pad(c.Structure):
    _fields_ = [("begin", INT3), ("end", INT3), ("border", c.c_int), ("value", c.c_float)]


class Lrn(c.Structure):
    _fields_ = [("size", c.c_int), ("alpha", c.c_float), ("beta", c.c_float), ("k", c.c_float)]


class BatchNorm(c.Structure):
    _fields_ = [("name", c.c_char_p), ("epsilon", c.c_float), ("momentum", c.c_float), ("no_affine", c.c_bool),
                ("frozen", c.c_bool), ("use_running", c.c_bool)]


class Prelu(c.Structure):
    _fields_ = [("name", c.c_char_p), ("shared", c.c_bool), ("frozen", c.c_bool), ("weight_init", Init)]


class Layer(c.Union):
    _fields_ = [("conv", Conv), ("conv_transpose", ConvTranspose), ("pool", Pool), ("upsample", Upsample), ("pad", Pad), ("batch_norm", BatchNorm), ("lrn", Lrn), ("slope", c.c_float), ("pieces", c.c_int),
                ("prelu", Prelu), ("weights", c.c_float * 3),
                ("reshape", INT64_5), ("slice", c.c_int * 2)]


class Case(c.Structure):
    _fields_ = [("name", c.c_char_p), ("shape", INT64_5 * 3), ("scale", c.c_float), ("offset", c.c_float),
                ("layer", Layer)]


class Operand(c.Structure):
    _fields_ = [("rank", c.c_int), ("shape", INT64_5), ("count", c.c_int64), ("v", c.POINTER(c.c_double)),
                ("s", c.POINTER(c.c_double)), ("terms", c.c_double)]

    def tensor(self):
        return torch.tensor(self.v[:self.count], dtype=torch.float64).reshape(self.shape[:self.rank])


class Spec(c.Structure):
    _fields_ = [("op", c.c_char_p), ("cases", c.POINTER(Case)), ("case_count", c.c_int), ("inputs", c.c_int),
                ("states", c.c_int), ("labels", c.c_bool), ("exact", c.c_bool), ("functions", c.c_void_p * 5)]


class Problem(c.Structure):
    _fields_ = [("spec", c.POINTER(Spec)), ("case", c.POINTER(Case)), ("count", c.c_int), ("x", Operand * 8),
                ("dx", Operand * 8), ("y", Operand), ("dy", Operand), ("inferred", Operand)]


def load():
    sources = glob.glob(f"{tests}/oracle/*.c") + [f"{tests}/support/{f}.c" for f in ("operand", "problem")]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.check_call(["cc", "-std=c11", "-shared", "-fPIC", f"-I{tests}", f"-I{tests}/../src",
                               f"-I{tests}/../include", "-o", f"{folder}/oracle.so", *sources,
                               f"{tests}/../src/base/random.c", "-lm", "-Wl,-z,lazy"])
        return c.CDLL(f"{folder}/oracle.so", mode=os.RTLD_LAZY)


def values(array, otherwise):
    """An array with only its first value set holds for all dimensions; 0 means `otherwise`."""
    array = [array[0]] * 3 if array[1] == array[2] == 0 else list(array)
    return [v or o for v, o in zip(array, otherwise)]


def padding(d, size, window, stride, dilation):
    if d.padding == PAD_NUMBER:
        return [(d.pad, d.pad)] * len(size)
    extent = [di * (w - 1) + 1 for di, w in zip(dilation, window)]
    if d.padding == PAD_SAME:
        total = [max((math.ceil(i / s) - 1) * s + e - i, 0) for i, s, e in zip(size, stride, extent)]
        return [(t // 2, t - t // 2) for t in total]
    if d.padding == PAD_FULL:
        return [(e - 1, e - 1) for e in extent]
    return [(0, 0)] * len(size) if d.padding == PAD_VALID else list(zip(d.pad_begin, d.pad_end))[:len(size)]


def padded(x, pad, value=0):
    return F.pad(x, [p for pair in reversed(pad) for p in pair], value=value)


def geometry(x, d, default_stride):
    size = list(x.shape[2:])
    window = values(d.window, [0] * 3)[:len(size)]
    stride = values(d.stride, window if default_stride is None else [default_stride] * 3)[:len(size)]
    dilation = values(d.dilation, [1] * 3)[:len(size)]
    return size, window, stride, dilation, padding(d, size, window, stride, dilation)


def conv(x, w, b, d):
    size, window, stride, dilation, pad = geometry(x, d, 1)
    if d.rounding == ROUND_CEIL:  # what the last window needs, if it starts before the padding at the end
        for i, (begin, end) in enumerate(pad):
            extent, total = dilation[i] * (window[i] - 1) + 1, size[i] + begin + end
            last = math.ceil((total - extent) / stride[i])
            last -= last * stride[i] >= size[i] + begin
            pad[i] = (begin, end + max(0, last * stride[i] + extent - total))
    function = (F.conv1d, F.conv2d, F.conv3d)[len(size) - 1]
    return function(padded(x, pad), w, b, stride=stride, dilation=dilation, groups=d.groups or 1)


def conv_transpose(x, w, b, d):
    """PyTorch knows equal padding only: everything else is cut off a result without any, or added to it."""
    size = list(x.shape[2:])
    window, stride, dilation = (values(v, [1] * 3)[:len(size)] for v in (d.window, d.stride, d.dilation))
    more = list(d.output_padding)[:len(size)]
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(size) - 1]
    options = dict(stride=stride, dilation=dilation, output_padding=more, groups=d.groups or 1)
    if d.padding == PAD_NUMBER:
        return function(x, w, b, padding=d.pad, **options)
    same = [i * s for i, s in zip(size, stride)]
    pad = padding(d, same, window, stride, dilation)
    y = function(x, w, **options)
    if d.padding == PAD_SAME:
        pad = [(begin, have - begin - i - m) for (begin, _), have, i, m in zip(pad, y.shape[2:], same, more)]
    y = padded(y, [(-begin, -end) for begin, end in pad])
    return y if b is None else y + b.reshape(-1, *[1] * len(size))


def residual(x, a, b, d):
    u = F.relu(x)
    return F.relu(sum(conv(u, p[0], p[1] if len(p) > 1 else None, d) for p in (a, b)))


def conv_norm(x, p, d):
    z = conv(x, p[0], None if d.no_bias else p[1], d)
    weight, bias = p[1:3] if d.no_bias else (None, None)
    return F.batch_norm(z, p[-2], p[-1], weight, bias, False, 0.1, float(c.c_float(1e-5).value))


def average(x, window, stride, padding, **options):
    if x.dim() == 3:
        return F.avg_pool2d(x.unsqueeze(2), [1] + window, [1] + stride, [0] + padding, **options).squeeze(2)
    return (F.avg_pool2d if x.dim() == 4 else F.avg_pool3d)(x, window, stride, padding, **options)


def pool(x, d, kind):
    size, window, stride, dilation, pad = geometry(x, d, None)
    ceil = d.rounding == ROUND_CEIL
    zeros, begin = [0] * len(size), [b for b, _ in pad]
    native = all(b == e <= w // 2 for (b, e), w in zip(pad, window))  # else PyTorch needs the padding done for it
    assert native or not ceil
    if kind == "max":
        function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(size) - 1]
        return function(x if native else padded(x, pad, -math.inf), window, stride, begin if native else zeros,
                        dilation, ceil)
    options = dict(ceil_mode=ceil, divisor_override=1) if kind == "l2" else dict(ceil_mode=ceil)
    x = x * x if kind == "l2" else x
    if native:
        y = average(x, window, stride, begin, count_include_pad=not d.exclude_padding, **options)
    else:
        y = average(padded(x, pad), window, stride, zeros, **options)
        if d.exclude_padding:
            y = y / average(padded(torch.ones_like(x), pad), window, stride, zeros)
    return torch.sqrt(y) if kind == "l2" else y


def upsample(x, d):
    size = list(x.shape[2:])
    size = values(d.size, size)[:len(size)] if d.size[0] else [i * f for i, f in zip(size, values(d.factor, [1] * 3))]
    if d.mode == 0:
        return F.interpolate(x, size)
    return F.interpolate(x, size, mode=("linear", "bilinear", "trilinear")[len(size) - 1], align_corners=d.align_corners)


def pad(x, d):
    sides = list(zip(d.begin, d.end))[:x.dim() - 2]
    mode = ("constant", "reflect", "replicate")[d.border]
    return F.pad(x, [p for pair in reversed(sides) for p in pair], mode, d.value)


def lrn(x, d):
    """local_response_norm wants a spatial dimension."""
    y = F.local_response_norm(x if x.dim() > 2 else x.unsqueeze(2), d.size or 5, d.alpha or c.c_float(1e-4).value,
                              d.beta or 0.75, d.k or 1.0)
    return y.reshape(x.shape)


def batch_norm(d, x, *parameters):
    *affine, mean, variance = parameters
    momentum, epsilon = d.momentum or c.c_float(0.1).value, d.epsilon or c.c_float(1e-5).value
    return F.batch_norm(x, mean, variance, *affine, training=not d.use_running, momentum=momentum, eps=epsilon)


FORWARD = {
    "batch_norm": lambda case, *x: batch_norm(case.layer.batch_norm, *x),
    "conv": lambda case, x, w, b=None: conv(x, w, b, case.layer.conv),
    "conv_transpose": lambda case, x, w, b=None: conv_transpose(x, w, b, case.layer.conv_transpose),
    "dense": lambda case, x, w, b=None: F.linear(x, w, b),
    "max_pool": lambda case, x: pool(x, case.layer.pool, "max"),
    "average_pool": lambda case, x: pool(x, case.layer.pool, "average"),
    "l2_pool": lambda case, x: pool(x, case.layer.pool, "l2"),
    "global_max_pool": lambda case, x: F.max_pool3d(x.reshape(*x.shape[:2], 1, 1, -1), (1, 1, x[0, 0].numel())).flatten(1),
    "global_average_pool": lambda case, x: x.flatten(2).mean(2),
    "global_l2_pool": lambda case, x: x.flatten(2).norm(dim=2),
    "upsample_nearest": lambda case, x: upsample(x, case.layer.upsample),
    "upsample_linear": lambda case, x: upsample(x, case.layer.upsample),
    "pad": lambda case, x: pad(x, case.layer.pad),
    "relu": lambda case, x: F.relu(x),
    "leaky_relu": lambda case, x: F.leaky_relu(x, case.layer.slope),
    "sigmoid": lambda case, x: torch.sigmoid(x),
    "tanh": lambda case, x: torch.tanh(x),
    "relu6": lambda case, x: F.relu6(x),
    "elu": lambda case, x: F.elu(x, case.layer.slope),
    "softplus": lambda case, x: F.softplus(x, threshold=100),  # x itself from 20 on is right in float only
    "silu": lambda case, x: F.silu(x),
    "hard_swish": lambda case, x: F.hardswish(x),
    "gelu": lambda case, x: F.gelu(x),
    "residual": lambda case, x, *p: residual(x, p[:len(p) // 2], p[len(p) // 2:], case.layer.conv),
    "conv_norm": lambda case, x, *p: conv_norm(x, p, case.layer.conv),
    "prelu": lambda case, x, w: F.prelu(x, w),
    "maxout": lambda case, x: x.unflatten(1, (-1, case.layer.pieces)).max(2).values,
    "add": lambda case, a, b: a + b,
    "multiply": lambda case, a, b: a * b,
    "scale": lambda case, x: x * case.layer.slope,
    "flatten": lambda case, x: x.flatten(1),
    "reshape": lambda case, x: x.reshape([size for size in case.layer.reshape if size]),
    "concat": lambda case, *x: torch.cat(x, 1),
    "slice": lambda case, x: x.narrow(1, *case.layer.slice),
    "lrn": lambda case, x: lrn(x, case.layer.lrn),
    "softmax": lambda case, x: F.softmax(x, 1),
    "log_softmax": lambda case, x: F.log_softmax(x, 1),
    "softmax_cross_entropy": lambda case, x, label: F.cross_entropy(x, label.long()),
    "softmax_cross_entropy_smoothed":
        lambda case, x, label: F.cross_entropy(x, label.long(), label_smoothing=case.layer.slope),
    "binary_cross_entropy": lambda case, x, t: F.binary_cross_entropy_with_logits(x, t),
    "mean_squared_error": lambda case, a, b: F.mse_loss(a, b),
    "smooth_l1": lambda case, a, b: F.smooth_l1_loss(a, b, beta=case.layer.slope),
    "dot": lambda case, a, b: (a * b).sum(),
    "sum": lambda case, x: x.sum(),
    "mean": lambda case, x: x.mean(),
    "weighted_sum": lambda case, a, b, d: sum(w * (u * v).sum() for w, u, v in zip(case.layer.weights, (a, b, d), (b, d, a))),
}


def checksum(x):
    """Weights every element differently. Twin of the function in ops/test_oracle.c."""
    flat = x.flatten()
    weight = 1 + (torch.arange(flat.numel(), dtype=torch.int64) * 2654435761 % 2**32).double() / 2**32
    return (flat * weight).sum().item()


def row(library, spec, case):
    problem = Problem()
    library.problem_create(c.byref(problem), c.byref(spec), c.byref(case), FILL_INTEGER if spec.exact else FILL_REAL)
    states = problem.count - spec.states  # the first; those after it change in place
    x = [problem.x[i].tensor().requires_grad_(i < states and not (spec.labels and i == spec.inputs - 1))
         for i in range(problem.count)]
    y = FORWARD[spec.op.decode()](case, *x)
    y.backward(problem.dy.tensor().reshape(y.shape))
    sums = [checksum(y.detach())] + [0.0 if t.grad is None else checksum(t.grad) for t in x[:states]]
    sums += [checksum(t) for t in x[states:]]
    library.problem_destroy(c.byref(problem))
    return f'    {{ "{spec.op.decode()}", "{case.name.decode()}", {{ {", ".join(map(repr, sums))} }} }},'


HEADER = """/* oracles.h - made by make_oracles.py with PyTorch {version}: of every case the checksums of the result and of the
 * gradients of inputs and parameters; of states, such as running averages, what they become. */
#ifndef GOLDEN_ORACLES_H
#define GOLDEN_ORACLES_H

// clang-format off
static const struct golden {{
    const char *op, *name;
    double sums[9];
}} goldens[] = {{
"""


def main():
    library = load()
    specs = (c.POINTER(Spec) * 99).in_dll(library, "op_specs")
    lines = []
    for spec in specs:
        if not spec:
            break
        lines += [row(library, spec[0], spec[0].cases[i]) for i in range(spec[0].case_count)]
    with open(f"{tests}/golden/oracles.h", "w", encoding="utf-8") as file:
        file.write(HEADER.format(version=torch.__version__) + "\n".join(lines) + "\n};\n\n#endif\n")


main()
