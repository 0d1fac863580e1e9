/* leaky_relu.c - oracle of x or, below 0, slope*x. Twins: src/ops/activation.c, tests/cases/leaky_relu.h. */
#include "support/operand.h"
#include "cases/leaky_relu.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_leaky_relu(in[0], c->slope);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    operand_like(y, in);
    y->terms = 1;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(y, i, in->v[i] > 0 ? in->v[i] : (double)c->slope * in->v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)y;
    din->terms = 1;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(din, i, in->v[i] > 0 ? dy->v[i] : (double)c->slope * dy->v[i]);
}

const struct op_spec leaky_relu_spec = {
    .op = "leaky_relu",
    .cases = leaky_relu_cases,
    .case_count = COUNT_OF(leaky_relu_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
