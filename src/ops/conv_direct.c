/* conv_direct.c - convolution and its input gradient for CPUs, as one gathering matrix product.
 * Kernels: cl/conv_direct.cl. */
#include "ops/conv_forms.h"
#include "ops/conv_gather.h"

enum {
    DEPTH = 256,
    MIN_ITEMS = 32,
    FEW_PIXELS = 24,     /* one number for all small images, since each makes a program of its own */
    NEAR_BYTES = 1 << 20 /* weights up to here are cheap to read once more */
};

/* Local memory of a work-item. */
static size_t panel_bytes(int tile, int panels)
{
    return sizeof(float) * (size_t)(panels * tile * (DEPTH + 16)); /* ROW of cl/conv_direct.cl */
}

/* Whether results go past the caches: those of first layers, which have so few products for each that storing takes as long as
 * multiplying, if no cache holds them until the next operation. 1x1 gains nothing by it. */
static bool is_streamed(const struct gather *g, int64_t pixels, int64_t cache)
{
    const int64_t rows = (int64_t)g->a[0].positions * g->a[1].positions * g->a[2].positions * g->channels;
    return g->joined && g->a[2].positions > 1 && rows <= DEPTH && cache > 0 &&
           pixels * g->y_pitch * (int64_t)sizeof(float) > 2 * cache;
}

/* One launch: results into y, from x and the packed weights, input 1. */
static oc_status emit_gather(struct emitter *e, const struct node *n, struct gather *g)
{
    const oc_tensor *x = n->in[0], *y = n->out[0];
    char buffer[128];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DONLY=GATHER -DDEPTH=%d", DEPTH);
    const oc_tensor *b = conv_bias(n);
    conv_prologue(n, &defines);
    const struct epilogue_arguments tail = conv_epilogue_any(n, &defines);
    const int tile = tuned(n, "TILE"), panels = tuned(n, "PANELS"),
              block = tuned(n, "VECTOR") * tuned(n, "COLUMNS");
    const int64_t pixels = (int64_t)g->n * g->a[0].count * g->a[1].count * g->a[2].count;
    const int64_t pieces = divide_up(pixels, tile * panels) * g->groups;
    const int64_t blocks = divide_up(g->filters, block);
    /* Few pixels: divide the channels too, so that every core has work. Depends on the shape only. */
    int64_t shares = divide_up(MIN_ITEMS, pieces);
    g->blocks = (int32_t)divide_up(blocks, shares);
    shares = divide_up(blocks, g->blocks);
    g->streamed = is_streamed(g, pixels, emitter_device(e)->global_cache);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_direct.cl",
                    .kernel = "conv_direct_gather",
                    .defines = defines.data,
                    .args = { TENSOR(x), TENSOR(n->in[1]), TENSOR(b), PROLOGUE(n), TENSOR(y), STRUCT(*g),
                              EPILOGUE(tail), LOCAL(panel_bytes(tile, panels)) },
                    .items = { pieces / g->groups, g->groups, shares },
                });
}

oc_status conv_direct_forward(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    struct gather g = conv_gather(d, n->in[0], n->out[0]);
    return emit_gather(e, n, &g);
}

/* Where nothing is beside the image, since zeros there would have to remain zeros. */
bool conv_direct_has_prologue(const struct node *n)
{
    const struct conv *d = n->desc;
    bool pointwise = true;
    for (int i = 0; i < 3; i++)
        pointwise = pointwise && d->window.extent[i] == 1 && d->window.begin[i] == 0 &&
                    (d->window.out[i] - 1) * d->window.stride[i] < d->window.in[i];
    return pointwise;
}

oc_status conv_direct_backward_data(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    struct gather g = conv_gather_transposed(d, n->in[0], n->out[0]);
    for (int phase = 0; phase < conv_phase_count(&d->window); phase++)
        if (conv_gather_phase(&g, &d->window, phase))
            TRY(emit_gather(e, n, &g));
    return OC_OK;
}

oc_status conv_direct_prepare_forward(struct node *n)
{
    return conv_pack(n, false, tuned(n, "VECTOR") * tuned(n, "COLUMNS"));
}

oc_status conv_direct_prepare_backward_data(struct node *n)
{
    return conv_pack(n, true, tuned(n, "VECTOR") * tuned(n, "COLUMNS"));
}

enum { VECTOR, TILE, COLUMNS, PANELS };

const struct tunable conv_direct_tunables[] = { [VECTOR] = { "VECTOR", { 16, 8, 4 } },
                                                [TILE] = { "TILE", { 12, 6, 4 } },
                                                [COLUMNS] = { "COLUMNS", { 2, 1 } },
                                                [PANELS] = { "PANELS", { 16, 8, 4, 2, 1 } },
                                                { 0 } };

/* About how often a work-item's loops run: packing and multiplying, and what goes with them. */
static int64_t iterations(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const bool transposed = conv_is_transposed(n);
    const int64_t cg = d->c / d->groups, kg = d->k / d->groups, filters = transposed ? cg : kg;
    const int64_t positions = conv_positions(d), rows = positions * (transposed ? kg : cg);
    const int vector = values[VECTOR], tile = values[TILE], columns = values[COLUMNS];
    const int64_t blocks = divide_up(filters, vector * columns), depths = rows / DEPTH + 1;
    const int64_t store = (int64_t)tile * columns * (4 + 2 * vector),
                  copy = rows / vector + 4 * positions + 4 * depths;
    return values[PANELS] *
           (blocks * (rows * conv_tile_iterations(tile, columns) + depths * store) + tile * copy);
}

bool conv_direct_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return panel_bytes(values[TILE], values[PANELS]) <= (size_t)device->local_memory &&
           (device->loop_limit == 0 || iterations(n, values) <= device->loop_limit);
}

/* Whether so many pixels per work-item leave too few of them, so that they have to share pixels, and each copies them anew. */
static bool is_shared(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const oc_tensor *y = n->out[0];
    const int64_t pixels =
        shape_pixels(&y->shape) / (conv_is_transposed(n) ? conv_phase_count(&d->window) : 1);
    return divide_up(pixels, values[TILE] * values[PANELS]) * d->groups < MIN_ITEMS;
}

/* Register tile by vector width (32 vector registers of 16 floats, 16 of 8). 96 pixels, or what is allowed: with fewer, weights
 * that no cache holds are read too often. FEW_PIXELS of small images, if their weights are near. */
void conv_direct_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct conv *d = n->desc;
    const bool wide = device->vector_width >= 16;
    const int64_t filters = (conv_is_transposed(n) ? d->c : d->k) / d->groups;
    values[VECTOR] = wide ? 16 : 8;
    values[TILE] = wide ? 12 : 6;
    values[COLUMNS] = filters <= values[VECTOR] ? 1 : 2;
    values[PANELS] = wide ? 8 : 16;
    while (values[PANELS] > 1 && !conv_direct_allows(n, device, values))
        values[PANELS] /= 2;
    if (4 * d->c / d->groups * d->k * conv_positions(d) <= NEAR_BYTES && is_shared(n, values))
        values[PANELS] = (int)least(values[PANELS], FEW_PIXELS / values[TILE]);
}

bool conv_direct_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    conv_direct_heuristic(n, device, values);
    return device->type == OC_DEVICE_CPU && conv_direct_allows(n, device, values);
}
