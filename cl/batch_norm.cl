/* batch_norm.cl - batch normalisation: statistics, normalising, gradients. Host side: src/ops/batch_norm_emit.c.
 *
 * Sums over pixels have two stages: one of chunks, whose number depends on the shape only, and one over the chunks. Means
 * are means of differences from the channel's first value, and squares are those of differences from the mean of a chunk's
 * first RUN rows: so neither loses digits to a mean that is large beside the deviation.
 *
 * OPERATION chooses what is done with every value: normalized (a = x), normalized_only (without weight and bias), gradient
 * (a = dy, b = x), scale (a = dy). WIDTH is how many vectors of channels a work-item of the first stage adds up at most, LANES
 * how many work-items share the chunks of a channel in the second: on a GPU, one alone would wait for memory most of the
 * time. */
#ifndef OPERATION
#define OPERATION normalized
#endif
#ifndef WIDTH
#define WIDTH 64 /* as in src/ops/batch_norm_emit.c */
#endif
#ifndef LANES
#define LANES 1
#endif

#define RUN 64 /* rows that are summed before they are added to the total */

/* Twin of struct batch, ops/batch_norm.h. */
typedef struct {
    long pixels;
    int channels, x_pitch, dy_pitch;
    int chunk, chunks; /* pixels in a chunk; their number */
    float epsilon, momentum;
    int affine;  /* there are a weight and a bias */
    int running; /* the running averages take the place of the batch's statistics */
    int block;   /* channels per work-item of the first stage, at most WIDTH vectors */
} batch;

/* Declares acc total, the sum of SUMMAND, which may refer to `row`, over the rows begin .. end - 1. */
#define SUM(total, begin, end, SUMMAND)                     \
    acc total = 0;                                          \
    for (long run = begin; run < end; run += RUN) {         \
        acc sum = 0;                                        \
        const long stop = min(run + RUN, (long)(end));      \
        for (long row = run; row < stop; row++)             \
            sum += SUMMAND;                                 \
        total += sum;                                       \
    }

/* Declares realv one[] and other[], of `count` vectors the sums of VALUE and of SUMMAND over these rows: VALUE may refer to
 * `row` and to `v`, the index of the vector, SUMMAND to these and to `value`, which is VALUE. Rows are read as they lie. */
#define SUM_VECTORS(count, one, other, begin, end, VALUE, SUMMAND) \
    realv one[WIDTH], other[WIDTH];                                \
    for (int v = 0; v < count; v++)                                \
        one[v] = other[v] = 0;                                     \
    for (long run = begin; run < end; run += RUN) {                \
        realv sum[WIDTH], other_sum[WIDTH];                        \
        const long stop = min(run + RUN, (long)(end));             \
        for (int v = 0; v < count; v++)                            \
            sum[v] = other_sum[v] = 0;                             \
        for (long row = run; row < stop; row++)                    \
            for (int v = 0; v < count; v++) {                      \
                const realv value = VALUE;                         \
                sum[v] += value;                                   \
                other_sum[v] += SUMMAND;                           \
            }                                                      \
        for (int v = 0; v < count; v++) {                          \
            one[v] += sum[v];                                      \
            other[v] += other_sum[v];                              \
        }                                                          \
    }

#define SQUARE(x) ((x) * (x))

/* Stores a vector's values from index `skip` on. */
static void store_from(const realv value, __global real *p, const int skip)
{
    real lane[VECTOR];
    STOREV(value, lane);
    for (int i = skip; i < VECTOR; i++)
        p[i] = lane[i];
}

/* ---- first stage: a chunk of pixels, a block of channels per work-item ---- */

/* Calls PART(vectors, first channel, how many of its values another vector stores) until the block is done. The last vector
 * of a row ends with the row, so that nothing is read beyond it. */
#define FOR_BLOCK(PART)                                                                               \
    const int blocks = (g.channels + g.block - 1) / g.block;                                          \
    const int chunk = get_global_id(0) / blocks, column = get_global_id(0) % blocks * g.block;        \
    const long first = (long)chunk * g.chunk, end = min(first + g.chunk, g.pixels);                   \
    __global real *result = AT(partial) + 2 * (long)chunk * g.channels;                               \
    if (chunk < g.chunks) {                                                                           \
        const int channels = min(g.block, g.channels - column);                                       \
        const int vectors = WIDTH == 1 ? 1 : channels / VECTOR;                                       \
        PART(vectors, column, 0)                                                                      \
        if (channels % VECTOR > 0) {                                                                  \
            const int from = g.channels - VECTOR;                                                     \
            PART(1, from, column + vectors * VECTOR - from)                                           \
        }                                                                                             \
    }

#define STORE_PARTIAL(count, from, skip, one, other)                                                  \
    for (int v = 0; v < count; v++) {                                                                 \
        store_from(one[v], result + from + v * VECTOR, skip);                                         \
        store_from(other[v], result + g.channels + from + v * VECTOR, skip);                          \
    }

