/* batch_norm_emit.c - the launches of batch normalisation. Kernels: cl/batch_norm.cl. */
#include "base/text.h"
#include "ops/batch_norm.h"

enum {
    SUM_LOOPS = 5 /* iterations per summand of two sums, with those around and inside, and some to spare */
};
enum { CHUNK_PIXELS = 256, MAX_CHUNKS = 1024, MIN_ITEMS = 32 };
enum { VECTOR = 16, WIDTH = 64 }; /* of cl/batch_norm.cl */
enum { LANES = 16 };              /* work-items that share a channel in the second stage */

/* Channels per work-item of the first stage. Whole rows are read fastest; few chunks are divided, so that every core has
 * work. */
static int32_t block_channels(const struct emitter *e, const struct batch *g)
{
    const int64_t limit = emitter_device(e)->loop_limit;
    const int64_t most = limit > 0 ? limit / (SUM_LOOPS * g->chunk) : WIDTH;
    const int64_t vectors = divide_up(divide_up(g->channels, VECTOR), divide_up(MIN_ITEMS, g->chunks));
    return VECTOR * (int32_t)least(vectors, most < 1 ? 1 : least(most, WIDTH));
}

struct batch batch_norm_describe(const struct emitter *e, const struct node *n, const oc_tensor *x,
                                 const oc_tensor *dy, bool vector)
{
    const oc_batch_norm_desc *d = n->desc;
    const int64_t pixels = shape_pixels(&x->shape), even = divide_up(pixels, MAX_CHUNKS);
    const int64_t chunk = even > CHUNK_PIXELS ? even : CHUNK_PIXELS;
    struct batch g = { .pixels = pixels,
                       .channels = (int32_t)shape_channels(&x->shape),
                       .x_pitch = (int32_t)tensor_pitch(x),
                       .dy_pitch = (int32_t)tensor_pitch(dy),
                       .chunk = (int32_t)chunk,
                       .chunks = (int32_t)divide_up(pixels, chunk),
                       .epsilon = d->epsilon,
                       .momentum = d->momentum,
                       .affine = !d->no_affine };
    g.block = vector ? block_channels(e, &g) : 1;
    return g;
}

oc_status batch_norm_channels(struct node *n, int i, int64_t rows, const oc_tensor *x)
{
    const int64_t c = shape_channels(&x->shape);
    const struct shape one = { .rank = 1, .dim = { c } }, several = { .rank = 2, .dim = { rows, c } };
    return node_output(n, i, ELEMENT_F32, rows > 1 ? &several : &one);
}

oc_status batch_norm_partial(struct node *n, int i, const oc_tensor *x)
{
    const int64_t chunks = divide_up(shape_pixels(&x->shape), CHUNK_PIXELS);
    return batch_norm_channels(n, i, 2 * (chunks < MAX_CHUNKS ? chunks : MAX_CHUNKS), x);
}

oc_status batch_norm_emit_chunks(struct emitter *e, const struct node *n, struct launch_spec spec,
                                 const struct batch *g, bool vector)
{
    spec.file = "batch_norm.cl";
    spec.defines = vector ? NULL : " -DVECTOR=1 -DWIDTH=1";
    spec.items[0] = g->chunks * divide_up(g->channels, g->block);
    spec.group[0] = vector ? 1 : emitter_group(e);
    spec.iterations = SUM_LOOPS * (int64_t)(vector ? g->block / VECTOR : 1) * g->chunk;
    return emit(e, n, &spec);
}

oc_status batch_norm_emit_totals(struct emitter *e, const struct node *n, struct launch_spec spec,
                                 const struct batch *g, bool vector)
{
    const bool shared = !vector && emitter_group_of(e, LANES * LANES) == LANES * LANES;
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    if (shared)
        text_print(&defines, " -DLANES=%d", LANES);
    spec.file = "batch_norm.cl";
    spec.defines = defines.data;
    spec.items[0] = g->channels;
    spec.items[1] = shared ? LANES : 1;
    spec.iterations = SUM_LOOPS * (int64_t)g->chunks;
    spec.group[0] = shared ? LANES : emitter_group(e);
    spec.group[1] = spec.items[1];
    return emit(e, n, &spec);
}

oc_status batch_norm_emit_values(struct emitter *e, const struct node *n,
                                 const struct batch_norm_values *what, bool vector)
{
    const oc_tensor *y = n->out[0];
    const struct rows r = pixel_rows(what->a, what->b, y);
    char buffer[128];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DOPERATION=%s", what->operation);
    const struct epilogue_arguments tail = vector ? epilogue_any(n, &defines) : epilogue_of(n, &defines);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "batch_norm.cl",
                    .kernel = vector ? "batch_norm_vector" : "batch_norm_reference",
                    .defines = defines.data,
                    .args = { TENSOR(what->a), TENSOR(what->b), TENSOR(y), TENSOR(what->mean),
                              TENSOR(what->scale), TENSOR(what->terms), STRUCT(r), EPILOGUE(tail) },
                    .items = { vector ? rows_items(&r) : r.count },
                    .group = { vector ? 1 : emitter_group(e) },
                });
}
