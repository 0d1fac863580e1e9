/* reshape.c - the same values in another shape. Kernels: cl/reshape.cl. Oracle: tests/oracle/reshape.c.
 *
 * The order of values that counts is (n, c, spatial...), but storage is channels-last. So a reshape costs nothing
 * when both shapes have one channel or one pixel, and otherwise moves values. The same movement takes host arrays to
 * channels-last and back: a host array is a tensor with one pixel. */
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <string.h>

static bool order_agrees(const struct shape *s)
{
    return shape_channels(s) == 1 || shape_spatial(s) == 1;
}

struct reshape {
    struct shape shape; /* wanted; its batch is ignored */
    bool dense;         /* the result must be, whatever the input is */
};

static oc_status infer(struct node *n)
{
    const struct reshape *d = n->desc;
    const struct shape *wanted = &d->shape;
    const oc_tensor *x = n->in[0];
    struct shape y = *wanted;
    int64_t known = 1;
    int open = -1;
    bool holds = true; /* as far as can be told without products that overflow */
    if (x->shape.rank < 1 || y.rank < 1)
        return node_fail(n, OC_E_SHAPE, "a scalar cannot be reshaped, nor anything to a scalar");
    const int64_t values = shape_count(&x->shape) / x->shape.dim[0];
    y.dim[0] = x->shape.dim[0];
    for (int i = 1; i < y.rank; i++) {
        if (y.dim[i] < -1 || (y.dim[i] == -1 && open >= 0))
            return node_fail(n, OC_E_ARGUMENT, "sizes must be positive, and one may be -1; %s is not",
                             SHAPE_TEXT(wanted));
        if (y.dim[i] == -1)
            open = i;
        else if (y.dim[i] <= values / known)
            known *= y.dim[i];
        else
            holds = false;
    }
    if (open >= 0)
        y.dim[open] = values / known;
    if (!holds || shape_count(&y) != shape_count(&x->shape))
        return node_fail(n, OC_E_SHAPE, "%s does not hold the %" PRId64 " values per sample of %s",
                         SHAPE_TEXT(wanted), values, SHAPE_TEXT(&x->shape));
    const bool same_pixels = shape_channels(&x->shape) == shape_channels(&y);
    n->view =
        order_agrees(&x->shape) && order_agrees(&y) && (tensor_is_dense(x) || (same_pixels && !d->dense));
    TRY(node_output(n, 0, x->type, &y));
    if (n->view)
        n->out[0]->pitch = same_pixels ? x->pitch : 0;
    return OC_OK;
}

static oc_status gradient(struct node *n)
{
    oc_tensor *x = n->in[0];
    return x->wants_gradient ? contribute(x, reshape_append(n->out[0]->gradient, &x->shape)) : OC_OK;
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    const oc_tensor *x = n->in[0], *y = n->out[0];
    const int64_t width = emitter_group_width(e, shape_channels(&y->shape));
    return emit(
        e, n,
        &(struct launch_spec){
            .file = "reshape.cl",
            .kernel = "reshape_reference",
            .args = { TENSOR(x), TENSOR(y), INT(shape_pixels(&y->shape)), INT(shape_channels(&x->shape)),
                      INT(shape_spatial(&x->shape)), INT(tensor_pitch(x)), INT(shape_channels(&y->shape)),
                      INT(shape_spatial(&y->shape)), INT(tensor_pitch(y)) },
            .items = { shape_channels(&y->shape), shape_pixels(&y->shape) },
            .group = { width, emitter_group(e) / width },
        });
}

/* ---- when one side lists channels ---- */

static bool lists_channels(const oc_tensor *x)
{
    return order_agrees(&x->shape) && tensor_is_dense(x);
}

static bool has_list(const struct node *n)
{
    return lists_channels(n->in[0]) || lists_channels(n->out[0]);
}

/* The side that does not. */
static const oc_tensor *pixels_of(const struct node *n)
{
    return lists_channels(n->in[0]) ? n->out[0] : n->in[0];
}

