/* test_model.c - creating models: what they need, what they report meanwhile, and that the same seed gives the same
 * bits. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "run/trainee.h"
#include "support/fail_layer.h"

#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

Test(model, the_same_seed_gives_the_same_bits)
{
    oc_device *device = fixture_open(), *again;
    struct trainee t = trainee_create(device);
    struct course first, second;
    run_course(&t, &first);
    trainee_destroy(&t);
    t = trainee_create(device);
    run_course(&t, &second);
    expect_same_course(&first, &second, "on one device");
    trainee_destroy(&t);
    CHECK(oc_device_open(&again, NULL));
    t = trainee_create(again);
    run_course(&t, &second);
    expect_same_course(&first, &second, "on a device opened anew");
    trainee_destroy(&t);
    oc_device_close(again);

    oc_tensor *outputs[2]; /* and another seed others */
    trainee_build(&t);
    oc_model_desc desc = trainee_desc(&t, outputs);
    desc.seed++;
    CHECK(oc_model_create(&t.model, t.graph, device, &desc));
    run_course(&t, &second);
    cr_expect(first.losses[0] != second.losses[0] && first.conv[0] != second.conv[0]);
    trainee_destroy(&t);
    oc_device_close(device);
}

/* A model belongs to one graph, but does not need it any more; a graph may have many. */
Test(model, it_lives_on_without_its_graph)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    struct course course;
    oc_parameter_info info;
    oc_tensor *outputs[2];
    float values[CLASSES];
    run_course(&t, &course);
    oc_graph_destroy(t.graph);
    CHECK(oc_parameter_get(t.model, "fc.bias", OC_VALUE, values, CLASSES));
    CHECK(oc_parameter_info_at(t.model, 3, &info));
    cr_expect_str_eq(info.name, "fc.bias");
    CHECK(oc_train_step(t.model, BATCH, NULL, NULL)); /* what was fed stays */
    CHECK(oc_model_finish(t.model));
    oc_model_destroy(t.model);
    oc_model_destroy(NULL);

    struct trainee one = trainee_create(device), two = one;
    const oc_model_desc desc = trainee_desc(&two, outputs);
    CHECK(oc_model_create(&two.model, two.graph, device, &desc));
    struct course other;
    run_course(&one, &course);
    run_course(&two, &other);
    expect_same_course(&course, &other, "two models of one graph");
    oc_model_destroy(two.model);
    trainee_destroy(&one);
    oc_device_close(device);
}

Test(model, memory_limits_are_kept)
{
    oc_device *device = fixture_open();
    struct trainee t;
    oc_tensor *outputs[2];
    oc_memory_info need;
    char words[256];
    trainee_build(&t);
    oc_model_desc desc = trainee_desc(&t, outputs);
    CHECK(oc_model_predict_memory(&need, t.graph, device, &desc));
    desc.memory_limit = need.total;
    CHECK(oc_model_create(&t.model, t.graph, device, &desc));
    oc_model_destroy(t.model);

    const int live = fail_layer_live();
    desc.memory_limit = need.total - 1;
    snprintf(words, sizeof words,
             "the model needs %" PRId64 " bytes on device \"%s\", %" PRId64
             " are available; a batch of 5 instead of 6 may fit",
             need.total, oc_device_get_info(device)->name, need.total - 1);
    expect_failure(oc_model_create(&t.model, t.graph, device, &desc), OC_E_DEVICE_MEMORY, words,
                   "a byte too few");
    cr_expect(!t.model && strstr(oc_last_error(), "may fit"));
    desc.memory_limit = 1000; /* not even the parameters */
    expect_failure(oc_model_create(&t.model, t.graph, device, &desc), OC_E_DEVICE_MEMORY,
                   "1000 are available", "nothing");
    cr_expect(!strstr(oc_last_error(), "may fit"), "%s", oc_last_error());
    cr_expect_eq(fail_layer_live(), live, "something was created");
    oc_graph_destroy(t.graph);
    oc_device_close(device);
}

struct seen {
    int calls, done, total, stop_at;
};

static bool watch(void *user, const char *what, int done, int total)
{
    struct seen *seen = user;
    cr_expect_str_eq(what, "compiling kernels");
    cr_expect(done >= 1 && done <= total && (done == seen->done + 1 || done == 1));
    seen->done = done;
    seen->total = total;
    return ++seen->calls != seen->stop_at;
}

Test(model, compiling_is_reported_and_can_be_stopped)
{
    for (int stop_at = 0; stop_at < 3; stop_at++) {
        oc_device *device = fixture_open();
        struct trainee t;
        struct seen seen = { .stop_at = stop_at };
        oc_tensor *outputs[2];
        trainee_build(&t);
        oc_model_desc desc = trainee_desc(&t, outputs);
        desc.progress = watch;
        desc.progress_user = &seen;
        const int live = fail_layer_live();
        const oc_status status = oc_model_create(&t.model, t.graph, device, &desc);
        if (stop_at == 0) {
            CHECK(status);
            cr_expect(seen.calls > 4 && seen.done == seen.total, "%d calls, %d of %d", seen.calls, seen.done,
                      seen.total);
        } else {
            expect_failure(status, OC_E_INTERRUPTED, "stopped while kernels were compiled", "stopped");
            cr_expect_eq(seen.calls, stop_at);
            cr_expect_null(t.model);
        }
        trainee_destroy(&t);
        oc_device_close(device);
        cr_expect(fail_layer_live() < live);
        cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
    }
}

static int libraries;

static int count_library(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)place;
    const size_t length = strlen(path);
    libraries += type == FTW_F && length > 3 && strcmp(path + length - 3, ".so") == 0;
    return 0;
}

static int delete_any(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

/* What PoCL compiles at the first launch, one library per kernel and size of group, it has compiled before the first step. */
Test(model, steps_compile_nothing, .init = scratch_open, .fini = scratch_close)
{
    enum { FOLDERS = 8 };
    const char *cache = scratch_path("cache");
    setenv("POCL_CACHE_DIR", cache, 1);
    oc_device *device = fixture_open();
    if (!strstr(oc_device_get_info(device)->platform, "Portable Computing Language"))
        cr_skip_test("only PoCL shows what it compiles");
    struct trainee t = trainee_create(device);
    struct course course;
    nftw(cache, count_library, FOLDERS, FTW_PHYS);
    const int created = libraries;
    run_course(&t, &course);
    CHECK(oc_model_finish(t.model));
    libraries = 0;
    nftw(cache, count_library, FOLDERS, FTW_PHYS);
    cr_expect(created > 10, "%d kernels compiled: the cache is elsewhere", created);
    cr_expect_eq(libraries, created, "%d kernels compiled at creation, %d after steps", created, libraries);
    trainee_destroy(&t);
    oc_device_close(device);
    nftw(cache, delete_any, FOLDERS, FTW_PHYS | FTW_DEPTH);
}

/* Nothing is allocated in a step. */
Test(model, steps_create_nothing)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    const int64_t bytes = fail_layer_bytes();
    const int live = fail_layer_live();
    struct course course;
    run_course(&t, &course);
    CHECK(oc_model_finish(t.model));
    cr_expect_eq(fail_layer_bytes(), bytes);
    cr_expect(fail_layer_live() <= live + 4, "%d more objects",
              fail_layer_live() - live); /* events of uploads */
    trainee_destroy(&t);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}
