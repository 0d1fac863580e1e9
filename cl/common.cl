/* common.cl - stands before every kernel file.
 *
 * Conventions: a tensor is two arguments, its memory and the offset of its first element: IN, OUT and IN_OUT declare
 * them, AT(x) is the pointer. Storage is channels-last: pixel after pixel, `pitch` values apart. `real` is what is
 * stored, `acc` what sums are made in. Sizes are arguments; -D definitions choose code. */
#define real float /* macros, because JOIN makes the names of vector types of them */
#define acc float

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#define IN(type, x) __global const type *restrict x##_memory, const ulong x##_offset
#define OUT(type, x) __global type *restrict x##_memory, const ulong x##_offset
#define IN_PLACE(type, x) __global type *x##_memory, const ulong x##_offset /* may be another argument's memory too */
#define AT(x) (x##_memory + x##_offset)

/* VECTOR values at once. */
#ifndef VECTOR
#define VECTOR 16
#endif
#if VECTOR == 1
typedef real realv;
#define LOADV(p) (*(p))
#define STOREV(v, p) (*(p) = (v))
#else
typedef JOIN(real, VECTOR) realv;
#define LOADV(p) JOIN(vload, VECTOR)(0, p)
#define STOREV(v, p) JOIN(vstore, VECTOR)(v, 0, p)
#endif

/* The sum of a vector's values, in pairs. */
static acc sum_lanes(const realv v)
{
    acc lane[VECTOR];
    STOREV(v, lane);
    for (int count = VECTOR / 2; count > 0; count /= 2)
        for (int i = 0; i < count; i++)
            lane[i] += lane[i + count];
    return lane[0];
}

/* Asks memory for values that will be copied soon: it has nothing else to do while a core multiplies. */
#if defined(__x86_64__) || defined(__aarch64__)
#define PREFETCH(p) __builtin_prefetch((const void *)(ulong)(p), 0, 2)
#else
#define PREFETCH(p)
#endif

/* Stores a vector past the caches, at a multiple of its size: a line that is wholly written need not be read first. */
#if defined(__x86_64__) || defined(__aarch64__)
#define STREAMV(v, p) __builtin_nontemporal_store(v, (__global realv *)(p))
#else
#define STREAMV(v, p) STOREV(v, p)
#endif

/* What seldom happens stays a function of its own on CPUs: inlined into every unrolled load and store it fills the cache for
 * instructions, and takes the compiler most of its time. */
#if defined(__x86_64__) || defined(__aarch64__)
#define SELDOM __attribute__((noinline))
#else
#define SELDOM
#endif

/* load_or and store_some where the vector is not whole. */
static SELDOM realv load_lanes(__global const real *p, int count, real otherwise)
{
    real lanes[VECTOR];
    for (int i = 0; i < VECTOR; i++)
        lanes[i] = i < count ? p[i] : otherwise;
    return LOADV(lanes);
}

static SELDOM void store_lanes(realv v, __global real *p, int count)
{
    real lanes[VECTOR];
    STOREV(v, lanes);
    for (int i = 0; i < count; i++)
        p[i] = lanes[i];
}

/* The first `count` values, then `otherwise`. */
static realv load_or(__global const real *p, int count, real otherwise)
{
    if (count >= VECTOR)
        return LOADV(p);
    return load_lanes(p, count, otherwise);
}

#define load_some(p, count) load_or(p, count, (real)0)
#define LOAD_COUNT(p) load_some(p, count)

static void store_some(realv v, __global real *p, int count)
{
    if (count >= VECTOR)
        STOREV(v, p);
    else
        store_lanes(v, p, count);
}

/* Values of up to two tensors a and b that become values of y: rows of `width` values, `pitch` apart; `count` values
 * in all, so the last row of a dense tensor may be shorter. Twin of struct rows, ops/elementwise.h. */
typedef struct {
    long count;
    int width, a_pitch, b_pitch, y_pitch;
    int rows_per_item;
    float alpha, beta;
    int padding;
} rows;

/* Elementwise functions, for a scalar or vector type T. The gradient is written in terms of the output y where that is
 * possible, so that the input x need not be kept. Comparisons are written so that a NaN stays one. */
#ifndef ANY_EPILOGUE
#define ANY_EPILOGUE 0
#endif
#ifndef FUNCTION
#if ANY_EPILOGUE
#define FUNCTION apply_relu
#else
#define FUNCTION apply_identity
#endif
#endif
#define APPLY(T, x, alpha) FUNCTION(T, x, alpha)
#define APPLY_GRADIENT(T, dy, y, alpha) JOIN(FUNCTION, _gradient)(T, dy, y, alpha)

