/* test_failing_opencl.c - the n-th OpenCL call fails, for every n there is: each is a status with a sentence, no object
 * is left behind, and the next attempt works. */
#include "run/scenario.h"
#include "run/trainee.h"
#include "support/case.h"
#include "support/failing.h"
#include "support/fail_layer.h"
#include "support/fixture.h"
#include "device/cl.h"

#include <stdio.h>

struct mode {
    int error;
    bool sticky;
    int step; /* every so many-th call */
    bool creating_only;
};

static bool status_fits(oc_status status, int error, const char *call)
{
    if (strcmp(call, "clBuildProgram") == 0)
        return status == OC_E_BUILD || status == OC_E_MEMORY;
    if (strcmp(call, "clCreateBuffer") == 0) /* on the device, or pinned */
        return status == OC_E_DEVICE_MEMORY || status == OC_E_MEMORY;
    return error == CL_OUT_OF_HOST_MEMORY              ? status == OC_E_MEMORY
           : error == CL_MEM_OBJECT_ALLOCATION_FAILURE ? status == OC_E_DEVICE_MEMORY
                                                       : status == OC_E_DEVICE;
}

/* Runs the scenario with its n-th call failing; false if it has fewer. */
static bool fail_at(int n, const struct mode *mode, struct failing *failing, const struct scenario *good)
{
    struct scenario s = *good;
    char name[128];
    const int blocks = failing->blocks, live = fail_layer_live();
    const int64_t bytes = fail_layer_bytes();
    fail_layer_arm(&(struct fail_layer_order){ n, mode->error, mode->sticky, mode->creating_only });
    const oc_status status = scenario_run(&s);
    const char *call = fail_layer_failed();
    fail_layer_disarm();
    snprintf(name, sizeof name, "call %d%s, %s, error %d", n, mode->sticky ? " and all after it" : "",
             call ? call : "none", mode->error);
    cr_expect_eq(failing->blocks, blocks, "%s: %d blocks were left behind", name, failing->blocks - blocks);
    cr_expect_eq(fail_layer_live(), live, "%s: %d OpenCL objects were left behind", name,
                 fail_layer_live() - live);
    cr_expect_eq(fail_layer_bytes(), bytes, "%s: device memory was left behind", name);
    if (!call) {
        CHECK(status);
        cr_expect(memcmp(s.losses, good->losses, sizeof s.losses) == 0, "%s: another loss", name);
    } else if (status != OC_OK) {
        cr_expect(status_fits(status, mode->error, call), "%s: %s: %s", name, oc_status_name(status),
                  oc_last_error());
        cr_expect(strstr(oc_last_error(), call) || strstr(oc_last_error(), "could not"), "%s: %s", name,
                  oc_last_error());
    } else { /* what is called while things are given back has nobody to report to */
        cr_expect(strcmp(call, "clFinish") == 0 || strcmp(call, "clWaitForEvents") == 0 ||
                      strcmp(call, "clEnqueueUnmapMemObject") == 0,
                  "%s: ignored", name);
    }
    return call != NULL;
}

static void fail_each(struct scenario *good, const struct mode *mode, struct failing *failing, int at_least)
{
    int n = 1;
    while (fail_at(n, mode, failing, good))
        n += mode->step;
    cr_expect(n > at_least, "only %d calls", n);
}

Test(failing_opencl, opening_and_compiling)
{
    static const struct mode modes[] = { { CL_OUT_OF_RESOURCES, false, 1, true },
                                         { CL_OUT_OF_HOST_MEMORY, true, 3, true } };
    struct failing failing;
    failing_begin(&failing);
    struct scenario good = { .allocator = failing.allocator, .tiny = true };
    setenv("OCELLI_THREADS", "1", 1); /* else the call after the one that fails first may be reported first */
    fixture_setup();
    CHECK(scenario_run(&good));
    for (int m = 0; m < COUNT_OF(modes); m++)
        fail_each(&good, &modes[m], &failing, 30);
    failing_end(&failing);
}

