/* max_pool.c - oracle of max pooling. Twins: src/ops/pool.c, tests/cases/max_pool.h.
 *
 * As in PyTorch the first of equal values wins and gets the gradient, and a NaN beats every number. */
#include "oracle/walk.h"
#include "cases/max_pool.h"

static oc_tensor *build(oc_tensor *const in[], const struct op_case *c)
{
    return oc_max_pool(in[0], &c->pool);
}

static oc_tensor *build_global(oc_tensor *const in[], const struct op_case *c)
{
    (void)c;
    return oc_global_max_pool(in[0]);
}

/* Input pixel of the largest value in window o; `plane` is one channel of one sample. */
static int64_t winner(const struct walk *window, const double *plane, int64_t o)
{
    int64_t best = IN_PADDING;
    for (int64_t r = 0; r < window->elements; r++) {
        const int64_t i = walk_pixel(window, o, r);
        if (i >= 0 && (best < 0 || plane[i] > plane[best] || isnan(plane[i])))
            best = i;
    }
    return best;
}

static void forward(const struct op_case *c, const struct operand *in, struct operand *y)
{
    struct walk window;
    walk_pool(&window, &c->pool, in);
    walk_pool_output(&window, &c->pool, in, y);
    for (int64_t p = 0; p < in->shape[0] * in->shape[1]; p++) {
        const double *plane = in->v + p * window.in_count;
        for (int64_t o = 0; o < window.out_count; o++)
            operand_add(y, p * window.out_count + o, plane[winner(&window, plane, o)]);
    }
    walk_free(&window);
}

static void backward(const struct op_case *c, const struct operand *in, const struct operand *y,
                     const struct operand *dy, struct operand *din)
{
    struct walk window;
    (void)y;
    walk_pool(&window, &c->pool, in);
    din->terms = (double)window.elements;
    for (int64_t p = 0; p < in->shape[0] * in->shape[1]; p++) {
        const double *plane = in->v + p * window.in_count;
        for (int64_t o = 0; o < window.out_count; o++)
            operand_add(din, p * window.in_count + winner(&window, plane, o),
                        dy->v[p * window.out_count + o]);
    }
    walk_free(&window);
}

const struct op_spec max_pool_spec = {
    .op = "max_pool",
    .cases = max_pool_cases,
    .case_count = COUNT_OF(max_pool_cases),
    .inputs = 1,
    .exact = true,
    .build = build,
    .forward = forward,
    .backward = backward,
};

const struct op_spec global_max_pool_spec = {
    .op = "global_max_pool",
    .cases = global_max_pool_cases,
    .case_count = COUNT_OF(global_max_pool_cases),
    .inputs = 1,
    .exact = true,
    .build = build_global,
    .forward = forward,
    .backward = backward,
};
