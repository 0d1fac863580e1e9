/* ops.h - the operations, and what the files of this room lend each other and the passes.
 *
 * An operation is reached through the nodes that hold it; nobody asks which one it is. table.c lists them all. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "graph/op.h"

struct launch_spec; /* ops/emit.h */
struct rows;        /* ops/elementwise.h */

/* Layers. */
extern const struct op op_add, op_average_pool, op_concat, op_conv, op_dense, op_dot, op_l2_pool,
    op_leaky_relu, op_lrn, op_max_pool, op_mean_squared_error, op_relu, op_reshape, op_sigmoid, op_slice,
    op_softmax, op_softmax_cross_entropy, op_tanh;

extern const struct op op_maxout, op_mean, op_sum, op_binary_cross_entropy, op_log_softmax, op_smooth_l1,
    op_elu, op_gelu, op_hard_swish, op_multiply, op_prelu, op_relu6, op_scale, op_silu, op_softplus,
    op_weighted_sum;

extern const struct op op_channel_dropout, op_dropout, op_stochastic_depth;

extern const struct op op_conv_transpose, op_pad, op_upsample;

/* What only passes and gradient rules append. */
extern const struct op op_conv_transpose_backward_data, op_pad_backward, op_upsample_backward;
extern const struct op op_dropout_backward;
extern const struct op op_activation_backward, op_average_pool_backward, op_channel_sum,
    op_conv_backward_data, op_conv_backward_filter, op_dot_backward, op_fill, op_l2_pool_backward,
    op_lrn_backward, op_max_pool_backward, op_mean_squared_error_backward, op_pack_filter,
    op_pack_filter_winograd, op_scale_filter, op_slice_backward, op_softmax_backward,
    op_softmax_cross_entropy_backward;

extern const struct op op_maxout_backward, op_spread, op_binary_cross_entropy_backward,
    op_log_softmax_backward, op_smooth_l1_backward, op_prelu_backward, op_prelu_slope;

/* Updates, and what belongs to them. */
extern const struct op op_accumulate, op_adagrad, op_adam, op_clip_factor, op_rmsprop, op_sgd, op_swap;

/* Batch normalisation: the layer, then what it appends. */
extern const struct op op_batch_norm, op_batch_norm_again, op_batch_norm_backward, op_batch_norm_scale,
    op_batch_norm_shift, op_batch_norm_sums;

/* Every operation, ended by NULL. */
extern const struct op *const op_table[];

/* elementwise.c: `infer` of what has one output of the shape of input 0. */
oc_status infer_like_input(struct node *n);

/* add.c: dx is a contribution to the gradient of x; several are summed. Call only if x->wants_gradient. */
oc_status contribute(oc_tensor *x, oc_tensor *dx);

/* derive.c: a node on that input of n alone, before n, so that it runs once per change of the parameters; its result
 * takes the input's place, which need not stay in memory then. */
oc_status derive(struct node *n, const struct op *op, const void *desc, int input);

/* reshape.c: the same values in another shape; the second never in a slice of something else. */
oc_tensor *reshape_append(oc_tensor *x, const struct shape *shape);
oc_tensor *reshape_append_dense(oc_tensor *x, const struct shape *shape);

/* sum.c: sums over all pixels, (n, c, spatial...) -> (c): the gradient of a bias. */
oc_tensor *channel_sum_append(oc_tensor *x);

/* sum.c: launches that add up values, or what an operation makes of pairs of them, into a scalar, in an order that depends on
 * their number and on `grouped` only. `partial` is workspace of sum_workspace(count) values. */
struct summation {
    const oc_tensor *a, *b; /* of equal shapes and any pitch; b: a again, if there are no pairs */
    const char *operation;  /* OPERATION_... of cl/sum.cl; NULL: the values of a */
    float beta;             /* its parameter */
    float scale;            /* of the sum */
    bool grouped; /* a work-group adds up what else a work-item does: for GPUs, where sum_group_supports */
};
int64_t sum_workspace(int64_t count);
oc_status sum_emit(struct emitter *e, const struct node *n, const struct summation *s,
                   const oc_tensor *partial, const oc_tensor *result);
bool sum_group_supports(const struct node *n, const oc_device_info *device);

/* softmax.c: `supports` of what works along the channels with vectors, on a CPU: there must be enough of them. */
bool softmax_vector_supports(const struct node *n, const oc_device_info *device);

/* softmax.c: `supports` of what shares a pixel's channels among work-items. */
bool softmax_group_supports(const struct node *n, const oc_device_info *device);

/* softmax.c: launches the kernel of cl/softmax.cl that is named by a pass and a form of it, for a pixel per row; `spec` has the
 * arguments. */
enum softmax_form { SOFTMAX_VECTOR, SOFTMAX_GROUP, SOFTMAX_REFERENCE };
oc_status softmax_emit(struct emitter *e, const struct node *n, const char *pass, enum softmax_form form,
                       const struct rows *r, struct launch_spec *spec);

/* fill.c: a scalar constant. */
oc_tensor *fill_append(oc_graph *graph, float value);

/* update.c: the optimizer's step on all parameters of one slab. NULL: what the optimizer does not keep, or use. */
struct update_tensors {
    oc_tensor *w, *dw, *m, *v, *average; /* of a whole slab each */
    oc_tensor *factor;                   /* of the gradients, a scalar */
};
oc_status update_append(oc_graph *graph, const oc_optimizer_desc *optimizer, const struct update_tensors *t);

/* clip.c: min(1, limit/norm) for the norm of some gradients together. */
oc_status clip_append(oc_tensor **factor, oc_tensor *const *gradients, int count, float limit);

/* accumulate.c: takes the gradient of a batch into a mean (DYNAMIC_SHARE); exchanges two slabs. */
oc_status accumulate_append(oc_tensor *gradient, oc_tensor *mean);
oc_status swap_append(oc_tensor *w, oc_tensor *average);

#endif
