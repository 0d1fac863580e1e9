/* launch.h - one kernel with its arguments set, ready to be enqueued any number of times.
 *
 * Invariant: clSetKernelArg stands in launch.c and nowhere else. */
#ifndef DEVICE_LAUNCH_H
#define DEVICE_LAUNCH_H

#include "device/buffer.h"
#include "device/program.h"

enum argument_kind {
    ARGUMENT_END,
    ARGUMENT_BUFFER, /* two kernel arguments: the memory, and the offset of the first element as ulong */
    ARGUMENT_INT,
    ARGUMENT_FLOAT,
    ARGUMENT_BYTES, /* a struct by value, made of ints and floats only */
    ARGUMENT_LOCAL  /* that many bytes of local memory */
};

struct argument {
    enum argument_kind kind;
    struct buffer *buffer;
    uint64_t offset; /* elements */
    int32_t number;
    float real;
    const void *data;
    size_t bytes;
};

struct launch;

oc_status launch_create(struct launch **out, oc_device *device, const struct program *program,
                        const char *kernel);
void launch_destroy(struct launch *launch);

/* Sets arguments from kernel argument `first` on, up to ARGUMENT_END. */
oc_status launch_set(struct launch *launch, int first, const struct argument *arguments);

/* Sizes in work-items; local sizes must divide global ones and suit the device. */
oc_status launch_size(struct launch *launch, const size_t global[3], const size_t local[3]);

oc_status launch_enqueue(struct queue *queue, const struct launch *launch);

/* Enqueues on a profiling queue, waits, and returns the device's time. */
oc_status launch_time(struct queue *queue, const struct launch *launch, double *milliseconds);

const char *launch_kernel(const struct launch *launch);

/* True if a driver that compiles at the first launch has compiled both once it has met one of them. */
bool launch_same_code(const struct launch *a, const struct launch *b);

#endif
