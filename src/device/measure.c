/* measure.c - what a device really reaches, the denominators of all percentages. Kernels: cl/peak.cl.
 *
 * The best vector width is found in short runs; the figure comes from runs that are long enough for every core to be
 * awake and at its lasting clock. The copy goes between buffers far larger than any cache. */
#include "device/cl.h"
#include "device/launch.h"

#include <stdio.h>

enum { ROUNDS = 4096, CHAINS = 12, SHORT_RUNS = 2, LONG_RUNS = 7, WIDTHS = 4 };
static const int widths[WIDTHS] = { 1, 4, 8, 16 };
static const double long_run = 50.0; /* milliseconds */
static const int64_t most_bytes = 256 << 20;

struct measurement {
    struct queue *queue;
    oc_device_type type;
    struct program_request programs[WIDTHS];
    struct buffer *from, *to;
    size_t bytes, group, first_items; /* of a buffer; of a work-group; of a short run of peak_fma */
};

/* The shortest of several runs, in milliseconds. */
static oc_status best_time(const struct measurement *m, int width, const char *kernel,
                           const struct argument *arguments, size_t items, int runs, double *best)
{
    struct launch *launch;
    double time;
    TRY(launch_create(&launch, m->queue->device, m->programs[width].program, kernel));
    oc_status status = launch_set(launch, 0, arguments);
    if (status == OC_OK)
        status = launch_size(launch, (size_t[]){ items, 1, 1 }, (size_t[]){ m->group, 1, 1 });
    *best = 0.0;
    for (int i = 0; status == OC_OK && i <= runs; i++) {
        status = launch_time(m->queue, launch, &time);
        if (i > 0 && (*best == 0.0 || time < *best)) /* the first run may compile */
            *best = time;
    }
    launch_destroy(launch);
    return status;
}

/* Billions of operations per second; 0 if the device's clock is too coarse to tell. */
static double rate_of(double work, double milliseconds)
{
    return milliseconds > 0.0 ? work / milliseconds * 1e-6 : 0.0;
}

static oc_status time_fma(const struct measurement *m, int width, size_t items, int runs, double *time)
{
    const struct argument arguments[] = { { .kind = ARGUMENT_BUFFER, .buffer = m->to },
                                          { .kind = ARGUMENT_INT, .number = ROUNDS },
                                          { .kind = ARGUMENT_FLOAT, .real = 0.999f },
                                          { 0 } };
    return best_time(m, width, "peak_fma", arguments, items, runs, time);
}

static oc_status measure_fma(const struct measurement *m, double *gflops)
{
    const size_t most = m->bytes / sizeof(float) / m->group * m->group; /* each writes one value */
    size_t items = m->first_items < most ? m->first_items : most;
    double best = 0.0, best_ms = 0.0, time;
    int width = WIDTHS - 1;
    for (int i = 0; i < WIDTHS; i++) {
        TRY(time_fma(m, i, items, SHORT_RUNS, &time));
        if (rate_of(widths[i], time) > best) {
            best = rate_of(widths[i], time);
            best_ms = time;
            width = i;
        }
    }
    if (best_ms > 0.0 && best_ms < long_run) {
        const double longer = (double)items * long_run / best_ms;
        items = longer < (double)most ? (size_t)longer / m->group * m->group : most;
    }
    TRY(time_fma(m, width, items, LONG_RUNS, &time));
    *gflops = rate_of(2.0 * ROUNDS * CHAINS * widths[width] * (double)items, time);
    return OC_OK;
}

static oc_status time_copy(const struct measurement *m, int width, int runs, double *time)
{
    const size_t per_item = m->type == OC_DEVICE_CPU ? 4096 : 1;
    const struct argument arguments[] = { { .kind = ARGUMENT_BUFFER, .buffer = m->from },
                                          { .kind = ARGUMENT_BUFFER, .buffer = m->to },
                                          { .kind = ARGUMENT_INT, .number = (int)per_item },
                                          { 0 } };
    const size_t vectors = m->bytes / sizeof(float) / (size_t)widths[width];
    return best_time(m, width, "peak_copy", arguments, vectors / per_item, runs, time);
}

static oc_status measure_copy(const struct measurement *m, double *gbps)
{
    double best = 0.0, time;
    int width = WIDTHS - 1;
    for (int i = 0; i < WIDTHS; i++) {
        TRY(time_copy(m, i, 1, &time));
        if (rate_of(1.0, time) > best) {
            best = rate_of(1.0, time);
            width = i;
        }
    }
    TRY(time_copy(m, width, LONG_RUNS, &time));
    *gbps = rate_of(2.0 * (double)m->bytes, time);
    return OC_OK;
}

static oc_status prepare(struct measurement *m, oc_device *device)
{
    char options[WIDTHS][16];
    TRY(queue_create(&m->queue, device, true));
    TRY(buffer_create(&m->from, device, m->bytes));
    TRY(buffer_create(&m->to, device, m->bytes));
    TRY(buffer_fill(m->queue, m->from, 0));
    for (int i = 0; i < WIDTHS; i++) {
        snprintf(options[i], sizeof options[i], " -DWIDTH=%d", widths[i]);
        m->programs[i] = (struct program_request){ .file = "peak.cl", .options = options[i] };
    }
    return program_build_all(device, m->programs, WIDTHS, NULL, NULL);
}

/* A buffer's size: no more than an eighth of the memory, in whole MiB, so that every width and group divides it. */
static size_t buffer_bytes(const oc_device_info *info)
{
    int64_t bytes = info->memory / 8;
    if (bytes > info->max_allocation)
        bytes = info->max_allocation;
    if (bytes > most_bytes)
        bytes = most_bytes;
    return bytes > 1 << 20 ? (size_t)(bytes >> 20 << 20) : 1 << 20;
}

oc_status oc_device_measure(oc_device *device, double *gflops, double *gbps)
{
    const oc_device_info *info = &device->info;
    const bool cpu = info->type == OC_DEVICE_CPU;
    struct measurement m = { .type = info->type, .bytes = buffer_bytes(info), .group = cpu ? 1 : 64 };
    m.first_items = (size_t)info->compute_units * m.group * (cpu ? 16 : 32);
    *gflops = *gbps = 0.0;
    oc_status status = prepare(&m, device);
    if (status == OC_OK)
        status = measure_fma(&m, gflops);
    if (status == OC_OK)
        status = measure_copy(&m, gbps);
    buffer_destroy(m.from);
    buffer_destroy(m.to);
    queue_destroy(m.queue);
    return status;
}
