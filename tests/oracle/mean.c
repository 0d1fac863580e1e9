/* mean.c - oracle of the mean over all elements. Twins: src/ops/reduce.c, tests/cases/mean.h. */
#include "support/operand.h"
#include "cases/mean.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_mean(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_create(y, 0, NULL);
    y->terms = (double)in->count + DIVIDE_TERMS + 1;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(y, 0, in->v[i] / (double)in->count);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din->terms = DIVIDE_TERMS + 1;
    for (int64_t i = 0; i < din->count; i++)
        operand_add(din, i, dy->v[0] / (double)in->count);
}

const struct op_spec mean_spec = {
    .op = "mean",
    .cases = mean_cases,
    .case_count = COUNT_OF(mean_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
