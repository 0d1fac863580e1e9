/* test_weights.c - saving and loading parameters and the training state.
 *
 * weights.c is compiled here on a model made of plain memory: it says which call fails, counts what is written, and
 * needs no device. The real model goes through the same calls in the tests of training. */
#include "base/memory.h"
#include "base/status.h"
#include "support/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parameter {
    oc_parameter_info info;
    float *value, *velocity;
};

struct oc_model {
    struct parameter *parameters, **by_name;
    int count;
    int64_t step;
    int reads, writes; /* calls so far */
    int fail_at;       /* the number of the read that fails; 0: none */
};

static int fake_parameter_count(const oc_model *model)
{
    return model->count;
}

static oc_status fake_parameter_info_at(const oc_model *model, int index, oc_parameter_info *info)
{
    *info = model->parameters[index].info;
    return OC_OK;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp((*(struct parameter *const *)left)->info.name,
                  (*(struct parameter *const *)right)->info.name);
}

static float *find_values(oc_model *model, const char *name, oc_slot slot, int64_t count)
{
    const struct parameter wanted = { .info.name = name }, *key = &wanted;
    struct parameter **found =
        bsearch(&key, model->by_name, (size_t)model->count, sizeof model->by_name[0], compare_names);
    cr_assert(found && (*found)->info.count == count, "%s: %d values", name, (int)count);
    return slot == OC_VALUE ? (*found)->value : (*found)->velocity;
}

static oc_status fake_parameter_get(oc_model *model, const char *name, oc_slot slot, float *values,
                                    int64_t count)
{
    if (++model->reads == model->fail_at)
        return fail(OC_E_DEVICE, "the device is gone");
    const float *found = find_values(model, name, slot, count);
    cr_assert_not_null(found, "%s has no such slot", name);
    memcpy(values, found, (size_t)count * sizeof values[0]);
    return OC_OK;
}

static oc_status fake_parameter_set(oc_model *model, const char *name, oc_slot slot, const float *values,
                                    int64_t count)
{
    model->writes++;
    float *found = find_values(model, name, slot, count);
    cr_assert_not_null(found, "%s has no such slot", name);
    memcpy(found, values, (size_t)count * sizeof values[0]);
    return OC_OK;
}

static int64_t fake_get_step(const oc_model *model)
{
    return model->step;
}

static oc_status fake_set_step(oc_model *model, int64_t step)
{
    model->step = step;
    return OC_OK;
}

#define oc_parameter_count   fake_parameter_count
#define oc_parameter_info_at fake_parameter_info_at
#define oc_parameter_get     fake_parameter_get
#define oc_parameter_set     fake_parameter_set
#define oc_model_get_step    fake_get_step
#define oc_model_set_step    fake_set_step
#define oc_model_save        weights_save
#define oc_model_load        weights_load
#define oc_metadata_get      weights_metadata
#include "io/weights.c"

#ifdef WITH_JANSSON

/* ---- Models ---- */

struct plan {
    const char *name;
    int rank;
    int64_t shape[OC_MAX_RANK];
    bool frozen;
};

/* Values are start, start + 1, ...; velocities the same from start + 0.5. */
static oc_model make(const struct plan *plan, int count, bool velocities, float start)
{
    oc_model model = { .count = count };
    model.parameters = calloc((size_t)count, sizeof model.parameters[0]);
    model.by_name = calloc((size_t)count, sizeof model.by_name[0]);
    for (int i = 0; i < count; i++) {
        struct parameter *parameter = &model.parameters[i];
        oc_parameter_info *info = &parameter->info;
        model.by_name[i] = parameter;
        info->name = plan[i].name;
        info->rank = plan[i].rank;
        info->frozen = plan[i].frozen;
        info->state = strstr(info->name, ".running_") != NULL;
        info->count = 1;
        for (int d = 0; d < info->rank; d++)
            info->count *= info->shape[d] = plan[i].shape[d];
        info->momentum = velocities && !info->frozen;
        parameter->value = calloc((size_t)info->count, sizeof(float));
        parameter->velocity = info->momentum ? calloc((size_t)info->count, sizeof(float)) : NULL;
        for (int64_t j = 0; j < info->count; j++) {
            parameter->value[j] = start++;
            if (info->momentum)
                parameter->velocity[j] = parameter->value[j] + 0.5f;
        }
    }
    qsort(model.by_name, (size_t)count, sizeof model.by_name[0], compare_names);
    return model;
}

