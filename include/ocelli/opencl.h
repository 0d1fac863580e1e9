/* opencl.h - bring your own OpenCL objects. The only public header with OpenCL types.
 *
 * oc_feed.buffer and oc_fetch.buffer take a cl_mem of the device's context: the values, dense and in the order of
 * the tensor's shape, are copied on the device, in the order of its queue. */
#ifndef OCELLI_OPENCL_H
#define OCELLI_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>
#include <ocelli/ocelli.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a device on the caller's context and in-order queue; Ocelli retains them until oc_device_close.
 * desc->select is ignored. An out-of-order queue is OC_E_ARGUMENT. */
OC_API oc_status oc_device_open_cl(oc_device **out, cl_context context, cl_device_id device,
                                   cl_command_queue queue, const oc_device_desc *desc);

OC_API cl_context oc_device_get_context(const oc_device *device);
OC_API cl_device_id oc_device_get_id(const oc_device *device);
OC_API cl_command_queue oc_device_get_queue(const oc_device *device);

#ifdef __cplusplus
}
#endif

#endif
