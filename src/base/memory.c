/* memory.c - host memory through the caller's allocator. */
#include "base/memory.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>

static void *c_library_resize(void *user, void *block, size_t bytes)
{
    (void)user;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, bytes);
}

const oc_allocator memory_heap = { .resize = c_library_resize };

oc_allocator memory_allocator(const oc_allocator *wanted)
{
    return wanted && wanted->resize ? *wanted : memory_heap;
}

void *memory_zeroed(const oc_allocator *allocator, size_t count, size_t size)
{
    void *block = NULL;
    if (count <= SIZE_MAX / size)
        block = allocator->resize(allocator->user, NULL, count > 0 ? count * size : size);
    if (!block) {
        fail(OC_E_MEMORY, "no host memory for %zu elements of %zu bytes", count, size);
        return NULL;
    }
    return memset(block, 0, count * size);
}

oc_status memory_grow(const oc_allocator *allocator, void **block, size_t *capacity, size_t needed,
                      size_t size)
{
    if (needed <= *capacity)
        return OC_OK;
    size_t wanted = *capacity ? *capacity : 8;
    while (wanted < needed && wanted <= SIZE_MAX / 2)
        wanted *= 2;
    void *grown = NULL;
    if (wanted >= needed && wanted <= SIZE_MAX / size)
        grown = allocator->resize(allocator->user, *block, wanted * size);
    if (!grown)
        return fail(OC_E_MEMORY, "no host memory for %zu elements of %zu bytes", needed, size);
    *block = grown;
    *capacity = wanted;
    return OC_OK;
}

void memory_free(const oc_allocator *allocator, void *block)
{
    if (block)
        allocator->resize(allocator->user, block, 0);
}
