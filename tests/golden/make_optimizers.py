#!/usr/bin/env python3
"""Writes optimizers.h: what PyTorch's optimizers make of a little dense layer, for tests/ops/test_optimizer.c.

    python3 make_optimizers.py > optimizers.h

The layer has 3 units and 5 inputs. Its input is the identity, so the gradient of the weight is the transposed gradient of
the output, which is made up anew in each step; all numbers that go in are short in binary. PyTorch computes in double,
with hyperparameters that are floats.
"""
import numpy
import torch

UNITS, INPUTS, STEPS = 3, 5, 6

# Fields of oc_optimizer_desc; what is not there is 0.
CASES = [
    dict(kind="SGD", rate=0.125),
    dict(kind="SGD", rate=0.1, weight_decay=0.05),
    dict(kind="SGD", rate=0.1, momentum=0.9),
    dict(kind="SGD", rate=0.1, momentum=0.9, weight_decay=0.05, nesterov=True),
    dict(kind="SGD", rate=0.1, momentum=0.9, weight_decay=0.05, decay_weights_only=True, clip_norm=1.5),
    dict(kind="SGD", rate=0.1, clip_norm=1000),
    dict(kind="SGD", rate=0.1, momentum=0.5, average=0.75),
    dict(kind="ADAM"),
    dict(kind="ADAM", rate=0.05, weight_decay=0.1),
    dict(kind="ADAM", rate=0.05, beta1=0.5, beta2=0.75, epsilon=0.01),
    dict(kind="ADAM", rate=0.05, weight_decay=0.1, decay_weights_only=True, clip_norm=0.5, average=0.9),
    dict(kind="ADAMW", rate=0.05),
    dict(kind="ADAMW", rate=0.05, weight_decay=0.1),
    dict(kind="ADAMW", rate=0.05, weight_decay=0.1, decay_weights_only=True, beta1=0.8, clip_norm=2, average=0.5),
    dict(kind="RMSPROP"),
    dict(kind="RMSPROP", rate=0.05, beta2=0.9, epsilon=0.001, weight_decay=0.1),
    dict(kind="RMSPROP", rate=0.02, momentum=0.9),
    dict(kind="RMSPROP", rate=0.02, momentum=0.9, weight_decay=0.1, clip_norm=1, average=0.9),
    dict(kind="ADAGRAD", rate=0.1),
    dict(kind="ADAGRAD", rate=0.1, epsilon=0.01, weight_decay=0.1, decay_weights_only=True, clip_norm=1, average=0.9),
]


def single(x):
    """The double that a float has."""
    return float(numpy.float32(x))


def numbers(count, factor, shift):
    return torch.tensor([((i * factor + shift) % 31 - 15) / 16 for i in range(count)], dtype=torch.float64)


def make(case, weight, bias):
    """The optimizer, with PyTorch's defaults for what the case leaves out."""
    kind = case["kind"]
    decay = single(case.get("weight_decay", 0))
    groups = [dict(params=[weight], weight_decay=decay),
              dict(params=[bias], weight_decay=0 if case.get("decay_weights_only") else decay)]
    options = {}
    if "rate" in case or kind == "SGD":
        options["lr"] = single(case["rate"])
    if "epsilon" in case:
        options["eps"] = single(case["epsilon"])
    if kind in ("SGD", "RMSPROP"):
        options["momentum"] = single(case.get("momentum", 0))
    if kind == "SGD":
        return torch.optim.SGD(groups, nesterov=case.get("nesterov", False), **options)
    if kind == "RMSPROP":
        return torch.optim.RMSprop(groups, alpha=single(case.get("beta2", 0.99)), **options)
    if kind == "ADAGRAD":
        return torch.optim.Adagrad(groups, **options)
    betas = single(case.get("beta1", 0.9)), single(case.get("beta2", 0.999))
    return (torch.optim.Adam if kind == "ADAM" else torch.optim.AdamW)(groups, betas=betas, **options)


def run(case):
    """Weight and bias after each step; in the end m, v and average, of the weight and of the bias."""
    weight = torch.nn.Parameter(numbers(UNITS * INPUTS, 37, 3).reshape(UNITS, INPUTS))
    bias = torch.nn.Parameter(numbers(UNITS, 11, 5))
    optimizer, average = make(case, weight, bias), single(case.get("average", 0))
    both = lambda a, b: torch.cat([a.detach().flatten(), b.detach().flatten()])
    result, mean = [], both(weight, bias)
    for step in range(STEPS):
        dy = numbers(INPUTS * UNITS, 53 + step, 11 * step).reshape(INPUTS, UNITS)
        optimizer.zero_grad()
        (torch.nn.functional.linear(torch.eye(INPUTS, dtype=torch.float64), weight, bias) * dy).sum().backward()
        if "clip_norm" in case:
            torch.nn.utils.clip_grad_norm_([weight, bias], single(case["clip_norm"]))
        optimizer.step()
        mean = average * mean + (1 - average) * both(weight, bias)
        result += both(weight, bias).tolist()
    for keys in (("momentum_buffer", "exp_avg"), ("exp_avg_sq", "square_avg", "sum")):
        for p in (weight, bias):
            state = next((optimizer.state[p][k] for k in keys if optimizer.state[p].get(k) is not None), None)
            result += (state if state is not None else torch.zeros_like(p)).detach().flatten().tolist()
    return result + (mean if average else torch.zeros_like(mean)).tolist()


def main():
    print("/* optimizers.h - what PyTorch %s's optimizers make of a little layer. Made by make_optimizers.py. */"
          % torch.__version__.split("+")[0])
    print("#ifndef GOLDEN_OPTIMIZERS_H\n#define GOLDEN_OPTIMIZERS_H\n\n#include <ocelli/ocelli.h>\n")
    print("enum { GOLDEN_UNITS = %d, GOLDEN_INPUTS = %d, GOLDEN_STEPS = %d, GOLDEN_VALUES = %d };\n"
          % (UNITS, INPUTS, STEPS, UNITS * (INPUTS + 1)))
    print("/* Weight and bias after each step, then m, v and average; 0 where there is none. */")
    print("static const struct golden_optimizer {\n    oc_optimizer_desc desc;")
    print("    double steps[GOLDEN_STEPS][GOLDEN_VALUES], slots[3][GOLDEN_VALUES];")
    print("} golden_optimizers[] = {\n    /* clang-format off */")
    for case in CASES:
        fields = ["." + k + " = " + ("OC_" + v if k == "kind" else "true" if v is True else repr(float(v)) + "f")
                  for k, v in case.items()]
        values = ["%.9g" % v for v in run(case)]
        count, steps = UNITS * (INPUTS + 1), []
        for first in range(0, len(values), count):
            steps.append("{ " + ", ".join(values[first:first + count]) + " }")
        print("    { { " + ", ".join(fields) + " },")
        print("      { " + ",\n        ".join(steps[:STEPS]) + " },")
        print("      { " + ",\n        ".join(steps[STEPS:]) + " } },")
    print("    /* clang-format on */\n};\n\n#endif")


main()
