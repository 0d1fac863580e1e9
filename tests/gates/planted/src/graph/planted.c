/* planted.c - what the gates must find; never compiled. */
#include "device/device.h"
#include <CL/cl.h>

oc_status planted(void)
{
    /* TODO */
    clFinish(NULL);
    return OC_E_DEVICE;
}
