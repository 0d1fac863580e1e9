/* conv_tiled.h - what the forms for GPUs share: conv_tiled.c and conv_subgroup.c. */
#ifndef OPS_CONV_TILED_H
#define OPS_CONV_TILED_H

#include "ops/conv_gather.h"

/* The product that a node is: m x n results of `depth` rows each, so many times. */
struct product {
    int64_t m, n, depth, count;
};

struct product conv_product(const struct node *n);

/* Whether every window is one position that lies inside. */
bool conv_is_point(const struct gather *g);

/* Whether pixels can be counted in an int, a few past the last. */
bool conv_pixels_fit(const struct node *n);

/* A gradient of the filter in chunks of pixels, which shapes alone decide. */
struct conv_chunks {
    const oc_tensor *sum; /* dw, or what sum_filter_chunks adds up to it */
    int64_t pixels, count;
};
oc_status conv_prepare_chunks(struct node *n);
struct conv_chunks conv_chunks_of(const struct node *n);
oc_status conv_sum_chunks(struct emitter *e, const struct node *n, const struct gather *g,
                          const struct conv_chunks *chunks);

#endif
