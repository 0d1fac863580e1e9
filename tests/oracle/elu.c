/* elu.c - oracle of x or, below 0, alpha*(exp(x) - 1).
 *
 * The gradient alpha*exp(x) is computed as y + alpha, and has the errors of both.
 * Twins: src/ops/activation.c, tests/cases/elu.h. */
#include "support/operand.h"
#include "cases/elu.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_elu(in[0], c->slope);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    operand_like(y, in);
    y->terms = EXP_TERMS + 1;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        operand_add(y, i, x > 0 ? x : (double)c->slope * expm1(x));
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)y;
    din->terms = EXP_TERMS + 3;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        const double alpha = (double)c->slope;
        din->v[i] = x > 0 ? dy->v[i] : dy->v[i] * alpha * exp(x);
        din->s[i] = x > 0 ? fabs(dy->v[i]) : fabs(dy->v[i]) * (alpha - alpha * expm1(x));
    }
}

const struct op_spec elu_spec = {
    .op = "elu",
    .cases = elu_cases,
    .case_count = COUNT_OF(elu_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
