/* maxout.c - oracle of the largest of adjacent channels. Twins: src/ops/maxout.c, tests/cases/maxout.h. */
#include "support/operand.h"
#include "cases/maxout.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_maxout(in[0], c->pieces);
}

/* The value of x that element i of y is: the first NaN, else the first of the largest. */
static int64_t winner(const struct op_case *c, const struct operand *x, int64_t i)
{
    const int64_t step = pixel_count(x), first = i / step * c->pieces * step + i % step;
    int64_t best = first;
    for (int64_t k = first; k < first + c->pieces * step; k += step)
        if (isnan(x->v[k]))
            return k;
        else if (x->v[k] > x->v[best])
            best = k;
    return best;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    int64_t shape[OC_MAX_RANK];
    for (int d = 0; d < in->rank; d++)
        shape[d] = d == 1 ? in->shape[1] / c->pieces : in->shape[d];
    operand_create(y, in->rank, shape);
    for (int64_t i = 0; i < y->count; i++)
        operand_add(y, i, in->v[winner(c, in, i)]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)y;
    for (int64_t i = 0; i < dy->count; i++)
        operand_add(din, winner(c, in, i), dy->v[i]);
}

const struct op_spec maxout_spec = {
    .op = "maxout",
    .cases = maxout_cases,
    .case_count = COUNT_OF(maxout_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
