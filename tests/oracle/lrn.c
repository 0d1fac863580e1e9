/* lrn.c - oracle of local response normalisation across channels. Twins: src/ops/lrn.c, tests/cases/lrn.h. */
#include "support/operand.h"
#include "cases/lrn.h"

#include <stdlib.h>

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_lrn(in[0], &c->lrn);
}

static oc_lrn_desc with_defaults(const oc_lrn_desc *d)
{
    return (oc_lrn_desc){ .size = d->size ? d->size : 5,
                          .alpha = d->alpha > 0 ? d->alpha : 1e-4f,
                          .beta = d->beta > 0 ? d->beta : 0.75f,
                          .k = d->k > 0 ? d->k : 1.f };
}

/* Whether channel j lies in the window of channel c. */
static bool in_window(const oc_lrn_desc *d, int64_t c, int64_t j)
{
    return j >= c - d->size / 2 && j <= c + (d->size - 1) / 2;
}

/* k + alpha/size * (sum of squares over the window), for all channels of the pixel that x begins with. */
static void scales(const oc_lrn_desc *d, const double *x, int64_t channels, int64_t step, double *scale)
{
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t j = 0; j < channels; j++)
            if (in_window(d, c, j))
                sum += x[j * step] * x[j * step];
        scale[c] = (double)d->k + (double)d->alpha / d->size * sum;
    }
}

/* Roundings of the scale: the squares and their sum, alpha/size and its product, k. */
static double scale_terms(const oc_lrn_desc *d)
{
    return d->size + 4;
}

/* Of scale^-beta = exp(-beta*log(scale)), where the exponent's rounding becomes a relative error of the result. */
static double power_terms(const oc_lrn_desc *d, const struct operand *x)
{
    const int64_t channels = x->shape[1], step = pixel_count(x);
    double *scale = calloc((size_t)channels, sizeof *scale), exponent = 0;
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t p = 0; p < step; p++) {
            scales(d, x->v + n * channels * step + p, channels, step, scale);
            for (int64_t k = 0; k < channels; k++)
                if (isfinite(scale[k]))
                    exponent = fmax(exponent, fabs((double)d->beta * log(scale[k])));
        }
    free(scale);
    return (double)d->beta * scale_terms(d) + exponent * (LOG_TERMS + 1) + EXP_TERMS;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const oc_lrn_desc d = with_defaults(&c->lrn);
    const int64_t channels = in->shape[1], step = pixel_count(in);
    double *scale = calloc((size_t)channels, sizeof *scale);
    operand_like(y, in);
    y->terms = power_terms(&d, in) + 1;
    for (int64_t n = 0; n < in->shape[0]; n++)
        for (int64_t p = 0; p < step; p++) {
            const int64_t first = n * channels * step + p;
            scales(&d, in->v + first, channels, step, scale);
            for (int64_t k = 0; k < channels; k++)
                operand_add(y, first + k * step, in->v[first + k * step] * pow(scale[k], -(double)d.beta));
        }
    free(scale);
}

/* Scatters: every channel c adds to the gradients of all channels j in its window. */
static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const oc_lrn_desc d = with_defaults(&c->lrn);
    const int64_t channels = in->shape[1], step = pixel_count(in);
    const double beta = (double)d.beta, factor = 2 * (double)d.alpha / d.size * beta;
    double *scale = calloc((size_t)channels, sizeof *scale);
    (void)y;
    din->terms = power_terms(&d, in) + scale_terms(&d) + DIVIDE_TERMS + d.size + 8;
    for (int64_t n = 0; n < in->shape[0]; n++)
        for (int64_t p = 0; p < step; p++) {
            const int64_t first = n * channels * step + p;
            scales(&d, in->v + first, channels, step, scale);
            for (int64_t k = 0; k < channels; k++) {
                const int64_t i = first + k * step;
                const double slope = factor * dy->v[i] * in->v[i] * pow(scale[k], -beta - 1);
                operand_add(din, i, dy->v[i] * pow(scale[k], -beta));
                for (int64_t j = 0; j < channels; j++)
                    if (in_window(&d, k, j))
                        operand_add(din, first + j * step, -slope * in->v[first + j * step]);
            }
        }
    free(scale);
}

const struct op_spec lrn_spec = {
    .op = "lrn",
    .cases = lrn_cases,
    .case_count = COUNT_OF(lrn_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
