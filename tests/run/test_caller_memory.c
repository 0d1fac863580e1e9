/* test_caller_memory.c - feeding from and fetching into OpenCL memory of the caller, on the caller's context and queue
 * or on Ocelli's. */
#include "run/trainee.h"
#include "support/fail_layer.h"

#include <ocelli/opencl.h>
#include <stdlib.h>

static cl_mem memory_of(oc_device *device, size_t bytes, void *values)
{
    cl_int error;
    cl_mem memory =
        clCreateBuffer(oc_device_get_context(device), CL_MEM_READ_WRITE | (values ? CL_MEM_COPY_HOST_PTR : 0),
                       bytes, values, &error);
    cr_assert_eq(error, CL_SUCCESS);
    return memory;
}

static void read_back(oc_device *device, cl_mem memory, void *values, size_t bytes)
{
    cr_assert_eq(
        clEnqueueReadBuffer(oc_device_get_queue(device), memory, CL_TRUE, 0, bytes, values, 0, NULL, NULL),
        CL_SUCCESS);
}

/* The same steps through host arrays and through cl_mem. */
static void compare_ways(oc_device *device)
{
    struct trainee host = trainee_create(device), cl = trainee_create(device);
    float image[BATCH * SAMPLE], logits[2][BATCH * CLASSES], loss[2];
    int32_t label[BATCH];
    cl_mem result = memory_of(device, sizeof logits[1], NULL),
           loss_memory = memory_of(device, sizeof(float), NULL);
    for (int step = 0; step < STEPS; step++) {
        samples(step, image, label);
        cl_mem image_memory = memory_of(device, sizeof image, image),
               label_memory = memory_of(device, sizeof label, label);
        loss[0] = train_once(&host, step);
        CHECK(oc_train_step(
            cl.model, BATCH,
            (oc_feed[]){ { cl.image, NULL, image_memory }, { cl.label, NULL, label_memory }, { 0 } },
            (oc_fetch[]){ { .tensor = cl.loss, .buffer = loss_memory }, { 0 } }));
        read_back(device, loss_memory, &loss[1], sizeof loss[1]);
        cr_expect(loss[0] == loss[1], "step %d: %g and %g", step, (double)loss[0], (double)loss[1]);
        infer_once(&host, step, logits[0]);
        CHECK(oc_infer(cl.model, BATCH, (oc_feed[]){ { cl.image, NULL, image_memory }, { 0 } },
                       (oc_fetch[]){ { .tensor = cl.logits, .buffer = result }, { 0 } }));
        read_back(device, result, logits[1], sizeof logits[1]);
        cr_expect(memcmp(logits[0], logits[1], sizeof logits[0]) == 0, "step %d", step);
        clReleaseMemObject(image_memory);
        clReleaseMemObject(label_memory);
    }
    clReleaseMemObject(result);
    clReleaseMemObject(loss_memory);
    trainee_destroy(&host);
    trainee_destroy(&cl);
}

Test(caller_memory, buffers_hold_what_arrays_hold)
{
    oc_device *device = fixture_open();
    compare_ways(device);
    oc_device_close(device);
}

Test(caller_memory, on_the_callers_context_and_queue)
{
    oc_device *first = fixture_open(), *device;
    cl_int error;
    const cl_device_id id = oc_device_get_id(first);
    cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, &error);
    cr_assert_eq(error, CL_SUCCESS);
    cl_command_queue queue = clCreateCommandQueue(context, id, 0, &error);
    cr_assert_eq(error, CL_SUCCESS);
    CHECK(oc_device_open_cl(&device, context, id, queue, &(oc_device_desc){ .select = "no such device" }));
    cr_expect(oc_device_get_context(device) == context && oc_device_get_queue(device) == queue &&
              oc_device_get_id(device) == id);
    cr_expect_str_eq(oc_device_get_info(device)->name, oc_device_get_info(first)->name);
    clReleaseCommandQueue(queue); /* Ocelli holds them */
    clReleaseContext(context);
    compare_ways(device);
    oc_device_close(device);
    oc_device_close(first);
    cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
}

/* A write that still waits in the device's queue comes before the feed, and one after the fetch comes after it,
 * although the model has a queue of its own. */
Test(caller_memory, copies_keep_to_the_order_of_the_queue)
{
    enum { COUNT = 64 };
    oc_device *device = fixture_open();
    oc_model *model = NULL;
    float old[COUNT], new[COUNT], late[COUNT], got[COUNT];
    cl_int error;
    for (int i = 0; i < COUNT; i++) {
        old[i] = 1;
        new[i] = (float)i + 0.5f;
        late[i] = -7;
    }
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 1, COUNT } }), *y = oc_relu(x);
    CHECK(oc_model_create(&model, graph, device,
                          &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }));
    cl_command_queue queue = oc_device_get_queue(device);
    cl_mem in = memory_of(device, sizeof old, old), out = memory_of(device, sizeof got, NULL),
           copy = memory_of(device, sizeof got, NULL);
    cl_event gate = clCreateUserEvent(oc_device_get_context(device), &error);
    cr_assert_eq(error, CL_SUCCESS);
    cr_assert_eq(clEnqueueWriteBuffer(queue, in, CL_FALSE, 0, sizeof new, new, 1, &gate, NULL), CL_SUCCESS);
    CHECK(oc_infer(model, 1, (oc_feed[]){ { x, NULL, in }, { 0 } },
                   (oc_fetch[]){ { .tensor = y, .buffer = out }, { 0 } }));
    cr_assert_eq(clEnqueueCopyBuffer(queue, out, copy, 0, 0, sizeof got, 0, NULL, NULL), CL_SUCCESS);
    cr_assert_eq(clEnqueueWriteBuffer(queue, out, CL_FALSE, 0, sizeof late, late, 0, NULL, NULL), CL_SUCCESS);
    cr_assert_eq(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    read_back(device, copy, got, sizeof got);
    for (int i = 0; i < COUNT; i++)
        cr_expect(got[i] == new[i], "[%d] is %g, not %g", i, (double)got[i], (double)new[i]);
    read_back(device, out, got, sizeof got);
    cr_expect(got[0] == -7 && got[COUNT - 1] == -7);
    CHECK(oc_model_finish(model));
    clReleaseEvent(gate);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
    clReleaseMemObject(copy);
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* A buffer that is too small is the driver's to refuse; nothing else suffers. */
Test(caller_memory, a_buffer_that_is_too_small_is_refused)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    cl_mem small = memory_of(device, 64, NULL);
    float logits[2][BATCH * CLASSES];
    infer_once(&t, 0, logits[0]);
    expect_failure(oc_infer(t.model, BATCH, (oc_feed[]){ { t.image, NULL, small }, { 0 } }, NULL),
                   OC_E_DEVICE, "from clEnqueueCopyBuffer", "feed");
    expect_failure(
        oc_infer(t.model, BATCH, NULL, (oc_fetch[]){ { .tensor = t.logits, .buffer = small }, { 0 } }),
        OC_E_DEVICE, "from clEnqueueCopyBuffer", "fetch");
    infer_once(&t, 0, logits[1]);
    cr_expect(memcmp(logits[0], logits[1], sizeof logits[0]) == 0);
    clReleaseMemObject(small);
    trainee_destroy(&t);
    oc_device_close(device);
}
