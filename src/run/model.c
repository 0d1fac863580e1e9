/* model.c - puts a graph on a device: compiles it, allocates, builds. */
#include "run/model.h"
#include "base/log.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Pieces of device memory: the larger of what either plan needs. */
static void join_slabs(struct slabs slabs[REGION_COUNT], struct plan *const plans[PLAN_COUNT])
{
    for (int r = 0; r < REGION_COUNT; r++) {
        slabs[r] = (struct slabs){ 0 };
        for (int p = 0; p < PLAN_COUNT; p++) {
            const bool training_only = r >= REGION_GRADIENTS;
            if (!plans[p] || (training_only && !plans[p]->train))
                continue;
            const struct slabs *from = &plans[p]->slabs[r];
            for (int i = 0; i < from->count; i++)
                if (from->bytes[i] > slabs[r].bytes[i])
                    slabs[r].bytes[i] = from->bytes[i];
            if (from->count > slabs[r].count)
                slabs[r].count = from->count;
        }
    }
}

static int64_t region_bytes(const struct slabs *slabs)
{
    int64_t bytes = 0;
    for (int i = 0; i < slabs->count; i++)
        bytes += slabs->bytes[i];
    return bytes;
}

/* Bytes in which inputs are staged. */
static int64_t staging_bytes(const struct plan *plan)
{
    int64_t bytes = 0;
    for (size_t i = 0; device_stages(plan->device) && i < plan->graph->tensor_count; i++)
        if (plan->graph->tensors[i] && plan->graph->tensors[i]->kind == TENSOR_INPUT)
            bytes += UPLOAD_ROOMS * tensor_bytes(plan->graph->tensors[i]);
    return bytes;
}

static oc_memory_info count_memory(const struct slabs slabs[REGION_COUNT],
                                   struct plan *const plans[PLAN_COUNT])
{
    const int64_t inputs = region_bytes(&slabs[REGION_INPUTS]) + staging_bytes(plans[PLAN_INFER]);
    oc_memory_info info = { .parameters = region_bytes(&slabs[REGION_PARAMETERS]),
                            .gradients = region_bytes(&slabs[REGION_GRADIENTS]) +
                                         region_bytes(&slabs[REGION_ACCUMULATED]),
                            .activations = region_bytes(&slabs[REGION_ACTIVATIONS]) + inputs };
    for (int r = REGION_MOMENTUM; r < REGION_COUNT; r++)
        info.optimizer += region_bytes(&slabs[r]);
    info.total = info.parameters + info.gradients + info.optimizer + info.activations;
    info.unshared = plans[plans[PLAN_TRAIN] ? PLAN_TRAIN : PLAN_INFER]->unshared + inputs;
    return info;
}

oc_status model_find_batch(const oc_graph *graph, int64_t *batch)
{
    const oc_tensor *first = NULL;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const oc_tensor *x = graph->tensors[i];
        if (!x || x->kind != TENSOR_INPUT)
            continue;
        if (first && x->shape.dim[0] != first->shape.dim[0])
            return fail(OC_E_SHAPE, "inputs \"%s\" and \"%s\" have batches of %" PRId64 " and %" PRId64,
                        first->name, x->name, first->shape.dim[0], x->shape.dim[0]);
        first = x;
    }
    if (!first)
        return fail(OC_E_ARGUMENT, "the graph has no input");
    *batch = first->shape.dim[0];
    return OC_OK;
}

static oc_status create_plans(struct plan *plans[PLAN_COUNT], const oc_graph *graph, oc_device *device,
                              const oc_model_desc *desc, int64_t *batch)
{
    static const oc_model_desc nothing;
    if (!desc)
        desc = &nothing;
    struct records records;
    oc_status status = records_load(&records, device);
    if (status == OC_OK)
        status = plan_create(&plans[PLAN_INFER], graph, device, desc, false, &records);
    if (status == OC_OK)
        status = model_find_batch(plans[PLAN_INFER]->graph, batch);
    if (status == OC_OK && desc->loss)
        status = plan_create(&plans[PLAN_TRAIN], graph, device, desc, true, &records);
    records_free(&records);
    return status;
}

