/* softmax_cross_entropy.c - oracle of the mean of -log softmax(logits)[label]. Twins: src/ops/loss.c,
 * tests/cases/softmax_cross_entropy.h. */
#include "oracle/softmax.h"
#include "cases/softmax_cross_entropy.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_softmax_cross_entropy(in[0], in[1]);
}

/* A summand is log(sum of exp(x - max)) - (x[label] - max). The sum's relative error is an absolute one of its
 * logarithm, hence the 1 in s. */
static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const int64_t pixels = pixel_count(&in[0]), count = in[1].count;
    (void)c;
    operand_create(y, 0, NULL);
    y->terms = softmax_terms(&in[0]) + LOG_TERMS + (double)count + DIVIDE_TERMS;
    for (int64_t i = 0; i < count; i++) {
        const struct softmax at = softmax_at(&in[0], i / pixels, i % pixels);
        const double logit = at.x[(int64_t)in[1].v[i] * at.step] - at.max;
        y->v[0] += (log(at.sum) - logit) / (double)count;
        y->s[0] += (1 + log(at.sum) + fabs(logit)) / (double)count;
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const int64_t pixels = pixel_count(&in[0]), count = in[1].count;
    (void)c, (void)y;
    din->terms = softmax_terms(&in[0]) + 2 + DIVIDE_TERMS;
    for (int64_t i = 0; i < count; i++) {
        const struct softmax at = softmax_at(&in[0], i / pixels, i % pixels);
        for (int64_t k = 0; k < at.channels; k++) {
            const int64_t xi = (i / pixels * at.channels + k) * pixels + i % pixels;
            operand_add(din, xi, softmax_value(&at, k) / (double)count * dy->v[0]);
            if (k == (int64_t)in[1].v[i])
                operand_add(din, xi, -dy->v[0] / (double)count);
        }
    }
}

const struct op_spec softmax_cross_entropy_spec = {
    .op = "softmax_cross_entropy",
    .cases = softmax_cross_entropy_cases,
    .case_count = COUNT_OF(softmax_cross_entropy_cases),
    .inputs = 2,
    .labels = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
