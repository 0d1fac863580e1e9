/* fuse.c - lets a kernel apply the elementwise function that follows it before it stores its result.
 *
 * Possible when nobody else reads the value in between: neither another layer, nor the host, nor the backward pass
 * (elementwise functions give their gradients in terms of their outputs for this reason). */
#include "compile/compile.h"

/* The facts an op states about itself say whether the two may be joined. */
static bool can_join(const struct plan *plan, const struct node *n, const struct node *function)
{
    const oc_tensor *between = n->out[0];
    return (n->op->epilogue & EPILOGUE_FUNCTION) && !n->epilogue.function && function->op->function &&
           between->consumers == 1 && !plan_keeps(plan, between);
}

oc_status pass_fuse(struct plan *plan)
{
    graph_count_consumers(plan->graph);
    for (struct node *f = plan->graph->first, *next; f; f = next) {
        next = f->next;
        struct node *n = f->in_count == 1 ? f->in[0]->producer : NULL;
        if (!n || !can_join(plan, n, f))
            continue;
        n->epilogue.function = f->op->function;
        n->epilogue.alpha = f->op->alpha ? f->op->alpha(f) : 0.f;
        graph_remove(f);
        n->out[0] = f->out[0];
        n->out[0]->producer = n;
    }
    return OC_OK;
}
