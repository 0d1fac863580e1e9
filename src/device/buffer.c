/* buffer.c - device memory. */
#include "device/buffer.h"
#include "device/cl.h"

#include <inttypes.h>
#include <string.h>

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

struct upload {
    oc_device *device;
    char *aside[2];
    cl_event sent[2]; /* NULL: free */
    int turn;
};

oc_status upload_create(struct upload **out, oc_device *device, size_t bytes)
{
    struct upload *upload = memory_zeroed(&device->allocator, 1, sizeof *upload + 2 * bytes);
    *out = upload;
    if (!upload)
        return OC_E_MEMORY;
    upload->device = device;
    upload->aside[0] = (char *)(upload + 1);
    upload->aside[1] = upload->aside[0] + bytes;
    return OC_OK;
}

static cl_int upload_wait(struct upload *upload, int turn)
{
    if (!upload->sent[turn])
        return CL_SUCCESS;
    const cl_int error = clWaitForEvents(1, &upload->sent[turn]);
    clReleaseEvent(upload->sent[turn]);
    upload->sent[turn] = NULL;
    return error;
}

void upload_destroy(struct upload *upload)
{
    if (!upload)
        return;
    /* What goes wrong now must not replace the sentence about what went wrong before. */
    upload_wait(upload, 0);
    upload_wait(upload, 1);
    memory_free(&upload->device->allocator, upload);
}

oc_status upload_send(struct upload *upload, struct queue *queue, struct buffer *buffer, size_t offset,
                      const void *data, size_t bytes)
{
    const int turn = upload->turn;
    const cl_int error = upload_wait(upload, turn);
    if (error != CL_SUCCESS)
        return device_fail(error, "clWaitForEvents");
    memcpy(upload->aside[turn], data, bytes);
    TRY_CL(clEnqueueWriteBuffer(queue->handle, buffer->handle, CL_FALSE, offset, bytes, upload->aside[turn],
                                0, NULL, &upload->sent[turn]));
    upload->turn = !turn;
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
