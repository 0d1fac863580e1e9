/* conv.h - what the files of the convolution family share. */
#ifndef OPS_CONV_H
#define OPS_CONV_H

#include "ops/emit.h"
#include "ops/window.h"

/* Descriptor of the forward node and of both gradient nodes. A dense layer has a window of one. A transposed convolution
 * has that of the convolution whose roles of x and y it exchanges. */
struct conv {
    oc_conv_desc desc;
    struct window window;
    int groups;
    int rank;     /* of x and y */
    int64_t c, k; /* input and output channels */
};

static inline int64_t conv_positions(const struct conv *d)
{
    return (int64_t)d->window.extent[0] * d->window.extent[1] * d->window.extent[2];
}

/* Shapes of x and y for a batch, and of the weights: (k, c/groups, window...). */
struct shape conv_input_shape(const struct conv *d, int64_t n);
struct shape conv_output_shape(const struct conv *d, int64_t n);
struct shape conv_filter_shape(const struct conv *d);

void conv_cost(const struct node *n, struct cost *cost);
void conv_describe(const struct node *n, struct text *text);

/* What oc_conv's descriptor says about the window. */
struct window_request conv_request(const oc_conv_desc *desc);

/* Implementation lists: forward, the same of a dense layer, gradient of the input, gradient of the filter. The third adds
 * a bias where a node has one: it is the forward pass of a transposed convolution too. */
extern const struct impl conv_impls[], dense_impls[], conv_backward_data_impls[],
    conv_backward_filter_impls[];

/* Iterations of a step of the register tile's loops if a compiler unrolls none of them. */
static inline int64_t conv_tile_iterations(int tile, int columns)
{
    return 1 + columns + (int64_t)tile * (1 + columns);
}

/* Whether it goes from y to x. */
static inline bool conv_is_transposed(const struct node *n)
{
    return n->op->impls == conv_backward_data_impls;
}

/* Whether a bias follows the weights. */
static inline bool conv_has_bias(const struct node *n)
{
    return n->parameter_count > 1;
}

/* conv_reference.c */

/* A node's bias; if there is none, what stands in its place and is not looked at. */
const oc_tensor *conv_bias(const struct node *n);

/* As epilogue_of and epilogue_any (ops/emit.h), and whether there is a bias. */
struct epilogue_arguments conv_epilogue_of(const struct node *n, struct text *defines);
struct epilogue_arguments conv_epilogue_any(const struct node *n, struct text *defines);

/* The -D definition of a node's prologue, and its arguments; what stands in their place is not looked at. */
void conv_prologue(const struct node *n, struct text *defines);
#define PROLOGUE(n) TENSOR((n)->in[(n)->prologue.scale]), TENSOR((n)->in[(n)->prologue.shift])

bool conv_reference_has_prologue(const struct node *n);
oc_status conv_reference_forward(struct emitter *e, const struct node *n);
oc_status conv_reference_backward_data(struct emitter *e, const struct node *n);
oc_status conv_reference_backward_filter(struct emitter *e, const struct node *n);
oc_status conv_scale_filter(struct emitter *e, const struct node *n);

#endif
