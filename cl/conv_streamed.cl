/* conv_streamed.cl - dense layers of few samples for CPUs, from the weights as files have them. Host side:
 * src/ops/conv_streamed.c.
 *
 * With few samples such a layer lives by reading its weights w (filter, channel), so they are read once, in long pieces, and
 * never packed. TILE samples times COLUMNS filters or vectors of channels are summed in registers; sums on the way wait in
 * local memory. Beyond the last sample or filter a tile computes the last one again and stores nothing. */
#ifndef TILE
#define TILE 4
#endif
#ifndef COLUMNS
#define COLUMNS 2
#endif
#ifndef SPAN
#define SPAN 256
#endif
#define DEPTH 256  /* channels of the forward pass at a time */
#define FILTERS 12 /* of a work-item there: a multiple of every COLUMNS; as in src/ops/conv_streamed.c */
#define STEPS 32   /* filters of the backward pass at a time; likewise */
#define BLOCK (COLUMNS * VECTOR)

/* Twin of struct streamed, src/ops/conv_streamed.c. */
typedef struct {
    int samples, channels, filters; /* of the layer, in both directions */
    int x_pitch, y_pitch;           /* of what is read and written */
} streamed;

/* a[i][j] += x of sample i times w of filter j, for the channels from c on. */
#define ADD_CHANNELS(LOAD)                                                                     \
    {                                                                                          \
        realv w_[COLUMNS];                                                                     \
        _Pragma("unroll") for (int j_ = 0; j_ < COLUMNS; j_++) w_[j_] = LOAD(filters[j_] + c); \
        _Pragma("unroll") for (int i_ = 0; i_ < TILE; i_++) {                                  \
            const realv x_ = LOAD(samples[i_] + c);                                            \
            _Pragma("unroll") for (int j_ = 0; j_ < COLUMNS; j_++)                             \
                a[i_][j_] = fma(x_, w_[j_], a[i_][j_]);                                        \
        }                                                                                      \
    }
#define LOAD_LAST(p) load_some(p, s.channels - c)

/* y (sample, filter): lanes of a vector are channels. `sums`: a vector for each sample, rounded up to tiles, and filter of
 * the work-item. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_streamed_forward(IN(real, x), IN(real, w), IN(real, b), RESULT(real, y), const streamed s, EPILOGUE_ARGUMENTS,
                      __local real *sums)
{
    const int first = get_group_id(0) * FILTERS, count = min(FILTERS, s.filters - first);
    for (int c0 = 0; c0 < s.channels; c0 += DEPTH)
        for (int k = 0; k < count; k += COLUMNS) {
            __global const real *filters[COLUMNS];
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
                filters[j] = AT(w) + (ulong)(first + min(k + j, count - 1)) * s.channels;
            for (int n = 0; n < s.samples; n += TILE) {
                __local real *sum = sums + (n * FILTERS + k * TILE) * VECTOR;
                __global const real *samples[TILE];
                realv a[TILE][COLUMNS];
#pragma unroll
                for (int i = 0; i < TILE; i++) {
                    samples[i] = AT(x) + (ulong)min(n + i, s.samples - 1) * s.x_pitch;
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        a[i][j] = c0 > 0 ? LOADV(sum + (j * TILE + i) * VECTOR) : (realv)0;
                }
                const int end = min(c0 + DEPTH, s.channels);
                int c = c0;
                for (; c + VECTOR <= end; c += VECTOR)
                    ADD_CHANNELS(LOADV)
                if (c < end)
                    ADD_CHANNELS(LOAD_LAST)
#pragma unroll
                for (int i = 0; i < TILE; i++)
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        STOREV(a[i][j], sum + (j * TILE + i) * VECTOR);
            }
        }
    for (int n = 0; n < s.samples; n++)
        for (int k = 0; k < count; k++) {
            const int channel = first + k;
            real v = sum_lanes(LOADV(sums + (n / TILE * TILE * FILTERS + k * TILE + n % TILE) * VECTOR));
            if (HAS_BIAS)
                v += AT(b)[channel];
            EPILOGUE(real, LOAD1, v, n, channel)
            AT(y)[(ulong)n * s.y_pitch + channel] = v;
        }
}

/* y (sample, channel), the gradient of the forward pass's x, from x (sample, filter), that of its y. A work-item owns SPAN
 * channels. It copies their weights of STEPS filters to `panel` [block of channels][filter][BLOCK], since a block alone would be
 * read in pieces too short for memory, and the samples to `values` [filter][sample]. `sums`: [tile][block][sample][BLOCK]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_streamed_backward_data(IN(real, x), IN(real, w), IN(real, b), RESULT(real, y), const streamed s, EPILOGUE_ARGUMENTS,
                            __local real *panel, __local real *values, __local real *sums)
{
    const int first = get_group_id(0) * SPAN, count = min(SPAN, s.channels - first);
    const int rows = (s.samples + TILE - 1) / TILE * TILE;
    for (int k0 = 0; k0 < s.filters; k0 += STEPS) {
        const int steps = min(STEPS, s.filters - k0);
        for (int k = 0; k < steps; k++) {
            __global const real *from = AT(w) + (ulong)(k0 + k) * s.channels + first;
            for (int c = 0; c < count; c += VECTOR)
                STOREV(load_some(from + c, count - c), panel + (c / BLOCK * STEPS + k) * BLOCK + c % BLOCK);
        }
        for (int n = 0; n < rows; n++)
            for (int k = 0; k < steps; k++)
                values[k * rows + n] = AT(x)[(ulong)min(n, s.samples - 1) * s.x_pitch + k0 + k];
        for (int n = 0; n < rows; n += TILE)
            for (int c = 0; c < count; c += BLOCK) {
                __local real *sum = sums + n * SPAN + c * TILE;
                __local const real *weights = panel + c * STEPS;
                realv a[TILE][COLUMNS];
#pragma unroll
                for (int i = 0; i < TILE; i++)
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        a[i][j] = k0 > 0 ? LOADV(sum + i * BLOCK + j * VECTOR) : (realv)0;
                for (int k = 0; k < steps; k++) {
                    realv u[COLUMNS];
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        u[j] = LOADV(weights + k * BLOCK + j * VECTOR);
#pragma unroll
                    for (int i = 0; i < TILE; i++) {
                        const realv v = values[k * rows + n + i];
#pragma unroll
                        for (int j = 0; j < COLUMNS; j++)
                            a[i][j] = fma(v, u[j], a[i][j]);
                    }
                }
#pragma unroll
                for (int i = 0; i < TILE; i++)
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        STOREV(a[i][j], sum + i * BLOCK + j * VECTOR);
            }
    }
    for (int n = 0; n < s.samples; n++)
        for (int c = 0; c < count; c += VECTOR) {
            const int channel = first + c, left = count - c;
            realv v = LOADV(sums + n / TILE * TILE * SPAN + c / BLOCK * BLOCK * TILE + n % TILE * BLOCK + c % BLOCK);
            if (HAS_BIAS)
                v += load_some(AT(b) + channel, left);
#define LOAD_LEFT(p) load_some(p, left)
            EPILOGUE(realv, LOAD_LEFT, v, n, channel)
            store_some(v, AT(y) + (ulong)n * s.y_pitch + channel, left);
        }
}
