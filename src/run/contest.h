/* contest.h - the candidates of one problem against each other: contest.c. */
#ifndef RUN_CONTEST_H
#define RUN_CONTEST_H

#include "run/model.h"

/* What all contests of a call of oc_tune share. */
struct tuner {
    oc_device *device;
    const oc_allocator *allocator;
    const oc_tune_desc *desc;
    struct store *store;
    int64_t batch;
    int done, total; /* problems */
};

/* A problem that plans of the model have, and a node in a draft that has it. */
struct problem {
    char text[PROBLEM_BYTES];
    struct plan *draft;
    const struct node *node;
    int count;
    bool known; /* the store has a record of it */
};

/* Measures candidates until the time is over, at least the heuristic's choice, notes the best in the store and reports it. What
 * does not run is a warning; OC_E_INTERRUPTED if the caller wants to stop. */
oc_status contest_hold(const struct tuner *tuner, const struct problem *problem, double seconds);

#endif
