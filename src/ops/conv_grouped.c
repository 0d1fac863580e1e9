/* conv_grouped.c - convolution with few channels per group, as many as filters, for CPUs: forward, gradient of the input,
 * gradient of the filter. Kernels: cl/conv_grouped.cl. */
#include "ops/conv_forms.h"
#include "ops/conv_gather.h"
#include "ops/ops.h"

/* Twin of grouped_share in cl/conv_grouped.cl. */
struct grouped_share {
    int64_t lines, lines_per_chunk;
};

enum { MAX_SPAN = 32, MIN_ITEMS = 32, LINES = 8 /* as in the kernel */ };

static int span_of(const struct node *n)
{
    const struct conv *d = n->desc;
    return (int)(d->c / d->groups);
}

/* Channels of a block. */
static int lanes_of(const struct node *n, int vector)
{
    return span_of(n) > vector ? span_of(n) : vector;
}

static int64_t block_count(const struct node *n, int vector)
{
    return divide_up(((const struct conv *)n->desc)->c, lanes_of(n, vector));
}

static bool fits(const struct node *n, int64_t limit)
{
    const struct conv *d = n->desc;
    const int64_t span = d->c / d->groups;
    return d->groups > 1 && d->c == d->k && span <= limit && (span & (span - 1)) == 0;
}

/* ---- y and dx ---- */

oc_status conv_grouped_prepare_gather(struct node *n)
{
    const int lanes = lanes_of(n, tuned(n, "VECTOR"));
    return conv_pack_together(n, conv_is_transposed(n), lanes, lanes / span_of(n));
}

/* Local memory for the source pixels that a tile of results looks at along a line. */
static int64_t edge_bytes(const struct node *n, int tile, int vector)
{
    const struct window *w = &((const struct conv *)n->desc)->window;
    const int scale = conv_is_transposed(n) ? 1 : w->stride[2];
    const int64_t pixels = (int64_t)(tile - 1) * scale + (int64_t)(w->extent[2] - 1) * w->dilation[2] + 1;
    return (int64_t)sizeof(float) * pixels * lanes_of(n, vector);
}

oc_status conv_grouped_gather(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const bool transposed = conv_is_transposed(n);
    const int vector = tuned(n, "VECTOR");
    const bool slides = d->window.stride[2] == 1 && d->window.dilation[2] == 1;
    struct gather g =
        transposed ? conv_gather_transposed(d, n->in[0], n->out[0]) : conv_gather(d, n->in[0], n->out[0]);
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DSPAN=%d -DSLIDE=%d", span_of(n), slides ? d->window.extent[2] : 0);
    const oc_tensor *b = conv_bias(n, &defines);
    const struct epilogue_arguments tail = epilogue_any(n, &defines);
    for (int phase = 0; phase < (transposed ? conv_phase_count(&d->window) : 1); phase++)
        if (!transposed || conv_gather_phase(&g, &d->window, phase))
            TRY(emit(
                e, n,
                &(struct launch_spec){
                    .file = "conv_grouped.cl",
                    .kernel = "conv_grouped_gather",
                    .defines = defines.data,
                    .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(b), TENSOR(n->out[0]), STRUCT(g),
                              EPILOGUE(tail), LOCAL(edge_bytes(n, tuned(n, "TILE"), vector)) },
                    .items = { block_count(n, vector), (int64_t)g.n * g.a[0].count * g.a[1].count },
                }));
    return OC_OK;
}

enum { VECTOR, TILE };

const struct tunable conv_grouped_tunables[] = {
    [VECTOR] = { "VECTOR", { 16, 8, 4 } }, [TILE] = { "TILE", { 14, 8, 7, 4 } }, { 0 }
};

bool conv_grouped_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return edge_bytes(n, values[TILE], values[VECTOR]) <= device->local_memory;
}

/* Results along a line. */
static int line_length(const struct node *n)
{
    const struct window *w = &((const struct conv *)n->desc)->window;
    return conv_is_transposed(n) ? (int)divide_up(w->in[2], w->stride[2]) : w->out[2];
}

