/* weights.c - a model's parameters, and the state of its training, as a safetensors file.
 *
 * Parameters keep their names, so that PyTorch reads the file as it stands. The momentum of conv1.weight is the tensor
 * "optimizer.momentum.conv1.weight", the number of updates the metadata "ocelli.step". Of a model that averages its
 * weights the averages have the parameters' names, since they are what everybody else wants; the weights themselves are
 * "optimizer.value.conv1.weight". PyTorch's batch normalisation has beside its running averages a count of the batches: it
 * is written, as the number of updates, and not read.
 *
 * Invariant: loading compares the whole file with the model before it changes the first value. */
#include "io/safetensors.h"
#include "base/arena.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP    "ocelli.step"
#define AVERAGE ".running_mean"
#define BATCHES ".num_batches_tracked"

/* What a tensor of the file is to a parameter: its value as others see it, the state of training, or a count. */
enum kind { KIND_VALUE, KIND_MOMENTUM, KIND_VARIANCE, KIND_TRAINED, KIND_BATCHES, KIND_COUNT };
enum { FIRST_STATE = KIND_MOMENTUM, END_STATE = KIND_BATCHES };

static const struct {
    const char *prefix;
    oc_slot slot;
} states[] = {
    [KIND_MOMENTUM] = { "optimizer.momentum.", OC_MOMENTUM },
    [KIND_VARIANCE] = { "optimizer.variance.", OC_VARIANCE },
    [KIND_TRAINED] = { "optimizer.value.", OC_VALUE },
};

/* Whether the parameter has this state. */
static bool has_state(const oc_parameter_info *info, int kind)
{
    return kind == KIND_MOMENTUM ? info->momentum : kind == KIND_VARIANCE ? info->variance : info->average;
}

static char *state_name(struct arena *arena, int kind, const char *parameter)
{
    return arena_print(arena, "%s%s", states[kind].prefix, parameter);
}

/* The name of the count that belongs to a running mean. */
static char *batches_name(struct arena *arena, const char *average)
{
    return arena_print(arena, "%.*s" BATCHES, (int)(strlen(average) - strlen(AVERAGE)), average);
}

static bool is_average(const oc_parameter_info *info)
{
    const size_t length = strlen(info->name), end = strlen(AVERAGE);
    return info->state && length > end && strcmp(info->name + length - end, AVERAGE) == 0;
}

/* ---- Saving ---- */

/* What goes into the file; the mark of an entry is KIND_COUNT times the parameter's index, plus its kind. */
struct content {
    struct arena arena;
    struct tensor_entry *tensors;
    size_t count;
    int64_t largest; /* values of a tensor */
    const char **metadata;
};

static void add_tensor(struct content *content, const oc_parameter_info *info, const char *name, int mark)
{
    struct tensor_entry *tensor = &content->tensors[content->count++];
    *tensor = (struct tensor_entry){ .name = name, .type = "F32", .rank = info->rank, .mark = mark };
    memcpy(tensor->shape, info->shape, sizeof info->shape);
    if (info->count > content->largest)
        content->largest = info->count;
}

static oc_status gather_tensors(struct content *content, const oc_model *model, bool training_state)
{
    const int count = oc_parameter_count(model);
    content->tensors = arena_alloc(&content->arena, KIND_COUNT * (size_t)count * sizeof content->tensors[0]);
    if (!content->tensors)
        return OC_E_MEMORY;
    for (int i = 0; i < count; i++) {
        oc_parameter_info info;
        TRY(oc_parameter_info_at(model, i, &info));
        add_tensor(content, &info, info.name, KIND_COUNT * i + KIND_VALUE);
        for (int k = FIRST_STATE; training_state && k < END_STATE; k++) {
            const char *name = has_state(&info, k) ? state_name(&content->arena, k, info.name) : info.name;
            if (!name)
                return OC_E_MEMORY;
            if (has_state(&info, k))
                add_tensor(content, &info, name, KIND_COUNT * i + k);
        }
        if (is_average(&info)) {
            const char *name = batches_name(&content->arena, info.name);
            if (!name)
                return OC_E_MEMORY;
            content->tensors[content->count++] =
                (struct tensor_entry){ .name = name, .type = "I64", .mark = KIND_COUNT * i + KIND_BATCHES };
        }
    }
    return OC_OK;
}

static oc_status gather_metadata(struct content *content, const oc_model *model, const oc_save_desc *desc)
{
    size_t strings = 0;
    for (; desc->metadata && desc->metadata[strings]; strings += 2)
        if (!desc->metadata[strings + 1])
            return fail(OC_E_ARGUMENT, "metadata %s has no value", desc->metadata[strings]);
    const char **metadata = arena_alloc(&content->arena, (strings + 3) * sizeof metadata[0]);
    char *step = arena_print(&content->arena, "%" PRId64, oc_model_get_step(model));
    if (!metadata || !step)
        return OC_E_MEMORY;
    for (size_t i = 0; i < strings; i++)
        metadata[i] = desc->metadata[i];
    if (desc->training_state) {
        metadata[strings] = STEP;
        metadata[strings + 1] = step;
    }
    content->metadata = metadata;
    return OC_OK;
}

