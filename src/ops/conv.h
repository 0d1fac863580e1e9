/* conv.h - what the files of the convolution family share. */
#ifndef OPS_CONV_H
#define OPS_CONV_H

#include "ops/emit.h"
#include "ops/window.h"

/* Descriptor of the forward node and of both gradient nodes. A dense layer has a window of one. */
struct conv {
    oc_conv_desc desc;
    struct window window;
    int groups;
    int rank;     /* of x and y */
    int64_t c, k; /* input and output channels */
};

static inline int64_t conv_positions(const struct conv *d)
{
    return (int64_t)d->window.extent[0] * d->window.extent[1] * d->window.extent[2];
}

/* Shapes of x for a batch, and of the weights: (k, c/groups, window...). */
struct shape conv_input_shape(const struct conv *d, int64_t n);
struct shape conv_filter_shape(const struct conv *d);

void conv_cost(const struct node *n, struct cost *cost);

/* Implementation lists: forward, gradient of the input, gradient of the filter. */
extern const struct impl conv_impls[], conv_backward_data_impls[], conv_backward_filter_impls[];

/* conv_reference.c */
oc_status conv_reference_forward(struct emitter *e, const struct node *n);
oc_status conv_reference_backward_data(struct emitter *e, const struct node *n);
oc_status conv_reference_backward_filter(struct emitter *e, const struct node *n);

#endif
