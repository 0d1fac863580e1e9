/* accumulate.c - what goes over whole slabs beside the update: the mean of several micro-batches' gradients, and the
 * exchange of values and averages. Kernels: cl/accumulate.cl. Page: docs/ops/optimizers.md.
 *
 * Both write memory that is no activation: the output of the first is its second input; so is that of the exchange, which
 * writes its first one as well. */
#include "ops/elementwise.h"
#include "ops/ops.h"

enum { VALUES_PER_ITEM = 8192 };

/* Twin of `slab` in cl/accumulate.cl. */
struct slab {
    int64_t count;
    int32_t values_per_item, padding;
};

/* Flat tensors of equal size. */
static oc_status infer(struct node *n)
{
    oc_tensor *from = n->in[0], *to = n->in[1];
    if (shape_count(&from->shape) != shape_count(&to->shape))
        return node_fail(n, OC_E_SHAPE, "its inputs must be equal in size, not %s and %s",
                         SHAPE_TEXT(&from->shape), SHAPE_TEXT(&to->shape));
    TRY(node_output(n, 0, ELEMENT_F32, &to->shape));
    n->out[0]->base = to;
    n->out[0]->placed = true;
    return OC_OK;
}

static oc_status launch(struct emitter *e, const struct node *n, const char *kernel, struct arg share,
                        int64_t values_per_item, int64_t group)
{
    const struct slab s = { .count = shape_count(&n->in[0]->shape),
                            .values_per_item = (int32_t)values_per_item };
    return emit(e, n,
                &(struct launch_spec){
                    .file = "accumulate.cl",
                    .kernel = kernel,
                    .args = { TENSOR(n->in[0]), TENSOR(n->in[1]), STRUCT(s), share },
                    .items = { (s.count + values_per_item - 1) / values_per_item },
                    .group = { group },
                });
}

static oc_status accumulate_reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, "accumulate_reference", (struct arg)SHARE(), 1, emitter_group(e));
}

static oc_status accumulate_vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, "accumulate_vector", (struct arg)SHARE(), VALUES_PER_ITEM, 1);
}

static oc_status swap_reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, "swap_reference", (struct arg){ .kind = ARGUMENT_END }, 1, emitter_group(e));
}

static oc_status swap_vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, "swap_vector", (struct arg){ .kind = ARGUMENT_END }, VALUES_PER_ITEM, 1);
}

#define SLAB_OP(which)                                                                                       \
    static const struct impl which##_impls[] = {                                                             \
        { .name = "vector", .supports = device_is_cpu, .emit = which##_vector },                             \
        { .name = "reference", .emit = which##_reference },                                                  \
        { 0 },                                                                                               \
    };                                                                                                       \
    const struct op op_##which = { .name = #which, .infer = infer, .impls = which##_impls }

SLAB_OP(accumulate);
SLAB_OP(swap);

oc_status accumulate_append(oc_tensor *gradient, oc_tensor *mean)
{
    graph_append(&op_accumulate, NULL, NULL, (oc_tensor *[]){ gradient, mean }, 2);
    return oc_graph_check(gradient->graph);
}

oc_status swap_append(oc_tensor *w, oc_tensor *average)
{
    graph_append(&op_swap, NULL, NULL, (oc_tensor *[]){ w, average }, 2);
    return oc_graph_check(w->graph);
}