static oc_status write_content(struct file_writer *file, struct content *content, oc_model *model)
{
    TRY(safetensors_write_header(file, content->tensors, content->count, content->metadata));
    const int64_t batches = oc_model_get_step(model);
    float *values = arena_alloc(&content->arena, (size_t)content->largest * sizeof values[0]);
    if (!values)
        return OC_E_MEMORY;
    for (size_t i = 0; i < content->count; i++) {
        const struct tensor_entry *tensor = &content->tensors[i];
        oc_parameter_info info;
        const enum kind kind = (enum kind)(tensor->mark % KIND_COUNT);
        if (kind == KIND_BATCHES) {
            TRY(file_write(file, &batches, sizeof batches));
            continue;
        }
        TRY(oc_parameter_info_at(model, tensor->mark / KIND_COUNT, &info));
        const oc_slot slot = kind != KIND_VALUE ? states[kind].slot : info.average ? OC_AVERAGE : OC_VALUE;
        TRY(oc_parameter_get(model, info.name, slot, values, info.count));
        TRY(file_write(file, values, tensor->bytes));
    }
    return OC_OK;
}

oc_status oc_model_save(oc_model *model, const char *path, const oc_save_desc *desc)
{
    if (!model || !path)
        return fail(OC_E_ARGUMENT, "saving weights needs a model and a path");
    const oc_save_desc d = desc ? *desc : (oc_save_desc){ 0 };
    struct content content = { .arena.allocator = memory_heap };
    oc_status status = gather_tensors(&content, model, d.training_state);
    if (status == OC_OK)
        status = gather_metadata(&content, model, &d);
    if (status == OC_OK) {
        struct file_writer file;
        status = file_begin(&file, path);
        if (status == OC_OK)
            status = write_content(&file, &content, model);
        status = file_end(&file, status);
    }
    arena_free(&content.arena);
    return status;
}

/* ---- Loading ---- */

/* Names for a sentence; it shows the first few. */
struct list {
    char room[1024];
    struct text text;
    int count;
};

enum { LISTED = 6 };

/* Whether there was room to say more about the name. */
static bool list_add(struct list *list, const char *name)
{
    if (list->count == 0)
        list->text = (struct text){ .data = list->room, .capacity = sizeof list->room };
    if (list->count++ >= LISTED)
        return false;
    text_print(&list->text, "%s%s", list->count > 1 ? ", " : "", name);
    return true;
}

/* "; missing a, b and 7 more" */
static void list_print(struct text *text, const struct list *list, const char *what)
{
    if (list->count == 0)
        return;
    text_print(text, "; %s %s", what, list->room);
    if (list->count > LISTED)
        text_print(text, " and %d more", list->count - LISTED);
}

/* How a file differs from a model. */
struct difference {
    struct list missing, unexpected, unlike;
};

static void compare_tensor(struct difference *difference, struct tensor_entry *tensor,
                           const oc_parameter_info *info)
{
    tensor->mark = 1;
    const size_t shape_bytes = (size_t)info->rank * sizeof info->shape[0];
    if (tensor->rank == info->rank && memcmp(tensor->shape, info->shape, shape_bytes) == 0 &&
        strcmp(tensor->type, "F32") == 0)
        return;
    if (!list_add(&difference->unlike, tensor->name))
        return;
    struct text *text = &difference->unlike.text;
    text_print(text, " (%s ", tensor->type);
    text_shape(text, tensor->rank, tensor->shape);
    text_print(text, " in the file, F32 ");
    text_shape(text, info->rank, info->shape);
    text_print(text, " in the model)");
}

static oc_status fail_difference(const struct difference *difference, const char *path)
{
    char room[3500];
    struct text text = TEXT_IN(room);
    list_print(&text, &difference->missing, "missing");
    list_print(&text, &difference->unexpected, "unexpected");
    list_print(&text, &difference->unlike, "different");
    if (text.length == 0)
        return OC_OK;
    const bool names = difference->missing.count > 0 || difference->unexpected.count > 0;
    return fail(names ? OC_E_NOT_FOUND : OC_E_SHAPE, "%s: does not fit the model%s", path, room);
}

/* What is to be done with a parameter: its tensors by their kinds; NULL: the file has none. */
struct assignment {
    oc_parameter_info info;
    const struct tensor_entry *tensors[END_STATE];
};

struct loading {
    struct arena arena;
    struct safetensors file;
    struct assignment *assignments;
    int count;
    int64_t largest, step;
    bool no_state; /* the file has another optimizer's, or none */
};

/* The file may have the count of batches that belongs to this parameter. */
static oc_status pass_over_batches(struct loading *loading, const oc_parameter_info *info)
{
    if (!is_average(info))
        return OC_OK;
    const char *name = batches_name(&loading->arena, info->name);
    if (!name)
        return OC_E_MEMORY;
    struct tensor_entry *batches = safetensors_find(&loading->file, name);
    if (batches)
        batches->mark = 1;
    return OC_OK;
}

