/* find.c - which OpenCL devices there are, what they are good for, and which one a user means. */
#include "device/cl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_PLATFORMS = 16,
    MAX_DEVICES = 64,
    SUB_GROUP_SIZES = 0x4108 /* CL_DEVICE_SUB_GROUP_SIZES_INTEL, which not all headers know */
};

static void device_text(cl_device_id id, cl_device_info what, char *text, size_t capacity)
{
    char long_text[1024] = "";
    clGetDeviceInfo(id, what, sizeof long_text - 1, long_text, NULL);
    const char *start = long_text;
    while (isspace((unsigned char)*start))
        start++;
    snprintf(text, capacity, "%s", start);
}

static int64_t device_number(cl_device_id id, cl_device_info what, size_t bytes)
{
    cl_ulong number = 0; /* little-endian, so that a shorter value lands in its low bytes */
    clGetDeviceInfo(id, what, bytes, &number, NULL);
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

static bool device_flag(cl_device_id id, cl_device_info what)
{
    cl_bool flag = CL_FALSE;
    clGetDeviceInfo(id, what, sizeof flag, &flag, NULL);
    return flag == CL_TRUE;
}

/* Sizes that are powers of two are added up. */
static int sub_group_sizes(cl_device_id id)
{
    size_t sizes[16] = { 0 };
    unsigned sum = 0;
    if (clGetDeviceInfo(id, SUB_GROUP_SIZES, sizeof sizes, sizes, NULL) == CL_SUCCESS)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            if (sizes[i] <= 1024 && (sizes[i] & (sizes[i] - 1)) == 0)
                sum |= (unsigned)sizes[i];
    return (int)sum;
}

void find_describe(cl_device_id id, oc_device_info *info)
{
    char extensions[8192] = "";
    cl_platform_id platform = NULL;
    *info = (oc_device_info){ .usable = true };
    device_text(id, CL_DEVICE_NAME, info->name, sizeof info->name);
    device_text(id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    device_text(id, CL_DEVICE_VERSION, info->version, sizeof info->version);
    device_text(id, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
    clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform - 1, info->platform, NULL);

    const cl_device_type type = (cl_device_type)device_number(id, CL_DEVICE_TYPE, sizeof(cl_device_type));
    /* The simulator Oclgrind says it is both; it checks the kernels for CPUs as well as the plain ones. */
    info->type = type & CL_DEVICE_TYPE_CPU   ? OC_DEVICE_CPU
                 : type & CL_DEVICE_TYPE_GPU ? OC_DEVICE_GPU
                                             : OC_DEVICE_OTHER;
    info->compute_units = (int)device_number(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(cl_uint));
    info->clock_mhz = (int)device_number(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof(cl_uint));
    info->vector_width = (int)device_number(id, CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT, sizeof(cl_uint));
    info->max_work_group = device_number(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
    info->memory = device_number(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong));
    info->max_allocation = device_number(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong));
    info->local_memory = device_number(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong));
    info->global_cache = device_number(id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof(cl_ulong));
    info->fp64 = strstr(extensions, "cl_khr_fp64") != NULL;
    info->fp16 = strstr(extensions, "cl_khr_fp16") != NULL;
    info->sub_groups = strstr(extensions, "_subgroups") != NULL;
    if (strstr(extensions, "cl_intel_subgroups") && strstr(extensions, "cl_intel_required_subgroup_size"))
        info->sub_group_sizes = sub_group_sizes(id);

    int major = 0, minor = 0;
    const char *reason = NULL;
    if (sscanf(info->version, "OpenCL %d.%d", &major, &minor) != 2 || major * 10 + minor < 12)
        reason = "older than OpenCL 1.2";
    else if (!device_flag(id, CL_DEVICE_AVAILABLE))
        reason = "the driver says that it is not available";
    else if (!device_flag(id, CL_DEVICE_COMPILER_AVAILABLE))
        reason = "the driver has no compiler";
    else if (!device_flag(id, CL_DEVICE_ENDIAN_LITTLE))
        reason = "big-endian";
    if (reason) {
        info->usable = false;
        snprintf(info->reason, sizeof info->reason, "%s", reason);
    }
}