static void discard(oc_model *model)
{
    for (int i = 0; i < model->count; i++) {
        free(model->parameters[i].value);
        free(model->parameters[i].velocity);
    }
    free(model->parameters);
    free(model->by_name);
}

static bool same(const float *a, const float *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof a[0]) == 0;
}

static const struct plan lenet[] = { { "conv1.weight", 4, { 6, 1, 5, 5 }, false },
                                     { "conv1.bias", 1, { 6 }, false },
                                     { "fc.weight", 2, { 10, 84 }, true },
                                     { "fc.bias", 1, { 10 }, true } };
enum { LENET = 4 };

static const oc_save_desc everything = { .training_state = true,
                                         .metadata =
                                             (const char *const[]){ "net", "lenet", "epoch", "7", NULL } };

/* ---- Tests ---- */

Test(weights, what_is_saved_is_loaded, .init = scratch_open, .fini = scratch_close)
{
    for (int state = 0; state < 2; state++) {
        oc_model saved = make(lenet, LENET, true, 1), loaded = make(lenet, LENET, true, 5000);
        saved.step = 1234567890123;
        loaded.step = 5;
        const char *path = scratch_path("w");
        cr_assert_eq(weights_save(&saved, path, state ? &everything : NULL), OC_OK, "%s", oc_last_error());
        cr_assert_eq(weights_load(&loaded, path), OC_OK, "%s", oc_last_error());
        for (int i = 0; i < LENET; i++) {
            const struct parameter *a = &saved.parameters[i], *b = &loaded.parameters[i];
            cr_assert(same(a->value, b->value, a->info.count), "%s", a->info.name);
            for (int64_t j = 0; b->velocity && j < b->info.count; j++)
                cr_assert_eq(b->velocity[j], state ? a->velocity[j] : 0, "%s[%d]", a->info.name, (int)j);
        }
        cr_assert_eq(loaded.step, state ? saved.step : 0);
        discard(&saved);
        discard(&loaded);
    }
}

Test(weights, the_same_model_gives_the_same_bytes, .init = scratch_open, .fini = scratch_close)
{
    static char first[16384], second[16384];
    oc_model saved = make(lenet, LENET, true, 1), loaded = make(lenet, LENET, true, 5000);
    saved.step = 42;
    cr_assert_eq(weights_save(&saved, scratch_path("a"), &everything), OC_OK, "%s", oc_last_error());
    cr_assert_eq(weights_load(&loaded, scratch_path("a")), OC_OK, "%s", oc_last_error());
    cr_assert_eq(weights_save(&loaded, scratch_path("b"), &everything), OC_OK, "%s", oc_last_error());
    const size_t size = scratch_read("a", first, sizeof first);
    cr_assert(size < sizeof first && scratch_read("b", second, sizeof second) == size);
    cr_assert_eq(memcmp(first, second, size), 0);
    /* What PyTorch sees: its own names, sorted, and the training state beside them. */
    static const char start[] =
        "{\"__metadata__\":{\"net\":\"lenet\",\"epoch\":\"7\",\"ocelli.step\":\"42\"},"
        "\"conv1.bias\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]},"
        "\"conv1.weight\":{\"dtype\":\"F32\",\"shape\":[6,1,5,5],\"data_offsets\":[24,624]},"
        "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[10],\"data_offsets\":[624,664]},"
        "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[10,84],\"data_offsets\":[664,4024]},"
        "\"optimizer.momentum.conv1.bias\":{";
    cr_assert_eq(memcmp(first + 8, start, sizeof start - 1), 0, "%.*s", (int)sizeof start, first + 8);
    discard(&saved);
    discard(&loaded);
}

