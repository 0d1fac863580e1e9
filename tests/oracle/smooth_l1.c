/* smooth_l1.c - oracle of the mean of the square of a difference or, from beta on, its magnitude.
 * Twins: src/ops/loss.c, tests/cases/smooth_l1.h. */
#include "support/operand.h"
#include "cases/smooth_l1.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_smooth_l1(in[0], in[1], c->slope);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const double beta = (double)c->slope;
    operand_create(y, 0, NULL);
    y->terms = (double)in->count + 4 + 2 * DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double d = fabs(in[0].v[i] - in[1].v[i]);
        y->v[0] += (d < beta ? d * d / (2 * beta) : d - beta / 2) / (double)in->count;
        y->s[0] += (d < beta ? d * d / (2 * beta) : d + beta / 2) / (double)in->count;
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const double beta = (double)c->slope;
    (void)y;
    din[0].terms = din[1].terms = 3 + 2 * DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double d = in[0].v[i] - in[1].v[i];
        const double g = (d <= -beta ? -1 : d >= beta ? 1 : d / beta) / (double)in->count * dy->v[0];
        operand_add(&din[0], i, g);
        operand_add(&din[1], i, -g);
    }
}

const struct op_spec smooth_l1_spec = {
    .op = "smooth_l1",
    .cases = smooth_l1_cases,
    .case_count = COUNT_OF(smooth_l1_cases),
    .inputs = 2,
    .build = build,
    .forward = forward,
    .backward = backward,
};
