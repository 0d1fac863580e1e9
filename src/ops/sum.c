/* sum.c - sums of many values: into a scalar for losses, per channel for the gradient of a bias.
 * Kernels: cl/sum.cl. Oracles: those of the losses and of conv.
 *
 * Invariant: how a sum is divided depends on shapes and the implementation only, so that results repeat. A smaller batch
 * never makes more parts than the workspace of the largest one holds. */
#include "base/text.h"
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <math.h>

/* CPUs get a work-group per work-item, since each has much to do. */
static int64_t group(const struct emitter *e)
{
    return emitter_device(e)->type == OC_DEVICE_CPU ? 1 : emitter_group(e);
}

/* ---- into a scalar ---- */

enum { PART_VALUES = 4096, MAX_PARTS = 4096 };

int64_t sum_workspace(int64_t count)
{
    const int64_t parts = divide_up(count, PART_VALUES);
    return parts < MAX_PARTS ? parts : MAX_PARTS;
}

enum { SHARERS = 64 }; /* work-items that share a part, as in cl/sum.cl */

bool sum_group_supports(const struct node *n, const oc_device_info *device)
{
    (void)n;
    return device->max_work_group >= SHARERS;
}

/* One stage: each work-item, or work-group, sums some rows. */
static oc_status emit_stage(struct emitter *e, const struct node *n, const struct summation *s,
                            const oc_tensor *y, const struct rows *r)
{
    char buffer[64];
    struct text defines = TEXT_IN(buffer);
    if (s->operation)
        text_print(&defines, " -DOPERATION=%s", s->operation);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "sum.cl",
                    .kernel = s->grouped ? "sum_group" : "sum",
                    .defines = s->operation ? defines.data : NULL,
                    .args = { TENSOR(s->a), TENSOR(s->b), TENSOR(y), STRUCT(*r) },
                    .items = { rows_items(r) * (s->grouped ? SHARERS : 1) },
                    .group = { s->grouped ? SHARERS : group(e) },
                });
}

oc_status sum_emit(struct emitter *e, const struct node *n, const struct summation *s,
                   const oc_tensor *partial, const oc_tensor *result)
{
    struct rows r = value_rows(s->a, s->b, partial);
    const int64_t rows = divide_up(r.count, r.width);
    int64_t rows_per_item = divide_up(PART_VALUES, r.width);
    if (rows_per_item < divide_up(rows, MAX_PARTS))
        rows_per_item = divide_up(rows, MAX_PARTS);
    r.rows_per_item = (int32_t)rows_per_item;
    r.alpha = 1.f;
    r.beta = s->beta;
    TRY(emit_stage(e, n, s, partial, &r));
    struct rows parts = value_rows(partial, partial, partial);
    parts.count = rows_items(&r);
    parts.rows_per_item = (int32_t)divide_up(MAX_PARTS, parts.width);
    parts.alpha = s->scale;
    const struct summation of_parts = { .a = partial, .b = partial, .grouped = s->grouped };
    return emit_stage(e, n, &of_parts, result, &parts);
}

/* ---- per channel ---- */

/* Twin of `columns` in cl/sum.cl. */
struct columns {
    int64_t rows;
    int32_t width, pitch, rest, run;
};

enum { COLUMN_BLOCK = 64, CHUNK_VALUES = 16384, MAX_CHUNKS = 256, MAX_FOLDED_CHANNELS = 4096 };
enum { LANES = 16 }; /* work-items that share a channel, as in cl/sum.cl */

/* How many pixels of a dense tensor make a row: as many as fill blocks of columns. */
static int64_t fold(int64_t channels)
{
    int64_t pixels = COLUMN_BLOCK;
    while (pixels > 1 && (channels > MAX_FOLDED_CHANNELS || channels * pixels / 2 % COLUMN_BLOCK == 0))
        pixels /= 2;
    return pixels;
}

static int64_t smallest_chunk(int64_t channels)
{
    return divide_up(divide_up(CHUNK_VALUES, channels), COLUMN_BLOCK) * COLUMN_BLOCK;
}

/* Of the largest batch's workspace, and at most that of every batch. */
static int64_t chunk_limit(const struct shape *x)
{
    const int64_t chunks = divide_up(shape_pixels(x), smallest_chunk(shape_channels(x)));
    return chunks < MAX_CHUNKS ? chunks : MAX_CHUNKS;
}

static int64_t chunk_pixels(const oc_tensor *x)
{
    const int64_t least = smallest_chunk(shape_channels(&x->shape));
    const int64_t even =
        divide_up(divide_up(shape_pixels(&x->shape), MAX_CHUNKS), COLUMN_BLOCK) * COLUMN_BLOCK;
    return even > least ? even : least;
}

static oc_status workspace(struct node *n)
{
    const struct shape *x = &n->in[0]->shape;
    const int64_t c = shape_channels(x);
    return node_output(n, 1, ELEMENT_F32,
                       &(struct shape){ .rank = 2, .dim = { chunk_limit(x) * fold(c), c } });
}

static oc_status infer(struct node *n)
{
    const int64_t c = shape_channels(&n->in[0]->shape);
    TRY(node_output(n, 0, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { c } }));
    return n->out_count > 1 ? workspace(n) : OC_OK;
}

