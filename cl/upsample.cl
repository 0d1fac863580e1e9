/* upsample.cl - nearest and linear interpolation. Host side: src/ops/upsample.c.
 *
 * An output pixel lies somewhere between input pixels, and both passes ask the same: how much has output o to do with
 * input i? Nearest: 1 or 0. LINEAR: 1 - |position of o - i|, if that is above 0; along several axes the product. So both
 * passes gather, and differ in whose neighbours are walked over: the forward pass goes over the inputs of an output,
 * BACKWARD over the outputs of an input. Pixels of weight 0 are not read.
 *
 * Positions are whole numbers of 1/divisor of a pixel, so that they and the weights are exact.
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

/* Output o lies at (o*scale + offset)/divisor. Twin of struct axis, src/ops/upsample.c. */
typedef struct {
    long scale, offset, divisor;
    int in, out;
    float unit; /* 1/divisor */
    int padding;
} axis;

/* Twin of struct upsampling, src/ops/upsample.c. */
typedef struct {
    axis a[3];
    int n, c, source_pitch, target_pitch;
} upsampling;

typedef struct {
    int first, end;
} range;

#define SOURCE(a) (BACKWARD ? (a).out : (a).in)
#define TARGET(a) (BACKWARD ? (a).in : (a).out)

static long ceil_divide(const long a, const long b)
{
    return (a + b - 1) / b;
}

/* Where output o lies, in units of 1/divisor. */
static long position(const axis *a, const int o)
{
    return clamp(o * a->scale + a->offset, 0L, (a->in - 1) * a->divisor);
}

static real weight(const axis *a, const int target, const int source)
{
    const int i = BACKWARD ? target : source, o = BACKWARD ? source : target;
    return LINEAR ? (real)(a->divisor - (long)abs_diff(position(a, o), i * a->divisor)) * a->unit : (real)1;
}

/* The first output that lies at input i or after it; with LINEAR, after it. The numerator is not negative there. */
static int output_after(const axis *a, const int i)
{
    const long at = i * a->divisor - a->offset;
    return (int)min((long)a->out, LINEAR ? at / a->scale + 1 : ceil_divide(at, a->scale));
}

/* The source pixels of a target pixel. */
static range sources(const axis *a, const int target)
{
    range r;
#if BACKWARD
    const int before = LINEAR ? target - 1 : target;
    r.first = target == 0 ? 0 : output_after(a, before);
    r.end = target == a->in - 1 ? a->out : LINEAR ? (int)min((long)a->out, ceil_divide((target + 1) * a->divisor - a->offset, a->scale)) : output_after(a, target + 1);
#else
    const long at = position(a, target);
    r.first = at / a->divisor;
    r.end = r.first + 1 + (LINEAR && at % a->divisor != 0);
#endif
    return r;
}
