/* arena.c - bump allocation in blocks. */
#include "base/arena.h"
#include "base/memory.h"
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 16384, ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *previous;
    size_t bytes;
    max_align_t data[];
};

void *arena_alloc(struct arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        fail(OC_E_MEMORY, "no host memory for %zu bytes", bytes);
        return NULL;
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!arena->last || arena->last->bytes - arena->used < bytes) {
        const size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        struct arena_block *block = memory_zeroed(&arena->allocator, 1, sizeof *block + size);
        if (!block)
            return NULL;
        block->previous = arena->last;
        block->bytes = size;
        arena->last = block;
        arena->used = 0;
    }
    void *result = (char *)arena->last->data + arena->used;
    arena->used += bytes;
    return result;
}

char *arena_copy_text(struct arena *arena, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = arena_alloc(arena, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return arena_copy_text(arena, text);
}

void arena_free(struct arena *arena)
{
    while (arena->last) {
        struct arena_block *previous = arena->last->previous;
        memory_free(&arena->allocator, arena->last);
        arena->last = previous;
    }
    arena->used = 0;
}
