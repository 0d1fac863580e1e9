/* replica.c - a graph made anew from its nodes. */
#include "support/replica.h"
#include "graph/op.h"
#include "ops/conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IN = 16, MAX_DESC = 512 };

static oc_tensor **tensors(const oc_graph *graph)
{
    oc_tensor **list = calloc(graph->tensor_count + 1, sizeof *list);
    if (!list)
        abort();
    return list;
}

static bool is(const struct node *n, const char *op)
{
    return strcmp(n->op->name, op) == 0;
}

static void narrow(const struct replica_desc *desc, const struct node *n, oc_conv_desc *conv)
{
    const bool widened = is(n, "conv") || (is(n, "dense") && conv->filters > desc->classes);
    const int groups = conv->groups ? conv->groups : 1, divisor = desc->divisor ? desc->divisor : 1;
    const int per_group = conv->filters / groups / divisor;
    if (widened)
        conv->filters = (per_group ? per_group : 1) * groups;
}

/* The same layer on other inputs. */
static oc_tensor *append(const struct replica_desc *desc, const struct node *n, oc_tensor *const *in)
{
    union {
        oc_conv_desc conv; /* a convolution's begins with it */
        char bytes[MAX_DESC];
    } own;
    if (desc->no_dropout && (is(n, "dropout") || is(n, "stochastic_depth")))
        return in[0];
    if (is(n, "reshape") && n->out[0]->shape.rank == 2) /* to so many channels, which are fewer now */
        return oc_named(oc_flatten(in[0]), n->name);
    if (n->op->desc_size > sizeof own)
        abort();
    memcpy(own.bytes, n->desc, n->op->desc_size);
    if (is(n, "conv") || is(n, "dense"))
        narrow(desc, n, &own.conv);
    return graph_append(n->op, &own, n->name, in, n->in_count - n->parameter_count);
}

static oc_tensor *add_probe(struct replica *r, const oc_tensor *x, oc_tensor *y)
{
    char name[32];
    oc_input_desc probe = { .name = name, .gradient = true };
    snprintf(name, sizeof name, "probe %d", x->id);
    oc_tensor_shape(y, probe.shape);
    r->probe[x->id] = oc_input(r->graph, &probe);
    return oc_named(oc_add(y, r->probe[x->id]), name);
}

static void copy_input(struct replica *r, const oc_tensor *x)
{
    oc_input_desc input = { .name = x->name, .type = (oc_type)x->type, .gradient = x->type == ELEMENT_F32 };
    oc_tensor_shape(x, input.shape);
    r->twin[x->id] = oc_input(r->graph, &input);
}

void replica_create(struct replica *r, const oc_graph *graph, const struct replica_desc *desc)
{
    *r = (struct replica){ .graph = oc_graph_create(NULL), .twin = tensors(graph), .probe = tensors(graph) };
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->kind == TENSOR_INPUT)
            copy_input(r, graph->tensors[i]);
    for (const struct node *n = graph->first; n; n = n->next) {
        const int inputs = n->in_count - n->parameter_count;
        oc_tensor *in[MAX_IN];
        if (inputs > MAX_IN)
            abort();
        for (int i = 0; i < inputs; i++)
            in[i] = r->twin[n->in[i]->id];
        oc_tensor *y = append(desc, n, in);
        if (oc_graph_check(r->graph) != OC_OK)
            return;
        for (int i = inputs; i < n->in_count; i++)
            r->twin[n->in[i]->id] = y->producer->in[i];
        r->twin[n->out[0]->id] = desc->probes && y->shape.rank > 0 ? add_probe(r, n->out[0], y) : y;
    }
}

void replica_destroy(struct replica *r)
{
    oc_graph_destroy(r->graph);
    free(r->twin);
    free(r->probe);
}

oc_net replica_net(const struct replica *r, const oc_net *net)
{
    return (oc_net){ .graph = r->graph,
                     .image = r->twin[net->image->id],
                     .label = r->twin[net->label->id],
                     .logits = r->twin[net->logits->id],
                     .probabilities = r->twin[net->probabilities->id],
                     .loss = r->twin[net->loss->id] };
}
