/* evaluate.c - how good a model is on data it need not have seen. While the device computes a batch, the next one is sent. */
#include "train/batch.h"

struct evaluation {
    oc_model *model;
    const oc_train_desc *desc;
    const oc_dataset *set;
    struct batch batch;
    bool with_loss;
    double loss_sum;
    int64_t correct;
};

/* How many samples the batch has that begins with this one. */
static int batch_at(const struct evaluation *e, int64_t first)
{
    const int64_t left = e->set->count - first;
    return left < e->batch.capacity ? (int)left : e->batch.capacity;
}

static oc_status send(const struct evaluation *e, int64_t first)
{
    oc_feed feeds[3] = { { .tensor = e->desc->image, .data = e->set->images + first * e->batch.pixels } };
    if (e->with_loss)
        feeds[1] = (oc_feed){ .tensor = e->desc->label, .data = e->set->labels + first };
    return oc_model_feed(e->model, batch_at(e, first), feeds);
}

static oc_status receive(struct evaluation *e, int64_t first)
{
    const int count = batch_at(e, first);
    float loss = 0;
    oc_fetch fetches[3] = { { .tensor = e->desc->logits, .data = e->batch.logits } };
    if (e->with_loss)
        fetches[1] = (oc_fetch){ .tensor = e->desc->loss, .data = &loss };
    TRY(oc_model_fetch(e->model, fetches));
    e->loss_sum += (double)loss * count;
    e->correct += batch_correct(&e->batch, e->set->labels + first, NULL, count);
    return OC_OK;
}

static oc_status run(struct evaluation *e)
{
    const oc_fetch loss_later[] = { { .tensor = e->desc->loss, .later = true }, { 0 } };
    TRY(send(e, 0));
    for (int64_t first = 0; first < e->set->count; first += e->batch.capacity) {
        const int64_t next = first + e->batch.capacity;
        TRY(oc_infer(e->model, batch_at(e, first), NULL, e->with_loss ? loss_later : NULL));
        if (next < e->set->count)
            TRY(send(e, next));
        TRY(receive(e, first));
    }
    return OC_OK;
}

oc_status oc_evaluate(oc_model *model, const oc_train_desc *desc, const oc_dataset *set, double *loss,
                      double *accuracy)
{
    if (!model || !desc || !set)
        return fail(OC_E_ARGUMENT, "oc_evaluate needs a model, a descriptor and a data set");
    if (loss && !desc->loss)
        return fail(OC_E_ARGUMENT, "the loss was asked for, but the descriptor has no loss tensor");
    struct evaluation e = { .model = model, .desc = desc, .set = set, .with_loss = loss != NULL };
    TRY(batch_open(&e.batch, desc, set));
    const oc_status status = run(&e);
    if (status == OC_OK && loss)
        *loss = e.loss_sum / (double)set->count;
    if (status == OC_OK && accuracy)
        *accuracy = (double)e.correct / (double)set->count;
    if (status != OC_OK)
        oc_model_feed(model, 0, NULL); /* what it has sent and does not want any more */
    batch_close(&e.batch);
    return status;
}
