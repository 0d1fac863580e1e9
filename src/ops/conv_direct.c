/* conv_direct.c - convolution and its input gradient for CPUs, as one gathering matrix product.
 * Kernels: cl/conv_direct.cl.
 *
 * Gradient of the input: a pixel i of dx hears from window position r of output (i + begin - r*dilation)/stride, where
 * that is whole. The pixels of one residue class of i + begin modulo stride (a phase) hear from the same positions, so
 * each phase is a convolution of its own, without holes, and is one launch; its weights are packed together. */
#include "ops/conv_direct.h"
#include "ops/elementwise.h"
#include "ops/ops.h"

/* Twin of `pack` in cl/conv_direct.cl. */
struct pack {
    int32_t first[3], period[3], count[3], extent[3];
    int32_t groups, channels, filters;
    int32_t first_position, all_positions;
    int32_t transposed;
};

/* The packed weights depend on more than the convolution. */
struct pack_desc {
    struct conv conv;
    bool transposed;
    int block, vector;
};

enum { DEPTH = 256, MIN_ITEMS = 16 };

/* Window positions along one axis that a phase of the input hears from: first + q*period. */
struct positions {
    int first, period, count;
};

static int greatest_divisor(int a, int b)
{
    while (b != 0) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static struct positions phase_positions(const struct window *w, int d, int phase)
{
    const int stride = w->stride[d], period = stride / greatest_divisor(stride, w->dilation[d]);
    for (int r = 0; r < w->extent[d] && r < period; r++)
        if ((int64_t)r * w->dilation[d] % stride == phase)
            return (struct positions){ r, period, (w->extent[d] - r + period - 1) / period };
    return (struct positions){ 0, 1, 0 };
}

static int phase_count(const struct window *w)
{
    return w->stride[0] * w->stride[1] * w->stride[2];
}

/* The phase's residue along each axis. */
static void phase_residues(const struct window *w, int phase, int residue[3])
{
    for (int d = 2; d >= 0; d--) {
        residue[d] = phase % w->stride[d];
        phase /= w->stride[d];
    }
}

static struct axis forward_axis(const struct window *w, int d)
{
    return (struct axis){ .count = w->out[d],
                          .step = 1,
                          .size = w->out[d],
                          .scale = w->stride[d],
                          .offset = -w->begin[d],
                          .reach = w->dilation[d],
                          .source_size = w->in[d],
                          .positions = w->extent[d] };
}

static struct axis backward_axis(const struct window *w, int d, int residue, const struct positions *p)
{
    const int stride = w->stride[d], first = ((residue - w->begin[d]) % stride + stride) % stride;
    return (struct axis){ .count = first < w->in[d] ? (w->in[d] - first + stride - 1) / stride : 0,
                          .first = first,
                          .step = stride,
                          .size = w->in[d],
                          .scale = 1,
                          .offset =
                              p->count > 0 ? (first + w->begin[d] - p->first * w->dilation[d]) / stride : 0,
                          .reach = -p->period * w->dilation[d] / stride,
                          .source_size = w->out[d],
                          .positions = p->count };
}

/* ---- packing ---- */

static oc_status pack_infer(struct node *n)
{
    const struct pack_desc *d = n->desc;
    const int64_t groups = d->conv.groups, kg = d->conv.k / groups, cg = d->conv.c / groups;
    const int64_t filters = d->transposed ? cg : kg, channels = d->transposed ? kg : cg;
    const int64_t padded = (filters + d->block - 1) / d->block * d->block;
    return node_output(
        n, 0, ELEMENT_F32,
        &(struct shape){ .rank = 1, .dim = { groups * padded * channels * conv_positions(&d->conv) } });
}

static oc_status emit_pack(struct emitter *e, const struct node *n)
{
    const struct pack_desc *d = n->desc;
    const struct window *w = &d->conv.window;
    const int32_t groups = d->conv.groups, kg = (int32_t)d->conv.k / groups, cg = (int32_t)d->conv.c / groups;
    struct pack p = { .groups = groups,
                      .channels = d->transposed ? kg : cg,
                      .filters = d->transposed ? cg : kg,
                      .all_positions = (int32_t)conv_positions(&d->conv),
                      .transposed = d->transposed };
    char buffer[64];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DVECTOR=%d -DCOLUMNS=%d", d->vector, d->block / d->vector);
    for (int phase = 0; phase < (d->transposed ? phase_count(w) : 1); phase++) {
        int residue[3];
        phase_residues(w, phase, residue);
        for (int i = 0; i < 3; i++) {
            const struct positions positions =
                d->transposed ? phase_positions(w, i, residue[i]) : (struct positions){ 0, 1, w->extent[i] };
            p.first[i] = positions.first;
            p.period[i] = positions.period;
            p.count[i] = positions.count;
            p.extent[i] = w->extent[i];
        }
        if (p.count[0] * p.count[1] * p.count[2] == 0)
            continue;
        TRY(emit(e, n,
                 &(struct launch_spec){
                     .file = "conv_direct.cl",
                     .kernel = "pack_filter_direct",
                     .defines = defines.data,
                     .args = { TENSOR(n->in[0]), TENSOR(n->out[0]), STRUCT(p) },
                     .items = { p.channels, (int64_t)groups * ((p.filters + d->block - 1) / d->block) },
                     .group = { p.channels < 16 ? 1 : emitter_group_of(e, 16) },
                 }));
        p.first_position += p.count[0] * p.count[1] * p.count[2];
    }
    return OC_OK;
}

static const struct impl pack_impls[] = { { .name = "reference", .emit = emit_pack }, { 0 } };

/* w -> w packed for conv_direct_gather */
const struct op op_pack_filter = {
    .name = "pack_filter",
    .desc_size = sizeof(struct pack_desc),
    .infer = pack_infer,
    .impls = pack_impls,
};

static oc_status prepare(struct node *n, bool transposed)
{
    const struct pack_desc desc = { .conv = *(const struct conv *)n->desc,
                                    .transposed = transposed,
                                    .block = tuned(n, "VECTOR") * tuned(n, "COLUMNS"),
                                    .vector = tuned(n, "VECTOR") };
    return derive(n, &op_pack_filter, &desc, 1);
}

/* ---- the product ---- */

/* Local memory of a work-item. */
static size_t panel_bytes(int tile, int panels, int vector)
{
    return sizeof(float) * (size_t)(panels * tile * (DEPTH + vector));
}

/* One launch: results into y, from x and the packed weights, input 1. */
static oc_status emit_gather(struct emitter *e, const struct node *n, struct gather *g)
{
    const oc_tensor *x = n->in[0], *y = n->out[0];
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DDEPTH=%d", DEPTH);
    const oc_tensor *b = conv_bias(n, &defines);
    const struct epilogue_arguments tail = epilogue_of(n, &defines);
    const int tile = tuned(n, "TILE"), panels = tuned(n, "PANELS"),
              block = tuned(n, "VECTOR") * tuned(n, "COLUMNS");
    const int64_t pixels = (int64_t)g->n * g->a[0].count * g->a[1].count * g->a[2].count;
    const int64_t pieces = (pixels + tile * panels - 1) / (tile * panels) * g->groups;
    const int blocks = (g->filters + block - 1) / block;
    /* Few pixels: divide the channels too, so that every core has work. Depends on the shape only. */
    int64_t shares = pieces < MIN_ITEMS ? MIN_ITEMS / pieces : 1;
    g->blocks = (int32_t)((blocks + shares - 1) / shares);
    shares = (blocks + g->blocks - 1) / g->blocks;
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_direct.cl",
                    .kernel = "conv_direct_gather",
                    .defines = defines.data,
                    .args = { TENSOR(x), TENSOR(n->in[1]), TENSOR(b), TENSOR(y), STRUCT(*g), EPILOGUE(tail),
                              LOCAL(panel_bytes(tile, panels, tuned(n, "VECTOR"))) },
                    .items = { pieces / g->groups, g->groups, shares },
                });
}

