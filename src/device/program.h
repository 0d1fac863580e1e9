/* program.h - kernel sources to programs. A program is built once per device for each (file, options) and kept
 * until the device is closed; drivers keep their own caches across processes. */
#ifndef DEVICE_PROGRAM_H
#define DEVICE_PROGRAM_H

#include "device/device.h"

struct program;

/* What to build: cl/common.cl, cl/random.cl and then the file, with these options ("-DVECTOR=16 ..."). */
struct program_request {
    const char *file, *options;
    struct program *program; /* the answer */
};

/* Builds all requests that are not built yet, in parallel. */
oc_status program_build_all(oc_device *device, struct program_request *requests, int count,
                            oc_progress_fn progress, void *user);

/* A hash of what programs of these files, with commas between them, are built from; device NULL: of the kernels that are
 * built in. False if one of them is not among
 * the kernels. */
bool program_hash(const oc_device *device, const char *files, uint64_t *hash);
void program_free_all(oc_device *device);

#endif
