/* graph.c - building a graph: nodes, tensors, names and the sticky error. */
#include "graph/graph.h"
#include "base/memory.h"
#include "base/random.h"
#include "graph/op.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct name_entry {
    struct name_entry *next; /* in its bucket */
    const char *name;
    uint32_t hash;
};

struct op_counter {
    struct op_counter *next;
    const struct op *op;
    int count;
};

/* What builders return when there is not even memory for a graph, or no tensor to find one by. Their status is an
 * error from the start, so nothing ever writes to them. */
static oc_graph no_graph = { .status = OC_E_MEMORY, .message = "there was no host memory for a graph" };
static oc_graph lost_graph = { .status = OC_E_ARGUMENT,
                               .message = "a layer was given NULL instead of a tensor" };
static oc_tensor lost_tensor = { .graph = &lost_graph, .name = "" };

oc_graph *oc_graph_create(const oc_graph_desc *desc)
{
    const oc_allocator allocator = memory_allocator(desc ? desc->allocator : NULL);
    oc_graph *graph = memory_zeroed(&allocator, 1, sizeof *graph);
    if (!graph)
        return &no_graph;
    graph->arena.allocator = allocator;
    return graph;
}

void oc_graph_destroy(oc_graph *graph)
{
    if (!graph || graph == &no_graph)
        return;
    const oc_allocator allocator = graph->arena.allocator;
    memory_free(&allocator, graph->tensors);
    memory_free(&allocator, graph->layers);
    memory_free(&allocator, graph->names);
    arena_free(&graph->arena);
    memory_free(&allocator, graph);
}

oc_status oc_graph_check(const oc_graph *graph)
{
    return graph->status == OC_OK ? OC_OK : fail_again(graph->status, graph->message);
}

oc_tensor *graph_poison(oc_graph *graph, oc_status status)
{
    if (graph->status == OC_OK) {
        graph->message = arena_copy_text(&graph->arena, oc_last_error());
        graph->status = graph->message ? status : OC_E_MEMORY;
        if (!graph->message)
            graph->message = "no host memory for a graph's error";
    }
    return &lost_tensor;
}

oc_status node_fail(const struct node *n, oc_status status, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail(status, "layer \"%s\" (%s): %s", n->name, n->op->name, message);
}

oc_status node_fail_in(const struct node *n, oc_status status)
{
    char prefix[256];
    snprintf(prefix, sizeof prefix, "layer \"%s\" (%s)", n->name, n->op->name);
    return fail_in(status, prefix);
}

int64_t element_bytes(enum element type)
{
    return type == ELEMENT_U8 ? 1 : 4;
}

/* ---- tensors ---- */

/* As many buckets as names, so that a search takes the same time in a graph of any size. */
static oc_status grow_names(oc_graph *graph)
{
    const size_t buckets = graph->name_buckets ? 2 * graph->name_buckets : 64;
    if (graph->name_count < graph->name_buckets)
        return OC_OK;
    struct name_entry **names = memory_zeroed(&graph->arena.allocator, buckets, sizeof *names);
    if (!names)
        return OC_E_MEMORY;
    for (size_t i = 0; i < graph->name_buckets; i++)
        for (struct name_entry *entry = graph->names[i], *next; entry; entry = next) {
            next = entry->next;
            entry->next = names[entry->hash % buckets];
            names[entry->hash % buckets] = entry;
        }
    memory_free(&graph->arena.allocator, graph->names);
    graph->names = names;
    graph->name_buckets = buckets;
    return OC_OK;
}

static oc_status claim_name(oc_graph *graph, const char *name)
{
    const uint32_t hash = random_stream(name);
    TRY(grow_names(graph));
    struct name_entry **bucket = &graph->names[hash % graph->name_buckets];
    for (struct name_entry *entry = *bucket; entry; entry = entry->next)
        if (strcmp(entry->name, name) == 0)
            return fail(OC_E_ARGUMENT, "two inputs or parameters are called \"%s\": give their layers names",
                        name);
    struct name_entry *entry = arena_alloc(&graph->arena, sizeof *entry);
    if (!entry)
        return OC_E_MEMORY;
    *entry = (struct name_entry){ .next = *bucket, .name = name, .hash = hash };
    *bucket = entry;
    graph->name_count++;
    return OC_OK;
}

