/* conv_grouped.c - convolution with few channels per group, as many as filters, for CPUs: forward, gradient of the input,
 * gradient of the filter. Kernels: cl/conv_grouped.cl. */
#include "ops/conv_forms.h"
#include "ops/conv_gather.h"
#include "ops/ops.h"

/* Twin of grouped_share in cl/conv_grouped.cl. */
struct grouped_share {
    int64_t lines, lines_per_chunk;
};

enum {
    MAX_SPAN = 32,
    MIN_ITEMS = 32,
    CHUNK_BYTES = 512 << 10 /* of x and dy: about a second-level cache */
};

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

static bool fits(const struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t span = d->c / d->groups;
    return d->groups > 1 && d->c == d->k && span <= MAX_SPAN && (span & (span - 1)) == 0;
}

/* ---- y and dx ---- */

oc_status conv_grouped_prepare_gather(struct node *n)
{
    const int lanes = lanes_of(n, tuned(n, "VECTOR"));
    return conv_pack_together(n, conv_is_transposed(n), lanes, lanes / span_of(n));
}

/* Lines of results that a work-item makes, of those in an image. The fewer, the more lines of the source are copied twice. */
static int strip_rows(const struct node *n, const struct gather *g, int vector)
{
    const int64_t items = block_count(n, vector) * g->n * g->a[0].count;
    return (int)divide_up(g->a[1].count, least(g->a[1].count, divide_up(MIN_ITEMS, items)));
}

/* Bytes of the lines of x (pixels of `length` values) that a line of `count` results looks at, in local memory. */
static int64_t ring_bytes(const struct conv *d, bool transposed, int64_t count, int64_t length)
{
    const struct window *w = &d->window;
    const int64_t lines = (int64_t)(w->extent[1] - 1) * w->dilation[1] + 1;
    const int64_t pixels =
        (count - 1) * (transposed ? 1 : w->stride[2]) + (int64_t)(w->extent[2] - 1) * w->dilation[2] + 1;
    return (int64_t)sizeof(float) * w->extent[0] * lines * pixels * length;
}

/* Results along a line. */
static int line_length(const struct node *n)
{
    const struct window *w = &((const struct conv *)n->desc)->window;
    return conv_is_transposed(n) ? (int)divide_up(w->in[2], w->stride[2]) : w->out[2];
}

/* Groups that share a vector are spread in local memory. */
static int64_t gather_bytes(const struct node *n, int tile, int vector)
{
    const int span = span_of(n);
    return ring_bytes(n->desc, conv_is_transposed(n), divide_up(line_length(n), tile) * tile,
                      span < vector ? (int64_t)span * vector : span);
}

oc_status conv_grouped_gather(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const bool transposed = conv_is_transposed(n);
    const int vector = tuned(n, "VECTOR");
    struct gather g =
        transposed ? conv_gather_transposed(d, n->in[0], n->out[0]) : conv_gather(d, n->in[0], n->out[0]);
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DSPAN=%d -DSCALE=%d", span_of(n), transposed ? 1 : d->window.stride[2]);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_any(n, &defines);
    for (int phase = 0; phase < (transposed ? conv_phase_count(&d->window) : 1); phase++) {
        if (transposed && !conv_gather_phase(&g, &d->window, phase))
            continue;
        const int rows = strip_rows(n, &g, vector);
        TRY(emit(e, n,
                 &(struct launch_spec){
                     .file = "conv_grouped.cl",
                     .kernel = "conv_grouped_gather",
                     .defines = defines.data,
                     .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(b), TENSOR(n->out[0]), STRUCT(g),
                               INT(rows), EPILOGUE(tail), LOCAL(gather_bytes(n, tuned(n, "TILE"), vector)) },
                     .items = { block_count(n, vector),
                                (int64_t)g.n * g.a[0].count * divide_up(g.a[1].count, rows) },
                 }));
    }
    return OC_OK;
}

enum { VECTOR, TILE };

const struct tunable conv_grouped_tunables[] = {
    [VECTOR] = { "VECTOR", { 16, 8, 4 } }, [TILE] = { "TILE", { 14, 8, 7, 4, 2 } }, { 0 }
};

/* The most iterations of a work-item's loops: copying lines, multiplying, storing. */
static int64_t gather_iterations(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const struct window *w = &d->window;
    const int64_t rows = conv_is_transposed(n) ? divide_up(w->in[1], w->stride[1]) : w->out[1];
    const int64_t tile = values[TILE], columns = lanes_of(n, values[VECTOR]) / values[VECTOR];
    const int64_t copied =
        gather_bytes(n, (int)tile, values[VECTOR]) / (int64_t)sizeof(float) / values[VECTOR];
    const int64_t of_tile =
        conv_positions(d) * (span_of(n) * (tile * columns + columns) + 4) + 4 * tile * columns;
    return rows * (copied * w->stride[1] + divide_up(line_length(n), tile) * of_tile);
}

bool conv_grouped_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return gather_bytes(n, values[TILE], values[VECTOR]) <= device->local_memory &&
           (device->loop_limit == 0 || gather_iterations(n, values) <= device->loop_limit);
}

/* A step of a tile multiplies all its sums, or waits for the sums before if they are fewer than eight, and loads a column of
 * weights. Sums, weights and, if it is loaded into all lanes, a value have to fit into the vector registers, 32 of 16
 * floats or 16 of 8. */
