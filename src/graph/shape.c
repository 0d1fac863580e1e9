/* shape.c - sizes of tensors, and window arithmetic. */
#include "graph/shape.h"
#include "base/text.h"

#include <inttypes.h>

struct shape shape_read(const int64_t dims[OC_MAX_RANK])
{
    struct shape s = { 0 };
    while (s.rank < OC_MAX_RANK && dims[s.rank] != 0) {
        s.dim[s.rank] = dims[s.rank];
        s.rank++;
    }
    return s;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool shape_is_countable(const struct shape *s)
{
    int64_t most = (int64_t)1 << 48;
    for (int i = 0; i < s->rank; i++)
        most /= s->dim[i];
    return most > 0;
}

static int64_t product(const struct shape *s, int first)
{
    int64_t count = 1;
    for (int i = first; i < s->rank; i++)
        count *= s->dim[i];
    return count;
}

int64_t shape_count(const struct shape *s)
{
    return product(s, 0);
}

int64_t shape_channels(const struct shape *s)
{
    return s->rank > 1 ? s->dim[1] : 1;
}

int64_t shape_spatial(const struct shape *s)
{
    return product(s, 2);
}

int64_t shape_pixels(const struct shape *s)
{
    return s->rank > 0 ? s->dim[0] * shape_spatial(s) : 1;
}

const char *shape_text(const struct shape *s, char *buffer, size_t capacity)
{
    struct text text = { .data = buffer, .capacity = capacity };
    text_shape(&text, s->rank, s->dim);
    return s->rank > 0 ? buffer : "scalar";
}

/* One value holds for all dimensions. */
static int per_dimension(const int *values, int i, int rank)
{
    bool single = values[0] != 0;
    for (int j = 1; j < rank; j++)
        single = single && values[j] == 0;
    return single ? values[0] : values[i];
}

enum {
    LIMIT = 1 << 28, /* keeps all sums of window numbers inside an int */
    SIZE_LIMIT = INT32_MAX / 4
};

static int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Padding of one dimension, from the way it was asked for. */
static oc_status resolve_padding(struct window *w, const struct window_request *r, int d, int i)
{
    const int reach = window_reach(w, d);
    switch (r->padding) {
    case OC_PAD_NUMBER:
        w->begin[d] = w->end[d] = r->pad;
        break;
    case OC_PAD_VALID:
        break;
    case OC_PAD_SAME: {
        const int64_t total = (ceil_divide(w->in[d], w->stride[d]) - 1) * w->stride[d] + reach - w->in[d];
        w->begin[d] = total > 0 ? (int)(total / 2) : 0;
        w->end[d] = total > 0 ? (int)(total - total / 2) : 0;
        break;
    }
    case OC_PAD_FULL:
        w->begin[d] = w->end[d] = reach - 1;
        break;
    case OC_PAD_EXPLICIT:
        w->begin[d] = r->pad_begin[i];
        w->end[d] = r->pad_end[i];
        break;
    default:
        return fail(OC_E_ARGUMENT, "padding %d is none of OC_PAD_*", (int)r->padding);
    }
    if (w->begin[d] < 0 || w->end[d] < 0 || w->begin[d] > LIMIT || w->end[d] > LIMIT)
        return fail(OC_E_ARGUMENT, "padding must be in 0..%d, it is %d and %d", (int)LIMIT, w->begin[d],
                    w->end[d]);
    return OC_OK;
}

static oc_status resolve_output(struct window *w, const struct window_request *r, int d)
{
    const oc_rounding rounding = r->rounding != OC_ROUND_DEFAULT ? r->rounding : r->default_rounding;
    const int64_t reach = window_reach(w, d), stride = w->stride[d];
    const int64_t padded = (int64_t)w->in[d] + w->begin[d] + w->end[d], rest = padded - reach;
    if (rounding < OC_ROUND_EXACT || rounding > OC_ROUND_CEIL)
        return fail(OC_E_ARGUMENT, "rounding %d is none of OC_ROUND_*", (int)rounding);
    if (rest < 0)
        return fail(OC_E_SHAPE, "a window that covers %" PRId64 " does not fit into %d + padding %d + %d",
                    reach, w->in[d], w->begin[d], w->end[d]);
    if (rest % stride != 0 && rounding == OC_ROUND_EXACT && r->padding != OC_PAD_SAME)
        return fail(OC_E_SHAPE,
                    "a window that covers %" PRId64 " with stride %" PRId64
                    " does not fit evenly into %d + padding "
                    "%d + %d: %" PRId64 " left over (OC_ROUND_FLOOR leaves them out)",
                    reach, stride, w->in[d], w->begin[d], w->end[d], rest % stride);
    int64_t out = rest / stride + 1;
    if (rounding == OC_ROUND_CEIL) {
        out = ceil_divide(rest, stride) + 1;
        if ((out - 1) * stride >= (int64_t)w->in[d] + w->begin[d])
            out--; /* the last window must start inside the input or its leading padding */
    }
    w->out[d] = (int)out;
    return OC_OK;
}

int window_reach(const struct window *w, int d)
{
    return w->dilation[d] * (w->extent[d] - 1) + 1;
}

/* The numbers of one dimension that do not depend on its size. */
static oc_status resolve_numbers(struct window *w, const struct window_request *r, int d, int i, int rank)
{
    w->extent[d] = per_dimension(r->extent, i, rank);
    w->stride[d] = per_dimension(r->stride, i, rank);
    w->dilation[d] = r->dilation ? per_dimension(r->dilation, i, rank) : 1;
    if (w->stride[d] == 0)
        w->stride[d] = r->stride_is_extent ? w->extent[d] : 1;
    if (w->dilation[d] == 0)
        w->dilation[d] = 1;
    if (w->extent[d] < 1 || w->extent[d] > LIMIT)
        return fail(OC_E_ARGUMENT, "window must be in 1..%d in every dimension, it is %d", (int)LIMIT,
                    w->extent[d]);
    if (w->stride[d] < 1 || w->stride[d] > LIMIT)
        return fail(OC_E_ARGUMENT, "stride must be in 1..%d, it is %d", (int)LIMIT, w->stride[d]);
    if (w->dilation[d] < 1 || (int64_t)w->dilation[d] * w->extent[d] > LIMIT)
        return fail(OC_E_ARGUMENT,
                    "dilation must be at least 1 and its product with the window at most %d, it is %d",
                    (int)LIMIT, w->dilation[d]);
    return OC_OK;
}

/* The window before anything is known, for a tensor with 1 to 3 spatial dimensions of a size that an int holds. */
static oc_status begin_window(struct window *w, const struct shape *s)
{
    *w = (struct window){ { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 }, { 0 }, { 0 }, { 1, 1, 1 }, { 1, 1, 1 } };
    if (s->rank < 3 || s->rank > 5)
        return fail(OC_E_SHAPE, "a window needs 1 to 3 spatial dimensions, the input is %s", SHAPE_TEXT(s));
    for (int i = 2; i < s->rank; i++)
        if (s->dim[i] > SIZE_LIMIT)
            return fail(OC_E_SHAPE, "spatial size %" PRId64 " is too large", s->dim[i]);
    return OC_OK;
}

static oc_status check_positions(const struct window *w)
{
    const struct shape extents = { .rank = 3, .dim = { w->extent[0], w->extent[1], w->extent[2] } };
    if (!shape_is_countable(&extents) || shape_count(&extents) > INT32_MAX)
        return fail(OC_E_UNSUPPORTED, "a window of %s has more than %d positions", SHAPE_TEXT(&extents),
                    INT32_MAX);
    return OC_OK;
}

oc_status window_resolve(struct window *w, const struct window_request *r, const struct shape *input)
{
    const int rank = input->rank - 2;
    TRY(begin_window(w, input));
    for (int i = 0; i < rank; i++) {
        const int d = 3 - rank + i;
        w->in[d] = (int)input->dim[2 + i];
        TRY(resolve_numbers(w, r, d, i, rank));
        TRY(resolve_padding(w, r, d, i));
        TRY(resolve_output(w, r, d));
    }
    return check_positions(w);
}

/* The size that one dimension of the result has. */
static oc_status resolve_transposed(struct window *w, const struct window_request *r, int extra, int d)
{
    const int larger = w->stride[d] > w->dilation[d] ? w->stride[d] : w->dilation[d];
    if (extra < 0 || extra >= larger)
        return fail(OC_E_ARGUMENT,
                    "output_padding must be at least 0 and below the stride %d or the dilation %d, it is %d",
                    w->stride[d], w->dilation[d], extra);
    int64_t size = (int64_t)w->out[d] * w->stride[d] + extra;
    if (r->padding != OC_PAD_SAME)
        size += window_reach(w, d) - w->stride[d] - (int64_t)w->begin[d] - w->end[d];
    if (size < 1 || size > SIZE_LIMIT)
        return fail(
            OC_E_SHAPE,
            "size %d, a window that covers %d, stride %d and padding %d + %d make a result of size %" PRId64,
            w->out[d], window_reach(w, d), w->stride[d], w->begin[d], w->end[d], size);
    w->in[d] = (int)size;
    return OC_OK;
}

oc_status window_resolve_transposed(struct window *w, const struct window_request *r,
                                    const int output_padding[3], const struct shape *output)
{
    const int rank = output->rank - 2;
    TRY(begin_window(w, output));
    for (int i = 0; i < rank; i++) {
        const int d = 3 - rank + i;
        w->out[d] = (int)output->dim[2 + i];
        TRY(resolve_numbers(w, r, d, i, rank));
        const int64_t same = (int64_t)w->out[d] * w->stride[d]; /* what OC_PAD_SAME goes by */
        w->in[d] = same <= SIZE_LIMIT ? (int)same : SIZE_LIMIT;
        TRY(resolve_padding(w, r, d, i));
        TRY(resolve_transposed(w, r, output_padding[i], d));
    }
    return check_positions(w);
}

void window_receptive(const struct window *window, int rank, struct receptive *r)
{
    for (int i = 0; i < rank - 2; i++) {
        r->size[i] = window_reach(window, OC_MAX_RANK - rank + i);
        r->stride[i] = window->stride[OC_MAX_RANK - rank + i];
    }
}

struct shape window_output(const struct window *w, int64_t n, int64_t c, int rank)
{
    struct shape s = { .rank = rank, .dim = { n, c } };
    for (int i = 2; i < rank; i++)
        s.dim[i] = w->out[3 - (rank - 2) + i - 2];
    return s;
}
