/* plans.h - what the tests of the passes share: plans without a device's work, and counting in them. */
#ifndef COMPILE_PLANS_H
#define COMPILE_PLANS_H

#include "support/case.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "compile/compile.h"

#include <string.h>

static inline struct plan *plan_of(oc_device *device, const oc_graph *graph, const oc_model_desc *desc,
                                   bool train)
{
    struct plan *plan = NULL;
    CHECK(plan_create(&plan, graph, device, desc, train, NULL));
    return plan;
}

/* Nodes of an operation that do something; backward -1: both. */
static inline int count_nodes(const struct plan *plan, const char *op, int backward)
{
    int count = 0;
    for (const struct node *n = plan->graph->first; n; n = n->next)
        count += !n->view && strcmp(n->op->name, op) == 0 && (backward < 0 || n->backward == backward);
    return count;
}

/* Nodes that end in part of an epilogue. */
static inline int count_epilogues(const struct plan *plan, enum epilogue_part part)
{
    int count = 0;
    for (const struct node *n = plan->graph->first; n; n = n->next)
        count += part == EPILOGUE_ADDEND ? n->epilogue.addend > 0
                 : part == EPILOGUE_KEPT ? n->epilogue.kept > 0
                                         : n->epilogue.function && !n->epilogue.kept;
    return count;
}

/* The plan's twin of a tensor of the user's graph. */
static inline oc_tensor *twin(const struct plan *plan, const oc_tensor *x)
{
    return plan->graph->tensors[x->id];
}

static inline oc_tensor *floats(oc_graph *graph, const char *name, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return oc_input(graph, &(oc_input_desc){ .name = name, .shape = { n, c, h, w } });
}

static inline oc_tensor *labels(oc_graph *graph, int64_t n)
{
    return oc_input(graph, &(oc_input_desc){ .name = "label", .shape = { n }, .type = OC_I32 });
}

#endif
