/* fail_layer.c - wrappers of OpenCL functions. Those of the loader follow behind: dlsym(RTLD_NEXT). */
#define _GNU_SOURCE
#include "support/fail_layer.h"

#include <CL/cl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static struct {
    pthread_mutex_t mutex;
    struct fail_layer_order order;
    int calls, live;
    const char *failed;
    int64_t bytes;
} layer = { .mutex = PTHREAD_MUTEX_INITIALIZER };

void fail_layer_arm(const struct fail_layer_order *order)
{
    pthread_mutex_lock(&layer.mutex);
    layer.order = *order;
    layer.calls = 0;
    layer.failed = NULL;
    pthread_mutex_unlock(&layer.mutex);
}

void fail_layer_disarm(void)
{
    fail_layer_arm(&(struct fail_layer_order){ 0 });
}

int fail_layer_calls(void)
{
    return layer.calls;
}

const char *fail_layer_failed(void)
{
    return layer.failed;
}

int fail_layer_live(void)
{
    return layer.live;
}

int64_t fail_layer_bytes(void)
{
    return layer.bytes;
}

/* The error to return, or CL_SUCCESS. */
static cl_int refuse(const char *call, bool creates)
{
    const struct fail_layer_order *order = &layer.order;
    pthread_mutex_lock(&layer.mutex);
    const bool counts = creates || !order->creating_only;
    layer.calls += counts;
    const bool refused =
        counts && order->at > 0 && (layer.calls == order->at || (order->sticky && layer.calls > order->at));
    if (refused && !layer.failed)
        layer.failed = call;
    const cl_int error = refused ? order->error : CL_SUCCESS;
    pthread_mutex_unlock(&layer.mutex);
    return error;
}

static void count(int objects, int64_t bytes)
{
    pthread_mutex_lock(&layer.mutex);
    layer.live += objects;
    layer.bytes += bytes;
    pthread_mutex_unlock(&layer.mutex);
}

/* Declares `real`, the function behind a wrapper. */
#define REAL(name)                                                                                           \
    __typeof__(&name) real;                                                                                  \
    void *const symbol = dlsym(RTLD_NEXT, #name);                                                            \
    memcpy(&real, &symbol, sizeof real)

/* A function that creates an object: its last argument takes the error. */
#define CREATE(type, name, parameters, arguments, bytes)                                                     \
    type name parameters                                                                                     \
    {                                                                                                        \
        REAL(name);                                                                                          \
        const cl_int refused = refuse(#name, true);                                                          \
        if (refused != CL_SUCCESS) {                                                                         \
            if (error)                                                                                       \
                *error = refused;                                                                            \
            return NULL;                                                                                     \
        }                                                                                                    \
        const type object = real arguments;                                                                  \
        count(object != NULL, object ? (int64_t)(bytes) : 0);                                                \
        return object;                                                                                       \
    }

typedef void(CL_CALLBACK *context_notify)(const char *, const void *, size_t, void *);
typedef void(CL_CALLBACK *build_notify)(cl_program, void *);

CREATE(cl_context, clCreateContext,
       (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
        context_notify notify, void *user, cl_int *error),
       (properties, n, devices, notify, user, error), 0)
CREATE(cl_command_queue, clCreateCommandQueue,
       (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *error),
       (context, device, properties, error), 0)
CREATE(cl_mem, clCreateBuffer,
       (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error),
       (context, flags, size, host, error), flags &CL_MEM_ALLOC_HOST_PTR ? 0 : size)
CREATE(cl_program, clCreateProgramWithSource,
       (cl_context context, cl_uint n, const char **texts, const size_t *lengths, cl_int *error),
       (context, n, texts, lengths, error), 0)
CREATE(cl_event, clCreateUserEvent, (cl_context context, cl_int *error), (context, error), 0)
CREATE(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *error),
       (program, name, error), 0)

void *clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags,
                         size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event,
                         cl_int *error)
{
    REAL(clEnqueueMapBuffer);
    const cl_int refused = refuse("clEnqueueMapBuffer", true);
    if (refused == CL_SUCCESS)
        return real(queue, buffer, blocking, flags, offset, size, n, wait, event, error);
    *error = refused;
    return NULL;
}

