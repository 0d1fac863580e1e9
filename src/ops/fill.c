/* fill.c - a scalar constant, such as the 1 that the backward pass starts from. Kernel: cl/sum.cl. */
#include "ops/emit.h"
#include "ops/ops.h"

/* The descriptor is the value. */
static oc_status infer(struct node *n)
{
    return node_output(n, 0, ELEMENT_F32, &(struct shape){ 0 });
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    const float *value = n->desc;
    return emit(e, n,
                &(struct launch_spec){
                    .file = "sum.cl",
                    .kernel = "fill",
                    .args = { TENSOR(n->out[0]), FLOAT(*value) },
                });
}

static const struct impl impls[] = { { .name = "reference", .emit = reference }, { 0 } };

const struct op op_fill = {
    .name = "fill",
    .desc_size = sizeof(float),
    .infer = infer,
    .impls = impls,
};

oc_tensor *fill_append(oc_graph *graph, float value)
{
    return graph_append_source(graph, &op_fill, &value);
}
