/* mean_squared_error.c - oracle of the mean of (y - target)^2. Twins: src/ops/loss.c, tests/cases/mean_squared_error.h.
 *
 * A summand is rounded in the difference (which counts twice in the square), in the square, in the sum and in the
 * division by their number. */
#include "support/operand.h"
#include "cases/mean_squared_error.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_mean_squared_error(in[0], in[1]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    (void)c;
    operand_create(y, 0, NULL);
    y->terms = (double)in->count + 2 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double difference = in[0].v[i] - in[1].v[i];
        operand_add(y, 0, difference * difference / (double)in->count);
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    (void)c, (void)y;
    din[0].terms = din[1].terms = 2 + DIVIDE_TERMS;
    for (int64_t i = 0; i < in->count; i++) {
        const double g = 2 * (in[0].v[i] - in[1].v[i]) / (double)in->count * dy->v[0];
        operand_add(&din[0], i, g);
        operand_add(&din[1], i, -g);
    }
}

const struct op_spec mean_squared_error_spec = {
    .op = "mean_squared_error",
    .cases = mean_squared_error_cases,
    .case_count = COUNT_OF(mean_squared_error_cases),
    .inputs = 2,
    .build = build,
    .forward = forward,
    .backward = backward,
};
