/* print.c - a graph as its user sees it: layer by layer. */
#include "graph/graph.h"
#include "graph/op.h"

#include <math.h>

int oc_graph_layer_count(const oc_graph *graph)
{
    return graph->status == OC_OK ? (int)graph->layer_count : 0;
}

static void describe(oc_layer_info *info, const oc_tensor *y)
{
    int64_t batch = 1;
    info->rank = y->shape.rank;
    for (int i = 0; i < y->shape.rank; i++)
        info->output[i] = y->shape.dim[i];
    if (y->shape.rank > 0)
        batch = y->shape.dim[0];
    for (int i = 0; i < OC_MAX_RANK - 2; i++)
        info->receptive[i] = (int64_t)ceil(y->receptive.size[i]);
    info->bytes = shape_count(&y->shape) / batch * element_bytes(y->type);
}

oc_status oc_graph_layer(const oc_graph *graph, int index, oc_layer_info *info)
{
    TRY(oc_graph_check(graph));
    if (index < 0 || index >= oc_graph_layer_count(graph))
        return fail(OC_E_ARGUMENT, "layer %d does not exist, the graph has %d", index,
                    oc_graph_layer_count(graph));
    const oc_tensor *x = graph->layers[index];
    const struct node *n = x->producer;
    *info = (oc_layer_info){ .name = oc_tensor_name(x), .type = n ? n->op->name : "input" };
    describe(info, x);
    for (int i = 0; n && i < n->in_count; i++)
        if (n->in[i]->kind == TENSOR_PARAMETER && !n->in[i]->parameter->state)
            info->parameters += shape_count(&n->in[i]->shape);
    if (n && n->op->multiplies) {
        struct cost cost = { 0 };
        n->op->cost(n, &cost);
        info->macs = (int64_t)(cost.flops / 2.0 / (double)n->in[0]->shape.dim[0] + 0.5);
    }
    return OC_OK;
}
