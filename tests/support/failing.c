/* failing.c - an allocator that runs out of memory. Kernels are compiled by several threads, hence the mutex. */
#include "support/failing.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static bool refuses(struct failing *f)
{
    f->allocations++;
    const bool refused =
        f->fail_at > 0 && (f->allocations == f->fail_at || (f->sticky && f->allocations > f->fail_at));
    f->failures += refused;
    return refused;
}

static void *resize(void *user, void *block, size_t bytes)
{
    struct failing *f = user;
    void *result = NULL;
    pthread_mutex_lock(&f->mutex);
    if (bytes == 0) {
        f->blocks -= block != NULL;
        free(block);
    } else if (!refuses(f)) {
        result = realloc(block, bytes);
        f->blocks += result && !block;
    }
    pthread_mutex_unlock(&f->mutex);
    return result;
}

void failing_begin(struct failing *f, int fail_at, bool sticky)
{
    *f = (struct failing){ .allocator = { resize, f }, .fail_at = fail_at, .sticky = sticky };
    pthread_mutex_init(&f->mutex, NULL);
}

void failing_end(struct failing *f, const char *name)
{
    cr_expect_eq(f->blocks, 0, "%s: allocation %d of %d failed%s, and %d blocks were left behind", name,
                 f->fail_at, f->allocations, f->sticky ? " and all after it" : "", f->blocks);
    pthread_mutex_destroy(&f->mutex);
}
