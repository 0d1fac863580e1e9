/* conv.c - oracle of convolution. Twins: src/ops/conv.c, tests/cases/conv.h. */
#include "oracle/walk.h"
#include "cases/conv.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_conv_desc desc = c->conv;
    desc.name = LAYER;
    return oc_conv(in[0], &desc);
}

static int64_t groups_of(const struct op_case *c)
{
    return c->conv.groups ? c->conv.groups : 1;
}

static int parameters(const struct op_case *c, struct operand *parameter)
{
    const int rank = shape_rank(c->shape[0]);
    int64_t shape[OC_MAX_RANK] = { c->conv.filters, c->shape[0][1] / groups_of(c) };
    for (int d = 2; d < rank; d++)
        shape[d] = c->conv.window[1] || c->conv.window[2] ? c->conv.window[d - 2] : c->conv.window[0];
    operand_create(&parameter[0], rank, shape);
    if (c->conv.no_bias)
        return 1;
    operand_create(&parameter[1], 1, shape);
    return 2;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const struct operand *x = &in[0], *w = &in[1], *bias = c->conv.no_bias ? NULL : &in[2];
    const int64_t channels = x->shape[1], per_group = w->shape[1];
    const int64_t filters = w->shape[0], filters_per_group = filters / groups_of(c);
    struct walk window;
    walk_conv(&window, &c->conv, x);
    walk_output(&window, x, filters, y);
    y->terms = (double)(per_group * window.elements + 1);
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t k = 0; k < filters; k++)
            for (int64_t o = 0; o < window.out_count; o++) {
                const int64_t yi = (n * filters + k) * window.out_count + o;
                if (bias)
                    operand_add(y, yi, bias->v[k]);
                for (int64_t j = 0; j < per_group; j++)
                    for (int64_t r = 0; r < window.elements; r++) {
                        const int64_t i = walk_pixel(&window, o, r);
                        if (i < 0)
                            continue;
                        const int64_t channel = k / filters_per_group * per_group + j;
                        operand_add(y, yi,
                                    x->v[(n * channels + channel) * window.in_count + i] *
                                        w->v[(k * per_group + j) * window.elements + r]);
                    }
            }
    walk_free(&window);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const struct operand *x = &in[0], *w = &in[1];
    const int64_t channels = x->shape[1], per_group = w->shape[1];
    const int64_t filters = w->shape[0], filters_per_group = filters / groups_of(c);
    struct walk window;
    (void)y;
    walk_conv(&window, &c->conv, x);
    din[0].terms = (double)(filters_per_group * window.elements);
    din[1].terms = (double)(x->shape[0] * window.out_count);
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t k = 0; k < filters; k++)
            for (int64_t o = 0; o < window.out_count; o++) {
                const double g = dy->v[(n * filters + k) * window.out_count + o];
                for (int64_t j = 0; j < per_group; j++)
                    for (int64_t r = 0; r < window.elements; r++) {
                        const int64_t i = walk_pixel(&window, o, r);
                        if (i < 0)
                            continue;
                        const int64_t channel = k / filters_per_group * per_group + j;
                        const int64_t xi = (n * channels + channel) * window.in_count + i;
                        const int64_t wi = (k * per_group + j) * window.elements + r;
                        operand_add(&din[0], xi, g * w->v[wi]);
                        operand_add(&din[1], wi, g * x->v[xi]);
                    }
                if (!c->conv.no_bias)
                    operand_add(&din[2], k, g);
            }
    if (!c->conv.no_bias)
        din[2].terms = (double)(x->shape[0] * window.out_count);
    walk_free(&window);
}

const struct op_spec conv_spec = {
    .op = "conv",
    .cases = conv_cases,
    .case_count = COUNT_OF(conv_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .parameters = parameters,
    .forward = forward,
    .backward = backward,
};
