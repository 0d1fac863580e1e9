/* conv_winograd.c - 3x3 convolution with stride 1 and its input gradient for CPUs, by Winograd's minimal filtering.
 * Kernels: cl/conv_winograd.cl.
 *
 * The input gradient is the convolution of dy with the windows turned around and channels and filters exchanged. Small
 * transformed tiles stay in local memory with the products (fused); large ones go through a workspace, and blocks of
 * filters are then shared out too. Errors are bounded norm-wise only: docs/ops/conv.md. */
#include "ops/conv_forms.h"
#include "ops/conv_winograd.h"
#include "ops/ops.h"

/* Twin of the struct in cl/conv_winograd.cl. */
struct winograd_filter {
    int32_t channels, filters;
    int32_t transposed, padding;
};

/* The transformed weights depend on more than the convolution. */
struct pack_desc {
    int64_t channels, filters; /* of this pass */
    bool transposed;
    int output, vector, columns;
};

enum {
    MIN_CHANNELS = 16,
    MIN_SAVING = 2,
    MIN_ITEMS = 16,
    PACK_CHANNELS = 16 /* as in the kernel */,
    FILTER_BYTES = 3 << 20,
    MIN_PIXELS = 128,
    FAR_BYTES = 16 << 20
};

/* ---- what suits ---- */

struct winograd make_winograd(const struct node *n, const oc_tensor *x, const oc_tensor *y, int output)
{
    const struct conv *d = n->desc;
    const struct window *w = &d->window;
    const bool transposed = conv_is_transposed(n);
    const int *in = transposed ? w->out : w->in, *out = transposed ? w->in : w->out;
    return (struct winograd){ .n = (int32_t)x->shape.dim[0] * in[0],
                              .h = in[1],
                              .w = in[2],
                              .out_h = out[1],
                              .out_w = out[2],
                              .begin_h = transposed ? 2 - w->begin[1] : w->begin[1],
                              .begin_w = transposed ? 2 - w->begin[2] : w->begin[2],
                              .tiles_h = (int32_t)divide_up(out[1], output),
                              .tiles_w = (int32_t)divide_up(out[2], output),
                              .channels = (int32_t)(transposed ? d->k : d->c),
                              .filters = (int32_t)(transposed ? d->c : d->k),
                              .x_pitch = (int32_t)tensor_pitch(x),
                              .y_pitch = (int32_t)tensor_pitch(y) };
}

static struct winograd gather_winograd(const struct node *n)
{
    return make_winograd(n, n->in[0], n->out[0], tuned(n, "OUTPUT"));
}

static bool is_3x3(const struct window *w)
{
    for (int i = 0; i < 3; i++)
        if (w->stride[i] != 1 || w->extent[i] != (i == 0 ? 1 : 3) || w->dilation[i] != 1)
            return false;
    return w->begin[0] == 0 && w->in[0] == w->out[0];
}

/* How many times fewer products than directly, with what is computed beyond the edges. */
static double saving(const struct node *n, int output)
{
    const struct window *w = &((const struct conv *)n->desc)->window;
    const int *out = conv_is_transposed(n) ? w->in : w->out;
    const int64_t tiles = divide_up(out[1], output) * divide_up(out[2], output);
    return 9.0 * out[1] * out[2] / (double)(tiles * winograd_points(output));
}

int winograd_output(const struct node *n)
{
    return saving(n, 2) > saving(n, 4) ? 2 : 4;
}

bool winograd_suits(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    return device->type == OC_DEVICE_CPU && d->groups == 1 && d->c >= MIN_CHANNELS && d->k >= MIN_CHANNELS &&
           is_3x3(&d->window) && saving(n, winograd_output(n)) >= MIN_SAVING;
}

/* Not with few pixels for filters that no cache holds: transformed they are four times as large, and reading takes longest. */
bool conv_winograd_prefers(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    const int *out = d->window.out;
    (void)device;
    return n->in[0]->shape.dim[0] * out[0] * out[1] * out[2] >= MIN_PIXELS ||
           4 * d->c * d->k * winograd_points(winograd_output(n)) <= FAR_BYTES;
}

/* ---- packing ---- */

