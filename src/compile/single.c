/* single.c - one node of a draft as a plan of its own, to be measured.
 *
 * The node's surroundings are rebuilt as far as kernels see them: what depends on parameters only is a parameter again,
 * everything else an input; slices are slices of something as wide as in the draft; what nobody reads, nobody reads
 * here either. */
#include "base/memory.h"
#include "compile/compile.h"

#include <string.h>

/* The tensor that x is a slice of: as wide as its pitch. Only the pitch is x's, not where in the whole it begins. */
static oc_status add_whole(oc_tensor *x)
{
    struct shape shape = x->shape;
    shape.dim[1] = x->pitch;
    x->base_offset = 0;
    return graph_tensor(&x->base, x->graph, TENSOR_INPUT, x->type, &shape, NULL);
}

static oc_status add_tensor(oc_tensor **out, oc_graph *graph, const oc_tensor *from, enum tensor_kind kind)
{
    const bool slice = !tensor_is_dense(from);
    TRY(graph_tensor(out, graph, slice ? TENSOR_VALUE : kind, from->type, &from->shape, NULL));
    oc_tensor *x = *out;
    x->parameter = from->parameter;
    x->index_limit = from->index_limit;
    x->consumers = from->consumers;
    x->pitch = from->pitch;
    return slice ? add_whole(x) : OC_OK;
}

static oc_status add_input(oc_tensor **out, oc_graph *graph, const struct node *n, int i,
                           oc_tensor *const *earlier)
{
    const oc_tensor *from = n->in[i];
    const bool is_static = from->kind == TENSOR_PARAMETER || (from->producer && from->producer->is_static);
    for (int j = 0; j < i; j++)
        if (n->in[j] == from) {
            *out = earlier[j];
            return OC_OK;
        }
    return add_tensor(out, graph, from, is_static ? TENSOR_PARAMETER : TENSOR_INPUT);
}

static oc_status copy_node(struct node **out, oc_graph *graph, const struct node *from)
{
    struct node *n = arena_alloc(&graph->arena, sizeof *n);
    oc_tensor **in = arena_alloc(&graph->arena, sizeof *in * (size_t)(from->in_count + 1));
    void *desc = arena_alloc(&graph->arena, from->op->desc_size + 1);
    if (!n || !in || !desc)
        return OC_E_MEMORY;
    memcpy(desc, from->desc, from->op->desc_size);
    *n = *from;
    n->in = in;
    n->desc = desc;
    n->previous = n->next = NULL;
    n->phase = PHASE_COMPUTE;
    n->is_static = false;
    for (int i = 0; i < n->in_count; i++)
        TRY(add_input(&in[i], graph, from, i, in));
    for (int i = 0; i < n->out_count; i++) {
        TRY(add_tensor(&n->out[i], graph, from->out[i], TENSOR_VALUE));
        n->out[i]->producer = n;
    }
    graph->first = graph->last = *out = n;
    return OC_OK;
}

static oc_status place(struct plan *plan, const struct node *n)
{
    const oc_graph *graph = plan->graph;
    for (size_t i = 0; i < graph->tensor_count; i++) /* also those from which prepare derived an input */
        if (graph->tensors[i]->kind == TENSOR_PARAMETER && !graph->tensors[i]->placed)
            TRY(memory_place(plan, graph->tensors[i], REGION_PARAMETERS));
    TRY(plan_complete(plan));
    for (int i = 0; i < n->in_count; i++) {
        oc_tensor *x = n->in[i];
        if (!x->base || x->producer)
            continue;
        x->region = x->base->region;
        x->slab = x->base->slab;
        x->offset = x->base->offset;
    }
    return OC_OK;
}

static oc_status build(struct plan *plan, struct node **single, const oc_graph *graph,
                       const struct node *from, const struct choice *choice)
{
    static const oc_model_desc nothing;
    plan->graph = oc_graph_create(&(oc_graph_desc){ .allocator = device_allocator(plan->device) });
    TRY(oc_graph_check(plan->graph));
    plan->graph->training = graph->training;
    plan->graph->seed = graph->seed;
    TRY(copy_node(single, plan->graph, from));
    (*single)->impl = choice->impl;
    memcpy((*single)->tuned, choice->tuned, sizeof choice->tuned);
    plan->desc = &nothing;
    TRY(pass_select(plan));
    TRY(oc_graph_check(plan->graph));
    return place(plan, *single);
}

oc_status plan_create_single(struct plan **out, struct node **single, const struct plan *draft,
                             const struct node *n, const struct choice *choice)
{
    struct plan *plan = memory_zeroed(device_allocator(draft->device), 1, sizeof *plan);
    *out = NULL;
    if (!plan)
        return OC_E_MEMORY;
    *plan = (struct plan){
        .device = draft->device, .train = draft->train, .loss_id = -1, .emitter = { .device = draft->device }
    };
    const oc_status status = build(plan, single, draft->graph, n, choice);
    plan->desc = NULL;
    if (status != OC_OK) {
        plan_destroy(plan);
        return status;
    }
    *out = plan;
    return OC_OK;
}
