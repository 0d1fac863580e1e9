/* test_device.c - which devices there are, which one a user means, and opening it. */
#include "support/case.h"
#include "support/fail_layer.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "device/cl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 64 };

static int list_all(oc_device_info list[CAPACITY])
{
    int count = -1;
    CHECK(oc_device_list(list, CAPACITY, &count));
    cr_assert(count >= 1 && count <= CAPACITY, "%d devices", count);
    return count;
}

Test(device, they_are_listed)
{
    oc_device_info list[CAPACITY], again[CAPACITY], one;
    memset(list, 0, sizeof list);
    memset(again, 0, sizeof again);
    const int count = list_all(list);
    cr_expect_eq(list_all(again), count);
    cr_expect(memcmp(list, again, sizeof list) == 0, "the order changes");
    int counted = -1;
    CHECK(oc_device_list(NULL, 0, &counted));
    cr_expect_eq(counted, count);
    CHECK(oc_device_list(&one, 1, &counted));
    cr_expect(counted == count && strcmp(one.name, list[0].name) == 0);
    for (int i = 0; i < count; i++) {
        const oc_device_info *d = &list[i];
        cr_expect(*d->name && *d->platform && strncmp(d->version, "OpenCL ", 7) == 0, "device %d: %s", i,
                  d->version);
        cr_expect(!d->usable == (*d->reason != '\0'), "%s: %s", d->name, d->reason);
        cr_expect(!d->usable || (d->compute_units >= 1 && d->max_work_group >= 1 && d->memory > 0 &&
                                 d->max_allocation > 0 && d->local_memory > 0 && d->vector_width >= 1),
                  "%s", d->name);
    }
}

/* What a selection opens, or refuses. */
static void expect_selected(const char *select, const oc_device_info *wanted)
{
    oc_device *device = NULL;
    CHECK(oc_device_open(&device, &(oc_device_desc){ .select = select }));
    const oc_device_info *got = oc_device_get_info(device);
    cr_expect(strcmp(got->name, wanted->name) == 0 && strcmp(got->platform, wanted->platform) == 0,
              "\"%s\" is %s, not %s", select, got->name, wanted->name);
    oc_device_close(device);
}

static void expect_refused(const char *select, const char *words)
{
    oc_device *device = (oc_device *)&device;
    expect_failure(oc_device_open(&device, &(oc_device_desc){ .select = select }), OC_E_DEVICE, words,
                   select);
    cr_expect_null(device, "%s", select);
}

static const char *with_case(const char *text, int (*change)(int))
{
    static char changed[128];
    size_t i = 0;
    for (; text[i]; i++)
        changed[i] = (char)change((unsigned char)text[i]);
    changed[i] = '\0';
    return changed;
}

Test(device, a_user_can_choose)
{
    oc_device_info list[CAPACITY];
    const int count = list_all(list);
    char text[128];
    fixture_setup();
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%d", i);
        if (list[i].usable)
            expect_selected(text, &list[i]);
        else
            expect_refused(text, "cannot be used");
    }
    bool found[3] = { false };
    for (int i = 0; i < count; i++)
        found[list[i].type] = found[list[i].type] || list[i].usable;
    static const char *const types[] = { "cpu", "gpu" };
    for (int t = 0; t < COUNT_OF(types); t++) {
        oc_device *device = NULL;
        if (!found[t]) {
            expect_refused(types[t], "no device matches \"");
            continue;
        }
        CHECK(oc_device_open(&device, &(oc_device_desc){ .select = with_case(types[t], toupper) }));
        cr_expect_eq((int)oc_device_get_info(device)->type, t);
        oc_device_close(device);
    }
    if (count == 1) { /* parts of names mean one device only if there is one */
        expect_selected(list[0].name, &list[0]);
        expect_selected(with_case(list[0].name, toupper), &list[0]);
        expect_selected(with_case(list[0].platform, tolower), &list[0]);
        expect_selected(list[0].name + strlen(list[0].name) / 2, &list[0]);
        expect_selected("", &list[0]);
    }
}