#define X(row) LOADV(AT(x) + (row) * g.x_pitch + channel + v * VECTOR)
#define DY(row) LOADV(AT(dy) + (row) * g.dy_pitch + channel + v * VECTOR)

/* Of the chunk: the mean, as a difference from the channel's first value; the sum of squared differences from the mean. The
 * sum about the mean of m of the n rows is at most n/m times as large, so the difference loses that factor at most. */
#define MOMENTS(count, from, skip)                                                                    \
    {                                                                                                 \
        const int channel = from;                                                                     \
        const long head = min(first + RUN, end);                                                      \
        realv origin[WIDTH], offset[WIDTH];                                                           \
        for (int v = 0; v < count; v++) {                                                             \
            origin[v] = X(0L);                                                                        \
            offset[v] = 0;                                                                            \
        }                                                                                             \
        for (long row = first; row < head; row++)                                                     \
            for (int v = 0; v < count; v++)                                                           \
                offset[v] += X(row) - origin[v];                                                      \
        for (int v = 0; v < count; v++)                                                               \
            offset[v] /= (real)(head - first);                                                        \
        SUM_VECTORS(count, sums, squares, first, end, X(row) - origin[v] - offset[v], SQUARE(value))  \
        for (int v = 0; v < count; v++) {                                                             \
            const realv rest = sums[v] / (real)(end - first);                                         \
            offset[v] += rest;                                                                        \
            squares[v] = apply_relu(realv, squares[v] - sums[v] * rest, 0); /* rounding may go below */ \
        }                                                                                             \
        STORE_PARTIAL(count, channel, skip, offset, squares)                                          \
    }

__kernel void batch_norm_moments(IN(real, x), OUT(real, partial), const batch g)
{
    FOR_BLOCK(MOMENTS)
}

/* Of the chunk: the sums of dy and of dy*(x - mean). */
#define PRODUCTS(count, from, skip)                                                                   \
    {                                                                                                 \
        const int channel = from;                                                                     \
        realv center[WIDTH];                                                                          \
        for (int v = 0; v < count; v++)                                                               \
            center[v] = LOADV(AT(mean) + channel + v * VECTOR);                                       \
        SUM_VECTORS(count, total, products, first, end, DY(row), value * (X(row) - center[v]))        \
        STORE_PARTIAL(count, channel, skip, total, products)                                          \
    }

__kernel void batch_norm_products(IN(real, x), IN(real, dy), IN(real, mean), OUT(real, partial), const batch g)
{
    FOR_BLOCK(PRODUCTS)
}

/* ---- second stage: LANES work-items per channel, LANES channels per work-group ---- */

/* What the first stage found out about chunk `row`. */
#define ONE(row) (AT(partial)[2 * (row) * g.channels + channel])
#define OTHER(row) (AT(partial)[(2 * (row) + 1) * g.channels + channel])
#define PIXELS(row) ((real)(min(((row) + 1) * g.chunk, g.pixels) - (row) * g.chunk))

/* Declares acc total, the sum over all chunks of SUMMAND, which may refer to `row`. All work-items of a group must come here. */
#if LANES == 1
#define SHARED
#define SUM_CHUNKS(total, SUMMAND) \
    SUM(total, 0, g.chunks, SUMMAND)
#else
#define SHARED __local acc shared[LANES][LANES];
#define SUM_CHUNKS(total, SUMMAND)                                      \
    acc total = 0;                                                      \
    for (long row = get_local_id(1); row < g.chunks; row += LANES)      \
        total += SUMMAND;                                               \
    barrier(CLK_LOCAL_MEM_FENCE);                                       \
    shared[get_local_id(1)][get_local_id(0)] = total;                   \
    barrier(CLK_LOCAL_MEM_FENCE);                                       \
    total = 0;                                                          \
    for (int lane = 0; lane < LANES; lane++)                            \
        total += shared[lane][get_local_id(0)];
#endif

/* Those beyond the last channel work on it once more, and one work-item of each channel stores. */
#define CHANNEL const int channel = min((int)get_global_id(0), g.channels - 1)
#define IS_WRITER (get_global_id(0) < g.channels && get_local_id(1) == 0)

/* Mean and 1/deviation of the batch, the factor of x, and the running averages. */
__kernel void batch_norm_statistics(IN(real, x), IN(real, partial), IN(real, weight), OUT(real, mean),
                                    OUT(real, inverse), OUT(real, scale), IN_PLACE(real, running_mean),
                                    IN_PLACE(real, running_var), const batch g)
{
    SHARED
    CHANNEL;
    const acc count = g.pixels, m = g.momentum;
    SUM_CHUNKS(offsets, PIXELS(row) * ONE(row))
    const acc offset = offsets / count, center = AT(x)[channel] + offset;
    SUM_CHUNKS(squares, OTHER(row) + PIXELS(row) * SQUARE(ONE(row) - offset))
    if (IS_WRITER) {
        const acc variance = squares / count, one_over = 1 / sqrt(variance + g.epsilon);
        AT(mean)[channel] = center;
        AT(inverse)[channel] = one_over;
        if (g.affine)
            AT(scale)[channel] = AT(weight)[channel] * one_over;
        AT(running_mean)[channel] = (1 - m) * AT(running_mean)[channel] + m * center;
        AT(running_var)[channel] = (1 - m) * AT(running_var)[channel] + m * (squares / (count - 1));
    }
}

