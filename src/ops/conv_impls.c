/* conv_impls.c - the implementations of convolution, best first. */
#include "ops/conv_forms.h"

#define FORM(name_, form, pass)                                                                              \
    {                                                                                                        \
        .name = name_, .supports = form##_supports, .prepare = form##_prepare_##pass, .emit = form##_##pass, \
        .tunables = form##_tunables, .heuristic = form##_heuristic, .allows = form##_allows                  \
    }

#define WINOGRAD(form, pass)                                                                                 \
    {                                                                                                        \
        .name = "winograd", .supports = form##_supports, .prefers = conv_winograd_prefers,                   \
        .prepare = form##_prepare_##pass, .emit = form##_##pass, .tunables = form##_tunables,                \
        .heuristic = form##_heuristic, .allows = form##_allows                                               \
    }

/* Those with a prologue. */
#define REFERENCE_FORWARD                                                                                    \
    {                                                                                                        \
        .name = "reference", .has_prologue = conv_reference_has_prologue, .emit = conv_reference_forward     \
    }

#define DIRECT_FORWARD                                                                                       \
    {                                                                                                        \
        .name = "direct", .supports = conv_direct_supports, .has_prologue = conv_direct_has_prologue,        \
        .prepare = conv_direct_prepare_forward, .emit = conv_direct_forward,                                 \
        .tunables = conv_direct_tunables, .heuristic = conv_direct_heuristic, .allows = conv_direct_allows   \
    }

/* Nothing to prepare: from the weights as they are. */
#define STREAMED(form, pass)                                                                                 \
    {                                                                                                        \
        .name = "streamed", .supports = form##_supports, .emit = conv_streamed_##pass,                       \
        .tunables = form##_tunables, .heuristic = form##_heuristic, .allows = form##_allows                  \
    }

/* Sub-groups are first where they are for real. */
#define SUBGROUP(pass)                                                                                       \
    {                                                                                                        \
        .name = "subgroup", .supports = conv_subgroup_supports, .prefers = conv_subgroup_prefers,            \
        .prepare = conv_subgroup_prepare_##pass, .emit = conv_subgroup_##pass,                               \
        .tunables = conv_subgroup_tunables, .heuristic = conv_subgroup_heuristic,                            \
        .allows = conv_subgroup_allows                                                                       \
    }

/* Only tuning, or a name, takes this. */
#define GEMM(pass)                                                                                           \
    {                                                                                                        \
        .name = "clblast", .supports = conv_gemm_supports, .prefers = conv_gemm_prefers,                     \
        .emit = conv_gemm_##pass                                                                             \
    }

const struct impl conv_impls[] = { WINOGRAD(conv_winograd, gather),
                                   FORM("grouped", conv_grouped, gather),
                                   DIRECT_FORWARD,
                                   SUBGROUP(forward),
                                   FORM("tiled", conv_tiled, forward),
                                   GEMM(forward),
                                   REFERENCE_FORWARD,
                                   { 0 } };

const struct impl dense_impls[] = { STREAMED(conv_streamed, forward),
                                    DIRECT_FORWARD,
                                    SUBGROUP(forward),
                                    FORM("tiled", conv_tiled, forward),
                                    GEMM(forward),
                                    REFERENCE_FORWARD,
                                    { 0 } };

const struct impl conv_backward_data_impls[] = { WINOGRAD(conv_winograd, gather),
                                                 FORM("grouped", conv_grouped, gather),
                                                 STREAMED(conv_streamed_data, backward_data),
                                                 FORM("direct", conv_direct, backward_data),
                                                 SUBGROUP(backward_data),
                                                 FORM("tiled", conv_tiled, backward_data),
                                                 GEMM(backward_data),
                                                 { .name = "reference",
                                                   .emit = conv_reference_backward_data },
                                                 { 0 } };

const struct impl conv_backward_filter_impls[] = { WINOGRAD(conv_winograd_filter, gradient),
                                                   FORM("grouped", conv_grouped_filter, gradient),
                                                   FORM("direct", conv_direct_filter, gradient),
                                                   SUBGROUP(backward_filter),
                                                   FORM("tiled", conv_tiled, backward_filter),
                                                   GEMM(backward_filter),
                                                   { .name = "reference",
                                                     .emit = conv_reference_backward_filter },
                                                   { 0 } };
