/* conv_subgroup.c - convolution and its gradients for GPUs with sub-groups, as matrix products in registers. Kernels:
 * cl/conv_subgroup.cl.
 *
 * Results are summed in the same order with each tile, and the pixels of the filter's gradient are divided as in
 * conv_tiled.c, so its choice is a matter of speed only. Devices without sub-groups of the wanted size run these kernels with
 * local memory in their place: only who asks for them, or measures, does that. */
#include "ops/conv_forms.h"
#include "ops/conv_tiled.h"

#include <string.h>

enum tunable_index { LANES, ITEM_M, ITEM_N };

const struct tunable conv_subgroup_tunables[] = {
    { "LANES", { 16, 8 } }, { "ITEM_M", { 8, 16 } }, { "ITEM_N", { 2, 4 } }, { 0 }
};

enum { MOST_SUMS = 32 }; /* of a lane: with more, and their factors, 128 registers are too few */

/* Of the tensor whose values neighbouring lanes read, per group. */
static int64_t source_channels(const struct node *n)
{
    const struct conv *d = n->desc;
    return (conv_is_transposed(n) ? d->k : d->c) / d->groups;
}

static bool is_filter_gradient(const struct node *n)
{
    return n->op->impls == conv_backward_filter_impls;
}

bool conv_subgroup_allows(const struct node *n, const oc_device_info *device, const int *values)
{
    return source_channels(n) % values[LANES] == 0 && values[LANES] <= device->max_work_group &&
           values[ITEM_M] <= values[LANES] && values[ITEM_M] * values[ITEM_N] <= MOST_SUMS;
}

/* Tiles that ocloc compiles without spills: 8 x 32 results, of a filter's gradient 16 x 32. */
void conv_subgroup_heuristic(const struct node *n, const oc_device_info *device, int *values)
{
    const int sizes = device->sub_group_sizes;
    const bool wide = source_channels(n) % 16 == 0 && (sizes == 0 || sizes & 16);
    const int tile[] = { wide ? 16 : 8, wide && is_filter_gradient(n) ? 16 : 8, wide ? 2 : 4 };
    memcpy(values, tile, sizeof tile);
}

/* About how often a work-item's loops run if nothing is unrolled. */
static int64_t iterations(const struct node *n, const int *values)
{
    return conv_product(n).depth * (values[ITEM_M] + values[ITEM_N] + 1);
}

bool conv_subgroup_supports(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    conv_subgroup_heuristic(n, device, values);
    return conv_pixels_fit(n) && conv_subgroup_allows(n, device, values) &&
           (device->loop_limit == 0 || iterations(n, values) <= device->loop_limit);
}

bool conv_subgroup_prefers(const struct node *n, const oc_device_info *device)
{
    int values[MAX_TUNABLES];
    conv_subgroup_heuristic(n, device, values);
    return device->type == OC_DEVICE_GPU && device->sub_group_sizes & values[LANES];
}

/* ---- launches ---- */

static void print_sub_groups(struct text *defines, const struct emitter *e, const struct node *n)
{
    text_print(defines, " -DSUB_GROUPS=%d", (emitter_device(e)->sub_group_sizes & n->tuned[LANES]) != 0);
}

static oc_status emit_gather(struct emitter *e, const struct node *n, const struct gather *g)
{
    char buffer[192];
    struct text defines = TEXT_IN(buffer);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_of(n, &defines);
    const int64_t pixels = (int64_t)g->n * g->a[0].count * g->a[1].count * g->a[2].count;
    const int lanes = n->tuned[LANES];
    text_print(&defines, " -DPOINT=%d", conv_is_point(g));
    print_sub_groups(&defines, e, n);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_subgroup.cl",
                    .kernel = "conv_subgroup_gather",
                    .defines = defines.data,
                    .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(b), TENSOR(n->out[0]), STRUCT(*g),
                              EPILOGUE(tail) },
                    .items = { divide_up(pixels, n->tuned[ITEM_M]) *
                                   divide_up(g->filters, lanes * n->tuned[ITEM_N]) * lanes,
                               g->groups },
                    .group = { lanes },
                });
}

oc_status conv_subgroup_prepare_forward(struct node *n)
{
    return conv_pack(n, false, n->tuned[LANES] * n->tuned[ITEM_N]);
}

oc_status conv_subgroup_prepare_backward_data(struct node *n)
{
    return conv_pack(n, true, n->tuned[LANES] * n->tuned[ITEM_N]);
}

oc_status conv_subgroup_prepare_backward_filter(struct node *n)
{
    return conv_prepare_chunks(n);
}

oc_status conv_subgroup_forward(struct emitter *e, const struct node *n)
{
    const struct gather g = conv_gather(n->desc, n->in[0], n->out[0]);
    return emit_gather(e, n, &g);
}

oc_status conv_subgroup_backward_data(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    struct gather g = conv_gather_transposed(d, n->in[0], n->out[0]);
    for (int phase = 0; phase < conv_phase_count(&d->window); phase++)
        if (conv_gather_phase(&g, &d->window, phase))
            TRY(emit_gather(e, n, &g));
    return OC_OK;
}

oc_status conv_subgroup_backward_filter(struct emitter *e, const struct node *n)
{
    const struct gather g = conv_gather(n->desc, n->in[0], n->in[1]);
    const struct conv_chunks chunks = conv_chunks_of(n);
    const int lanes = n->tuned[LANES];
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    print_sub_groups(&defines, e, n);
    TRY(emit(
        e, n,
        &(struct launch_spec){
            .file = "conv_subgroup.cl",
            .kernel = "conv_subgroup_backward_filter",
            .defines = defines.data,
            .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), TENSOR(chunks.sum), STRUCT(g), INT(chunks.pixels) },
            .items = { divide_up(g.filters, n->tuned[ITEM_M]) *
                           divide_up((int64_t)g.all_positions * g.channels, lanes * n->tuned[ITEM_N]) * lanes,
                       chunks.count, g.groups },
            .group = { lanes },
        }));
    return conv_sum_chunks(e, n, &g, &chunks);
}
