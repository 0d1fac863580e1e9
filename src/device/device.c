/* device.c - opening and closing a device, and its queues. */
#include "device/device.h"
#include "base/log.h"
#include "device/cl.h"
#include "device/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *error_name(cl_int error)
{
    static const struct {
        cl_int error;
        const char *name;
    } names[] = {
#define NAME(error) { error, #error }
        NAME(CL_DEVICE_NOT_FOUND),
        NAME(CL_DEVICE_NOT_AVAILABLE),
        NAME(CL_COMPILER_NOT_AVAILABLE),
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
        NAME(CL_OUT_OF_RESOURCES),
        NAME(CL_OUT_OF_HOST_MEMORY),
        NAME(CL_BUILD_PROGRAM_FAILURE),
        NAME(CL_INVALID_VALUE),
        NAME(CL_INVALID_DEVICE),
        NAME(CL_INVALID_CONTEXT),
        NAME(CL_INVALID_COMMAND_QUEUE),
        NAME(CL_INVALID_MEM_OBJECT),
        NAME(CL_INVALID_BUILD_OPTIONS),
        NAME(CL_INVALID_PROGRAM_EXECUTABLE),
        NAME(CL_INVALID_KERNEL_NAME),
        NAME(CL_INVALID_KERNEL_ARGS),
        NAME(CL_INVALID_ARG_INDEX),
        NAME(CL_INVALID_ARG_VALUE),
        NAME(CL_INVALID_ARG_SIZE),
        NAME(CL_INVALID_WORK_GROUP_SIZE),
        NAME(CL_INVALID_WORK_ITEM_SIZE),
        NAME(CL_INVALID_GLOBAL_WORK_SIZE),
        NAME(CL_INVALID_BUFFER_SIZE),
        NAME(CL_INVALID_OPERATION),
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
#undef NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].error == error)
            return names[i].name;
    return "OpenCL error";
}

oc_status device_fail(cl_int error, const char *what)
{
    const oc_status status = error == CL_MEM_OBJECT_ALLOCATION_FAILURE ? OC_E_DEVICE_MEMORY
                             : error == CL_OUT_OF_HOST_MEMORY          ? OC_E_MEMORY
                                                                       : OC_E_DEVICE;
    return fail(status, "%s (%d) from %.*s", error_name(error), error, (int)strcspn(what, "("), what);
}

static char *copy_text(const oc_allocator *allocator, const char *text)
{
    char *copy = memory_zeroed(allocator, strlen(text) + 1, 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* Takes over one reference each to context and queue, also on failure. */
static oc_status adopt(oc_device **out, cl_context context, cl_device_id id, cl_command_queue queue,
                       bool caller_queue, const oc_device_desc *desc)
{
    const oc_allocator allocator = memory_allocator(desc ? desc->allocator : NULL);
    const char *kernel_dir = desc && desc->kernel_dir ? desc->kernel_dir : getenv("OCELLI_KERNEL_DIR");
    struct oc_device *device = memory_zeroed(&allocator, 1, sizeof *device);
    if (!device) {
        clReleaseCommandQueue(queue);
        clReleaseContext(context);
        return OC_E_MEMORY;
    }
    *device = (struct oc_device){
        .allocator = allocator, .context = context, .id = id, .queue = queue, .caller_queue = caller_queue
    };
    pthread_mutex_init(&device->mutex, NULL);
    find_describe(id, &device->info);
    device->unified_memory = find_unified_memory(id);
    if (kernel_dir && !(device->kernel_dir = copy_text(&allocator, kernel_dir))) {
        oc_device_close(device);
        return OC_E_MEMORY;
    }
    const oc_status status = device_probe(device);
    if (status != OC_OK) {
        oc_device_close(device);
        return status;
    }
    log_message(OC_LOG_INFO, "device %s (%s), driver %s", device->info.name, device->info.platform,
                device->info.driver);
    *out = device;
    return OC_OK;
}

oc_status oc_device_open(oc_device **out, const oc_device_desc *desc)
{
    struct found_device found;
    *out = NULL;
    TRY(find_select(desc && desc->select ? desc->select : getenv("OCELLI_DEVICE"), &found));
    const cl_context_properties properties[] = { CL_CONTEXT_PLATFORM, (cl_context_properties)found.platform,
                                                 0 };
    cl_int error;
    cl_context context = clCreateContext(properties, 1, &found.id, NULL, NULL, &error);
    if (!context)
        return device_fail(error, "clCreateContext");
    cl_command_queue queue = clCreateCommandQueue(context, found.id, 0, &error);
    if (!queue) {
        clReleaseContext(context);
        return device_fail(error, "clCreateCommandQueue");
    }
    return adopt(out, context, found.id, queue, false, desc);
}

oc_status oc_device_open_cl(oc_device **out, cl_context context, cl_device_id id, cl_command_queue queue,
                            const oc_device_desc *desc)
{
    cl_command_queue_properties properties = 0;
    oc_device_info info;
    *out = NULL;
    TRY_CL(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL));
    if (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)
        return fail(OC_E_ARGUMENT, "the command queue executes out of order; Ocelli needs an in-order queue");
    find_describe(id, &info);
    if (!info.usable)
        return fail(OC_E_DEVICE, "device \"%s\" cannot be used: %s", info.name, info.reason);
    TRY_CL(clRetainContext(context));
    const cl_int error = clRetainCommandQueue(queue);
    if (error != CL_SUCCESS) {
        clReleaseContext(context);
        return device_fail(error, "clRetainCommandQueue");
    }
    return adopt(out, context, id, queue, true, desc);
}

void oc_device_close(oc_device *device)
{
    if (!device)
        return;
    program_free_all(device);
    clReleaseCommandQueue(device->queue);
    clReleaseContext(device->context);
    pthread_mutex_destroy(&device->mutex);
    const oc_allocator allocator = device->allocator;
    memory_free(&allocator, device->kernel_dir);
    memory_free(&allocator, device);
}

const oc_device_info *oc_device_get_info(const oc_device *device)
{
    return &device->info;
}

cl_context oc_device_get_context(const oc_device *device)
{
    return device->context;
}

cl_device_id oc_device_get_id(const oc_device *device)
{
    return device->id;
}

cl_command_queue oc_device_get_queue(const oc_device *device)
{
    return device->queue;
}

const oc_allocator *device_allocator(const oc_device *device)
{
    return &device->allocator;
}

bool device_stages(const oc_device *device)
{
    return !device->unified_memory && !device->caller_queue;
}

oc_status queue_create(struct queue **out, oc_device *device, bool profiling)
{
    struct queue *queue = memory_zeroed(&device->allocator, 1, sizeof *queue);
    cl_int error = CL_SUCCESS;
    *out = NULL;
    if (!queue)
        return OC_E_MEMORY;
    queue->device = device;
    if (device->caller_queue && !profiling) {
        queue->handle = device->queue;
        error = clRetainCommandQueue(queue->handle);
    } else {
        const cl_command_queue_properties properties = profiling ? CL_QUEUE_PROFILING_ENABLE : 0;
        queue->handle = clCreateCommandQueue(device->context, device->id, properties, &error);
    }
    if (error != CL_SUCCESS) {
        memory_free(&device->allocator, queue);
        return device_fail(error, "clCreateCommandQueue");
    }
    *out = queue;
    return OC_OK;
}

void queue_destroy(struct queue *queue)
{
    if (!queue)
        return;
    clFinish(queue->handle);
    clReleaseCommandQueue(queue->handle);
    memory_free(&queue->device->allocator, queue);
}

oc_status queue_flush(struct queue *queue)
{
    TRY_CL(clFlush(queue->handle));
    return OC_OK;
}

oc_status queue_finish(struct queue *queue)
{
    TRY_CL(clFinish(queue->handle));
    return OC_OK;
}
