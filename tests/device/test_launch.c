/* test_launch.c - device memory, transfers, and one kernel at a time. */
#include "support/case.h"
#include "support/fail_layer.h"
#include "support/fixture.h"
#include "support/scratch.h"
#include "device/cl.h"
#include "device/launch.h"

#include <stdio.h>
#include <string.h>

static const struct program *program_of(oc_device *device)
{
    struct program_request request = { .file = "sum.cl", .options = "" };
    CHECK(program_build_all(device, &request, 1, NULL, NULL));
    return request.program;
}

Test(launch, sizes_are_full_groups_within_the_limit)
{
    static const struct {
        size_t global[3], local[3];
        const char *words; /* NULL: fine */
    } table[] = {
        { { 8, 1, 1 }, { 8, 1, 1 }, NULL },
        { { 8, 6, 4 }, { 2, 3, 4 }, NULL },
        { { 9, 1, 1 }, { 8, 1, 1 }, "kernel fill: 9 work-items are not full groups of 8" },
        { { 8, 6, 5 }, { 2, 3, 4 }, "kernel fill: 5 work-items are not full groups of 4" },
        { { 8, 0, 1 }, { 8, 1, 1 }, "kernel fill: 0 work-items are not full groups of 1" },
        { { 8, 1, 1 }, { 8, 0, 1 }, "kernel fill: 1 work-items are not full groups of 0" },
        { { 128, 1, 1 },
          { 128, 1, 1 },
          "kernel fill: a work-group of 128 is larger than the device's limit" },
        { { 16, 8, 4 }, { 16, 8, 1 }, "kernel fill: a work-group of 128 is larger than the device's limit" },
    };
    oc_device *device = fixture_open();
    struct launch *launch, *none = (struct launch *)&none;
    const struct program *program = program_of(device);
    device->info.max_work_group = 64;
    CHECK(launch_create(&launch, device, program, "fill"));
    cr_expect_str_eq(launch_kernel(launch), "fill");
    for (int i = 0; i < COUNT_OF(table); i++) {
        const oc_status status = launch_size(launch, table[i].global, table[i].local);
        if (table[i].words)
            expect_failure(status, OC_E_DEVICE, table[i].words, "size");
        else
            CHECK(status);
    }
    expect_failure(launch_create(&none, device, program, "no_such_kernel"), OC_E_DEVICE, "no_such_kernel",
                   "kernel");
    cr_expect(!none && strstr(oc_last_error(), "sum.cl") && strstr(oc_last_error(), "CL_INVALID_KERNEL_NAME"),
              "%s", oc_last_error());
    expect_failure(launch_set(launch, 99, (struct argument[]){ { .kind = ARGUMENT_INT }, { 0 } }),
                   OC_E_DEVICE, "argument 99 of kernel fill: CL_INVALID_ARG_INDEX", "argument");
    launch_destroy(launch);
    launch_destroy(NULL);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}

Test(launch, kernels_run_and_are_timed)
{
    oc_device *device = fixture_open();
    struct queue *queue, *profiling;
    struct buffer *buffer;
    struct launch *launch;
    float values[4] = { 0 };
    double milliseconds = -1;
    CHECK(queue_create(&queue, device, false));
    CHECK(queue_create(&profiling, device, true));
    CHECK(buffer_create(&buffer, device, sizeof values));
    CHECK(buffer_fill(queue, buffer, 0));
    CHECK(launch_create(&launch, device, program_of(device), "fill"));
    CHECK(launch_size(launch, (size_t[]){ 1, 1, 1 }, (size_t[]){ 1, 1, 1 }));
    CHECK(launch_set(
        launch, 0, (struct argument[]){ { .kind = ARGUMENT_BUFFER, .buffer = buffer, .offset = 2 }, { 0 } }));
    for (int i = 1; i < 4; i++) { /* one argument anew */
        CHECK(launch_set(launch, 2,
                         (struct argument[]){ { .kind = ARGUMENT_FLOAT, .real = (float)i }, { 0 } }));
        CHECK(launch_enqueue(queue, launch));
        CHECK(buffer_read(queue, buffer, 0, values, sizeof values));
        cr_expect(values[2] == (float)i && values[1] == 0 && values[3] == 0, "%g", (double)values[2]);
    }
    CHECK(launch_time(profiling, launch, &milliseconds));
    cr_expect(milliseconds >= 0 && milliseconds < 1e4, "%g ms", milliseconds);
    expect_failure(launch_time(queue, launch, &milliseconds), OC_E_DEVICE, "from clGetEventProfilingInfo",
                   "no times");
    launch_destroy(launch);
    buffer_destroy(buffer);
    queue_destroy(profiling);
    queue_destroy(queue);
    queue_destroy(NULL);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}

Test(launch, bytes_travel)
{
    enum { COUNT = 1000 };
    oc_device *device = fixture_open();
    struct queue *queue;
    struct buffer *buffer, *none = (struct buffer *)&none;
    int32_t out[COUNT], in[COUNT];
    CHECK(queue_create(&queue, device, false));
    CHECK(buffer_create(&buffer, device, sizeof out));
    cr_expect_eq(fail_layer_bytes(), (int64_t)sizeof out);
    CHECK(buffer_fill(queue, buffer, 0x7FC0DEAD));
    CHECK(buffer_read(queue, buffer, 0, in, sizeof in));
    for (int i = 0; i < COUNT; i++) {
        cr_expect_eq(in[i], 0x7FC0DEAD);
        out[i] = i * 31;
    }
    CHECK(buffer_write(queue, buffer, 40, out + 10, 400));
    CHECK(buffer_read(queue, buffer, 36, in, 408));
    cr_expect(in[0] == 0x7FC0DEAD && in[1] == out[10] && in[100] == out[109] && in[101] == 0x7FC0DEAD);
    expect_failure(buffer_read(queue, buffer, 8, in, sizeof in), OC_E_DEVICE,
                   "CL_INVALID_VALUE (-30) from clEnqueueReadBuffer", "read");
    expect_failure(buffer_write(queue, buffer, sizeof out, out, 4), OC_E_DEVICE, "from clEnqueueWriteBuffer",
                   "write");
    expect_failure(buffer_create(&none, device, (size_t)1 << 60), OC_E_DEVICE_MEMORY,
                   "could not allocate 1152921504606846976 bytes (it has ", "huge");
    cr_expect_null(none);
    buffer_destroy(buffer);
    buffer_destroy(NULL);
    queue_destroy(queue);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}
