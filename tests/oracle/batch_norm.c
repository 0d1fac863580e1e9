/* batch_norm.c - oracle of batch normalisation. Twins: src/ops/batch_norm.c, tests/cases/batch_norm.h.
 *
 * What rounding may do, with N values per channel, u = 2^-24 and n = N + FIXED terms, more than any value goes through:
 * - Every difference from a value of the channel is at most 2R, R being the largest difference from the mean. So the mean, as
 *   one such value plus a mean difference, is wrong by u|mean| for its own rounding and n*u*2R for the sum.
 * - The variance is a mean of squares (x - m)^2, each wrong by 2|x - m|*3R*u, their sum by n*u, which relative to it is at
 *   most (6R/deviation + n)*u; the error d of m adds d^2, that is (2R*n*u)^2/variance. 1/deviation is wrong by half as much:
 *   n*u*q with q as below.
 * - So a normalised value is wrong by n*u*(2|mean|/n + q|x - mean| + 2R)/deviation: the mean's own rounding is counted
 *   twice and not n times, so that a mean or variance that loses digits to a large mean cannot pass. */
#include "support/operand.h"
#include "cases/batch_norm.h"

enum { FIXED = 24 }; /* sqrt and division of the deviation, and some multiplications and additions */

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_batch_norm_desc desc = c->batch_norm;
    desc.name = LAYER;
    return oc_batch_norm(in[0], &desc);
}

static int parameters(const struct op_case *c, struct operand *parameter)
{
    const int count = c->batch_norm.no_affine ? 2 : 4;
    for (int i = 0; i < count; i++)
        operand_create(&parameter[i], 1, &c->shape[0][1]);
    return count;
}

/* One channel: where its values are, how they are normalised, and the bounds' ingredients. */
struct channel {
    int64_t first, step, pixels, count; /* count: N */
    double weight, bias, mean, variance, inverse;
    double range, sensitivity, terms; /* R, q, n */
};

static int64_t value_at(const struct channel *k, int64_t i)
{
    return k->first + i / k->pixels * k->step + i % k->pixels;
}

static void normalize_by_batch(struct channel *k, const double *x)
{
    k->mean = k->variance = k->range = 0;
    for (int64_t i = 0; i < k->count; i++)
        k->mean += x[value_at(k, i)] / (double)k->count;
    for (int64_t i = 0; i < k->count; i++) {
        const double difference = x[value_at(k, i)] - k->mean;
        k->variance += difference * difference / (double)k->count;
        k->range = fmax(k->range, fabs(difference));
    }
    k->terms = (double)k->count + FIXED;
    if (k->variance > 0)
        k->sensitivity += 3 * k->range / (sqrt(k->variance) * k->terms) +
                          2 * k->terms * 0x1p-24 * k->range * k->range / k->variance;
}

static struct channel channel_of(const struct op_case *c, const struct operand *in, int64_t index,
                                 bool running)
{
    const struct operand *x = &in[0], *states = &in[c->batch_norm.no_affine ? 1 : 3];
    const bool affine = !c->batch_norm.no_affine;
    const float epsilon = c->batch_norm.epsilon > 0.f ? c->batch_norm.epsilon : 1e-5f;
    struct channel k = { .pixels = pixel_count(x),
                         .weight = affine ? in[1].v[index] : 1,
                         .bias = affine ? in[2].v[index] : 0,
                         .mean = states[0].v[index],
                         .variance = states[1].v[index],
                         .sensitivity = 1,
                         .terms = FIXED };
    k.first = index * k.pixels;
    k.step = x->shape[1] * k.pixels;
    k.count = x->shape[0] * k.pixels;
    if (!running)
        normalize_by_batch(&k, x->v);
    k.inverse = 1 / sqrt(k.variance + (double)epsilon);
    return k;
}

/* The error of a normalised value, in units of terms*u. */
static double magnitude(const struct channel *k, double x)
{
    const double mean = k->range > 0 ? 2 * fabs(k->mean) / k->terms : 0;
    return k->inverse * (mean + k->sensitivity * fabs(x - k->mean) + 2 * k->range);
}

