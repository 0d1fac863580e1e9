/* test_arena.c - memory: through the caller's allocator, growing, and in arenas. */
#include "base/arena.h"
#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* An allocator that counts its live blocks and fails when `left` is used up. */
struct budget {
    int live, left;
};

static void *budget_resize(void *user, void *block, size_t bytes)
{
    struct budget *budget = user;
    if (bytes == 0) {
        budget->live -= block != NULL;
        free(block);
        return NULL;
    }
    if (budget->left-- <= 0)
        return NULL;
    budget->live += block == NULL;
    return realloc(block, bytes);
}

Test(arena, blocks_are_zeroed_aligned_and_apart)
{
    enum { BLOCKS = 3000 };
    struct budget budget = { .left = 1 << 20 };
    struct arena arena = { .allocator = { budget_resize, &budget } };
    unsigned char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        const size_t bytes = i % 1000 == 999 ? 100000 : i % 97;
        blocks[i] = arena_alloc(&arena, bytes);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < bytes; j++)
            cr_assert_eq(blocks[i][j], 0);
        memset(blocks[i], (int)(i % 255 + 1), bytes);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % 97 > 0 || i % 1000 == 999)
            cr_assert_eq(blocks[i][0], i % 255 + 1, "block %zu was written by another", i);
    arena_free(&arena);
    cr_assert_eq(budget.live, 0);
}

Test(arena, texts_are_copied)
{
    struct arena arena = { .allocator = memory_heap };
    char text[] = "abc";
    const char *copy = arena_copy_text(&arena, text), *printed = arena_print(&arena, "%s%d", "layer", 7);
    text[0] = 'x';
    cr_assert_str_eq(copy, "abc");
    cr_assert_str_eq(printed, "layer7");
    arena_free(&arena);
}

Test(arena, failure_is_reported_and_leaks_nothing)
{
    for (int left = 0; left < 4; left++) {
        struct budget budget = { .left = left };
        struct arena arena = { .allocator = { budget_resize, &budget } };
        int count = 0;
        while (arena_alloc(&arena, 20000))
            count++;
        cr_assert_eq(count, left);
        cr_assert(strstr(oc_last_error(), "no host memory"));
        cr_assert_null(arena_alloc(&arena, SIZE_MAX));
        arena_free(&arena);
        cr_assert_eq(budget.live, 0);
    }
}

Test(arena, arrays_grow_and_survive_failure)
{
    struct budget budget = { .left = 3 };
    const oc_allocator allocator = { budget_resize, &budget };
    void *block = NULL;
    size_t capacity = 0, reached = 0;
    while (memory_grow(&allocator, &block, &capacity, reached + 1, sizeof(int)) == OC_OK) {
        ((int *)block)[reached] = (int)reached;
        reached++;
    }
    cr_assert(reached >= 8 && reached == capacity, "%zu of %zu", reached, capacity);
    for (size_t i = 0; i < reached; i++)
        cr_assert_eq(((int *)block)[i], (int)i);
    memory_free(&allocator, block);
    cr_assert_eq(budget.live, 0);
}

Test(arena, sizes_that_overflow_are_refused)
{
    void *block = NULL;
    size_t capacity = 0;
    cr_assert_null(memory_zeroed(&memory_heap, SIZE_MAX / 2, 4));
    cr_assert(strstr(oc_last_error(), "no host memory"));
    cr_assert_eq(memory_grow(&memory_heap, &block, &capacity, SIZE_MAX / 2, 4), OC_E_MEMORY);
    cr_assert_eq(memory_grow(&memory_heap, &block, &capacity, SIZE_MAX, 1), OC_E_MEMORY);
    cr_assert(!block && capacity == 0);
    void *empty = memory_zeroed(&memory_heap, 0, 16);
    cr_assert_not_null(empty);
    memory_free(&memory_heap, empty);
    memory_free(&memory_heap, NULL);
}
