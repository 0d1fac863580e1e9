/* elementwise.h - launching y = f(a, b), value by value, for the operations that are nothing else. */
#ifndef OPS_ELEMENTWISE_H
#define OPS_ELEMENTWISE_H

#include "ops/emit.h"

struct elementwise {
    const char *operation;      /* OPERATION_... of cl/elementwise.cl */
    const char *function;       /* FUNCTION_... of cl/common.cl, or NULL */
    float alpha;                /* the function's parameter */
    const oc_tensor *a, *b, *y; /* b: a again, if the operation has one operand */
};

/* One value per work-item: runs everywhere. */
oc_status elementwise_reference(struct emitter *e, const struct node *n, const struct elementwise *what);

/* Explicit vectors, one work-item per group: for CPUs. */
oc_status elementwise_vector(struct emitter *e, const struct node *n, const struct elementwise *what);

/* For `supports` of implementations that are written for CPUs. */
bool device_is_cpu(const struct node *n, const oc_device_info *device);

#endif
