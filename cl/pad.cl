/* pad.cl - borders of a constant, of mirrored or of repeated values. Host side: src/ops/pad.c.
 *
 * Both passes gather: an output has one source or none, an input adds up the outputs that it was copied to.
 *
 * The work on VECTOR channels of one pixel is the same for all implementations. "reference" has a work-item per value
 * and VECTOR 1. "vector" has a work-item per row of pixels; VECTOR is at most the number of channels, and where it does
 * not divide them the last vector overlaps the one before. */
enum { BORDER_CONSTANT, BORDER_REFLECT, BORDER_REPLICATE };
#ifndef BORDER
#define BORDER BORDER_CONSTANT
#endif
#ifndef BACKWARD
#define BACKWARD 0
#endif

/* Twin of struct padding, src/ops/pad.c. */
typedef struct {
    int in[3], out[3], begin[3];
    int n, c, source_pitch, target_pitch;
    float value;
} padding;

#if BACKWARD
#define TARGET(p) (p)->in
#else
#define TARGET(p) (p)->out
#endif

/* The input that output o is a copy of; -1: none. */
static int input_of(const padding *p, const int d, const int o)
{
    const int i = o - p->begin[d], last = p->in[d] - 1;
    if (BORDER == BORDER_REPLICATE)
        return clamp(i, 0, last);
    if (BORDER == BORDER_REFLECT)
        return i < 0 ? -i : i > last ? 2 * last - i : i;
    return i < 0 || i > last ? -1 : i;
}

/* The copies of input i are output_of(copy) for these: outputs, or its three images -1, 0, 1 before the first mirror,
 * between the two and behind the second. */
static range copies(const padding *p, const int d, const int i)
{
    range r = { i + p->begin[d], i + p->begin[d] + 1 };
    if (BORDER == BORDER_REPLICATE) {
        r.first = i == 0 ? 0 : r.first;
        r.end = i == p->in[d] - 1 ? p->out[d] : r.end;
    }
    r.first = BORDER == BORDER_REFLECT ? -1 : max(r.first, 0);
    r.end = BORDER == BORDER_REFLECT ? 2 : min(r.end, p->out[d]);
    return r;
}

/* -1: it does not exist. What lies on a mirror has no image in it. */
static int output_of(const padding *p, const int d, const int i, const int copy)
{
    const int last = p->in[d] - 1, begin = p->begin[d];
    if (BORDER != BORDER_REFLECT)
        return copy;
    if ((copy < 0 && i == 0) || (copy > 0 && i == last))
        return -1;
    const int o = begin + (copy < 0 ? -i : copy > 0 ? 2 * last - i : i);
    return o < p->out[d] ? max(o, -1) : -1;
}

/* Output pixel o, VECTOR channels from c on. */
static void forward(const padding *p, const site o, const int c, __global const real *x, __global real *y)
{
    const site i = { o.n, { input_of(p, 0, o.at[0]), input_of(p, 1, o.at[1]), input_of(p, 2, o.at[2]) } };
    const bool inside = i.at[0] >= 0 && i.at[1] >= 0 && i.at[2] >= 0;
    const realv v = inside ? LOADV(x + site_index(i, p->in) * p->source_pitch + c) : (realv)p->value;
    STOREV(v, y + site_index(o, p->out) * p->target_pitch + c);
}

/* Input pixel i, VECTOR channels from c on. */
static void backward(const padding *p, const site i, const int c, __global const real *dy, __global real *dx)
{
    const range d = copies(p, 0, i.at[0]), h = copies(p, 1, i.at[1]), w = copies(p, 2, i.at[2]);
    realv sum = 0;
    for (int id = d.first; id < d.end; id++)
        for (int ih = h.first; ih < h.end; ih++)
            for (int iw = w.first; iw < w.end; iw++) {
                const site o = { i.n,
                                 { output_of(p, 0, i.at[0], id), output_of(p, 1, i.at[1], ih),
                                   output_of(p, 2, i.at[2], iw) } };
                if (o.at[0] >= 0 && o.at[1] >= 0 && o.at[2] >= 0)
                    sum += LOADV(dy + site_index(o, p->out) * p->source_pitch + c);
            }
    STOREV(sum, dx + site_index(i, p->in) * p->target_pitch + c);
}

#if BACKWARD
#define PASS backward
#else
#define PASS forward
#endif

__kernel void pad_reference(IN(real, x), OUT(real, y), const padding p)
{
    const ulong i = get_global_id(0), pixels = (ulong)p.n * TARGET(&p)[0] * TARGET(&p)[1] * TARGET(&p)[2];
    if (i < pixels * p.c)
        PASS(&p, site_number(i / p.c, TARGET(&p)), i % p.c, AT(x), AT(y));
}

__kernel void pad_vector(IN(real, x), OUT(real, y), const padding p)
{
    site t = site_number((ulong)get_global_id(0) * TARGET(&p)[2], TARGET(&p));
    for (; t.at[2] < TARGET(&p)[2]; t.at[2]++)
        for (int c = 0; c < p.c; c += VECTOR)
            PASS(&p, t, min(c, p.c - VECTOR), AT(x), AT(y));
}
