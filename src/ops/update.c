/* update.c - the optimizer's step on all parameters of one slab. Kernels: cl/update.cl. Page: docs/ops/sgd.md.
 *
 * The node's output is the memory of w itself, so there is nothing to place. The padding between parameters is updated
 * with them: whatever it holds, nobody reads it. */
#include "base/text.h"
#include "ops/elementwise.h"
#include "ops/ops.h"

/* Twin of `update` in cl/update.cl. */
struct update {
    int64_t count;
    int32_t values_per_item;
    float momentum, decay, padding;
};

enum { VALUES_PER_ITEM = 8192 };

/* (w, dw, v), without v if there is no momentum; flat tensors of equal size. */
static oc_status infer(struct node *n)
{
    oc_tensor *w = n->in[0];
    for (int i = 1; i < n->in_count; i++)
        if (shape_count(&n->in[i]->shape) != shape_count(&w->shape))
            return node_fail(n, OC_E_SHAPE,
                             "parameters and gradients must be equal in size, they are %s and %s",
                             SHAPE_TEXT(&w->shape), SHAPE_TEXT(&n->in[i]->shape));
    TRY(node_output(n, 0, ELEMENT_F32, &w->shape));
    n->out[0]->base = w;
    n->out[0]->placed = true;
    return OC_OK;
}

static void cost(const struct node *n, struct cost *cost)
{
    const double count = (double)shape_count(&n->in[0]->shape);
    cost->flops = count * (n->in_count > 2 ? 6.0 : 4.0);
    cost->bytes = 4.0 * count * (n->in_count > 2 ? 5.0 : 3.0);
}

static oc_status launch(struct emitter *e, const struct node *n, const char *kernel, int64_t values_per_item,
                        int64_t group)
{
    const oc_optimizer_desc *d = n->desc;
    const oc_tensor *w = n->in[0], *dw = n->in[1], *v = n->in_count > 2 ? n->in[2] : w;
    const struct update u = { .count = shape_count(&w->shape),
                              .values_per_item = (int32_t)values_per_item,
                              .momentum = d->momentum,
                              .decay = d->weight_decay };
    char buffer[64];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DMOMENTUM=%d -DNESTEROV=%d", n->in_count > 2, d->nesterov);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "update.cl",
                    .kernel = kernel,
                    .defines = defines.data,
                    .args = { TENSOR(w), TENSOR(dw), TENSOR(v), RATE(), STRUCT(u) },
                    .items = { (u.count + values_per_item - 1) / values_per_item },
                    .group = { group },
                });
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, "sgd_reference", 1, emitter_group(e));
}

static oc_status vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, "sgd_vector", VALUES_PER_ITEM, 1);
}

static const struct impl impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = vector },
    { .name = "reference", .emit = reference },
    { 0 },
};

const struct op op_sgd = {
    .name = "sgd",
    .desc_size = sizeof(oc_optimizer_desc),
    .infer = infer,
    .cost = cost,
    .impls = impls,
};

oc_status update_append(oc_graph *graph, const oc_optimizer_desc *optimizer, oc_tensor *w, oc_tensor *dw,
                        oc_tensor *v)
{
    graph_append(&op_sgd, optimizer, NULL, (oc_tensor *[]){ w, dw, v }, v ? 3 : 2);
    return oc_graph_check(graph);
}
