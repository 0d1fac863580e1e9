/* maxout.c - the largest of each group of adjacent channels (Goodfellow et al. 2013). Kernels: cl/maxout.cl.
 * Oracle: tests/oracle/maxout.c. The backward pass finds the winners again instead of having them stored. */
#include "ops/emit.h"
#include "ops/ops.h"

#include <inttypes.h>

/* The descriptor is the number of pieces: channels per group. */
static int pieces(const struct node *n)
{
    return *(const int *)n->desc;
}

static oc_status infer(struct node *n)
{
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (x->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its input must be of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    if (pieces(n) < 1 || x->shape.dim[1] % pieces(n) != 0)
        return node_fail(n, OC_E_ARGUMENT, "%d pieces must divide the %" PRId64 " channels of its input",
                         pieces(n), x->shape.dim[1]);
    struct shape y = x->shape;
    y.dim[1] /= pieces(n);
    return node_output(n, 0, ELEMENT_F32, &y);
}

/* (dy, x) -> dx */
static oc_status infer_backward(struct node *n)
{
    return node_output(n, 0, ELEMENT_F32, &n->in[1]->shape);
}

/* A comparison per channel of x. */
static void cost(const struct node *n, struct cost *cost)
{
    cost->flops = (double)shape_count(&n->in[n->in_count - 1]->shape);
    for (int i = 0; i < n->in_count; i++)
        cost->bytes += 4.0 * (double)shape_count(&n->in[i]->shape);
    cost->bytes += 4.0 * (double)shape_count(&n->out[0]->shape);
}

/* A group of channels of a pixel per work-item. `small` has a channel per group. */
static oc_status reference(struct emitter *e, const struct node *n)
{
    const bool backward = n->in_count > 1;
    const oc_tensor *x = n->in[n->in_count - 1], *small = backward ? n->in[0] : n->out[0];
    const int64_t groups = shape_channels(&small->shape), pixels = shape_pixels(&x->shape),
                  width = emitter_group_width(e, groups);
    struct launch_spec spec = {
        .file = "maxout.cl",
        .kernel = backward ? "maxout_backward_reference" : "maxout_reference",
        .args = { TENSOR(x), TENSOR(small), INT(pixels), INT(groups), INT(pieces(n)), INT(tensor_pitch(x)),
                  INT(tensor_pitch(small)) },
        .items = { groups, pixels },
        .group = { width, emitter_group(e) / width },
    };
    if (backward) {
        spec.args[7] = (struct arg)TENSOR(n->out[0]);
        spec.args[8] = (struct arg)INT(tensor_pitch(n->out[0]));
    }
    return emit(e, n, &spec);
}

static const struct impl impls[] = { { .name = "reference", .emit = reference }, { 0 } };

const struct op op_maxout_backward = {
    .name = "maxout_backward",
    .desc_size = sizeof(int),
    .infer = infer_backward,
    .cost = cost,
    .impls = impls,
};

static oc_status gradient(struct node *n)
{
    oc_tensor *x = n->in[0];
    if (!x->wants_gradient)
        return OC_OK;
    return contribute(
        x, graph_append(&op_maxout_backward, n->desc, NULL, (oc_tensor *[]){ n->out[0]->gradient, x }, 2));
}

const struct op op_maxout = {
    .name = "maxout",
    .desc_size = sizeof(int),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .impls = impls,
    .layer = true,
};

oc_tensor *oc_maxout(oc_tensor *x, int per_group)
{
    return graph_append(&op_maxout, &per_group, NULL, &x, 1);
}
