/* cl.h - what the files of this room share, OpenCL types included. */
#ifndef DEVICE_CL_H
#define DEVICE_CL_H

#include "base/memory.h"
#include "base/status.h"
#include <ocelli/opencl.h>

#include <pthread.h>

struct oc_device {
    oc_allocator allocator;
    oc_device_info info;
    cl_context context;
    cl_device_id id;
    cl_command_queue queue; /* the caller's, or ours: for transfers outside models, and what getters lend */
    bool caller_queue;      /* models must use it too */
    bool unified_memory;    /* its memory is the host's */
    char *kernel_dir;       /* NULL: the embedded sources */
    pthread_mutex_t mutex;  /* guards programs */
    struct program *programs;
};

struct queue {
    struct oc_device *device;
    cl_command_queue handle;
};

struct buffer {
    struct oc_device *device;
    cl_mem handle;
    size_t bytes;
};

struct program {
    struct program *next;
    char *file, *options;
    cl_program handle;
};

/* fail() with the OpenCL error's name; running out of memory keeps its own status. */
oc_status device_fail(cl_int error, const char *what);

#define TRY_CL(call)                                                                                         \
    do {                                                                                                     \
        const cl_int try_error = (call);                                                                     \
        if (try_error != CL_SUCCESS)                                                                         \
            return device_fail(try_error, #call);                                                            \
    } while (0)

/* probe.c: fills in what only trying out tells, when a device is opened. */
oc_status device_probe(oc_device *device);

/* find.c: the index-th device of all platforms, in the order of oc_device_list. */
struct found_device {
    cl_platform_id platform;
    cl_device_id id;
    oc_device_info info;
};
oc_status find_devices(struct found_device *list, int capacity, int *count);
void find_describe(cl_device_id id, oc_device_info *info);

/* find.c: whether a device's memory is the host's. A CPU's is, although not every driver says so. */
bool find_unified_memory(cl_device_id id);

/* find.c: the device that a user means. */
oc_status find_select(const char *wanted, struct found_device *found);

#endif
