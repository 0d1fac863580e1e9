/* window.c - what convolution and pooling tell their kernels about shapes. */
#include "ops/window.h"

struct geometry window_geometry(const struct window *w, int groups, const oc_tensor *x, const oc_tensor *y)
{
    struct geometry g = { .n = (int32_t)x->shape.dim[0],
                          .c = (int32_t)shape_channels(&x->shape),
                          .k = (int32_t)shape_channels(&y->shape),
                          .groups = groups,
                          .x_pitch = (int32_t)tensor_pitch(x),
                          .y_pitch = (int32_t)tensor_pitch(y) };
    for (int i = 0; i < 3; i++) {
        g.in[i] = w->in[i];
        g.out[i] = w->out[i];
        g.extent[i] = w->extent[i];
        g.stride[i] = w->stride[i];
        g.dilation[i] = w->dilation[i];
        g.begin[i] = w->begin[i];
    }
    return g;
}

void window_describe(const struct window *w, struct text *text)
{
    text_print(text, " window %dx%dx%d stride %dx%dx%d dilation %dx%dx%d padding %d,%d,%d", w->extent[0],
               w->extent[1], w->extent[2], w->stride[0], w->stride[1], w->stride[2], w->dilation[0],
               w->dilation[1], w->dilation[2], w->begin[0], w->begin[1], w->begin[2]);
}
