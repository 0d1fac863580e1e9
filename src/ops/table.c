/* table.c - the only list of operations. */
#include "ops/ops.h"

#include <stddef.h>
#include <string.h>

const struct op *const op_table[] = {
    &op_conv,
    &op_conv_backward_data,
    &op_conv_backward_filter,
    &op_dense,
    &op_conv_transpose,
    &op_conv_transpose_backward_data,
    &op_pack_filter,
    &op_pack_filter_winograd,
    &op_scale_filter, /* convolution */
    &op_max_pool,
    &op_max_pool_backward,
    &op_average_pool,
    &op_average_pool_backward,
    &op_l2_pool,
    &op_l2_pool_backward, /* pooling */
    &op_upsample,
    &op_upsample_backward, /* interpolation */
    &op_pad,
    &op_pad_backward,
    &op_batch_norm,
    &op_batch_norm_again,
    &op_batch_norm_scale,
    &op_batch_norm_shift,
    &op_batch_norm_sums,
    &op_batch_norm_backward, /* normalisation */
    &op_relu,
    &op_leaky_relu,
    &op_sigmoid,
    &op_tanh,
    &op_relu6,
    &op_elu,
    &op_softplus,
    &op_silu,
    &op_hard_swish,
    &op_gelu,
    &op_activation_backward,
    &op_dropout,
    &op_channel_dropout,
    &op_stochastic_depth,
    &op_dropout_backward,
    &op_prelu,
    &op_prelu_backward,
    &op_prelu_slope,
    &op_maxout,
    &op_maxout_backward,
    &op_add,
    &op_multiply,
    &op_scale,
    &op_reshape,
    &op_concat,
    &op_slice,
    &op_slice_backward,
    &op_lrn,
    &op_lrn_backward,
    &op_softmax,
    &op_softmax_backward,
    &op_log_softmax,
    &op_log_softmax_backward,
    &op_softmax_cross_entropy,
    &op_softmax_cross_entropy_backward,
    &op_mean_squared_error,
    &op_mean_squared_error_backward,
    &op_smooth_l1,
    &op_smooth_l1_backward,
    &op_binary_cross_entropy,
    &op_binary_cross_entropy_backward,
    &op_dot,
    &op_dot_backward,
    &op_sum,
    &op_mean,
    &op_spread,
    &op_weighted_sum, /* losses */
    &op_channel_sum,
    &op_fill, /* gradients */
    &op_accumulate,
    &op_clip_factor,
    &op_sgd,
    &op_adam,
    &op_rmsprop,
    &op_adagrad,
    &op_swap, /* updates */
    NULL,
};

const char *oc_op_name(int index)
{
    const int count = (int)(sizeof op_table / sizeof *op_table) - 1;
    return index >= 0 && index < count ? op_table[index]->name : NULL;
}

const char *oc_op_implementation(const char *op, int index)
{
    for (const struct op *const *o = op_table; *o; o++)
        if (strcmp((*o)->name, op) == 0)
            for (int i = 0; index >= 0 && (*o)->impls[i].name; i++)
                if (i == index)
                    return (*o)->impls[i].name;
    return NULL;
}