Test(weights, a_file_that_does_not_fit_changes_nothing, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *name;
        struct plan plan[5];
        int count;
        oc_status status;
        const char *words[3];
    } cases[] = {
        { "missing",
          { { "conv1.weight", 4, { 6, 1, 5, 5 }, false }, { "fc.bias", 1, { 10 }, false } },
          2,
          OC_E_NOT_FOUND,
          { "missing conv1.bias, fc.weight" } },
        { "unexpected",
          { { "conv1.weight", 4, { 6, 1, 5, 5 }, false },
            { "conv1.bias", 1, { 6 }, false },
            { "fc.weight", 2, { 10, 84 }, false },
            { "fc.bias", 1, { 10 }, false },
            { "conv2.bias", 1, { 6 }, false } },
          5,
          OC_E_NOT_FOUND,
          { "unexpected conv2.bias" } },
        { "renamed",
          { { "conv.weight", 4, { 6, 1, 5, 5 }, false },
            { "conv.bias", 1, { 6 }, false },
            { "fc.weight", 2, { 10, 84 }, false },
            { "fc.bias", 1, { 10 }, false } },
          4,
          OC_E_NOT_FOUND,
          { "missing conv1.weight, conv1.bias; unexpected conv.bias, conv.weight" } },
        { "other sizes",
          { { "conv1.weight", 4, { 6, 1, 3, 3 }, false },
            { "conv1.bias", 2, { 6, 1 }, false },
            { "fc.weight", 2, { 10, 84 }, false },
            { "fc.bias", 1, { 10 }, false } },
          4,
          OC_E_SHAPE,
          { "different conv1.weight (F32 6x1x3x3 in the file, F32 6x1x5x5 in the model)",
            "conv1.bias (F32 6x1 in the file, F32 6 in the model)" } },
        { "other sizes and more",
          { { "conv1.weight", 4, { 6, 1, 3, 3 }, false },
            { "fc.weight", 2, { 84, 10 }, false },
            { "fc.bias", 1, { 10 }, false },
            { "x", 1, { 1 }, false } },
          4,
          OC_E_NOT_FOUND,
          { "missing conv1.bias; unexpected x; different conv1.weight",
            "fc.weight (F32 84x10 in the file" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        oc_model saved = make(cases[i].plan, cases[i].count, false, 1),
                 model = make(lenet, LENET, true, 5000);
        const oc_model before = make(lenet, LENET, true, 5000);
        model.step = 5;
        cr_assert_eq(weights_save(&saved, scratch_path("w"), NULL), OC_OK, "%s", oc_last_error());
        const oc_status status = weights_load(&model, scratch_path("w"));
        expect_failure(status, cases[i].status, "/w: does not fit the model; ", cases[i].name);
        for (int w = 0; cases[i].words[w]; w++)
            expect_failure(status, cases[i].status, cases[i].words[w], cases[i].name);
        cr_assert_eq(model.writes, 0, "%s", cases[i].name);
        cr_assert_eq(model.step, 5);
        for (int k = 0; k < LENET; k++)
            cr_assert(
                same(model.parameters[k].value, before.parameters[k].value, model.parameters[k].info.count));
        discard(&saved);
        discard(&model);
        discard((oc_model *)&before);
    }
}

Test(weights, long_lists_are_cut, .init = scratch_open, .fini = scratch_close)
{
    char names[20][32];
    struct plan plan[20];
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "layer%d.weight", i);
        plan[i] = (struct plan){ names[i], 1, { 1 }, false };
    }
    oc_model saved = make(lenet, 1, false, 1), model = make(plan, 20, false, 1);
    cr_assert_eq(weights_save(&saved, scratch_path("w"), NULL), OC_OK);
    expect_failure(
        weights_load(&model, scratch_path("w")), OC_E_NOT_FOUND,
        "missing layer0.weight, layer1.weight, layer2.weight, layer3.weight, layer4.weight, layer5.weight "
        "and 14 more; unexpected conv1.weight",
        "twenty");
    discard(&saved);
    discard(&model);
}

