/* pad.c - oracle of padding: every output finds its input by walking back inside. Twins: src/ops/pad.c,
 * tests/cases/pad.h. */
#include "support/operand.h"
#include "cases/pad.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_pad(in[0], &c->pad);
}

/* Walks from a border inside; -1: there is nothing. */
static int64_t walk_inside(int64_t i, int64_t size, oc_border border)
{
    while (i < 0 || i >= size) {
        if (border == OC_BORDER_CONSTANT)
            return -1;
        if (border == OC_BORDER_REPLICATE)
            i += i < 0 ? 1 : -1;
        else
            i = i < 0 ? -i : 2 * (size - 1) - i;
    }
    return i;
}

/* The value of x that value k of y is a copy of; -1: none. */
static int64_t copied_from(const struct op_case *c, const struct operand *x, const struct operand *y,
                           int64_t k)
{
    int64_t index = 0, step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        const int64_t o = k % y->shape[d];
        const int64_t i = d < 2 ? o : walk_inside(o - c->pad.begin[d - 2], x->shape[d], c->pad.border);
        if (i < 0)
            return -1;
        index += i * step;
        step *= x->shape[d];
        k /= y->shape[d];
    }
    return index;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    int64_t shape[OC_MAX_RANK] = { in->shape[0], in->shape[1] };
    for (int d = 2; d < in->rank; d++)
        shape[d] = in->shape[d] + c->pad.begin[d - 2] + c->pad.end[d - 2];
    operand_create(y, in->rank, shape);
    for (int64_t k = 0; k < y->count; k++) {
        const int64_t i = copied_from(c, in, y, k);
        operand_add(y, k, i < 0 ? (double)c->pad.value : in->v[i]);
    }
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    din->terms = (double)pixel_count(y);
    for (int64_t k = 0; k < y->count; k++) {
        const int64_t i = copied_from(c, in, y, k);
        if (i >= 0)
            operand_add(din, i, dy->v[k]);
    }
}

const struct op_spec pad_spec = {
    .op = "pad",
    .cases = pad_cases,
    .case_count = COUNT_OF(pad_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};
