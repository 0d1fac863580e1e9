/* tanh.c - oracle of the hyperbolic tangent. Twins: src/ops/activation.c, tests/cases/tanh.h.
 *
 * The gradient dy*(1 - y*y) has twice y's relative error on y*y, and three roundings of its own, on y*y + (1 - y*y). */
#include "support/operand.h"
#include "cases/tanh.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_tanh(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = TANH_TERMS;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(y, i, tanh(in->v[i]));
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c;
    din->terms = 2 * y->terms + 3;
    for (int64_t i = 0; i < in->count; i++) {
        din->v[i] = dy->v[i] * (1 - y->v[i] * y->v[i]);
        din->s[i] = fabs(dy->v[i]);
    }
}

const struct op_spec tanh_spec = {
    .op = "tanh",
    .cases = tanh_cases,
    .case_count = COUNT_OF(tanh_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
