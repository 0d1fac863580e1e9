/* evaluate.c - how good a model is on data it need not have seen. */
#include "train/batch.h"

static oc_status run(oc_model *model, const oc_train_desc *desc, const oc_dataset *set, struct batch *batch,
                     double *loss, double *accuracy)
{
    float batch_loss = 0;
    oc_fetch fetches[3] = { { .tensor = desc->logits, .data = batch->logits } };
    if (loss)
        fetches[1] = (oc_fetch){ .tensor = desc->loss, .data = &batch_loss };
    double loss_sum = 0;
    int64_t correct = 0;
    for (int64_t first = 0; first < set->count; first += batch->capacity) {
        const int64_t left = set->count - first;
        const int count = left < batch->capacity ? (int)left : batch->capacity;
        const int32_t *labels = set->labels + first;
        oc_feed feeds[3] = { { .tensor = desc->image, .data = set->images + first * batch->pixels } };
        if (loss)
            feeds[1] = (oc_feed){ .tensor = desc->label, .data = labels };
        TRY(oc_infer(model, count, feeds, fetches));
        loss_sum += (double)batch_loss * count;
        correct += batch_correct(batch, labels, count);
    }
    if (loss)
        *loss = loss_sum / (double)set->count;
    if (accuracy)
        *accuracy = (double)correct / (double)set->count;
    return OC_OK;
}

oc_status oc_evaluate(oc_model *model, const oc_train_desc *desc, const oc_dataset *set, double *loss,
                      double *accuracy)
{
    if (!model || !desc || !set)
        return fail(OC_E_ARGUMENT, "oc_evaluate needs a model, a descriptor and a data set");
    if (loss && !desc->loss)
        return fail(OC_E_ARGUMENT, "the loss was asked for, but the descriptor has no loss tensor");
    struct batch batch;
    TRY(batch_open(&batch, desc, set));
    const oc_status status = run(model, desc, set, &batch, loss, accuracy);
    batch_close(&batch);
    return status;
}
