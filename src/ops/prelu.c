/* prelu.c - ReLU with a learned slope below zero (He et al. 2015). Kernels: cl/prelu.cl, cl/elementwise.cl, cl/sum.cl.
 * Oracle: tests/oracle/prelu.c.
 * The slopes may become negative, so the sign of y says nothing about x: the backward pass needs x. */
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

static oc_status parameters(struct node *n)
{
    const oc_prelu_desc *d = n->desc;
    const struct shape shape = { .rank = 1, .dim = { d->shared ? 1 : n->in[0]->shape.dim[1] } };
    struct parameter slope = { .init = d->weight_init, .fan_in = 1, .fan_out = 1, .frozen = d->frozen };
    if (slope.init.kind == OC_INIT_DEFAULT)
        slope.init = (oc_init){ .kind = OC_INIT_CONSTANT, .value = 0.25f };
    return node_parameter(n, "weight", &shape, &slope);
}

/* A comparison and a product per value. */
static void cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->out[0]->shape);
    cost->flops = 2.0 * values;
    cost->bytes = 4.0 * values * (double)n->in_count;
}

/* y = x > 0 ? a : w*a. Forward (x, w), a = x; backward (dy, x, w), a = dy. */
static oc_status launch(struct emitter *e, const struct node *n, bool vector)
{
    const oc_prelu_desc *d = n->desc;
    const oc_tensor *a = n->in[0], *x = n->in[n->in_count - 2], *w = n->in[n->in_count - 1], *y = n->out[0];
    const struct rows r = d->shared ? value_rows(a, x, y) : pixel_rows(a, x, y);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "prelu.cl",
                    .kernel = vector ? "prelu_vector" : "prelu_reference",
                    .defines = d->shared ? " -DSHARED=1" : " -DSHARED=0",
                    .args = { TENSOR(a), TENSOR(x), TENSOR(y), TENSOR(w), STRUCT(r) },
                    .items = { vector ? rows_items(&r) : r.count },
                    .group = { vector ? 1 : emitter_group(e) },
                });
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, false);
}

static oc_status vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, true);
}

static const struct impl impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = vector },
    { .name = "reference", .emit = reference },
    { 0 },
};

const struct op op_prelu_backward = {
    .name = "prelu_backward",
    .desc_size = sizeof(oc_prelu_desc),
    .infer = infer,
    .cost = cost,
    .impls = impls,
    .in_place = 1,
};

/* ---- (x, dy) -> what each value adds to the gradient of its slope: x > 0 ? 0 : x*dy ---- */

static struct elementwise slope(const struct node *n)
{
    return (struct elementwise){
        .operation = "below_zero_product", .a = n->in[0], .b = n->in[1], .y = n->out[0]
    };
}

static oc_status slope_reference(struct emitter *e, const struct node *n)
{
    const struct elementwise what = slope(n);
    return elementwise_reference(e, n, &what);
}

static oc_status slope_vector(struct emitter *e, const struct node *n)
{
    const struct elementwise what = slope(n);
    return elementwise_vector(e, n, &what);
}

static const struct impl slope_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = slope_vector },
    { .name = "reference", .emit = slope_reference },
    { 0 },
};

const struct op op_prelu_slope = {
    .name = "prelu_slope",
    .infer = infer,
    .cost = cost,
    .impls = slope_impls,
    .in_place = 3,
};

static oc_status gradient(struct node *n)
{
    const oc_prelu_desc *d = n->desc;
    oc_tensor *x = n->in[0], *w = n->in[1], *dy = n->out[0]->gradient;
    if (x->wants_gradient)
        TRY(contribute(x, graph_append(&op_prelu_backward, n->desc, NULL, (oc_tensor *[]){ dy, x, w }, 3)));
    if (!w->wants_gradient)
        return OC_OK;
    oc_tensor *dw =
        channel_sum_append(graph_append(&op_prelu_slope, NULL, NULL, (oc_tensor *[]){ x, dy }, 2));
    if (d->shared) /* over the channels too: they become the pixels of one */
        dw = channel_sum_append(reshape_append(dw, &(struct shape){ .rank = 2, .dim = { 0, 1 } }));
    return contribute(w, dw);
}

const struct op op_prelu = {
    .name = "prelu",
    .desc_size = sizeof(oc_prelu_desc),
    .infer = infer,
    .parameters = parameters,
    .gradient = gradient,
    .cost = cost,
    .impls = impls,
    .in_place = 1,
    .layer = true,
};

oc_tensor *oc_prelu(oc_tensor *x, const oc_prelu_desc *desc)
{
    const oc_prelu_desc d = desc ? *desc : (oc_prelu_desc){ 0 };
    return graph_append(&op_prelu, &d, d.name, &x, 1);
}
