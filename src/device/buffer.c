/* buffer.c - device memory. */
#include "device/buffer.h"
#include "device/cl.h"

#include <inttypes.h>

oc_status buffer_create(struct buffer **out, oc_device *device, size_t bytes)
{
    cl_int error;
    *out = NULL;
    struct buffer *buffer = memory_zeroed(&device->allocator, 1, sizeof *buffer);
    if (!buffer)
        return OC_E_MEMORY;
    *buffer =
        (struct buffer){ .device = device,
                         .bytes = bytes,
                         .handle = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &error) };
    if (!buffer->handle) {
        memory_free(&device->allocator, buffer);
        return fail(OC_E_DEVICE_MEMORY,
                    "device \"%s\" could not allocate %zu bytes (it has %" PRId64 ", at most %" PRId64
                    " at once)",
                    device->info.name, bytes, device->info.memory, device->info.max_allocation);
    }
    *out = buffer;
    return OC_OK;
}

void buffer_destroy(struct buffer *buffer)
{
    if (!buffer)
        return;
    clReleaseMemObject(buffer->handle);
    memory_free(&buffer->device->allocator, buffer);
}

oc_status buffer_fill(struct queue *queue, struct buffer *buffer, uint32_t pattern)
{
    TRY_CL(clEnqueueFillBuffer(queue->handle, buffer->handle, &pattern, sizeof pattern, 0,
                               buffer->bytes / sizeof pattern * sizeof pattern, 0, NULL, NULL));
    return OC_OK;
}

oc_status buffer_write(struct queue *queue, struct buffer *buffer, size_t offset, const void *data,
                       size_t bytes)
{
    TRY_CL(clEnqueueWriteBuffer(queue->handle, buffer->handle, CL_TRUE, offset, bytes, data, 0, NULL, NULL));
    return OC_OK;
}

oc_status buffer_read(struct queue *queue, struct buffer *buffer, size_t offset, void *data, size_t bytes)
{
    TRY_CL(clEnqueueReadBuffer(queue->handle, buffer->handle, CL_TRUE, offset, bytes, data, 0, NULL, NULL));
    return OC_OK;
}

/* The caller's memory is used in the order of the device's queue. Where the model has a queue of its own, the copy
 * waits for what is in the device's, and what comes there later waits for the copy. */
static cl_int copy(struct queue *queue, cl_mem from, size_t from_offset, cl_mem to, size_t to_offset,
                   size_t bytes)
{
    const cl_command_queue order = queue->device->queue;
    cl_event before = NULL, after = NULL;
    if (order == queue->handle)
        return clEnqueueCopyBuffer(order, from, to, from_offset, to_offset, bytes, 0, NULL, NULL);
    cl_int error = clEnqueueMarkerWithWaitList(order, 0, NULL, &before);
    if (error == CL_SUCCESS)
        error = clFlush(order);
    if (error == CL_SUCCESS)
        error =
            clEnqueueCopyBuffer(queue->handle, from, to, from_offset, to_offset, bytes, 1, &before, &after);
    if (error == CL_SUCCESS)
        error = clFlush(queue->handle);
    if (error == CL_SUCCESS)
        error = clEnqueueBarrierWithWaitList(order, 1, &after, NULL);
    if (before)
        clReleaseEvent(before);
    if (after)
        clReleaseEvent(after);
    return error;
}

oc_status buffer_copy_from(struct queue *queue, struct buffer *buffer, size_t offset, void *memory,
                           size_t bytes)
{
    const cl_int error = copy(queue, memory, 0, buffer->handle, offset, bytes);
    return error == CL_SUCCESS ? OC_OK : device_fail(error, "clEnqueueCopyBuffer");
}

oc_status buffer_copy_to(struct queue *queue, struct buffer *buffer, size_t offset, void *memory,
                         size_t bytes)
{
    const cl_int error = copy(queue, buffer->handle, offset, memory, 0, bytes);
    return error == CL_SUCCESS ? OC_OK : device_fail(error, "clEnqueueCopyBuffer");
}