static oc_status emit_list(struct emitter *e, const struct node *n, struct launch_spec *spec)
{
    const oc_tensor *pixels = pixels_of(n);
    const struct arg args[] = { TENSOR(n->in[0]), TENSOR(n->out[0]), INT(shape_channels(&pixels->shape)),
                                INT(shape_spatial(&pixels->shape)), INT(tensor_pitch(pixels)) };
    spec->file = "reshape.cl";
    spec->defines = lists_channels(n->in[0]) ? " -DSPREAD=0" : " -DSPREAD=1";
    memcpy(spec->args, args, sizeof args);
    return emit(e, n, spec);
}

enum { PIXELS = 64, TILE = 16 }; /* as in the kernels */

/* Of a work-item's loops. */
static int64_t iterations(const struct node *n)
{
    return (PIXELS + 1) * shape_channels(&pixels_of(n)->shape);
}

static bool transpose_supports(const struct node *n, const oc_device_info *device)
{
    return device_is_cpu(n, device) && has_list(n) &&
           (device->loop_limit == 0 || iterations(n) <= device->loop_limit);
}

static oc_status transpose(struct emitter *e, const struct node *n)
{
    const struct shape *pixels = &pixels_of(n)->shape;
    return emit_list(e, n,
                     &(struct launch_spec){
                         .kernel = "reshape_transpose",
                         .items = { divide_up(shape_spatial(pixels), PIXELS), pixels->dim[0] },
                         .iterations = iterations(n),
                     });
}

/* Of fewer channels or pixels the neighbours of the reference read pieces as long as a GPU fetches at once (32 bytes), and most
 * of a tile would be empty. */
static bool tile_supports(const struct node *n, const oc_device_info *device)
{
    enum { LEAST = TILE / 2 };
    const struct shape *pixels = &pixels_of(n)->shape;
    return has_list(n) && device->max_work_group >= TILE * TILE && shape_channels(pixels) >= LEAST &&
           shape_spatial(pixels) >= LEAST;
}

static oc_status tile(struct emitter *e, const struct node *n)
{
    const struct shape *pixels = &pixels_of(n)->shape;
    return emit_list(e, n,
                     &(struct launch_spec){
                         .kernel = "reshape_tile",
                         .items = { shape_spatial(pixels), shape_channels(pixels), pixels->dim[0] },
                         .group = { TILE, TILE },
                     });
}

static const struct impl impls[] = {
    { .name = "transpose", .supports = transpose_supports, .emit = transpose },
    { .name = "tile", .supports = tile_supports, .prefers = device_is_no_cpu, .emit = tile },
    { .name = "reference", .emit = reference },
    { 0 },
};

const struct op op_reshape = {
    .name = "reshape",
    .desc_size = sizeof(struct reshape),
    .infer = infer,
    .gradient = gradient,
    .impls = impls,
    .layer = true,
};

oc_tensor *reshape_append(oc_tensor *x, const struct shape *shape)
{
    return graph_append(&op_reshape, &(struct reshape){ .shape = *shape }, NULL, &x, 1);
}

oc_tensor *reshape_append_dense(oc_tensor *x, const struct shape *shape)
{
    return graph_append(&op_reshape, &(struct reshape){ .shape = *shape, .dense = true }, NULL, &x, 1);
}

oc_tensor *oc_flatten(oc_tensor *x)
{
    return reshape_append(x, &(struct shape){ .rank = 2, .dim = { 0, -1 } });
}

oc_tensor *oc_reshape(oc_tensor *x, const int64_t shape[OC_MAX_RANK])
{
    struct shape s = { 0 };
    while (shape && s.rank < OC_MAX_RANK && shape[s.rank] != 0) {
        s.dim[s.rank] = shape[s.rank];
        s.rank++;
    }
    if (x && s.rank > 0 && s.dim[0] != -1 && x->shape.rank > 0 && s.dim[0] != x->shape.dim[0])
        return graph_poison(x->graph, fail(OC_E_SHAPE, "a reshape must keep the batch: %s from %s",
                                           SHAPE_TEXT(&s), SHAPE_TEXT(&x->shape)));
    return reshape_append(x, &s);
}