/* PyTorch's load_state_dict insists on a count beside the running averages, and its files have one. */
Test(weights, running_averages_come_with_a_count, .init = scratch_open, .fini = scratch_close)
{
    static const struct plan norm[] = { { "bn.weight", 1, { 3 }, false },
                                        { "bn.running_mean", 1, { 3 }, true },
                                        { "bn.running_var", 1, { 3 }, true } };
    static const struct plan foreign[] = { { "bn.num_batches_tracked", 1, { 3 }, false } };
    static const char start[] =
        "{\"bn.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"bn.running_mean\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[8,20]},"
        "\"bn.running_var\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[20,32]},"
        "\"bn.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[32,44]}}";
    static char bytes[4096];
    oc_model saved = make(norm, 3, true, 1), loaded = make(norm, 3, true, 5000);
    oc_model alone = make(norm + 1, 2, false, 1), other = make(foreign, 1, false, 1),
             none = make(norm, 1, false, 1);
    saved.step = 77;
    cr_assert_eq(weights_save(&saved, scratch_path("w"), NULL), OC_OK, "%s", oc_last_error());
    const size_t size = scratch_read("w", bytes, sizeof bytes);
    int64_t count;
    memcpy(&count, bytes + size - 44, sizeof count);
    cr_assert_eq(memcmp(bytes + 8, start, sizeof start - 1), 0, "%.*s", (int)sizeof start, bytes + 8);
    cr_assert_eq(count, 77);
    cr_assert_eq(weights_load(&loaded, scratch_path("w")), OC_OK, "%s", oc_last_error());
    for (int i = 0; i < 3; i++)
        cr_assert(same(saved.parameters[i].value, loaded.parameters[i].value, 3), "%s", norm[i].name);
    /* A file without it will do; one where the model has no running averages will not. */
    cr_assert_eq(weights_save(&other, scratch_path("o"), NULL), OC_OK, "%s", oc_last_error());
    expect_failure(weights_load(&none, scratch_path("o")), OC_E_NOT_FOUND,
                   "missing bn.weight; unexpected bn.num_batches_tracked", "foreign");
    expect_failure(weights_load(&alone, scratch_path("o")), OC_E_NOT_FOUND,
                   "missing bn.running_mean, bn.running_var", "no averages");
    alone.parameters[0].info.state = false;
    cr_assert_eq(weights_save(&alone, scratch_path("a"), NULL), OC_OK, "%s", oc_last_error());
    alone.parameters[0].info.state = true;
    cr_assert_eq(weights_load(&alone, scratch_path("a")), OC_OK, "%s", oc_last_error());
    discard(&saved);
    discard(&loaded);
    discard(&alone);
    discard(&other);
    discard(&none);
}

/* A training state is used by models that train, ignored by others, and must fit where it is used. */
Test(weights, a_training_state_goes_where_it_is_of_use, .init = scratch_open, .fini = scratch_close)
{
    struct plan thawed[LENET], other[2] = { { "conv1.weight", 4, { 6, 1, 5, 5 }, false },
                                            { "optimizer.momentum.conv1.weight", 1, { 6 }, false } };
    memcpy(thawed, lenet, sizeof thawed);
    thawed[2].frozen = thawed[3].frozen = false;
    oc_model saved = make(lenet, LENET, true, 1), still = make(lenet, LENET, false, 5000);
    oc_model trained = make(thawed, LENET, true, 5000), mixed = make(other, 2, false, 1);
    oc_model small = make(other, 1, true, 9);
    saved.step = 9;
    cr_assert_eq(weights_save(&saved, scratch_path("w"), &everything), OC_OK, "%s", oc_last_error());
    cr_assert_eq(weights_load(&still, scratch_path("w")), OC_OK, "%s", oc_last_error());
    cr_assert(still.step == 9 && still.writes == LENET);
    cr_assert_eq(weights_load(&trained, scratch_path("w")), OC_OK, "%s", oc_last_error());
    cr_assert(same(trained.parameters[0].velocity, saved.parameters[0].velocity, 150));
    cr_assert_eq(trained.parameters[2].velocity[0], 0, "what was frozen starts without velocity");
    /* A velocity of another shape: the file has a parameter of that name. */
    cr_assert_eq(weights_save(&mixed, scratch_path("m"), NULL), OC_OK, "%s", oc_last_error());
    expect_failure(weights_load(&small, scratch_path("m")), OC_E_SHAPE,
                   "different optimizer.momentum.conv1.weight (F32 6 in the file, F32 6x1x5x5 in the model)",
                   "shape");
    expect_failure(weights_load(&still, scratch_path("m")), OC_E_NOT_FOUND, "missing conv1.bias", "mixed");
    discard(&saved);
    discard(&still);
    discard(&trained);
    discard(&mixed);
    discard(&small);
}

