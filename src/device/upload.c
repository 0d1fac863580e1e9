/* upload.c - bytes on their way from the host to a buffer.
 *
 * Invariant: of a room the host writes, and a transfer fills, only what no command uses any more: all that was enqueued
 * for it before is done when begin has waited for `last`. */
#include "device/upload.h"
#include "device/buffer.h"
#include "device/cl.h"

#include <string.h>

/* For the bytes of one send. */
struct room {
    char *aside;            /* on the host */
    cl_mem pinned;          /* what `aside` is mapped from; NULL: it lies behind the struct */
    struct buffer *staging; /* on the device; NULL: none */
    cl_event last;          /* of the last command that uses the room; NULL: none is under way */
};

struct upload {
    oc_device *device;
    struct queue *transfer; /* NULL: nothing is sent ahead */
    struct room rooms[UPLOAD_ROOMS];
    int turn;     /* the room that is begun, or is next */
    size_t begun; /* bytes in it that are not delivered */
};

static oc_status create_staging(struct upload *upload, struct room *room, size_t bytes)
{
    oc_device *device = upload->device;
    cl_int error;
    room->pinned =
        clCreateBuffer(device->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &error);
    if (!room->pinned)
        return fail(OC_E_MEMORY, "device \"%s\" could not pin %zu bytes of host memory", device->info.name,
                    bytes);
    room->aside = clEnqueueMapBuffer(upload->transfer->handle, room->pinned, CL_TRUE,
                                     CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes, 0, NULL, NULL, &error);
    if (!room->aside)
        return device_fail(error, "clEnqueueMapBuffer");
    return buffer_create(&room->staging, device, bytes);
}

oc_status upload_create(struct upload **out, oc_device *device, struct queue *transfer, size_t bytes)
{
    const size_t behind = transfer ? 0 : bytes;
    *out = NULL;
    struct upload *upload = memory_zeroed(&device->allocator, 1, sizeof *upload + UPLOAD_ROOMS * behind);
    if (!upload)
        return OC_E_MEMORY;
    upload->device = device;
    upload->transfer = transfer;
    oc_status status = OC_OK;
    for (int i = 0; status == OC_OK && i < UPLOAD_ROOMS; i++) {
        if (transfer)
            status = create_staging(upload, &upload->rooms[i], bytes);
        else
            upload->rooms[i].aside = (char *)(upload + 1) + (size_t)i * bytes;
    }
    if (status != OC_OK) {
        upload_destroy(upload);
        return status;
    }
    *out = upload;
    return OC_OK;
}

static cl_int settle(struct room *room)
{
    if (!room->last)
        return CL_SUCCESS;
    const cl_int error = clWaitForEvents(1, &room->last);
    clReleaseEvent(room->last);
    room->last = NULL;
    return error;
}

void upload_destroy(struct upload *upload)
{
    if (!upload)
        return;
    /* What goes wrong now must not replace the sentence about what went wrong before. */
    for (int i = 0; i < UPLOAD_ROOMS; i++) {
        struct room *room = &upload->rooms[i];
        settle(room);
        buffer_destroy(room->staging);
        if (room->pinned && room->aside)
            clEnqueueUnmapMemObject(upload->transfer->handle, room->pinned, room->aside, 0, NULL, NULL);
        if (room->pinned)
            clReleaseMemObject(room->pinned);
    }
    memory_free(&upload->device->allocator, upload);
}

oc_status upload_begin(struct upload *upload, const void *data, size_t bytes)
{
    struct room *room = &upload->rooms[upload->turn];
    upload->begun = 0;
    const cl_int error = settle(room);
    if (error != CL_SUCCESS)
        return device_fail(error, "clWaitForEvents");
    memcpy(room->aside, data, bytes);
    if (room->staging) {
        TRY_CL(clEnqueueWriteBuffer(upload->transfer->handle, room->staging->handle, CL_FALSE, 0, bytes,
                                    room->aside, 0, NULL, &room->last));
        TRY_CL(clFlush(upload->transfer->handle));
    }
    upload->begun = bytes;
    return OC_OK;
}

size_t upload_begun(const struct upload *upload)
{
    return upload->begun;
}

void upload_forget(struct upload *upload)
{
    upload->begun = 0;
}

oc_status upload_deliver(struct upload *upload, struct queue *queue, struct buffer *buffer, size_t offset)
{
    struct room *room = &upload->rooms[upload->turn];
    cl_event delivered = NULL;
    if (room->staging)
        TRY_CL(clEnqueueCopyBuffer(queue->handle, room->staging->handle, buffer->handle, 0, offset,
                                   upload->begun, 1, &room->last, &delivered));
    else
        TRY_CL(clEnqueueWriteBuffer(queue->handle, buffer->handle, CL_FALSE, offset, upload->begun,
                                    room->aside, 0, NULL, &delivered));
    if (room->last)
        clReleaseEvent(room->last);
    room->last = delivered;
    upload->begun = 0;
    upload->turn = (upload->turn + 1) % UPLOAD_ROOMS;
    return OC_OK;
}
