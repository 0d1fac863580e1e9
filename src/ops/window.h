/* window.h - what convolution and pooling tell their kernels about shapes. */
#ifndef OPS_WINDOW_H
#define OPS_WINDOW_H

#include "base/text.h"
#include "graph/graph.h"

/* Twin of `geometry` in cl/common.cl. */
struct geometry {
    int32_t n, c, k;
    int32_t in[3], out[3];
    int32_t extent[3], stride[3], dilation[3], begin[3];
    int32_t groups;
    int32_t x_pitch, y_pitch;
};

/* For a node between x (n, c, in) and y (n, k, out). */
struct geometry window_geometry(const struct window *w, int groups, const oc_tensor *x, const oc_tensor *y);

/* " window 1x3x3 stride ...", for tuning records. */
void window_describe(const struct window *w, struct text *text);

#endif