struct gather conv_gather(const struct conv *d, const oc_tensor *x, const oc_tensor *y)
{
    struct gather g = { .n = (int32_t)x->shape.dim[0],
                        .groups = d->groups,
                        .channels = (int32_t)(d->c / d->groups),
                        .filters = (int32_t)(d->k / d->groups),
                        .x_pitch = (int32_t)tensor_pitch(x),
                        .y_pitch = (int32_t)tensor_pitch(y),
                        .all_positions = (int32_t)conv_positions(d) };
    for (int i = 0; i < 3; i++)
        g.a[i] = forward_axis(&d->window, i);
    g.joined = g.x_pitch == g.channels && g.a[2].reach == 1;
    return g;
}

static oc_status emit_forward(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    struct gather g = conv_gather(d, n->in[0], n->out[0]);
    return emit_gather(e, n, &g);
}

static oc_status emit_backward_data(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    struct gather g = conv_gather(d, n->in[0], n->out[0]);
    g.channels = (int32_t)(d->k / d->groups); /* from dy to dx */
    g.filters = (int32_t)(d->c / d->groups);
    g.joined = false;
    for (int phase = 0; phase < phase_count(&d->window); phase++) {
        int residue[3];
        phase_residues(&d->window, phase, residue);
        for (int i = 0; i < 3; i++) {
            const struct positions p = phase_positions(&d->window, i, residue[i]);
            g.a[i] = backward_axis(&d->window, i, residue[i], &p);
        }
        if (g.a[0].count > 0 && g.a[1].count > 0 && g.a[2].count > 0)
            TRY(emit_gather(e, n, &g));
        g.first_position += g.a[0].positions * g.a[1].positions * g.a[2].positions;
    }
    return OC_OK;
}

