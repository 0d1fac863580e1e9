/* sigmoid.c - oracle of 1/(1 + exp(-x)). Twins: src/ops/activation.c, tests/cases/sigmoid.h.
 *
 * The gradient dy*y*(1 - y) has y's relative error from its factor y, and y times that from 1 - y, besides its own
 * three roundings: together at most y->terms + 3 times |dy|*y*((1 - y) + y). */
#include "support/operand.h"
#include "cases/sigmoid.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_sigmoid(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = EXP_TERMS + 1 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(y, i, 1 / (1 + exp(-in->v[i])));
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c;
    din->terms = y->terms + 3;
    for (int64_t i = 0; i < in->count; i++) {
        din->v[i] = dy->v[i] * y->v[i] * (1 - y->v[i]);
        din->s[i] = fabs(dy->v[i]) * y->v[i];
    }
}

const struct op_spec sigmoid_spec = {
    .op = "sigmoid",
    .cases = sigmoid_cases,
    .case_count = COUNT_OF(sigmoid_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
