/* concat.c - oracle of concatenation along the channels. Twins: src/ops/concat.c, tests/cases/concat.h. */
#include "support/operand.h"
#include "cases/concat.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_concat(in, 3);
}

static int64_t pixels(const struct operand *x)
{
    return x->count / (x->shape[0] * x->shape[1]);
}

/* Where value i of a part lies in the whole. */
static void walk(const struct operand *in, const struct operand *whole, int part, int64_t i, int64_t *place)
{
    const int64_t per_sample = in[part].count / in[part].shape[0];
    int64_t first = 0;
    for (int k = 0; k < part; k++)
        first += in[k].shape[1] * pixels(&in[k]);
    *place = i / per_sample * (whole->count / whole->shape[0]) + first + i % per_sample;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    int64_t shape[OC_MAX_RANK], place;
    for (int i = 0; i < OC_MAX_RANK; i++)
        shape[i] = i < in[0].rank ? in[0].shape[i] : 0;
    shape[1] += in[1].shape[1] + in[2].shape[1];
    operand_create(y, in[0].rank, shape);
    for (int part = 0; part < 3; part++)
        for (int64_t i = 0; i < in[part].count; i++) {
            walk(in, y, part, i, &place);
            operand_add(y, place, in[part].v[i]);
        }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    int64_t place;
    for (int part = 0; part < 3; part++)
        for (int64_t i = 0; i < in[part].count; i++) {
            walk(in, dy, part, i, &place);
            operand_add(&din[part], i, dy->v[place]);
        }
}

const struct op_spec concat_spec = {
    .op = "concat",
    .cases = concat_cases,
    .case_count = COUNT_OF(concat_cases),
    .inputs = 3,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
