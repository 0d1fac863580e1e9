/* pool.c - max, average and L2 pooling in 1 to 3 dimensions. Kernels: cl/pool.cl.
 * Oracles: tests/oracle/{max,average,l2}_pool.c. Pages: docs/ops/{max,average,l2}_pool.md.
 *
 * Max pooling notes in a second output which position of the window won, one byte where that holds it, and only if a
 * backward pass reads it. All backward passes gather: no atomics, and no pass that fills with zeros first. */
#include "base/text.h"
#include "ops/elementwise.h"
#include "ops/ops.h"
#include "ops/window.h"

enum pool_kind { POOL_MAX, POOL_AVERAGE, POOL_L2 };

/* Descriptor of the forward and of the backward node. */
struct pool {
    oc_pool_desc desc;
    enum pool_kind kind;
    struct window window;
    int rank; /* of x and y */
};

/* Twin of `pooling` in cl/pool.cl. */
struct pooling {
    struct geometry geometry;
    int32_t counted_begin[3], counted_end[3];
    int32_t dx_pitch, dy_pitch, winners_pitch;
};

static int64_t positions(const struct pool *d)
{
    return (int64_t)d->window.extent[0] * d->window.extent[1] * d->window.extent[2];
}

static enum element winner_type(const struct pool *d)
{
    return positions(d) <= 256 ? ELEMENT_U8 : ELEMENT_I32;
}

/* ---- launches ---- */

static struct pooling make_pooling(const struct pool *d, const oc_tensor *x, const oc_tensor *y)
{
    struct pooling p = { .geometry = window_geometry(&d->window, 1, x, y) };
    for (int i = 0; i < 3; i++) {
        p.counted_begin[i] = d->desc.exclude_padding ? 0 : -d->window.begin[i];
        p.counted_end[i] = d->window.in[i] + (d->desc.exclude_padding ? 0 : d->window.end[i]);
    }
    return p;
}

static bool is_dilated(const struct window *w)
{
    return w->dilation[0] > 1 || w->dilation[1] > 1 || w->dilation[2] > 1;
}

/* `winners`: NULL if there are none. */
static void define(struct text *defines, const struct node *n, bool vector, const oc_tensor *winners)
{
    static const char *const kinds[] = { "POOL_MAX", "POOL_AVERAGE", "POOL_L2" };
    const struct pool *d = n->desc;
    text_print(defines, " -DPOOL=%s -DVECTOR=%d", kinds[d->kind],
               vector ? vector_width(n->out[0]->shape.dim[1]) : 1);
    if (winners)
        text_print(defines, " -DWINNERS=1 -DWINNER=%s", winners->type == ELEMENT_U8 ? "uchar" : "int");
    if (is_dilated(&d->window))
        text_print(defines, " -DDILATED=1");
}

static oc_status launch(struct emitter *e, const struct node *n, bool vector, struct launch_spec *spec)
{
    const struct shape *s = &n->out[0]->shape;
    spec->file = "pool.cl";
    spec->items[0] = vector ? shape_pixels(s) / s->dim[s->rank - 1] : shape_count(s);
    spec->group[0] = vector ? 1 : emitter_group(e);
    return emit(e, n, spec);
}

static oc_status forward(struct emitter *e, const struct node *n, bool vector)
{
    const struct pool *d = n->desc;
    const oc_tensor *x = n->in[0], *y = n->out[0];
    const oc_tensor *winners = d->kind == POOL_MAX && n->out[1]->consumers > 0 ? n->out[1] : NULL;
    struct pooling p = make_pooling(d, x, y);
    p.winners_pitch = winners ? (int32_t)tensor_pitch(winners) : 0;
    char buffer[160];
    struct text defines = TEXT_IN(buffer);
    define(&defines, n, vector, winners);
    if (vector) /* it has no epilogue, but is part of the same program as the backward pass, which has */
        epilogue_any(n, &defines);
    return launch(e, n, vector,
                  &(struct launch_spec){
                      .defines = defines.data,
                      .kernel = vector ? "pool_vector_forward" : "pool_reference_forward",
                      .args = { TENSOR(x), TENSOR(y), TENSOR(winners ? winners : y), STRUCT(p) },
                  });
}

