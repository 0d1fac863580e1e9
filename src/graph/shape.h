/* shape.h - sizes of tensors, and how a window runs over them.
 *
 * Shapes are written (n, c, spatial...). Device storage is channels-last: pixel after pixel (n, then spatial,
 * row-major), and within a pixel its channels. */
#ifndef GRAPH_SHAPE_H
#define GRAPH_SHAPE_H

#include "base/status.h"

struct shape {
    int rank; /* 0: a scalar */
    int64_t dim[OC_MAX_RANK];
};

/* Reads a size list that a trailing zero ends. */
struct shape shape_read(const int64_t dims[OC_MAX_RANK]);

bool shape_equal(const struct shape *a, const struct shape *b);

/* False if there are more values than any memory holds, so that counting them could overflow. */
bool shape_is_countable(const struct shape *s);
int64_t shape_count(const struct shape *s);    /* values; 1 for a scalar */
int64_t shape_channels(const struct shape *s); /* 1 without a channel dimension */
int64_t shape_spatial(const struct shape *s);  /* pixels of one sample */
int64_t shape_pixels(const struct shape *s);   /* batch times spatial */

/* "2x3x4" into a buffer of the caller, for messages. */
#define SHAPE_TEXT(s) shape_text(s, (char[96]){ 0 }, 96)
const char *shape_text(const struct shape *s, char *buffer, size_t capacity);

/* What a value depends on along each spatial dimension: a window of `size` pixels, and the next value on one that begins
 * `stride` pixels further. Fractions come from layers that enlarge. */
struct receptive {
    double size[OC_MAX_RANK - 2], stride[OC_MAX_RANK - 2];
};

/* A window of which every number is known. Always three dimensions (depth, height, width); those that the input
 * does not have are 1 with nothing around them. */
struct window {
    int extent[3], stride[3], dilation[3], begin[3], end[3];
    int in[3], out[3]; /* spatial sizes */
};

/* What a descriptor says about its window; the arrays have an entry per spatial dimension of the input. */
struct window_request {
    const int *extent, *stride, *dilation, *pad_begin, *pad_end;
    int pad;
    oc_padding padding;
    oc_rounding rounding, default_rounding;
    bool stride_is_extent; /* what stride 0 means: the window, or 1 */
};

/* Resolves a request for an input of 1 to 3 spatial dimensions. Errors name the numbers, not the layer. */
oc_status window_resolve(struct window *window, const struct window_request *request,
                         const struct shape *input);

/* The same from the other end, for what undoes a convolution's change of sizes: `output` is what its window makes, and
 * the input's sizes follow, with so much more at the end, dimension by dimension. */
oc_status window_resolve_transposed(struct window *window, const struct window_request *request,
                                    const int output_padding[3], const struct shape *output);

/* Rows of the input that a window covers: dilation*(extent - 1) + 1. */
int window_reach(const struct window *window, int dimension);

/* What one position of the window covers of an input of this rank. */
void window_receptive(const struct window *window, int rank, struct receptive *r);

/* The shape with n and c given and the window's output as spatial sizes. */
struct shape window_output(const struct window *window, int64_t n, int64_t c, int rank);

#endif