/* On a device that has its programs already, since compiling them again each time would take long. */
Test(failing_opencl, creating_and_running)
{
    static const struct mode modes[] = { { CL_OUT_OF_RESOURCES, false, 1, false },
                                         { CL_OUT_OF_RESOURCES, true, 2, false },
                                         { CL_OUT_OF_HOST_MEMORY, false, 3, false },
                                         { CL_MEM_OBJECT_ALLOCATION_FAILURE, false, 5, false } };
    struct failing failing;
    failing_begin(&failing);
    struct scenario good = { .allocator = failing.allocator };
    fixture_setup();
    CHECK(oc_device_open(&good.device, &(oc_device_desc){ .allocator = &failing.allocator }));
    CHECK(scenario_run(&good));
    CHECK(scenario_run(&good));
    for (int staged = 0; staged < 2; staged++) {
        good.device->unified_memory = !staged;
        CHECK(scenario_run(&good));
        for (int m = 0; m < (staged ? COUNT_OF(modes) : 1); m++) /* most calls are the same */
            fail_each(&good, &modes[m], &failing, 300);
    }
    oc_device_close(good.device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects were left behind", fail_layer_live());
    failing_end(&failing);
}

static void ignore(void *user, const oc_profile_entry *entry)
{
    (void)user;
    (void)entry;
}

static oc_status infer_again(const struct trainee *t, float logits[BATCH * CLASSES])
{
    return oc_infer(t->model, BATCH, NULL, (oc_fetch[]){ { .tensor = t->logits, .data = logits }, { 0 } });
}

/* Fed before, and fetched from after the next batch was fed. */
static oc_status run_ahead(const struct trainee *t, float logits[BATCH * CLASSES])
{
    float image[BATCH * SAMPLE];
    int32_t label[BATCH];
    samples(0, image, label);
    oc_status status = oc_model_feed(t->model, BATCH, (oc_feed[]){ { t->image, image, NULL }, { 0 } });
    if (status == OC_OK)
        status = oc_infer(t->model, BATCH, NULL, NULL);
    if (status == OC_OK)
        status = oc_model_feed(t->model, BATCH,
                               (oc_feed[]){ { t->image, image, NULL }, { t->label, label, NULL }, { 0 } });
    if (status == OC_OK)
        status = oc_model_fetch(t->model, (oc_fetch[]){ { .tensor = t->logits, .data = logits }, { 0 } });
    return status;
}

/* Runs that stop half-way: inference, gradients, a profile of either, another batch, one that was fed ahead. */
static oc_status run_something(const struct trainee *t, int which, float logits[BATCH * CLASSES])
{
    return which == 0   ? infer_again(t, logits)
           : which == 1 ? oc_compute_gradients(t->model, BATCH, NULL, NULL)
           : which == 2 ? oc_model_profile(t->model, false, ignore, NULL)
           : which == 3 ? oc_model_profile(t->model, true, ignore, NULL)
           : which == 4 ? oc_infer(t->model, 2, NULL, NULL)
                        : run_ahead(t, logits);
}

/* Whatever call of it fails, the next inference and the next gradients are right: nothing that was not computed, such
 * as weights packed for a kernel, passes for computed. */
Test(failing_opencl, a_failed_run_leaves_the_next_one_right)
{
    static const char *const names[] = { "inference",        "gradients",   "profile",
                                         "training profile", "small batch", "fed ahead" };
    oc_device *device = fixture_open();
    device->unified_memory = false; /* more can fail where inputs are staged */
    struct trainee t = trainee_create(device);
    float want[BATCH * CLASSES], got[BATCH * CLASSES], gradient[2][CLASSES], fc[CLASSES * 54];
    infer_once(&t, 0, want);
    train_once(&t, 0);
    CHECK(infer_again(&t, want));
    CHECK(oc_compute_gradients(t.model, BATCH, NULL, NULL));
    CHECK(oc_parameter_get(t.model, "fc.bias", OC_GRADIENT, gradient[0], CLASSES));
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, fc, COUNT_OF(fc)));
    for (int which = 0; which < COUNT_OF(names); which++)
        for (int n = 1, failed = 1; failed; n++) {
            if (n % 3 == 0) /* parameters that were set but not used yet, too */
                CHECK(oc_parameter_set(t.model, "fc.weight", OC_VALUE, fc, COUNT_OF(fc)));
            if (n % 2) /* after the other plan, and after its own */
                CHECK(which % 2 ? infer_again(&t, got) : oc_compute_gradients(t.model, BATCH, NULL, NULL));
            fail_layer_arm(&(struct fail_layer_order){ .at = n, .error = CL_OUT_OF_RESOURCES });
            const oc_status status = run_something(&t, which, got);
            const char *call = fail_layer_failed();
            failed = call != NULL;
            if (!failed || strcmp(call, "clFinish") != 0) /* of the profile's queue, when all is done */
                cr_expect_eq(status, failed ? OC_E_DEVICE : OC_OK, "%s, call %d", names[which], n);
            fail_layer_disarm();
            memset(got, 0, sizeof got);
            CHECK(oc_compute_gradients(t.model, BATCH, NULL, NULL));
            CHECK(oc_parameter_get(t.model, "fc.bias", OC_GRADIENT, gradient[1], CLASSES));
            CHECK(infer_again(&t, got));
            cr_expect(memcmp(want, got, sizeof want) == 0, "%s, call %d: %.9g, not %.9g", names[which], n,
                      (double)got[0], (double)want[0]);
            cr_expect(memcmp(gradient[0], gradient[1], sizeof gradient[0]) == 0,
                      "%s, call %d: gradient %.9g, not %.9g", names[which], n, (double)gradient[1][0],
                      (double)gradient[0][0]);
        }
    trainee_destroy(&t);
    oc_device_close(device);
}
