/* program.c - kernel sources to programs, with a cache per device. */
#include "device/program.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "device/cl.h"
#include "device/source.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SOURCE_BYTES = 1 << 20, LOG_BYTES = 2000 };

/* The text of a kernel file. `owned` must be freed with memory_heap. */
struct source {
    const char *text;
    size_t length;
    unsigned char *owned;
};

static oc_status load_source(const oc_device *device, const char *file, struct source *source)
{
    if (device && device->kernel_dir) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", device->kernel_dir, file);
        TRY(file_read(path, MAX_SOURCE_BYTES, &source->owned, &source->length));
        source->text = (const char *)source->owned;
        return OC_OK;
    }
    for (const struct kernel_source *k = kernel_sources; k->name; k++)
        if (strcmp(k->name, file) == 0) {
            *source = (struct source){ .text = k->text, .length = strlen(k->text) };
            return OC_OK;
        }
    return fail(OC_E_NOT_FOUND, "there is no kernel file \"%s\"", file);
}

static void hash_text(uint64_t *hash, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        *hash = (*hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001B3); /* FNV-1a */
}

static bool hash_file(const oc_device *device, const char *file, uint64_t *hash)
{
    const struct kernel_source *k = kernel_sources;
    struct source source = { 0 };
    while (k->name && strcmp(k->name, file) != 0)
        k++;
    if (!k->name || load_source(device, file, &source) != OC_OK)
        return false;
    hash_text(hash, source.text, source.length);
    memory_free(&memory_heap, source.owned);
    return true;
}

bool program_hash(const oc_device *device, const char *files, uint64_t *hash)
{
    char file[128];
    *hash = UINT64_C(0xCBF29CE484222325);
    bool good = hash_file(device, "common.cl", hash) && hash_file(device, "random.cl", hash);
    while (good && *files) {
        const size_t length = strcspn(files, ",");
        snprintf(file, sizeof file, "%.*s", (int)(length < sizeof file ? length : 0), files);
        good = hash_file(device, file, hash);
        files += length + (files[length] == ',');
    }
    return good;
}

/* Of a long log: from the first error on, which some compilers put before hundreds of warnings, or the end. */
static const char *telling_part(const char *log)
{
    const size_t length = strlen(log);
    const char *error = strstr(log, "error:");
    if (length <= LOG_BYTES)
        return length > 0 ? log : "no build log";
    return error && error < log + length - LOG_BYTES ? error : log + length - LOG_BYTES;
}

