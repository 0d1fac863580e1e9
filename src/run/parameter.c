/* parameter.c - parameters by name: reading, writing, drawing. */
#include "base/memory.h"
#include "base/random.h"
#include "base/thread.h"
#include "run/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *name_at(const struct oc_model *model, int index)
{
    return model->parameters[index].value->name;
}

/* Sorts `order` by name, stably merging halves; qsort has no way to pass the model. */
static void sort_by_name(const struct oc_model *model, int *order, int *scratch, int count)
{
    if (count < 2)
        return;
    const int half = count / 2;
    sort_by_name(model, order, scratch, half);
    sort_by_name(model, order + half, scratch, count - half);
    memcpy(scratch, order, sizeof *order * (size_t)count);
    for (int i = 0, a = 0, b = half; i < count; i++)
        order[i] =
            b == count || (a < half && strcmp(name_at(model, scratch[a]), name_at(model, scratch[b])) <= 0)
                ? scratch[a++]
                : scratch[b++];
}

oc_status model_index_parameters(struct oc_model *model)
{
    const struct plan *plan = model->plans[model->plans[PLAN_TRAIN] ? PLAN_TRAIN : PLAN_INFER];
    const oc_graph *graph = plan->graph;
    model->parameters = memory_zeroed(&model->allocator, graph->tensor_count + 1, sizeof *model->parameters);
    model->by_name = memory_zeroed(&model->allocator, 2 * graph->tensor_count + 1, sizeof *model->by_name);
    if (!model->parameters || !model->by_name)
        return OC_E_MEMORY;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const oc_tensor *x = graph->tensors[i];
        if (!x || x->kind != TENSOR_PARAMETER || !x->name)
            continue;
        model->by_name[model->parameter_count] = model->parameter_count;
        model->parameters[model->parameter_count++] = (struct model_parameter){ x, x->gradient };
    }
    sort_by_name(model, model->by_name, model->by_name + model->parameter_count, model->parameter_count);
    return OC_OK;
}

