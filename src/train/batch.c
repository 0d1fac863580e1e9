/* batch.c - gathers samples and counts right answers. */
#include "train/batch.h"
#include "base/memory.h"

#include <string.h>

static oc_status check(const oc_train_desc *desc, const oc_dataset *set, const int64_t *image, int rank)
{
    const int64_t height = rank > 2 ? image[2] : 1, width = rank > 3 ? image[3] : 1;
    if (set->count < 1)
        return fail(OC_E_ARGUMENT, "the data set is empty");
    if (rank > 4 || set->channels != image[1] || set->height != height || set->width != width)
        return fail(OC_E_SHAPE, "the data set has pictures of %dx%dx%d, but input '%s' is %lldx%lldx%lld",
                    set->channels, set->height, set->width, oc_tensor_name(desc->image), (long long)image[1],
                    (long long)height, (long long)width);
    return OC_OK;
}

oc_status batch_open(struct batch *batch, const oc_train_desc *desc, const oc_dataset *set)
{
    *batch = (struct batch){ 0 };
    if (!desc->image || !desc->label || !desc->logits)
        return fail(OC_E_ARGUMENT, "training and evaluation need the tensors image, label and logits");
    int64_t image[OC_MAX_RANK], logits[OC_MAX_RANK];
    const int rank = oc_tensor_shape(desc->image, image), logits_rank = oc_tensor_shape(desc->logits, logits);
    if (rank < 2 || logits_rank != 2)
        return fail(OC_E_SHAPE,
                    "image must be (n, c, spatial...) and logits (n, classes), not of rank %d and %d", rank,
                    logits_rank);
    TRY(check(desc, set, image, rank));
    if (set->classes > logits[1])
        return fail(OC_E_SHAPE, "the data set has %d classes, but '%s' tells only %lld apart", set->classes,
                    oc_tensor_name(desc->logits), (long long)logits[1]);
    if (desc->batch < 0 || desc->batch > image[0])
        return fail(OC_E_ARGUMENT, "a batch of %d samples is not in 1..%lld, what the model was created for",
                    desc->batch, (long long)image[0]);

    batch->capacity = desc->batch != 0 ? desc->batch : (int)image[0];
    batch->classes = (int)logits[1];
    batch->pixels = (int64_t)set->channels * set->height * set->width;
    const size_t count = (size_t)batch->capacity;
    batch->images = memory_zeroed(&memory_heap, count, (size_t)batch->pixels * sizeof(float));
    batch->labels = memory_zeroed(&memory_heap, count, sizeof(int32_t));
    batch->logits = memory_zeroed(&memory_heap, count, (size_t)batch->classes * sizeof(float));
    if (batch->images && batch->labels && batch->logits)
        return OC_OK;
    batch_close(batch);
    return fail_again(OC_E_MEMORY, oc_last_error());
}

void batch_close(struct batch *batch)
{
    memory_free(&memory_heap, batch->images);
    memory_free(&memory_heap, batch->labels);
    memory_free(&memory_heap, batch->logits);
    *batch = (struct batch){ 0 };
}

void batch_gather(struct batch *batch, const oc_dataset *set, const int64_t *samples, int count)
{
    const size_t bytes = (size_t)batch->pixels * sizeof(float);
    for (int i = 0; i < count; i++) {
        memcpy(batch->images + i * batch->pixels, set->images + samples[i] * batch->pixels, bytes);
        batch->labels[i] = set->labels[samples[i]];
    }
}

/* Whether `label` is the first of the largest logits. NaN is never larger: a broken net is never right. */
static bool is_largest(const float *logits, int classes, int label)
{
    for (int i = 0; i < classes; i++) {
        const bool beaten = i < label ? !(logits[label] > logits[i]) : !(logits[label] >= logits[i]);
        if (beaten)
            return false;
    }
    return true;
}

int64_t batch_correct(const struct batch *batch, const int32_t *labels, const int64_t *samples, int count)
{
    int64_t correct = 0;
    for (int i = 0; i < count; i++)
        correct += is_largest(batch->logits + (int64_t)i * batch->classes, batch->classes,
                              labels[samples ? samples[i] : i]);
    return correct;
}
