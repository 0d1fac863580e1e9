/* print.c - a graph as its user sees it: layer by layer. */
#include "graph/graph.h"
#include "graph/op.h"

/* Inputs first, then the layers. */
static const oc_tensor *nth_input(const oc_graph *graph, int *index)
{
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->kind == TENSOR_INPUT && (*index)-- == 0)
            return graph->tensors[i];
    return NULL;
}

int oc_graph_layer_count(const oc_graph *graph)
{
    int count = 0;
    if (graph->status != OC_OK)
        return 0;
    for (size_t i = 0; i < graph->tensor_count; i++)
        count += graph->tensors[i]->kind == TENSOR_INPUT;
    for (const struct node *n = graph->first; n; n = n->next)
        count += n->op->layer;
    return count;
}

static void describe(oc_layer_info *info, const oc_tensor *y)
{
    int64_t batch = 1;
    info->rank = y->shape.rank;
    for (int i = 0; i < y->shape.rank; i++)
        info->output[i] = y->shape.dim[i];
    if (y->shape.rank > 0)
        batch = y->shape.dim[0];
    info->bytes = shape_count(&y->shape) / batch * element_bytes(y->type);
}

oc_status oc_graph_layer(const oc_graph *graph, int index, oc_layer_info *info)
{
    TRY(oc_graph_check(graph));
    int rest = index;
    *info = (oc_layer_info){ 0 };
    const oc_tensor *input = index >= 0 ? nth_input(graph, &rest) : NULL;
    if (input) {
        info->name = input->name;
        info->type = "input";
        describe(info, input);
        return OC_OK;
    }
    const struct node *n = graph->first;
    while (n && index >= 0 && !(n->op->layer && rest-- == 0))
        n = n->next;
    if (!n || index < 0)
        return fail(OC_E_ARGUMENT, "layer %d does not exist, the graph has %d", index,
                    oc_graph_layer_count(graph));
    info->name = n->name;
    info->type = n->op->name;
    describe(info, n->out[0]);
    for (int i = 0; i < n->in_count; i++)
        if (n->in[i]->kind == TENSOR_PARAMETER && !n->in[i]->parameter->state)
            info->parameters += shape_count(&n->in[i]->shape);
    if (n->op->multiplies) {
        struct cost cost = { 0 };
        n->op->cost(n, &cost);
        info->macs = (int64_t)(cost.flops / 2.0 / (double)n->in[0]->shape.dim[0] + 0.5);
    }
    return OC_OK;
}
