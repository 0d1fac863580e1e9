/* conv_winograd_filter.c - gradient of the filter of a 3x3 convolution with stride 1 for CPUs, by Winograd's minimal
 * filtering. Kernels: cl/conv_winograd.cl.
 *
 * The tiles are divided into chunks whose partial filters a second kernel adds up and brings into the order of dw. Errors
 * are bounded norm-wise only: docs/ops/conv.md. */
#include "ops/conv_forms.h"
#include "ops/conv_gather.h"
#include "ops/conv_winograd.h"

enum {
    MIN_ITEMS = 32,
    PARTIAL_BYTES = 8 << 20, /* of partial filters, in all chunks together */
    FEW_FILTERS = 16,        /* as in cl/conv_winograd.cl */
    FEW_CHANNELS = 64
};

enum { VECTOR, TILE, COLUMNS, SPAN, DEPTH, OUTPUT };

const struct tunable conv_winograd_filter_tunables[] = { [VECTOR] = { "VECTOR", { 16, 8, 4 } },
                                                         [TILE] = { "TILE", { 8, 4 } },
                                                         [COLUMNS] = { "COLUMNS", { 2, 1 } },
                                                         [SPAN] = { "SPAN", { 128, 64, 32 } },
                                                         [DEPTH] = { "DEPTH", { 64, 32, 8 } },
                                                         [OUTPUT] = { "OUTPUT", { 4, 2 } },
                                                         { 0 } };

static int64_t tile_count(const struct node *n, int output)
{
    const struct winograd g = make_winograd(n, n->in[0], n->in[1], output);
    return (int64_t)g.n * g.tiles_h * g.tiles_w;
}

/* The most chunks that `tiles` are divided into, with the tunables span and depth; a smaller batch never has more. */
static int64_t chunk_limit(const struct conv *d, int64_t tiles, int span, int depth)
{
    const int64_t items = divide_up(d->c, span) * divide_up(d->k, span), filter = 4 * 9 * d->c * d->k;
    const int64_t wanted = least(divide_up(tiles, depth), divide_up(MIN_ITEMS, items));
    return conv_even_chunks(wanted, divide_up(PARTIAL_BYTES, filter), items);
}

static int64_t tiles_per_chunk(const struct conv *d, int64_t tiles, int span, int depth)
{
    return divide_up(tiles, chunk_limit(d, tiles, span, depth));
}

oc_status conv_winograd_filter_prepare_gradient(struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t tiles = tile_count(n, tuned(n, "OUTPUT")),
                  chunks = chunk_limit(d, tiles, tuned(n, "SPAN"), tuned(n, "DEPTH"));
    return node_output(n, 1, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { chunks * 9 * d->c * d->k } });
}

/* Local memory for the transformed tiles of either operand: LINE of cl/conv_winograd.cl for each point of a line. */
static int64_t local_bytes(int output, int span, int depth, int vector)
{
    return (int64_t)sizeof(float) * (output + 2) * (span / vector) * (vector * depth + 16);
}

/* ... and for the products of a line, of a few filters and channels. */
static int64_t product_bytes(int output)
{
    return (int64_t)sizeof(float) * FEW_FILTERS * FEW_CHANNELS * (output + 2);
}

oc_status conv_winograd_filter_gradient(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *dy = n->in[1];
    const int output = tuned(n, "OUTPUT"), span = tuned(n, "SPAN"), depth = tuned(n, "DEPTH");
    const int64_t local = local_bytes(output, span, depth, tuned(n, "VECTOR"));
    const struct winograd w = make_winograd(n, x, dy, output);
    const struct gather g = conv_gather(d, x, dy);
    const int64_t tiles = tile_count(n, output), per_chunk = tiles_per_chunk(d, tiles, span, depth);
    const int64_t chunks = divide_up(tiles, per_chunk),
                  panel = conv_part_size(per_chunk, divide_up(per_chunk, depth), 1);
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "conv_winograd.cl",
                 .kernel = "conv_winograd_backward_filter",
                 .defines = " -DONLY=FILTER",
                 .args = { TENSOR(x), TENSOR(dy), TENSOR(n->out[1]), STRUCT(w), INT(per_chunk), INT(panel),
                           LOCAL(local), LOCAL(local), LOCAL(product_bytes(output)) },
                 .items = { divide_up(d->c, span), divide_up(d->k, span), chunks },
             }));
    return conv_sum_filter(e, n, &g, 9 * d->c, chunks);
}

/* About how often a work-item's loops run. */
static int64_t iterations(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const int points = values[OUTPUT] + 2, tile = values[TILE], columns = values[COLUMNS];
    const int64_t channels = least(d->c, values[SPAN]), filters = least(d->k, values[SPAN]);
    const int64_t tiles = tiles_per_chunk(d, tile_count(n, values[OUTPUT]), values[SPAN], values[DEPTH]);
    const int64_t moved = divide_up(channels, values[VECTOR]) + divide_up(filters, values[VECTOR]);
    const int64_t blocks = divide_up(channels, values[VECTOR] * columns) * divide_up(filters, tile);
    const int64_t transform = tiles * moved * points * (points + 2);
    const int64_t products = blocks * points * tiles * conv_tile_iterations(tile, columns);
    const int64_t store =
        blocks * divide_up(tiles, values[DEPTH]) * tile * columns * (2 * points + 9 * (values[VECTOR] + 2));
    return points * (transform + products + store);
}

bool conv_winograd_filter_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return values[TILE] <= values[VECTOR] &&
           2 * local_bytes(values[OUTPUT], values[SPAN], values[DEPTH], values[VECTOR]) +
                   product_bytes(values[OUTPUT]) <=
               device->local_memory &&
           (device->loop_limit == 0 || iterations(n, values) <= device->loop_limit);
}

/* A large span saves transforming again, a large depth adding up again. */
void conv_winograd_filter_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct conv *d = n->desc;
    const bool wide = device->vector_width >= 16;
    values[VECTOR] = wide ? 16 : 8;
    values[TILE] = wide ? 8 : 4;
    values[COLUMNS] = d->c <= values[VECTOR] ? 1 : 2;
    values[OUTPUT] = winograd_output(n);
    values[SPAN] = d->c > 64 && d->k > 64 ? 128 : d->c > 32 || d->k > 32 ? 64 : 32;
    values[DEPTH] = 64;
    while (values[DEPTH] > 8 && !conv_winograd_filter_allows(n, device, values))
        values[DEPTH] = values[DEPTH] == 64 ? 32 : 8;
    while (values[SPAN] > 32 && !conv_winograd_filter_allows(n, device, values))
        values[SPAN] /= 2;
}

bool conv_winograd_filter_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    if (!winograd_suits(n, device))
        return false;
    conv_winograd_filter_heuristic(n, device, values);
    return conv_winograd_filter_allows(n, device, values);
}
