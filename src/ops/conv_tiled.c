/* conv_tiled.c - convolution and its gradients for GPUs, as tiled matrix products. Kernels: cl/conv_tiled.cl.
 *
 * Which tile suits a device and a problem is a matter of speed only: every result is summed in the same order with each of
 * them. The pixels of the filter's gradient are divided by shapes alone for the same reason. */
#include "ops/conv_forms.h"
#include "ops/conv_tiled.h"

#include <string.h>

enum tunable_index { TILE_M, TILE_N, DEPTH, ITEM_M, ITEM_N };

const struct tunable conv_tiled_tunables[] = { { "TILE_M", { 64, 128, 32 } }, { "TILE_N", { 64, 128, 32 } },
                                               { "DEPTH", { 8, 16 } },        { "ITEM_M", { 4, 8 } },
                                               { "ITEM_N", { 4, 8 } },        { 0 } };

/* What the heuristic chooses from: tunables, and about what part of the device's peak they reach on large problems. */
static const struct tile {
    int values[5];
    double efficiency;
} tiles[] = { { { 128, 128, 8, 8, 8 }, 1.0 },  { { 128, 64, 8, 8, 8 }, 0.85 },
              { { 64, 128, 8, 8, 8 }, 0.85 },  { { 128, 64, 8, 8, 4 }, 0.8 },
              { { 64, 64, 16, 8, 4 }, 0.75 },  { { 128, 32, 8, 8, 4 }, 0.7 },
              { { 64, 64, 16, 4, 4 }, 0.65 },  { { 128, 32, 16, 4, 4 }, 0.55 },
              { { 32, 128, 16, 4, 4 }, 0.55 }, { { 64, 32, 16, 4, 4 }, 0.5 },
              { { 32, 64, 16, 4, 4 }, 0.5 },   { { 32, 32, 16, 4, 4 }, 0.4 } };

/* Twin of `digits` in cl/conv_tiled.cl. */
struct digits {
    int32_t d[4];
};

enum {
    NOMINAL_TILE = 64,    /* by which the filter's gradient is divided, whatever the tile that makes it */
    WANTED_GROUPS = 1024, /* of work-items, in all chunks together */
    LEAST_PIXELS = 128,   /* of a chunk */
    PIXEL_LIMIT = INT32_MAX - 4096, /* they are counted in steps of a panel */
    PARTIAL_BYTES = 32 << 20        /* of partial filters, in all chunks together */
};

static int64_t row_count(const struct conv *d)
{
    return conv_positions(d) * (d->c / d->groups);
}

/* ---- the choice of tiles ---- */

static int group_size(const int *values)
{
    return values[TILE_M] / values[ITEM_M] * (values[TILE_N] / values[ITEM_N]);
}

static int64_t local_bytes(const int *values)
{
    return (int64_t)sizeof(float) * 2 * values[DEPTH] * (values[TILE_M] + 4 + values[TILE_N]);
}

/* A work-group must have a work-item for each row and column of its panels. */
bool conv_tiled_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    (void)n;
    const int items = group_size(values);
    return items >= values[TILE_M] && items >= values[TILE_N] && items <= device->max_work_group &&
           local_bytes(values) <= device->local_memory;
}

/* Chunks of the pixels that a filter's gradient is divided into, at most. */
static int64_t chunk_limit(const struct conv *d, int64_t pixels)
{
    const int64_t rows = row_count(d);
    const int64_t groups =
        divide_up(rows, NOMINAL_TILE) * divide_up(d->k / d->groups, NOMINAL_TILE) * d->groups;
    const int64_t affordable = PARTIAL_BYTES / (4 * rows * d->k), useful = divide_up(pixels, LEAST_PIXELS);
    const int64_t chunks = least(least(divide_up(WANTED_GROUPS, groups), affordable), useful);
    return chunks > 1 ? chunks : 1;
}

struct product conv_product(const struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t cg = d->c / d->groups, kg = d->k / d->groups;
    const int64_t y_pixels = n->in[0]->shape.dim[0] * d->window.out[0] * d->window.out[1] * d->window.out[2];
    if (n->op->impls == conv_backward_filter_impls) {
        const int64_t chunks = chunk_limit(d, y_pixels);
        return (struct product){ kg, row_count(d), divide_up(y_pixels, chunks), chunks * d->groups };
    }
    if (!conv_is_transposed(n))
        return (struct product){ y_pixels, kg, row_count(d), d->groups };
    const int64_t x_pixels = n->in[0]->shape.dim[0] * d->window.in[0] * d->window.in[1] * d->window.in[2];
    const int64_t phases = conv_phase_count(&d->window);
    return (struct product){ divide_up(x_pixels, phases), cg, conv_positions(d) * kg, d->groups };
}

