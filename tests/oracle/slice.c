/* slice.c - oracle of a range of channels. Twins: src/ops/concat.c, tests/cases/slice.h. */
#include "support/operand.h"
#include "cases/slice.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_slice(in[0], c->slice.first, c->slice.count);
}

/* Where value i of the slice lies in x. */
static int64_t place(const struct op_case *c, const struct operand *x, int64_t i)
{
    const int64_t pixels = x->count / (x->shape[0] * x->shape[1]), per_sample = c->slice.count * pixels;
    return (i / per_sample * x->shape[1] + c->slice.first) * pixels + i % per_sample;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    int64_t shape[OC_MAX_RANK];
    for (int i = 0; i < OC_MAX_RANK; i++)
        shape[i] = i < in->rank ? in->shape[i] : 0;
    shape[1] = c->slice.count;
    operand_create(y, in->rank, shape);
    for (int64_t i = 0; i < y->count; i++)
        operand_add(y, i, in->v[place(c, in, i)]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)y;
    for (int64_t i = 0; i < dy->count; i++)
        operand_add(din, place(c, in, i), dy->v[i]);
}

const struct op_spec slice_spec = {
    .op = "slice",
    .cases = slice_cases,
    .case_count = COUNT_OF(slice_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
