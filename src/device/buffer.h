/* buffer.h - device memory, and moving bytes to and from it. Offsets and sizes are in bytes. */
#ifndef DEVICE_BUFFER_H
#define DEVICE_BUFFER_H

#include "device/device.h"

struct buffer;

oc_status buffer_create(struct buffer **out, oc_device *device, size_t bytes);
void buffer_destroy(struct buffer *buffer);

/* Fills the whole buffer with a 32-bit pattern. */
oc_status buffer_fill(struct queue *queue, struct buffer *buffer, uint32_t pattern);

/* Both wait until the bytes are where they should be. */
oc_status buffer_write(struct queue *queue, struct buffer *buffer, size_t offset, const void *data,
                       size_t bytes);
oc_status buffer_read(struct queue *queue, struct buffer *buffer, size_t offset, void *data, size_t bytes);

/* Between a buffer and a caller's cl_mem, in the order of the queue; does not wait. */
oc_status buffer_copy_from(struct queue *queue, struct buffer *buffer, size_t offset, void *memory,
                           size_t bytes);
oc_status buffer_copy_to(struct queue *queue, struct buffer *buffer, size_t offset, void *memory,
                         size_t bytes);

#endif
