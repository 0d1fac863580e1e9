/* arena.h - memory that is given back all at once: a graph and everything in it. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/status.h"

struct arena {
    oc_allocator allocator;
    struct arena_block *last;
    size_t used; /* bytes of the last block */
};

/* Zeroed and aligned for any type; NULL, with the last error set, when there is no memory. */
void *arena_alloc(struct arena *arena, size_t bytes);
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_print(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
void arena_free(struct arena *arena);

#endif
