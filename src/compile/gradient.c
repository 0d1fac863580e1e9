/* gradient.c - appends the backward pass, and gives parameters and their gradients their places.
 *
 * Reverse walk from the loss over the forward nodes: when a node is reached, every use of its outputs has been, so
 * their gradients are complete. Each parameter gradient is written once and lies in the gradient region, in the order
 * of its parameter: last layer first, since its gradient is ready first. Parameters come in slabs, each of which
 * pass_update treats as one; those with decay and those without lie in different ones. */
#include "compile/compile.h"
#include "ops/ops.h"

static oc_status append_backward(oc_graph *graph, oc_tensor *loss)
{
    struct node *n = graph->last;
    graph->gradient_pass = true;
    loss->gradient = fill_append(graph, 1.f);
    for (; n; n = n->previous) {
        bool reached = false;
        for (int i = 0; i < n->out_count; i++)
            reached = reached || (n->out[i]->gradient && n->out[i]->wants_gradient);
        struct node *before = graph->last;
        if (reached && n->op->gradient)
            TRY(n->op->gradient(n));
        for (struct node *appended = before->next; appended; appended = appended->next)
            appended->forward = n;
    }
    graph->gradient_pass = false;
    return oc_graph_check(graph);
}

static bool is_decayed(const struct plan *plan, const oc_tensor *w)
{
    return plan->optimizer.weight_decay > 0.f && !(plan->optimizer.decay_weights_only && w->shape.rank == 1);
}

/* Trained parameters that decay, or those that do not, and their gradients: equal offsets in equal slabs. */
static oc_status place_trained(struct plan *plan, bool decayed)
{
    oc_graph *graph = plan->graph;
    bool first = true;
    for (size_t i = graph->tensor_count; i-- > 0;) {
        oc_tensor *w = graph->tensors[i];
        if (!w || w->kind != TENSOR_PARAMETER || !w->gradient || is_decayed(plan, w) != decayed)
            continue;
        if (!w->gradient->producer || w->gradient->producer->view || w->gradient->placed)
            return fail(OC_E_UNSUPPORTED, "parameter \"%s\" shares its gradient with another tensor",
                        w->name);
        if (first &&
            plan->slabs[REGION_PARAMETERS].count > 0) { /* one update treats a slab's parameters alike */
            TRY(memory_new_slab(plan, REGION_PARAMETERS));
            TRY(memory_new_slab(plan, REGION_GRADIENTS));
        }
        first = false;
        TRY(memory_place(plan, w, REGION_PARAMETERS));
        TRY(memory_place(plan, w->gradient, REGION_GRADIENTS));
    }
    return OC_OK;
}

/* Frozen parameters follow the trained ones, in slabs of their own. */
static oc_status place_parameters(struct plan *plan)
{
    oc_graph *graph = plan->graph;
    TRY(place_trained(plan, true));
    plan->decayed_slabs = plan->slabs[REGION_PARAMETERS].count;
    TRY(place_trained(plan, false));
    const int trained = plan->slabs[REGION_PARAMETERS].count;
    bool first = true;
    for (size_t i = graph->tensor_count; i-- > 0;) {
        oc_tensor *w = graph->tensors[i];
        if (!w || w->kind != TENSOR_PARAMETER || w->placed)
            continue;
        if (first && trained > 0) /* a new slab, so that no update touches it */
            TRY(memory_new_slab(plan, REGION_PARAMETERS));
        first = false;
        TRY(memory_place(plan, w, REGION_PARAMETERS));
    }
    return OC_OK;
}

/* The inference plan must find the parameters where the training plan of the same model has them. So both append
 * the backward pass, and this removes it again. */
static void forget_backward(oc_graph *graph, struct node *last_forward, size_t forward_tensors)
{
    graph->last = last_forward;
    *(last_forward ? &last_forward->next : &graph->first) = NULL;
    graph->tensor_count = forward_tensors;
    for (size_t i = 0; i < forward_tensors; i++)
        if (graph->tensors[i])
            graph->tensors[i]->gradient = NULL;
}

oc_status pass_gradient(struct plan *plan)
{
    oc_graph *graph = plan->graph;
    struct node *last_forward = graph->last;
    const size_t forward_tensors = graph->tensor_count;
    oc_tensor *loss = plan->loss_id >= 0 ? graph->tensors[plan->loss_id] : NULL;
    if (loss)
        TRY(append_backward(graph, loss));
    TRY(place_parameters(plan));
    if (!plan->train) {
        forget_backward(graph, last_forward, forward_tensors);
        return OC_OK;
    }
    for (size_t i = 0; i < forward_tensors; i++) {
        const oc_tensor *x = graph->tensors[i];
        if (x && x->kind == TENSOR_INPUT && x->gradient)
            TRY(plan_add_fetchable(plan, x->id, true, x->gradient));
    }
    return OC_OK;
}
