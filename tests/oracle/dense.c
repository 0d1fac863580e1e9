/* dense.c - oracle of the fully connected layer. Twins: src/ops/conv.c, tests/cases/dense.h. */
#include "support/operand.h"
#include "cases/dense.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_dense_desc desc = c->dense;
    desc.name = LAYER;
    return oc_dense(in[0], &desc);
}

static int parameters(const struct op_case *c, struct operand *parameter)
{
    const int64_t shape[] = { c->dense.units, c->shape[0][1] };
    operand_create(&parameter[0], 2, shape);
    if (c->dense.no_bias)
        return 1;
    operand_create(&parameter[1], 1, shape);
    return 2;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    const struct operand *x = &in[0], *w = &in[1];
    const int64_t channels = x->shape[1], units = w->shape[0];
    operand_create(y, 2, (int64_t[]){ x->shape[0], units });
    y->terms = (double)(channels + 1);
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t k = 0; k < units; k++) {
            if (!c->dense.no_bias)
                operand_add(y, n * units + k, in[2].v[k]);
            for (int64_t j = 0; j < channels; j++)
                operand_add(y, n * units + k, x->v[n * channels + j] * w->v[k * channels + j]);
        }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    const struct operand *x = &in[0], *w = &in[1];
    const int64_t channels = x->shape[1], units = w->shape[0];
    (void)y;
    din[0].terms = (double)units;
    din[1].terms = (double)x->shape[0];
    din[2].terms = (double)x->shape[0];
    for (int64_t n = 0; n < x->shape[0]; n++)
        for (int64_t k = 0; k < units; k++) {
            const double g = dy->v[n * units + k];
            for (int64_t j = 0; j < channels; j++) {
                operand_add(&din[0], n * channels + j, g * w->v[k * channels + j]);
                operand_add(&din[1], k * channels + j, g * x->v[n * channels + j]);
            }
            if (!c->dense.no_bias)
                operand_add(&din[2], k, g);
        }
}

const struct op_spec dense_spec = {
    .op = "dense",
    .cases = dense_cases,
    .case_count = COUNT_OF(dense_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .parameters = parameters,
    .forward = forward,
    .backward = backward,
};
