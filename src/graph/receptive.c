/* receptive.c - receptive fields: which pixels of the graph's inputs a value depends on, layer after layer. */
#include "graph/graph.h"
#include "graph/op.h"

enum { SPATIAL = OC_MAX_RANK - 2 };

/* Pixels of x along a spatial dimension; 1 if x has no such dimension. */
static int64_t extent(const oc_tensor *x, int dimension)
{
    return dimension + 2 < x->shape.rank ? x->shape.dim[dimension + 2] : 1;
}

static bool keeps_pixels(const oc_tensor *x, const oc_tensor *y)
{
    bool same = true;
    for (int i = 0; i < SPATIAL; i++)
        same = same && extent(x, i) == extent(y, i);
    return same;
}

/* What one value of n's output depends on, in pixels of the input x. */
static struct receptive of_node(const struct node *n, const oc_tensor *x)
{
    struct receptive r = { { 1, 1, 1 }, { 1, 1, 1 } };
    if (n->op->receptive)
        n->op->receptive(n, &r);
    else if (!keeps_pixels(x, n->out[0]))
        for (int i = 0; i < SPATIAL; i++)
            r.size[i] = (double)extent(x, i);
    return r;
}

void graph_receptive(struct node *n)
{
    struct receptive y = { { 1, 1, 1 }, { 1, 1, 1 } };
    for (int i = 0; i < n->in_count; i++) {
        const oc_tensor *x = n->in[i];
        if (x->kind == TENSOR_PARAMETER)
            continue;
        const struct receptive own = of_node(n, x);
        for (int d = 0; d < SPATIAL; d++) {
            const double size = x->receptive.size[d] + (own.size[d] - 1) * x->receptive.stride[d];
            if (i == 0 || size > y.size[d]) {
                y.size[d] = size;
                y.stride[d] = x->receptive.stride[d] * own.stride[d];
            }
        }
    }
    for (int i = 0; i < n->out_count; i++)
        n->out[i]->receptive = y;
}
