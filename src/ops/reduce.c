/* reduce.c - sum and mean over all elements. Kernels: cl/sum.cl, cl/elementwise.cl. Oracles: tests/oracle/{sum,mean}.c.
 * The gradient is a scalar spread over the input; it reads the input for its shape only. */
#include "ops/elementwise.h"
#include "ops/ops.h"

/* The descriptor of the layers and of the gradient node. */
struct reduce {
    bool mean;
};

static float scale(const struct node *n)
{
    const struct reduce *d = n->desc;
    return d->mean ? 1.f / (float)shape_count(&n->in[0]->shape) : 1.f;
}

static oc_status workspace(struct node *n)
{
    const int64_t count = shape_count(&n->in[0]->shape);
    return node_output(n, 1, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { sum_workspace(count) } });
}

static oc_status infer(struct node *n)
{
    if (n->in[0]->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    TRY(node_output(n, 0, ELEMENT_F32, &(struct shape){ 0 }));
    return n->out_count > 1 ? workspace(n) : OC_OK;
}

static void cost(const struct node *n, struct cost *cost)
{
    cost->flops = (double)shape_count(&n->in[0]->shape);
    cost->bytes = 4.0 * cost->flops + 4.0;
}

static oc_status emit_sum(struct emitter *e, const struct node *n, bool grouped)
{
    const struct summation s = { .a = n->in[0], .b = n->in[0], .scale = scale(n), .grouped = grouped };
    return sum_emit(e, n, &s, n->out[1], n->out[0]);
}

static oc_status group(struct emitter *e, const struct node *n)
{
    return emit_sum(e, n, true);
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    return emit_sum(e, n, false);
}

static const struct impl impls[] = {
    { .name = "group",
      .supports = sum_group_supports,
      .prefers = device_is_no_cpu,
      .prepare = workspace,
      .emit = group },
    { .name = "reference", .prepare = workspace, .emit = reference },
    { 0 },
};

/* ---- (x, dy) -> dx: dy everywhere ---- */

static struct elementwise spread(const struct node *n)
{
    return (struct elementwise){ .operation = "spread",
                                 .alpha = scale(n),
                                 .a = n->in[0],
                                 .b = n->in[0],
                                 .y = n->out[0],
                                 .scale = n->in[1] };
}

static oc_status spread_reference(struct emitter *e, const struct node *n)
{
    const struct elementwise what = spread(n);
    return elementwise_reference(e, n, &what);
}

static oc_status spread_vector(struct emitter *e, const struct node *n)
{
    const struct elementwise what = spread(n);
    return elementwise_vector(e, n, &what);
}

static const struct impl spread_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = spread_vector },
    { .name = "reference", .emit = spread_reference },
    { 0 },
};

const struct op op_spread = {
    .name = "spread",
    .desc_size = sizeof(struct reduce),
    .infer = infer_like_input,
    .impls = spread_impls,
    .in_place = 1,
};

static oc_status gradient(struct node *n)
{
    oc_tensor *x = n->in[0];
    if (!x->wants_gradient)
        return OC_OK;
    return contribute(x,
                      graph_append(&op_spread, n->desc, NULL, (oc_tensor *[]){ x, n->out[0]->gradient }, 2));
}

#define REDUCE(id)                                                                                           \
    const struct op op_##id = {                                                                              \
        .name = #id,                                                                                         \
        .desc_size = sizeof(struct reduce),                                                                  \
        .infer = infer,                                                                                      \
        .gradient = gradient,                                                                                \
        .cost = cost,                                                                                        \
        .impls = impls,                                                                                      \
        .layer = true,                                                                                       \
    }

REDUCE(sum);
REDUCE(mean);

oc_tensor *oc_sum(oc_tensor *x)
{
    return graph_append(&op_sum, &(struct reduce){ .mean = false }, NULL, &x, 1);
}

oc_tensor *oc_mean(oc_tensor *x)
{
    return graph_append(&op_mean, &(struct reduce){ .mean = true }, NULL, &x, 1);
}
