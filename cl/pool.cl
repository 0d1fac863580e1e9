/* pool.cl - max, average and L2 pooling. Host side: src/ops/pool.c.
 *
 * POOL chooses the operation. Both passes gather: an output pixel walks over the part of its window that lies inside
 * the input (padding never takes part), an input pixel over the windows that saw it, so every value is written once,
 * in a fixed order of summation, whether any window saw it or not.
 *
 * The work on VECTOR channels of one pixel is the same for all implementations. "reference" has a work-item per value
 * and VECTOR 1. "vector" has a work-item per row of pixels; VECTOR is at most the number of channels, and where it does
 * not divide them the last vector overlaps the one before. */
enum { POOL_MAX, POOL_AVERAGE, POOL_L2 };
#ifndef POOL
#define POOL POOL_MAX
#endif
#ifndef WINNERS /* max: keep which position of the window won */
#define WINNERS 0
#endif
#ifndef WINNER /* type of a position */
#define WINNER uchar
#endif
#ifndef DILATED
#define DILATED 0
#endif

#if VECTOR == 1
typedef int intv;
#define LOAD_WINNERS(p) ((int)*(p))
#define STORE_WINNERS(v, p) (*(p) = (WINNER)(v))
#else
typedef JOIN(int, VECTOR) intv;
#define LOAD_WINNERS(p) JOIN(convert_int, VECTOR)(JOIN(vload, VECTOR)(0, p))
#define STORE_WINNERS(v, p) JOIN(vstore, VECTOR)(JOIN(JOIN(convert_, WINNER), VECTOR)(v), 0, p)
#endif

/* Twin of struct pooling, src/ops/pool.c. */
typedef struct {
    geometry g;
    int counted_begin[3], counted_end[3]; /* average: the part of the padded input that the divisor counts */
    int dx_pitch, dy_pitch, winners_pitch;
} pooling;

#define DILATION(d) (DILATED ? g->dilation[d] : 1)

/* Where window o begins; may be in the padding. */
static int window_start(const geometry *g, const int d, const int o)
{
    return o * g->stride[d] - g->begin[d];
}

/* Positions of window o that lie inside the input. */
static range inside(const geometry *g, const int d, const int o)
{
    const int start = window_start(g, d, o);
    const range r = { (max(-start, 0) + DILATION(d) - 1) / DILATION(d),
                      min(g->extent[d], (g->in[d] - start + DILATION(d) - 1) / DILATION(d)) };
    return r;
}

/* Windows that reach over input position i; a dilated one may still miss it. */
static range windows(const geometry *g, const int d, const int i)
{
    const int at = i + g->begin[d], reach = DILATION(d) * (g->extent[d] - 1) + 1;
    const range r = { at < reach ? 0 : (at - reach) / g->stride[d] + 1, min(g->out[d], at / g->stride[d] + 1) };
    return r;
}

/* Positions of window o that the divisor of the average counts. */
static int counted(const pooling *p, const int d, const int o)
{
    const int start = window_start(&p->g, d, o);
    return min(start + p->g.extent[d], p->counted_end[d]) - max(start, p->counted_begin[d]);
}

static int divisor(const pooling *p, const site o)
{
    return counted(p, 0, o.at[0]) * counted(p, 1, o.at[1]) * counted(p, 2, o.at[2]);
}

/* Output pixel o, VECTOR channels from c on. The first of equal values wins, but of several NaNs the last. */
static void forward(const pooling *p, const site o, const int c, __global const real *x, __global real *y,
                    __global WINNER *winners)
{
    const geometry *g = &p->g;
    const range d = inside(g, 0, o.at[0]), h = inside(g, 1, o.at[1]), w = inside(g, 2, o.at[2]);
    const ulong to = site_index(o, g->out);
    realv result = POOL == POOL_MAX ? -INFINITY : 0.f;
    intv winner = (d.first * g->extent[1] + h.first) * g->extent[2] + w.first;
    for (int rd = d.first; rd < d.end; rd++)
        for (int rh = h.first; rh < h.end; rh++)
            for (int rw = w.first; rw < w.end; rw++) {
                const site i = { o.n,
                                 { window_start(g, 0, o.at[0]) + rd * DILATION(0),
                                   window_start(g, 1, o.at[1]) + rh * DILATION(1),
                                   window_start(g, 2, o.at[2]) + rw * DILATION(2) } };
                const realv v = LOADV(x + site_index(i, g->in) * g->x_pitch + c);
                if (POOL == POOL_MAX) {
                    const intv better = isgreater(v, result) | isnan(v);
                    result = select(result, v, better);
                    winner = select(winner, (intv)((rd * g->extent[1] + rh) * g->extent[2] + rw), better);
                } else if (POOL == POOL_AVERAGE) {
                    result += v;
                } else {
                    result = fma(v, v, result);
                }
            }
    if (POOL == POOL_AVERAGE)
        result /= (acc)divisor(p, o);
    if (POOL == POOL_L2)
        result = sqrt(result);
    STOREV(result, y + to * g->y_pitch + c);
    if (POOL == POOL_MAX && WINNERS)
        STORE_WINNERS(winner, winners + to * p->winners_pitch + c);
}

