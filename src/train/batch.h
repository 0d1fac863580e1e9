/* batch.h - samples of a data set on their way into a model, and what the model said about them. */
#ifndef TRAIN_BATCH_H
#define TRAIN_BATCH_H

#include "base/status.h"

struct batch {
    int capacity, classes;
    int64_t pixels;  /* values of one picture */
    float *images;   /* (capacity, c, h, w), gathered last */
    int32_t *labels; /* (capacity), likewise */
    float *logits;   /* (capacity, classes), of what ran last */
};

/* Checks that the data set fits the tensors of desc, and allocates. batch_close accepts a batch that is all zero. */
oc_status batch_open(struct batch *batch, const oc_train_desc *desc, const oc_dataset *set);
void batch_close(struct batch *batch);

/* Copies the samples samples[0..count-1] of the set. */
void batch_gather(struct batch *batch, const oc_dataset *set, const int64_t *samples, int count);

/* How many of the first `count` logits are largest where the label says: labels[samples[i]], or labels[i] if `samples` is
 * NULL. */
int64_t batch_correct(const struct batch *batch, const int32_t *labels, const int64_t *samples, int count);

#endif
