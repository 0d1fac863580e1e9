/* conv_tiled.h - the convolutions for GPUs, as members of the implementation lists. */
#ifndef OPS_CONV_TILED_H
#define OPS_CONV_TILED_H

#include "ops/conv.h"

bool conv_tiled_supports(const struct node *n, const oc_device_info *device);
bool conv_tiled_allows(const struct node *n, const oc_device_info *device, const int *values);
void conv_tiled_heuristic(const struct node *n, const oc_device_info *device, int *values);
extern const struct tunable conv_tiled_tunables[];

oc_status conv_tiled_prepare_forward(struct node *n);
oc_status conv_tiled_prepare_backward_data(struct node *n);
oc_status conv_tiled_prepare_backward_filter(struct node *n);
oc_status conv_tiled_forward(struct emitter *e, const struct node *n);
oc_status conv_tiled_backward_data(struct emitter *e, const struct node *n);
oc_status conv_tiled_backward_filter(struct emitter *e, const struct node *n);

#define CONV_TILED(pass)                                                                                     \
    {                                                                                                        \
        .name = "tiled", .supports = conv_tiled_supports, .prepare = conv_tiled_prepare_##pass,              \
        .emit = conv_tiled_##pass, .tunables = conv_tiled_tunables, .heuristic = conv_tiled_heuristic,       \
        .allows = conv_tiled_allows                                                                          \
    }

#endif
