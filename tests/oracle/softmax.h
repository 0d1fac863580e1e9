/* softmax.h - softmax of one pixel and its error, for the oracles of softmax and of its cross-entropy. */
#ifndef ORACLE_SOFTMAX_H
#define ORACLE_SOFTMAX_H

#include "support/operand.h"

/* One pixel of x: channels values, `step` apart. */
struct softmax {
    const double *x;
    int64_t channels, step;
    double max, sum; /* of x; of exp(x - max) */
};

struct softmax softmax_at(const struct operand *x, int64_t sample, int64_t pixel);

static inline double softmax_value(const struct softmax *at, int64_t channel)
{
    return exp(at->x[channel * at->step] - at->max) / at->sum;
}

/* Error terms of every value: the rounding of x - max becomes a relative error of |x - max| in exp, and all that
 * is wrong with a numerator is wrong with the sum too. */
double softmax_terms(const struct operand *x);

#endif