static void cost(const struct node *n, struct cost *cost)
{
    cost->flops = (double)shape_count(&n->in[0]->shape);
    cost->bytes = 4.0 * (cost->flops + (double)shape_count(&n->out[0]->shape));
}

/* Sums the columns of a matrix, a column per work-item, in runs that are as long as there are runs. */
static oc_status emit_columns(struct emitter *e, const struct node *n, const oc_tensor *x, int64_t rows,
                              int32_t width, int32_t pitch)
{
    const struct columns g = {
        .rows = rows, .width = width, .pitch = pitch, .run = (int32_t)ceil(sqrt((double)rows))
    };
    return emit(e, n,
                &(struct launch_spec){
                    .file = "sum.cl",
                    .kernel = "channel_sum_reference",
                    .args = { TENSOR(x), TENSOR(n->out[0]), STRUCT(g) },
                    .items = { width },
                    .group = { emitter_group(e) },
                });
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    const oc_tensor *x = n->in[0];
    return emit_columns(e, n, x, shape_pixels(&x->shape), (int32_t)shape_channels(&x->shape),
                        (int32_t)tensor_pitch(x));
}

static bool split_supports(const struct node *n, const oc_device_info *device)
{
    return device_is_cpu(n, device) && chunk_limit(&n->in[0]->shape) > 1;
}

static oc_status split(struct emitter *e, const struct node *n)
{
    const oc_tensor *x = n->in[0], *partial = n->out[1];
    const int64_t c = shape_channels(&x->shape), pixels = shape_pixels(&x->shape);
    const int64_t row_pixels = tensor_is_dense(x) ? fold(c) : 1;
    const int64_t chunk = chunk_pixels(x), chunks = divide_up(pixels, chunk);
    const struct columns g = { .rows = pixels / row_pixels,
                               .width = (int32_t)(c * row_pixels),
                               .pitch = (int32_t)(tensor_pitch(x) * row_pixels),
                               .rest = (int32_t)(pixels % row_pixels * c),
                               .run = (int32_t)(chunk / row_pixels) };
    TRY(emit(e, n,
             &(struct launch_spec){
                 .file = "sum.cl",
                 .kernel = "channel_sum_split",
                 .args = { TENSOR(x), TENSOR(partial), STRUCT(g), INT(chunks) },
                 .items = { divide_up(g.width, COLUMN_BLOCK) * chunks },
                 .group = { group(e) },
             }));
    return emit_columns(e, n, partial, chunks * row_pixels, (int32_t)c, (int32_t)c);
}

static bool group_supports(const struct node *n, const oc_device_info *device)
{
    return device->max_work_group >= LANES * LANES && chunk_limit(&n->in[0]->shape) > 1;
}

/* Sums the columns of a matrix in chunks. */
static oc_status emit_group(struct emitter *e, const struct node *n, const oc_tensor *x, const oc_tensor *y,
                            const struct columns *g, int64_t chunks)
{
    return emit(e, n,
                &(struct launch_spec){
                    .file = "sum.cl",
                    .kernel = "channel_sum_group",
                    .args = { TENSOR(x), TENSOR(y), STRUCT(*g) },
                    .items = { g->width, chunks * LANES },
                    .group = { LANES, LANES },
                    .iterations = g->run / LANES + 2 * LANES,
                });
}

/* Pixels of few channels make a row together, so that all LANES columns of a work-group are there; no more than that, since
 * the second stage is a single row of work-groups. fold() is at least as large, so its workspace has room. */
static oc_status sum_groups(struct emitter *e, const struct node *n)
{
    const oc_tensor *x = n->in[0], *y = n->out[0], *partial = n->out[1];
    const int64_t c = shape_channels(&x->shape), pixels = shape_pixels(&x->shape);
    const int64_t chunk = chunk_pixels(x), chunks = divide_up(pixels, chunk);
    int64_t row_pixels = 1;
    while (tensor_is_dense(x) && row_pixels * c < LANES)
        row_pixels *= 2;
    const struct columns g = { .rows = pixels / row_pixels,
                               .width = (int32_t)(c * row_pixels),
                               .pitch = (int32_t)(tensor_pitch(x) * row_pixels),
                               .rest = (int32_t)(pixels % row_pixels * c),
                               .run = (int32_t)(chunk / row_pixels) };
    const struct columns parts = { .rows = chunks * row_pixels,
                                   .width = (int32_t)c,
                                   .pitch = (int32_t)c,
                                   .run = (int32_t)(chunks * row_pixels) };
    TRY(emit_group(e, n, x, partial, &g, chunks));
    return emit_group(e, n, partial, y, &parts, 1);
}

static const struct impl impls[] = {
    { .name = "split", .supports = split_supports, .prepare = workspace, .emit = split },
    { .name = "group", .supports = group_supports, .prepare = workspace, .emit = sum_groups },
    { .name = "reference", .emit = reference },
    { 0 },
};

const struct op op_channel_sum = {
    .name = "channel_sum",
    .infer = infer,
    .cost = cost,
    .impls = impls,
};

oc_tensor *channel_sum_append(oc_tensor *x)
{
    return graph_append(&op_channel_sum, NULL, NULL, &x, 1);
}