/* The tile that leaves least of a line over, of those that fit into the vector registers (32 of 16 floats, 16 of 8). */
void conv_grouped_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const int registers = device->vector_width >= 16 ? 28 : 12, length = line_length(n);
    values[VECTOR] = device->vector_width >= 16 ? 16 : 8;
    const int *tiles = conv_grouped_tunables[TILE].values,
              columns = lanes_of(n, values[VECTOR]) / values[VECTOR];
    values[TILE] = 4;
    for (int i = 0; tiles[i] != 0; i++)
        if (tiles[i] * columns <= registers &&
            divide_up(length, tiles[i]) * tiles[i] < divide_up(length, values[TILE]) * values[TILE])
            values[TILE] = tiles[i];
}

/* About how often a work-item's loops run: over its line. */
static int64_t line_iterations(const struct node *n)
{
    const struct conv *d = n->desc;
    return (int64_t)(line_length(n) + 16) * (conv_positions(d) + 2) * (span_of(n) + 4);
}

bool conv_grouped_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    if (device->type != OC_DEVICE_CPU || !fits(n, MAX_SPAN))
        return false;
    conv_grouped_heuristic(n, device, values);
    return conv_grouped_allows(n, device, values) &&
           (device->loop_limit == 0 || line_iterations(n) <= device->loop_limit);
}

/* ---- dw ---- */

static int64_t line_count(const struct node *n)
{
    const struct conv *d = n->desc;
    return n->in[1]->shape.dim[0] * d->window.out[0] * d->window.out[1];
}

/* The most chunks that the lines are divided into; a smaller batch never has more. A chunk's partial filter should be small
 * beside what it is made of. */
static int64_t chunk_limit(const struct node *n, int vector)
{
    return least(divide_up(line_count(n), LINES), divide_up(MIN_ITEMS, block_count(n, vector)));
}

oc_status conv_grouped_filter_prepare_gradient(struct node *n)
{
    const struct conv *d = n->desc;
    const int vector = tuned(n, "VECTOR");
    const int64_t values = chunk_limit(n, vector) * block_count(n, vector) * conv_positions(d) * span_of(n) *
                           lanes_of(n, vector);
    return node_output(n, 1, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { values } });
}

static struct grouped_share make_share(const struct node *n, int vector)
{
    const int64_t lines = line_count(n);
    return (struct grouped_share){ .lines = lines,
                                   .lines_per_chunk = divide_up(lines, chunk_limit(n, vector)) };
}

/* Window positions along a line whose sums fit into the vector registers together. */
static int positions_across(const struct node *n, int vector)
{
    const int registers = vector == 16 ? 24 : 12, width = ((const struct conv *)n->desc)->window.extent[2];
    return (int)least(width, registers > span_of(n) ? registers / span_of(n) : 1);
}

oc_status conv_grouped_filter_gradient(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const struct gather g = conv_gather(d, n->in[0], n->in[1]);
    const int vector = tuned(n, "VECTOR");
    const struct grouped_share f = make_share(n, vector);
    const int64_t chunks = divide_up(f.lines, f.lines_per_chunk);
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DSPAN=%d -DACROSS=%d", span_of(n), positions_across(n, vector));
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "conv_grouped.cl",
                 .kernel = "conv_grouped_backward_filter",
                 .defines = defines.data,
                 .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(n->out[1]), STRUCT(g), STRUCT(f) },
                 .items = { block_count(n, vector), chunks },
             }));
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_grouped.cl",
                    .kernel = "conv_grouped_sum_filter",
                    .defines = defines.data,
                    .args = { TENSOR(n->out[1]), TENSOR(n->out[0]), STRUCT(g), INT(chunks) },
                    .items = { d->k },
                    .group = { emitter_group_of(e, 16) },
                });
}

const struct tunable conv_grouped_filter_tunables[] = { [VECTOR] = { "VECTOR", { 16, 8, 4 } }, { 0 } };

/* A work-item has one vector of filters. */
bool conv_grouped_filter_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    (void)device;
    return span_of(n) <= values[VECTOR];
}

void conv_grouped_filter_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    (void)n;
    values[VECTOR] = device->vector_width >= 16 ? 16 : 8;
}

bool conv_grouped_filter_supports(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    int values[MAX_TUNABLES];
    conv_grouped_filter_heuristic(n, device, values);
    if (device->type != OC_DEVICE_CPU || !fits(n, values[VECTOR]))
        return false;
    const struct grouped_share f = make_share(n, values[VECTOR]);
    return device->loop_limit == 0 ||
           f.lines_per_chunk * conv_positions(d) * (d->window.out[2] + 8) * (span_of(n) + 4) <=
               device->loop_limit;
}
