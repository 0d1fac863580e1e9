/* reshape.c - oracle of reshaping: the same values in another shape. Twins: src/ops/reshape.c, tests/cases/reshape.h. */
#include "support/operand.h"
#include "cases/reshape.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    int64_t shape[OC_MAX_RANK], x[OC_MAX_RANK];
    oc_tensor_shape(in[0], x);
    shape[0] = x[0]; /* the batch may not be the case's */
    for (int d = 1; d < OC_MAX_RANK; d++)
        shape[d] = c->reshape[d];
    return oc_reshape(in[0], shape);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const int rank = shape_rank(c->reshape);
    int64_t shape[OC_MAX_RANK], rest = in->count;
    for (int d = 0; d < rank; d++)
        rest /= c->reshape[d] < 0 ? 1 : c->reshape[d];
    for (int d = 0; d < rank; d++)
        shape[d] = c->reshape[d] < 0 ? rest : c->reshape[d];
    operand_create(y, rank, shape);
    for (int64_t i = 0; i < y->count; i++)
        operand_add(y, i, in->v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)in, (void)y;
    for (int64_t i = 0; i < dy->count; i++)
        operand_add(din, i, dy->v[i]);
}

const struct op_spec reshape_spec = {
    .op = "reshape",
    .cases = reshape_cases,
    .case_count = COUNT_OF(reshape_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