static oc_status pack_infer(struct node *n)
{
    const struct pack_desc *d = n->desc;
    const int64_t block = d->vector * d->columns;
    return node_output(n, 0, ELEMENT_F32,
                       &(struct shape){ .rank = 1,
                                        .dim = { divide_up(d->filters, block) * block * d->channels *
                                                 winograd_points(d->output) } });
}

static oc_status emit_pack(struct emitter *e, const struct node *n)
{
    const struct pack_desc *d = n->desc;
    const struct winograd_filter f = { .channels = (int32_t)d->channels,
                                       .filters = (int32_t)d->filters,
                                       .transposed = d->transposed };
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DONLY=PACK -DOUTPUT=%d -DVECTOR=%d -DCOLUMNS=%d", d->output, d->vector,
               d->columns);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_winograd.cl",
                    .kernel = "pack_filter_winograd",
                    .defines = defines.data,
                    .args = { TENSOR(n->in[0]), TENSOR(n->out[0]), STRUCT(f) },
                    .items = { divide_up(f.channels, PACK_CHANNELS),
                               divide_up(f.filters, d->vector * d->columns) * d->columns },
                });
}

static const struct impl pack_impls[] = { { .name = "reference", .emit = emit_pack }, { 0 } };

/* w -> w transformed for conv_winograd */
const struct op op_pack_filter_winograd = {
    .name = "pack_filter_winograd",
    .desc_size = sizeof(struct pack_desc),
    .infer = pack_infer,
    .impls = pack_impls,
};

/* ---- the convolution ---- */

/* Values of the transformed tiles of one panel. */
static int64_t panel_values(const struct node *n, const struct winograd *g)
{
    const int vector = tuned(n, "VECTOR");
    return (int64_t)winograd_points(tuned(n, "OUTPUT")) * divide_up(g->channels, vector) * vector *
           tuned(n, "TILE");
}

static int64_t group_count(const struct node *n, const struct winograd *g)
{
    return divide_up((int64_t)g->n * g->tiles_h * g->tiles_w, tuned(n, "TILE") * tuned(n, "PANELS"));
}

oc_status conv_winograd_prepare_gather(struct node *n)
{
    const struct winograd g = gather_winograd(n);
    const struct pack_desc desc = { .channels = g.channels,
                                    .filters = g.filters,
                                    .transposed = conv_is_transposed(n),
                                    .output = tuned(n, "OUTPUT"),
                                    .vector = tuned(n, "VECTOR"),
                                    .columns = tuned(n, "COLUMNS") };
    if (tuned(n, "STAGES") > 1)
        TRY(node_output(
            n, 1, ELEMENT_F32,
            &(struct shape){ .rank = 1,
                             .dim = { group_count(n, &g) * tuned(n, "PANELS") * panel_values(n, &g) } }));
    return derive(n, &op_pack_filter_winograd, &desc, 1);
}

static oc_status emit_tiles(struct emitter *e, const struct node *n, const struct winograd *g,
                            const char *defines)
{
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_winograd.cl",
                    .kernel = "winograd_tiles",
                    .defines = defines,
                    .args = { TENSOR(n->in[0]), TENSOR(n->out[1]), STRUCT(*g) },
                    .items = { divide_up(g->channels, tuned(n, "VECTOR")),
                               divide_up((int64_t)g->n * g->tiles_h * g->tiles_w, tuned(n, "TILE")) },
                });
}

oc_status conv_winograd_gather(struct emitter *e, const struct node *n)
{
    struct winograd g = gather_winograd(n);
    const int64_t groups = group_count(n, &g), block = tuned(n, "VECTOR") * tuned(n, "COLUMNS"),
                  blocks = divide_up(g.filters, block), tiles = tuned(n, "TILE") * tuned(n, "PANELS");
    const bool fused = tuned(n, "STAGES") == 1;
    const int64_t shares = fused || groups >= MIN_ITEMS ? 1 : divide_up(MIN_ITEMS, groups);
    const size_t products = sizeof(float) * (size_t)(winograd_points(tuned(n, "OUTPUT")) * tiles * block);
    g.blocks = (int32_t)divide_up(blocks, shares);
    char buffer[128];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DONLY=GATHER -DFUSED=%d", fused);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_any(n, &defines);
    struct launch_spec spec = {
        .file = "conv_winograd.cl",
        .kernel = "conv_winograd",
        .defines = defines.data,
        .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(b), TENSOR(n->out[0]), STRUCT(g), EPILOGUE(tail),
                  TENSOR(n->out[0]), LOCAL(products) },
        .items = { groups, divide_up(blocks, g.blocks) },
    };
    struct arg *v = &spec.args[8]; /* after the epilogue's three */
    if (fused)
        *v = (struct arg)LOCAL(sizeof(float) * (size_t)(panel_values(n, &g) * tuned(n, "PANELS")));
    else
        *v = (struct arg)TENSOR(n->out[1]);
    if (!fused)
        TRY(emit_tiles(e, n, &g, defines.data));
    return emit(e, n, &spec);
}

