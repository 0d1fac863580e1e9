/* batch_norm_backward.c - gradients of batch normalisation: sums over the pixels, which are those of weight and bias, then
 * every value of dx. Kernels: cl/batch_norm.cl. */
#include "ops/batch_norm.h"

/* ---- backward: sums ---- */

static oc_status sums_infer(struct node *n)
{
    const oc_tensor *x = n->in[0];
    TRY(batch_norm_channels(n, OUT_DWEIGHT, 1, x));
    TRY(batch_norm_channels(n, OUT_DBIAS, 1, x));
    TRY(batch_norm_partial(n, OUT_SUMS_PARTIAL, x));
    return n->in_count > 4 ? batch_norm_channels(n, OUT_TERMS, 2, x) : OC_OK;
}

/* A sum of dy, and one of a difference times dy. */
static void sums_cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->in[0]->shape);
    cost->flops = 4.0 * values;
    cost->bytes = 8.0 * values;
}

static oc_status sums(struct emitter *e, const struct node *n, bool vector)
{
    const oc_tensor *x = n->in[0], *dy = n->in[1], *mean = n->in[2], *spread = n->in[3];
    const bool running = n->in_count == 4;
    const oc_tensor *partial = n->out[OUT_SUMS_PARTIAL], *scale = running ? spread : n->in[4];
    struct batch g = batch_norm_describe(e, n, x, dy, vector);
    g.running = running;
    TRY(batch_norm_emit_chunks(
        e, n,
        (struct launch_spec){
            .kernel = "batch_norm_products",
            .args = { TENSOR(x), TENSOR(dy), TENSOR(mean), TENSOR(partial), STRUCT(g) },
        },
        &g, vector));
    return batch_norm_emit_totals(
        e, n,
        (struct launch_spec){
            .kernel = "batch_norm_sums",
            .args = { TENSOR(partial), TENSOR(spread), TENSOR(scale), TENSOR(n->out[OUT_DWEIGHT]),
                      TENSOR(n->out[OUT_DBIAS]), TENSOR(n->out[running ? OUT_DBIAS : OUT_TERMS]), STRUCT(g) },
        },
        &g, vector);
}

static oc_status sums_reference(struct emitter *e, const struct node *n)
{
    return sums(e, n, false);
}

static oc_status sums_vector(struct emitter *e, const struct node *n)
{
    return sums(e, n, true);
}

static const struct impl sums_impls[] = {
    { .name = "vector", .supports = softmax_vector_supports, .emit = sums_vector },
    { .name = "reference", .emit = sums_reference },
    { 0 },
};

/* (x, dy, mean, 1/deviation, scale) or (x, dy, running_mean, running_var) -> gradients of weight and bias */
const struct op op_batch_norm_sums = {
    .name = "batch_norm_sums",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = sums_infer,
    .cost = sums_cost,
    .impls = sums_impls,
};

/* ---- backward: every value ---- */

/* (dy, scale): neither x nor the batch's statistics. */
static bool scales_only(const struct node *n)
{
    return n->in[1]->shape.rank == 1;
}

static void backward_cost(const struct node *n, struct cost *cost)
{
    const bool running = scales_only(n);
    const double values = (double)shape_count(&n->in[0]->shape);
    cost->flops = values * (running ? 1.0 : 5.0);
    cost->bytes = 4.0 * values * (running ? 2.0 : 3.0);
}

static oc_status backward(struct emitter *e, const struct node *n, bool vector)
{
    oc_tensor **in = n->in;
    const struct batch_norm_values running = { "scale", in[0], in[0], in[1], in[1], in[1] };
    if (scales_only(n))
        return batch_norm_emit_values(e, n, &running, vector);
    return batch_norm_emit_values(
        e, n, &(struct batch_norm_values){ "gradient", in[0], in[1], in[2], in[3], in[4] }, vector);
}

static oc_status backward_reference(struct emitter *e, const struct node *n)
{
    return backward(e, n, false);
}

static oc_status backward_vector(struct emitter *e, const struct node *n)
{
    return backward(e, n, true);
}

static const struct impl backward_impls[] = {
    { .name = "vector", .supports = softmax_vector_supports, .emit = backward_vector },
    { .name = "reference", .emit = backward_reference },
    { 0 },
};

/* (dy, x, mean, scale, terms) or (dy, scale) -> dx */
const struct op op_batch_norm_backward = {
    .name = "batch_norm_backward",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = infer_like_input,
    .cost = backward_cost,
    .impls = backward_impls,
    .in_place = 3,
    .epilogue = EPILOGUE_ALL,
};

oc_status batch_norm_gradient(struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const bool batch = has_batch_statistics(n), trained = !d->no_affine && n->in[1]->wants_gradient;
    oc_tensor *x = n->in[0], *dy = n->out[0]->gradient, **states = &n->in[d->no_affine ? 1 : 3];
    oc_tensor *sums = NULL;
    if (batch) {
        oc_tensor *scale = n->out[d->no_affine ? OUT_INVERSE : OUT_SCALE], *mean = n->out[OUT_MEAN];
        sums = graph_append(&op_batch_norm_sums, d, NULL,
                            (oc_tensor *[]){ x, dy, mean, n->out[OUT_INVERSE], scale }, 5);
        TRY(oc_graph_check(x->graph));
        if (x->wants_gradient)
            TRY(contribute(
                x, graph_append(&op_batch_norm_backward, d, NULL,
                                (oc_tensor *[]){ dy, x, mean, scale, sums->producer->out[OUT_TERMS] }, 5)));
    } else {
        if (trained)
            sums =
                graph_append(&op_batch_norm_sums, d, NULL, (oc_tensor *[]){ x, dy, states[0], states[1] }, 4);
        TRY(oc_graph_check(x->graph));
        if (x->wants_gradient)
            TRY(contribute(x, graph_append(&op_batch_norm_backward, d, NULL,
                                           (oc_tensor *[]){ dy, batch_norm_scale(n) }, 2)));
    }
    if (!trained)
        return OC_OK;
    TRY(contribute(n->in[1], sums));
    return contribute(n->in[2], sums->producer->out[OUT_DBIAS]);
}