oc_status graph_tensor(oc_tensor **out, oc_graph *graph, enum tensor_kind kind, enum element type,
                       const struct shape *shape, const char *name)
{
    oc_tensor *x = arena_alloc(&graph->arena, sizeof *x);
    char *copy = x && name ? arena_copy_text(&graph->arena, name) : NULL;
    if (!x || (name && !copy))
        return OC_E_MEMORY;
    if (name)
        TRY(claim_name(graph, copy));
    TRY(memory_grow(&graph->arena.allocator, (void **)&graph->tensors, &graph->tensor_capacity,
                    graph->tensor_count + 1, sizeof(oc_tensor *)));
    *x = (oc_tensor){ .graph = graph,
                      .id = (int)graph->tensor_count,
                      .kind = kind,
                      .type = type,
                      .shape = *shape,
                      .name = copy,
                      .receptive = { { 1, 1, 1 }, { 1, 1, 1 } } };
    graph->tensors[graph->tensor_count++] = x;
    *out = x;
    return OC_OK;
}

int oc_tensor_shape(const oc_tensor *x, int64_t shape[OC_MAX_RANK])
{
    if (!x || x->graph->status != OC_OK)
        return -1;
    for (int i = 0; i < x->shape.rank; i++)
        shape[i] = x->shape.dim[i];
    return x->shape.rank;
}

const char *oc_tensor_name(const oc_tensor *x)
{
    return !x ? "" : x->name ? x->name : x->producer ? x->producer->name : "";
}

oc_tensor *oc_named(oc_tensor *x, const char *name)
{
    if (!x || !x->producer || x->graph->status != OC_OK)
        return x ? x : &lost_tensor;
    if (!name)
        return graph_poison(x->graph, node_fail(x->producer, OC_E_ARGUMENT, "it was to be named NULL"));
    char *copy = arena_copy_text(&x->graph->arena, name);
    if (!copy)
        return graph_poison(x->graph, OC_E_MEMORY);
    x->producer->name = copy;
    return x;
}

static oc_status list_layer(oc_graph *graph, oc_tensor *x)
{
    TRY(memory_grow(&graph->arena.allocator, (void **)&graph->layers, &graph->layer_capacity,
                    graph->layer_count + 1, sizeof(oc_tensor *)));
    graph->layers[graph->layer_count++] = x;
    return OC_OK;
}

oc_tensor *oc_input(oc_graph *graph, const oc_input_desc *desc)
{
    if (!graph || graph->status != OC_OK)
        return &lost_tensor;
    if (!desc || !desc->name || !*desc->name)
        return graph_poison(graph, fail(OC_E_ARGUMENT, "an input needs a name"));
    const struct shape shape = shape_read(desc->shape);
    if (shape.rank < 1)
        return graph_poison(
            graph, fail(OC_E_SHAPE, "input \"%s\" needs a shape that begins with the batch", desc->name));
    for (int i = 0; i < OC_MAX_RANK; i++)
        if (i < shape.rank ? desc->shape[i] < 0 || desc->shape[i] > INT32_MAX : desc->shape[i] != 0)
            return graph_poison(graph, fail(OC_E_SHAPE, "input \"%s\": size %" PRId64 " is not possible",
                                            desc->name, i < shape.rank ? desc->shape[i] : 0));
    if (!shape_is_countable(&shape))
        return graph_poison(graph, fail(OC_E_SHAPE, "input \"%s\": %s are more values than can be counted",
                                        desc->name, SHAPE_TEXT(&shape)));
    if (desc->type != OC_F32 && desc->type != OC_I32)
        return graph_poison(graph, fail(OC_E_ARGUMENT, "input \"%s\": type %d is none of oc_type", desc->name,
                                        (int)desc->type));
    if (desc->gradient && desc->type != OC_F32)
        return graph_poison(
            graph, fail(OC_E_ARGUMENT, "input \"%s\": only OC_F32 inputs have gradients", desc->name));
    oc_tensor *x;
    oc_status status = graph_tensor(&x, graph, TENSOR_INPUT, (enum element)desc->type, &shape, desc->name);
    if (status == OC_OK)
        status = list_layer(graph, x);
    if (status != OC_OK)
        return graph_poison(graph, status);
    x->wants_gradient = desc->gradient;
    return x;
}

/* ---- nodes ---- */

