/* checkpoint.h - weights, training state and where the run stands, in one safetensors file. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "base/status.h"

/* What a checkpoint says about the run, beside the parameters. */
struct position {
    int64_t epochs, steps;  /* done: whole epochs, then steps of the next */
    int64_t batch, samples; /* of a step; of an epoch */
    uint64_t seed;
    double loss_sum; /* over the samples of the epoch so far, and how many were classified correctly */
    int64_t correct;
};

/* `metadata`: more NULL-terminated pairs key, value; may be NULL. */
oc_status checkpoint_save(oc_model *model, const char *path, const char *const *metadata,
                          const struct position *at);

/* Loads a file; if a training run wrote it, `at` moves to its position. batch, samples and seed of `at` say what
 * the run is going to do: in the middle of an epoch they must be the file's. */
oc_status checkpoint_load(oc_model *model, const char *path, struct position *at);

#endif
