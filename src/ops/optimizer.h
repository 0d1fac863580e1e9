/* optimizer.h - what is true of an optimizer whatever it updates: defaults, the state it keeps, the numbers of a step. */
#ifndef OPS_OPTIMIZER_H
#define OPS_OPTIMIZER_H

#include "graph/graph.h"

/* Checks a descriptor and replaces every 0 that means a default by the default. */
oc_status optimizer_complete(oc_optimizer_desc *desc);

/* Whether a completed one keeps this of each parameter: REGION_MOMENTUM, REGION_VARIANCE or REGION_AVERAGE. */
bool optimizer_keeps(const oc_optimizer_desc *desc, enum region region);

/* What changes from step to step. Twin of `step_numbers` in cl/update.cl. */
struct step_numbers {
    float rate;   /* Adam: corrected for the first moment's start at 0 */
    float root;   /* by which Adam corrects the root of the second moment */
    float shrink; /* AdamW: what decay leaves of a value; else 1 */
};

/* For the update after `step` others. */
struct step_numbers optimizer_numbers(const oc_optimizer_desc *desc, int64_t step);

#endif
