/* derive.c - values that depend on parameters only, such as weights packed for a kernel. */
#include "ops/ops.h"

oc_status derive(struct node *n, const struct op *op, const void *desc, int input)
{
    oc_graph *graph = n->in[input]->graph;
    graph->insert_before = n;
    oc_tensor *derived = graph_append(op, desc, NULL, &n->in[input], 1);
    graph->insert_before = NULL;
    n->in[input] = derived;
    return oc_graph_check(graph);
}