/* About how often a work-item's loops run if nothing is unrolled. */
static int64_t iterations(const struct node *n, const int *values)
{
    return (conv_product(n).depth / values[DEPTH] + 4) * values[DEPTH] * values[ITEM_M] * values[ITEM_N] / 4;
}

/* What compilers spill does not fit: 8 x 8 results on Intel's GPUs, known by sub-groups of a size that kernels can require,
 * and on others where each value of x has an address of its own. */
static bool fits_registers(const struct node *n, const oc_device_info *device, const int *values)
{
    const struct conv *d = n->desc;
    const int64_t channels = (conv_is_transposed(n) ? d->k : d->c) / d->groups;
    return values[ITEM_M] * values[ITEM_N] <= 32 || (device->sub_group_sizes == 0 && channels % 4 == 0);
}

/* Work-groups of one compute unit share it, so time goes by rounds of one work-group per unit. */
void conv_tiled_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct product p = conv_product(n);
    double best = 0;
    for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
        const struct tile *t = &tiles[i];
        const int64_t groups =
            divide_up(p.m, t->values[TILE_M]) * divide_up(p.n, t->values[TILE_N]) * p.count;
        const double time = (double)divide_up(groups, device->compute_units > 0 ? device->compute_units : 1) *
                            t->values[TILE_M] * t->values[TILE_N] / t->efficiency;
        if (conv_tiled_allows(n, device, t->values) && fits_registers(n, device, t->values) &&
            (best == 0 || time < best)) {
            best = time;
            memcpy(values, t->values, sizeof t->values);
        }
    }
}

bool conv_pixels_fit(const struct node *n)
{
    const struct conv *d = n->desc;
    const struct shape x = conv_input_shape(d, n->in[0]->shape.dim[0]),
                       y = conv_output_shape(d, n->in[0]->shape.dim[0]);
    return shape_pixels(&x) <= PIXEL_LIMIT && shape_pixels(&y) <= PIXEL_LIMIT;
}

/* The smallest tile decides. */
bool conv_tiled_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    if (!conv_pixels_fit(n) ||
        !conv_tiled_allows(n, device, tiles[sizeof tiles / sizeof tiles[0] - 1].values))
        return false;
    conv_tiled_heuristic(n, device, values);
    return device->loop_limit == 0 || iterations(n, values) <= device->loop_limit;
}

/* ---- launches ---- */

/* How many of its values can be moved at once. */
static int width_of(const oc_tensor *x, int64_t channels)
{
    return channels % 4 == 0 && tensor_pitch(x) % 4 == 0 && x->offset % 4 == 0 ? 4 : 1;
}

bool conv_is_point(const struct gather *g)
{
    bool point = true;
    for (int i = 0; i < 3; i++)
        point = point && g->a[i].positions == 1 && g->a[i].offset >= 0 &&
                (g->a[i].count - 1) * g->a[i].scale + g->a[i].offset < g->a[i].source_size;
    return point;
}

static struct digits digits_of(int number, int a, int b, int c)
{
    const int32_t size[3] = { a, b, c };
    struct digits q;
    for (int i = 0; i < 3; i++) {
        q.d[i] = size[i] > 0 ? number % size[i] : 0;
        number = size[i] > 0 ? number / size[i] : number;
    }
    q.d[3] = number;
    return q;
}

