/* softplus.c - oracle of log(1 + exp(x)).
 *
 * The gradient, the sigmoid of x, is computed as 1 - exp(-y): a relative error of y becomes at most as large a one.
 * Twins: src/ops/activation.c, tests/cases/softplus.h. */
#include "support/operand.h"
#include "cases/softplus.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_softplus(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = EXP_TERMS + LOG_TERMS + 1;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        operand_add(y, i, fmax(x, 0) + log1p(exp(-fabs(x))));
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din->terms = 2 * EXP_TERMS + LOG_TERMS + 2;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        operand_add(din, i, dy->v[i] / (1 + exp(-x)));
    }
}

const struct op_spec softplus_spec = {
    .op = "softplus",
    .cases = softplus_cases,
    .case_count = COUNT_OF(softplus_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
