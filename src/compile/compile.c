/* compile.c - runs the passes and creates the launches. */
#include "compile/compile.h"
#include "base/memory.h"
#include "ops/optimizer.h"

#include <string.h>

static oc_status check_desc(const oc_graph *graph, const oc_model_desc *desc)
{
    if (!desc->loss && (!desc->outputs || !desc->outputs[0]))
        return fail(OC_E_ARGUMENT, "a model needs a loss, outputs, or both");
    if (desc->loss) /* what a layer of NULL returned has a failed graph of its own */
        TRY(oc_graph_check(desc->loss->graph));
    if (desc->loss && desc->loss->graph != graph)
        return fail(OC_E_ARGUMENT, "the loss is not a tensor of this graph");
    for (int i = 0; desc->outputs && desc->outputs[i]; i++) {
        TRY(oc_graph_check(desc->outputs[i]->graph));
        if (desc->outputs[i]->graph != graph)
            return fail(OC_E_ARGUMENT, "output %d is not a tensor of this graph", i);
    }
    if (desc->loss && shape_count(&desc->loss->shape) != 1)
        return fail(OC_E_SHAPE, "the loss \"%s\" must be a scalar, it is %s", oc_tensor_name(desc->loss),
                    SHAPE_TEXT(&desc->loss->shape));
    return OC_OK;
}

oc_status plan_add_fetchable(struct plan *plan, int id, bool gradient, oc_tensor *x)
{
    plan->fetchables[plan->fetchable_count++] =
        (struct fetchable){ .id = id, .gradient = gradient, .tensor = x };
    return OC_OK;
}

bool plan_keeps(const struct plan *plan, const oc_tensor *x)
{
    for (int i = 0; i < plan->fetchable_count; i++)
        if (plan->fetchables[i].tensor == x)
            return true;
    return false;
}

/* The private copy, and in it what the host will read: outputs, the loss, and gradients of inputs. */
static oc_status copy(struct plan *plan, const oc_graph *graph)
{
    const oc_allocator *allocator = device_allocator(plan->device);
    const oc_model_desc *desc = plan->desc;
    int outputs = 0;
    while (desc->outputs && desc->outputs[outputs])
        outputs++;
    oc_tensor **wanted = memory_zeroed(allocator, (size_t)outputs + 1, sizeof *wanted);
    plan->fetchables =
        memory_zeroed(allocator, (size_t)outputs + 1 + graph->tensor_count, sizeof *plan->fetchables);
    if (!wanted || !plan->fetchables) {
        memory_free(allocator, wanted);
        return OC_E_MEMORY;
    }
    int count = 0;
    for (; count < outputs; count++)
        wanted[count] = desc->outputs[count];
    if (desc->loss)
        wanted[count++] = desc->loss;
    oc_status status = graph_copy(&plan->graph, graph, allocator, wanted, count);
    if (status == OC_OK) {
        plan->graph->training = plan->train;
        plan->graph->seed = desc->seed;
        status = graph_infer(plan->graph); /* some layers are others in training */
    }
    for (int i = 0; status == OC_OK && i < count; i++)
        status = plan_add_fetchable(plan, wanted[i]->id, false, plan->graph->tensors[wanted[i]->id]);
    memory_free(allocator, wanted);
    return status;
}

/* Which nodes depend on parameters only, as long as no step changes these, and which serve nothing but the loss. */
static void classify(struct plan *plan)
{
    for (struct node *n = plan->graph->first; n; n = n->next) {
        bool is_static = !plan->train && !plan->thrifty && n->phase == PHASE_COMPUTE;
        for (int i = 0; i < n->in_count; i++)
            is_static = is_static && (n->in[i]->kind == TENSOR_PARAMETER ||
                                      (n->in[i]->producer && n->in[i]->producer->is_static));
        n->is_static = is_static;
    }
    for (int i = 0; i < plan->fetchable_count; i++)
        if (plan->fetchables[i].id != plan->loss_id && plan->fetchables[i].tensor->producer)
            plan->fetchables[i].tensor->producer->needed = true;
    for (struct node *n = plan->graph->last; n; n = n->previous)
        for (int i = 0; n->needed && i < n->in_count; i++)
            if (n->in[i]->producer)
                n->in[i]->producer->needed = true;
}

static oc_status draft(struct plan **out, const oc_graph *graph, oc_device *device, const oc_model_desc *desc,
                       bool train, int segments)
{
    static oc_status (*const passes[])(struct plan *) = { pass_gradient, pass_update, pass_fuse,
                                                          pass_recompute, pass_layout };
    *out = NULL;
    TRY(oc_graph_check(graph));
    TRY(check_desc(graph, desc));
    oc_optimizer_desc optimizer = desc->optimizer;
    TRY(optimizer_complete(&optimizer));
    struct plan *plan = memory_zeroed(device_allocator(device), 1, sizeof *plan);
    if (!plan)
        return OC_E_MEMORY;
    *plan = (struct plan){ .device = device,
                           .desc = desc,
                           .optimizer = optimizer,
                           .train = train,
                           .segments = segments,
                           .thrifty = desc->loss && desc->recompute,
                           .loss_id = desc->loss ? desc->loss->id : -1,
                           .emitter = { .device = device } };
    oc_status status = copy(plan, graph);
    for (size_t i = 0; status == OC_OK && i < sizeof passes / sizeof *passes; i++) {
        status = passes[i](plan);
        if (status == OC_OK)
            status = oc_graph_check(plan->graph);
    }
    if (status != OC_OK) {
        plan_destroy(plan);
        return status;
    }
    classify(plan);
    graph_count_consumers(plan->graph);
    *out = plan;
    return OC_OK;
}

