/* batch_norm.c - batch normalisation. Kernels: cl/batch_norm.cl. Oracle: tests/oracle/batch_norm.c.
 *
 * In training a layer normalises by the statistics of the batch, keeps them for the backward pass and mixes them into its
 * running averages, which are parameters that no optimizer touches. In inference, and with `use_running` always, the
 * running averages take their place; the layer is then one multiply-add per value, and the factors are derived from the
 * parameters alone. */
#include "ops/batch_norm.h"

#include <inttypes.h>

/* ---- forward ---- */

static oc_status check(const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32 || x->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its input must be OC_F32 of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    if (!(d->epsilon > 0.f && d->epsilon <= 1.f) || !(d->momentum > 0.f && d->momentum <= 1.f))
        return node_fail(n, OC_E_ARGUMENT, "epsilon %g and momentum %g must be above 0 and at most 1",
                         (double)d->epsilon, (double)d->momentum);
    if (has_batch_statistics(n) && shape_pixels(&x->shape) < 2)
        return node_fail(n, OC_E_SHAPE,
                         "training needs at least 2 values per channel to normalise over; its input of shape "
                         "%s has %" PRId64 ": use a larger batch, or use_running",
                         SHAPE_TEXT(&x->shape), shape_pixels(&x->shape));
    return OC_OK;
}

static oc_status infer(struct node *n)
{
    oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (d->epsilon == 0.f)
        d->epsilon = 1e-5f;
    if (d->momentum == 0.f)
        d->momentum = 0.1f;
    TRY(check(n));
    TRY(node_output(n, 0, ELEMENT_F32, &x->shape));
    if (!has_batch_statistics(n))
        return OC_OK;
    TRY(batch_norm_channels(n, OUT_MEAN, 1, x));
    TRY(batch_norm_channels(n, OUT_INVERSE, 1, x));
    TRY(batch_norm_partial(n, OUT_PARTIAL, x));
    return d->no_affine ? OC_OK : batch_norm_channels(n, OUT_SCALE, 1, x);
}

static oc_status parameters(struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const struct shape c = { .rank = 1, .dim = { shape_channels(&n->in[0]->shape) } };
    const oc_init zero = { .kind = OC_INIT_CONSTANT }, one = { .kind = OC_INIT_CONSTANT, .value = 1.f };
    if (!d->no_affine) {
        TRY(node_parameter(n, "weight", &c, &(struct parameter){ .init = one, .frozen = d->frozen }));
        TRY(node_parameter(n, "bias", &c, &(struct parameter){ .init = zero, .frozen = d->frozen }));
    }
    TRY(node_parameter(n, "running_mean", &c, &(struct parameter){ .init = zero, .state = true }));
    return node_parameter(n, "running_var", &c, &(struct parameter){ .init = one, .state = true });
}

/* A multiply-add per value; the batch's statistics take a sum, a difference, a square and its sum. */
static void cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->out[0]->shape);
    cost->flops = values * (has_batch_statistics(n) ? 7.0 : 3.0);
    cost->bytes = 8.0 * values;
}

/* ---- the layer ---- */

static oc_status derive_scale(struct node *n)
{
    if (has_batch_statistics(n))
        return OC_OK;
    oc_graph *graph = n->in[0]->graph;
    graph->insert_before = n;
    oc_tensor *scale = batch_norm_scale(n);
    graph->insert_before = NULL;
    TRY(oc_graph_check(graph));
    return node_add_input(n, scale);
}

static oc_status statistics(struct emitter *e, const struct node *n, bool vector)
{
    const oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0], *partial = n->out[OUT_PARTIAL], *inverse = n->out[OUT_INVERSE];
    const oc_tensor *weight = d->no_affine ? x : n->in[1],
                    *scale = d->no_affine ? inverse : n->out[OUT_SCALE];
    oc_tensor **states = &n->in[d->no_affine ? 1 : 3];
    const struct batch g = batch_norm_describe(e, n, x, x, vector);
    TRY(batch_norm_emit_chunks(e, n,
                               (struct launch_spec){
                                   .kernel = "batch_norm_moments",
                                   .args = { TENSOR(x), TENSOR(partial), STRUCT(g) },
                               },
                               &g, vector));
    return batch_norm_emit_totals(
        e, n,
        (struct launch_spec){
            .kernel = "batch_norm_statistics",
            .args = { TENSOR(x), TENSOR(partial), TENSOR(weight), TENSOR(n->out[OUT_MEAN]), TENSOR(inverse),
                      TENSOR(scale), TENSOR(states[0]), TENSOR(states[1]), STRUCT(g) },
        },
        &g, vector);
}