Test(weights, a_step_count_is_a_number, .init = scratch_open, .fini = scratch_close)
{
    static const struct {
        const char *text;
        int64_t step; /* -1: refused */
    } cases[] = { { "0", 0 },
                  { "12", 12 },
                  { "9223372036854775807", INT64_MAX },
                  { "9223372036854775808", -1 },
                  { "-3", -1 },
                  { "+3", -1 },
                  { " 3", -1 },
                  { "12 ", -1 },
                  { "1.5", -1 },
                  { "", -1 } };
    oc_model model = make(lenet, LENET, false, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const oc_save_desc desc = { .metadata = (const char *const[]){ "ocelli.step", cases[i].text, NULL } };
        cr_assert_eq(weights_save(&model, scratch_path("w"), &desc), OC_OK, "%s", oc_last_error());
        model.step = 77;
        model.writes = 0;
        errno = ERANGE; /* of somebody else */
        const oc_status status = weights_load(&model, scratch_path("w"));
        if (cases[i].step < 0)
            expect_failure(status, OC_E_FORMAT, "not a number of steps", cases[i].text);
        else
            cr_assert_eq(status, OC_OK, "%s", oc_last_error());
        cr_assert_eq(model.step, cases[i].step < 0 ? 77 : cases[i].step, "'%s'", cases[i].text);
        cr_assert_eq(model.writes, cases[i].step < 0 ? 0 : LENET);
    }
    discard(&model);
}

Test(weights, other_types_of_values_are_refused, .init = scratch_open, .fini = scratch_close)
{
    static const char file[] = "\x4b\0\0\0\0\0\0\0{\"conv1.bias\":{\"dtype\":\"I32\",\"shape\":[6],"
                               "\"data_offsets\":[0,24]}}           012345678901234567890123";
    oc_model model = make(lenet + 1, 1, false, 1);
    scratch_write("w", file, sizeof file - 1);
    expect_failure(weights_load(&model, scratch_path("w")), OC_E_SHAPE,
                   "different conv1.bias (I32 6 in the file, F32 6 in the model)", "type");
    cr_assert_eq(model.writes, 0);
    discard(&model);
}

Test(weights, a_failed_save_leaves_the_old_file, .init = scratch_open, .fini = scratch_close)
{
    oc_model old = make(lenet, LENET, true, 1), model = make(lenet, LENET, true, 5000);
    const char *path = scratch_path("w");
    cr_assert_eq(weights_save(&old, path, &everything), OC_OK, "%s", oc_last_error());
    for (int at = 1; at <= LENET + 2; at++) { /* each value and each velocity that is read from the device */
        model.reads = 0;
        model.fail_at = at;
        expect_failure(weights_save(&model, path, &everything), OC_E_DEVICE, "the device is gone", "device");
        cr_assert_eq(scratch_count(), 1);
    }
    model.fail_at = 0;
    scratch_drop_root();
    expect_failure(weights_save(&model, "/dev/full", NULL), OC_E_FILE,
                   "/dev/full: cannot be written: No space", "full");
    expect_failure(weights_save(&model, scratch_path("no/w"), NULL), OC_E_FILE, "no/w: cannot be written",
                   "folder");
    const oc_save_desc bad[] = { { .metadata = (const char *const[]){ "k", NULL } },
                                 { .metadata = (const char *const[]){ "k", "1", "k", "2", NULL } },
                                 { true, (const char *const[]){ "ocelli.step", "1", NULL } } };
    const char *const words[] = { "metadata k has no value", "metadata k is given twice",
                                  "metadata ocelli.step is" };
    for (int i = 0; i < 3; i++)
        expect_failure(weights_save(&model, path, &bad[i]), OC_E_ARGUMENT, words[i], words[i]);
    cr_assert_eq(scratch_count(), 1);
    cr_assert_eq(weights_load(&model, path), OC_OK, "%s", oc_last_error());
    cr_assert(same(model.parameters[0].value, old.parameters[0].value, 150));
    discard(&old);
    discard(&model);
}

