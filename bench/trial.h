/* trial.h - one case as a model of its own, as tests/ops builds it: inputs, the layer and, unless the layer is a loss
 * itself, the inner product with a further input dy as the loss, so that backward starts from dy.
 *
 * Values depend on their positions alone: every model of a case computes the same, and the first samples of a large
 * batch are those of a small one. */
#ifndef BENCH_TRIAL_H
#define BENCH_TRIAL_H

#include "support/case.h"

struct trial_desc {
    const struct op_spec *spec;
    const struct op_case *c;     /* lives longer than the trial */
    const char *implementations; /* as in oc_model_desc */
    bool backward;               /* also the backward pass ... */
    bool input_gradient;         /* ... and in it the gradients of the inputs */
};

struct trial {
    struct trial_desc desc;
    oc_graph *graph;
    oc_model *model;
    oc_tensor *in[MAX_INPUTS], *y, *dy; /* dy NULL: backward starts from the layer itself */
    void *values[MAX_INPUTS];
    float *dy_values, *parameters[MAX_PARAMETERS];
    int parameter_count;
};

/* Creates the model, sets its parameters and runs the whole batch once. Destroy it in any case. */
oc_status trial_create(struct trial *t, oc_device *device, const struct trial_desc *desc);
void trial_destroy(struct trial *t);

bool trial_is_label(const struct trial *t, int input);
int trial_batch(const struct trial *t); /* of the whole case */

/* Sets what training writes, such as running averages, to where it started. */
oc_status trial_restore(struct trial *t);

/* Inference and, if the trial has it, backward on the first samples; either list of fetches may be NULL. */
oc_status trial_run(struct trial *t, int batch, const oc_fetch *results, const oc_fetch *gradients);

/* Device time of the operations that make up a case, each the least of several runs. */
enum { MAX_USES = 64 }; /* more operations than any layer is made of */
struct use {
    const char *op, *impl; /* as in oc_op_name: "activation_backward" */
    double milliseconds, flops, bytes;
};
struct profile {
    struct use uses[MAX_USES];
    int count;
    double packing; /* making weights ready for a kernel, milliseconds */
};

/* Runs once to warm up and then `repeat` times. Takes the layer itself or, with `backward`, what computes its
 * gradients; the loss that backward starts from is not part of it. */
oc_status trial_profile(struct trial *t, bool backward, int repeat, struct profile *profile);

#endif
