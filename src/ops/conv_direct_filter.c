/* conv_direct_filter.c - gradient of a convolution's filter for CPUs. Kernels: cl/conv_direct.cl.
 *
 * The rows of the product are (window position, channel), as in the forward pass; the pixels are divided into chunks
 * whose partial filters a second kernel adds up. One chunk of a window of one gives dw itself. */
#include "ops/conv_forms.h"
#include "ops/conv_gather.h"
#include "ops/ops.h"

/* Twin of filter_share in cl/conv_direct.cl. */
struct filter_share {
    int64_t pixels, pixels_per_chunk;
    int32_t rows, pitch, row_part, filter_part, panel_part, padding;
};

enum {
    FILTERS = 256, /* of a work-item */
    MAX_ITEMS = 128,
    ITEMS_PER_UNIT = 8,      /* with fewer some idle at the end, with more there are more partial filters */
    PARTIAL_BYTES = 8 << 20, /* of partial filters, in all chunks together */
};

static int64_t row_count(const struct conv *d)
{
    return conv_positions(d) * (d->c / d->groups);
}

enum { VECTOR, TILE, COLUMNS, PIXELS, DEPTH, ITEMS };

/* DEPTH is a multiple of every block of vectors; ITEMS is how many work-items there shall be at least. */
const struct tunable conv_direct_filter_tunables[] = { [VECTOR] = { "VECTOR", { 16, 8, 4 } },
                                                       [TILE] = { "TILE", { 8, 16, 12, 6, 4 } },
                                                       [COLUMNS] = { "COLUMNS", { 2, 1 } },
                                                       [PIXELS] = { "PIXELS", { 128, 256, 64, 32, 16 } },
                                                       [DEPTH] = { "DEPTH", { 384, 192 } },
                                                       [ITEMS] = { "ITEMS", { 16, 32, 64, MAX_ITEMS } },
                                                       { 0 } };

/* Of the rows, of a group's filters: how many parts there are of at most DEPTH, or FILTERS. */
static int64_t row_parts(const struct conv *d, const int *values)
{
    return divide_up(row_count(d), values[DEPTH]);
}

static int64_t filter_parts(const struct conv *d)
{
    return divide_up(d->k / d->groups, FILTERS);
}

/* The most chunks that the pixels are divided into; a smaller batch never has more. */
static int64_t chunk_limit(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const int64_t items = row_parts(d, values) * filter_parts(d) * d->groups;
    const int64_t affordable = PARTIAL_BYTES / (4 * row_count(d) * d->k);
    const int64_t panels = divide_up(shape_count(&n->in[1]->shape) / d->k, values[PIXELS]);
    return conv_even_chunks(least(panels, divide_up(values[ITEMS], items)), affordable, items);
}

/* Whether there is something to add up, or to bring from the rows' order into that of dw. */
static bool has_partial(const struct node *n)
{
    return n->out_count > 1;
}

/* The values of a partial filter: whole blocks, so that no store has to be of some lanes only. */
static int64_t partial_pitch(const struct conv *d, const int *values)
{
    return conv_part_size(row_count(d), 1, values[VECTOR] * values[COLUMNS]);
}

oc_status conv_direct_filter_prepare_gradient(struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t chunks = chunk_limit(n, n->tuned);
    if (chunks == 1 && conv_positions(d) == 1)
        return OC_OK;
    return node_output(n, 1, ELEMENT_F32,
                       &(struct shape){ .rank = 1, .dim = { chunks * partial_pitch(d, n->tuned) * d->k } });
}

/* The division into at most `limit` chunks. */
static struct filter_share make_share(const struct node *n, int64_t limit, const int *values)
{
    const struct conv *d = n->desc;
    const int64_t pixels = shape_pixels(&n->in[1]->shape), chunk = divide_up(pixels, limit);
    return (struct filter_share){
        .pixels = pixels,
        .pixels_per_chunk = chunk,
        .rows = (int32_t)row_count(d),
        .pitch = (int32_t)(has_partial(n) ? partial_pitch(d, values) : row_count(d)),
        .row_part = conv_part_size(row_count(d), row_parts(d, values), values[VECTOR] * values[COLUMNS]),
        .filter_part = conv_part_size(d->k / d->groups, filter_parts(d), values[TILE]),
        .panel_part = conv_part_size(chunk, divide_up(chunk, values[PIXELS]), 1),
    };
}

