/* binary_cross_entropy.c - oracle of the mean binary cross-entropy of logits with targets.
 * Twins: src/ops/loss.c, tests/cases/binary_cross_entropy.h.
 *
 * A summand is (1 - t)*x + log(1 + exp(-x)). */
#include "support/operand.h"
#include "cases/binary_cross_entropy.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_binary_cross_entropy(in[0], in[1]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_create(y, 0, NULL);
    y->terms = (double)in->count + EXP_TERMS + LOG_TERMS + 4 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double x = in[0].v[i], softplus = fmax(-x, 0) + log1p(exp(-fabs(x)));
        operand_add(y, 0, (1 - in[1].v[i]) * x / (double)in->count);
        operand_add(y, 0, softplus / (double)in->count);
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din[0].terms = EXP_TERMS + 4 + 2 * DIVIDE_TERMS;
    din[1].terms = 2 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double scale = dy->v[0] / (double)in->count;
        operand_add(&din[0], i, scale / (1 + exp(-in[0].v[i])));
        operand_add(&din[0], i, -scale * in[1].v[i]);
        operand_add(&din[1], i, -scale * in[0].v[i]);
    }
}

const struct op_spec binary_cross_entropy_spec = {
    .op = "binary_cross_entropy",
    .cases = binary_cross_entropy_cases,
    .case_count = COUNT_OF(binary_cross_entropy_cases),
    .inputs = 2,
    .build = build,
    .forward = forward,
    .backward = backward,
};
