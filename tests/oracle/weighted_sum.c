/* weighted_sum.c - oracle of a weighted sum of three losses: the inner products of its inputs, each with the next.
 * Twins: src/ops/multiply.c, tests/cases/weighted_sum.h. */
#include "support/operand.h"
#include "cases/weighted_sum.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_tensor *losses[3];
    for (int i = 0; i < 3; i++)
        losses[i] = oc_dot(in[i], in[(i + 1) % 3]);
    return oc_weighted_sum(losses, c->weights, 3);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    operand_create(y, 0, NULL);
    y->terms = (double)in->count + 4;
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < in->count; i++)
            operand_add(y, 0, (double)c->weights[k] * in[k].v[i] * in[(k + 1) % 3].v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)y;
    for (int k = 0; k < 3; k++) {
        const int before = (k + 2) % 3, after = (k + 1) % 3;
        din[k].terms = 3;
        for (int64_t i = 0; i < in->count; i++) {
            operand_add(&din[k], i, dy->v[0] * (double)c->weights[k] * in[after].v[i]);
            operand_add(&din[k], i, dy->v[0] * (double)c->weights[before] * in[before].v[i]);
        }
    }
}

const struct op_spec weighted_sum_spec = {
    .op = "weighted_sum",
    .cases = weighted_sum_cases,
    .case_count = COUNT_OF(weighted_sum_cases),
    .inputs = 3,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
