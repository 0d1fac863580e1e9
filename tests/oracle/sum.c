/* sum.c - oracle of the sum over all elements. Twins: src/ops/reduce.c, tests/cases/sum.h. */
#include "support/operand.h"
#include "cases/sum.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_sum(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_create(y, 0, NULL);
    y->terms = (double)in->count;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(y, 0, in->v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)in, (void)y;
    for (int64_t i = 0; i < din->count; i++)
        operand_add(din, i, dy->v[0]);
}

const struct op_spec sum_spec = {
    .op = "sum",
    .cases = sum_cases,
    .case_count = COUNT_OF(sum_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