bool find_unified_memory(cl_device_id id)
{
    const int64_t type = device_number(id, CL_DEVICE_TYPE, sizeof(cl_device_type));
    return type & CL_DEVICE_TYPE_CPU || device_flag(id, CL_DEVICE_HOST_UNIFIED_MEMORY);
}

oc_status find_devices(struct found_device *list, int capacity, int *count)
{
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint platform_count = 0;
    *count = 0;
    const cl_int error = clGetPlatformIDs(MAX_PLATFORMS, platforms, &platform_count);
    if (error != CL_SUCCESS || platform_count == 0)
        return fail(OC_E_DEVICE,
                    "no OpenCL platform is installed: install your GPU vendor's OpenCL driver, or PoCL "
                    "for the CPU (on Debian: pocl-opencl-icd)");
    for (cl_uint p = 0; p < platform_count && p < MAX_PLATFORMS; p++) {
        cl_device_id ids[MAX_DEVICES];
        cl_uint id_count = 0;
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &id_count) != CL_SUCCESS)
            continue; /* a platform without devices is no error */
        for (cl_uint d = 0; d < id_count && d < MAX_DEVICES; d++, ++*count) {
            if (*count >= capacity)
                continue;
            list[*count] = (struct found_device){ .platform = platforms[p], .id = ids[d] };
            find_describe(ids[d], &list[*count].info);
        }
    }
    return OC_OK;
}

oc_status oc_device_list(oc_device_info *list, int capacity, int *count)
{
    struct found_device found[MAX_DEVICES];
    TRY(find_devices(found, MAX_DEVICES, count));
    for (int i = 0; i < *count && i < capacity && i < MAX_DEVICES; i++)
        list[i] = found[i].info;
    return OC_OK;
}

static bool contains(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, length) == 0)
            return true;
    return false;
}

/* A guess at speed that orders devices of one kind: lanes times clock. GPUs go before CPUs. */
static double speed(const oc_device_info *info)
{
    const double lanes = info->type == OC_DEVICE_GPU ? 64.0 : (double)info->vector_width;
    return (info->type == OC_DEVICE_GPU ? 1e9 : 1.0) * info->compute_units * lanes * (info->clock_mhz + 1);
}

static bool matches(const oc_device_info *info, int index, const char *wanted)
{
    char *end;
    const long number = strtol(wanted, &end, 10);
    if (end != wanted && *end == '\0')
        return number == index;
    if (strcasecmp(wanted, "cpu") == 0)
        return info->type == OC_DEVICE_CPU;
    if (strcasecmp(wanted, "gpu") == 0)
        return info->type == OC_DEVICE_GPU;
    return contains(info->name, wanted) || contains(info->platform, wanted) || contains(info->vendor, wanted);
}

oc_status find_select(const char *wanted, struct found_device *found)
{
    struct found_device list[MAX_DEVICES];
    int count, best = -1, refused = -1;
    TRY(find_devices(list, MAX_DEVICES, &count));
    if (count == 0)
        return fail(OC_E_DEVICE,
                    "an OpenCL platform is installed but has no device: check the driver, or install "
                    "PoCL for the CPU (on Debian: pocl-opencl-icd)");
    for (int i = 0; i < count && i < MAX_DEVICES; i++) {
        if (wanted && !matches(&list[i].info, i, wanted))
            continue;
        if (!list[i].info.usable)
            refused = i;
        else if (best < 0 || speed(&list[i].info) > speed(&list[best].info))
            best = i;
    }
    if (best < 0 && refused >= 0)
        return fail(OC_E_DEVICE, "device \"%s\" cannot be used: %s", list[refused].info.name,
                    list[refused].info.reason);
    if (best < 0)
        return fail(OC_E_DEVICE,
                    "no device matches \"%s\": give an index below %d, \"cpu\", \"gpu\" or part of a name",
                    wanted, count);
    *found = list[best];
    return OC_OK;
}
