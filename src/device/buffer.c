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

oc_status buffer_copy_from(struct queue *queue, struct buffer *buffer, size_t offset, void *memory,
                           size_t bytes)
{
    TRY_CL(clEnqueueCopyBuffer(queue->handle, memory, buffer->handle, 0, offset, bytes, 0, NULL, NULL));
    return OC_OK;
}

oc_status buffer_copy_to(struct queue *queue, struct buffer *buffer, size_t offset, void *memory,
                         size_t bytes)
{
    TRY_CL(clEnqueueCopyBuffer(queue->handle, buffer->handle, memory, offset, 0, bytes, 0, NULL, NULL));
    return OC_OK;
}
