/* operand.h - tensors in double: made, filled from a case's shape, compared with what a device computed. */
#ifndef SUPPORT_OPERAND_H
#define SUPPORT_OPERAND_H

#include "support/case.h"

#include <math.h>

/* OpenCL C's error limits for float (full profile, without -cl-fp32-correctly-rounded-divide-sqrt) in units of
 * u = 2^-24, half an ulp: 3 ulp for exp, log and sqrt, 2.5 for division, 5 for tanh. */
enum { EXP_TERMS = 6, LOG_TERMS = 6, SQRT_TERMS = 6, DIVIDE_TERMS = 5, TANH_TERMS = 10 };

/* All zero; rank 0 is a scalar. No memory ends the program. */
void operand_create(struct operand *x, int rank, const int64_t *shape);
void operand_like(struct operand *x, const struct operand *model);
void operand_destroy(struct operand *x);

/* Adds one summand to a value and its magnitude to the value's s. */
static inline void operand_add(struct operand *x, int64_t index, double summand)
{
    x->v[index] += summand;
    x->s[index] += fabs(summand);
}

/* How many sizes a shape with trailing zeros has. */
int shape_rank(const int64_t shape[OC_MAX_RANK]);

/* Spatial positions of each channel: the product of the sizes after the second. */
int64_t pixel_count(const struct operand *x);

/* The values as a device gets them; free() them. */
float *operand_floats(const struct operand *x);
int32_t *operand_labels(const struct operand *x);

/* All NaN, to be fetched into; free() them. */
float *floats_unset(int64_t count);

/* The worst element of a comparison; ratio is |got - want| / bound, at most 1 if all is well. */
struct difference {
    int64_t index;
    double got, want, bound, ratio;
};

/* Winograd's minimal filtering errs by what its transforms add up and take away again: at most WINOGRAD_GROWTH times as
 * much as the plain sum, in the largest norm (docs/ops/conv.md). Its filters hold fractions with the denominator
 * WINOGRAD_SCALE, so with weights that are multiples of it small integers stay exact. */
enum { WINOGRAD_GROWTH = 256, WINOGRAD_SCALE = 576 };

/* How to judge a result. */
struct rule {
    bool exact;   /* each value is the float nearest to `scale` times what is wanted */
    double scale; /* 0: 1 */
    double
        growth; /* > 0: bounded norm-wise, by `growth` times the largest bound of a value. What is neither NaN nor
                      infinite may then become so because of a neighbour. */
};

/* True if every value lies within its bound. A NaN or an infinity agrees with its like only (norm-wise: with either), so
 * an element that was never written in poisoned memory differs. */
bool operand_compare(const struct operand *want, const float *got, const struct rule *rule,
                     struct difference *worst);

#endif