/* The factor of x that running averages make. */
__kernel void batch_norm_scale(IN(real, variance), IN(real, weight), OUT(real, scale), const batch g)
{
    const int channel = get_global_id(0);
    if (channel < g.channels)
        AT(scale)[channel] = (g.affine ? AT(weight)[channel] : 1) / sqrt(AT(variance)[channel] + g.epsilon);
}

/* What they make of a bias b before the layer. */
__kernel void batch_norm_shift(IN(real, scale), IN(real, mean), IN(real, bias), IN(real, b), OUT(real, shift),
                               const int biased, const batch g)
{
    const int channel = get_global_id(0);
    if (channel < g.channels) {
        const acc before = (biased ? AT(b)[channel] : 0) - AT(mean)[channel];
        AT(shift)[channel] = fma(before, AT(scale)[channel], g.affine ? AT(bias)[channel] : 0);
    }
}

/* Gradients of weight and bias. `spread` is 1/deviation or, if `running`, the variance. The gradient of x is
 * scale*dy + slope*(x - mean) + constant; `terms` gets slope and constant of all channels. */
__kernel void batch_norm_sums(IN(real, partial), IN(real, spread), IN(real, scale), OUT(real, dweight), OUT(real, dbias),
                              OUT(real, terms), const batch g)
{
    SHARED
    CHANNEL;
    SUM_CHUNKS(total, ONE(row))
    SUM_CHUNKS(products, OTHER(row))
    if (IS_WRITER) {
        const acc inverse = g.running ? 1 / sqrt(AT(spread)[channel] + g.epsilon) : AT(spread)[channel];
        const acc dw = products * inverse, share = g.running ? 0 : AT(scale)[channel] / (acc)g.pixels;
        AT(dweight)[channel] = dw;
        AT(dbias)[channel] = total;
        if (!g.running) {
            AT(terms)[channel] = -share * inverse * dw;
            AT(terms)[g.channels + channel] = -share * total;
        }
    }
}

/* ---- every value, with an epilogue; the memory of y may be that of a, b or the addend ---- */

#define ROW_ARGUMENTS                                                                                                  \
    IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y), IN(real, mean), IN(real, scale),              \
        IN(real, terms), const rows r, EPILOGUE_ARGUMENTS

#define OPERATION_normalized(T, LOAD, a, b, i) fma(a - LOAD(AT(mean) + i), LOAD(AT(scale) + i), LOAD(AT(terms) + i))
#define OPERATION_normalized_only(T, LOAD, a, b, i) ((a - LOAD(AT(mean) + i)) * LOAD(AT(scale) + i))
#define OPERATION_gradient(T, LOAD, a, b, i)                                                                           \
    fma(LOAD(AT(scale) + i), a,                                                                                        \
        fma(LOAD(AT(terms) + i), b - LOAD(AT(mean) + i), LOAD(AT(terms) + r.width + i)))
#define OPERATION_scale(T, LOAD, a, b, i) (a * LOAD(AT(scale) + i))
#define EVALUATE(T, LOAD, a, b, i) JOIN(OPERATION_, OPERATION)(T, LOAD, a, b, i)

/* One value per work-item. */
__kernel void batch_norm_reference(ROW_ARGUMENTS)
{
    const long i = get_global_id(0);
    if (i < r.count) {
        const long row = i / r.width;
        const int channel = i % r.width;
        const real u = AT(a)[row * r.a_pitch + channel], v = AT(b)[row * r.b_pitch + channel];
        real value = EVALUATE(real, LOAD1, u, v, channel);
        EPILOGUE(real, LOAD1, value, row, channel)
        AT(y)[row * r.y_pitch + channel] = value;
    }
}

/* Some rows per work-item, explicit vectors along them; a row must have at least one. The last vector ends with the row, and
 * is finished before the others are stored, since y may be the same memory. */
__kernel void batch_norm_vector(ROW_ARGUMENTS)
{
    const long first = (long)get_global_id(0) * r.rows_per_item, end = min(first + r.rows_per_item, r.count / r.width);
    const int last = r.width - VECTOR;
    for (long row = first; row < end; row++) {
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        __global real *py = AT(y) + row * r.y_pitch;
        const realv last_u = LOADV(pa + last), last_v = LOADV(pb + last);
        realv last_value = EVALUATE(realv, LOADV, last_u, last_v, last);
        EPILOGUE(realv, LOADV, last_value, row, last)
        for (int i = 0; i < last; i += VECTOR) {
            const realv u = LOADV(pa + i), v = LOADV(pb + i);
            realv value = EVALUATE(realv, LOADV, u, v, i);
            EPILOGUE(realv, LOADV, value, row, i)
            STOREV(value, py + i);
        }
        STOREV(last_value, py + last);
    }
}