Test(device, an_unknown_choice_is_refused)
{
    static const char *const unknown[] = { "99", "-1", "0x0", "no such device", "0 ", "cpus" };
    oc_device *device;
    char words[128];
    for (int i = 0; i < COUNT_OF(unknown); i++) {
        snprintf(words, sizeof words, "no device matches \"%s\": give an index below ", unknown[i]);
        expect_refused(unknown[i], words);
    }
    setenv("OCELLI_DEVICE", "no such device", 1);
    expect_failure(oc_device_open(&device, NULL), OC_E_DEVICE, "no device matches \"no such device\"",
                   "environment");
    expect_failure(oc_device_open(&device, &(oc_device_desc){ 0 }), OC_E_DEVICE, "no device matches",
                   "environment");
    CHECK(oc_device_open(&device, &(oc_device_desc){ .select = "0" })); /* the descriptor goes before it */
    oc_device_close(device);
    setenv("OCELLI_DEVICE", "0", 1);
    CHECK(oc_device_open(&device, NULL));
    oc_device_close(device);
    oc_device_close(NULL);
    cr_expect_eq(fail_layer_live(), 0);
}

/* The loader looks for implementations when it is first asked, so a process of its own is needed, as each test has. */
Test(device, without_any_platform, .init = scratch_open, .fini = scratch_close)
{
    oc_device *device = NULL;
    oc_device_info info;
    int count = -1;
    setenv("OCL_ICD_VENDORS", scratch_path(""), 1);
    static const char words[] =
        "no OpenCL platform is installed: install your GPU vendor's OpenCL driver, or PoCL";
    expect_failure(oc_device_list(&info, 1, &count), OC_E_DEVICE, words, "list");
    cr_expect_eq(count, 0);
    expect_failure(oc_device_open(&device, NULL), OC_E_DEVICE, words, "open");
    expect_failure(oc_device_open(&device, &(oc_device_desc){ .select = "cpu" }), OC_E_DEVICE, words,
                   "choose");
    cr_expect_null(device);
}

Test(device, a_callers_queue_must_be_in_order)
{
    oc_device *first = fixture_open(), *device = NULL;
    cl_context context = oc_device_get_context(first);
    const cl_device_id id = oc_device_get_id(first);
    cl_int error;
    cl_command_queue queue =
        clCreateCommandQueue(context, id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &error);
    if (error == CL_SUCCESS) {
        expect_failure(oc_device_open_cl(&device, context, id, queue, NULL), OC_E_ARGUMENT,
                       "the command queue executes out of order; Ocelli needs an in-order queue",
                       "out of order");
        cr_expect_null(device);
        clReleaseCommandQueue(queue);
    }
    expect_failure(oc_device_open_cl(&device, context, id, NULL, NULL), OC_E_DEVICE,
                   "from clGetCommandQueueInfo", "no queue");
    expect_failure(oc_device_open_cl(&device, NULL, id, oc_device_get_queue(first), NULL), OC_E_DEVICE,
                   "from clRetainContext", "no context");
    cr_expect_null(device);
    queue = clCreateCommandQueue(context, id, CL_QUEUE_PROFILING_ENABLE, &error);
    cr_assert_eq(error, CL_SUCCESS);
    CHECK(oc_device_open_cl(&device, context, id, queue, NULL));
    cr_expect_eq(oc_device_get_queue(device), queue);
    oc_device_close(device);
    clReleaseCommandQueue(queue);
    oc_device_close(first);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}

Test(device, it_can_be_measured)
{
    oc_device *device = fixture_open();
    double gflops = -1, gbps = -1;
    if (fixture_quick())
        cr_skip_test("takes long on interpreters and under sanitizers");
    CHECK(oc_device_measure(device, &gflops, &gbps));
    cr_expect(gflops > 0.01 && gflops < 1e6, "%g GFLOP/s", gflops);
    cr_expect(gbps > 0.01 && gbps < 1e5, "%g GB/s", gbps);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}
