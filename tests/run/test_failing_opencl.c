/* test_failing_opencl.c - the n-th OpenCL call fails, for every n there is: each is a status with a sentence, no object
 * is left behind, and the next attempt works. */
#include "run/scenario.h"
#include "support/case.h"
#include "support/failing.h"
#include "support/fail_layer.h"
#include "support/fixture.h"

#include <CL/cl.h>
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
    if (strcmp(call, "clCreateBuffer") == 0)
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
        cr_expect(strcmp(call, "clFinish") == 0 || strcmp(call, "clWaitForEvents") == 0, "%s: ignored", name);
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
    for (int m = 0; m < COUNT_OF(modes); m++)
        fail_each(&good, &modes[m], &failing, 300);
    oc_device_close(good.device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects were left behind", fail_layer_live());
    failing_end(&failing);
}
