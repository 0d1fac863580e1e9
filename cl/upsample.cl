/* upsample.cl - nearest and linear interpolation. Host side: src/ops/upsample.c.
 *
 * Output o lies at a position between inputs, and both passes ask how much it has to do with input i. Nearest: 1 or 0.
 * LINEAR: 1 - |position - i| where that is above 0; along several axes the product. So both passes gather, and differ in
 * whose neighbours are walked over: the forward pass goes over the inputs of an output, BACKWARD over the outputs of an
 * input. What has a weight of 0 is not read. Positions count in parts of a pixel (1/divisor), so that they are whole
 * numbers and the weights exact but for one rounding.
 *
 * The work on VECTOR channels of one pixel is the same for all implementations. "reference" has a work-item per value
 * and VECTOR 1. "vector" has a work-item per row of pixels; VECTOR is at most the number of channels, and where it does
 * not divide them the last vector overlaps the one before. */
#ifndef LINEAR
#define LINEAR 0
#endif
#ifndef BACKWARD
#define BACKWARD 0
#endif

/* Twin of struct axis, src/ops/upsample.c: output o lies at o*scale + offset, input i at i*divisor. */
typedef struct {
    long scale, offset, divisor;
    float part; /* 1/divisor */
    int padding;
} axis;

/* Twin of struct upsampling, src/ops/upsample.c. */
typedef struct {
    axis a[3];
    int in[3], out[3];
    int n, c, source_pitch, target_pitch;
} upsampling;

#if BACKWARD
#define SOURCE(u) (u)->out
#define TARGET(u) (u)->in
#else
#define SOURCE(u) (u)->in
#define TARGET(u) (u)->out
#endif

static long position(const upsampling *u, const int d, const int o)
{
    return clamp(o * u->a[d].scale + u->a[d].offset, 0L, (u->in[d] - 1) * u->a[d].divisor);
}

/* The first output at this position or after it. */
static int output_at(const upsampling *u, const int d, const long at)
{
    const long scale = u->a[d].scale;
    return (int)clamp((at - u->a[d].offset + scale - 1) / scale, 0L, (long)u->out[d]);
}

/* The sources of a target. Outputs beyond the first and the last input belong to these. */
static range sources(const upsampling *u, const int d, const int target)
{
    const long divisor = u->a[d].divisor;
    range r;
#if BACKWARD
    const long reach = LINEAR ? divisor - 1 : 0;
    r.first = target == 0 ? 0 : output_at(u, d, target * divisor - reach);
    r.end = target == u->in[d] - 1 ? u->out[d] : output_at(u, d, (target + 1) * divisor);
#else
    const long at = position(u, d, target);
    r.first = at / divisor;
    r.end = r.first + 1 + (LINEAR && at % divisor != 0);
#endif
    return r;
}

static acc weight(const upsampling *u, const int d, const int target, const int source)
{
#if LINEAR
    const int i = BACKWARD ? target : source, o = BACKWARD ? source : target;
    const long divisor = u->a[d].divisor, distance = (long)abs_diff(position(u, d, o), i * divisor);
    return (acc)(divisor - distance) * u->a[d].part;
#else
    return 1;
#endif
}

/* Target pixel t, VECTOR channels from c on. Finding its sources takes divisions, so that is left to the caller, who does
 * it once for many channels. */
static void interpolate(const upsampling *u, const site t, const box from, const int c, __global const real *source,
                        __global real *target)
{
    realv sum = 0;
    for (int d = from.d.first; d < from.d.end; d++) {
        const acc share_d = weight(u, 0, t.at[0], d);
        for (int h = from.h.first; h < from.h.end; h++) {
            const acc share_h = share_d * weight(u, 1, t.at[1], h);
            for (int w = from.w.first; w < from.w.end; w++) {
                const site s = { t.n, { d, h, w } };
                const realv share = share_h * weight(u, 2, t.at[2], w);
                sum = fma(LOADV(source + site_index(s, SOURCE(u)) * u->source_pitch + c), share, sum);
            }
        }
    }
    STOREV(sum, target + site_index(t, TARGET(u)) * u->target_pitch + c);
}

__kernel void upsample_reference(IN(real, x), OUT(real, y), const upsampling u)
{
    const ulong i = get_global_id(0), pixels = (ulong)u.n * TARGET(&u)[0] * TARGET(&u)[1] * TARGET(&u)[2];
    if (i < pixels * u.c) {
        const site t = site_number(i / u.c, TARGET(&u));
        const box from = { sources(&u, 0, t.at[0]), sources(&u, 1, t.at[1]), sources(&u, 2, t.at[2]) };
        interpolate(&u, t, from, i % u.c, AT(x), AT(y));
    }
}

__kernel void upsample_vector(IN(real, x), OUT(real, y), const upsampling u)
{
    site t = site_number((ulong)get_global_id(0) * TARGET(&u)[2], TARGET(&u));
    box from = { sources(&u, 0, t.at[0]), sources(&u, 1, t.at[1]), { 0, 0 } };
    for (; t.at[2] < TARGET(&u)[2]; t.at[2]++) {
        from.w = sources(&u, 2, t.at[2]);
        for (int c = 0; c < u.c; c += VECTOR)
            interpolate(&u, t, from, min(c, u.c - VECTOR), AT(x), AT(y));
    }
}