enum { VECTOR, TILE, COLUMNS, PANELS, OUTPUT, STAGES };

const struct tunable conv_winograd_tunables[] = { { "VECTOR", { 16, 8, 4 } },
                                                  { "TILE", { 12, 6, 4 } },
                                                  { "COLUMNS", { 2, 1 } },
                                                  { "PANELS", { 4, 2, 1 } },
                                                  { "OUTPUT", { 4, 2 } },
                                                  { "STAGES", { 1, 2 } },
                                                  { 0 } };

/* Local memory of a work-item. */
static int64_t local_bytes(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const int64_t channels = divide_up(conv_is_transposed(n) ? d->k : d->c, values[VECTOR]) * values[VECTOR];
    const int64_t products = values[VECTOR] * values[COLUMNS], tiles = values[STAGES] == 1 ? channels : 0;
    return 4 * (int64_t)winograd_points(values[OUTPUT]) * values[PANELS] * values[TILE] * (products + tiles);
}

/* About how often a work-item's loops run. */
static int64_t iterations(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const int64_t channels = conv_is_transposed(n) ? d->k : d->c,
                  filters = conv_is_transposed(n) ? d->c : d->k;
    const int64_t blocks = divide_up(filters, values[VECTOR] * values[COLUMNS]),
                  points = winograd_points(values[OUTPUT]);
    const int64_t step = conv_tile_iterations(values[TILE], values[COLUMNS]);
    const int64_t moved =
        divide_up(channels, values[VECTOR]) + blocks * values[COLUMNS]; /* vectors per tile */
    return values[PANELS] * (blocks * points * (channels + 3) * step + values[TILE] * moved * 6 * points);
}

bool conv_winograd_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return local_bytes(n, values) <= device->local_memory &&
           (device->loop_limit == 0 || iterations(n, values) <= device->loop_limit);
}

static bool has_work(const struct node *n, const int *values)
{
    const struct conv *d = n->desc;
    const int *out = conv_is_transposed(n) ? d->window.in : d->window.out;
    const int64_t tiles = n->in[0]->shape.dim[0] * out[0] * divide_up(out[1], values[OUTPUT]) *
                          divide_up(out[2], values[OUTPUT]);
    return tiles >= (int64_t)MIN_ITEMS * values[TILE] * values[PANELS];
}

/* Register tile as in conv_direct.c. Fused, while everything fits into three quarters of the local memory and the filters
 * into the cache that stands behind it: they are read again for every few tiles. As many panels as fit and leave enough
 * work-items, since each saves reading the filters once more. */
void conv_winograd_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct conv *d = n->desc;
    const bool wide = device->vector_width >= 16;
    values[VECTOR] = wide ? 16 : 8;
    values[TILE] = wide ? 12 : 6;
    values[COLUMNS] = (conv_is_transposed(n) ? d->c : d->k) <= values[VECTOR] ? 1 : 2;
    values[OUTPUT] = winograd_output(n);
    const int64_t filter_bytes = 4 * d->c * d->k * winograd_points(values[OUTPUT]);
    for (values[STAGES] = filter_bytes > FILTER_BYTES ? 2 : 1; values[STAGES] <= 2; values[STAGES]++)
        for (values[PANELS] = 4; values[PANELS] >= 1; values[PANELS] /= 2)
            if (local_bytes(n, values) <= device->local_memory / 4 * 3 &&
                (values[PANELS] == 1 || values[STAGES] == 2 || has_work(n, values)))
                return;
    values[STAGES] = 2;
    values[PANELS] = 1;
}

bool conv_winograd_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    if (!winograd_suits(n, device))
        return false;
    conv_winograd_heuristic(n, device, values);
    return conv_winograd_allows(n, device, values);
}
