/* softmax.c - oracle of softmax over the channels. Twins: src/ops/softmax.c, tests/cases/softmax.h. */
#include "oracle/softmax.h"
#include "cases/softmax.h"

struct softmax softmax_at(const struct operand *x, int64_t sample, int64_t pixel)
{
    const int64_t channels = x->shape[1], step = pixel_count(x);
    struct softmax at = { x->v + sample * channels * step + pixel, channels, step, -INFINITY, 0 };
    for (int64_t k = 0; k < channels; k++)
        at.max = fmax(at.max, at.x[k * step]);
    for (int64_t k = 0; k < channels; k++)
        at.sum += exp(at.x[k * step] - at.max);
    return at;
}

double softmax_terms(const struct operand *x)
{
    double range = 0;
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t p = 0; p < pixel_count(x); p++) {
            const struct softmax at = softmax_at(x, n, p);
            for (int64_t k = 0; k < at.channels; k++)
                if (isfinite(at.max - at.x[k * at.step]))
                    range = fmax(range, at.max - at.x[k * at.step]);
        }
    return 2 * (range + EXP_TERMS) + (double)x->shape[1] + DIVIDE_TERMS;
}

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_softmax(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, in);
    y->terms = softmax_terms(in);
    for (int64_t n = 0; n < in->shape[0]; n++)
        for (int64_t p = 0; p < pixel_count(in); p++) {
            const struct softmax at = softmax_at(in, n, p);
            for (int64_t k = 0; k < at.channels; k++)
                operand_add(y, (n * at.channels + k) * at.step + p, softmax_value(&at, k));
        }
}

/* dx = y*(dy - sum of y*dy): y's error counts twice, the sum's length once. */
static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const int64_t channels = in->shape[1], step = pixel_count(in);
    (void)c;
    din->terms = 2 * y->terms + (double)channels + 2;
    for (int64_t n = 0; n < in->shape[0]; n++)
        for (int64_t p = 0; p < step; p++) {
            double sum = 0, s = 0;
            for (int64_t k = 0; k < channels; k++) {
                const int64_t i = (n * channels + k) * step + p;
                sum += y->v[i] * dy->v[i];
                s += fabs(y->v[i] * dy->v[i]);
            }
            for (int64_t k = 0; k < channels; k++) {
                const int64_t i = (n * channels + k) * step + p;
                din->v[i] = y->v[i] * (dy->v[i] - sum);
                din->s[i] = y->v[i] * (fabs(dy->v[i]) + s);
            }
        }
}

const struct op_spec softmax_spec = {
    .op = "softmax",
    .cases = softmax_cases,
    .case_count = COUNT_OF(softmax_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
