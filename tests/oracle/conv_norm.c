/* conv_norm.c - oracle of convolution and batch normalisation by running averages, which become one convolution with
 * other parameters. Twins: src/compile/fuse.c, tests/cases/conv_norm.h.
 *
 * A bound for both ways: of the filter times the factor, summed, and of the sum times the factor. */
#include "support/operand.h"
#include "cases/conv_norm.h"

extern const struct op_spec conv_spec;

enum { FIXED = 24 }; /* sqrt and division of the factor, and some multiplications and additions */

/* Where operands of the normalisation are; without weight and bias the averages come at once. */
struct norm {
    const struct operand *weight, *bias, *mean, *variance;
};

static struct norm norm_of(const struct op_case *c, const struct operand *in)
{
    const bool affine = c->conv.no_bias;
    return (struct norm){ .weight = affine ? &in[2] : NULL,
                          .bias = affine ? &in[3] : NULL,
                          .mean = &in[affine ? 4 : 3],
                          .variance = &in[affine ? 5 : 4] };
}

static double inverse_of(const struct norm *norm, int64_t k)
{
    return 1 / sqrt(norm->variance->v[k] + (double)1e-5f);
}

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_conv_desc desc = c->conv;
    desc.name = LAYER;
    return oc_batch_norm(oc_conv(in[0], &desc),
                         &(oc_batch_norm_desc){ .use_running = true, .no_affine = !c->conv.no_bias });
}

static int parameters(const struct op_case *c, struct operand *parameter)
{
    const int first = conv_spec.parameters(c, parameter), count = first + (c->conv.no_bias ? 4 : 2);
    const int64_t filters = c->conv.filters;
    for (int i = first; i < count; i++)
        operand_create(&parameter[i], 1, &filters);
    return count;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const struct norm norm = norm_of(c, in);
    conv_spec.forward(c, in, y);
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t k = i / pixel_count(y) % y->shape[1];
        const double scale = inverse_of(&norm, k) * (norm.weight ? norm.weight->v[k] : 1);
        operand_add(y, i, -norm.mean->v[k]);
        y->v[i] *= scale;
        y->s[i] *= fabs(scale);
        if (norm.bias)
            operand_add(y, i, norm.bias->v[k]);
    }
    y->terms += FIXED;
}

/* Of the weight and the bias; z: what the convolution makes. */
static void norm_backward(const struct norm *norm, const struct operand *z, const struct operand *dy,
                          struct operand *dweight, struct operand *dbias)
{
    dbias->terms = (double)dy->count;
    dweight->terms = dbias->terms + z->terms + FIXED;
    for (int64_t i = 0; i < dy->count; i++) {
        const int64_t k = i / pixel_count(dy) % dy->shape[1];
        const double factor = dy->v[i] * inverse_of(norm, k), mean = norm->mean->v[k];
        dweight->v[k] += factor * (z->v[i] - mean);
        dweight->s[k] += fabs(factor) * (z->s[i] + fabs(mean));
        operand_add(dbias, k, dy->v[i]);
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const struct norm norm = norm_of(c, in);
    const int convolutions = c->conv.no_bias ? 2 : 3; /* operands */
    struct operand z, dz;
    (void)y;
    conv_spec.forward(c, in, &z);
    operand_like(&dz, dy);
    for (int64_t i = 0; i < dy->count; i++) {
        const int64_t k = i / pixel_count(dy) % dy->shape[1];
        operand_add(&dz, i, dy->v[i] * inverse_of(&norm, k) * (norm.weight ? norm.weight->v[k] : 1));
    }
    conv_spec.backward(c, in, &z, &dz, din);
    for (int i = 0; i < convolutions; i++)
        din[i].terms += FIXED;
    if (norm.weight)
        norm_backward(&norm, &z, dy, &din[2], &din[3]);
    for (const struct operand *state = norm.mean; state <= norm.variance; state++) /* stays */
        for (int64_t k = 0; k < state->count; k++)
            operand_add(&din[state - in], k, state->v[k]);
    operand_destroy(&z);
    operand_destroy(&dz);
}

const struct op_spec conv_norm_spec = {
    .op = "conv_norm",
    .cases = conv_norm_cases,
    .case_count = COUNT_OF(conv_norm_cases),
    .inputs = 1,
    .states = 2,
    .build = build,
    .parameters = parameters,
    .forward = forward,
    .backward = backward,
};
