/* failing.h - an allocator that counts its blocks and runs out of memory when it is told to. */
#ifndef SUPPORT_FAILING_H
#define SUPPORT_FAILING_H

#include <ocelli/ocelli.h>

#include <pthread.h>

struct failing {
    oc_allocator allocator; /* to be handed over */
    pthread_mutex_t mutex;
    int fail_at; /* the allocation that fails, counted from 1; 0: none does */
    bool sticky; /* and all after it */
    int allocations, failures;
    int blocks; /* not given back yet */
};

void failing_begin(struct failing *failing);
void failing_end(struct failing *failing); /* fails the test if a block was not given back */

/* Counts anew from here on. */
void failing_arm(struct failing *failing, int fail_at, bool sticky);

#endif
