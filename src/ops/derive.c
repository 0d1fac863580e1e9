/* derive.c - values that depend on parameters only, such as weights packed for a kernel. */
#include "ops/ops.h"

oc_status derive(struct node *n, const struct op *op, const void *desc, oc_tensor *source)
{
    oc_graph *graph = source->graph;
    graph->insert_before = n;
    oc_tensor *derived = graph_append(op, desc, NULL, &source, 1);
    graph->insert_before = NULL;
    TRY(oc_graph_check(graph));
    return node_add_input(n, derived);
}
