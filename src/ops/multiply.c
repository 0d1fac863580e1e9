/* multiply.c - products value by value, with a constant, and weighted sums of losses.
 * Kernels: cl/elementwise.cl, cl/sum.cl. Oracles: tests/oracle/{multiply,scale,weighted_sum}.c.
 * All are linear in each input, so their gradients are made of the same operations. */
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <math.h>

static void cost(const struct node *n, struct cost *cost)
{
    cost->flops = (double)shape_count(&n->out[0]->shape);
    cost->bytes = 4.0 * cost->flops * (double)(n->in_count + 1);
}

/* ---- multiply ---- */

static oc_status multiply_infer(struct node *n)
{
    const oc_tensor *a = n->in[0], *b = n->in[1];
    if (!shape_equal(&a->shape, &b->shape))
        return node_fail(n, OC_E_SHAPE, "its inputs must have equal shapes, they are %s and %s",
                         SHAPE_TEXT(&a->shape), SHAPE_TEXT(&b->shape));
    if (a->type != ELEMENT_F32 || b->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its inputs must be OC_F32");
    return node_output(n, 0, ELEMENT_F32, &a->shape);
}

static oc_status multiply_gradient(struct node *n)
{
    for (int i = 0; i < 2; i++)
        if (n->in[i]->wants_gradient)
            TRY(contribute(n->in[i], graph_append(&op_multiply, NULL, NULL,
                                                  (oc_tensor *[]){ n->out[0]->gradient, n->in[1 - i] }, 2)));
    return OC_OK;
}

static struct elementwise multiply(const struct node *n)
{
    return (struct elementwise){ .operation = "multiply", .a = n->in[0], .b = n->in[1], .y = n->out[0] };
}

static oc_status multiply_reference(struct emitter *e, const struct node *n)
{
    const struct elementwise what = multiply(n);
    return elementwise_reference(e, n, &what);
}

static oc_status multiply_vector(struct emitter *e, const struct node *n)
{
    const struct elementwise what = multiply(n);
    return elementwise_vector(e, n, &what);
}

static const struct impl multiply_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = multiply_vector },
    { .name = "reference", .emit = multiply_reference },
    { 0 },
};

const struct op op_multiply = {
    .name = "multiply",
    .infer = multiply_infer,
    .gradient = multiply_gradient,
    .cost = cost,
    .impls = multiply_impls,
    .in_place = 3,
    .layer = true,
};

oc_tensor *oc_multiply(oc_tensor *a, oc_tensor *b)
{
    return graph_append(&op_multiply, NULL, NULL, (oc_tensor *[]){ a, b }, 2);
}

/* ---- scale: the descriptor is the factor ---- */

static float factor(const struct node *n)
{
    return *(const float *)n->desc;
}

static oc_tensor *scale_append(oc_tensor *x, float by)
{
    return graph_append(&op_scale, &by, NULL, &x, 1);
}

static oc_status scale_infer(struct node *n)
{
    if (n->in[0]->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (!isfinite(factor(n)))
        return node_fail(n, OC_E_ARGUMENT, "its factor must be finite, it is %g", (double)factor(n));
    return node_output(n, 0, ELEMENT_F32, &n->in[0]->shape);
}

static oc_status scale_gradient(struct node *n)
{
    if (!n->in[0]->wants_gradient)
        return OC_OK;
    return contribute(n->in[0], scale_append(n->out[0]->gradient, factor(n)));
}

static struct elementwise scale(const struct node *n)
{
    return (struct elementwise){ .operation = "activate",
                                 .function = n->op->function,
                                 .alpha = factor(n),
                                 .a = n->in[0],
                                 .b = n->in[0],
                                 .y = n->out[0] };
}

static oc_status scale_reference(struct emitter *e, const struct node *n)
{
    const struct elementwise what = scale(n);
    return elementwise_reference(e, n, &what);
}

static oc_status scale_vector(struct emitter *e, const struct node *n)
{
    const struct elementwise what = scale(n);
    return elementwise_vector(e, n, &what);
}

static const struct impl scale_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = scale_vector },
    { .name = "reference", .emit = scale_reference },
    { 0 },
};

const struct op op_scale = {
    .name = "scale",
    .desc_size = sizeof(float),
    .infer = scale_infer,
    .gradient = scale_gradient,
    .cost = cost,
    .impls = scale_impls,
    .in_place = 1,
    .function = "apply_scale",
    .alpha = factor,
    .layer = true,
};

oc_tensor *oc_scale(oc_tensor *x, float by)
{
    return scale_append(x, by);
}

/* ---- weighted sum of scalars ---- */

enum { MAX_LOSSES = 16 };

struct weighted_sum {
    int count;
    float weights[MAX_LOSSES];
};

static oc_status sum_infer(struct node *n)
{
    const struct weighted_sum *d = n->desc;
    if (d->count > MAX_LOSSES)
        return node_fail(n, OC_E_UNSUPPORTED, "it takes at most %d losses, they are %d", MAX_LOSSES,
                         d->count);
    for (int i = 0; i < n->in_count; i++) {
        if (n->in[i]->type != ELEMENT_F32 || n->in[i]->shape.rank != 0)
            return node_fail(n, OC_E_SHAPE, "its inputs must be scalars of type OC_F32, input %d is %s", i,
                             SHAPE_TEXT(&n->in[i]->shape));
        if (!isfinite(d->weights[i]))
            return node_fail(n, OC_E_ARGUMENT, "its weights must be finite, weight %d is %g", i,
                             (double)d->weights[i]);
    }
    return node_output(n, 0, ELEMENT_F32, &(struct shape){ 0 });
}

static oc_status sum_gradient(struct node *n)
{
    const struct weighted_sum *d = n->desc;
    for (int i = 0; i < n->in_count; i++)
        if (n->in[i]->wants_gradient)
            TRY(contribute(n->in[i], scale_append(n->out[0]->gradient, d->weights[i])));
    return OC_OK;
}

static oc_status sum_reference(struct emitter *e, const struct node *n)
{
    const struct weighted_sum *d = n->desc;
    for (int i = 0; i < n->in_count; i++)
        TRY(emit(e, n,
                 &(struct launch_spec){
                     .file = "sum.cl",
                     .kernel = "weighted_sum",
                     .args = { TENSOR(n->in[i]), TENSOR(n->out[0]), FLOAT(d->weights[i]), INT(i == 0) },
                 }));
    return OC_OK;
}

static const struct impl sum_impls[] = { { .name = "reference", .emit = sum_reference }, { 0 } };

const struct op op_weighted_sum = {
    .name = "weighted_sum",
    .desc_size = sizeof(struct weighted_sum),
    .infer = sum_infer,
    .gradient = sum_gradient,
    .impls = sum_impls,
    .layer = true,
};

oc_tensor *oc_weighted_sum(oc_tensor *const *losses, const float *weights, int count)
{
    struct weighted_sum d = { .count = losses && weights && count > 0 ? count : 0 };
    for (int i = 0; i < d.count && i < MAX_LOSSES; i++)
        d.weights[i] = weights[i];
    return graph_append(&op_weighted_sum, &d, NULL, losses, d.count);
}
