/* copy.c - the private copy of a graph that a model compiles, without the parts that nothing asked for. */
#include "base/memory.h"
#include "graph/graph.h"
#include "graph/op.h"

#include <string.h>

/* Marks in `needed` (by tensor id) what the wanted tensors depend on: one walk backwards over the node list. */
static void mark(const oc_graph *graph, oc_tensor *const *wanted, int wanted_count, bool *needed)
{
    for (int i = 0; i < wanted_count; i++)
        needed[wanted[i]->id] = true;
    for (const struct node *n = graph->last; n; n = n->previous) {
        bool any = false;
        for (int i = 0; i < n->out_count; i++)
            any = any || needed[n->out[i]->id];
        for (int i = 0; any && i < n->in_count; i++)
            needed[n->in[i]->id] = true;
    }
}

static oc_status copy_tensor(oc_graph *to, const oc_tensor *from)
{
    oc_tensor *x = arena_alloc(&to->arena, sizeof *x);
    char *name = from->name ? arena_copy_text(&to->arena, from->name) : NULL;
    struct parameter *parameter = from->parameter ? arena_alloc(&to->arena, sizeof *parameter) : NULL;
    if (!x || (from->name && !name) || (from->parameter && !parameter))
        return OC_E_MEMORY;
    *x = *from;
    if (parameter)
        *parameter = *from->parameter;
    x->graph = to;
    x->producer = NULL;
    x->name = name;
    x->parameter = parameter;
    to->tensors[x->id] = x;
    return OC_OK;
}

static oc_status copy_node(oc_graph *to, const struct node *from)
{
    struct node *n = arena_alloc(&to->arena, sizeof *n);
    oc_tensor **in = arena_alloc(&to->arena, sizeof *in * (size_t)(from->in_count + 1));
    void *desc = arena_alloc(&to->arena, from->op->desc_size + 1);
    char *name = arena_copy_text(&to->arena, from->name);
    if (!n || !in || !desc || !name)
        return OC_E_MEMORY;
    *n = *from;
    n->in = in;
    n->desc = desc;
    n->name = name;
    memcpy(desc, from->desc, from->op->desc_size);
    for (int i = 0; i < n->in_count; i++)
        in[i] = to->tensors[from->in[i]->id];
    for (int i = 0; i < n->out_count; i++) {
        if (!to->tensors[from->out[i]->id]) /* a second output that nobody reads */
            TRY(copy_tensor(to, from->out[i]));
        n->out[i] = to->tensors[from->out[i]->id];
        n->out[i]->producer = n;
    }
    n->previous = to->last;
    n->next = NULL;
    *(to->last ? &to->last->next : &to->first) = n;
    to->last = n;
    return OC_OK;
}

static oc_status copy_needed(oc_graph *to, const oc_graph *from, const bool *needed)
{
    TRY(memory_grow(&to->arena.allocator, (void **)&to->tensors, &to->tensor_capacity, from->tensor_count + 1,
                    sizeof(oc_tensor *)));
    to->tensor_count = from->tensor_count;
    memset(to->tensors, 0, sizeof(oc_tensor *) * from->tensor_count);
    for (size_t i = 0; i < from->tensor_count; i++)
        if (needed[i])
            TRY(copy_tensor(to, from->tensors[i]));
    for (const struct node *n = from->first; n; n = n->next) {
        bool any = false;
        for (int i = 0; i < n->out_count; i++)
            any = any || needed[n->out[i]->id];
        if (any)
            TRY(copy_node(to, n));
    }
    return OC_OK;
}

oc_status graph_copy(oc_graph **out, const oc_graph *graph, const oc_allocator *allocator,
                     oc_tensor *const *wanted, int wanted_count)
{
    *out = NULL;
    TRY(oc_graph_check(graph));
    bool *needed = memory_zeroed(allocator, graph->tensor_count + 1, sizeof *needed);
    if (!needed)
        return OC_E_MEMORY;
    mark(graph, wanted, wanted_count, needed);
    oc_graph *copy = oc_graph_create(&(oc_graph_desc){ .allocator = allocator });
    oc_status status = oc_graph_check(copy);
    if (status == OC_OK)
        status = copy_needed(copy, graph, needed);
    memory_free(allocator, needed);
    if (status != OC_OK) {
        oc_graph_destroy(copy);
        return status;
    }
    *out = copy;
    return OC_OK;
}
