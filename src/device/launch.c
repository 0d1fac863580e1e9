/* launch.c - kernels with their arguments, and products by CLBlast, which have no kernel of ours. */
#include "device/launch.h"
#include "device/cl.h"
#include "device/gemm.h"

#include <stdio.h>
#include <string.h>

struct launch {
    oc_device *device;
    const struct program *program;
    cl_kernel kernel; /* NULL: a product */
    struct gemm_call *gemm;
    char name[64];
    size_t global[3], local[3];
};

oc_status launch_create(struct launch **out, oc_device *device, const struct program *program,
                        const char *kernel)
{
    cl_int error;
    struct launch *launch = memory_zeroed(&device->allocator, 1, sizeof *launch);
    *out = NULL;
    if (!launch)
        return OC_E_MEMORY;
    launch->device = device;
    launch->program = program;
    snprintf(launch->name, sizeof launch->name, "%s", kernel);
    launch->kernel = clCreateKernel(program->handle, kernel, &error);
    if (!launch->kernel) {
        memory_free(&device->allocator, launch);
        return fail_in(fail_in(device_fail(error, "clCreateKernel"), kernel), program->file);
    }
    *out = launch;
    return OC_OK;
}

void launch_destroy(struct launch *launch)
{
    if (!launch)
        return;
    if (launch->kernel)
        clReleaseKernel(launch->kernel);
    gemm_call_destroy(launch->gemm, launch->device);
    memory_free(&launch->device->allocator, launch);
}

oc_status launch_create_gemm(struct launch **out, oc_device *device)
{
    if (!(*out = memory_zeroed(&device->allocator, 1, sizeof **out)))
        return OC_E_MEMORY;
    **out = (struct launch){ .device = device, .name = "clblast_sgemm" };
    return OC_OK;
}

oc_status launch_set_gemm(struct launch *launch, const struct gemm *gemm, const struct argument operands[3])
{
    return gemm_call_set(&launch->gemm, launch->device, gemm, operands);
}

static oc_status set(struct launch *launch, int index, size_t bytes, const void *value)
{
    const cl_int error = clSetKernelArg(launch->kernel, (cl_uint)index, bytes, value);
    char prefix[96];
    if (error == CL_SUCCESS)
        return OC_OK;
    snprintf(prefix, sizeof prefix, "argument %d of kernel %s", index, launch->name);
    return fail_in(device_fail(error, "clSetKernelArg"), prefix);
}

oc_status launch_set(struct launch *launch, int first, const struct argument *arguments)
{
    int index = first;
    for (const struct argument *a = arguments; a->kind != ARGUMENT_END; a++)
        switch (a->kind) {
        case ARGUMENT_BUFFER:
            TRY(set(launch, index++, sizeof(cl_mem), &a->buffer->handle));
            TRY(set(launch, index++, sizeof(cl_ulong), &a->offset));
            break;
        case ARGUMENT_INT:
            TRY(set(launch, index++, sizeof a->number, &a->number));
            break;
        case ARGUMENT_FLOAT:
            TRY(set(launch, index++, sizeof a->real, &a->real));
            break;
        case ARGUMENT_BYTES:
            TRY(set(launch, index++, a->bytes, a->data));
            break;
        case ARGUMENT_LOCAL:
            TRY(set(launch, index++, a->bytes, NULL));
            break;
        case ARGUMENT_END:
            break;
        }
    return OC_OK;
}

oc_status launch_size(struct launch *launch, const size_t global[3], const size_t local[3])
{
    size_t items = 1;
    for (int i = 0; i < 3; i++) {
        launch->global[i] = global[i];
        launch->local[i] = local[i];
        items *= local[i];
        if (local[i] == 0 || global[i] == 0 || global[i] % local[i] != 0)
            return fail(OC_E_DEVICE, "kernel %s: %zu work-items are not full groups of %zu", launch->name,
                        global[i], local[i]);
    }
    if ((int64_t)items > launch->device->info.max_work_group)
        return fail(OC_E_DEVICE, "kernel %s: a work-group of %zu is larger than the device's limit",
                    launch->name, items);
    return OC_OK;
}

static oc_status enqueue(struct queue *queue, const struct launch *launch, cl_event *event)
{
    const cl_int error = clEnqueueNDRangeKernel(queue->handle, launch->kernel, 3, NULL, launch->global,
                                                launch->local, 0, NULL, event);
    if (error != CL_SUCCESS)
        return fail_in(device_fail(error, "clEnqueueNDRangeKernel"), launch->name);
    return OC_OK;
}

oc_status launch_enqueue(struct queue *queue, const struct launch *launch)
{
    return launch->gemm ? gemm_call_enqueue(launch->gemm, queue) : enqueue(queue, launch, NULL);
}

/* From the start or the end of the event `first` to the end of `last`. */
static oc_status span(cl_event first, cl_profiling_info from, cl_event last, double *milliseconds)
{
    cl_ulong start = 0, end = 0;
    cl_int error;
    const cl_int waited = error = clWaitForEvents(1, &last);
    if (error == CL_SUCCESS)
        error = clGetEventProfilingInfo(first, from, sizeof start, &start, NULL);
    if (error == CL_SUCCESS)
        error = clGetEventProfilingInfo(last, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    if (error != CL_SUCCESS)
        return device_fail(error, waited == CL_SUCCESS ? "clGetEventProfilingInfo" : "clWaitForEvents");
    *milliseconds = (double)(end - start) * 1e-6;
    return OC_OK;
}

/* A product is several kernels, so markers stand before and after it. */
static oc_status time_gemm(struct queue *queue, const struct launch *launch, double *milliseconds)
{
    cl_event before, after;
    TRY_CL(clEnqueueMarkerWithWaitList(queue->handle, 0, NULL, &before));
    oc_status status = launch_enqueue(queue, launch);
    const cl_int error =
        status == OC_OK ? clEnqueueMarkerWithWaitList(queue->handle, 0, NULL, &after) : CL_SUCCESS;
    if (error != CL_SUCCESS)
        status = device_fail(error, "clEnqueueMarkerWithWaitList");
    if (status == OC_OK) {
        status = span(before, CL_PROFILING_COMMAND_END, after, milliseconds);
        clReleaseEvent(after);
    }
    clReleaseEvent(before);
    return status;
}

oc_status launch_time(struct queue *queue, const struct launch *launch, double *milliseconds)
{
    cl_event event;
    if (launch->gemm)
        return time_gemm(queue, launch, milliseconds);
    TRY(enqueue(queue, launch, &event));
    const oc_status status = span(event, CL_PROFILING_COMMAND_START, event, milliseconds);
    clReleaseEvent(event);
    return status;
}

const char *launch_kernel(const struct launch *launch)
{
    return launch->name;
}

/* PoCL compiles a kernel anew for ranges that no 16 bits can count. */
static bool is_wide(const struct launch *launch)
{
    const size_t *global = launch->global;
    return global[0] >= UINT16_MAX || global[1] >= UINT16_MAX || global[2] >= UINT16_MAX;
}

bool launch_same_code(const struct launch *a, const struct launch *b)
{
    return a->kernel && b->kernel && a->program == b->program && strcmp(a->name, b->name) == 0 &&
           memcmp(a->local, b->local, sizeof a->local) == 0 && is_wide(a) == is_wide(b);
}
