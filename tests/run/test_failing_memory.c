/* test_failing_memory.c - the n-th allocation fails, for every n there is: each is a status with a sentence, nothing is
 * left behind, and the next attempt works. */
#include "run/scenario.h"
#include "support/failing.h"
#include "support/fail_layer.h"
#include "support/fixture.h"
#include "device/cl.h"

#include <stdio.h>

/* Runs the scenario with its n-th allocation failing; false if it has fewer. */
static bool fail_at(int n, bool sticky, struct failing *failing, const struct scenario *good)
{
    struct scenario s = *good;
    char name[64];
    const int blocks = failing->blocks, live = fail_layer_live();
    snprintf(name, sizeof name, "allocation %d%s", n, sticky ? " and all after it" : "");
    failing_arm(failing, n, sticky);
    const oc_status status = scenario_run(&s);
    const bool failed = failing->failures > 0;
    failing_arm(failing, 0, false);
    cr_expect_eq(failing->blocks, blocks, "%s: %d blocks were left behind", name, failing->blocks - blocks);
    cr_expect_eq(fail_layer_live(), live, "%s: %d OpenCL objects were left behind", name,
                 fail_layer_live() - live);
    if (failed) {
        cr_expect(status == OC_E_MEMORY, "%s: %s: %s", name, oc_status_name(status), oc_last_error());
        cr_expect(strstr(oc_last_error(), "memory"), "%s: %s", name, oc_last_error());
    } else {
        CHECK(status);
        cr_expect(memcmp(s.losses, good->losses, sizeof s.losses) == 0, "%s: another loss", name);
    }
    return failed;
}

static void fail_each(struct scenario *good, struct failing *failing, int at_least, int sticky_step)
{
    CHECK(scenario_run(good));
    cr_expect(good->losses[0] > 0 && good->losses[0] < 9 && good->losses[1] > 0);
    for (int sticky = 0; sticky < 2; sticky++) {
        int n = 1;
        while (fail_at(n, sticky, failing, good))
            n += sticky ? sticky_step : 1;
        cr_expect(n > at_least, "only %d allocations", n);
    }
}

Test(failing_memory, opening_and_compiling)
{
    struct failing failing;
    failing_begin(&failing);
    struct scenario good = { .allocator = failing.allocator, .tiny = true };
    fixture_setup();
    fail_each(&good, &failing, 50, 7);
    failing_end(&failing);
}

/* On a device that has its programs already, since compiling them again each time would take long. */
Test(failing_memory, building_creating_and_running)
{
    struct failing failing;
    failing_begin(&failing);
    struct scenario good = { .allocator = failing.allocator };
    fixture_setup();
    CHECK(oc_device_open(&good.device, &(oc_device_desc){ .allocator = &failing.allocator }));
    good.device->unified_memory = false; /* the other test has what there is without staging */
    CHECK(scenario_run(&good));
    fail_each(&good, &failing, 100, 1);
    oc_device_close(good.device);
    failing_end(&failing);
}