/* Of input pixel i, VECTOR channels from c on. `seen` are the windows over it: finding them takes divisions, so that is
 * left to the caller, who does it once for many channels. */
static realv backward(const pooling *p, const site i, const box seen, const int c, __global const real *dy,
                      __global const WINNER *winners, __global const real *x, __global const real *y)
{
    const geometry *g = &p->g;
    realv sum = 0, value = 0;
    if (POOL == POOL_L2)
        value = LOADV(x + site_index(i, g->in) * g->x_pitch + c);
    for (int od = seen.d.first; od < seen.d.end; od++)
        for (int oh = seen.h.first; oh < seen.h.end; oh++)
            for (int ow = seen.w.first; ow < seen.w.end; ow++) {
                const site o = { i.n, { od, oh, ow } };
                const ulong from = site_index(o, g->out);
                const int rd = i.at[0] - window_start(g, 0, od), rh = i.at[1] - window_start(g, 1, oh),
                          rw = i.at[2] - window_start(g, 2, ow);
                if (rd % DILATION(0) != 0 || rh % DILATION(1) != 0 || rw % DILATION(2) != 0)
                    continue;
                const realv v = LOADV(dy + from * p->dy_pitch + c);
                if (POOL == POOL_MAX) {
                    const int position = (rd / DILATION(0) * g->extent[1] + rh / DILATION(1)) * g->extent[2] +
                                         rw / DILATION(2);
                    sum += LOAD_WINNERS(winners + from * p->winners_pitch + c) == (intv)position ? v : (realv)0;
                } else if (POOL == POOL_AVERAGE) {
                    sum = fma(v, 1 / (acc)divisor(p, o), sum);
                } else { /* value/norm is at most 1: nothing overflows on the way */
                    const realv norm = LOADV(y + from * g->y_pitch + c);
                    sum += norm == (realv)0 ? (realv)0 : v * (value / norm);
                }
            }
    return sum;
}

__kernel void pool_reference_forward(IN(real, x), OUT(real, y), OUT(WINNER, winners), const pooling p)
{
    const ulong i = get_global_id(0), pixels = (ulong)p.g.n * p.g.out[0] * p.g.out[1] * p.g.out[2];
    if (i < pixels * p.g.c)
        forward(&p, site_number(i / p.g.c, p.g.out), i % p.g.c, AT(x), AT(y), AT(winners));
}

__kernel void pool_reference_backward(IN(real, dy), IN(WINNER, winners), IN(real, x), IN(real, y), OUT(real, dx),
                                      const pooling p, EPILOGUE_ARGUMENTS)
{
    const ulong i = get_global_id(0), pixels = (ulong)p.g.n * p.g.in[0] * p.g.in[1] * p.g.in[2];
    if (i < pixels * p.g.c) {
        const site q = site_number(i / p.g.c, p.g.in);
        const box seen = { windows(&p.g, 0, q.at[0]), windows(&p.g, 1, q.at[1]), windows(&p.g, 2, q.at[2]) };
        realv sum = backward(&p, q, seen, i % p.g.c, AT(dy), AT(winners), AT(x), AT(y));
        EPILOGUE(realv, LOADV, sum, i / p.g.c, i % p.g.c)
        STOREV(sum, AT(dx) + i / p.g.c * p.dx_pitch + i % p.g.c);
    }
}

__kernel void pool_vector_forward(IN(real, x), OUT(real, y), OUT(WINNER, winners), const pooling p)
{
    site o = site_number((ulong)get_global_id(0) * p.g.out[2], p.g.out);
    for (; o.at[2] < p.g.out[2]; o.at[2]++)
        for (int c = 0; c < p.g.c; c += VECTOR)
            forward(&p, o, min(c, p.g.c - VECTOR), AT(x), AT(y), AT(winners));
}

__kernel void pool_vector_backward(IN(real, dy), IN(WINNER, winners), IN(real, x), IN(real, y), OUT(real, dx),
                                   const pooling p, EPILOGUE_ARGUMENTS)
{
    site i = site_number((ulong)get_global_id(0) * p.g.in[2], p.g.in);
    box seen = { windows(&p.g, 0, i.at[0]), windows(&p.g, 1, i.at[1]), { 0, 0 } };
    for (; i.at[2] < p.g.in[2]; i.at[2]++) {
        seen.w = windows(&p.g, 2, i.at[2]);
        const ulong to = site_index(i, p.g.in);
        for (int start = 0; start < p.g.c; start += VECTOR) {
            const int c = min(start, p.g.c - VECTOR);
            realv sum = backward(&p, i, seen, c, AT(dy), AT(winners), AT(x), AT(y));
            EPILOGUE(realv, LOADV, sum, to, c)
            STOREV(sum, AT(dx) + to * p.dx_pitch + c);
        }
    }
}
