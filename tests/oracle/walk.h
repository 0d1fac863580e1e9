/* walk.h - where windows lie. The oracles' own opinion, worked out by walking along each dimension, so that it
 * shares no formula with the library.
 *
 * Positions are flat: output pixel o of a channel, element r of the window, input pixel of a channel, each
 * counted in row-major order over the spatial dimensions. */
#ifndef ORACLE_WALK_H
#define ORACLE_WALK_H

#include "support/operand.h"

enum { IN_PADDING = -1, BEYOND_PADDING = -2 }; /* not an input pixel; the second only in OC_ROUND_CEIL */

struct walk {
    int spatial;                           /* dimensions */
    int64_t out[3];                        /* windows per dimension; 0 where none fits */
    int64_t in_count, out_count, elements; /* products over the dimensions */
    int64_t *pixel; /* out_count x elements: input pixel, IN_PADDING or BEYOND_PADDING */
};

void walk_conv(struct walk *w, const oc_conv_desc *desc, const struct operand *x);

/* A descriptor without a window stands for the global variant: one window over everything. */
void walk_pool(struct walk *w, const oc_pool_desc *desc, const struct operand *x);
void walk_free(struct walk *w);

/* Creates y (n, channels, windows...); for pooling with the channels of x, for the global variant (n, c). */
void walk_output(const struct walk *w, const struct operand *x, int64_t channels, struct operand *y);
void walk_pool_output(const struct walk *w, const oc_pool_desc *desc, const struct operand *x,
                      struct operand *y);

static inline int64_t walk_pixel(const struct walk *w, int64_t o, int64_t r)
{
    return w->pixel[o * w->elements + r];
}

#endif