static oc_status match_state(struct loading *loading, struct difference *difference, struct assignment *to)
{
    for (int k = FIRST_STATE; k < END_STATE; k++) {
        const char *name = state_name(&loading->arena, k, to->info.name);
        if (!name)
            return OC_E_MEMORY;
        struct tensor_entry *state = safetensors_find(&loading->file, name);
        if (!state)
            continue;
        state->mark = 1; /* expected, even if of no use to this model */
        if (has_state(&to->info, k)) {
            compare_tensor(difference, state, &to->info);
            to->tensors[k] = state;
        }
    }
    /* First and second moments belong together, and with the number of updates. */
    loading->no_state = loading->no_state || (to->info.variance && !to->tensors[KIND_VARIANCE]);
    return OC_OK;
}

static oc_status match(struct loading *loading, const oc_model *model, const char *path)
{
    struct difference *difference = arena_alloc(&loading->arena, sizeof *difference);
    loading->count = oc_parameter_count(model);
    loading->assignments =
        arena_alloc(&loading->arena, (size_t)loading->count * sizeof loading->assignments[0]);
    if (!difference || !loading->assignments)
        return OC_E_MEMORY;
    for (int i = 0; i < loading->count; i++) {
        struct assignment *to = &loading->assignments[i];
        TRY(oc_parameter_info_at(model, i, &to->info));
        struct tensor_entry *value = safetensors_find(&loading->file, to->info.name);
        if (value)
            compare_tensor(difference, value, &to->info);
        else
            list_add(&difference->missing, to->info.name);
        to->tensors[KIND_VALUE] = value;
        TRY(match_state(loading, difference, to));
        TRY(pass_over_batches(loading, &to->info));
        if (to->info.count > loading->largest)
            loading->largest = to->info.count;
    }
    for (size_t i = 0; i < loading->file.count; i++)
        if (!loading->file.tensors[i].mark)
            list_add(&difference->unexpected, loading->file.tensors[i].name);
    return fail_difference(difference, path);
}

static oc_status read_step(struct loading *loading, const char *path)
{
    const char *text = safetensors_metadata(&loading->file, STEP);
    if (!text)
        return OC_OK;
    char *end;
    errno = 0;
    loading->step = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno)
        return fail(OC_E_FORMAT, "%s: " STEP " is %s, not a number of steps", path, text);
    return OC_OK;
}

/* Values pass through memory of our own: those in the file are aligned to nothing. */
static oc_status assign(oc_model *model, const struct assignment *to, oc_slot slot,
                        const struct tensor_entry *tensor, float *values)
{
    const size_t bytes = (size_t)to->info.count * sizeof values[0];
    if (tensor)
        memcpy(values, tensor->data, bytes);
    else
        memset(values, 0, bytes);
    return oc_parameter_set(model, to->info.name, slot, values, to->info.count);
}

static oc_status apply(struct loading *loading, oc_model *model)
{
    float *values = arena_alloc(&loading->arena, (size_t)loading->largest * sizeof values[0]);
    if (!values)
        return OC_E_MEMORY;
    for (int i = 0; i < loading->count; i++) {
        const struct assignment *to = &loading->assignments[i];
        const struct tensor_entry *value = to->tensors[KIND_VALUE], *trained = to->tensors[KIND_TRAINED];
        TRY(assign(model, to, OC_VALUE, trained ? trained : value, values));
        if (trained)
            TRY(assign(model, to, OC_AVERAGE, value, values));
        for (int k = KIND_MOMENTUM; k <= KIND_VARIANCE; k++)
            if (has_state(&to->info, k))
                TRY(assign(model, to, states[k].slot, loading->no_state ? NULL : to->tensors[k], values));
    }
    return oc_model_set_step(model, loading->no_state ? 0 : loading->step);
}

oc_status oc_model_load(oc_model *model, const char *path)
{
    if (!model || !path)
        return fail(OC_E_ARGUMENT, "loading weights needs a model and a path");
    struct loading loading = { .arena.allocator = memory_heap };
    TRY(safetensors_open(&loading.file, path));
    oc_status status = match(&loading, model, path);
    if (status == OC_OK)
        status = read_step(&loading, path);
    if (status == OC_OK)
        status = apply(&loading, model);
    safetensors_close(&loading.file);
    arena_free(&loading.arena);
    return status;
}

oc_status oc_metadata_get(const char *path, const char *key, char *value, size_t capacity)
{
    if (!path || !key || !value)
        return fail(OC_E_ARGUMENT, "reading metadata needs a path, a key and somewhere to put the value");
    struct safetensors file;
    TRY(safetensors_open(&file, path));
    const char *text = safetensors_metadata(&file, key);
    oc_status status = OC_OK;
    if (!text)
        status = fail(OC_E_NOT_FOUND, "%s: has no metadata %s", path, key);
    else if (strlen(text) >= capacity)
        status = fail(OC_E_ARGUMENT, "%s: metadata %s needs %zu bytes, not %zu", path, key, strlen(text) + 1,
                      capacity);
    else
        memcpy(value, text, strlen(text) + 1);
    safetensors_close(&file);
    return status;
}
