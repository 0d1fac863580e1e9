/* results.h - what a case computes, from a device and from the oracle, and how far apart they are. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "trial.h"

/* The result, then the gradients of the inputs and of the parameters; NULL where there is none. */
enum { RESULT_COUNT = 1 + MAX_OPERANDS };
struct results {
    double *v[RESULT_COUNT];
    int64_t count[RESULT_COUNT];
};

/* Of the first samples, by the model. Free them in any case. */
oc_status results_compute(struct results *results, struct trial *t, int batch);

/* Of all samples, in double. */
void results_expect(struct results *results, const struct trial *t);

void results_free(struct results *results);

/* The largest difference in one of them, relative to the largest value expected there. NaN if it is missing on either
 * side, infinite if there is a value that is not finite. */
double results_error(const struct results *expected, const struct results *got, int index);

#endif