Test(weights, metadata_can_be_asked_for, .init = scratch_open, .fini = scratch_close)
{
    char value[16] = "untouched";
    oc_model model = make(lenet, LENET, false, 1);
    const char *path = scratch_path("w");
    model.step = 3;
    cr_assert_eq(weights_save(&model, path, &everything), OC_OK, "%s", oc_last_error());
    expect_failure(weights_metadata(path, "nothing", value, sizeof value), OC_E_NOT_FOUND,
                   "no metadata nothing", "key");
    expect_failure(weights_metadata(path, "net", value, 5), OC_E_ARGUMENT,
                   "metadata net needs 6 bytes, not 5", "room");
    expect_failure(weights_metadata(path, NULL, value, 5), OC_E_ARGUMENT, "needs a path, a key", "NULL");
    expect_failure(weights_metadata(scratch_path("none"), "net", value, 5), OC_E_FILE, "none: cannot",
                   "missing");
    cr_assert_str_eq(value, "untouched");
    cr_assert_eq(weights_metadata(path, "net", value, 6), OC_OK, "%s", oc_last_error());
    cr_assert_str_eq(value, "lenet");
    cr_assert_eq(weights_metadata(path, "ocelli.step", value, sizeof value), OC_OK);
    cr_assert_str_eq(value, "3");
    expect_failure(weights_load(NULL, path), OC_E_ARGUMENT, "needs a model", "NULL");
    expect_failure(weights_save(&model, NULL, NULL), OC_E_ARGUMENT, "needs a model", "NULL");
    scratch_write("bad", "{}", 2);
    expect_failure(weights_load(&model, scratch_path("bad")), OC_E_FORMAT, "bad: has 2 bytes, too few",
                   "bad");
    cr_assert_eq(model.writes, 0);
    discard(&model);
}

/* Ten times the layers take ten times as long, not a hundred times: with pairwise comparison this would take hours. */
Test(weights, many_parameters_are_no_problem, .init = scratch_open, .fini = scratch_close, .timeout = 300)
{
    enum { MANY = 100000 };
    char(*names)[24] = calloc(MANY, sizeof names[0]);
    struct plan *plan = calloc(MANY, sizeof plan[0]);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "layer%d.weight", i);
        plan[i] = (struct plan){ names[i], 1, { 1 }, false };
    }
    oc_model saved = make(plan, MANY, false, 1), loaded = make(plan, MANY, false, 7);
    cr_assert_eq(weights_save(&saved, scratch_path("w"), NULL), OC_OK, "%s", oc_last_error());
    cr_assert_eq(weights_load(&loaded, scratch_path("w")), OC_OK, "%s", oc_last_error());
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(loaded.parameters[i].value[0], saved.parameters[i].value[0]);
    discard(&saved);
    discard(&loaded);
    free(plan);
    free(names);
}

#else

Test(weights, say_that_they_need_jansson, .init = scratch_open, .fini = scratch_close)
{
    oc_model model = { 0 };
    char value[8];
    scratch_write("w", "old", 3);
    expect_failure(weights_save(&model, scratch_path("w"), NULL), OC_E_UNSUPPORTED, "libjansson-dev", "save");
    expect_failure(weights_load(&model, scratch_path("w")), OC_E_UNSUPPORTED, "libjansson-dev", "load");
    expect_failure(weights_metadata(scratch_path("w"), "k", value, 8), OC_E_UNSUPPORTED, "libjansson-dev",
                   "metadata");
    cr_assert_eq(scratch_count(), 1);
}

#endif
