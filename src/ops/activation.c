/* activation.c - nonlinear functions value by value, without parameters. Kernels: cl/elementwise.cl with the functions of
 * cl/common.cl. Oracles: tests/oracle/<function>.c.
 * Where it can, the gradient needs the output only, so that the input's memory is free at once and a convolution can
 * apply the function before it stores. Where y does not determine x, it takes x: fusion then stops by itself in
 * training, since what the convolution makes has two readers. */
#include "ops/elementwise.h"
#include "ops/ops.h"

struct activation {
    const char *function;
    float alpha;
};

static oc_status infer(struct node *n)
{
    const struct activation *d = n->desc;
    if (n->in[0]->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (!(d->alpha >= 0.f && d->alpha <= 1e30f))
        return node_fail(n, OC_E_ARGUMENT, "slope or alpha must be a number of at least 0, it is %g",
                         (double)d->alpha);
    return node_output(n, 0, ELEMENT_F32, &n->in[0]->shape);
}

static void cost(const struct node *n, struct cost *cost)
{
    cost->flops = (double)shape_count(&n->out[0]->shape);
    cost->bytes = 4.0 * cost->flops * (double)(n->in_count + 1);
}

static struct elementwise forward(const struct node *n)
{
    const struct activation *d = n->desc;
    return (struct elementwise){ .operation = "activate",
                                 .function = d->function,
                                 .alpha = d->alpha,
                                 .a = n->in[0],
                                 .b = n->in[0],
                                 .y = n->out[0] };
}

static struct elementwise backward(const struct node *n)
{
    const struct activation *d = n->desc;
    return (struct elementwise){ .operation = "activate_gradient",
                                 .function = d->function,
                                 .alpha = d->alpha,
                                 .a = n->in[0],
                                 .b = n->in[1],
                                 .y = n->out[0] };
}

static oc_status forward_reference(struct emitter *e, const struct node *n)
{
    const struct elementwise what = forward(n);
    return elementwise_reference(e, n, &what);
}

static oc_status forward_vector(struct emitter *e, const struct node *n)
{
    const struct elementwise what = forward(n);
    return elementwise_vector(e, n, &what);
}

static oc_status backward_reference(struct emitter *e, const struct node *n)
{
    const struct elementwise what = backward(n);
    return elementwise_reference(e, n, &what);
}

static oc_status backward_vector(struct emitter *e, const struct node *n)
{
    const struct elementwise what = backward(n);
    return elementwise_vector(e, n, &what);
}

static const struct impl backward_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = backward_vector },
    { .name = "reference", .emit = backward_reference },
    { 0 },
};

static float alpha(const struct node *n)
{
    const struct activation *d = n->desc;
    return d->alpha;
}

static const char *function(const struct node *n)
{
    const struct activation *d = n->desc;
    return d->function;
}

/* (dy, y), or (dy, x) if the function needs its input -> dx */
const struct op op_activation_backward = {
    .name = "activation_backward",
    .desc_size = sizeof(struct activation),
    .infer = infer,
    .cost = cost,
    .impls = backward_impls,
    .in_place = 1,
    .gradient_of = function,
    .alpha = alpha,
};

static oc_status gradient(struct node *n)
{
    oc_tensor *x = n->in[0], *y = n->out[0], *kept = n->op->gradient_needs_input ? x : y;
    if (!x->wants_gradient)
        return OC_OK;
    return contribute(
        x, graph_append(&op_activation_backward, n->desc, NULL, (oc_tensor *[]){ y->gradient, kept }, 2));
}

static const struct impl forward_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = forward_vector },
    { .name = "reference", .emit = forward_reference },
    { 0 },
};

#define ACTIVATION(id, needs_input)                                                                          \
    const struct op op_##id = {                                                                              \
        .name = #id,                                                                                         \
        .desc_size = sizeof(struct activation),                                                              \
        .infer = infer,                                                                                      \
        .gradient = gradient,                                                                                \
        .cost = cost,                                                                                        \
        .impls = forward_impls,                                                                              \
        .in_place = 1,                                                                                       \
        .gradient_needs_input = needs_input,                                                                 \
        .function = "apply_" #id,                                                                            \
        .alpha = alpha,                                                                                      \
        .layer = true,                                                                                       \
    }

ACTIVATION(relu, false);
ACTIVATION(leaky_relu, false);
ACTIVATION(relu6, false);
ACTIVATION(elu, false);
ACTIVATION(sigmoid, false);
ACTIVATION(tanh, false);
ACTIVATION(softplus, false);
ACTIVATION(silu, true);
ACTIVATION(hard_swish, true);
ACTIVATION(gelu, true);

static oc_tensor *append(const struct op *op, oc_tensor *x, float alpha)
{
    return graph_append(op, &(struct activation){ op->function, alpha }, NULL, &x, 1);
}

oc_tensor *oc_relu(oc_tensor *x)
{
    return append(&op_relu, x, 0.f);
}

oc_tensor *oc_leaky_relu(oc_tensor *x, float slope)
{
    return append(&op_leaky_relu, x, slope);
}

oc_tensor *oc_sigmoid(oc_tensor *x)
{
    return append(&op_sigmoid, x, 0.f);
}

oc_tensor *oc_tanh(oc_tensor *x)
{
    return append(&op_tanh, x, 0.f);
}

oc_tensor *oc_relu6(oc_tensor *x)
{
    return append(&op_relu6, x, 0.f);
}

oc_tensor *oc_elu(oc_tensor *x, float alpha)
{
    return append(&op_elu, x, alpha);
}

oc_tensor *oc_softplus(oc_tensor *x)
{
    return append(&op_softplus, x, 0.f);
}

oc_tensor *oc_silu(oc_tensor *x)
{
    return append(&op_silu, x, 0.f);
}

oc_tensor *oc_hard_swish(oc_tensor *x)
{
    return append(&op_hard_swish, x, 0.f);
}

oc_tensor *oc_gelu(oc_tensor *x)
{
    return append(&op_gelu, x, 0.f);
}
