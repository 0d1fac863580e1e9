/* fetch.c - values out of a model: with a run, or after it. */
#include "run/model.h"

oc_status model_check_tensor(const struct oc_model *model, const oc_tensor *tensor)
{
    if (tensor->graph != model->graph)
        return fail(OC_E_ARGUMENT, "tensor \"%s\" is not of the graph that the model was made from",
                    oc_tensor_name(tensor));
    return OC_OK;
}

static const oc_tensor *find_fetchable(const struct plan *plan, const oc_fetch *fetch)
{
    for (int i = 0; i < plan->fetchable_count; i++)
        if (plan->fetchables[i].id == fetch->tensor->id && plan->fetchables[i].gradient == fetch->gradient)
            return plan->fetchables[i].tensor;
    return NULL;
}

oc_status fetch_check(const struct oc_model *model, const struct plan *plan, const oc_fetch *fetches)
{
    for (const oc_fetch *f = fetches; f && f->tensor; f++) {
        TRY(model_check_tensor(model, f->tensor));
        if (f->later && (f->data || f->buffer))
            return fail(OC_E_ARGUMENT, "tensor \"%s\" is fetched both now and later",
                        oc_tensor_name(f->tensor));
        if (!f->later && !f->data && !f->buffer)
            return fail(OC_E_ARGUMENT, "tensor \"%s\" is fetched into NULL", oc_tensor_name(f->tensor));
        if (!find_fetchable(plan, f))
            return fail(
                OC_E_NOT_FOUND,
                f->gradient
                    ? "there is no gradient of \"%s\" to fetch: only training computes it, for inputs "
                      "with `gradient` set that the loss depends on"
                    : "\"%s\" cannot be fetched: it is neither the loss nor one of the model's outputs",
                oc_tensor_name(f->tensor));
    }
    return OC_OK;
}

oc_status fetch_all(struct oc_model *model, const struct plan *plan, const oc_fetch *fetches)
{
    for (const oc_fetch *f = fetches; f && f->tensor; f++) {
        const oc_tensor *x = find_fetchable(plan, f);
        const oc_tensor *place = x->base ? x->base : x;
        const size_t bytes = (size_t)tensor_bytes(x), offset = (size_t)(x->offset * element_bytes(x->type));
        struct buffer *buffer = model->buffers[place->region][place->slab];
        if (f->data)
            TRY(buffer_read(model->queue, buffer, offset, f->data, bytes));
        else if (f->buffer)
            TRY(buffer_copy_to(model->queue, buffer, offset, f->buffer, bytes));
    }
    return OC_OK;
}

/* An inference without the loss has everything but what only the loss needs. */
static bool was_computed(const struct oc_model *model, const struct plan *plan, const oc_fetch *fetch)
{
    const struct node *producer = find_fetchable(plan, fetch)->producer;
    return model->has_loss || fetch->tensor->id != plan->loss_id || !producer || producer->needed;
}

oc_status oc_model_fetch(oc_model *model, const oc_fetch *fetches)
{
    const struct plan *plan = model->plans[model->last_plan];
    if (!model->has_results)
        return fail(OC_E_ARGUMENT,
                    "there is nothing to fetch: the model has not run yet, or its last run failed or was a "
                    "profile");
    TRY(fetch_check(model, plan, fetches));
    for (const oc_fetch *f = fetches; f && f->tensor; f++) {
        if (f->later)
            return fail(OC_E_ARGUMENT, "tensor \"%s\" is fetched later, but this is when: give memory for it",
                        oc_tensor_name(f->tensor));
        if (!was_computed(model, plan, f))
            return fail(OC_E_NOT_FOUND,
                        "\"%s\" was not computed by the last run: inference computes the loss only if it is "
                        "among the fetches",
                        oc_tensor_name(f->tensor));
    }
    return fetch_all(model, plan, fetches);
}
