/* relu6.c - oracle of x cut to 0..6. Nothing is rounded.
 * Twins: src/ops/activation.c, tests/cases/relu6.h. */
#include "support/operand.h"
#include "cases/relu6.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_relu6(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = 0;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        operand_add(y, i, x < 0 ? 0 : x > 6 ? 6 : x);
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din->terms = 0;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        operand_add(din, i, x <= 0 || x >= 6 ? 0 : dy->v[i]);
    }
}

const struct op_spec relu6_spec = {
    .op = "relu6",
    .cases = relu6_cases,
    .case_count = COUNT_OF(relu6_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
