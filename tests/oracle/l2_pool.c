/* l2_pool.c - oracle of L2-norm pooling: the root of the sum of squares. Twins: src/ops/pool.c,
 * tests/cases/l2_pool.h.
 *
 * Where the root is 0 the gradient is 0 (a subgradient). */
#include "oracle/walk.h"
#include "cases/l2_pool.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_l2_pool(in[0], &c->pool);
}

static oc_tensor *build_global(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_global_l2_pool(in[0]);
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    struct walk window;
    walk_pool(&window, &c->pool, in);
    walk_pool_output(&window, &c->pool, in, y);
    y->terms = (double)(window.elements + SQRT_TERMS);
    for (int64_t p = 0; p < in->shape[0] * in->shape[1]; p++)
        for (int64_t o = 0; o < window.out_count; o++) {
            double sum = 0;
            for (int64_t r = 0; r < window.elements; r++) {
                const int64_t i = walk_pixel(&window, o, r);
                if (i >= 0)
                    sum += in->v[p * window.in_count + i] * in->v[p * window.in_count + i];
            }
            operand_add(y, p * window.out_count + o, sqrt(sum));
        }
    walk_free(&window);
}

/* dx = sum over windows of dy*x/y; y brings its own error along. */
static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    struct walk window;
    walk_pool(&window, &c->pool, in);
    din->terms = y->terms + DIVIDE_TERMS + 1 + (double)window.elements;
    for (int64_t p = 0; p < in->shape[0] * in->shape[1]; p++)
        for (int64_t o = 0; o < window.out_count; o++)
            for (int64_t r = 0; r < window.elements; r++) {
                const int64_t i = walk_pixel(&window, o, r), yi = p * window.out_count + o;
                if (i >= 0 && y->v[yi] != 0)
                    operand_add(din, p * window.in_count + i,
                                dy->v[yi] * in->v[p * window.in_count + i] / y->v[yi]);
            }
    walk_free(&window);
}

const struct op_spec l2_pool_spec = {
    .op = "l2_pool",
    .cases = l2_pool_cases,
    .case_count = COUNT_OF(l2_pool_cases),
    .inputs = 1,
    .build = build,
    .forward = forward,
    .backward = backward,
};

const struct op_spec global_l2_pool_spec = {
    .op = "global_l2_pool",
    .cases = global_l2_pool_cases,
    .case_count = COUNT_OF(global_l2_pool_cases),
    .inputs = 1,
    .build = build_global,
    .forward = forward,
    .backward = backward,
};
