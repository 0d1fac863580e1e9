/* feed.c - values into a model: with a run, or ahead of it. Nothing is allocated here.
 *
 * What is fed ahead stays in its upload, away from what runs compute with, until a run that reads the input delivers it.
 * So nothing but that run notices. */
#include "run/model.h"

#include <inttypes.h>

/* The plan's twin of an input; NULL: the model does not need it. */
static const oc_tensor *twin(const struct plan *plan, const oc_tensor *tensor)
{
    return (size_t)tensor->id < plan->graph->tensor_count ? plan->graph->tensors[tensor->id] : NULL;
}

static int64_t sample_values(const oc_tensor *x)
{
    return shape_count(&x->shape) / x->shape.dim[0];
}

static int64_t sample_bytes(const oc_tensor *x)
{
    return sample_values(x) * element_bytes(x->type);
}

/* The batch of what was fed ahead of an input; 0: nothing was. */
static int64_t batch_ahead(const struct oc_model *model, const oc_tensor *x)
{
    return (int64_t)upload_begun(model->uploads[x->id]) / sample_bytes(x);
}

static void forget_all(struct oc_model *model)
{
    for (int i = 0; i < model->upload_count; i++)
        if (model->uploads[i])
            upload_forget(model->uploads[i]);
}

/* ---- checks ---- */

static oc_status check_batch(const struct oc_model *model, int batch)
{
    if (batch < 1 || batch > model->max_batch)
        return fail(OC_E_ARGUMENT, "a batch of %d is not in 1..%" PRId64 ", for which the model was created",
                    batch, model->max_batch);
    return OC_OK;
}

static oc_status check_labels(const oc_tensor *x, const int32_t *labels, int64_t count)
{
    for (int64_t i = 0; x->index_limit > 0 && i < count; i++)
        if (labels[i] < 0 || labels[i] >= x->index_limit)
            return fail(OC_E_ARGUMENT,
                        "input \"%s\": label %" PRId32 " at position %" PRId64 " is not in 0..%" PRId64,
                        x->name, labels[i], i, x->index_limit - 1);
    return OC_OK;
}

static oc_status check_feeds(const struct oc_model *model, const struct plan *plan, int batch,
                             const oc_feed *feeds)
{
    for (const oc_feed *f = feeds; f && f->tensor; f++) {
        TRY(model_check_tensor(model, f->tensor));
        if (f->tensor->kind != TENSOR_INPUT)
            return fail(OC_E_ARGUMENT, "tensor \"%s\" is fed but is no input", oc_tensor_name(f->tensor));
        if (!f->data && !f->buffer)
            return fail(OC_E_ARGUMENT, "input \"%s\" is fed from NULL", f->tensor->name);
        const oc_tensor *x = twin(plan, f->tensor);
        if (x && x->type == ELEMENT_I32 && f->data)
            TRY(check_labels(x, f->data, batch * sample_values(x)));
    }
    return OC_OK;
}

/* Labels need not be there for an inference that does not compute the loss. */
static bool reads(const struct plan *plan, const struct run *run, const oc_tensor *x)
{
    if (plan->train || run->loss)
        return true;
    for (const struct node *n = plan->graph->first; n; n = n->next)
        for (int i = 0; n->needed && i < n->in_count; i++)
            if (n->in[i] == x)
                return true;
    return false;
}

static bool is_fed(const oc_feed *feeds, int id)
{
    for (const oc_feed *f = feeds; f && f->tensor; f++)
        if (f->tensor->id == id)
            return true;
    return false;
}

oc_status feed_check(const struct oc_model *model, const struct run *run, int batch, const oc_feed *feeds)
{
    const struct plan *plan = model->plans[run->kind];
    TRY(check_batch(model, batch));
    TRY(check_feeds(model, plan, batch, feeds));
    for (int i = 0; i < model->upload_count; i++) {
        if (!model->uploads[i] || upload_begun(model->uploads[i]) == 0 || is_fed(feeds, i))
            continue;
        const oc_tensor *x = plan->graph->tensors[i];
        const int64_t ahead = batch_ahead(model, x);
        if (ahead != batch && reads(plan, run, x))
            return fail(OC_E_ARGUMENT,
                        "input \"%s\" was fed ahead with a batch of %" PRId64 ", but the run has one of %d",
                        x->name, ahead, batch);
    }
    return OC_OK;
}

/* ---- values on their way ---- */

static oc_status deliver(struct oc_model *model, const oc_tensor *x)
{
    return upload_deliver(model->uploads[x->id], model->queue, model->buffers[x->region][x->slab],
                          (size_t)(x->offset * element_bytes(x->type)));
}

static oc_status feed_one(struct oc_model *model, const oc_tensor *x, const oc_feed *feed)
{
    const size_t bytes = (size_t)tensor_bytes(x), offset = (size_t)(x->offset * element_bytes(x->type));
    if (!feed->data) {
        upload_forget(model->uploads[x->id]);
        return buffer_copy_from(model->queue, model->buffers[x->region][x->slab], offset, feed->buffer,
                                bytes);
    }
    oc_status status = upload_begin(model->uploads[x->id], feed->data, bytes);
    if (status == OC_OK)
        status = deliver(model, x);
    if (status != OC_OK) /* what this run has not got is not for the next one */
        upload_forget(model->uploads[x->id]);
    return status;
}

oc_status feed_all(struct oc_model *model, const struct run *run, const oc_feed *feeds)
{
    const struct plan *plan = model->plans[run->kind];
    for (const oc_feed *f = feeds; f && f->tensor; f++) {
        const oc_tensor *x = twin(plan, f->tensor);
        if (x)
            TRY(feed_one(model, x, f));
    }
    for (int i = 0; i < model->upload_count; i++)
        if (model->uploads[i] && upload_begun(model->uploads[i]) > 0 &&
            reads(plan, run, plan->graph->tensors[i]))
            TRY(deliver(model, plan->graph->tensors[i]));
    return OC_OK;
}

oc_status oc_model_feed(oc_model *model, int batch, const oc_feed *feeds)
{
    const struct plan *plan = model->plans[PLAN_INFER]; /* both plans have the same inputs */
    if (!feeds) {
        forget_all(model);
        return OC_OK;
    }
    TRY(check_batch(model, batch));
    TRY(check_feeds(model, plan, batch, feeds));
    for (const oc_feed *f = feeds; f->tensor; f++)
        if (!f->data)
            return fail(OC_E_ARGUMENT,
                        "input \"%s\" is fed ahead from a buffer: only host memory can be, give the buffer "
                        "to the run",
                        f->tensor->name);
    oc_status status = OC_OK;
    for (const oc_feed *f = feeds; status == OC_OK && f->tensor; f++) {
        const oc_tensor *x = twin(plan, f->tensor);
        if (x)
            status = upload_begin(model->uploads[x->id], f->data, (size_t)(batch * sample_bytes(x)));
    }
    if (status != OC_OK) /* half a batch must not pass for a whole one */
        forget_all(model);
    return status;
}

int oc_model_get_fed(const oc_model *model, const oc_tensor *input)
{
    const struct plan *plan = model->plans[PLAN_INFER];
    if (input->graph != model->graph || input->kind != TENSOR_INPUT)
        return 0;
    const oc_tensor *x = twin(plan, input);
    return x ? (int)batch_ahead(model, x) : 0;
}
