/* lrn.c - local response normalisation across channels (Krizhevsky et al. 2012, section 3.3). Kernels: cl/lrn.cl.
 * Oracle: tests/oracle/lrn.c.
 * The backward pass computes the scale anew from x, so that nothing but x is kept for it. */
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <math.h>

static void set_default(float *value, float otherwise)
{
    if (*value == 0.f)
        *value = otherwise;
}

static oc_status infer(struct node *n)
{
    oc_lrn_desc *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (x->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its input must be of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    if (d->size == 0)
        d->size = 5;
    set_default(&d->alpha, 1e-4f);
    set_default(&d->beta, 0.75f);
    set_default(&d->k, 1.f);
    if (d->size < 1 || d->size > 1 << 20)
        return node_fail(n, OC_E_ARGUMENT, "size must be in 1..%d, it is %d", 1 << 20, d->size);
    if (!(d->alpha > 0.f && d->beta > 0.f && d->k > 0.f) || isinf(d->alpha) || isinf(d->beta) || isinf(d->k))
        return node_fail(n, OC_E_ARGUMENT,
                         "alpha, beta and k must be finite numbers above 0, they are %g, %g and %g",
                         (double)d->alpha, (double)d->beta, (double)d->k);
    return node_output(n, 0, ELEMENT_F32, &x->shape);
}

/* Of each value the window's squares and sum, the power and a product, and backward another window's sum and six
 * operations around it; what the backward kernels compute twice counts once. */
static void cost(const struct node *n, struct cost *cost)
{
    const oc_lrn_desc *d = n->desc;
    const double values = (double)shape_count(&n->out[0]->shape), size = d->size;
    cost->flops = values * (n->in_count > 1 ? 3.0 * size + 10.0 : 2.0 * size + 4.0);
    cost->bytes = 4.0 * values * (double)(n->in_count + 1);
}

/* Of the forward kernels b is a again. */
static oc_status launch(struct emitter *e, const struct node *n, const char *kernel, bool vector)
{
    const oc_lrn_desc *d = n->desc;
    const oc_tensor *a = n->in[0], *b = n->in[n->in_count - 1], *y = n->out[0];
    struct rows r = pixel_rows(a, b, y);
    r.alpha = d->alpha / (float)d->size;
    return emit(
        e, n,
        &(struct launch_spec){
            .file = "lrn.cl",
            .kernel = kernel,
            .args = { TENSOR(a), TENSOR(b), TENSOR(y), STRUCT(r), INT(d->size), FLOAT(d->beta), FLOAT(d->k) },
            .items = { vector ? rows_items(&r) : r.count },
            .group = { vector ? 1 : emitter_group(e) },
        });
}

static oc_status forward_reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, "lrn_reference", false);
}

static oc_status forward_vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, "lrn_vector", true);
}

static oc_status backward_reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, "lrn_backward_reference", false);
}

static oc_status backward_vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, "lrn_backward_vector", true);
}

/* A work-item has room for one row and the windows that reach over its ends. */
static bool vector_supports(const struct node *n, const oc_device_info *device)
{
    enum { ROW = 1024 }; /* of cl/lrn.cl */
    const oc_lrn_desc *d = n->desc;
    return softmax_vector_supports(n, device) && shape_channels(&n->in[0]->shape) + 2 * d->size <= ROW;
}

static const struct impl backward_impls[] = {
    { .name = "vector", .supports = vector_supports, .emit = backward_vector },
    { .name = "reference", .emit = backward_reference },
    { 0 },
};

/* (dy, x) -> dx */
const struct op op_lrn_backward = {
    .name = "lrn_backward",
    .desc_size = sizeof(oc_lrn_desc),
    .infer = infer,
    .cost = cost,
    .impls = backward_impls,
};

static oc_status gradient(struct node *n)
{
    if (!n->in[0]->wants_gradient)
        return OC_OK;
    return contribute(n->in[0], graph_append(&op_lrn_backward, n->desc, NULL,
                                             (oc_tensor *[]){ n->out[0]->gradient, n->in[0] }, 2));
}

static const struct impl forward_impls[] = {
    { .name = "vector", .supports = vector_supports, .emit = forward_vector },
    { .name = "reference", .emit = forward_reference },
    { 0 },
};

const struct op op_lrn = {
    .name = "lrn",
    .desc_size = sizeof(oc_lrn_desc),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .impls = forward_impls,
    .layer = true,
};

oc_tensor *oc_lrn(oc_tensor *x, const oc_lrn_desc *desc)
{
    static const oc_lrn_desc defaults;
    return graph_append(&op_lrn, desc ? desc : &defaults, NULL, &x, 1);
}