void conv_grouped_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const bool wide = device->vector_width >= 16;
    const int length = line_length(n), registers = wide ? 32 : 16;
    values[VECTOR] = wide && span_of(n) != 8 ? 16 : 8; /* a group that fills a vector is not spread */
    const int columns = lanes_of(n, values[VECTOR]) / values[VECTOR];
    int64_t best = INT64_MAX;
    for (const int *tile = conv_grouped_tunables[TILE].values; *tile != 0; tile++) {
        const int sums = *tile * columns, value = span_of(n) < values[VECTOR] ? 0 : 1;
        const int64_t cost = divide_up(length, *tile) * (greatest(sums, 8) + columns);
        if (sums + columns + value <= registers && cost <= best) {
            best = cost;
            values[TILE] = *tile;
        }
    }
}

bool conv_grouped_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    if (device->type != OC_DEVICE_CPU || !fits(n))
        return false;
    conv_grouped_heuristic(n, device, values);
    return conv_grouped_allows(n, device, values);
}

/* ---- dw ---- */

static int64_t line_count(const struct node *n)
{
    const struct conv *d = n->desc;
    return n->in[1]->shape.dim[0] * d->window.out[0] * d->window.out[1];
}

/* What a line of results and its share of x take. */
static int64_t line_bytes(const struct conv *d)
{
    const struct window *w = &d->window;
    return (int64_t)sizeof(float) * d->c * ((int64_t)w->stride[1] * w->in[2] + w->out[2]);
}

static int64_t sum_count(const struct node *n, int vector)
{
    return block_count(n, vector) * conv_positions(n->desc) * span_of(n) * lanes_of(n, vector);
}

/* The most chunks that the lines are divided into; a smaller batch never has more. Each block reads a part of each pixel, so
 * the lines of a chunk should stay in a cache until all blocks have read theirs, but take more memory than the sums. */
static int64_t chunk_limit(const struct node *n, int vector)
{
    const int64_t lines = line_count(n), sums = (int64_t)sizeof(float) * sum_count(n, vector);
    const int64_t lines_in_cache = divide_up(greatest(CHUNK_BYTES, 4 * sums), line_bytes(n->desc));
    return least(lines,
                 greatest(divide_up(lines, lines_in_cache), divide_up(MIN_ITEMS, block_count(n, vector))));
}

oc_status conv_grouped_filter_prepare_gradient(struct node *n)
{
    const int vector = tuned(n, "VECTOR");
    const int64_t values = chunk_limit(n, vector) * sum_count(n, vector);
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
    return span_of(n) < vector ? (int)least(width, registers / span_of(n)) : 1;
}

/* Local memory for lines of x. The last positions across may lie beyond the window. */
static int64_t source_bytes(const struct node *n, int vector)
{
    const struct conv *d = n->desc;
    const int64_t beyond = (int64_t)(positions_across(n, vector) - 1) * d->window.dilation[2];
    return ring_bytes(d, false, d->window.out[2] + beyond, lanes_of(n, vector));
}

static int64_t line_of_dy_bytes(const struct node *n, int vector)
{
    return (int64_t)sizeof(float) * ((const struct conv *)n->desc)->window.out[2] * lanes_of(n, vector);
}

oc_status conv_grouped_filter_gradient(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const struct gather g = conv_gather(d, n->in[0], n->in[1]);
    const int vector = tuned(n, "VECTOR");
    const struct grouped_share f = make_share(n, vector);
    const int64_t chunks = divide_up(f.lines, f.lines_per_chunk);
    char buffer[48];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DSPAN=%d -DSCALE=%d -DACROSS=%d", span_of(n), d->window.stride[2],
               positions_across(n, vector));
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "conv_grouped.cl",
                 .kernel = "conv_grouped_backward_filter",
                 .defines = defines.data,
                 .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(n->out[1]), STRUCT(g), STRUCT(f),
                           LOCAL(source_bytes(n, vector)), LOCAL(line_of_dy_bytes(n, vector)) },
                 .items = { block_count(n, vector), chunks },
             }));
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_grouped.cl",
                    .kernel = "conv_grouped_sum_filter",
                    .defines = defines.data,
                    .args = { TENSOR(n->out[1]), TENSOR(n->out[0]), STRUCT(g), INT(chunks) },
                    .items = { divide_up(d->c, vector), conv_positions(d) * span_of(n) },
                });
}

const struct tunable conv_grouped_filter_tunables[] = { [VECTOR] = { "VECTOR", { 16, 8, 4 } }, { 0 } };

static int64_t filter_iterations(const struct node *n, int vector)
{
    const struct conv *d = n->desc;
    const int64_t columns = lanes_of(n, vector) / vector, sums = conv_positions(d) * span_of(n) * columns;
    const int64_t copied =
        (source_bytes(n, vector) + line_of_dy_bytes(n, vector)) / (int64_t)sizeof(float) / vector;
    return make_share(n, vector).lines_per_chunk *
           (copied * d->window.stride[1] + sums * (d->window.out[2] + 2) +
            conv_positions(d) * (d->window.out[2] + 8));
}

bool conv_grouped_filter_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    const int vector = values[VECTOR];
    return source_bytes(n, vector) + line_of_dy_bytes(n, vector) <= device->local_memory &&
           (device->loop_limit == 0 || filter_iterations(n, vector) <= device->loop_limit);
}

void conv_grouped_filter_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    (void)n;
    values[VECTOR] = device->vector_width >= 16 ? 16 : 8;
}

bool conv_grouped_filter_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    conv_grouped_filter_heuristic(n, device, values);
    return device->type == OC_DEVICE_CPU && fits(n) && conv_grouped_filter_allows(n, device, values);
}
