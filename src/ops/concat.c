/* concat.c - tensors side by side along the channels, and a range of the channels of one. Kernels: cl/concat.cl.
 * Oracles: tests/oracle/{concat,slice}.c.
 *
 * Neither moves values as a rule: the parts of a concatenation are written into their channels of the whole by whoever
 * makes them (pass_layout), and a slice is a view. Each is the other's gradient. What cannot lie in its place from the
 * start (an input of the graph, a part of two wholes, something the host reads) is copied. */
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <inttypes.h>

/* ---- slice ---- */

struct slice {
    int64_t first, count;
};

static oc_status infer_slice(struct node *n)
{
    const struct slice *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->shape.rank < 2 || x->type != ELEMENT_F32)
        return node_fail(n, OC_E_SHAPE, "its input must be OC_F32 of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    if (d->first < 0 || d->count < 1 || d->first > x->shape.dim[1] - d->count)
        return node_fail(n, OC_E_ARGUMENT,
                         "channels %" PRId64 " to %" PRId64 " are not in an input of %" PRId64 " channels",
                         d->first, d->first + d->count - 1, x->shape.dim[1]);
    struct shape y = x->shape;
    y.dim[1] = d->count;
    TRY(node_output(n, 0, ELEMENT_F32, &y));
    n->view = true;
    n->view_offset = d->first;
    n->out[0]->pitch = tensor_pitch(x);
    return OC_OK;
}

/* ---- the gradient of a slice: the slice between zeros ---- */

struct slice_backward {
    struct slice slice;
    int64_t channels; /* of dx */
};

static oc_status infer_backward(struct node *n)
{
    const struct slice_backward *d = n->desc;
    struct shape dx = n->in[0]->shape;
    dx.dim[1] = d->channels;
    return node_output(n, 0, ELEMENT_F32, &dx);
}

static oc_status backward(struct emitter *e, const struct node *n)
{
    const struct slice_backward *d = n->desc;
    const oc_tensor *dy = n->in[0], *dx = n->out[0];
    const int64_t width = emitter_group_width(e, d->channels);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "concat.cl",
                    .kernel = "slice_backward",
                    .args = { TENSOR(dy), TENSOR(dx), INT(shape_pixels(&dx->shape)), INT(d->channels),
                              INT(d->slice.first), INT(d->slice.count), INT(tensor_pitch(dy)),
                              INT(tensor_pitch(dx)) },
                    .items = { d->channels, shape_pixels(&dx->shape) },
                    .group = { width, emitter_group(e) / width },
                });
}

static const struct impl backward_impls[] = { { .name = "reference", .emit = backward }, { 0 } };

/* dy -> dx */
const struct op op_slice_backward = {
    .name = "slice_backward",
    .desc_size = sizeof(struct slice_backward),
    .infer = infer_backward,
    .impls = backward_impls,
};

static oc_status slice_gradient(struct node *n)
{
    const struct slice_backward d = { *(const struct slice *)n->desc, shape_channels(&n->in[0]->shape) };
    if (!n->in[0]->wants_gradient)
        return OC_OK;
    return contribute(n->in[0], graph_append(&op_slice_backward, &d, NULL, &n->out[0]->gradient, 1));
}

static const struct impl no_impls[] = { { 0 } };

const struct op op_slice = {
    .name = "slice",
    .desc_size = sizeof(struct slice),
    .infer = infer_slice,
    .gradient = slice_gradient,
    .impls = no_impls,
    .layer = true,
};

static oc_tensor *slice_append(oc_tensor *x, int64_t first, int64_t count)
{
    return graph_append(&op_slice, &(struct slice){ first, count }, NULL, &x, 1);
}

oc_tensor *oc_slice(oc_tensor *x, int first, int count)
{
    return slice_append(x, first, count);
}

/* ---- concat ---- */

static oc_status infer_concat(struct node *n)
{
    const oc_tensor *a = n->in[0];
    struct shape y = a->shape;
    if (a->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its inputs must be of shape (n, c, spatial...), the first is %s",
                         SHAPE_TEXT(&a->shape));
    y.dim[1] = 0;
    for (int i = 0; i < n->in_count; i++) {
        struct shape other = n->in[i]->shape;
        if (other.rank > 1)
            other.dim[1] = a->shape.dim[1];
        if (!shape_equal(&other, &a->shape) || n->in[i]->type != ELEMENT_F32)
            return node_fail(n, OC_E_SHAPE,
                             "its inputs must be OC_F32 and equal but for the channels, input 0 is %s and "
                             "input %d is %s",
                             SHAPE_TEXT(&a->shape), i, SHAPE_TEXT(&n->in[i]->shape));
        y.dim[1] += n->in[i]->shape.dim[1];
    }
    return node_output(n, 0, ELEMENT_F32, &y);
}

static oc_status concat_gradient(struct node *n)
{
    int64_t first = 0;
    for (int i = 0; i < n->in_count; i++) {
        oc_tensor *x = n->in[i];
        if (x->wants_gradient)
            TRY(contribute(x, slice_append(n->out[0]->gradient, first, x->shape.dim[1])));
        first += x->shape.dim[1];
    }
    return OC_OK;
}

static bool lies_in_place(const oc_tensor *x, const oc_tensor *y, int64_t channel)
{
    return (x->base ? x->base : x) == (y->base ? y->base : y) && x->base_offset == y->base_offset + channel;
}

/* The launch for one part, if it must be moved. */
static oc_status copy_part(struct emitter *e, const struct node *n, const oc_tensor *x, int64_t channel,
                           bool vector)
{
    enum { PIXELS = 64 }; /* as in the kernel */
    oc_tensor part = *n->out[0];
    if (lies_in_place(x, n->out[0], channel))
        return OC_OK;
    part.offset += channel;
    const int64_t pixels = shape_pixels(&x->shape), channels = shape_channels(&x->shape),
                  width = emitter_group_width(e, channels);
    struct launch_spec spec = {
        .file = "concat.cl",
        .kernel = vector ? "concat_vector" : "concat_reference",
        .args = { TENSOR(x), TENSOR(&part), INT(pixels), INT(channels), INT(tensor_pitch(x)),
                  INT(tensor_pitch(&part)) },
        .items = { vector ? (pixels + PIXELS - 1) / PIXELS : channels, vector ? 1 : pixels },
        .group = { vector ? 1 : width, vector ? 1 : emitter_group(e) / width },
    };
    return emit(e, n, &spec);
}

static oc_status copy_parts(struct emitter *e, const struct node *n, bool vector)
{
    int64_t channel = 0;
    for (int i = 0; i < n->in_count; i++) {
        TRY(copy_part(e, n, n->in[i], channel, vector));
        channel += shape_channels(&n->in[i]->shape);
    }
    return OC_OK;
}

static oc_status vector(struct emitter *e, const struct node *n)
{
    return copy_parts(e, n, true);
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    return copy_parts(e, n, false);
}

static const struct impl impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = vector },
    { .name = "reference", .emit = reference },
    { 0 },
};

const struct op op_concat = {
    .name = "concat",
    .infer = infer_concat,
    .gradient = concat_gradient,
    .impls = impls,
    .joins_channels = true,
    .layer = true,
};

oc_tensor *oc_concat(oc_tensor *const *x, int count)
{
    return graph_append(&op_concat, NULL, NULL, x, count);
}