/* Results into y, from x and the packed weights, input 1. */
static oc_status emit_gather(struct emitter *e, const struct node *n, const struct gather *g)
{
    const oc_tensor *x = n->in[0], *y = n->out[0];
    char buffer[192];
    struct text defines = TEXT_IN(buffer);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_of(n, &defines);
    const int y_width = (int)least(width_of(y, g->filters),
                                   least(width_of(tail.addend, g->filters), width_of(tail.kept, g->filters)));
    text_print(&defines, " -DX_WIDTH=%d -DY_WIDTH=%d -DPOINT=%d", width_of(x, g->channels), y_width,
               conv_is_point(g));
    const int64_t pixels = (int64_t)g->n * g->a[0].count * g->a[1].count * g->a[2].count;
    const int64_t tiles_m = divide_up(pixels, n->tuned[TILE_M]),
                  tiles_n = divide_up(g->filters, n->tuned[TILE_N]);
    const struct digits step = digits_of(n->tuned[DEPTH], g->channels, g->a[2].positions, g->a[1].positions);
    const int items = group_size(n->tuned);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_tiled.cl",
                    .kernel = "conv_tiled_gather",
                    .defines = defines.data,
                    .args = { TENSOR(x), TENSOR(n->in[1]), TENSOR(b), TENSOR(y), STRUCT(*g), STRUCT(step),
                              EPILOGUE(tail) },
                    .items = { tiles_m * tiles_n * items, g->groups },
                    .group = { items },
                });
}

oc_status conv_tiled_prepare_forward(struct node *n)
{
    return conv_pack(n, false, tuned(n, "TILE_N"));
}

oc_status conv_tiled_prepare_backward_data(struct node *n)
{
    return conv_pack(n, true, tuned(n, "TILE_N"));
}

oc_status conv_tiled_forward(struct emitter *e, const struct node *n)
{
    const struct gather g = conv_gather(n->desc, n->in[0], n->out[0]);
    return emit_gather(e, n, &g);
}

oc_status conv_tiled_backward_data(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    struct gather g = conv_gather_transposed(d, n->in[0], n->out[0]);
    for (int phase = 0; phase < conv_phase_count(&d->window); phase++)
        if (conv_gather_phase(&g, &d->window, phase))
            TRY(emit_gather(e, n, &g));
    return OC_OK;
}

/* One chunk of a window of one is dw itself. */
oc_status conv_prepare_chunks(struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t chunks = chunk_limit(d, shape_pixels(&n->in[1]->shape));
    if (chunks == 1 && conv_positions(d) == 1)
        return OC_OK;
    return node_output(n, 1, ELEMENT_F32,
                       &(struct shape){ .rank = 1, .dim = { chunks * row_count(d) * d->k } });
}

struct conv_chunks conv_chunks_of(const struct node *n)
{
    const oc_tensor *sum = n->out[n->out_count - 1];
    const int64_t pixels = shape_pixels(&n->in[1]->shape),
                  limit = sum == n->out[0] ? 1 : chunk_limit(n->desc, pixels),
                  per_chunk = divide_up(pixels, limit);
    return (struct conv_chunks){ sum, per_chunk, divide_up(pixels, per_chunk) };
}

oc_status conv_sum_chunks(struct emitter *e, const struct node *n, const struct gather *g,
                          const struct conv_chunks *chunks)
{
    if (chunks->sum == n->out[0])
        return OC_OK;
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_gather.cl",
                    .kernel = "sum_filter_chunks",
                    .untuned = true,
                    .args = { TENSOR(chunks->sum), TENSOR(n->out[0]), STRUCT(*g), INT(chunks->count) },
                    .items = { (int64_t)g->groups * g->filters * g->channels },
                    .group = { emitter_group(e) },
                });
}

oc_status conv_tiled_prepare_backward_filter(struct node *n)
{
    return conv_prepare_chunks(n);
}

oc_status conv_tiled_backward_filter(struct emitter *e, const struct node *n)
{
    const oc_tensor *x = n->in[0], *dy = n->in[1];
    const struct gather g = conv_gather(n->desc, x, dy);
    const struct conv_chunks chunks = conv_chunks_of(n);
    const struct digits step = digits_of(n->tuned[DEPTH], g.a[2].count, g.a[1].count, g.a[0].count);
    const int items = group_size(n->tuned);
    char buffer[64];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DX_WIDTH=%d -DY_WIDTH=%d", width_of(x, g.channels), width_of(dy, g.filters));
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "conv_tiled.cl",
                 .kernel = "conv_tiled_backward_filter",
                 .defines = defines.data,
                 .args = { TENSOR(x), TENSOR(dy), TENSOR(chunks.sum), STRUCT(g), STRUCT(step),
                           INT(chunks.pixels) },
                 .items = { divide_up(g.filters, n->tuned[TILE_M]) *
                                divide_up(row_count(n->desc), n->tuned[TILE_N]) * items,
                            chunks.count, g.groups },
                 .group = { items },
             }));
    return conv_sum_chunks(e, n, &g, &chunks);
}