#define apply_identity(T, x, alpha) (x)
#define apply_identity_gradient(T, dy, y, alpha) (dy)
#define apply_relu(T, x, alpha) ((x) < (T)0 ? (T)0 : (x))
#define apply_relu_gradient(T, dy, y, alpha) ((y) <= (T)0 ? (T)0 : (dy))
#define apply_leaky_relu(T, x, alpha) ((x) > (T)0 ? (x) : (x) * (T)(alpha))
#define apply_leaky_relu_gradient(T, dy, y, alpha) ((y) > (T)0 ? (dy) : (dy) * (T)(alpha))
#define apply_sigmoid(T, x, alpha) ((T)1 / ((T)1 + exp(-(x))))
#define apply_sigmoid_gradient(T, dy, y, alpha) ((dy) * (y) * ((T)1 - (y)))
#define apply_tanh(T, x, alpha) tanh(x)
#define apply_tanh_gradient(T, dy, y, alpha) ((dy) * ((T)1 - (y) * (y)))
#define apply_relu6(T, x, alpha) ((x) < (T)0 ? (T)0 : (x) > (T)6 ? (T)6 : (x))
#define apply_relu6_gradient(T, dy, y, alpha) ((y) <= (T)0 ? (T)0 : (y) >= (T)6 ? (T)0 : (dy))
#define apply_elu(T, x, alpha) ((x) > (T)0 ? (x) : expm1(x) * (T)(alpha))
#define apply_elu_gradient(T, dy, y, alpha) ((y) <= (T)0 ? (dy) * ((y) + (T)(alpha)) : (dy))
#define apply_softplus(T, x, alpha) (apply_relu(T, x, alpha) + log1p(exp(-fabs(x))))
#define apply_softplus_gradient(T, dy, y, alpha) ((dy) * -expm1(-(y))) /* that is sigmoid(x) */
#define apply_silu(T, x, alpha) ((x) / ((T)1 + exp(-(x))))
#define apply_silu_gradient(T, dy, x, alpha) \
    ((dy) * apply_sigmoid(T, x, alpha) * ((T)1 + (x) * ((T)1 - apply_sigmoid(T, x, alpha))))
#define apply_hard_swish(T, x, alpha) ((x) * apply_relu6(T, (x) + (T)3, alpha) / (T)6)
#define apply_hard_swish_gradient(T, dy, x, alpha) \
    ((x) <= (T)-3 ? (T)0 : (x) < (T)3 ? (dy) * ((x) / (T)3 + (T)0.5f) : (dy))
#define apply_gelu(T, x, alpha) ((T)0.5f * (x) * erfc((x) * (T)-M_SQRT1_2_F)) /* erfc: no cancellation where x < 0 */
#define apply_gelu_gradient(T, dy, x, alpha) \
    ((dy) * ((T)0.5f * erfc((x) * (T)-M_SQRT1_2_F) + (x) * (T)0.3989422804f * exp((T)-0.5f * (x) * (x))))
#define apply_scale(T, x, alpha) ((x) * (T)(alpha))

/* The epilogue: what a kernel makes of a finished value v before it stores it:
 *     y = FUNCTION(v + addend), or, with `kept`, the gradient of FUNCTION, where it or its argument was `kept`, times v + addend
 * A convolution's bias is the kernel's own business, if it HAS_BIAS, and comes before. A kernel declares EPILOGUE_ARGUMENTS,
 * and its result as RESULT(real, y), since that may be the addend's memory. Before it stores v as `channel` of `pixel` it calls
 * EPILOGUE; or, if partial sums pass through y, ADD_ADDEND on the first of them and FINISH on the last. T is the type of v,
 * LOAD(p) reads one (LOAD1, LOADV, ...). Only the work-item that stores an element may load it, and before it stores anything
 * there.
 *
 * The addend takes part if ADDEND is 1, `kept` if KEPT is, the bias if BIAS is. With ANY_EPILOGUE arguments say so instead, and
 * whether there is a FUNCTION: then the layers of a network share a kernel, whatever follows them. That is for kernels for CPUs,
 * which take long to compile; on GPUs what is not there should cost no registers. Host side: struct epilogue_arguments,
 * ops/emit.h. */
#ifndef ADDEND
#define ADDEND 0
#endif
#ifndef KEPT
#define KEPT 0
#endif
#ifndef BIAS
#define BIAS 0
#endif

/* Twin of struct epilogue_values, ops/emit.h. */
typedef struct {
    float alpha;
    int applied;                  /* whether FUNCTION is */
    int addend_pitch, kept_pitch; /* 0: is missing */
    int biased;                   /* whether the kernel adds a bias */
} epilogue;

#if ANY_EPILOGUE
#define HAS_ADDEND (tail.addend_pitch > 0)
#define HAS_KEPT (tail.kept_pitch > 0)
#define HAS_FUNCTION tail.applied
#define HAS_BIAS tail.biased
#else
#define HAS_ADDEND ADDEND
#define HAS_KEPT KEPT
#define HAS_FUNCTION 1
#define HAS_BIAS BIAS
#endif

#define EPILOGUE_ARGUMENTS IN_PLACE(const real, addend), IN_PLACE(const real, kept), const epilogue tail
#define LOAD1(p) (*(p))
#if ANY_EPILOGUE || ADDEND
#define RESULT(type, y) IN_PLACE(type, y)
#else
#define RESULT(type, y) OUT(type, y)
#endif

#define ADD_ADDEND(T, LOAD, v, pixel, channel)                                       \
    {                                                                                \
        if (HAS_ADDEND)                                                              \
            (v) += LOAD(AT(addend) + (long)(pixel) * tail.addend_pitch + (channel)); \
    }