/* Arguments that the kind of pooling does not need are dy, which is not looked at through them. */
static oc_status backward(struct emitter *e, const struct node *n, bool vector)
{
    const struct pool *d = n->desc;
    const oc_tensor *dy = n->in[0], *dx = n->out[0];
    const oc_tensor *winners = d->kind == POOL_MAX ? n->in[1] : NULL;
    const oc_tensor *x = d->kind == POOL_L2 ? n->in[1] : NULL, *y = d->kind == POOL_L2 ? n->in[2] : NULL;
    struct pooling p = make_pooling(d, x ? x : dx, y ? y : dy);
    p.dx_pitch = (int32_t)tensor_pitch(dx);
    p.dy_pitch = (int32_t)tensor_pitch(dy);
    p.winners_pitch = winners ? (int32_t)tensor_pitch(winners) : 0;
    char buffer[160];
    struct text defines = TEXT_IN(buffer);
    define(&defines, n, vector, winners);
    const struct epilogue_arguments tail = vector ? epilogue_any(n, &defines) : epilogue_of(n, &defines);
    return launch(e, n, vector,
                  &(struct launch_spec){
                      .defines = defines.data,
                      .kernel = vector ? "pool_vector_backward" : "pool_reference_backward",
                      .args = { TENSOR(dy), TENSOR(winners ? winners : dy), TENSOR(x ? x : dy),
                                TENSOR(y ? y : dy), TENSOR(dx), STRUCT(p), EPILOGUE(tail) },
                  });
}

static oc_status forward_reference(struct emitter *e, const struct node *n)
{
    return forward(e, n, false);
}

static oc_status forward_vector(struct emitter *e, const struct node *n)
{
    return forward(e, n, true);
}

static oc_status backward_reference(struct emitter *e, const struct node *n)
{
    return backward(e, n, false);
}

static oc_status backward_vector(struct emitter *e, const struct node *n)
{
    return backward(e, n, true);
}

static const struct impl forward_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = forward_vector },
    { .name = "reference", .emit = forward_reference },
    { 0 },
};

static const struct impl backward_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = backward_vector },
    { .name = "reference", .emit = backward_reference },
    { 0 },
};

/* ---- rules ---- */

static oc_status check_options(const struct node *n)
{
    const struct pool *d = n->desc;
    for (int i = 0; i < 3; i++)
        if (d->kind != POOL_MAX && d->desc.dilation[i] > 1)
            return node_fail(n, OC_E_ARGUMENT, "only max pooling has a dilation, it is %d",
                             d->desc.dilation[i]);
    if (d->kind != POOL_AVERAGE && d->desc.exclude_padding)
        return node_fail(n, OC_E_ARGUMENT, "only average pooling has exclude_padding");
    return OC_OK;
}

/* With less padding than window, no window lies in the padding alone. */
static oc_status check_window(const struct node *n)
{
    const struct pool *d = n->desc;
    const struct window *w = &d->window;
    for (int i = 0; i < 3; i++)
        if (w->begin[i] >= window_reach(w, i) || w->end[i] >= window_reach(w, i))
            return node_fail(n, OC_E_ARGUMENT,
                             "padding must be smaller than the window, which covers %d; it is %d and %d",
                             window_reach(w, i), w->begin[i], w->end[i]);
    return OC_OK;
}

static oc_status infer(struct node *n)
{
    struct pool *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    TRY(check_options(n));
    const oc_status status = window_resolve(&d->window,
                                            &(struct window_request){
                                                .extent = d->desc.window,
                                                .stride = d->desc.stride,
                                                .dilation = d->desc.dilation,
                                                .pad_begin = d->desc.pad_begin,
                                                .pad_end = d->desc.pad_end,
                                                .pad = d->desc.pad,
                                                .padding = d->desc.padding,
                                                .rounding = d->desc.rounding,
                                                .default_rounding = OC_ROUND_FLOOR,
                                                .stride_is_extent = true,
                                            },
                                            &x->shape);
    if (status != OC_OK)
        return node_fail_in(n, status);
    TRY(check_window(n));
    d->rank = x->shape.rank;
    const struct shape y = window_output(&d->window, x->shape.dim[0], x->shape.dim[1], d->rank);
    TRY(node_output(n, 0, ELEMENT_F32, &y));
    return d->kind == POOL_MAX ? node_output(n, 1, winner_type(d), &y) : OC_OK;
}

/* max (dy, winners), average (dy), L2 (dy, x, y) -> dx */
static oc_status infer_backward(struct node *n)
{
    const struct pool *d = n->desc;
    const struct shape *dy = &n->in[0]->shape;
    struct shape dx = { .rank = d->rank, .dim = { dy->dim[0], dy->dim[1] } };
    for (int i = 2; i < d->rank; i++)
        dx.dim[i] = d->window.in[3 - d->rank + i];
    return node_output(n, 0, ELEMENT_F32, &dx);
}

