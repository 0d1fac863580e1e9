/* step.c - runs a plan: values in, launches, values out. Nothing is allocated or compiled here. */
#include "run/model.h"

#include <inttypes.h>
#include <stdio.h>

static oc_status check_labels(const oc_tensor *x, const int32_t *labels, int64_t count)
{
    for (int64_t i = 0; x->index_limit > 0 && i < count; i++)
        if (labels[i] < 0 || labels[i] >= x->index_limit)
            return fail(OC_E_ARGUMENT,
                        "input \"%s\": label %" PRId32 " at position %" PRId64 " is not in 0..%" PRId64,
                        x->name, labels[i], i, x->index_limit - 1);
    return OC_OK;
}

static oc_status check_tensor(const struct oc_model *model, const oc_tensor *tensor)
{
    if (tensor->graph != model->graph)
        return fail(OC_E_ARGUMENT, "tensor \"%s\" is not of the graph that the model was made from",
                    oc_tensor_name(tensor));
    return OC_OK;
}

static oc_status feed_all(struct oc_model *model, const struct plan *plan, const oc_feed *feeds,
                          bool check_only)
{
    for (const oc_feed *f = feeds; f && f->tensor; f++) {
        TRY(check_tensor(model, f->tensor));
        const oc_tensor *x =
            (size_t)f->tensor->id < plan->graph->tensor_count ? plan->graph->tensors[f->tensor->id] : NULL;
        if (f->tensor->kind != TENSOR_INPUT)
            return fail(OC_E_ARGUMENT, "tensor \"%s\" is fed but is no input", oc_tensor_name(f->tensor));
        if (!f->data && !f->buffer)
            return fail(OC_E_ARGUMENT, "input \"%s\" is fed from NULL", f->tensor->name);
        if (!x)
            continue; /* the model does not need it */
        const int64_t count = shape_count(&x->shape);
        const size_t bytes = (size_t)(count * element_bytes(x->type)),
                     offset = (size_t)(x->offset * element_bytes(x->type));
        struct buffer *buffer = model->buffers[x->region][x->slab];
        if (check_only && x->type == ELEMENT_I32 && f->data)
            TRY(check_labels(x, f->data, count));
        if (check_only)
            continue;
        if (f->data)
            TRY(upload_send(model->uploads[x->id], model->queue, buffer, offset, f->data, bytes));
        else
            TRY(buffer_copy_from(model->queue, buffer, offset, f->buffer, bytes));
    }
    return OC_OK;
}

static const oc_tensor *find_fetchable(const struct plan *plan, const oc_fetch *fetch)
{
    for (int i = 0; i < plan->fetchable_count; i++)
        if (plan->fetchables[i].id == fetch->tensor->id && plan->fetchables[i].gradient == fetch->gradient)
            return plan->fetchables[i].tensor;
    return NULL;
}

