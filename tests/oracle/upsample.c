/* upsample.c - oracle of interpolation: along each axis a table of what every output takes from every input, made by
 * walking over the outputs. Twins: src/ops/upsample.c, tests/cases/upsample.h. */
#include "support/operand.h"
#include "cases/upsample.h"

#include <stdlib.h>

/* weight[o*in + i] of one axis. */
struct table {
    int64_t in, out;
    double *weight;
};

static void fill_table(struct table *t, const oc_upsample_desc *desc)
{
    t->weight = calloc((size_t)(t->in * t->out), sizeof *t->weight);
    if (!t->weight)
        abort();
    for (int64_t o = 0; o < t->out; o++) {
        double *row = t->weight + o * t->in;
        int64_t at = (2 * o + 1) * t->in - t->out,
                unit = 2 * t->out; /* whole numbers: no rounding makes neighbours */
        if (desc->mode == OC_UPSAMPLE_NEAREST) {
            row[o * t->in / t->out] = 1;
            continue;
        }
        if (desc->align_corners) {
            at = o * (t->in - 1);
            unit = t->out > 1 ? t->out - 1 : 1;
        }
        if (at < 0)
            at = 0;
        if (at > (t->in - 1) * unit)
            at = (t->in - 1) * unit;
        row[at / unit] = 1 - (double)(at % unit) / (double)unit;
        if (at % unit > 0)
            row[at / unit + 1] = (double)(at % unit) / (double)unit;
    }
}

/* All three axes; those that are not there have one pixel. */
struct tables {
    struct table axis[3];
    int64_t in, out;
};

static struct tables make_tables(const struct op_case *c)
{
    const oc_upsample_desc *desc = &c->upsample;
    const int *values = desc->size[0] ? desc->size : desc->factor;
    const int rank = shape_rank(c->shape[0]);
    struct tables t = { .in = 1, .out = 1 };
    for (int d = 0; d < 3; d++) {
        struct table *axis = &t.axis[d];
        axis->in = axis->out = 1;
        if (d < rank - 2) {
            const int value = values[1] == 0 && values[2] == 0 ? values[0] : values[d];
            axis->in = c->shape[0][2 + d];
            axis->out = desc->size[0] ? value : axis->in * value;
        }
        fill_table(axis, desc);
        t.in *= axis->in;
        t.out *= axis->out;
    }
    return t;
}

static void free_tables(struct tables *t)
{
    for (int d = 0; d < 3; d++)
        free(t->axis[d].weight);
}

static double weight(const struct tables *t, int64_t o, int64_t i)
{
    double product = 1;
    for (int d = 2; d >= 0; d--) {
        const struct table *axis = &t->axis[d];
        product *= axis->weight[o % axis->out * axis->in + i % axis->in];
        o /= axis->out;
        i /= axis->in;
    }
    return product;
}

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_upsample(in[0], &c->upsample);
}

/* Of a linear weight: 1/divisor and the product with it, a rounding each, per axis, and the products of the axes. */
enum { WEIGHT_TERMS = 3 * 2 + 2 };

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    struct tables t = make_tables(c);
    int64_t shape[OC_MAX_RANK] = { in->shape[0], in->shape[1] };
    for (int d = 0; d < in->rank - 2; d++)
        shape[2 + d] = t.axis[d].out;
    operand_create(y, in->rank, shape);
    y->terms = c->upsample.mode == OC_UPSAMPLE_LINEAR ? WEIGHT_TERMS + 8 : 0;
    for (int64_t k = 0; k < y->count; k++)
        for (int64_t i = 0; i < t.in; i++) {
            const double share = weight(&t, k % t.out, i);
            if (share > 0)
                operand_add(y, k, share * in->v[k / t.out * t.in + i]);
        }
    free_tables(&t);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    struct tables t = make_tables(c);
    (void)y;
    din->terms = WEIGHT_TERMS + (double)t.out;
    for (int64_t k = 0; k < in->count; k++)
        for (int64_t o = 0; o < t.out; o++)
            operand_add(din, k, weight(&t, o, k % t.in) * dy->v[k / t.in * t.out + o]);
    free_tables(&t);
}

const struct op_spec upsample_nearest_spec = {
    .op = "upsample_nearest",
    .cases = upsample_nearest_cases,
    .case_count = COUNT_OF(upsample_nearest_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};

const struct op_spec upsample_linear_spec = {
    .op = "upsample_linear",
    .cases = upsample_linear_cases,
    .case_count = COUNT_OF(upsample_linear_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};
