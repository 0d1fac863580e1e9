/* conv_gather.h - what convolutions in the form of a matrix product share: which source pixels a destination pixel looks
 * at, and weights packed in the order of the product's rows. */
#ifndef OPS_CONV_GATHER_H
#define OPS_CONV_GATHER_H

#include "ops/conv.h"

/* Twins of the structs in cl/common.cl. */
struct gather_axis {
    int32_t count, first, step, size;
    int32_t scale, offset, reach, source_size;
    int32_t positions;
};

struct gather {
    struct gather_axis a[3];
    int32_t n, groups, channels, filters;
    int32_t x_pitch, y_pitch;
    int32_t first_position, all_positions;
    int32_t joined, blocks, streamed;
};

/* For the pixels of y, which look at x. */
struct gather conv_gather(const struct conv *d, const oc_tensor *x, const oc_tensor *y);

/* For those of dx, which look at dy, with the axes of no phase yet.
 *
 * A pixel i of dx hears from window position r of output (i + begin - r*dilation)/stride, where that is whole. The pixels of
 * one residue class of i + begin modulo stride (a phase) hear from the same positions, so each phase is a convolution of
 * its own, without holes, and is one launch; its weights are packed together. */
struct gather conv_gather_transposed(const struct conv *d, const oc_tensor *dy, const oc_tensor *dx);
int conv_phase_count(const struct window *w);

/* Goes on to the next phase, from 0 on; false if it has no pixels. */
bool conv_gather_phase(struct gather *g, const struct window *w, int phase);

/* Derives what takes the place of n's weights, its input 1: [group][block of destination channels][position][source
 * channel][`block`], zeros after the last destination channel, the positions in the order of phases if `transposed`. */
oc_status conv_pack(struct node *n, bool transposed, int block);

/* The same with `groups` whole groups in each block, whose filters lie side by side. */
oc_status conv_pack_together(struct node *n, bool transposed, int block, int groups);

/* About `chunks` chunks, at most `most`, where each is shared by `others` work-groups: an even number of groups in all, if
 * several. PoCL hands the first half of the groups to one of two cores, whatever work that is; so chunks should be of equal
 * size, too. */
int64_t conv_even_chunks(int64_t chunks, int64_t most, int64_t others);

/* The size of each of so many parts of `total`, in whole units. */
int32_t conv_part_size(int64_t total, int64_t parts, int64_t unit);

/* Adds up partial gradients of the filter, n's output 1 [chunk][filter][position][channel], into output 0. Filters lie `pitch`
 * values apart. */
oc_status conv_sum_filter(struct emitter *e, const struct node *n, const struct gather *g, int64_t pitch,
                          int64_t chunks);

#endif
