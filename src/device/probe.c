/* probe.c - tries out what a driver does not say about itself. Kernels: cl/probe.cl. */
#include "base/log.h"
#include "device/cl.h"
#include "device/launch.h"

#include <inttypes.h>

enum { LIMIT = 1 << 20 };

static oc_status count_loops(struct queue *queue, struct buffer *buffer, int32_t *counted)
{
    struct program_request request = { .file = "probe.cl", .options = "" };
    struct launch *launch;
    TRY(program_build_all(queue->device, &request, 1, NULL, NULL));
    TRY(launch_create(&launch, queue->device, request.program, "probe_loops"));
    oc_status status = launch_set(launch, 0,
                                  (struct argument[]){ { .kind = ARGUMENT_BUFFER, .buffer = buffer },
                                                       { .kind = ARGUMENT_INT, .number = LIMIT },
                                                       { 0 } });
    if (status == OC_OK)
        status = launch_size(launch, (size_t[]){ 1, 1, 1 }, (size_t[]){ 1, 1, 1 });
    if (status == OC_OK)
        status = launch_enqueue(queue, launch);
    if (status == OC_OK)
        status = buffer_read(queue, buffer, 0, counted, sizeof *counted);
    launch_destroy(launch);
    return status;
}

oc_status device_probe(oc_device *device)
{
    struct queue *queue = NULL;
    struct buffer *buffer = NULL;
    int32_t counted = 0;
    oc_status status = queue_create(&queue, device, false);
    if (status == OC_OK)
        status = buffer_create(&buffer, device, sizeof counted);
    if (status == OC_OK)
        status = count_loops(queue, buffer, &counted);
    buffer_destroy(buffer);
    queue_destroy(queue);
    if (status == OC_OK && counted < LIMIT) {
        device->info.loop_limit = counted;
        log_message(OC_LOG_WARNING,
                    "device \"%s\" ends loops after %" PRId32 " iterations: large layers are refused",
                    device->info.name, counted);
    }
    return status;
}
