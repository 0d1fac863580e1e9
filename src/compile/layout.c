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

/* One channel, and as many pixels as the sample has values. */
static struct shape flat(const oc_tensor *x)
{
    const int64_t n = x->shape.dim[0];
    return (struct shape){ .rank = 3, .dim = { n, 1, shape_count(&x->shape) / n } };
}

static oc_status convert_inputs(oc_graph *graph)
{
    const size_t tensors = graph->tensor_count;
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

static oc_status convert_outputs(struct plan *plan)
{
    for (int i = 0; i < plan->fetchable_count; i++) {
        struct fetchable *f = &plan->fetchables[i];
        if (f->tensor->kind != TENSOR_INPUT && (orders_differ(f->tensor) || !tensor_is_dense(f->tensor))) {
            const struct shape host = flat(f->tensor);
            f->tensor = reshape_append_dense(f->tensor, &host);
        }
    }
    return oc_graph_check(plan->graph);
}

/* Whether a tensor can be written into a slice of `whole` from the start. What is made again would hold the place of what is
 * made once from the forward pass on, or the other way round. */
static bool can_be_part(const struct plan *plan, const oc_tensor *x, const oc_tensor *whole)
{
    return x->kind == TENSOR_VALUE && x->type == whole->type && !x->producer->view && !x->base &&
           !x->placed && !plan_keeps(plan, x) && !x->producer->repeats == !whole->producer->repeats;
}

/* Places the inputs of concatenations inside their outputs. From the last to the first, so that parts of parts know
 * the outermost base. */
static void place_parts(struct plan *plan)
{
    for (struct node *n = plan->graph->last; n; n = n->previous) {
        oc_tensor *y = n->out[0];
        int64_t channel = 0;
        for (int i = 0; n->op->joins_channels && i < n->in_count; i++) {
            oc_tensor *x = n->in[i];
            if (can_be_part(plan, x, y)) {
                x->base = y->base ? y->base : y;
                x->base_offset = y->base_offset + channel;
                x->pitch = tensor_pitch(y);
            }
            channel += shape_channels(&x->shape);
        }
    }
}

oc_status pass_layout(struct plan *plan)
{
    oc_graph *graph = plan->graph;
    TRY(convert_outputs(plan)); /* first, since an output may be an input */
    TRY(convert_inputs(graph));
    place_parts(plan);
    return graph_infer(graph); /* views follow the pitch of what they lie in */
}