/* An operation per position of each of the `y` windows' values; every tensor that is there moves once. */
static void cost_of(const struct node *n, const oc_tensor *y, struct cost *cost)
{
    const struct pool *d = n->desc;
    cost->flops = (d->kind == POOL_L2 ? 2.0 : 1.0) * (double)shape_count(&y->shape) * (double)positions(d);
    for (int i = 0; i < n->in_count; i++)
        if (i == 0 || i != n->epilogue.kept) /* whoever asks for the cost adds that */
            cost->bytes += (double)(shape_count(&n->in[i]->shape) * element_bytes(n->in[i]->type));
    for (int i = 0; i < n->out_count; i++)
        if (i == 0 || n->out[i]->consumers > 0)
            cost->bytes += (double)(shape_count(&n->out[i]->shape) * element_bytes(n->out[i]->type));
}

static void cost(const struct node *n, struct cost *cost)
{
    cost_of(n, n->out[0], cost);
}

static void cost_backward(const struct node *n, struct cost *cost)
{
    cost_of(n, n->in[0], cost);
}

static oc_status gradient(struct node *n)
{
    const struct pool *d = n->desc;
    oc_tensor *x = n->in[0], *y = n->out[0], *dy = y->gradient, *dx;
    if (!x->wants_gradient)
        return OC_OK;
    if (d->kind == POOL_MAX)
        dx = graph_append(&op_max_pool_backward, d, NULL, (oc_tensor *[]){ dy, n->out[1] }, 2);
    else if (d->kind == POOL_AVERAGE)
        dx = graph_append(&op_average_pool_backward, d, NULL, &dy, 1);
    else
        dx = graph_append(&op_l2_pool_backward, d, NULL, (oc_tensor *[]){ dy, x, y }, 3);
    return contribute(x, dx);
}

static void receptive(const struct node *n, struct receptive *r)
{
    const struct pool *d = n->desc;
    window_receptive(&d->window, d->rank, r);
}

static void describe(const struct node *n, struct text *text)
{
    const struct pool *d = n->desc;
    window_describe(&d->window, text);
}

#define POOL(id, is_selection)                                                                               \
    const struct op op_##id = {                                                                              \
        .name = #id,                                                                                         \
        .desc_size = sizeof(struct pool),                                                                    \
        .infer = infer,                                                                                      \
        .gradient = gradient,                                                                                \
        .cost = cost,                                                                                        \
        .describe = describe,                                                                                \
        .impls = forward_impls,                                                                              \
        .receptive = receptive,                                                                              \
        .selects = is_selection,                                                                             \
        .layer = true,                                                                                       \
    };                                                                                                       \
    const struct op op_##id##_backward = {                                                                   \
        .name = #id "_backward",                                                                             \
        .desc_size = sizeof(struct pool),                                                                    \
        .infer = infer_backward,                                                                             \
        .cost = cost_backward,                                                                               \
        .describe = describe,                                                                                \
        .impls = backward_impls,                                                                             \
        .epilogue = EPILOGUE_KEPT,                                                                           \
    }

POOL(max_pool, true);
POOL(average_pool, false);
POOL(l2_pool, false);

/* ---- builders ---- */

static oc_tensor *append(const struct op *op, enum pool_kind kind, oc_tensor *x, const oc_pool_desc *desc)
{
    const struct pool pool = { .desc = desc ? *desc : (oc_pool_desc){ 0 }, .kind = kind };
    return graph_append(op, &pool, pool.desc.name, &x, 1);
}

/* One window over everything, and the dimensions of size 1 that it leaves taken off. */
static oc_tensor *append_global(const struct op *op, enum pool_kind kind, oc_tensor *x)
{
    oc_pool_desc desc = { 0 };
    for (int i = 2; x && i < x->shape.rank; i++)
        desc.window[i - 2] = (int)x->shape.dim[i];
    oc_tensor *y = append(op, kind, x, &desc);
    return reshape_append(y, &(struct shape){ .rank = 2, .dim = { y->shape.dim[0], y->shape.dim[1] } });
}

oc_tensor *oc_max_pool(oc_tensor *x, const oc_pool_desc *desc)
{
    return append(&op_max_pool, POOL_MAX, x, desc);
}

oc_tensor *oc_average_pool(oc_tensor *x, const oc_pool_desc *desc)
{
    return append(&op_average_pool, POOL_AVERAGE, x, desc);
}

oc_tensor *oc_l2_pool(oc_tensor *x, const oc_pool_desc *desc)
{
    return append(&op_l2_pool, POOL_L2, x, desc);
}

oc_tensor *oc_global_max_pool(oc_tensor *x)
{
    return append_global(&op_max_pool, POOL_MAX, x);
}

oc_tensor *oc_global_average_pool(oc_tensor *x)
{
    return append_global(&op_average_pool, POOL_AVERAGE, x);
}

oc_tensor *oc_global_l2_pool(oc_tensor *x)
{
    return append_global(&op_l2_pool, POOL_L2, x);
}