static oc_status check_fetches(struct oc_model *model, const struct plan *plan, const oc_fetch *fetches)
{
    for (const oc_fetch *f = fetches; f && f->tensor; f++) {
        TRY(check_tensor(model, f->tensor));
        if (!f->data && !f->buffer)
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

static oc_status fetch_all(struct oc_model *model, const struct plan *plan, const oc_fetch *fetches)
{
    for (const oc_fetch *f = fetches; f && f->tensor; f++) {
        const oc_tensor *x = find_fetchable(plan, f);
        const oc_tensor *place = x->base ? x->base : x;
        const size_t bytes = (size_t)(shape_count(&x->shape) * element_bytes(x->type));
        const size_t offset = (size_t)(x->offset * element_bytes(x->type));
        struct buffer *buffer = model->buffers[place->region][place->slab];
        if (f->data)
            TRY(buffer_read(model->queue, buffer, offset, f->data, bytes));
        else
            TRY(buffer_copy_to(model->queue, buffer, offset, f->buffer, bytes));
    }
    return OC_OK;
}

static bool fetches_loss(const struct plan *plan, const oc_fetch *fetches)
{
    for (const oc_fetch *f = fetches; f && f->tensor; f++)
        if (f->tensor->id == plan->loss_id)
            return true;
    return false;
}

oc_status step_set_dynamic(const struct step *step, const struct dynamics *values)
{
    const struct argument arguments[] = {
        [DYNAMIC_DRAW] = { .kind = ARGUMENT_INT, .number = values->draw },
        [DYNAMIC_NUMBERS] = { .kind = ARGUMENT_BYTES,
                              .data = &values->numbers,
                              .bytes = sizeof values->numbers },
        [DYNAMIC_SHARE] = { .kind = ARGUMENT_FLOAT, .real = values->share },
    };
    return launch_set(step->launch, step->dynamic_argument,
                      (struct argument[]){ arguments[step->dynamic], { 0 } });
}

/* Micro-batches of one step draw different numbers; the factor keeps them away from those of other steps. */
static int32_t draw(const struct oc_model *model)
{
    return (int32_t)((uint32_t)model->step + (uint32_t)model->micro_batches * 0x9E3779B9u);
}

static oc_status set_dynamic(const struct oc_model *model, const struct step *step)
{
    if (!step->dynamic)
        return OC_OK;
    return step_set_dynamic(step,
                            &(struct dynamics){ .numbers = optimizer_numbers(&model->optimizer, model->step),
                                                .draw = draw(model),
                                                .share = model->share });
}

/* Which launches of a plan a run wants. */
struct run {
    enum plan_kind kind;
    bool update, accumulate, loss;
};

static bool wanted(const struct plan *plan, size_t index, const struct run *run)
{
    const struct node *n = plan->emitter.steps[index].node;
    if (n->phase != PHASE_COMPUTE)
        return n->phase == PHASE_ACCUMULATE || (n->phase == PHASE_UPDATE && run->update);
    return plan->train || run->loss || n->needed || index < plan->static_steps;
}

static oc_status enqueue_all(struct oc_model *model, const struct plan *plan, const struct run *run)
{
    const struct emitter *e = &plan->emitter;
    const bool derived_valid = !model->parameters_changed && model->last_plan == run->kind;
    model->last_plan = run->kind;
    model->parameters_changed = true; /* until everything is under way */
    for (size_t i = derived_valid ? plan->static_steps : 0; i < e->step_count; i++) {
        if (!wanted(plan, i, run))
            continue;
        TRY(set_dynamic(model, &e->steps[i]));
        TRY(launch_enqueue(model->queue, e->steps[i].launch));
    }
    model->parameters_changed = run->update;
    return queue_flush(model->queue);
}

/* What a run in training leaves for the next one to know. */
static void count_samples(struct oc_model *model, const struct run *run, int batch)
{
    model->gradients_ready = true;
    model->step += run->update;
    model->seen = run->accumulate ? model->seen + batch : 0;
    model->micro_batches = run->accumulate ? model->micro_batches + 1 : 0;
}

static oc_status run(struct oc_model *model, const struct run *run, int batch, const oc_feed *feeds,
                     const oc_fetch *fetches)
{
    struct plan *plan = model->plans[run->kind];
    if (!plan)
        return fail(OC_E_ARGUMENT, "the model was created without a loss, so it cannot be trained");
    if (run->kind == PLAN_TRAIN && model->swapped)
        return fail(OC_E_ARGUMENT, "the averages lie where training needs the values: swap them back first");
    if (batch < 1 || batch > model->max_batch)
        return fail(OC_E_ARGUMENT, "a batch of %d is not in 1..%" PRId64 ", for which the model was created",
                    batch, model->max_batch);
    if (model->batch[run->kind] != batch) {
        model->batch[run->kind] = 0; /* not valid if the next line fails */
        TRY(plan_set_batch(plan, batch));
        model->batch[run->kind] = batch;
    }
    TRY(check_fetches(model, plan, fetches));
    TRY(feed_all(model, plan, feeds, true));
    TRY(feed_all(model, plan, feeds, false));
    if (run->kind == PLAN_TRAIN && !run->accumulate && !run->update)
        model->seen = model->micro_batches = 0;
    model->share = (float)((double)batch / (double)(model->seen + batch));
    TRY(enqueue_all(model, plan, run));
    if (run->kind == PLAN_TRAIN)
        count_samples(model, run, batch);
    return fetch_all(model, plan, fetches);
}

oc_status oc_train_step(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches)
{
    return run(model, &(struct run){ .kind = PLAN_TRAIN, .update = true, .loss = true }, batch, feeds,
               fetches);
}

oc_status oc_compute_gradients(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches)
{
    return run(model, &(struct run){ .kind = PLAN_TRAIN, .loss = true }, batch, feeds, fetches);
}

oc_status oc_accumulate_gradients(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches)
{
    if (model->plans[PLAN_TRAIN] && !model->accumulates)
        return fail(OC_E_ARGUMENT,
                    "the model was created without `accumulate`, so it has no memory for that");
    return run(model, &(struct run){ .kind = PLAN_TRAIN, .accumulate = true, .loss = true }, batch, feeds,
               fetches);
}

oc_status oc_infer(oc_model *model, int batch, const oc_feed *feeds, const oc_fetch *fetches)
{
    const bool loss = fetches_loss(model->plans[PLAN_INFER], fetches);
    return run(model, &(struct run){ .kind = PLAN_INFER, .loss = loss }, batch, feeds, fetches);
}

oc_status oc_model_swap_average(oc_model *model)
{
    const struct plan *plan = model->plans[PLAN_TRAIN];
    if (!plan || model->optimizer.average == 0.f)
        return fail(OC_E_NOT_FOUND, "the model keeps no averages: its optimizer's `average` is 0");
    for (size_t i = 0; i < plan->emitter.step_count; i++)
        if (plan->emitter.steps[i].node->phase == PHASE_SWAP)
            TRY(launch_enqueue(model->queue, plan->emitter.steps[i].launch));
    model->swapped = !model->swapped;
    model->parameters_changed = true;
    return queue_flush(model->queue);
}

oc_status oc_model_finish(oc_model *model)
{
    return queue_finish(model->queue);
}

oc_status oc_model_set_rate(oc_model *model, float rate)
{
    if (!(rate >= 0.f))
        return fail(OC_E_ARGUMENT, "the learning rate must be at least 0, it is %g", (double)rate);
    model->optimizer.rate = rate;
    return OC_OK;
}

float oc_model_get_rate(const oc_model *model)
{
    return model->optimizer.rate;
}

int64_t oc_model_get_step(const oc_model *model)
{
    return model->step;
}

oc_status oc_model_set_step(oc_model *model, int64_t step)
{
    if (step < 0)
        return fail(OC_E_ARGUMENT, "the step count must be at least 0, it is %" PRId64, step);
    model->step = step;
    return OC_OK;
}

oc_status model_warm_up(struct oc_model *model)
{
    for (int p = 0; p < PLAN_COUNT; p++) {
        const struct plan *plan = model->plans[p];
        for (size_t i = 0; plan && i < plan->emitter.step_count; i++) {
            const struct step *steps = plan->emitter.steps;
            bool first = true;
            for (size_t j = i; first && j-- > 0 && i - j < 64;) /* a few repetitions do no harm */
                first = !launch_same_code(steps[j].launch, steps[i].launch);
            if (first) {
                TRY(set_dynamic(model, &steps[i]));
                TRY(launch_enqueue(model->queue, steps[i].launch));
            }
        }
    }
    return queue_finish(model->queue);
}

oc_status oc_model_profile(oc_model *model, bool train, oc_profile_fn fn, void *user)
{
    const enum plan_kind kind = train ? PLAN_TRAIN : PLAN_INFER;
    const struct plan *plan = model->plans[kind];
    struct queue *queue;
    if (!plan)
        return fail(OC_E_ARGUMENT, "the model was created without a loss, so it has no training to profile");
    TRY(queue_finish(model->queue));
    TRY(queue_create(&queue, model->device, true));
    const struct node *last = NULL;
    oc_status status = OC_OK;
    for (size_t i = 0; status == OC_OK && i < plan->emitter.step_count; i++) {
        const struct step *step = &plan->emitter.steps[i];
        const struct node *n = step->node;
        if (n->phase != PHASE_COMPUTE)
            continue;
        const struct cost cost = n != last ? node_cost(n) : (struct cost){ 0 };
        last = n;
        oc_profile_entry entry = { .layer = n->forward ? n->forward->name : n->name,
                                   .op = n->op->name,
                                   .implementation = n->impl->name,
                                   .kernel = launch_kernel(step->launch),
                                   .backward = n->backward,
                                   .derived = i < plan->static_steps,
                                   .flops = cost.flops,
                                   .bytes = cost.bytes };
        status = set_dynamic(model, step);
        if (status == OC_OK)
            status = launch_time(queue, step->launch, &entry.milliseconds);
        if (status == OC_OK)
            fn(user, &entry);
    }
    model->parameters_changed = true; /* for the next run, whichever plan it is of */
    queue_destroy(queue);
    return status;
}
