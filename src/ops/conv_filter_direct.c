/* conv_filter_direct.c - gradient of a convolution's filter for CPUs. Kernels: cl/conv_direct.cl.
 *
 * The rows of the product are (window position, channel), as in the forward pass; the pixels are divided into chunks
 * whose partial filters a second kernel adds up. One chunk of a window of one gives dw itself. */
#include "ops/conv_gather.h"
#include "ops/conv_tiled.h"
#include "ops/ops.h"

/* Twin of filter_share in cl/conv_direct.cl. */
struct filter_share {
    int64_t pixels, pixels_per_chunk;
    int32_t rows, padding;
};

enum {
    DEPTH = 192, /* rows of a work-item: a multiple of every block of vectors */
    MIN_ITEMS = 32,
    PARTIAL_BYTES = 8 << 20, /* of partial filters, in all chunks together */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t row_count(const struct conv *d)
{
    return conv_positions(d) * (d->c / d->groups);
}

/* The most chunks that the pixels are divided into; a smaller batch never has more. */
static int64_t chunk_limit(const struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t items = (row_count(d) + DEPTH - 1) / DEPTH * d->groups,
                  wanted = (MIN_ITEMS + items - 1) / items;
    const int64_t affordable = PARTIAL_BYTES / (4 * row_count(d) * d->k), panel = tuned(n, "PIXELS");
    const int64_t batch_pixels = shape_count(&n->in[1]->shape) / d->k;
    return least((batch_pixels + panel - 1) / panel, least(wanted, affordable > 1 ? affordable : 1));
}

static bool has_partial(const struct node *n)
{
    return n->out_count > 1;
}

static oc_status prepare(struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t chunks = chunk_limit(n);
    if (chunks == 1 && conv_positions(d) == 1)
        return OC_OK;
    return node_output(n, 1, ELEMENT_F32,
                       &(struct shape){ .rank = 1, .dim = { chunks * row_count(d) * d->k } });
}

/* Depends on the shape only, so that the order of summation does too. */
static struct filter_share make_share(const struct node *n, int64_t *chunks)
{
    const struct conv *d = n->desc;
    struct filter_share f = { .pixels = shape_pixels(&n->in[1]->shape), .rows = (int32_t)row_count(d) };
    const int64_t limit = has_partial(n) ? chunk_limit(n) : 1;
    f.pixels_per_chunk = (f.pixels + limit - 1) / limit;
    *chunks = (f.pixels + f.pixels_per_chunk - 1) / f.pixels_per_chunk;
    return f;
}

static size_t panel_bytes(int pixels, int vector)
{
    return sizeof(float) * (size_t)(pixels * (DEPTH + vector));
}

static oc_status emit_backward_filter(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *dy = n->in[1], *dw = n->out[0], *sum = has_partial(n) ? n->out[1] : dw;
    const struct gather g = conv_gather(d, x, dy);
    int64_t chunks;
    const struct filter_share f = make_share(n, &chunks);
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DDEPTH=%d", DEPTH);
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "conv_direct.cl",
                 .kernel = "conv_direct_backward_filter",
                 .defines = defines.data,
                 .args = { TENSOR(x), TENSOR(dy), TENSOR(sum), STRUCT(g), STRUCT(f),
                           LOCAL(panel_bytes(tuned(n, "PIXELS"), tuned(n, "VECTOR"))) },
                 .items = { (f.rows + DEPTH - 1) / DEPTH, chunks, d->groups },
             }));
    if (!has_partial(n))
        return OC_OK;
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_direct.cl",
                    .kernel = "conv_direct_sum_filter",
                    .defines = defines.data,
                    .args = { TENSOR(sum), TENSOR(dw), STRUCT(g), INT(chunks) },
                    .items = { d->k, (g.channels + tuned(n, "VECTOR") - 1) / tuned(n, "VECTOR") },
                    .group = { emitter_group_of(e, 16) },
                });
}

static void heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct conv *d = n->desc;
    values[0] = device->vector_width >= 16 ? 16 : 8;
    values[1] = d->k / d->groups > 4 ? 8 : 4;
    values[2] = row_count(d) <= values[0] ? 1 : 2;
    values[3] = 128;
    while (values[3] > 16 && panel_bytes(values[3], values[0]) > (size_t)device->local_memory)
        values[3] /= 2;
}

/* About how often a work-item's loops run: over its pixels once per tile, and what goes with it. */
static int64_t iterations(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    struct node with_values = *n;
    int64_t chunks;
    heuristic(n, device, with_values.tuned);
    with_values.impl = conv_backward_filter_impls + 1; /* the second: this one */
    with_values.out_count = 2;
    const struct filter_share f = make_share(&with_values, &chunks);
    const int *values = with_values.tuned, vector = values[0], tile = values[1], columns = values[2];
    const int64_t blocks = (least(f.rows, DEPTH) + vector * columns - 1) / (vector * columns),
                  tiles = (d->k / d->groups + tile - 1) / tile, panels = f.pixels_per_chunk / values[3] + 1;
    const int64_t store = (int64_t)tile * columns * (4 + 2 * vector),
                  copy = DEPTH / vector + 4 * conv_positions(d) + 4;
    return blocks * tiles * (f.pixels_per_chunk * conv_tile_iterations(tile, columns) + panels * store) +
           f.pixels_per_chunk * copy;
}

static bool supports(const struct node *n, const oc_device_info *device)
{
    return device->type == OC_DEVICE_CPU && panel_bytes(16, 16) <= (size_t)device->local_memory &&
           (device->loop_limit == 0 || iterations(n, device) <= device->loop_limit);
}

static const struct tunable tunables[] = { { "VECTOR", { 16, 8, 4 } },
                                           { "TILE", { 8, 12, 4 } },
                                           { "COLUMNS", { 2, 1 } },
                                           { "PIXELS", { 128, 64, 32, 16 } },
                                           { 0 } };

const struct impl conv_backward_filter_impls[] = { { .name = "grouped",
                                                     .supports = conv_grouped_filter_supports,
                                                     .prepare = conv_grouped_filter_prepare,
                                                     .emit = conv_grouped_filter_emit,
                                                     .tunables = conv_grouped_tunables,
                                                     .heuristic = conv_grouped_heuristic },
                                                   { .name = "direct",
                                                     .supports = supports,
                                                     .prepare = prepare,
                                                     .emit = emit_backward_filter,
                                                     .tunables = tunables,
                                                     .heuristic = heuristic },
                                                   CONV_TILED(backward_filter),
                                                   { .name = "reference",
                                                     .emit = conv_reference_backward_filter },
                                                   { 0 } };
