/* add.c - elementwise sum, for residual connections and for gradients that arrive from several sides.
 * Kernels: cl/elementwise.cl. Oracle: tests/oracle/add.c. */
#include "ops/elementwise.h"
#include "ops/ops.h"

static oc_status infer(struct node *n)
{
    const oc_tensor *a = n->in[0], *b = n->in[1];
    if (!shape_equal(&a->shape, &b->shape))
        return node_fail(n, OC_E_SHAPE, "its inputs must have equal shapes, they are %s and %s",
                         SHAPE_TEXT(&a->shape), SHAPE_TEXT(&b->shape));
    if (a->type != ELEMENT_F32 || b->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its inputs must be OC_F32");
    return node_output(n, 0, ELEMENT_F32, &a->shape);
}

static oc_status gradient(struct node *n)
{
    for (int i = 0; i < 2; i++)
        if (n->in[i]->wants_gradient)
            TRY(contribute(n->in[i], n->out[0]->gradient));
    return OC_OK;
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    return elementwise_reference(
        e, n, &(struct elementwise){ .operation = "add", .a = n->in[0], .b = n->in[1], .y = n->out[0] });
}

static oc_status vector(struct emitter *e, const struct node *n)
{
    return elementwise_vector(
        e, n, &(struct elementwise){ .operation = "add", .a = n->in[0], .b = n->in[1], .y = n->out[0] });
}

static void cost(const struct node *n, struct cost *cost)
{
    cost->flops = (double)shape_count(&n->out[0]->shape);
    cost->bytes = 12.0 * cost->flops;
}

static const struct impl impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = vector },
    { .name = "reference", .emit = reference },
    { 0 },
};

const struct op op_add = {
    .name = "add",
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .impls = impls,
    .in_place = 3,
    .adds = true,
    .layer = true,
};

oc_status contribute(oc_tensor *x, oc_tensor *dx)
{
    if (x->gradient)
        dx = graph_append(&op_add, NULL, NULL, (oc_tensor *[]){ x->gradient, dx }, 2);
    x->gradient = dx;
    return x->graph->status;
}

oc_tensor *oc_add(oc_tensor *a, oc_tensor *b)
{
    return graph_append(&op_add, NULL, NULL, (oc_tensor *[]){ a, b }, 2);
}