oc_status oc_model_predict_memory(oc_memory_info *info, const oc_graph *graph, oc_device *device,
                                  const oc_model_desc *desc)
{
    struct plan *plans[PLAN_COUNT] = { NULL, NULL };
    struct slabs slabs[REGION_COUNT];
    int64_t batch;
    const oc_status status = create_plans(plans, graph, device, desc, &batch);
    if (status == OC_OK) {
        join_slabs(slabs, plans);
        *info = count_memory(slabs, plans);
    }
    plan_destroy(plans[PLAN_INFER]);
    plan_destroy(plans[PLAN_TRAIN]);
    return status;
}

static oc_status check_memory(const struct oc_model *model, int64_t limit)
{
    const oc_device_info *device = oc_device_get_info(model->device);
    if (limit <= 0)
        limit = device->memory;
    log_message(OC_LOG_INFO, "the model needs %" PRId64 " bytes on device \"%s\"", model->memory.total,
                device->name);
    if (model->memory.total <= limit)
        return OC_OK;
    const int64_t fixed = model->memory.total - model->memory.activations;
    const int64_t fitting =
        (int64_t)((double)(limit - fixed) / (double)model->memory.activations * (double)model->max_batch);
    char advice[96] = "";
    if (fitting > 0)
        snprintf(advice, sizeof advice, "; a batch of %" PRId64 " instead of %" PRId64 " may fit", fitting,
                 model->max_batch);
    return fail(OC_E_DEVICE_MEMORY,
                "the model needs %" PRId64 " bytes on device \"%s\", %" PRId64 " are available%s",
                model->memory.total, device->name, limit, advice);
}

static oc_status allocate(struct oc_model *model)
{
    for (int r = 0; r < REGION_COUNT; r++) {
        const struct slabs *slabs = &model->slabs[r];
        model->buffers[r] =
            memory_zeroed(&model->allocator, (size_t)slabs->count + 1, sizeof(struct buffer *));
        if (!model->buffers[r])
            return OC_E_MEMORY;
        for (int i = 0; i < slabs->count; i++)
            if (slabs->bytes[i] > 0)
                TRY(buffer_create(&model->buffers[r][i], model->device, (size_t)slabs->bytes[i]));
    }
    return OC_OK;
}

static oc_status fill(struct oc_model *model, int region, uint32_t pattern)
{
    for (int i = 0; i < model->slabs[region].count; i++)
        if (model->buffers[region][i])
            TRY(buffer_fill(model->queue, model->buffers[region][i], pattern));
    return OC_OK;
}

static oc_status fill_all(struct oc_model *model, uint32_t pattern)
{
    for (int r = 0; r < REGION_COUNT; r++)
        TRY(fill(model, r, pattern));
    return OC_OK;
}

static oc_status create_uploads(struct oc_model *model)
{
    const oc_graph *graph = model->plans[PLAN_INFER]->graph;
    model->uploads = memory_zeroed(&model->allocator, graph->tensor_count + 1, sizeof *model->uploads);
    if (!model->uploads)
        return OC_E_MEMORY;
    if (device_stages(model->device))
        TRY(queue_create(&model->transfer, model->device, false));
    model->upload_count = (int)graph->tensor_count;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const oc_tensor *x = graph->tensors[i];
        if (x && x->kind == TENSOR_INPUT)
            TRY(upload_create(&model->uploads[i], model->device, model->transfer, (size_t)tensor_bytes(x)));
    }
    return OC_OK;
}

/* The device fills memory (for the first time, which takes a system that hands out its pages only now as long as reading
 * them) and launches what is built, while the host builds more. */