static void normalize(const struct op_case *c, const struct operand *in, struct operand *y, bool running)
{
    const struct operand *x = &in[0];
    operand_like(y, x);
    for (int64_t j = 0; j < x->shape[1]; j++) {
        const struct channel k = channel_of(c, in, j, running);
        y->terms = k.terms;
        for (int64_t i = 0; i < k.count; i++) {
            const int64_t at = value_at(&k, i);
            y->v[at] = k.weight * (x->v[at] - k.mean) * k.inverse + k.bias;
            y->s[at] = fabs(k.weight) * magnitude(&k, x->v[at]) + fabs(k.bias);
        }
    }
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    normalize(c, in, y, c->batch_norm.use_running);
}

static void infer(const struct op_case *c, const struct operand *in, struct operand *y)
{
    normalize(c, in, y, true);
}

/* The sums of dy and of dy times the normalised value, over a channel; their magnitudes. */
struct sums {
    double one, product, one_s, product_s;
};

static struct sums sums_of(const struct channel *k, const double *x, const double *dy)
{
    struct sums sums = { 0 };
    for (int64_t i = 0; i < k->count; i++) {
        const int64_t at = value_at(k, i);
        sums.one += dy[at];
        sums.product += dy[at] * (x[at] - k->mean) * k->inverse;
        sums.one_s += fabs(dy[at]);
        sums.product_s += fabs(dy[at]) * magnitude(k, x[at]);
    }
    return sums;
}

static void backward_input(const struct channel *k, const double *x, const double *dy,
                           const struct sums *sums, bool running, struct operand *dx)
{
    const double factor = k->weight * k->inverse, n = (double)k->count;
    dx->terms =
        running ? k->terms : 5 * k->terms; /* the factor, two normalised values, a sum, and the rest */
    for (int64_t i = 0; i < k->count; i++) {
        const int64_t at = value_at(k, i);
        const double normalized = (x[at] - k->mean) * k->inverse;
        dx->v[at] = factor * dy[at];
        dx->s[at] = fabs(dx->v[at]);
        if (running)
            continue;
        dx->v[at] -= factor * (sums->one + normalized * sums->product) / n;
        dx->s[at] = fabs(factor) * k->sensitivity *
                    (fabs(dy[at]) + (sums->one_s + magnitude(k, x[at]) * sums->product_s) / n);
    }
}

static void next_state(const struct op_case *c, const struct channel *k, const struct operand *in,
                       int64_t index, struct operand *out)
{
    const double momentum = (double)(c->batch_norm.momentum > 0.f ? c->batch_norm.momentum : 0.1f);
    const double rest = 1 - momentum, n = (double)k->count;
    for (int i = 0; i < 2; i++) {
        const double old = in[i].v[index];
        out[i].v[index] = old;
        out[i].s[index] = fabs(old);
        if (c->batch_norm.use_running)
            continue; /* exactly */
        const double unbiased = k->variance * n / (n - 1);
        const double batch = i == 0 ? k->mean : unbiased;
        const double batch_s = i == 0 ? fabs(k->mean) + 2 * k->range : 2 * k->sensitivity * unbiased;
        out[i].terms = k->terms;
        out[i].v[index] = rest * old + momentum * batch;
        out[i].s[index] = rest * fabs(old) + momentum * batch_s;
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const bool affine = !c->batch_norm.no_affine, running = c->batch_norm.use_running;
    (void)y;
    for (int64_t j = 0; j < in[0].shape[1]; j++) {
        const struct channel k = channel_of(c, in, j, running);
        const struct sums sums = sums_of(&k, in[0].v, dy->v);
        backward_input(&k, in[0].v, dy->v, &sums, running, &din[0]);
        next_state(c, &k, in + (affine ? 3 : 1), j, din + (affine ? 3 : 1));
        if (!affine)
            continue;
        din[1].terms = 2 * k.terms + (double)k.count;
        din[1].v[j] = sums.product;
        din[1].s[j] = sums.product_s;
        din[2].terms = (double)k.count + FIXED;
        din[2].v[j] = sums.one;
        din[2].s[j] = sums.one_s;
    }
}

const struct op_spec batch_norm_spec = {
    .op = "batch_norm",
    .cases = batch_norm_cases,
    .case_count = COUNT_OF(batch_norm_cases),
    .inputs = 1,
    .states = 2,
    .build = build,
    .parameters = parameters,
    .forward = forward,
    .backward = backward,
    .infer = infer,
};
