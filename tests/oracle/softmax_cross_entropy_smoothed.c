/* softmax_cross_entropy_smoothed.c - oracle of the cross-entropy of softmax with smoothed labels.
 * Twins: src/ops/loss.c, tests/cases/softmax_cross_entropy_smoothed.h. */

/* Of the wanted distribution the label has 1 - smoothing and every class smoothing/classes. */
#include "support/operand.h"
#include "oracle/softmax.h"
#include "cases/softmax_cross_entropy_smoothed.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_softmax_cross_entropy_smoothed(in[0], in[1], c->slope);
}

static double wanted(const struct op_case *c, const struct softmax *at, bool label)
{
    return (label ? 1 - (double)c->slope : 0) + (double)c->slope / (double)at->channels;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const int64_t pixels = pixel_count(&in[0]), count = in[1].count;
    operand_create(y, 0, NULL);
    y->terms = softmax_terms(&in[0]) + LOG_TERMS + (double)(count + in[0].shape[1]) + 2 * DIVIDE_TERMS + 3;
    for (int64_t i = 0; i < count; i++) {
        const struct softmax at = softmax_at(&in[0], i / pixels, i % pixels);
        double sum = 0; /* of the wanted share times max - x; all of it positive */
        for (int64_t k = 0; k < at.channels; k++) {
            const double share = wanted(c, &at, k == (int64_t)in[1].v[i]);
            sum += share > 0 ? share * (at.max - at.x[k * at.step]) : 0;
        }
        y->v[0] += (log(at.sum) + sum) / (double)count;
        y->s[0] += (1 + log(at.sum) + sum) / (double)count;
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const int64_t pixels = pixel_count(&in[0]), count = in[1].count;
    (void)y;
    din->terms = softmax_terms(&in[0]) + 4 + 2 * DIVIDE_TERMS;
    for (int64_t i = 0; i < count; i++) {
        const struct softmax at = softmax_at(&in[0], i / pixels, i % pixels);
        for (int64_t k = 0; k < at.channels; k++) {
            const int64_t xi = (i / pixels * at.channels + k) * pixels + i % pixels;
            operand_add(din, xi, softmax_value(&at, k) / (double)count * dy->v[0]);
            operand_add(din, xi, -wanted(c, &at, k == (int64_t)in[1].v[i]) / (double)count * dy->v[0]);
        }
    }
}

const struct op_spec softmax_cross_entropy_smoothed_spec = {
    .op = "softmax_cross_entropy_smoothed",
    .cases = softmax_cross_entropy_smoothed_cases,
    .case_count = COUNT_OF(softmax_cross_entropy_smoothed_cases),
    .inputs = 2,
    .labels = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
