/* model.h - a model, as the files of this room see it.
 *
 * A model has two plans, for training and for inference, over the same parameters; their activations lie in the same
 * memory, since only one plan runs at a time. */
#ifndef RUN_MODEL_H
#define RUN_MODEL_H

#include "compile/compile.h"

enum plan_kind { PLAN_INFER, PLAN_TRAIN, PLAN_COUNT };

/* A parameter and where to find what is kept about it. */
struct model_parameter {
    const oc_tensor *value, *gradient; /* of one of the plans; gradient NULL: not trained */
};

struct oc_model {
    oc_device *device;
    oc_allocator allocator;
    const oc_graph *graph; /* the user's; only compared, never looked into */
    struct queue *queue;
    struct plan *plans[PLAN_COUNT]; /* PLAN_TRAIN: NULL without a loss */
    struct slabs slabs[REGION_COUNT];
    struct buffer **buffers[REGION_COUNT];
    struct upload **uploads; /* by the id of an input */
    int upload_count;
    oc_memory_info memory;

    struct model_parameter *parameters; /* in the order of the graph */
    int *by_name;                       /* indices, sorted by name */
    int parameter_count;

    oc_optimizer_desc optimizer;
    int64_t step, max_batch;
    int64_t batch[PLAN_COUNT]; /* for which the arguments of each plan are set */
    enum plan_kind last_plan;  /* whose activations are in memory */
    bool parameters_changed;   /* since the last plan computed what depends on them alone */
    bool gradients_ready;
};

/* parameter.c */
oc_status model_index_parameters(struct oc_model *model);
oc_status model_initialize(struct oc_model *model, uint64_t seed);

/* step.c: enqueues each distinct kernel once, so that drivers which compile at the first launch do it now. */
oc_status model_warm_up(struct oc_model *model);

#endif
