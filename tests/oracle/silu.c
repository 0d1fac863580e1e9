/* silu.c - oracle of x*sigmoid(x).
 *
 * In the gradient s*(1 + x*(1 - s)) of s = sigmoid(x), what is wrong with s counts twice, and 1 - s may cancel.
 * Twins: src/ops/activation.c, tests/cases/silu.h. */
#include "support/operand.h"
#include "cases/silu.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_silu(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = EXP_TERMS + 1 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        operand_add(y, i, x / (1 + exp(-x)));
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din->terms = 2 * (EXP_TERMS + 1 + DIVIDE_TERMS) + 5;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        const double s = 1 / (1 + exp(-x));
        din->v[i] = dy->v[i] * s * (1 + x * (1 - s));
        din->s[i] = fabs(dy->v[i]) * s * (1 + fabs(x));
    }
}

const struct op_spec silu_spec = {
    .op = "silu",
    .cases = silu_cases,
    .case_count = COUNT_OF(silu_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
