/* conv.c - oracle of convolution. Twins: src/ops/conv.c, tests/cases/conv.h. */
#include "oracle/walk.h"
#include "cases/conv.h"

#include <stdlib.h>

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

/* One group of one sample as matrices, so that whole networks are affordable: the columns hold what each window sees,
 * (channel, element) x (output pixel), with 0 for padding, and their transpose. */
struct columns {
    struct walk window;
    int64_t rows; /* channels of a group times elements */
    double *of, *transposed;
};

static void columns_create(struct columns *m, const struct op_case *c, const struct operand *in)
{
    walk_conv(&m->window, &c->conv, &in[0]);
    m->rows = in[1].shape[1] * m->window.elements;
    const size_t count = (size_t)(m->rows * m->window.out_count) + 1;
    m->of = calloc(count, sizeof *m->of);
    m->transposed = calloc(count, sizeof *m->transposed);
    if (!m->of || !m->transposed)
        abort();
}

static void columns_destroy(struct columns *m)
{
    walk_free(&m->window);
    free(m->of);
    free(m->transposed);
}

/* `x`: where the group's channels begin. */
static void columns_fill(struct columns *m, const double *x)
{
    const struct walk *window = &m->window;
    for (int64_t row = 0; row < m->rows; row++)
        for (int64_t o = 0; o < window->out_count; o++) {
            const int64_t i = walk_pixel(window, o, row % window->elements);
            const double value = i < 0 ? 0 : x[row / window->elements * window->in_count + i];
            m->of[row * window->out_count + o] = m->transposed[o * m->rows + row] = value;
        }
}

/* A row of a matrix, times a factor, added to a row of sums. */
static void add_row(double *v, double *s, double factor, const double *row, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        v[i] += factor * row[i];
        s[i] += fabs(factor * row[i]);
    }
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const struct operand *x = &in[0], *w = &in[1];
    const int64_t groups = groups_of(c), filters = w->shape[0], per_group = w->shape[1];
    struct columns m;
    columns_create(&m, c, in);
    const int64_t pixels = m.window.out_count;
    walk_output(&m.window, x, filters, y);
    y->terms = (double)(m.rows + 1);
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t k = 0; k < filters; k++) {
            const int64_t group = k / (filters / groups), yi = (n * filters + k) * pixels;
            if (k % (filters / groups) == 0)
                columns_fill(&m, x->v + (n * groups + group) * per_group * m.window.in_count);
            for (int64_t o = 0; o < pixels && !c->conv.no_bias; o++)
                operand_add(y, yi + o, in[2].v[k]);
            for (int64_t row = 0; row < m.rows; row++)
                add_row(y->v + yi, y->s + yi, w->v[k * m.rows + row], m.of + row * pixels, pixels);
        }
    columns_destroy(&m);
}

/* Takes the gradient of the columns back to where their values came from. */
static void scatter(const struct columns *m, const struct operand *columns, int64_t first, struct operand *dx)
{
    const struct walk *window = &m->window;
    for (int64_t row = 0; row < m->rows; row++)
        for (int64_t o = 0; o < window->out_count; o++) {
            const int64_t i = walk_pixel(window, o, row % window->elements);
            const int64_t xi = first + row / window->elements * window->in_count + i;
            if (i < 0)
                continue;
            dx->v[xi] += columns->v[row * window->out_count + o];
            dx->s[xi] += columns->s[row * window->out_count + o];
        }
}

/* Of the filters of one group, from one sample. */
static void backward_group(const struct columns *m, const double *w, const double *dy, int64_t filters,
                           struct operand *dcolumns, double *dw, double *dw_s)
{
    const int64_t pixels = m->window.out_count;
    for (int64_t k = 0; k < filters; k++) {
        for (int64_t row = 0; row < m->rows; row++)
            add_row(dcolumns->v + row * pixels, dcolumns->s + row * pixels, w[k * m->rows + row],
                    dy + k * pixels, pixels);
        for (int64_t o = 0; o < pixels; o++)
            add_row(dw + k * m->rows, dw_s + k * m->rows, dy[k * pixels + o], m->transposed + o * m->rows,
                    m->rows);
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const struct operand *x = &in[0], *w = &in[1];
    const int64_t groups = groups_of(c), per_group = w->shape[1], filters = w->shape[0] / groups;
    struct columns m;
    (void)y;
    columns_create(&m, c, in);
    const int64_t pixels = m.window.out_count;
    din[0].terms = (double)(filters * m.window.elements);
    din[1].terms = (double)(x->shape[0] * pixels);
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t g = 0; g < groups; g++) {
            const int64_t first = (n * groups + g) * per_group * m.window.in_count, wi = g * filters * m.rows;
            struct operand dcolumns;
            operand_create(&dcolumns, 2, (int64_t[]){ m.rows, pixels });
            columns_fill(&m, x->v + first);
            backward_group(&m, w->v + wi, dy->v + (n * groups + g) * filters * pixels, filters, &dcolumns,
                           din[1].v + wi, din[1].s + wi);
            scatter(&m, &dcolumns, first, &din[0]);
            operand_destroy(&dcolumns);
        }
    if (!c->conv.no_bias) {
        din[2].terms = (double)(x->shape[0] * pixels);
        for (int64_t i = 0; i < dy->count; i++)
            operand_add(&din[2], i / pixels % w->shape[0], dy->v[i]);
    }
    columns_destroy(&m);
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
