/* conv_winograd.h - what the passes of Winograd's minimal filtering share. */
#ifndef OPS_CONV_WINOGRAD_H
#define OPS_CONV_WINOGRAD_H

#include "ops/conv.h"

/* Twin of the struct in cl/conv_winograd.cl: from an image x to a result y, cut into tiles. */
struct winograd {
    int32_t n, h, w, out_h, out_w;
    int32_t begin_h, begin_w;
    int32_t tiles_h, tiles_w;
    int32_t channels, filters;
    int32_t x_pitch, y_pitch;
    int32_t blocks;
};

/* Tiles of output x output results. */
struct winograd make_winograd(const struct node *n, const oc_tensor *x, const oc_tensor *y, int output);

/* Products for one of them. */
static inline int winograd_points(int output)
{
    return (output + 2) * (output + 2);
}

/* Whether there are forms for the node, and what they are worth: a window of 3x3, no stride, enough channels. */
bool winograd_suits(const struct node *n, const oc_device_info *device);

/* The better size of tiles. */
int winograd_output(const struct node *n);

#endif
