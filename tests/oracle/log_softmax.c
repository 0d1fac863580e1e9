/* log_softmax.c - oracle of the logarithm of softmax. Twins: src/ops/softmax.c, tests/cases/log_softmax.h. */
#include "support/operand.h"
#include "oracle/softmax.h"
#include "cases/log_softmax.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_log_softmax(in[0]);
}

/* The sum's relative error is an absolute one of its logarithm, hence the 1. */
static double magnitude(const struct softmax *at, int64_t channel)
{
    return 1 + log(at->sum) + fabs(at->x[channel * at->step] - at->max);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = softmax_terms(in) + LOG_TERMS + 2;
    for (int64_t n = 0; n < in->shape[0]; n++)
        for (int64_t p = 0; p < pixel_count(in); p++) {
            const struct softmax at = softmax_at(in, n, p);
            for (int64_t k = 0; k < at.channels; k++) {
                const int64_t i = (n * at.channels + k) * at.step + p;
                y->v[i] = at.x[k * at.step] - at.max - log(at.sum);
                y->s[i] = magnitude(&at, k);
            }
        }
}

/* dx = dy - exp(y)*sum of dy: y's absolute error is a relative one of exp(y). */
static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c;
    din->terms = y->terms + EXP_TERMS + (double)in->shape[1] + 2;
    for (int64_t n = 0; n < in->shape[0]; n++)
        for (int64_t p = 0; p < pixel_count(in); p++) {
            const struct softmax at = softmax_at(in, n, p);
            const int64_t first = n * at.channels * at.step + p;
            double sum = 0, s = 0;
            for (int64_t k = 0; k < at.channels; k++) {
                sum += dy->v[first + k * at.step];
                s += fabs(dy->v[first + k * at.step]);
            }
            for (int64_t k = 0; k < at.channels; k++) {
                const int64_t i = first + k * at.step;
                din->v[i] = dy->v[i] - softmax_value(&at, k) * sum;
                din->s[i] = fabs(dy->v[i]) + softmax_value(&at, k) * magnitude(&at, k) * s;
            }
        }
}

const struct op_spec log_softmax_spec = {
    .op = "log_softmax",
    .cases = log_softmax_cases,
    .case_count = COUNT_OF(log_softmax_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
