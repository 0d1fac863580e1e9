/* launch.c - kernels with their arguments. */
#include "device/launch.h"
#include "device/cl.h"

#include <stdio.h>
#include <string.h>

struct launch {
    oc_device *device;
    const struct program *program;
    cl_kernel kernel;
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
    clReleaseKernel(launch->kernel);
    memory_free(&launch->device->allocator, launch);
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

static cl_int enqueue(struct queue *queue, const struct launch *launch, cl_event *event)
{
    return clEnqueueNDRangeKernel(queue->handle, launch->kernel, 3, NULL, launch->global, launch->local, 0,
                                  NULL, event);
}

oc_status launch_enqueue(struct queue *queue, const struct launch *launch)
{
    const cl_int error = enqueue(queue, launch, NULL);
    if (error != CL_SUCCESS)
        return fail_in(device_fail(error, "clEnqueueNDRangeKernel"), launch->name);
    return OC_OK;
}

oc_status launch_time(struct queue *queue, const struct launch *launch, double *milliseconds)
{
    cl_event event;
    cl_ulong start = 0, end = 0;
    cl_int error = enqueue(queue, launch, &event);
    if (error != CL_SUCCESS)
        return fail_in(device_fail(error, "clEnqueueNDRangeKernel"), launch->name);
    const cl_int waited = error = clWaitForEvents(1, &event);
    if (error == CL_SUCCESS)
        error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
    if (error == CL_SUCCESS)
        error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    clReleaseEvent(event);
    if (error != CL_SUCCESS)
        return device_fail(error, waited == CL_SUCCESS ? "clGetEventProfilingInfo" : "clWaitForEvents");
    *milliseconds = (double)(end - start) * 1e-6;
    return OC_OK;
}

const char *launch_kernel(const struct launch *launch)
{
    return launch->name;
}

bool launch_same_code(const struct launch *a, const struct launch *b)
{
    return a->program == b->program && strcmp(a->name, b->name) == 0 &&
           memcmp(a->local, b->local, sizeof a->local) == 0;
}