static oc_status report_build(const oc_device *device, cl_program handle, cl_int error, const char *file,
                              const char *options)
{
    size_t bytes = 0;
    clGetProgramBuildInfo(handle, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    char *log = memory_zeroed(&device->allocator, bytes + 1, 1);
    if (log)
        clGetProgramBuildInfo(handle, device->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    const oc_status status =
        fail(error == CL_OUT_OF_HOST_MEMORY ? OC_E_MEMORY : OC_E_BUILD,
             "device \"%s\" could not compile %s with%s (OpenCL error %d): %.*s", device->info.name, file,
             options, error, LOG_BYTES, telling_part(log ? log : ""));
    memory_free(&device->allocator, log);
    return status;
}

static oc_status compile(const oc_device *device, const char *file, const char *options, cl_program *out)
{
    enum { FILES = 3 };
    const char *const files[FILES] = { "common.cl", "random.cl", file }, *texts[FILES];
    struct source sources[FILES] = { { 0 } };
    size_t lengths[FILES];
    char all_options[1024];
    cl_int error = CL_SUCCESS;
    cl_program handle = NULL;
    oc_status status = OC_OK;
    for (int i = 0; status == OC_OK && i < FILES; i++) {
        status = load_source(device, files[i], &sources[i]);
        texts[i] = sources[i].text;
        lengths[i] = sources[i].length;
    }
    if (status == OC_OK) {
        handle = clCreateProgramWithSource(device->context, FILES, texts, lengths, &error);
        if (!handle)
            status = device_fail(error, "clCreateProgramWithSource");
    }
    if (status == OC_OK) {
        /* -w: nobody reads warnings, but clang in PoCL counts them on stderr. */
        snprintf(all_options, sizeof all_options, "-cl-std=CL1.2 -w%s", options);
        error = clBuildProgram(handle, 1, &device->id, all_options, NULL, NULL);
        if (error != CL_SUCCESS)
            status = report_build(device, handle, error, file, options);
    }
    if (status != OC_OK && handle) {
        clReleaseProgram(handle);
        handle = NULL;
    }
    for (int i = 0; i < FILES; i++)
        memory_free(&memory_heap, sources[i].owned);
    *out = handle;
    return status;
}

static struct program *find_program(oc_device *device, const char *file, const char *options)
{
    pthread_mutex_lock(&device->mutex);
    struct program *program = device->programs;
    while (program && (strcmp(program->file, file) != 0 || strcmp(program->options, options) != 0))
        program = program->next;
    pthread_mutex_unlock(&device->mutex);
    return program;
}

static void free_program(const oc_allocator *allocator, struct program *program)
{
    if (program->handle)
        clReleaseProgram(program->handle);
    memory_free(allocator, program);
}

/* Builds one program and adds it to the cache. If another thread was faster, its program is the one. */
static oc_status build(oc_device *device, struct program_request *request)
{
    const size_t file_bytes = strlen(request->file) + 1, option_bytes = strlen(request->options) + 1;
    struct program *program =
        memory_zeroed(&device->allocator, 1, sizeof *program + file_bytes + option_bytes);
    if (!program)
        return OC_E_MEMORY;
    program->file = memcpy(program + 1, request->file, file_bytes);
    program->options = memcpy(program->file + file_bytes, request->options, option_bytes);
    const oc_status status = compile(device, request->file, request->options, &program->handle);
    if (status != OC_OK) {
        free_program(&device->allocator, program);
        return status;
    }
    struct program *earlier = find_program(device, request->file, request->options);
    if (earlier) {
        free_program(&device->allocator, program);
        request->program = earlier;
        return OC_OK;
    }
    pthread_mutex_lock(&device->mutex);
    program->next = device->programs;
    device->programs = program;
    pthread_mutex_unlock(&device->mutex);
    request->program = program;
    return OC_OK;
}

/* The building threads' shared state. The first failure is kept, since each thread has a last error of its own. */
struct building {
    oc_device *device;
    struct program_request *requests;
    int count, done;
    oc_progress_fn progress;
    void *user;
    pthread_mutex_t mutex;
    oc_status status;
    char message[4096];
};

static void build_one(void *user, int index)
{
    struct building *building = user;
    struct program_request *request = &building->requests[index];
    pthread_mutex_lock(&building->mutex);
    const bool stopped = building->status != OC_OK;
    pthread_mutex_unlock(&building->mutex);
    if (stopped)
        return;
    request->program = find_program(building->device, request->file, request->options);
    oc_status status = request->program ? OC_OK : build(building->device, request);

    pthread_mutex_lock(&building->mutex);
    building->done++;
    if (status == OC_OK && building->status == OC_OK && building->progress &&
        !building->progress(building->user, "compiling kernels", building->done, building->count))
        status = fail(OC_E_INTERRUPTED, "stopped while kernels were compiled");
    if (status != OC_OK && building->status == OC_OK) {
        building->status = status;
        snprintf(building->message, sizeof building->message, "%s", oc_last_error());
    }
    pthread_mutex_unlock(&building->mutex);
}

oc_status program_build_all(oc_device *device, struct program_request *requests, int count,
                            oc_progress_fn progress, void *user)
{
    struct building building = {
        .device = device, .requests = requests, .count = count, .progress = progress, .user = user
    };
    pthread_mutex_init(&building.mutex, NULL);
    thread_for(count, build_one, &building);
    pthread_mutex_destroy(&building.mutex);
    return building.status == OC_OK ? OC_OK : fail_again(building.status, building.message);
}

void program_free_all(oc_device *device)
{
    while (device->programs) {
        struct program *next = device->programs->next;
        free_program(&device->allocator, device->programs);
        device->programs = next;
    }
}
