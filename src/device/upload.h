/* upload.h - a way for bytes from the host to a buffer, in two moments:
 *
 *     begin     the bytes are copied aside, so that the caller may do with theirs what they like
 *     deliver   they are put in their place, in the order of a queue
 *
 * Where a device's memory is the host's, delivering is a write from aside. Elsewhere aside is pinned memory, and bytes set
 * out from there at once, on a queue of their own beside whatever the device computes, into a staging buffer on the
 * device; delivering is a copy from there. */
#ifndef DEVICE_UPLOAD_H
#define DEVICE_UPLOAD_H

#include "device/device.h"

struct buffer;
struct upload;

/* So many times there is room aside, and for staging. */
enum { UPLOAD_ROOMS = 2 };

/* For at most `bytes` at a time. `transfer` is the queue on which they are sent ahead, which must outlive the upload, or
 * NULL: there is no staging. */
oc_status upload_create(struct upload **out, oc_device *device, struct queue *transfer, size_t bytes);
void upload_destroy(struct upload *upload);

/* Takes the place of what was begun and is not delivered yet, also if it fails: nothing is begun then. Waits only if the
 * last two deliveries are both still under way. */
oc_status upload_begin(struct upload *upload, const void *data, size_t bytes);

/* How many bytes were begun and not delivered; 0: none. */
size_t upload_begun(const struct upload *upload);

/* Lets go of them. */
void upload_forget(struct upload *upload);

/* Does not wait. If it fails, they can be delivered still. */
oc_status upload_deliver(struct upload *upload, struct queue *queue, struct buffer *buffer, size_t offset);

#endif
