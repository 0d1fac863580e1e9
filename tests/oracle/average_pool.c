/* average_pool.c - oracle of average pooling. Twins: src/ops/pool.c, tests/cases/average_pool.h.
 *
 * As in PyTorch the divisor counts the padding (unless exclude_padding), but never what a window of
 * OC_ROUND_CEIL covers beyond it. */
#include "oracle/walk.h"
#include "cases/average_pool.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_average_pool(in[0], &c->pool);
}

static oc_tensor *build_global(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_global_average_pool(in[0]);
}

static double divisor(const struct walk *window, const oc_pool_desc *desc, int64_t o)
{
    int64_t count = 0;
    for (int64_t r = 0; r < window->elements; r++) {
        const int64_t i = walk_pixel(window, o, r);
        count += i >= 0 || (i == IN_PADDING && !desc->exclude_padding);
    }
    return (double)count;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    struct walk window;
    walk_pool(&window, &c->pool, in);
    walk_pool_output(&window, &c->pool, in, y);
    y->terms = (double)(window.elements + DIVIDE_TERMS);
    for (int64_t p = 0; p < in->shape[0] * in->shape[1]; p++)
        for (int64_t o = 0; o < window.out_count; o++) {
            const double count = divisor(&window, &c->pool, o);
            for (int64_t r = 0; r < window.elements; r++) {
                const int64_t i = walk_pixel(&window, o, r);
                if (i >= 0)
                    operand_add(y, p * window.out_count + o, in->v[p * window.in_count + i] / count);
            }
        }
    walk_free(&window);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    struct walk window;
    (void)y;
    walk_pool(&window, &c->pool, in);
    din->terms = (double)(window.elements + DIVIDE_TERMS);
    for (int64_t p = 0; p < in->shape[0] * in->shape[1]; p++)
        for (int64_t o = 0; o < window.out_count; o++) {
            const double count = divisor(&window, &c->pool, o);
            for (int64_t r = 0; r < window.elements; r++) {
                const int64_t i = walk_pixel(&window, o, r);
                if (i >= 0)
                    operand_add(din, p * window.in_count + i, dy->v[p * window.out_count + o] / count);
            }
        }
    walk_free(&window);
}

const struct op_spec average_pool_spec = {
    .op = "average_pool",
    .cases = average_pool_cases,
    .case_count = COUNT_OF(average_pool_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};

const struct op_spec global_average_pool_spec = {
    .op = "global_average_pool",
    .cases = global_average_pool_cases,
    .case_count = COUNT_OF(global_average_pool_cases),
    .inputs = 1,
    .build = build_global,
    .forward = forward,
    .backward = backward,
};
