/* thread.c - the same work on several processors. */
#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 16 };

struct job {
    atomic_int next;
    int count;
    void (*work)(void *user, int index);
    void *user;
};

static void *run(void *argument)
{
    struct job *job = argument;
    for (int i; (i = atomic_fetch_add(&job->next, 1)) < job->count;)
        job->work(job->user, i);
    return NULL;
}

void thread_for(int count, void (*work)(void *user, int index), void *user)
{
    struct job job = { .count = count, .work = work, .user = user };
    const char *limit = getenv("OCELLI_THREADS");
    const long processors = limit ? strtol(limit, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t threads[MAX_THREADS];
    int started = 0;
    while (started < MAX_THREADS && started + 1 < count && started + 1 < processors &&
           pthread_create(&threads[started], NULL, run, &job) == 0)
        started++;
    run(&job); /* this thread works too, and alone if no other could be started */
    while (started > 0)
        pthread_join(threads[--started], NULL);
}
