/* step.c - runs a plan: values in (feed.c), launches, values out (fetch.c). Nothing is allocated or compiled here. */
#include "base/memory.h"
#include "run/model.h"

#include <inttypes.h>

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
    TRY(feed_check(model, run, batch, feeds));
    TRY(fetch_check(model, plan, fetches));
    model->has_results = false; /* until everything is under way; what was refused has changed nothing */
    if (model->batch[run->kind] != batch) {
        model->batch[run->kind] = 0; /* not valid if the next line fails */
        TRY(plan_set_batch(plan, batch));
        model->batch[run->kind] = batch;
    }
    TRY(feed_all(model, run, feeds));
    if (run->kind == PLAN_TRAIN && !run->accumulate && !run->update)
        model->seen = model->micro_batches = 0;
    model->share = (float)((double)batch / (double)(model->seen + batch));
    TRY(enqueue_all(model, plan, run));
    model->has_results = true;
    model->has_loss = run->loss;
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
    if (model->transfer)
        TRY(queue_finish(model->transfer));
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

static bool any_same_code(const struct launch *const *launches, int count, const struct launch *launch)
{
    for (int i = 0; i < count; i++)
        if (launch_same_code(launches[i], launch))
            return true;
    return false;
}

oc_status model_warm_up(struct oc_model *model, enum plan_kind kind)
{
    const struct emitter *e = &model->plans[kind]->emitter;
    const struct launch **distinct = memory_zeroed(&model->allocator, e->step_count + 1, sizeof *distinct);
    if (!distinct)
        return OC_E_MEMORY;
    int count = 0;
    oc_status status = OC_OK;
    for (size_t i = 0; status == OC_OK && i < e->step_count; i++) {
        const struct launch *launch = e->steps[i].launch;
        if (any_same_code(distinct, count, launch))
            continue;
        distinct[count++] = launch;
        status = set_dynamic(model, &e->steps[i]);
        if (status == OC_OK)
            status = launch_enqueue(model->queue, launch);
    }
    memory_free(&model->allocator, distinct);
    return status == OC_OK ? queue_flush(model->queue) : status;
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
    model->has_results = false; /* they are of other launches now */
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
