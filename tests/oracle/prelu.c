/* prelu.c - oracle of x or, below 0, a learned slope times x. Twins: src/ops/prelu.c, tests/cases/prelu.h. */
#include "support/operand.h"
#include "cases/prelu.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_prelu_desc desc = c->prelu;
    desc.name = LAYER;
    return oc_prelu(in[0], &desc);
}

static int parameters(const struct op_case *c, struct operand *parameter)
{
    operand_create(&parameter[0], 1, &(int64_t){ c->prelu.shared ? 1 : c->shape[0][1] });
    return 1;
}

/* The slope of value i. */
static int64_t slope_of(const struct operand *in, int64_t i)
{
    return in[1].count == 1 ? 0 : i / pixel_count(&in[0]) % in[0].shape[1];
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_like(y, &in[0]);
    y->terms = 1;
    for (int64_t i = 0; i < y->count; i++)
        operand_add(y, i, in[0].v[i] > 0 ? in[0].v[i] : in[1].v[slope_of(in, i)] * in[0].v[i]);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din[0].terms = 1;
    din[1].terms = 1 + (double)(in[0].count / in[1].count);
    for (int64_t i = 0; i < dy->count; i++) {
        const int64_t k = slope_of(in, i);
        operand_add(&din[0], i, in[0].v[i] > 0 ? dy->v[i] : in[1].v[k] * dy->v[i]);
        operand_add(&din[1], k, in[0].v[i] > 0 ? 0 : in[0].v[i] * dy->v[i]);
    }
}

const struct op_spec prelu_spec = {
    .op = "prelu",
    .cases = prelu_cases,
    .case_count = COUNT_OF(prelu_cases),
    .inputs = 1,
    .exact = true,
    .parameters = parameters,
    .build = build,
    .forward = forward,
    .backward = backward,
};