static oc_status build(struct oc_model *model, const oc_model_desc *desc)
{
    struct buffer *const *slabs[REGION_COUNT];
    for (int r = 0; r < REGION_COUNT; r++)
        slabs[r] = model->buffers[r];
    TRY(fill_all(model, 0));
    TRY(queue_flush(model->queue));
    for (int p = 0; p < PLAN_COUNT; p++)
        if (model->plans[p]) {
            TRY(plan_build(model->plans[p], slabs, desc->progress, desc->progress_user));
            TRY(model_warm_up(model, (enum plan_kind)p));
        }
    return queue_finish(model->queue);
}

/* Values to begin with, after launches whose results do not count. Kernels read nothing that they have not written but
 * parameters, inputs, what optimizers keep and, for the norm of whole slabs, gradients. */
static oc_status set_values(struct oc_model *model, const oc_model_desc *desc)
{
    /* OCELLI_POISON=1 (for tests): a kernel that leaves results unwritten shows as NaN. */
    const char *poison = getenv("OCELLI_POISON");
    if (poison && *poison == '1')
        TRY(fill_all(model, 0x7FC0DEADu));
    for (int r = REGION_MOMENTUM; r < REGION_COUNT; r++)
        TRY(fill(model, r, 0));
    if (model->optimizer.clip_norm > 0.f) /* what no gradient covers must be zero */
        TRY(fill(model, REGION_GRADIENTS, 0));
    TRY(model_initialize(model, desc->seed));
    return queue_finish(model->queue);
}

static oc_status put_on_device(struct oc_model *model, const oc_model_desc *desc)
{
    TRY(queue_create(&model->queue, model->device, false));
    TRY(allocate(model));
    TRY(create_uploads(model));
    TRY(build(model, desc));
    return set_values(model, desc);
}

oc_status oc_model_create(oc_model **out, const oc_graph *graph, oc_device *device, const oc_model_desc *desc)
{
    const oc_allocator *allocator = device_allocator(device);
    static const oc_model_desc nothing;
    *out = NULL;
    struct oc_model *model = memory_zeroed(allocator, 1, sizeof *model);
    if (!model)
        return OC_E_MEMORY;
    *model = (struct oc_model){
        .device = device, .allocator = *allocator, .graph = graph, .parameters_changed = true
    };
    if (!desc)
        desc = &nothing;
    model->accumulates = desc->accumulate;
    oc_status status = create_plans(model->plans, graph, device, desc, &model->max_batch);
    for (int p = 0; p < PLAN_COUNT; p++)
        model->batch[p] = model->max_batch;
    if (status == OC_OK) {
        model->optimizer = model->plans[PLAN_INFER]->optimizer;
        join_slabs(model->slabs, model->plans);
        model->memory = count_memory(model->slabs, model->plans);
        status = check_memory(model, desc->memory_limit);
    }
    if (status == OC_OK)
        status = model_index_parameters(model);
    if (status == OC_OK)
        status = put_on_device(model, desc);
    if (status != OC_OK) {
        oc_model_destroy(model);
        return status;
    }
    *out = model;
    return OC_OK;
}

void oc_model_destroy(oc_model *model)
{
    if (!model)
        return;
    const oc_allocator allocator = model->allocator;
    for (int i = 0; i < model->upload_count; i++)
        upload_destroy(model->uploads[i]);
    memory_free(&allocator, model->uploads);
    queue_destroy(model->transfer);
    queue_destroy(model->queue);
    for (int p = PLAN_COUNT; p-- > 0;)
        plan_destroy(model->plans[p]);
    for (int r = 0; r < REGION_COUNT; r++) {
        for (int i = 0; model->buffers[r] && i < model->slabs[r].count; i++)
            buffer_destroy(model->buffers[r][i]);
        memory_free(&allocator, model->buffers[r]);
    }
    memory_free(&allocator, model->parameters);
    memory_free(&allocator, model->by_name);
    memory_free(&allocator, model);
}

void oc_model_get_memory(const oc_model *model, oc_memory_info *info)
{
    *info = model->memory;
}
