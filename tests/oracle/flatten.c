/* flatten.c - oracle of flattening: the same values, (n, rest). Twins: src/ops/reshape.c, tests/cases/flatten.h. */
#include "support/operand.h"
#include "cases/flatten.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_flatten(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_create(y, 2, (int64_t[]){ in->shape[0], in->count / in->shape[0] });
    for (int64_t i = 0; i < y->count; i++)
        operand_add(y, i, in->v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)in, (void)y;
    for (int64_t i = 0; i < dy->count; i++)
        operand_add(din, i, dy->v[i]);
}

const struct op_spec flatten_spec = {
    .op = "flatten",
    .cases = flatten_cases,
    .case_count = COUNT_OF(flatten_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
