/* gelu.c - oracle of x times the standard normal distribution function at x.
 * Twins: src/ops/activation.c, tests/cases/gelu.h.
 *
 * Rounding an argument by a relative u moves the distribution function by u*|x|*density and the density, which has the
 * square of x in an exponential, by a relative u*x*x/2. */
#include "support/operand.h"
#include "cases/gelu.h"

enum { ERFC_TERMS = 32 }; /* 16 ulp */

static double density(double x)
{
    return exp(-x * x / 2) * 0.39894228040143267794;
}

/* The standard normal distribution function. */
static double distribution(double x)
{
    return erfc(-x * 0.70710678118654752440) / 2;
}

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_gelu(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = ERFC_TERMS + 4;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        y->v[i] = x * distribution(x);
        y->s[i] = fabs(x) * (distribution(x) + fabs(x) * density(x));
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din->terms = ERFC_TERMS + EXP_TERMS + 5;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in->v[i];
        din->v[i] = dy->v[i] * (distribution(x) + x * density(x));
        din->s[i] = fabs(dy->v[i]) * (distribution(x) + fabs(x) * density(x) * (1 + x * x / 2));
    }
}

const struct op_spec gelu_spec = {
    .op = "gelu",
    .cases = gelu_cases,
    .case_count = COUNT_OF(gelu_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
