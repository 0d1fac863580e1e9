/* specs.c - the only list of operations under test. */
#include "support/case.h"

#define SPECS(X)                                                                                             \
    X(conv)                                                                                                  \
    X(conv_transpose)                                                                                        \
    X(dense)                                                                                                 \
    X(residual)                                                                                              \
    X(conv_norm)                                                                                             \
    X(max_pool)                                                                                              \
    X(global_max_pool)                                                                                       \
    X(average_pool)                                                                                          \
    X(global_average_pool)                                                                                   \
    X(l2_pool)                                                                                               \
    X(global_l2_pool)                                                                                        \
    X(upsample_nearest)                                                                                      \
    X(upsample_linear)                                                                                       \
    X(pad)                                                                                                   \
    X(batch_norm)                                                                                            \
    X(relu)                                                                                                  \
    X(leaky_relu)                                                                                            \
    X(sigmoid)                                                                                               \
    X(tanh)                                                                                                  \
    X(relu6)                                                                                                 \
    X(elu)                                                                                                   \
    X(softplus)                                                                                              \
    X(silu)                                                                                                  \
    X(hard_swish)                                                                                            \
    X(gelu)                                                                                                  \
    X(prelu)                                                                                                 \
    X(maxout)                                                                                                \
    X(add)                                                                                                   \
    X(multiply)                                                                                              \
    X(scale)                                                                                                 \
    X(flatten)                                                                                               \
    X(reshape)                                                                                               \
    X(concat)                                                                                                \
    X(slice)                                                                                                 \
    X(lrn)                                                                                                   \
    X(softmax)                                                                                               \
    X(log_softmax)                                                                                           \
    X(softmax_cross_entropy)                                                                                 \
    X(softmax_cross_entropy_smoothed)                                                                        \
    X(binary_cross_entropy)                                                                                  \
    X(mean_squared_error)                                                                                    \
    X(smooth_l1)                                                                                             \
    X(dot)                                                                                                   \
    X(sum)                                                                                                   \
    X(mean)                                                                                                  \
    X(weighted_sum)

#define DECLARE(op) extern const struct op_spec op##_spec;
SPECS(DECLARE)

#define POINTER(op) &op##_spec,
const struct op_spec *const op_specs[] = { SPECS(POINTER) NULL };
