/* conv_direct.h - what the direct convolutions for CPUs share: how source pixels are gathered. */
#ifndef OPS_CONV_DIRECT_H
#define OPS_CONV_DIRECT_H

#include "ops/conv.h"

/* Twins of the structs in cl/conv_direct.cl. */
struct axis {
    int32_t count, first, step, size;
    int32_t scale, offset, reach, source_size;
    int32_t positions;
};

struct gather {
    struct axis a[3];
    int32_t n, groups, channels, filters;
    int32_t x_pitch, y_pitch;
    int32_t first_position, all_positions;
    int32_t joined, blocks;
};

/* For the pixels of y, which look at x. */
struct gather conv_gather(const struct conv *d, const oc_tensor *x, const oc_tensor *y);

#endif
