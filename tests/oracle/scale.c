/* scale.c - oracle of factor*x. Twins: src/ops/multiply.c, tests/cases/scale.h. */
#include "support/operand.h"
#include "cases/scale.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_scale(in[0], c->slope);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    operand_like(y, in);
    y->terms = 1;
    for (int64_t i = 0; i < y->count; i++)
        operand_add(y, i, (double)c->slope * in->v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)in, (void)y;
    din->terms = 1;
    for (int64_t i = 0; i < dy->count; i++)
        operand_add(din, i, (double)c->slope * dy->v[i]);
}

const struct op_spec scale_spec = {
    .op = "scale",
    .cases = scale_cases,
    .case_count = COUNT_OF(scale_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
