/* conv_grouped.c - convolution with few channels per group, as many as filters, for CPUs: forward, gradient of the input,
 * gradient of the filter. Kernels: cl/conv_grouped.cl. */
#include "ops/conv_gather.h"
#include "ops/ops.h"

/* Twin of grouped_share in cl/conv_grouped.cl. */
struct grouped_share {
    int64_t lines, lines_per_chunk;
};

enum { MAX_SPAN = 32, MIN_ITEMS = 32 };

static int span_of(const struct node *n)
{
    const struct conv *d = n->desc;
    return (int)(d->c / d->groups);
}

static int lanes_of(const struct node *n)
{
    const int span = span_of(n), vector = tuned(n, "VECTOR");
    return span > vector ? span : vector;
}

static int64_t block_count(const struct node *n)
{
    const struct conv *d = n->desc;
    return (d->c + lanes_of(n) - 1) / lanes_of(n);
}

static bool fits(const struct node *n, int64_t limit)
{
    const struct conv *d = n->desc;
    const int64_t span = d->c / d->groups;
    return d->groups > 1 && d->c == d->k && span <= limit && (span & (span - 1)) == 0;
}

/* ---- y and dx ---- */

oc_status conv_grouped_prepare(struct node *n)
{
    return conv_pack_together(n, conv_is_transposed(n), lanes_of(n), lanes_of(n) / span_of(n));
}

oc_status conv_grouped_emit(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const bool transposed = conv_is_transposed(n);
    struct gather g =
        transposed ? conv_gather_transposed(d, n->in[0], n->out[0]) : conv_gather(d, n->in[0], n->out[0]);
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DSPAN=%d", span_of(n));
    const oc_tensor *b = conv_bias(n, &defines);
    const struct epilogue_arguments tail = epilogue_of(n, &defines);
    for (int phase = 0; phase < (transposed ? conv_phase_count(&d->window) : 1); phase++)
        if (!transposed || conv_gather_phase(&g, &d->window, phase))
            TRY(emit(e, n,
                     &(struct launch_spec){
                         .file = "conv_grouped.cl",
                         .kernel = "conv_grouped_gather",
                         .defines = defines.data,
                         .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(b), TENSOR(n->out[0]),
                                   STRUCT(g), EPILOGUE(tail) },
                         .items = { (int64_t)g.n * g.a[0].count * g.a[1].count, block_count(n) },
                     }));
    return OC_OK;
}

const struct tunable conv_grouped_tunables[] = { { "VECTOR", { 16, 8, 4 } }, { "TILE", { 8, 4 } }, { 0 } };

void conv_grouped_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    (void)n;
    values[0] = device->vector_width >= 16 ? 16 : 8;
    values[1] = values[0] == 16 ? 8 : 4;
}

/* About how often a work-item's loops run: over its line. */
static int64_t line_iterations(const struct node *n)
{
    const struct conv *d = n->desc;
    const int width = conv_is_transposed(n) ? d->window.in[2] : d->window.out[2];
    return (int64_t)(width + 8) * (conv_positions(d) + 2) * (span_of(n) + 2);
}

bool conv_grouped_supports(const struct node *n, const oc_device_info *device)
{
    return device->type == OC_DEVICE_CPU && fits(n, MAX_SPAN) &&
           (device->loop_limit == 0 || line_iterations(n) <= device->loop_limit);
}

/* ---- dw ---- */

/* The most chunks that the lines are divided into; a smaller batch never has more. */
static int64_t chunk_limit(const struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t items = block_count(n) * conv_positions(d), wanted = (MIN_ITEMS + items - 1) / items;
    const int64_t lines = n->in[1]->shape.dim[0] * d->window.out[0] * d->window.out[1];
    return lines < wanted ? lines : wanted;
}

oc_status conv_grouped_filter_prepare(struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t values = chunk_limit(n) * block_count(n) * conv_positions(d) * span_of(n) * lanes_of(n);
    return node_output(n, 1, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { values } });
}

/* Depends on the shape only, so that the order of summation does too. */
static struct grouped_share make_share(const struct node *n)
{
    const struct conv *d = n->desc;
    const int64_t limit = chunk_limit(n);
    struct grouped_share f = { .lines = n->in[1]->shape.dim[0] * d->window.out[0] * d->window.out[1] };
    f.lines_per_chunk = (f.lines + limit - 1) / limit;
    return f;
}

oc_status conv_grouped_filter_emit(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const struct gather g = conv_gather(d, n->in[0], n->in[1]);
    const struct grouped_share f = make_share(n);
    const int64_t chunks = (f.lines + f.lines_per_chunk - 1) / f.lines_per_chunk;
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DSPAN=%d", span_of(n));
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "conv_grouped.cl",
                 .kernel = "conv_grouped_backward_filter",
                 .defines = defines.data,
                 .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(n->out[1]), STRUCT(g), STRUCT(f) },
                 .items = { chunks, block_count(n), conv_positions(d) },
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

bool conv_grouped_filter_supports(const struct node *n, const oc_device_info *device)
{
    struct node with_values = *n;
    conv_grouped_heuristic(n, device, with_values.tuned);
    with_values.impl = conv_backward_filter_impls; /* the first: this one */
    const struct conv *d = n->desc;
    if (device->type != OC_DEVICE_CPU || !fits(n, with_values.tuned[0]))
        return false;
    const struct grouped_share f = make_share(&with_values);
    return device->loop_limit == 0 ||
           f.lines_per_chunk * (d->window.out[2] + 2) * (span_of(n) + 2) <= device->loop_limit;
}
