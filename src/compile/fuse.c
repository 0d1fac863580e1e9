/* fuse.c - lets a kernel finish what follows it before it stores its result, and begin with what comes before it.
 *
 * What may follow is stated by the operations (graph/op.h), and is looked for in this order, node by node:
 *     a multiple and a constant per channel, of parameters alone    goes into the parameters of the layer before it
 *     a sum with another tensor                                     becomes the addend of the later one's kernel
 *     an elementwise function                                       is applied before storing
 *     the gradient of such a function, at a tensor that was kept    likewise, and before that of a maximum, if it was behind
 * Then, of what is left, in inference:
 *     a multiple and a constant per channel, and a ReLU             are applied as the kernel behind them reads its input
 * The backward pass is not special: gradients that arrive at a tensor from several sides are sums, and the mask of a ReLU is
 * a gradient at a kept tensor.
 *
 * Possible when nobody else reads the value in between: neither another layer, nor the host, nor the backward pass
 * (elementwise functions give their gradients in terms of their outputs for this reason). OCELLI_FUSE=0 leaves all as it
 * is. */
#include "compile/compile.h"

#include <stdlib.h>
#include <string.h>

/* Whether the tensor is there when n runs. */
static bool is_ready(const oc_tensor *x, const struct node *n)
{
    return !x->producer || x->producer->place < n->place;
}

/* The node that makes input i of `next` for nobody else, and does nothing with it that must come last. */
static struct node *find_source(const struct plan *plan, const struct node *next, int i)
{
    const oc_tensor *between = next->in[i];
    struct node *n = between->producer;
    if (!n || between != n->out[0] || n->epilogue.function || between->consumers != 1)
        return NULL;
    return plan_keeps(plan, between) ? NULL : n;
}

/* The same, if its kernels can do that at their end. */
static struct node *find_host(const struct plan *plan, const struct node *next, int i,
                              enum epilogue_part part)
{
    struct node *n = find_source(plan, next, i);
    return n && (n->op->epilogue & (unsigned)part) ? n : NULL;
}

/* `next` becomes part of n. */
static void join(struct node *n, struct node *next)
{
    graph_remove(next);
    n->out[0] = next->out[0];
    n->out[0]->producer = n;
}

static oc_status join_affine(const struct plan *plan, struct node *next, bool *joined)
{
    struct node *n = next->op->is_affine && next->op->is_affine(next) ? find_source(plan, next, 0) : NULL;
    if (!n || !n->op->absorb || n->epilogue.addend)
        return OC_OK;
    TRY(n->op->absorb(n, next));
    join(n, next);
    *joined = true;
    return OC_OK;
}

static oc_status join_sum(const struct plan *plan, struct node *next, bool *joined)
{
    for (int i = 0; next->op->adds && i < 2 && !*joined; i++) {
        struct node *n = find_host(plan, next, i, EPILOGUE_ADDEND);
        if (!n || n->epilogue.addend || !is_ready(next->in[1 - i], n))
            continue;
        n->epilogue.addend = n->in_count;
        TRY(node_add_input(n, next->in[1 - i]));
        join(n, next);
        *joined = true;
    }
    return OC_OK;
}

static float alpha_of(const struct node *n)
{
    return n->op->alpha ? n->op->alpha(n) : 0.f;
}

static oc_status join_function(const struct plan *plan, struct node *next, bool *joined)
{
    struct node *n = next->op->function ? find_host(plan, next, 0, EPILOGUE_FUNCTION) : NULL;
    if (!n)
        return OC_OK;
    n->epilogue.function = next->op->function;
    n->epilogue.alpha = alpha_of(next);
    join(n, next);
    *joined = true;
    return OC_OK;
}

/* Where a selection follows a function, both gradients may change places: that of a function with its values selected is that
 * of the function at the selection. So the values before the selection need not be kept. */
static oc_status exchange(const struct plan *plan, struct node *next, bool *joined)
{
    struct node *n = next->op->gradient_of ? find_source(plan, next, 0) : NULL;
    const struct node *selection = n ? n->forward : NULL;
    (void)joined; /* it goes on as another node's gradient */
    if (!selection || !selection->op->selects || selection->in[0] != next->in[1])
        return OC_OK;
    oc_tensor *between = n->out[0], *last = next->out[0];
    const int place = n->place;
    graph_remove(next);
    graph_insert(between->graph, next, n);
    n->place = next->place;
    next->place = place;
    next->in[0] = n->in[0];
    next->in[1]->consumers--;
    next->in[1] = selection->out[0];
    next->in[1]->consumers++;
    next->out[0] = n->in[0] = between;
    n->out[0] = last;
    between->producer = next;
    last->producer = n;
    return next->op->infer(next);
}

static oc_status join_gradient(const struct plan *plan, struct node *next, bool *joined)
{
    struct node *n = next->op->gradient_of ? find_host(plan, next, 0, EPILOGUE_KEPT) : NULL;
    if (!n || !is_ready(next->in[1], n))
        return OC_OK;
    n->epilogue.function = next->op->gradient_of(next);
    n->epilogue.alpha = alpha_of(next);
    n->epilogue.kept = n->in_count;
    TRY(node_add_input(n, next->in[1]));
    join(n, next);
    *joined = true;
    return OC_OK;
}

/* What such a node, and ReLU in it, makes of n's input for n alone, if the kernel that n gets can do that as it reads. In
 * inference only: in training the gradient of the filter reads it too. */
static oc_status join_prologue(const struct plan *plan, struct node *n)
{
    struct node *before = n->in_count > 0 ? n->in[0]->producer : NULL;
    oc_graph *graph = plan->graph;
    oc_tensor *scale, *shift;
    struct choice choice;
    if (!before || !before->op->is_affine || !before->op->is_affine(before) || before->epilogue.addend ||
        before->epilogue.kept || n->in[0]->consumers != 1 || plan_keeps(plan, n->in[0]))
        return OC_OK;
    const char *function = before->epilogue.function;
    if ((function && strcmp(function, "apply_relu") != 0) || !plan_choose_untuned(&choice, n, plan) ||
        !choice.impl->has_prologue || !choice.impl->has_prologue(n))
        return OC_OK;
    graph->insert_before = n;
    TRY(before->op->affine(before, NULL, &scale, &shift));
    graph->insert_before = NULL;
    n->prologue = (struct prologue){ .scale = n->in_count, .shift = n->in_count + 1, .relu = function };
    TRY(node_add_input(n, scale));
    TRY(node_add_input(n, shift));
    n->in[0] = before->in[0];
    graph_remove(before);
    return OC_OK;
}

oc_status pass_fuse(struct plan *plan)
{
    static oc_status (*const rules[])(const struct plan *, struct node *, bool *) = { join_affine, join_sum,
                                                                                      join_function, exchange,
                                                                                      join_gradient };
    const char *wanted = getenv("OCELLI_FUSE");
    if (wanted && strcmp(wanted, "0") == 0)
        return OC_OK;
    int place = 0;
    for (struct node *n = plan->graph->first; n; n = n->next)
        n->place = place++;
    graph_count_consumers(plan->graph);
    for (struct node *n = plan->graph->first, *next; n; n = next) {
        bool joined = false;
        next = n->next;
        for (size_t i = 0; i < sizeof rules / sizeof *rules && !joined; i++)
            TRY(rules[i](plan, n, &joined));
    }
    for (struct node *n = plan->graph->first; n && !plan->train; n = n->next)
        TRY(join_prologue(plan, n));
    return OC_OK;
}
