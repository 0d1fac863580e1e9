/* residual.c - oracle of relu(conv(u, a) + conv(u, b)), u = relu(x): what a convolution's kernels do at their end. The sum
 * becomes the addend of the second convolution, and backward that of the first one's input gradient, which then ends in
 * the gradient of u. Twins: src/compile/fuse.c, tests/cases/residual.h. */
#include "support/operand.h"
#include "cases/residual.h"

extern const struct op_spec conv_spec;

enum { CONV_OPERANDS = 3 };

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    oc_conv_desc desc = c->conv;
    oc_tensor *u = oc_relu(in[0]);
    desc.name = LAYER;
    oc_tensor *a = oc_conv(u, &desc);
    desc.name = LAYER "2";
    return oc_relu(oc_add(a, oc_conv(u, &desc)));
}

static int parameters(const struct op_case *c, struct operand *parameter)
{
    const int count = conv_spec.parameters(c, parameter);
    return count + conv_spec.parameters(c, parameter + count);
}

static void rectify(const struct operand *x, struct operand *u)
{
    operand_like(u, x);
    for (int64_t i = 0; i < x->count; i++)
        operand_add(u, i, x->v[i] <= 0 ? 0 : x->v[i]);
}

/* The operands of one of the two: u and its own parameters, which are the first or second half of what follows x. */
static int select_operands(const struct op_case *c, int which, const struct operand *u,
                           const struct operand *in, struct operand selected[CONV_OPERANDS])
{
    const int count = c->conv.no_bias ? 1 : 2;
    selected[0] = *u;
    for (int i = 0; i < count; i++)
        selected[1 + i] = in[1 + which * count + i];
    return count;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    struct operand u, other, operands[CONV_OPERANDS];
    rectify(&in[0], &u);
    select_operands(c, 0, &u, in, operands);
    conv_spec.forward(c, operands, y);
    select_operands(c, 1, &u, in, operands);
    conv_spec.forward(c, operands, &other);
    for (int64_t i = 0; i < y->count; i++) {
        y->v[i] += other.v[i];
        y->s[i] += other.s[i];
        y->v[i] = y->v[i] <= 0 ? 0 : y->v[i];
    }
    y->terms += 2;
    operand_destroy(&u);
    operand_destroy(&other);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    struct operand u, dz, operands[CONV_OPERANDS], gradients[CONV_OPERANDS];
    rectify(&in[0], &u);
    operand_like(&dz, dy);
    for (int64_t i = 0; i < dy->count; i++)
        operand_add(&dz, i, y->v[i] > 0 ? dy->v[i] : 0);
    for (int which = 0; which < 2; which++) {
        select_operands(c, which, &u, in, operands);
        const int count = select_operands(c, which, &din[0], din, gradients);
        conv_spec.backward(c, operands, NULL, &dz, gradients); /* adds to the values, sets the terms */
        for (int i = 0; i < count; i++)
            din[1 + which * count + i].terms = gradients[1 + i].terms;
        din[0].terms = gradients[0].terms + 2;
    }
    for (int64_t i = 0; i < u.count; i++)
        if (in[0].v[i] <= 0)
            din[0].v[i] = din[0].s[i] = 0;
    operand_destroy(&u);
    operand_destroy(&dz);
}

const struct op_spec residual_spec = {
    .op = "residual",
    .cases = residual_cases,
    .case_count = COUNT_OF(residual_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .parameters = parameters,
    .forward = forward,
    .backward = backward,
};