static oc_status find(const struct oc_model *model, const char *name, int *index)
{
    int low = 0, high = model->parameter_count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (strcmp(name_at(model, model->by_name[middle]), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == model->parameter_count || strcmp(name_at(model, model->by_name[low]), name) != 0)
        return fail(OC_E_NOT_FOUND, "the model has no parameter \"%s\"", name);
    *index = model->by_name[low];
    return OC_OK;
}

int oc_parameter_count(const oc_model *model)
{
    return model->parameter_count;
}

/* Whether something is kept for this parameter in a region of training. */
static bool keeps(const struct oc_model *model, int index, enum region region)
{
    return model->parameters[index].gradient && model->slabs[region].count > 0;
}

oc_status oc_parameter_info_at(const oc_model *model, int index, oc_parameter_info *info)
{
    if (index < 0 || index >= model->parameter_count)
        return fail(OC_E_ARGUMENT, "parameter %d does not exist, the model has %d", index,
                    model->parameter_count);
    const oc_tensor *value = model->parameters[index].value;
    *info = (oc_parameter_info){ .name = value->name,
                                 .rank = value->shape.rank,
                                 .count = shape_count(&value->shape),
                                 .frozen = value->parameter->frozen || value->parameter->state,
                                 .state = value->parameter->state,
                                 .momentum = keeps(model, index, REGION_MOMENTUM),
                                 .variance = keeps(model, index, REGION_VARIANCE),
                                 .average = keeps(model, index, REGION_AVERAGE) };
    memcpy(info->shape, value->shape.dim, sizeof info->shape);
    return OC_OK;
}

oc_status oc_parameter_info_of(const oc_model *model, const char *name, oc_parameter_info *info)
{
    int index;
    TRY(find(model, name, &index));
    return oc_parameter_info_at(model, index, info);
}

/* Where a slot of a parameter lies on the device, in bytes. */
struct place {
    struct buffer *buffer;
    size_t offset, bytes;
};

static const struct {
    const char *name;
    enum region region;
} slots[] = {
    [OC_VALUE] = { "value", REGION_PARAMETERS },     [OC_GRADIENT] = { "gradient", REGION_GRADIENTS },
    [OC_MOMENTUM] = { "momentum", REGION_MOMENTUM }, [OC_VARIANCE] = { "variance", REGION_VARIANCE },
    [OC_AVERAGE] = { "average", REGION_AVERAGE },
};

/* The region of a slot at present. */
static enum region region_of(const struct oc_model *model, int index, oc_slot slot)
{
    const enum region region = slots[slot].region;
    if (region == REGION_GRADIENTS && model->accumulates)
        return REGION_ACCUMULATED;
    if (!model->swapped || !keeps(model, index, REGION_AVERAGE))
        return region;
    return region == REGION_PARAMETERS ? REGION_AVERAGE
           : region == REGION_AVERAGE  ? REGION_PARAMETERS
                                       : region;
}

static oc_status locate(const struct oc_model *model, const char *name, oc_slot slot, int64_t count,
                        struct place *place)
{
    int index;
    TRY(find(model, name, &index));
    const struct model_parameter *p = &model->parameters[index];
    if ((unsigned)slot >= sizeof slots / sizeof slots[0])
        return fail(OC_E_ARGUMENT, "slot %d is none of oc_slot", (int)slot);
    if (slot != OC_VALUE && !keeps(model, index, slots[slot].region))
        return fail(OC_E_NOT_FOUND, "the model keeps no %s for parameter \"%s\"", slots[slot].name, name);
    if (count != shape_count(&p->value->shape))
        return fail(OC_E_SHAPE, "parameter \"%s\" has %" PRId64 " values, not %" PRId64, name,
                    shape_count(&p->value->shape), count);
    *place = (struct place){ .buffer = model->buffers[region_of(model, index, slot)][p->value->slab],
                             .offset = (size_t)p->value->offset * sizeof(float), /* the same in each region */
                             .bytes = (size_t)count * sizeof(float) };
    return OC_OK;
}

oc_status oc_parameter_get(oc_model *model, const char *name, oc_slot slot, float *values, int64_t count)
{
    struct place place = { 0 };
    TRY(locate(model, name, slot, count, &place));
    if (slot == OC_GRADIENT && !model->gradients_ready)
        return fail(OC_E_NOT_FOUND,
                    "there are no gradients yet: train a step or call oc_compute_gradients first");
    return buffer_read(model->queue, place.buffer, place.offset, values, place.bytes);
}

oc_status oc_parameter_set(oc_model *model, const char *name, oc_slot slot, const float *values,
                           int64_t count)
{
    struct place place = { 0 };
    TRY(locate(model, name, slot, count, &place));
    if (slot == OC_VALUE || slot == OC_AVERAGE)
        model->parameters_changed = true;
    TRY(buffer_write(model->queue, place.buffer, place.offset, values, place.bytes));
    oc_parameter_info info;
    TRY(oc_parameter_info_of(model, name, &info));
    return slot == OC_VALUE && info.average ? oc_parameter_set(model, name, OC_AVERAGE, values, count)
                                            : OC_OK;
}

/* The first values of a parameter. A value depends on its index only, so pieces are drawn on all processors. */
struct drawing {
    const struct random *random;
    double deviation; /* 0: all are the mean */
    float mean, *values;
    int64_t count;
};

enum { PIECE = 1 << 16 };

static void draw_piece(void *user, int piece)
{
    const struct drawing *d = user;
    const int64_t first = (int64_t)piece * PIECE, end = d->count - first < PIECE ? d->count : first + PIECE;
    if (d->deviation != 0.0)
        random_gaussians(d->random, (uint64_t)first, end - first, d->values + first);
    for (int64_t i = first; i < end; i++)
        d->values[i] = d->deviation != 0.0 ? (float)(d->deviation * (double)d->values[i]) : d->mean;
}

static oc_status initialize(struct oc_model *model, const oc_tensor *w, const oc_init *init, uint64_t seed)
{
    const int64_t count = shape_count(&w->shape);
    const struct random random = { .seed = seed, .stream = random_stream(w->name) };
    const double in = w->parameter->fan_in, out = w->parameter->fan_out;
    double deviation = 0.0;
    float mean = 0.f;
    if (init->kind == OC_INIT_DEFAULT)
        init = &w->parameter->usual;
    switch (init->kind) {
    case OC_INIT_KAIMING:
        deviation = sqrt(2.0 / in);
        break;
    case OC_INIT_XAVIER:
        deviation = sqrt(2.0 / (in + out));
        break;
    case OC_INIT_GAUSSIAN:
        deviation = (double)init->value;
        break;
    case OC_INIT_CONSTANT:
        mean = init->value;
        break;
    default:
        return fail(OC_E_ARGUMENT, "parameter \"%s\": initialiser %d is none of oc_init_kind", w->name,
                    (int)init->kind);
    }
    float *values = memory_zeroed(&model->allocator, (size_t)count, sizeof *values);
    if (!values)
        return OC_E_MEMORY;
    struct drawing drawing = { &random, deviation, mean, values, count };
    thread_for((int)((count + PIECE - 1) / PIECE), draw_piece, &drawing);
    const oc_status status = oc_parameter_set(model, w->name, OC_VALUE, values, count);
    memory_free(&model->allocator, values);
    return status;
}

oc_status model_initialize(struct oc_model *model, uint64_t seed)
{
    for (int i = 0; i < model->parameter_count; i++) {
        const oc_tensor *w = model->parameters[i].value;
        TRY(initialize(model, w, &w->parameter->init, seed));
    }
    return OC_OK;
}

oc_status oc_parameter_initialize(oc_model *model, const char *name, const oc_init *init, uint64_t seed)
{
    int index;
    for (int i = 0; !name && i < model->parameter_count; i++) {
        const oc_tensor *w = model->parameters[i].value;
        const bool given = init && !w->parameter->state;
        TRY(initialize(model, w, given ? init : &w->parameter->init, seed));
    }
    if (!name)
        return OC_OK;
    TRY(find(model, name, &index));
    const oc_tensor *w = model->parameters[index].value;
    return initialize(model, w, init ? init : &w->parameter->init, seed);
}
