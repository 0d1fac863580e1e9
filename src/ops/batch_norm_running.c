/* batch_norm_running.c - batch normalisation by running averages: the factor and the constant that they make, derived from
 * the parameters alone, so that the layer is one multiply-add per value. Kernels: cl/batch_norm.cl. */
#include "ops/batch_norm.h"

/* What is known of each channel, a channel per work-item. */
static oc_status emit_channels(struct emitter *e, const struct node *n, struct launch_spec spec,
                               const struct batch *g)
{
    spec.file = "batch_norm.cl";
    spec.items[0] = g->channels;
    spec.group[0] = emitter_group(e);
    return emit(e, n, &spec);
}

/* ---- the factor of x ---- */

static void scale_cost(const struct node *n, struct cost *cost)
{
    const double channels = (double)shape_count(&n->in[0]->shape);
    cost->flops = 3.0 * channels;
    cost->bytes = 4.0 * channels * (double)(n->in_count + 1);
}

static oc_status scale_reference(struct emitter *e, const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const struct batch g = { .channels = (int32_t)shape_count(&n->in[0]->shape),
                             .epsilon = d->epsilon,
                             .affine = n->in_count > 1 };
    return emit_channels(
        e, n,
        (struct launch_spec){
            .kernel = "batch_norm_scale",
            .args = { TENSOR(n->in[0]), TENSOR(n->in[n->in_count - 1]), TENSOR(n->out[0]), STRUCT(g) },
        },
        &g);
}

static const struct impl scale_impls[] = {
    { .name = "reference", .emit = scale_reference },
    { 0 },
};

/* (running_var), (running_var, weight) -> weight / sqrt(running_var + epsilon) */
const struct op op_batch_norm_scale = {
    .name = "batch_norm_scale",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = infer_like_input,
    .cost = scale_cost,
    .impls = scale_impls,
};

oc_tensor *batch_norm_scale(const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    oc_tensor *variance = n->in[d->no_affine ? 2 : 4];
    return graph_append(&op_batch_norm_scale, d, NULL, (oc_tensor *[]){ variance, n->in[1] },
                        d->no_affine ? 1 : 2);
}

/* ---- the constant ---- */

static oc_status shift_reference(struct emitter *e, const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const int affine = !d->no_affine;
    const struct batch g = { .channels = (int32_t)shape_count(&n->in[0]->shape), .affine = affine };
    const oc_tensor *mean = n->in[1], *bias = affine ? n->in[2] : mean, *b = n->in[n->in_count - 1];
    return emit_channels(e, n,
                         (struct launch_spec){
                             .kernel = "batch_norm_shift",
                             .args = { TENSOR(n->in[0]), TENSOR(mean), TENSOR(bias), TENSOR(b),
                                       TENSOR(n->out[0]), INT(n->in_count > 2 + affine), STRUCT(g) },
                         },
                         &g);
}

static const struct impl shift_impls[] = {
    { .name = "reference", .emit = shift_reference },
    { 0 },
};

/* (scale, running_mean), bias unless no_affine, b if there is one -> (b - running_mean)*scale + bias */
const struct op op_batch_norm_shift = {
    .name = "batch_norm_shift",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = infer_like_input,
    .cost = scale_cost,
    .impls = shift_impls,
};

bool batch_norm_is_affine(const struct node *n)
{
    return !has_batch_statistics(n);
}

oc_status batch_norm_affine(const struct node *n, oc_tensor *b, oc_tensor **scale, oc_tensor **shift)
{
    const oc_batch_norm_desc *d = n->desc;
    oc_tensor *in[4] = { *scale = batch_norm_scale(n), n->in[d->no_affine ? 1 : 3] };
    int count = 2;
    if (!d->no_affine)
        in[count++] = n->in[2];
    if (b)
        in[count++] = b;
    *shift = graph_append(&op_batch_norm_shift, d, NULL, in, count);
    return oc_graph_check(n->in[0]->graph);
}
