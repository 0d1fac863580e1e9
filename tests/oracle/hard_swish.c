/* hard_swish.c - oracle of x*min(max(x + 3, 0), 6)/6.
 * Twins: src/ops/activation.c, tests/cases/hard_swish.h. */
#include "support/operand.h"
#include "cases/hard_swish.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_hard_swish(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = 2 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        operand_add(y, i, x * fmin(x + 3 < 0 ? 0 : x + 3, isnan(x) ? x : 6) / 6);
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din->terms = 2 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        din->v[i] = dy->v[i] * (x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1);
        din->s[i] = fabs(dy->v[i]) * (fabs(x) / 3 + 1);
    }
}

const struct op_spec hard_swish_spec = {
    .op = "hard_swish",
    .cases = hard_swish_cases,
    .case_count = COUNT_OF(hard_swish_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
