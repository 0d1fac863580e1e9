/* operand.c - tensors in double. */
#include "support/operand.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void *zeroed(int64_t count, size_t size)
{
    void *block = calloc(count > 0 ? (size_t)count : 1, size);
    if (!block) {
        perror("calloc");
        abort();
    }
    return block;
}

void operand_create(struct operand *x, int rank, const int64_t *shape)
{
    *x = (struct operand){ .rank = rank, .count = 1 };
    for (int i = 0; i < rank; i++) {
        x->shape[i] = shape[i];
        x->count *= shape[i];
    }
    x->v = zeroed(x->count, sizeof *x->v);
    x->s = zeroed(x->count, sizeof *x->s);
}

void operand_like(struct operand *x, const struct operand *model)
{
    operand_create(x, model->rank, model->shape);
}

void operand_destroy(struct operand *x)
{
    free(x->v);
    free(x->s);
    *x = (struct operand){ 0 };
}

int shape_rank(const int64_t shape[OC_MAX_RANK])
{
    int rank = 0;
    while (rank < OC_MAX_RANK && shape[rank] != 0)
        rank++;
    return rank;
}

int64_t pixel_count(const struct operand *x)
{
    int64_t count = 1;
    for (int i = 2; i < x->rank; i++)
        count *= x->shape[i];
    return count;
}

float *operand_floats(const struct operand *x)
{
    float *values = zeroed(x->count, sizeof *values);
    for (int64_t i = 0; i < x->count; i++)
        values[i] = (float)x->v[i];
    return values;
}

int32_t *operand_labels(const struct operand *x)
{
    int32_t *values = zeroed(x->count, sizeof *values);
    for (int64_t i = 0; i < x->count; i++)
        values[i] = (int32_t)x->v[i];
    return values;
}

float *floats_unset(int64_t count)
{
    float *values = zeroed(count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = NAN;
    return values;
}

/* OpenCL may flush denormal numbers to zero, hence the second summand. */
static double bound_of(const struct operand *x, int64_t i)
{
    const double error = x->terms * 0x1p-24;
    return error / (1 - error) * x->s[i] + x->terms * (double)FLT_MIN;
}

static double ratio_of(double got, double want, double bound)
{
    if (!isfinite(want) || !isfinite(got))
        return got == want || (isnan(got) && isnan(want)) ? 0 : INFINITY;
    const double error = fabs(got - want);
    if (error == 0)
        return 0;
    return bound >= 0 ? error / bound : INFINITY; /* a bound that is NaN allows nothing */
}

static double largest_bound(const struct operand *x)
{
    double largest = 0;
    for (int64_t i = 0; i < x->count; i++)
        if (isfinite(x->s[i]))
            largest = fmax(largest, bound_of(x, i));
    return largest;
}

static bool any_special(const struct operand *x)
{
    for (int64_t i = 0; i < x->count; i++)
        if (!isfinite(x->v[i]))
            return true;
    return false;
}

bool operand_compare(const struct operand *want, const float *got, const struct rule *rule,
                     struct difference *worst)
{
    const double norm = rule->growth > 0 ? rule->growth * largest_bound(want) : 0;
    const bool spreads = rule->growth > 0 && any_special(want);
    *worst = (struct difference){ .ratio = -1 };
    for (int64_t i = 0; i < want->count; i++) {
        const double scaled = (rule->scale > 0 ? rule->scale : 1) * want->v[i];
        const double wanted = rule->exact ? (double)(float)scaled : scaled;
        const double bound = rule->exact ? 0 : rule->growth > 0 ? norm : bound_of(want, i);
        const double ratio = spreads && !isfinite(got[i]) ? 0 : ratio_of((double)got[i], wanted, bound);
        if (ratio > worst->ratio)
            *worst = (struct difference){ i, (double)got[i], wanted, bound, ratio };
    }
    return worst->ratio <= 1;
}
