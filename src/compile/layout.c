/* layout.c - host arrays are in the order (n, c, spatial...), everything inside is channels-last; this pass puts the
 * conversions between them, where the two differ.
 *
 * A host array is described to the kernels as a tensor (n, c*spatial) with one pixel per sample. */
#include "compile/compile.h"
#include "ops/ops.h"

static bool orders_differ(const oc_tensor *x)
{
    return x->type == ELEMENT_F32 && shape_channels(&x->shape) > 1 && shape_spatial(&x->shape) > 1;
}

static struct shape flat(const oc_tensor *x)
{
    const int64_t n = x->shape.dim[0];
    return (struct shape){ .rank = 2, .dim = { n, shape_count(&x->shape) / n } };
}

oc_status pass_layout(struct plan *plan)
{
    oc_graph *graph = plan->graph;
    const size_t tensors = graph->tensor_count;
    for (int i = 0; i < plan->fetchable_count; i++) { /* before inputs change: an output may be an input */
        struct fetchable *f = &plan->fetchables[i];
        if (f->tensor->kind != TENSOR_INPUT && orders_differ(f->tensor)) {
            const struct shape host = flat(f->tensor);
            f->tensor = reshape_append(f->tensor, &host);
        }
    }
    for (size_t i = 0; i < tensors && graph->status == OC_OK; i++) {
        oc_tensor *x = graph->tensors[i];
        if (!x || x->kind != TENSOR_INPUT || !orders_differ(x))
            continue;
        const struct shape inside = x->shape;
        x->shape = flat(x);
        graph->insert_before = graph->first;
        oc_tensor *channels_last = reshape_append(x, &inside);
        graph->insert_before = NULL;
        if (graph->status == OC_OK)
            graph_replace_uses(graph, x, channels_last);
    }
    return oc_graph_check(graph);
}
