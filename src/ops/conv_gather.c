/* conv_gather.c - source pixels and packed weights of convolutions in the form of a matrix product.
 * Kernels: cl/conv_gather.cl. */
#include "ops/conv_gather.h"
#include "ops/ops.h"

#include <string.h>

/* Twin of `pack` in cl/conv_gather.cl. */
struct pack {
    int32_t first[3], period[3], count[3], extent[3];
    int32_t groups, channels, filters;
    int32_t first_position, all_positions;
    int32_t transposed, together;
};

/* The packed weights depend on more than the convolution. */
struct pack_desc {
    struct conv conv;
    bool transposed;
    int block, together;
};

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

int conv_phase_count(const struct window *w)
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

static struct gather_axis forward_axis(const struct window *w, int d)
{
    return (struct gather_axis){ .count = w->out[d],
                                 .step = 1,
                                 .size = w->out[d],
                                 .scale = w->stride[d],
                                 .offset = -w->begin[d],
                                 .reach = w->dilation[d],
                                 .source_size = w->in[d],
                                 .positions = w->extent[d] };
}

static struct gather_axis backward_axis(const struct window *w, int d, int residue)
{
    const struct positions p = phase_positions(w, d, residue);
    const int stride = w->stride[d], first = ((residue - w->begin[d]) % stride + stride) % stride;
    return (struct gather_axis){ .count = first < w->in[d] ? (w->in[d] - first + stride - 1) / stride : 0,
                                 .first = first,
                                 .step = stride,
                                 .size = w->in[d],
                                 .scale = 1,
                                 .offset = p.count > 0
                                               ? (first + w->begin[d] - p.first * w->dilation[d]) / stride
                                               : 0,
                                 .reach = -p.period * w->dilation[d] / stride,
                                 .source_size = w->out[d],
                                 .positions = p.count };
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

struct gather conv_gather_transposed(const struct conv *d, const oc_tensor *dy, const oc_tensor *dx)
{
    return (struct gather){ .n = (int32_t)dy->shape.dim[0],
                            .groups = d->groups,
                            .channels = (int32_t)(d->k / d->groups),
                            .filters = (int32_t)(d->c / d->groups),
                            .x_pitch = (int32_t)tensor_pitch(dy),
                            .y_pitch = (int32_t)tensor_pitch(dx),
                            .all_positions = (int32_t)conv_positions(d) };
}

bool conv_gather_phase(struct gather *g, const struct window *w, int phase)
{
    int residue[3];
    g->first_position += g->a[0].positions * g->a[1].positions * g->a[2].positions; /* of the phase before */
    phase_residues(w, phase, residue);
    for (int i = 0; i < 3; i++)
        g->a[i] = backward_axis(w, i, residue[i]);
    return g->a[0].count > 0 && g->a[1].count > 0 && g->a[2].count > 0;
}

/* ---- packed weights ---- */

static int64_t block_count(const struct pack_desc *d)
{
    if (d->together > 1)
        return (d->conv.groups + d->together - 1) / d->together;
    const int64_t filters = (d->transposed ? d->conv.c : d->conv.k) / d->conv.groups;
    return (filters + d->block - 1) / d->block * d->conv.groups;
}

static int64_t channel_count(const struct pack_desc *d)
{
    return (d->transposed ? d->conv.k : d->conv.c) / d->conv.groups;
}

static oc_status pack_infer(struct node *n)
{
    const struct pack_desc *d = n->desc;
    return node_output(
        n, 0, ELEMENT_F32,
        &(struct shape){
            .rank = 1, .dim = { block_count(d) * d->block * channel_count(d) * conv_positions(&d->conv) } });
}

/* A launch of this kernel for every phase. */
static oc_status emit_phases(struct emitter *e, const struct node *n, struct launch_spec *spec)
{
    const struct pack_desc *d = n->desc;
    const struct window *w = &d->conv.window;
    const int32_t groups = d->conv.groups, kg = (int32_t)d->conv.k / groups, cg = (int32_t)d->conv.c / groups;
    struct pack p = { .groups = groups,
                      .channels = d->transposed ? kg : cg,
                      .filters = d->transposed ? cg : kg,
                      .all_positions = (int32_t)conv_positions(&d->conv),
                      .transposed = d->transposed,
                      .together = d->together };
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DBLOCK=%d", d->block);
    spec->file = "conv_gather.cl";
    spec->defines = defines.data;
    for (int phase = 0; phase < (d->transposed ? conv_phase_count(w) : 1); phase++) {
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
        const struct arg args[] = { TENSOR(n->in[0]), TENSOR(n->out[0]), STRUCT(p), spec->args[3] };
        memcpy(spec->args, args, sizeof args);
        TRY(emit(e, n, spec));
        p.first_position += p.count[0] * p.count[1] * p.count[2];
    }
    return OC_OK;
}

static oc_status emit_blocks(struct emitter *e, const struct node *n)
{
    enum { CHANNELS = 256 }; /* of cl/conv_gather.cl */
    return emit_phases(e, n,
                       &(struct launch_spec){
                           .kernel = "pack_filter_blocks",
                           .items = { divide_up(channel_count(n->desc), CHANNELS), block_count(n->desc) },
                           .group = { 1 },
                       });
}

/* Sixteen by sixteen, so that one work-group uses up the cache lines that it touches on either side. */
static oc_status emit_values(struct emitter *e, const struct node *n)
{
    const struct pack_desc *d = n->desc;
    const bool square = emitter_group_of(e, 256) == 256;
    return emit_phases(e, n,
                       &(struct launch_spec){
                           .kernel = "pack_filter_values",
                           .args[3] = INT(block_count(d)),
                           .items = { block_count(d) * d->block, channel_count(d) },
                           .group = { emitter_group_of(e, 16), square ? 16 : 1 },
                       });
}

static bool supports_blocks(const struct node *n, const oc_device_info *device)
{
    (void)n;
    return device->type == OC_DEVICE_CPU;
}

static const struct impl pack_impls[] = {
    { .name = "blocks", .supports = supports_blocks, .emit = emit_blocks },
    { .name = "reference", .emit = emit_values },
    { 0 }
};

/* w -> packed weights */
const struct op op_pack_filter = {
    .name = "pack_filter",
    .desc_size = sizeof(struct pack_desc),
    .infer = pack_infer,
    .impls = pack_impls,
};

oc_status conv_pack(struct node *n, bool transposed, int block)
{
    return conv_pack_together(n, transposed, block, 1);
}

oc_status conv_pack_together(struct node *n, bool transposed, int block, int groups)
{
    const struct pack_desc desc = { *(const struct conv *)n->desc, transposed, block, groups };
    return derive(n, &op_pack_filter, &desc, 1);
}

/* ---- gradients of filters that are made in chunks ---- */

int64_t conv_even_chunks(int64_t chunks, int64_t most, int64_t others)
{
    chunks = least(chunks, most);
    if (chunks <= 1 || chunks * others % 2 == 0)
        return greatest(chunks, 1);
    return chunks < most ? chunks + 1 : chunks - 1;
}

int32_t conv_part_size(int64_t total, int64_t parts, int64_t unit)
{
    return (int32_t)(divide_up(divide_up(total, parts), unit) * unit);
}

oc_status conv_sum_filter(struct emitter *e, const struct node *n, const struct gather *g, int64_t pitch,
                          int64_t chunks)
{
    const int vector = tuned(n, "VECTOR");
    const int64_t blocks = divide_up(g->channels, vector), width = emitter_group_width(e, blocks);
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DVECTOR=%d", vector);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_gather.cl",
                    .kernel = "sum_filter_vectors",
                    .defines = defines.data,
                    .untuned = true,
                    .args = { TENSOR(n->out[1]), TENSOR(n->out[0]), STRUCT(*g), INT(pitch), INT(chunks) },
                    .items = { blocks, (int64_t)g->groups * g->filters },
                    .group = { width, emitter_group(e) / width },
                });
}
