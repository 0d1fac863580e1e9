/* conv_forms.h - the forms in which convolutions run, as members of the implementation lists in conv_impls.c. A pass is
 * forward, backward_data (also the forward pass of a transposed convolution) or backward_filter. */
#ifndef OPS_CONV_FORMS_H
#define OPS_CONV_FORMS_H

#include "ops/conv.h"

#define CONV_CHOICE(form)                                                                                    \
    bool form##_supports(const struct node *n, const oc_device_info *device);                                \
    bool form##_allows(const struct node *n, const oc_device_info *device, const int *values);               \
    void form##_heuristic(const struct node *n, const oc_device_info *device, int *values);                  \
    extern const struct tunable form##_tunables[]

#define CONV_PASS(form, pass)                                                                                \
    oc_status form##_prepare_##pass(struct node *n);                                                         \
    oc_status form##_##pass(struct emitter *e, const struct node *n)

/* Winograd's minimal filtering, for CPUs. */
CONV_CHOICE(conv_winograd);
CONV_PASS(conv_winograd, gather);
bool conv_winograd_prefers(const struct node *n, const oc_device_info *device);
CONV_CHOICE(conv_winograd_filter);
CONV_PASS(conv_winograd_filter, gradient);

/* Few channels per group, for CPUs. */
CONV_CHOICE(conv_grouped);
CONV_PASS(conv_grouped, gather);
CONV_CHOICE(conv_grouped_filter);
CONV_PASS(conv_grouped_filter, gradient);

/* Dense layers of few samples, for CPUs. */
CONV_CHOICE(conv_streamed);
CONV_CHOICE(conv_streamed_data);
oc_status conv_streamed_forward(struct emitter *e, const struct node *n);
oc_status conv_streamed_backward_data(struct emitter *e, const struct node *n);

/* Panels of gathered pixels, for CPUs. */
CONV_CHOICE(conv_direct);
CONV_PASS(conv_direct, forward);
CONV_PASS(conv_direct, backward_data);
bool conv_direct_has_prologue(const struct node *n);
CONV_CHOICE(conv_direct_filter);
CONV_PASS(conv_direct_filter, gradient);

/* Tiles in local memory, for GPUs. */
CONV_CHOICE(conv_tiled);
CONV_PASS(conv_tiled, forward);
CONV_PASS(conv_tiled, backward_data);
CONV_PASS(conv_tiled, backward_filter);

/* Tiles in the registers of sub-groups, for GPUs. */
bool conv_subgroup_prefers(const struct node *n, const oc_device_info *device);
CONV_CHOICE(conv_subgroup);
CONV_PASS(conv_subgroup, forward);
CONV_PASS(conv_subgroup, backward_data);
CONV_PASS(conv_subgroup, backward_filter);

/* Matrix products by CLBlast. */
bool conv_gemm_supports(const struct node *n, const oc_device_info *device);
bool conv_gemm_prefers(const struct node *n, const oc_device_info *device);
oc_status conv_gemm_forward(struct emitter *e, const struct node *n);
oc_status conv_gemm_backward_data(struct emitter *e, const struct node *n);
oc_status conv_gemm_backward_filter(struct emitter *e, const struct node *n);

#endif
