/* model.h - a model, as the files of this room see it.
 *
 * A model has two plans, for training and for inference, over the same parameters; their activations lie in the same
 * memory, since only one plan runs at a time. */
#ifndef RUN_MODEL_H
#define RUN_MODEL_H

#include "compile/compile.h"
#include "device/upload.h"
#include "ops/optimizer.h"

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
    struct queue *transfer;         /* on which inputs are sent ahead; NULL: they go through `queue` */
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
    int64_t seen, micro_batches; /* samples and batches accumulated since the last update */
    float share;                 /* of the batch in what is accumulated with it */
    int64_t batch[PLAN_COUNT];   /* for which the arguments of each plan are set */
    enum plan_kind last_plan;    /* whose activations are in memory */
    bool has_results;            /* of the last run, all but perhaps ... */
    bool has_loss;               /* ... its loss */
    bool parameters_changed;     /* since the last plan computed what depends on them alone */
    bool gradients_ready;
    bool accumulates; /* there is memory for the mean of several batches' gradients */
    bool swapped;     /* averages lie where plans look for values */
};

/* Which launches of a plan a run wants. */
struct run {
    enum plan_kind kind;
    bool update, accumulate, loss;
};

/* feed.c: whether a run of this batch can have these feeds, and what was fed ahead for the rest. Changes nothing. */
oc_status feed_check(const struct oc_model *model, const struct run *run, int batch, const oc_feed *feeds);

/* feed.c: puts them in their places, once the plan is set to the batch. */
oc_status feed_all(struct oc_model *model, const struct run *run, const oc_feed *feeds);

/* fetch.c: whether a run of this plan can have these fetches; reads them, but for those that are for later. */
oc_status fetch_check(const struct oc_model *model, const struct plan *plan, const oc_fetch *fetches);
oc_status fetch_all(struct oc_model *model, const struct plan *plan, const oc_fetch *fetches);

/* fetch.c: feeds and fetches name tensors of the graph that the model was made from. */
oc_status model_check_tensor(const struct oc_model *model, const oc_tensor *tensor);

/* parameter.c */
oc_status model_index_parameters(struct oc_model *model);
oc_status model_initialize(struct oc_model *model, uint64_t seed);

/* step.c: enqueues each distinct kernel of a plan once, so that drivers which compile at the first launch do it now. Does not
 * wait for them. What they make of the model's memory is worthless. */
oc_status model_warm_up(struct oc_model *model, enum plan_kind kind);

/* What the arguments that change from step to step may be. */
struct dynamics {
    struct step_numbers numbers;
    int32_t draw;
    float share;
};

/* step.c: sets the one argument that changes from step to step, of a kernel that has one. */
oc_status step_set_dynamic(const struct step *step, const struct dynamics *values);

/* model.c: all inputs must agree on the batch, since it changes for all at once. */
oc_status model_find_batch(const oc_graph *graph, int64_t *batch);

/* One node of a draft, alone on the device: trial.c. */
struct trial {
    struct plan *plan;
    struct node *node;
    struct queue *queue;
    struct buffer **buffers[REGION_COUNT];
};

/* Builds it, and fills its inputs with numbers that depend on their places only: in -1..1, or with `positive` in 0.1..1.1;
 * results with NaN. Destroy it in any case. */
oc_status trial_create(struct trial *trial, const struct plan *draft, const struct node *n,
                       const struct choice *choice, bool positive);
void trial_destroy(struct trial *trial);

/* Runs the node once; milliseconds of device time, with what is derived from parameters if the plan is for training. */
oc_status trial_run(struct trial *trial, double *milliseconds);

/* What the first `outputs` outputs hold, and what the node has written into inputs. The caller frees *values with the
 * device's allocator. */
oc_status trial_read(struct trial *trial, int outputs, void **values);

/* Whether two results of the same node agree up to rounding. *finite: whether all that was written in `wanted` is. */
bool trial_agrees(const struct trial *trial, int outputs, const void *wanted, const void *got, bool *finite);

#endif