static oc_status normalize(struct emitter *e, const struct node *n, const oc_tensor *mean,
                           const oc_tensor *scale, bool vector)
{
    const oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0], *bias = d->no_affine ? mean : n->in[2];
    const char *operation = d->no_affine ? "normalized_only" : "normalized";
    return batch_norm_emit_values(e, n, &(struct batch_norm_values){ operation, x, x, mean, scale, bias },
                                  vector);
}

static oc_status forward(struct emitter *e, const struct node *n, bool vector)
{
    const oc_batch_norm_desc *d = n->desc;
    if (!has_batch_statistics(n))
        return normalize(e, n, n->in[d->no_affine ? 1 : 3], n->in[n->in_count - 1], vector);
    TRY(statistics(e, n, vector));
    return normalize(e, n, n->out[OUT_MEAN], n->out[d->no_affine ? OUT_INVERSE : OUT_SCALE], vector);
}

static oc_status forward_reference(struct emitter *e, const struct node *n)
{
    return forward(e, n, false);
}

static oc_status forward_vector(struct emitter *e, const struct node *n)
{
    return forward(e, n, true);
}

static const struct impl forward_impls[] = {
    { .name = "vector",
      .supports = softmax_vector_supports,
      .prepare = derive_scale,
      .emit = forward_vector },
    { .name = "reference", .prepare = derive_scale, .emit = forward_reference },
    { 0 },
};

/* ---- once more, with the statistics that are known ---- */

static oc_status again_reference(struct emitter *e, const struct node *n)
{
    return normalize(e, n, n->in[n->in_count - 2], n->in[n->in_count - 1], false);
}

static oc_status again_vector(struct emitter *e, const struct node *n)
{
    return normalize(e, n, n->in[n->in_count - 2], n->in[n->in_count - 1], true);
}

static const struct impl again_impls[] = {
    { .name = "vector", .supports = softmax_vector_supports, .emit = again_vector },
    { .name = "reference", .emit = again_reference },
    { 0 },
};

/* The layer's inputs, those of its epilogue, the batch's mean and scale. The running averages are left as they are. */
const struct op op_batch_norm_again = {
    .name = "batch_norm_again",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = infer_like_input,
    .impls = again_impls,
    .in_place = 1,
    .epilogue = EPILOGUE_ALL,
};

static oc_status repeat(struct node *copy, const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    if (!has_batch_statistics(n))
        return OC_OK;
    copy->op = &op_batch_norm_again;
    TRY(node_add_input(copy, n->out[OUT_MEAN]));
    return node_add_input(copy, n->out[d->no_affine ? OUT_INVERSE : OUT_SCALE]);
}

/* (x, weight, bias, running_mean, running_var) without the second and third if no_affine; without the batch's statistics
 * the scale follows */
const struct op op_batch_norm = {
    .name = "batch_norm",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = infer,
    .parameters = parameters,
    .gradient = batch_norm_gradient,
    .repeat = repeat,
    .cost = cost,
    .impls = forward_impls,
    .in_place = 1,
    .is_affine = batch_norm_is_affine,
    .affine = batch_norm_affine,
    .epilogue = EPILOGUE_ALL,
    .layer = true,
};

oc_tensor *oc_batch_norm(oc_tensor *x, const oc_batch_norm_desc *desc)
{
    static const oc_batch_norm_desc defaults;
    if (!desc)
        desc = &defaults;
    return graph_append(&op_batch_norm, desc, desc->name, &x, 1);
}
