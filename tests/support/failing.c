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

void failing_begin(struct failing *f)
{
    *f = (struct failing){ .allocator = { resize, f } };
    pthread_mutex_init(&f->mutex, NULL);
}

void failing_end(struct failing *f)
{
    cr_expect_eq(f->blocks, 0, "%d blocks were left behind", f->blocks);
    pthread_mutex_destroy(&f->mutex);
}

void failing_arm(struct failing *f, int fail_at, bool sticky)
{
    f->fail_at = fail_at;
    f->sticky = sticky;
    f->allocations = f->failures = 0;
}
