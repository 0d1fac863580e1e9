/* multiply.c - oracle of a*b. Twins: src/ops/multiply.c, tests/cases/multiply.h. */
#include "support/operand.h"
#include "cases/multiply.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_multiply(in[0], in[1]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = 1;
    for (int64_t i = 0; i < y->count; i++)
        operand_add(y, i, in[0].v[i] * in[1].v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din[0].terms = din[1].terms = 1;
    for (int64_t i = 0; i < dy->count; i++) {
        operand_add(&din[0], i, dy->v[i] * in[1].v[i]);
        operand_add(&din[1], i, dy->v[i] * in[0].v[i]);
    }
}

const struct op_spec multiply_spec = {
    .op = "multiply",
    .cases = multiply_cases,
    .case_count = COUNT_OF(multiply_cases),
    .inputs = 2,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