static const char *automatic_name(oc_graph *graph, const struct op *op)
{
    struct op_counter *counter = graph->counters;
    while (counter && counter->op != op)
        counter = counter->next;
    if (!counter) {
        counter = arena_alloc(&graph->arena, sizeof *counter);
        if (!counter)
            return NULL;
        *counter = (struct op_counter){ .next = graph->counters, .op = op };
        graph->counters = counter;
    }
    return arena_print(&graph->arena, "%s%d", op->name, ++counter->count);
}

void graph_insert(oc_graph *graph, struct node *n, struct node *before)
{
    n->next = before;
    n->previous = n->next ? n->next->previous : graph->last;
    *(n->previous ? &n->previous->next : &graph->first) = n;
    *(n->next ? &n->next->previous : &graph->last) = n;
}

void graph_remove(struct node *n)
{
    oc_graph *graph = n->out[0]->graph;
    *(n->previous ? &n->previous->next : &graph->first) = n->next;
    *(n->next ? &n->next->previous : &graph->last) = n->previous;
}

oc_status node_add_input(struct node *n, oc_tensor *x)
{
    oc_tensor **in = arena_alloc(&x->graph->arena, sizeof *in * (size_t)(n->in_count + 1));
    if (!in)
        return OC_E_MEMORY;
    if (n->in_count > 0)
        memcpy(in, n->in, sizeof *in * (size_t)n->in_count);
    in[n->in_count++] = x;
    n->in = in;
    return OC_OK;
}

oc_status node_output(struct node *n, int i, enum element type, const struct shape *shape)
{
    if (i < n->out_count) {
        n->out[i]->shape = *shape;
        return OC_OK;
    }
    oc_graph *graph = n->in_count > 0 ? n->in[0]->graph : n->out[0]->graph;
    oc_tensor *y;
    if (!shape_is_countable(shape))
        return node_fail(n, OC_E_SHAPE, "%s are more values than can be counted", SHAPE_TEXT(shape));
    TRY(graph_tensor(&y, graph, TENSOR_VALUE, type, shape, NULL));
    y->producer = n;
    for (int j = 0; j < n->in_count; j++)
        y->wants_gradient = y->wants_gradient || n->in[j]->wants_gradient;
    n->out[n->out_count++] = y;
    return OC_OK;
}

oc_status node_parameter(struct node *n, const char *suffix, const struct shape *shape,
                         const struct parameter *parameter)
{
    oc_graph *graph = n->in[0]->graph;
    if (!shape_is_countable(shape))
        return node_fail(n, OC_E_SHAPE, "%s are more values than can be counted", SHAPE_TEXT(shape));
    const char *name = arena_print(&graph->arena, "%s.%s", n->name, suffix);
    struct parameter *copy = arena_alloc(&graph->arena, sizeof *copy);
    if (!name || !copy)
        return OC_E_MEMORY;
    *copy = *parameter;
    oc_tensor *w;
    TRY(graph_tensor(&w, graph, TENSOR_PARAMETER, ELEMENT_F32, shape, name));
    w->parameter = copy;
    w->wants_gradient = !parameter->frozen && !parameter->state;
    n->parameter_count++;
    if (w->wants_gradient)
        n->out[0]->wants_gradient = true;
    return node_add_input(n, w);
}

static oc_status append(oc_graph *graph, const struct op *op, const void *desc, const char *name,
                        oc_tensor *const *in, int in_count, oc_tensor **out)
{
    struct node *n = arena_alloc(&graph->arena, sizeof *n);
    if (!n)
        return OC_E_MEMORY;
    *n = (struct node){ .op = op, .backward = graph->gradient_pass };
    n->desc = arena_alloc(&graph->arena, op->desc_size ? op->desc_size : 1);
    n->name = name && *name ? arena_copy_text(&graph->arena, name) : automatic_name(graph, op);
    if (!n->desc || !n->name)
        return OC_E_MEMORY;
    if (op->desc_size)
        memcpy(n->desc, desc, op->desc_size);
    for (int i = 0; i < in_count; i++)
        TRY(node_add_input(n, in[i]));
    if (in_count == 0) { /* infer needs a way to the graph */
        TRY(graph_tensor(&n->out[0], graph, TENSOR_VALUE, ELEMENT_F32, &(struct shape){ 0 }, NULL));
        n->out[0]->producer = n;
        n->out_count = 1;
    }
    TRY(op->infer(n));
    if (op->parameters)
        TRY(op->parameters(n));
    graph_receptive(n);
    if (op->layer)
        TRY(list_layer(graph, n->out[0]));
    graph_insert(graph, n, graph->insert_before);
    *out = n->out[0];
    return OC_OK;
}