/* Local memory for the pixels of x, and for those of dy: ROW and DY_BLOCK of cl/conv_direct.cl. */
static size_t panel_bytes(int pixels, int depth)
{
    return sizeof(float) * (size_t)(pixels * (depth + 16));
}

static size_t dy_panel_bytes(const struct conv *d, int pixels, int tile)
{
    const int64_t filters = least(d->k / d->groups, FILTERS);
    return sizeof(float) * (size_t)(divide_up(filters, tile) * (pixels * tile + 16));
}

oc_status conv_direct_filter_gradient(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *dy = n->in[1], *dw = n->out[0], *sum = has_partial(n) ? n->out[1] : dw;
    const struct gather g = conv_gather(d, x, dy);
    const int pixels = tuned(n, "PIXELS"), depth = tuned(n, "DEPTH");
    const struct filter_share f = make_share(n, has_partial(n) ? chunk_limit(n, n->tuned) : 1, n->tuned);
    const int64_t chunks = divide_up(f.pixels, f.pixels_per_chunk);
    char buffer[48];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DONLY=FILTER -DFILTERS=%d", FILTERS);
    TRY(emit(
        e, n,
        &(struct launch_spec){
            .file = "conv_direct.cl",
            .kernel = "conv_direct_backward_filter",
            .defines = defines.data,
            .args = { TENSOR(x), TENSOR(dy), TENSOR(sum), STRUCT(g), STRUCT(f),
                      LOCAL(panel_bytes(pixels, depth)), LOCAL(dy_panel_bytes(d, pixels, tuned(n, "TILE"))) },
            .items = { row_parts(d, n->tuned), chunks, filter_parts(d) * d->groups },
        }));
    return has_partial(n) ? conv_sum_filter(e, n, &g, f.pitch, chunks) : OC_OK;
}

/* About how often a work-item's loops run: over its pixels once per tile, and what goes with it. */
static int64_t iterations(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const int vector = values[VECTOR], tile = values[TILE], columns = values[COLUMNS], depth = values[DEPTH];
    const struct filter_share f = make_share(n, chunk_limit(n, values), values);
    const int64_t tiles =
        divide_up(least(f.rows, depth), vector * columns) * divide_up(least(d->k / d->groups, FILTERS), tile);
    const int64_t panels = f.pixels_per_chunk / values[PIXELS] + 1, pixels = f.pixels_per_chunk;
    const int64_t store = (int64_t)tile * columns * (4 + 2 * vector),
                  copy = (depth + FILTERS) / vector + 4 * conv_positions(d) + 4;
    return tiles * (pixels * conv_tile_iterations(tile, columns) + panels * store) + pixels * copy;
}

/* A record of a device with few compute units would leave some of one with many idle. */
bool conv_direct_filter_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return values[TILE] <= values[VECTOR] && values[ITEMS] >= least(MAX_ITEMS, device->compute_units) &&
           panel_bytes(values[PIXELS], values[DEPTH]) +
                   dy_panel_bytes(n->desc, values[PIXELS], values[TILE]) <=
               (size_t)device->local_memory &&
           (device->loop_limit == 0 || iterations(n, values) <= device->loop_limit);
}

void conv_direct_filter_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct conv *d = n->desc;
    const bool wide = device->vector_width >= 16;
    values[VECTOR] = wide ? 16 : 8;
    values[TILE] = wide && d->k / d->groups > 4 ? 8 : !wide && d->k / d->groups > 12 ? 6 : 4;
    values[COLUMNS] = row_count(d) <= values[VECTOR] ? 1 : 2;
    values[ITEMS] = 16;
    while (values[ITEMS] < MAX_ITEMS && values[ITEMS] < ITEMS_PER_UNIT * device->compute_units)
        values[ITEMS] *= 2;
    for (; values[ITEMS] <= MAX_ITEMS; values[ITEMS] *= 2)
        for (values[DEPTH] = 384; values[DEPTH] >= 192; values[DEPTH] /= 2)
            for (values[PIXELS] = 128; values[PIXELS] >= 16; values[PIXELS] /= 2)
                if (conv_direct_filter_allows(n, device, values))
                    return;
    values[ITEMS] = MAX_ITEMS; /* too much even so */
    values[DEPTH] = 192;
    values[PIXELS] = 16;
}

bool conv_direct_filter_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    conv_direct_filter_heuristic(n, device, values);
    return device->type == OC_DEVICE_CPU && conv_direct_filter_allows(n, device, values);
}
