/* measure.c - what a device really reaches, the denominators of all percentages. Kernels: cl/peak.cl. */
#include "device/cl.h"
#include "device/launch.h"

#include <stdio.h>

enum { ROUNDS = 4096, CHAINS = 12, COPY_BYTES = 64 << 20, REPEATS = 7 };

static oc_status best_time(struct queue *queue, const struct launch *launch, double *best)
{
    double time;
    *best = 0.0;
    for (int i = 0; i < REPEATS; i++) {
        TRY(launch_time(queue, launch, &time));
        if (i > 0 && (*best == 0.0 || time < *best)) /* the first run may compile */
            *best = time;
    }
    return OC_OK;
}

/* Both kernels for one vector width; keeps the better of what was found so far. */
static oc_status measure_width(struct queue *queue, const struct program *program, int width,
                               struct buffer *from, struct buffer *to, double *gflops, double *gbps)
{
    oc_device *device = queue->device;
    const size_t group = device->info.type == OC_DEVICE_CPU ? 1 : 64;
    const size_t items = (size_t)device->info.compute_units * group * (group == 1 ? 16 : 32);
    const size_t vectors = COPY_BYTES / sizeof(float) / (size_t)width;
    const size_t per_item = group == 1 ? 4096 : 1;
    const struct argument compute[] = { { .kind = ARGUMENT_BUFFER, .buffer = to },
                                        { .kind = ARGUMENT_INT, .number = ROUNDS },
                                        { .kind = ARGUMENT_FLOAT, .real = 0.999f },
                                        { 0 } };
    const struct argument copy[] = { { .kind = ARGUMENT_BUFFER, .buffer = from },
                                     { .kind = ARGUMENT_BUFFER, .buffer = to },
                                     { .kind = ARGUMENT_INT, .number = (int)per_item },
                                     { 0 } };
    const struct {
        const char *kernel;
        const struct argument *arguments;
        size_t items;
        double work; /* per run, in units of 1e-6 of the result's */
        double *result;
    } runs[] = {
        { "peak_fma", compute, items, 2.0 * (double)items * width * ROUNDS * CHAINS, gflops },
        { "peak_copy", copy, vectors / per_item, 2.0 * COPY_BYTES, gbps },
    };
    for (int i = 0; i < 2; i++) {
        struct launch *launch;
        double time;
        TRY(launch_create(&launch, device, program, runs[i].kernel));
        oc_status status = launch_set(launch, 0, runs[i].arguments);
        if (status == OC_OK)
            status = launch_size(launch, (size_t[]){ runs[i].items, 1, 1 }, (size_t[]){ group, 1, 1 });
        if (status == OC_OK)
            status = best_time(queue, launch, &time);
        launch_destroy(launch);
        TRY(status);
        if (time > 0.0 && runs[i].work / time * 1e-6 > *runs[i].result)
            *runs[i].result = runs[i].work / time * 1e-6;
    }
    return OC_OK;
}

oc_status oc_device_measure(oc_device *device, double *gflops, double *gbps)
{
    static const int widths[] = { 1, 4, 8, 16 };
    struct queue *queue = NULL;
    struct buffer *from = NULL, *to = NULL;
    *gflops = *gbps = 0.0;
    oc_status status = queue_create(&queue, device, true);
    if (status == OC_OK)
        status = buffer_create(&from, device, COPY_BYTES);
    if (status == OC_OK)
        status = buffer_create(&to, device, COPY_BYTES);
    if (status == OC_OK)
        status = buffer_fill(queue, from, 0);
    for (size_t i = 0; status == OC_OK && i < sizeof widths / sizeof *widths; i++) {
        char options[32];
        snprintf(options, sizeof options, " -DWIDTH=%d", widths[i]);
        struct program_request request = { .file = "peak.cl", .options = options };
        status = program_build_all(device, &request, 1, NULL, NULL);
        if (status == OC_OK)
            status = measure_width(queue, request.program, widths[i], from, to, gflops, gbps);
    }
    buffer_destroy(from);
    buffer_destroy(to);
    queue_destroy(queue);
    return status;
}
