/* conv_transpose.c - oracle of transposed convolution: every value of the input is scattered over its window.
 * Twins: src/ops/conv_transpose.c, tests/cases/conv_transpose.h. */
#include "support/operand.h"
#include "cases/conv_transpose.h"

/* One spatial dimension, all defaults applied. */
struct axis {
    int64_t in, out, window, stride, dilation, begin;
};

/* What a pixel of the input, a position of the window and an output pixel have to do with each other, and the numbers
 * of channels. */
struct scatter {
    struct axis axis[3];
    int spatial;
    int64_t in, out, positions, groups, channels, filters;
};

static int64_t value_for(const int values[3], int d, int64_t otherwise)
{
    const int value = values[1] == 0 && values[2] == 0 ? values[0] : values[d];
    return value ? value : otherwise;
}

static struct axis make_axis(const oc_conv_transpose_desc *desc, int64_t in, int d)
{
    struct axis a = { .in = in,
                      .window = value_for(desc->window, d, 0),
                      .stride = value_for(desc->stride, d, 1),
                      .dilation = value_for(desc->dilation, d, 1) };
    int64_t end = 0;
    const int64_t last = (a.in - 1) * a.stride + (a.window - 1) * a.dilation; /* that a window touches */
    if (desc->padding == OC_PAD_NUMBER)
        a.begin = end = desc->pad;
    if (desc->padding == OC_PAD_EXPLICIT) {
        a.begin = desc->pad_begin[d];
        end = desc->pad_end[d];
    }
    if (desc->padding == OC_PAD_FULL)
        a.begin = end = (a.window - 1) * a.dilation;
    a.out = last + 1 - a.begin - end;
    if (desc->padding == OC_PAD_SAME) {
        a.out = a.in * a.stride;
        a.begin = last + 1 > a.out ? (last + 1 - a.out) / 2 : 0;
    }
    a.out += desc->output_padding[d];
    return a;
}

static struct scatter make_scatter(const struct op_case *c)
{
    const oc_conv_transpose_desc *desc = &c->conv_transpose;
    struct scatter s = { .spatial = shape_rank(c->shape[0]) - 2,
                         .in = 1,
                         .out = 1,
                         .positions = 1,
                         .groups = desc->groups ? desc->groups : 1,
                         .channels = c->shape[0][1],
                         .filters = desc->filters };
    for (int d = 0; d < s.spatial; d++) {
        s.axis[d] = make_axis(desc, c->shape[0][2 + d], d);
        s.in *= s.axis[d].in;
        s.out *= s.axis[d].out;
        s.positions *= s.axis[d].window;
    }
    return s;
}

/* The output pixel on which input pixel i lands through position r; -1: none. */
static int64_t landing(const struct scatter *s, int64_t i, int64_t r)
{
    int64_t pixel = 0, step = 1;
    for (int d = s->spatial - 1; d >= 0; d--) {
        const struct axis *a = &s->axis[d];
        const int64_t o = i % a->in * a->stride + r % a->window * a->dilation - a->begin;
        if (o < 0 || o >= a->out)
            return -1;
        pixel += o * step;
        step *= a->out;
        i /= a->in;
        r /= a->window;
    }
    return pixel;
}

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_conv_transpose_desc desc = c->conv_transpose;
    desc.name = LAYER;
    return oc_conv_transpose(in[0], &desc);
}

static int parameters(const struct op_case *c, struct operand *parameter)
{
    const struct scatter s = make_scatter(c);
    int64_t shape[OC_MAX_RANK] = { s.channels, s.filters / s.groups };
    for (int d = 0; d < s.spatial; d++)
        shape[2 + d] = s.axis[d].window;
    operand_create(&parameter[0], 2 + s.spatial, shape);
    if (c->conv_transpose.no_bias)
        return 1;
    operand_create(&parameter[1], 1, &s.filters);
    return 2;
}

/* Goes over all products: index of x, of w and of y. */
typedef void visit(void *user, int64_t x, int64_t w, int64_t y);

static void for_products(const struct scatter *s, int64_t batch, visit *each, void *user)
{
    const int64_t channels = s->channels / s->groups, filters = s->filters / s->groups;
    for (int64_t n = 0; n < batch; n++)
        for (int64_t c = 0; c < s->channels; c++)
            for (int64_t k = 0; k < filters; k++)
                for (int64_t i = 0; i < s->in; i++)
                    for (int64_t r = 0; r < s->positions; r++) {
                        const int64_t o = landing(s, i, r), filter = c / channels * filters + k;
                        if (o >= 0)
                            each(user, (n * s->channels + c) * s->in + i,
                                 (c * filters + k) * s->positions + r,
                                 (n * s->filters + filter) * s->out + o);
                    }
}

struct tensors {
    const struct operand *in, *dy;
    struct operand *y, *din;
};

static void add_product(void *user, int64_t x, int64_t w, int64_t y)
{
    const struct tensors *t = user;
    operand_add(t->y, y, t->in[0].v[x] * t->in[1].v[w]);
}

static void add_gradients(void *user, int64_t x, int64_t w, int64_t y)
{
    const struct tensors *t = user;
    operand_add(&t->din[0], x, t->in[1].v[w] * t->dy->v[y]);
    operand_add(&t->din[1], w, t->in[0].v[x] * t->dy->v[y]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const struct scatter s = make_scatter(c);
    int64_t shape[OC_MAX_RANK] = { in[0].shape[0], s.filters };
    for (int d = 0; d < s.spatial; d++)
        shape[2 + d] = s.axis[d].out;
    operand_create(y, 2 + s.spatial, shape);
    y->terms = (double)(s.channels / s.groups * s.positions + 1);
    for (int64_t i = 0; i < y->count && !c->conv_transpose.no_bias; i++)
        operand_add(y, i, in[2].v[i / s.out % s.filters]);
    for_products(&s, in[0].shape[0], add_product, &(struct tensors){ .in = in, .y = y });
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const struct scatter s = make_scatter(c);
    for_products(&s, in[0].shape[0], add_gradients, &(struct tensors){ .in = in, .dy = dy, .din = din });
    din[0].terms = (double)(s.filters / s.groups * s.positions);
    din[1].terms = (double)(in[0].shape[0] * s.in);
    if (c->conv_transpose.no_bias)
        return;
    din[2].terms = (double)(in[0].shape[0] * s.out);
    for (int64_t i = 0; i < y->count; i++)
        operand_add(&din[2], i / s.out % s.filters, dy->v[i]);
}

const struct op_spec conv_transpose_spec = {
    .op = "conv_transpose",
    .cases = conv_transpose_cases,
    .case_count = COUNT_OF(conv_transpose_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .parameters = parameters,
    .forward = forward,
    .backward = backward,
};
