/* conv_filter_direct.c - gradient of a convolution's filter for CPUs. Kernels: cl/conv_filter_direct.cl. */
#include "ops/conv.h"
#include "ops/ops.h"

/* Twin of filter_share in cl/conv_filter_direct.cl. */
struct filter_share {
    struct geometry g;
    int64_t pixels;
    int32_t chunks, rows_per_chunk, rows_per_block;
    int32_t tiles, shares, padding;
};

enum {
    MIN_ITEMS = 32,
    CACHE_BYTES = 256 << 10, /* of x and dy, that all tiles pass over before the next */
    PARTIAL_BYTES = 8 << 20, /* of partial filters, in all chunks together */
    LINE_WIDTH = 64,
    SUM_CHANNELS = 16 /* as in the kernel */
};

static int32_t least(int64_t a, int64_t b)
{
    return (int32_t)(a < b ? a : b);
}

static int64_t wanted_pieces(const struct conv *d)
{
    const int64_t items = conv_positions(d) * d->groups;
    return (MIN_ITEMS + items - 1) / items;
}

/* The most chunks that the rows are divided into; a smaller batch never has more. Chunks of rows read every value once,
 * shares of channels read dy again each: chunks, while filters are small. */
static int32_t chunk_limit(const struct conv *d, const struct geometry *g)
{
    const int64_t filter_bytes = 4 * conv_positions(d) * d->c * (d->k / d->groups);
    const int64_t affordable = PARTIAL_BYTES / filter_bytes > 1 ? PARTIAL_BYTES / filter_bytes : 1;
    return least((int64_t)g->n * g->out[0] * g->out[1], least(wanted_pieces(d), affordable));
}

/* Whether every pixel of dy meets the same pixel of x and no other. */
static bool is_pixelwise(const struct window *w)
{
    for (int i = 0; i < 3; i++)
        if (w->extent[i] != 1 || w->stride[i] != 1 || w->begin[i] != 0 || w->in[i] != w->out[i])
            return false;
    return true;
}

/* How the work is divided; depends on the shape only, so that the order of summation does too. */
static struct filter_share make_share(const struct node *n, const oc_tensor *x, const oc_tensor *dy)
{
    const struct conv *d = n->desc;
    struct filter_share f = { .g = window_geometry(&d->window, d->groups, x, dy) };
    struct geometry *g = &f.g;
    const int64_t cg = d->c / d->groups, kg = d->k / d->groups,
                  tiles = (cg + tuned(n, "TILE") - 1) / tuned(n, "TILE");
    f.pixels = shape_pixels(&dy->shape);
    if (is_pixelwise(&d->window)) { /* any rows will do */
        g->n = g->in[0] = g->out[0] = 1;
        g->in[1] = g->out[1] = (int32_t)((f.pixels + LINE_WIDTH - 1) / LINE_WIDTH);
        g->in[2] = g->out[2] = LINE_WIDTH;
        g->begin[0] = g->begin[1] = g->begin[2] = 0;
    }
    const int64_t rows = (int64_t)g->n * g->out[0] * g->out[1];
    const int64_t row_bytes = 4 * g->out[2] * (cg * g->stride[2] + kg);
    f.chunks = chunk_limit(d, g);
    f.shares = least(tiles, (wanted_pieces(d) + f.chunks - 1) / f.chunks);
    f.tiles = (int32_t)((tiles + f.shares - 1) / f.shares);
    f.shares = (int32_t)((tiles + f.tiles - 1) / f.tiles);
    f.rows_per_chunk = (int32_t)((rows + f.chunks - 1) / f.chunks);
    f.chunks = (int32_t)((rows + f.rows_per_chunk - 1) / f.rows_per_chunk);
    f.rows_per_block = least(16, CACHE_BYTES / row_bytes + 1);
    return f;
}

static int64_t partial_values(const struct node *n, const struct filter_share *f)
{
    const struct conv *d = n->desc;
    const int64_t block = tuned(n, "VECTOR") * tuned(n, "COLUMNS"), kg = d->k / d->groups;
    return conv_positions(d) * d->c * ((kg + block - 1) / block * block) * chunk_limit(d, &f->g);
}

static oc_status prepare(struct node *n)
{
    const struct filter_share f = make_share(n, n->in[0], n->in[1]);
    return node_output(n, 1, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { partial_values(n, &f) } });
}

static oc_status emit_backward_filter(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *dy = n->in[1], *dw = n->out[0], *partial = n->out[1];
    const struct filter_share f = make_share(n, x, dy);
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "conv_filter_direct.cl",
                 .kernel = "conv_direct_backward_filter",
                 .args = { TENSOR(x), TENSOR(dy), TENSOR(partial), STRUCT(f) },
                 .items = { conv_positions(d), f.chunks, (int64_t)f.shares * d->groups },
             }));
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_filter_direct.cl",
                    .kernel = "conv_direct_sum_filter",
                    .args = { TENSOR(partial), TENSOR(dw), STRUCT(f) },
                    .items = { d->k, (d->c / d->groups + SUM_CHANNELS - 1) / SUM_CHANNELS },
                    .group = { emitter_group_of(e, 16) },
                });
}

static void heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct conv *d = n->desc;
    const bool wide = device->vector_width >= 16;
    values[0] = wide ? 16 : 8;
    values[1] = wide && d->c / d->groups > 4 ? 8 : 4;
    values[2] = d->k / d->groups <= values[0] ? 1 : 2;
}

/* About how often a work-item's loops run: over the pixels of its rows once per tile, and what goes with it. */
static int64_t iterations(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    struct node with_values = *n;
    heuristic(n, device, with_values.tuned);
    with_values.impl = conv_backward_filter_impls; /* the first: this one */
    const struct filter_share f = make_share(&with_values, n->in[0], n->in[1]);
    const int64_t kg = d->k / d->groups, block = with_values.tuned[0] * with_values.tuned[2];
    return 2 * f.rows_per_chunk * (f.g.out[2] + 4) * f.tiles * ((kg + block - 1) / block);
}

static bool supports(const struct node *n, const oc_device_info *device)
{
    return device->type == OC_DEVICE_CPU &&
           (device->loop_limit == 0 || iterations(n, device) <= device->loop_limit);
}

static const struct tunable tunables[] = {
    { "VECTOR", { 16, 8, 4 } }, { "TILE", { 8, 4, 2 } }, { "COLUMNS", { 2, 1 } }, { 0 }
};

const struct impl conv_backward_filter_impls[] = { { .name = "direct",
                                                     .supports = supports,
                                                     .prepare = prepare,
                                                     .emit = emit_backward_filter,
                                                     .tunables = tunables,
                                                     .heuristic = heuristic },
                                                   { .name = "reference",
                                                     .emit = conv_reference_backward_filter },
                                                   { 0 } };
