/* device.h - an open device, seen without OpenCL types. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <ocelli/ocelli.h>

const oc_allocator *device_allocator(const oc_device *device);

/* Whether values can travel beside what the device computes, through staging buffers (upload.h): its memory is not the
 * host's, and no caller wants everything in a queue of their own. */
bool device_stages(const oc_device *device);

/* An in-order queue for one model: the caller's if the device was opened with one. With `profiling` always its
 * own, so that events carry times. */
struct queue;
oc_status queue_create(struct queue **out, oc_device *device, bool profiling);
void queue_destroy(struct queue *queue);
oc_status queue_flush(struct queue *queue);
oc_status queue_finish(struct queue *queue);

#endif