static oc_status prepare_forward(struct node *n)
{
    return prepare(n, false);
}

static oc_status prepare_backward_data(struct node *n)
{
    return prepare(n, true);
}

static bool allows(const struct node *n, const oc_device_info *device, const int *values)
{
    (void)n;
    return panel_bytes(values[1], values[3], values[0]) <= (size_t)device->local_memory;
}

/* Register tile by vector width (32 vector registers of 16 floats, 16 of 8), panels by local memory. */
static void heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const struct conv *d = n->desc;
    const bool wide = device->vector_width >= 16;
    const int64_t filters = (conv_is_transposed(n) ? d->c : d->k) / d->groups;
    values[0] = wide ? 16 : 8;
    values[1] = wide ? 12 : 6;
    values[2] = filters <= values[0] ? 1 : 2;
    values[3] = 8;
    while (values[3] > 1 && panel_bytes(values[1], values[3], values[0]) > (size_t)device->local_memory)
        values[3] /= 2;
}

/* About how often a work-item's loops run: packing and multiplying, and what goes with them. */
static int64_t iterations(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    const bool transposed = conv_is_transposed(n);
    const int64_t cg = d->c / d->groups, kg = d->k / d->groups, filters = transposed ? cg : kg;
    int values[MAX_TUNABLES] = { 0 };
    heuristic(n, device, values);
    const int64_t block = (int64_t)values[0] * values[2], blocks = (filters + block - 1) / block;
    return 4 * (values[1] + blocks) * values[3] * conv_positions(d) * (transposed ? kg : cg);
}

static bool supports(const struct node *n, const oc_device_info *device)
{
    return device->type == OC_DEVICE_CPU && panel_bytes(12, 1, 16) <= (size_t)device->local_memory &&
           (device->loop_limit == 0 || iterations(n, device) <= device->loop_limit);
}

static const struct tunable tunables[] = { { "VECTOR", { 16, 8, 4 } },
                                           { "TILE", { 12, 6, 4 } },
                                           { "COLUMNS", { 2, 1 } },
                                           { "PANELS", { 8, 4, 2, 1 } },
                                           { 0 } };

#define DIRECT(prepare_, emit_)                                                                              \
    {                                                                                                        \
        .name = "direct", .supports = supports, .prepare = prepare_, .emit = emit_, .tunables = tunables,    \
        .heuristic = heuristic, .allows = allows                                                             \
    }

#define WINOGRAD                                                                                             \
    {                                                                                                        \
        .name = "winograd", .supports = conv_winograd_supports, .prepare = conv_winograd_prepare,            \
        .emit = conv_winograd_emit, .tunables = conv_winograd_tunables,                                      \
        .heuristic = conv_winograd_heuristic, .allows = conv_winograd_allows                                 \
    }

const struct impl conv_impls[] = { WINOGRAD,
                                   DIRECT(prepare_forward, emit_forward),
                                   { .name = "reference", .emit = conv_reference_forward },
                                   { 0 } };

const struct impl conv_backward_data_impls[] = { WINOGRAD,
                                                 DIRECT(prepare_backward_data, emit_backward_data),
                                                 { .name = "reference",
                                                   .emit = conv_reference_backward_data },
                                                 { 0 } };
