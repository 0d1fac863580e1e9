/* softmax.c - softmax and its logarithm over the channels of each pixel. Kernels: cl/softmax.cl.
 * Oracles: tests/oracle/{softmax,log_softmax}.c. The gradients need the output only, so that the input's memory is free at once. */
#include "ops/elementwise.h"
#include "ops/ops.h"

static oc_status infer(struct node *n)
{
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (x->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its input must be of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    return node_output(n, 0, ELEMENT_F32, &x->shape);
}

/* Forward: maximum, difference, exp, sum and division; backward: product, sum, difference and product. */
static void cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->out[0]->shape);
    cost->flops = values * (n->in_count > 1 ? 4.0 : 5.0);
    cost->bytes = 4.0 * values * (double)(n->in_count + 1);
}

bool softmax_vector_supports(const struct node *n, const oc_device_info *device)
{
    enum { VECTOR = 16 }; /* of cl/common.cl; a vector that is mostly empty costs more than it saves */
    return device_is_cpu(n, device) && shape_channels(&n->in[0]->shape) >= VECTOR;
}

/* Of the forward kernels b is a again. */
static oc_status launch(struct emitter *e, const struct node *n, const char *kernel, bool vector)
{
    const oc_tensor *a = n->in[0], *b = n->in[n->in_count - 1], *y = n->out[0];
    const struct rows r = pixel_rows(a, b, y);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "softmax.cl",
                    .kernel = kernel,
                    .args = { TENSOR(a), TENSOR(b), TENSOR(y), STRUCT(r) },
                    .items = { vector ? rows_items(&r) : shape_pixels(&y->shape) },
                    .group = { vector ? 1 : emitter_group(e) },
                });
}

/* The operation and its gradient, each a kernel per implementation. */
#define SOFTMAX(id)                                                                                          \
    static oc_status id##_forward_reference(struct emitter *e, const struct node *n)                         \
    {                                                                                                        \
        return launch(e, n, #id "_reference", false);                                                        \
    }                                                                                                        \
    static oc_status id##_forward_vector(struct emitter *e, const struct node *n)                            \
    {                                                                                                        \
        return launch(e, n, #id "_vector", true);                                                            \
    }                                                                                                        \
    static oc_status id##_backward_reference(struct emitter *e, const struct node *n)                        \
    {                                                                                                        \
        return launch(e, n, #id "_backward_reference", false);                                               \
    }                                                                                                        \
    static oc_status id##_backward_vector(struct emitter *e, const struct node *n)                           \
    {                                                                                                        \
        return launch(e, n, #id "_backward_vector", true);                                                   \
    }                                                                                                        \
    static const struct impl id##_backward_impls[] = {                                                       \
        { .name = "vector", .supports = softmax_vector_supports, .emit = id##_backward_vector },             \
        { .name = "reference", .emit = id##_backward_reference },                                            \
        { 0 },                                                                                               \
    };                                                                                                       \
    const struct op op_##id##_backward = {                                                                   \
        /* (dy, y) -> dx */                                                                                  \
        .name = #id "_backward", .infer = infer, .cost = cost, .impls = id##_backward_impls, .in_place = 3,  \
    };                                                                                                       \
    static oc_status id##_gradient(struct node *n)                                                           \
    {                                                                                                        \
        return gradient(n, &op_##id##_backward);                                                             \
    }                                                                                                        \
    static const struct impl id##_impls[] = {                                                                \
        { .name = "vector", .supports = softmax_vector_supports, .emit = id##_forward_vector },              \
        { .name = "reference", .emit = id##_forward_reference },                                             \
        { 0 },                                                                                               \
    };                                                                                                       \
    const struct op op_##id = {                                                                              \
        .name = #id,                                                                                         \
        .infer = infer,                                                                                      \
        .gradient = id##_gradient,                                                                           \
        .cost = cost,                                                                                        \
        .impls = id##_impls,                                                                                 \
        .in_place = 1,                                                                                       \
        .layer = true,                                                                                       \
    }

static oc_status gradient(struct node *n, const struct op *backward)
{
    if (!n->in[0]->wants_gradient)
        return OC_OK;
    return contribute(
        n->in[0], graph_append(backward, NULL, NULL, (oc_tensor *[]){ n->out[0]->gradient, n->out[0] }, 2));
}

SOFTMAX(softmax);
SOFTMAX(log_softmax);

oc_tensor *oc_softmax(oc_tensor *x)
{
    return graph_append(&op_softmax, NULL, NULL, &x, 1);
}

oc_tensor *oc_log_softmax(oc_tensor *x)
{
    return graph_append(&op_log_softmax, NULL, NULL, &x, 1);
}
