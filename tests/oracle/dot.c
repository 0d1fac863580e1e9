/* dot.c - oracle of the sum of a*b. Twins: src/ops/loss.c, tests/cases/dot.h. */
#include "support/operand.h"
#include "cases/dot.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_dot(in[0], in[1]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_create(y, 0, NULL);
    y->terms = (double)in->count;
    for (int64_t i = 0; i < in->count; i++)
        operand_add(y, 0, in[0].v[i] * in[1].v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din[0].terms = din[1].terms = 1;
    for (int64_t i = 0; i < in->count; i++) {
        operand_add(&din[0], i, dy->v[0] * in[1].v[i]);
        operand_add(&din[1], i, dy->v[0] * in[0].v[i]);
    }
}

const struct op_spec dot_spec = {
    .op = "dot",
    .cases = dot_cases,
    .case_count = COUNT_OF(dot_cases),
    .inputs = 2,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