/* Anything else that can fail. `event` is where it puts one, or NULL. */
#define RUN(name, parameters, arguments, event)                                                              \
    cl_int name parameters                                                                                   \
    {                                                                                                        \
        REAL(name);                                                                                          \
        const cl_int refused = refuse(#name, strcmp(#name, "clBuildProgram") == 0);                          \
        const cl_int result = refused != CL_SUCCESS ? refused : real arguments;                              \
        const cl_event *const created = (event);                                                             \
        count(result == CL_SUCCESS && created && *created, 0);                                               \
        return result;                                                                                       \
    }

RUN(clBuildProgram,
    (cl_program program, cl_uint n, const cl_device_id *devices, const char *options, build_notify notify,
     void *user),
    (program, n, devices, options, notify, user), NULL)
RUN(clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
    (kernel, index, size, value), NULL)
RUN(clEnqueueNDRangeKernel,
    (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset, const size_t *global,
     const size_t *local, cl_uint n, const cl_event *wait, cl_event *event),
    (queue, kernel, dimensions, offset, global, local, n, wait, event), event)
RUN(clEnqueueWriteBuffer,
    (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, const void *data,
     cl_uint n, const cl_event *wait, cl_event *event),
    (queue, buffer, blocking, offset, size, data, n, wait, event), event)
RUN(clEnqueueReadBuffer,
    (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, void *data,
     cl_uint n, const cl_event *wait, cl_event *event),
    (queue, buffer, blocking, offset, size, data, n, wait, event), event)
RUN(clEnqueueCopyBuffer,
    (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset, size_t size,
     cl_uint n, const cl_event *wait, cl_event *event),
    (queue, from, to, from_offset, to_offset, size, n, wait, event), event)
RUN(clEnqueueFillBuffer,
    (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size, size_t offset,
     size_t size, cl_uint n, const cl_event *wait, cl_event *event),
    (queue, buffer, pattern, pattern_size, offset, size, n, wait, event), event)
RUN(clEnqueueMarkerWithWaitList, (cl_command_queue queue, cl_uint n, const cl_event *wait, cl_event *event),
    (queue, n, wait, event), event)
RUN(clEnqueueBarrierWithWaitList, (cl_command_queue queue, cl_uint n, const cl_event *wait, cl_event *event),
    (queue, n, wait, event), event)
RUN(clEnqueueUnmapMemObject,
    (cl_command_queue queue, cl_mem buffer, void *mapped, cl_uint n, const cl_event *wait, cl_event *event),
    (queue, buffer, mapped, n, wait, event), event)
RUN(clFlush, (cl_command_queue queue), (queue), NULL)
RUN(clGetEventProfilingInfo,
    (cl_event event, cl_profiling_info what, size_t size, void *value, size_t *size_needed),
    (event, what, size, value, size_needed), NULL)

/* Waits wait even if they report a failure: memory in use must not go away. */
#define WAIT(name, parameters, arguments)                                                                    \
    cl_int name parameters                                                                                   \
    {                                                                                                        \
        REAL(name);                                                                                          \
        const cl_int refused = refuse(#name, false), result = real arguments;                                \
        return refused != CL_SUCCESS ? refused : result;                                                     \
    }

WAIT(clFinish, (cl_command_queue queue), (queue))
WAIT(clWaitForEvents, (cl_uint n, const cl_event *events), (n, events))

#define COUNT(type, name, objects)                                                                           \
    cl_int name(type object)                                                                                 \
    {                                                                                                        \
        REAL(name);                                                                                          \
        const cl_int result = real(object);                                                                  \
        if (result == CL_SUCCESS)                                                                            \
            count(objects, 0);                                                                               \
        return result;                                                                                       \
    }

COUNT(cl_context, clRetainContext, 1)
COUNT(cl_context, clReleaseContext, -1)
COUNT(cl_command_queue, clRetainCommandQueue, 1)
COUNT(cl_command_queue, clReleaseCommandQueue, -1)
COUNT(cl_program, clReleaseProgram, -1)
COUNT(cl_kernel, clReleaseKernel, -1)
COUNT(cl_event, clReleaseEvent, -1)

cl_int clReleaseMemObject(cl_mem object)
{
    REAL(clReleaseMemObject);
    size_t bytes = 0;
    cl_mem_flags flags = 0;
    clGetMemObjectInfo(object, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    clGetMemObjectInfo(object, CL_MEM_FLAGS, sizeof flags, &flags, NULL);
    if (flags & CL_MEM_ALLOC_HOST_PTR)
        bytes = 0;
    const cl_int result = real(object);
    if (result == CL_SUCCESS)
        count(-1, -(int64_t)bytes);
    return result;
}
