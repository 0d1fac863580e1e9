/* relu.c - oracle of max(x, 0), a NaN stays one. Twins: src/ops/activation.c, tests/cases/relu.h. */
#include "support/operand.h"
#include "cases/relu.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_relu(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    for (int64_t i = 0; i < in->count; i++)
        operand_add(y, i, in->v[i] <= 0 ? 0 : in->v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(din, i, in->v[i] > 0 ? dy->v[i] : 0);
}

const struct op_spec relu_spec = {
    .op = "relu",
    .cases = relu_cases,
    .case_count = COUNT_OF(relu_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
