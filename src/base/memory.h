/* memory.h - host memory through the caller's allocator. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <ocelli/ocelli.h>

/* The C library's, for what has no allocator of its own. */
extern const oc_allocator memory_heap;

/* The allocator to use for `wanted` (NULL: the C library's), by value so that the caller's may go away. */
oc_allocator memory_allocator(const oc_allocator *wanted);

/* count*size zeroed bytes; NULL, with the thread's last error set, when there are none or they overflow. */
void *memory_zeroed(const oc_allocator *allocator, size_t count, size_t size);

/* Grows an array to at least `needed` elements, doubling; `*block` and `*capacity` stay valid on failure. */
oc_status memory_grow(const oc_allocator *allocator, void **block, size_t *capacity, size_t needed,
                      size_t size);

void memory_free(const oc_allocator *allocator, void *block);

#endif
