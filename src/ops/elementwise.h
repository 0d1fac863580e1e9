/* elementwise.h - launching y = f(a, b), value by value, for the operations that are nothing else; and rows, the
 * form in which kernels get the values of tensors. */
#ifndef OPS_ELEMENTWISE_H
#define OPS_ELEMENTWISE_H

#include "ops/emit.h"

/* Twin of `rows` in cl/common.cl. */
struct rows {
    int64_t count;
    int32_t width, a_pitch, b_pitch, y_pitch, rows_per_item;
    float alpha, beta;
    int32_t padding; /* Mesa wants struct arguments without hidden padding at their end */
};

/* A pixel is a row. */
struct rows pixel_rows(const oc_tensor *a, const oc_tensor *b, const oc_tensor *y);

/* Rows for what takes each value alone: of a convenient width if all three tensors are dense. */
struct rows value_rows(const oc_tensor *a, const oc_tensor *b, const oc_tensor *y);

/* Work-items for rows, rows_per_item to each. */
int64_t rows_items(const struct rows *r);

struct elementwise {
    const char *operation;      /* OPERATION_... of cl/elementwise.cl */
    const char *function;       /* apply_... of cl/common.cl, or NULL */
    float alpha;                /* the function's parameter */
    const oc_tensor *a, *b, *y; /* b: a again, if the operation has one operand */
    const oc_tensor *scale;     /* a scalar, for the operations that take one; else NULL */
    float beta;                 /* the operation's parameter */
};

/* One value per work-item: runs everywhere. */
oc_status elementwise_reference(struct emitter *e, const struct node *n, const struct elementwise *what);

/* Explicit vectors, one work-item per group: for CPUs. */
oc_status elementwise_vector(struct emitter *e, const struct node *n, const struct elementwise *what);

/* The largest vector that so many channels fill at least once. */
int vector_width(int64_t channels);

/* For `supports` of implementations that are written for CPUs. */
bool device_is_cpu(const struct node *n, const oc_device_info *device);

/* For `prefers` of those that are written for GPUs but run anywhere. */
bool device_is_no_cpu(const struct node *n, const oc_device_info *device);

#endif