#define FINISH(T, LOAD, v, pixel, channel)                                              \
    {                                                                                   \
        const T value_ = (v);                                                           \
        if (HAS_KEPT) {                                                                 \
            const T at_ = LOAD(AT(kept) + (long)(pixel) * tail.kept_pitch + (channel)); \
            (v) = APPLY_GRADIENT(T, value_, at_, tail.alpha);                           \
        } else if (HAS_FUNCTION) {                                                      \
            (v) = APPLY(T, value_, tail.alpha);                                         \
        }                                                                               \
    }

#define EPILOGUE(T, LOAD, v, pixel, channel)   \
    {                                          \
        ADD_ADDEND(T, LOAD, v, pixel, channel) \
        FINISH(T, LOAD, v, pixel, channel)     \
    }

/* The prologue: what a kernel makes of a value v of its input as it reads it, of type T, with the scale and shift of its channel:
 * v*scale + shift if PROLOGUE is 1, ReLU of that if it is 2, v itself if it is 0. Where there is none, the arguments are another
 * input. Host side: conv_prologue and PROLOGUE, ops/conv.h. */
#ifndef PROLOGUE
#define PROLOGUE 0
#endif
#define PROLOGUE_ARGUMENTS IN(real, scale), IN(real, shift)
#define BEGIN(T, v, scale, shift)       \
    {                                   \
        if (PROLOGUE > 0)               \
            (v) = fma(v, scale, shift); \
        if (PROLOGUE > 1)               \
            (v) = apply_relu(T, v, 0);  \
    }

/* Over the vectors a[i][j] of a tile, which lie in registers as long as all such loops are unrolled. Kernels for CPUs finish a
 * tile without a gap step by step, each for all its vectors: with few products per result, looking at each vector takes as
 * long as multiplying. What remains at the edges goes through an array `rest`, in loops that are short to compile. */
#define FOR_TILE                                     \
    _Pragma("unroll") for (int i = 0; i < TILE; i++) \
        _Pragma("unroll") for (int j = 0; j < COLUMNS; j++)

/* A window over the input, always three-dimensional (depth, height, width). Twin of struct geometry, ops/window.h. */
typedef struct {
    int n, c, k;       /* batch, input channels, output channels */
    int in[3], out[3]; /* spatial sizes */
    int extent[3], stride[3], dilation[3], begin[3];
    int groups;
    int x_pitch, y_pitch;
} geometry;

/* Compilers take long over large kernels, so a program of a convolution may have those of ONLY one pass of its file. */
#define GATHER 1
#define FILTER 2
#define PACK 3
#ifndef ONLY
#define ONLY 0
#endif
#define HAS(part) (ONLY == 0 || ONLY == part)

/* Along one axis, destination pixel j lies at first + j*step, and window position q of it looks at the source pixel
 * j*scale + offset + q*reach. Twin of struct gather_axis, ops/conv_gather.h. */
typedef struct {
    int count, first, step, size; /* destination pixels that are computed; their places; the whole size */
    int scale, offset, reach, source_size;
    int positions;
} gather_axis;

/* A convolution as a matrix product: destination pixels times (window position, source channel) times destination
 * channels. Twin of struct gather, ops/conv_gather.h. */
typedef struct {
    gather_axis a[3];
    int n, groups, channels, filters; /* source and destination channels are those of one group */
    int x_pitch, y_pitch;
    int first_position, all_positions; /* this launch's share of the packed weights */
    int joined;                        /* the source channels of a line of positions lie side by side */
    int blocks;                        /* of destination channels, per work-item */
    int streamed;                      /* no cache holds the result */
} gather;

static bool is_inside(const int i, const int size)
{
    return (uint)i < (uint)size;
}

/* Where the result for destination pixel `m` of this launch goes. */
static int destination_of(const gather *g, const int m)
{
    if (g->a[0].count == g->a[0].size && g->a[1].count == g->a[1].size && g->a[2].count == g->a[2].size)
        return m;
    const int row = m / g->a[2].count, plane = row / g->a[1].count;
    const int d = g->a[0].first + plane % g->a[0].count * g->a[0].step;
    const int h = g->a[1].first + row % g->a[1].count * g->a[1].step;
    const int w = g->a[2].first + m % g->a[2].count * g->a[2].step;
    return ((plane / g->a[0].count * g->a[0].size + d) * g->a[1].size + h) * g->a[2].size + w;
}

/* A pixel: its sample and where it lies along each axis; `size` are the axes' sizes. */
typedef struct {
    ulong n;
    int at[3];
} site;

static site site_number(const ulong i, const int *size)
{
    const ulong row = i / size[2], plane = row / size[1];
    const site q = { plane / size[0], { plane % size[0], row % size[1], i % size[2] } };
    return q;
}

static ulong site_index(const site q, const int *size)
{
    return ((q.n * size[0] + q.at[0]) * size[1] + q.at[1]) * size[2] + q.at[2];
}

/* Neighbours along an axis, and along all three. */
typedef struct {
    int first, end;
} range;

typedef struct {
    range d, h, w;
} box;
