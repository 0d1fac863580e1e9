/* update.c - appends what happens between gradients and parameters: micro-batches are accumulated, the norm of all
 * gradients is limited, and the optimizer steps. Everything but the norm goes slab by slab, one launch for each. */
#include "compile/compile.h"
#include "ops/ops.h"
#include "ops/optimizer.h"

/* All trained parameters of one slab as one flat tensor, or what another region has at their places. */
static oc_status whole_slab(oc_tensor **out, const struct plan *plan, enum region region, int slab)
{
    const struct shape shape = { .rank = 1, .dim = { plan->slabs[REGION_GRADIENTS].bytes[slab] / 4 } };
    TRY(graph_tensor(out, plan->graph, TENSOR_PARAMETER, ELEMENT_F32, &shape, NULL));
    (*out)->placed = true;
    (*out)->region = region;
    (*out)->slab = slab;
    return OC_OK;
}

/* Gives the nodes after `last` their phase. */
static void set_phase(oc_graph *graph, struct node *last, enum phase phase)
{
    for (struct node *n = last ? last->next : graph->first; n; n = n->next)
        n->phase = phase;
}

/* The gradients that the update reads: those of the batch, or the mean that has them in it. */
static oc_status append_accumulation(struct plan *plan, oc_tensor *gradients[MAX_SLABS])
{
    struct node *last = plan->graph->last;
    for (int i = 0; i < plan->slabs[REGION_GRADIENTS].count; i++) {
        TRY(whole_slab(&gradients[i], plan, REGION_GRADIENTS, i));
        if (plan->desc->accumulate) {
            oc_tensor *mean;
            TRY(whole_slab(&mean, plan, REGION_ACCUMULATED, i));
            TRY(accumulate_append(gradients[i], mean));
            gradients[i] = mean;
        }
    }
    set_phase(plan->graph, last, PHASE_ACCUMULATE);
    return OC_OK;
}

static oc_status append_update(struct plan *plan, int slab, oc_tensor *gradient, oc_tensor *factor)
{
    oc_optimizer_desc optimizer = plan->optimizer;
    struct update_tensors t = { .dw = gradient, .factor = factor };
    if (slab >= plan->decayed_slabs)
        optimizer.weight_decay = 0.f;
    TRY(whole_slab(&t.w, plan, REGION_PARAMETERS, slab));
    if (optimizer_keeps(&optimizer, REGION_MOMENTUM))
        TRY(whole_slab(&t.m, plan, REGION_MOMENTUM, slab));
    if (optimizer_keeps(&optimizer, REGION_VARIANCE))
        TRY(whole_slab(&t.v, plan, REGION_VARIANCE, slab));
    if (optimizer_keeps(&optimizer, REGION_AVERAGE))
        TRY(whole_slab(&t.average, plan, REGION_AVERAGE, slab));
    return update_append(plan->graph, &optimizer, &t);
}

static oc_status append_swaps(struct plan *plan)
{
    struct node *last = plan->graph->last;
    for (int i = 0; i < plan->slabs[REGION_AVERAGE].count; i++) {
        oc_tensor *w, *average;
        TRY(whole_slab(&w, plan, REGION_PARAMETERS, i));
        TRY(whole_slab(&average, plan, REGION_AVERAGE, i));
        TRY(swap_append(w, average));
    }
    set_phase(plan->graph, last, PHASE_SWAP);
    return OC_OK;
}

oc_status pass_update(struct plan *plan)
{
    const int count = plan->slabs[REGION_GRADIENTS].count;
    oc_tensor *gradients[MAX_SLABS], *factor = NULL;
    if (!plan->train)
        return OC_OK;
    for (enum region r = REGION_MOMENTUM; r < REGION_COUNT; r++)
        if (optimizer_keeps(&plan->optimizer, r))
            plan->slabs[r] = plan->slabs[REGION_GRADIENTS];
    if (plan->desc->accumulate)
        plan->slabs[REGION_ACCUMULATED] = plan->slabs[REGION_GRADIENTS];
    TRY(append_accumulation(plan, gradients));
    struct node *last = plan->graph->last;
    if (plan->optimizer.clip_norm > 0.f && count > 0)
        TRY(clip_append(&factor, gradients, count, plan->optimizer.clip_norm));
    for (int i = 0; i < count; i++)
        TRY(append_update(plan, i, gradients[i], factor));
    set_phase(plan->graph, last, PHASE_UPDATE);
    return append_swaps(plan);
}
