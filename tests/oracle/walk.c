/* walk.c - where windows lie, by walking. */
#include "oracle/walk.h"

#include <stdlib.h>

/* One spatial dimension, all defaults applied. */
struct axis {
    int64_t in, size, stride, dilation, begin, end, out;
};

static int64_t extent(const struct axis *a)
{
    return a->dilation * (a->size - 1) + 1;
}

static void set_padding(struct axis *a, oc_padding padding, int pad, int pad_begin, int pad_end)
{
    a->begin = a->end = padding == OC_PAD_NUMBER ? pad : 0;
    if (padding == OC_PAD_EXPLICIT) {
        a->begin = pad_begin;
        a->end = pad_end;
    } else if (padding == OC_PAD_FULL) {
        a->begin = a->end = extent(a) - 1;
    } else if (padding == OC_PAD_SAME) {
        int64_t windows = 0; /* as many as there are strides that start inside the input */
        for (int64_t start = 0; start < a->in; start += a->stride)
            windows++;
        while ((windows - 1) * a->stride + extent(a) > a->in + a->begin + a->end)
            *(a->end > a->begin ? &a->begin : &a->end) += 1;
    }
}

/* Counts windows while they fit; what remains at the end decides about one more. */
static void count_windows(struct axis *a, oc_rounding rounding)
{
    const int64_t end = a->in + a->end;
    int64_t start = -a->begin;
    while (start + extent(a) <= end) {
        a->out++;
        start += a->stride;
    }
    const bool rest = a->out == 0 || start - a->stride + extent(a) < end;
    if (rest && rounding == OC_ROUND_EXACT)
        a->out = 0;
    if (rest && rounding == OC_ROUND_CEIL && start < a->in)
        a->out++;
}

/* Input position of element r of window o. */
static int64_t position(const struct axis *a, int64_t o, int64_t r)
{
    const int64_t i = o * a->stride - a->begin + r * a->dilation;
    if (i >= a->in + a->end)
        return BEYOND_PADDING;
    return i < 0 || i >= a->in ? IN_PADDING : i;
}

static int64_t pixel_at(const struct axis *axis, int spatial, int64_t o, int64_t r)
{
    int64_t pixel = 0, step = 1;
    bool padding = false;
    for (int d = spatial - 1; d >= 0; d--) {
        const int64_t i = position(&axis[d], o % axis[d].out, r % axis[d].size);
        if (i == BEYOND_PADDING)
            return BEYOND_PADDING;
        padding = padding || i == IN_PADDING;
        pixel += i * step;
        step *= axis[d].in;
        o /= axis[d].out;
        r /= axis[d].size;
    }
    return padding ? IN_PADDING : pixel;
}

static void place(struct walk *w, const struct axis *axis, int spatial)
{
    *w = (struct walk){ .spatial = spatial, .in_count = 1, .out_count = 1, .elements = 1 };
    for (int d = 0; d < spatial; d++) {
        w->out[d] = axis[d].out;
        w->in_count *= axis[d].in;
        w->out_count *= axis[d].out;
        w->elements *= axis[d].size;
    }
    w->pixel = calloc((size_t)(w->out_count * w->elements) + 1, sizeof *w->pixel);
    if (!w->pixel)
        abort();
    for (int64_t o = 0; o < w->out_count; o++)
        for (int64_t r = 0; r < w->elements; r++)
            w->pixel[o * w->elements + r] = pixel_at(axis, spatial, o, r);
}

/* "An array with only its first value set holds for all dimensions"; 0 means `otherwise`. */
static int64_t value_for(const int values[3], int d, int64_t otherwise)
{
    const int value = values[1] == 0 && values[2] == 0 ? values[0] : values[d];
    return value ? value : otherwise;
}

void walk_conv(struct walk *w, const oc_conv_desc *desc, const struct operand *x)
{
    struct axis axis[3] = { 0 };
    for (int d = 0; d < x->rank - 2; d++) {
        axis[d] = (struct axis){ .in = x->shape[2 + d],
                                 .size = value_for(desc->window, d, 0),
                                 .stride = value_for(desc->stride, d, 1),
                                 .dilation = value_for(desc->dilation, d, 1) };
        set_padding(&axis[d], desc->padding, desc->pad, desc->pad_begin[d], desc->pad_end[d]);
        count_windows(&axis[d], desc->rounding == OC_ROUND_DEFAULT ? OC_ROUND_EXACT : desc->rounding);
    }
    place(w, axis, x->rank - 2);
}

void walk_pool(struct walk *w, const oc_pool_desc *desc, const struct operand *x)
{
    struct axis axis[3] = { 0 };
    for (int d = 0; d < x->rank - 2; d++) {
        const int64_t size = value_for(desc->window, d, x->shape[2 + d]);
        axis[d] = (struct axis){ .in = x->shape[2 + d],
                                 .size = size,
                                 .stride = value_for(desc->stride, d, size),
                                 .dilation = value_for(desc->dilation, d, 1) };
        set_padding(&axis[d], desc->padding, desc->pad, desc->pad_begin[d], desc->pad_end[d]);
        count_windows(&axis[d], desc->rounding == OC_ROUND_DEFAULT ? OC_ROUND_FLOOR : desc->rounding);
    }
    place(w, axis, x->rank - 2);
}

void walk_free(struct walk *w)
{
    free(w->pixel);
    w->pixel = NULL;
}

void walk_output(const struct walk *w, const struct operand *x, int64_t channels, struct operand *y)
{
    int64_t shape[OC_MAX_RANK] = { x->shape[0], channels };
    for (int d = 0; d < w->spatial; d++)
        shape[2 + d] = w->out[d];
    operand_create(y, 2 + w->spatial, shape);
}

void walk_pool_output(const struct walk *w, const oc_pool_desc *desc, const struct operand *x,
                      struct operand *y)
{
    if (desc->window[0] == 0)
        operand_create(y, 2, x->shape);
    else
        walk_output(w, x, x->shape[1], y);
}