oc_status plan_draft(struct plan **out, const oc_graph *graph, oc_device *device, const oc_model_desc *desc,
                     bool train)
{
    return draft(out, graph, device, desc, train, 0);
}

oc_status plan_complete(struct plan *plan)
{
    classify(plan);
    return pass_memory(plan);
}

oc_status plan_create_segments(struct plan **out, const oc_graph *graph, oc_device *device,
                               const oc_model_desc *desc, bool train, const struct records *records,
                               int segments)
{
    TRY(draft(out, graph, device, desc, train, segments));
    struct plan *plan = *out;
    plan->records = records;
    oc_status status = pass_select(plan);
    if (status == OC_OK)
        status = oc_graph_check(plan->graph);
    graph_count_consumers(plan->graph);
    if (status == OC_OK)
        status = plan_complete(plan);
    plan->desc = NULL;
    plan->records = NULL;
    if (status == OC_OK)
        return OC_OK;
    plan_destroy(plan);
    *out = NULL;
    return status;
}

static int64_t activation_bytes(const struct plan *plan)
{
    int64_t bytes = 0;
    for (int i = 0; i < plan->slabs[REGION_ACTIVATIONS].count; i++)
        bytes += plan->slabs[REGION_ACTIVATIONS].bytes[i];
    return bytes;
}

static int node_count(const struct plan *plan)
{
    int count = 0;
    for (const struct node *n = plan->graph->first; n; n = n->next)
        count++;
    return count;
}

/* The best number of segments depends on the network; planning is fast enough to try those of a geometric series. Of equals
 * the one with the fewest, which repeats the least. */
oc_status plan_create(struct plan **out, const oc_graph *graph, oc_device *device, const oc_model_desc *desc,
                      bool train, const struct records *records)
{
    TRY(plan_create_segments(out, graph, device, desc, train, records, 0));
    const int most = train && desc->recompute ? node_count(*out) : 0;
    for (int segments = 2; segments <= most; segments += (segments + 1) / 2) {
        struct plan *plan;
        const oc_status status = plan_create_segments(&plan, graph, device, desc, train, records, segments);
        if (status != OC_OK) {
            plan_destroy(*out);
            *out = NULL;
            return status;
        }
        const bool better = activation_bytes(plan) < activation_bytes(*out);
        plan_destroy(better ? *out : plan);
        *out = better ? plan : *out;
    }
    return OC_OK;
}

void plan_destroy(struct plan *plan)
{
    if (!plan)
        return;
    const oc_allocator *allocator = device_allocator(plan->device);
    emitter_free(&plan->emitter);
    oc_graph_destroy(plan->graph);
    memory_free(allocator, plan->fetchables);
    memory_free(allocator, plan);
}

/* One round of the emitter: what depends on parameters only goes first. */
static oc_status emit_all(struct plan *plan, enum emit_mode mode)
{
    emitter_begin(&plan->emitter, mode);
    for (int pass = 0; pass < 2; pass++) {
        for (struct node *n = plan->graph->first; n; n = n->next)
            if (!n->view && n->is_static == (pass == 0))
                TRY(n->impl->emit(&plan->emitter, n));
        if (pass == 0 && mode == EMIT_COLLECT)
            plan->static_steps = plan->emitter.step_count;
    }
    return OC_OK;
}

oc_status plan_build(struct plan *plan, struct buffer *const *const slabs[REGION_COUNT],
                     oc_progress_fn progress, void *user)
{
    struct emitter *e = &plan->emitter;
    for (int i = 0; i < REGION_COUNT; i++)
        e->slabs[i] = slabs[i];
    TRY(emit_all(plan, EMIT_COLLECT));
    TRY(program_build_all(plan->device, e->requests, (int)e->request_count, progress, user));
    return emit_all(plan, EMIT_CREATE);
}

oc_status plan_files(struct plan *plan, struct text *files)
{
    const struct emitter *e = &plan->emitter;
    TRY(emit_all(plan, EMIT_COLLECT));
    for (size_t i = 0; i < e->request_count; i++) {
        bool first = true;
        for (size_t j = 0; first && j < i; j++)
            first = strcmp(e->requests[j].file, e->requests[i].file) != 0;
        if (first)
            text_print(files, "%s%s", files->length > 0 ? "," : "", e->requests[i].file);
    }
    return OC_OK;
}

oc_status plan_set_batch(struct plan *plan, int64_t batch)
{
    TRY(graph_set_batch(plan->graph, batch));
    return emit_all(plan, EMIT_SET);
}
