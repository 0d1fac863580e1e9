/* thread.h - the same work on several processors: compiling kernels, drawing parameters. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/* Calls work(user, i) for i in 0..count-1 on up to as many threads as there are processors, or as the environment
 * variable OCELLI_THREADS says; returns when all are done. The calls must not depend on each other. */
void thread_for(int count, void (*work)(void *user, int index), void *user);

#endif