oc_status graph_repeat(struct node **out, const struct node *n, oc_tensor *const *copies, struct node *before)
{
    oc_graph *graph = n->out[0]->graph;
    struct node *copy = arena_alloc(&graph->arena, sizeof *copy);
    if (!copy)
        return OC_E_MEMORY;
    *copy = *n;
    copy->repeats = n;
    copy->in = NULL;
    copy->in_count = copy->out_count = 0;
    copy->desc = arena_alloc(&graph->arena, n->op->desc_size ? n->op->desc_size : 1);
    if (!copy->desc)
        return OC_E_MEMORY;
    memcpy(copy->desc, n->desc, n->op->desc_size);
    for (int i = 0; i < n->in_count; i++)
        TRY(node_add_input(copy, copies[n->in[i]->id] ? copies[n->in[i]->id] : n->in[i]));
    if (n->op->repeat)
        TRY(n->op->repeat(copy, n));
    TRY(copy->op->infer(copy));
    graph_insert(graph, copy, before);
    *out = copy;
    return OC_OK;
}

oc_tensor *graph_append(const struct op *op, const void *desc, const char *name, oc_tensor *const *in,
                        int in_count)
{
    oc_graph *graph = in_count > 0 && in[0] ? in[0]->graph : &lost_graph;
    if (graph->status != OC_OK)
        return &lost_tensor;
    for (int i = 1; i < in_count; i++)
        if (!in[i] || in[i]->graph != graph)
            return graph_poison(graph, fail(OC_E_ARGUMENT, "a layer of type %s: input %d is %s", op->name, i,
                                            in[i] ? "of another graph" : "NULL"));
    oc_tensor *out = NULL;
    const oc_status status = append(graph, op, desc, name, in, in_count, &out);
    return status == OC_OK ? out : graph_poison(graph, status);
}

oc_tensor *graph_append_source(oc_graph *graph, const struct op *op, const void *desc)
{
    oc_tensor *out = NULL;
    if (graph->status != OC_OK)
        return &lost_tensor;
    const oc_status status = append(graph, op, desc, NULL, NULL, 0, &out);
    return status == OC_OK ? out : graph_poison(graph, status);
}

void graph_replace_uses(oc_graph *graph, const oc_tensor *old, oc_tensor *by)
{
    for (struct node *n = graph->first; n; n = n->next)
        for (int i = 0; i < n->in_count; i++)
            if (n->in[i] == old && by->producer != n)
                n->in[i] = by;
}

void graph_count_consumers(oc_graph *graph)
{
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i])
            graph->tensors[i]->consumers = 0;
    for (struct node *n = graph->first; n; n = n->next)
        for (int i = 0; i < n->in_count; i++)
            n->in[i]->consumers++;
}

oc_status graph_infer(oc_graph *graph)
{
    for (struct node *n = graph->first; n; n = n->next)
        TRY(n->op->infer(n));
    return OC_OK;
}

oc_status graph_set_batch(oc_graph *graph, int64_t batch)
{
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i] && graph->tensors[i]->kind == TENSOR_INPUT)
            graph->tensors[i]->shape.dim[0] = batch;
    return graph_infer(graph);
}

static void add_bytes(struct cost *cost, oc_tensor *const *tensors, int count)
{
    for (int i = 0; i < count; i++)
        cost->bytes += (double)(shape_count(&tensors[i]->shape) * element_bytes(tensors[i]->type));
}

/* What the epilogue reads. */
static void add_operand(struct cost *cost, const struct node *n, int input)
{
    if (input > 0)
        add_bytes(cost, &n->in[input], 1);
}

struct cost node_cost(const struct node *n)
{
    struct cost cost = { 0 };
    if (n->op->cost) {
        n->op->cost(n, &cost);
        add_operand(&cost, n, n->epilogue.addend);
        add_operand(&cost, n, n->epilogue.kept);
    } else {
        add_bytes(&cost, n->in, n->in_count);
        add_bytes(&cost, n->out, n->out_count);
    }
    return cost;
}
