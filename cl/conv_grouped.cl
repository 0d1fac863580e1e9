/* conv_grouped.cl - convolution whose groups have SPAN channels and as many filters, for CPUs: one work-item per
 * work-group, explicit vectors, no barriers. Host side: src/ops/conv_grouped.c.
 *
 * A vector holds the channels of VECTOR / SPAN groups, or a part of one. Source value j of a group meets all filters of
 * that group: it is spread over the group's lanes by a swizzle or, if a group fills whole vectors, loaded into all.
 * Nothing is gathered beforehand: there is too little work per value to pay for it. Weights come packed as
 * [block of LANES filters][position][j][LANES]; what a block of the last groups has too much is never stored. */
#ifndef SPAN
#define SPAN 4
#endif
#ifndef TILE
#define TILE 8
#endif
#ifndef BIAS
#define BIAS 0
#endif
#define COLUMNS (SPAN > VECTOR ? SPAN / VECTOR : 1)
#define LANES (COLUMNS * VECTOR)

/* EACH(X): X(j, the swizzle that spreads value j of each group). */
#if VECTOR == 16
#define EACH_1(X) X(0, s0123456789abcdef)
#define EACH_2(X) X(0, s0022446688aaccee) X(1, s1133557799bbddff)
#define EACH_4(X) X(0, s000044448888cccc) X(1, s111155559999dddd) X(2, s22226666aaaaeeee) X(3, s33337777bbbbffff)
#define EACH_8(X)                                                                                                      \
    X(0, s0000000088888888) X(1, s1111111199999999) X(2, s22222222aaaaaaaa) X(3, s33333333bbbbbbbb)                    \
    X(4, s44444444cccccccc) X(5, s55555555dddddddd) X(6, s66666666eeeeeeee) X(7, s77777777ffffffff)
#elif VECTOR == 8
#define EACH_1(X) X(0, s01234567)
#define EACH_2(X) X(0, s00224466) X(1, s11335577)
#define EACH_4(X) X(0, s00004444) X(1, s11115555) X(2, s22226666) X(3, s33337777)
#else
#define EACH_1(X) X(0, s0123)
#define EACH_2(X) X(0, s0022) X(1, s1133)
#endif
#define EACH JOIN(EACH_, SPAN)

/* Adds to a[COLUMNS] the products of a source pixel's values at p with the weights at u. */
#if SPAN < VECTOR
#define ADD_ONE(j, lanes) sum_ = fma(x_.lanes, LOADV(u_ + (j) * LANES), sum_);
#define ADD_PRODUCTS(a, p, u)            \
    {                                    \
        const realv x_ = LOADV(p);       \
        realv sum_ = (a)[0];             \
        __global const real *u_ = (u);   \
        EACH(ADD_ONE)                    \
        (a)[0] = sum_;                   \
    }
#else
#define ADD_PRODUCTS(a, p, u)                                                                            \
    for (int j_ = 0; j_ < SPAN; j_++) {                                                                  \
        const realv x_ = (p)[j_];                                                                        \
        _Pragma("unroll") for (int column_ = 0; column_ < COLUMNS; column_++)                            \
            (a)[column_] = fma(x_, LOADV((u) + j_ * LANES + column_ * VECTOR), (a)[column_]);            \
    }
#endif

/* A work-item computes a line of destination pixels of one block, TILE pixels at a time. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_grouped_gather(IN(real, x), IN(real, w), IN(real, b), RESULT(real, y), const gather g, EPILOGUE_ARGUMENTS)
{
    const int channel = get_group_id(1) * LANES, line = get_group_id(0);
    const int j1 = line % g.a[1].count, j0 = line / g.a[1].count % g.a[0].count, n = line / g.a[1].count / g.a[0].count;
    const int step = g.a[2].scale * g.x_pitch; /* from one destination pixel's source to the next one's */
    __global const real *weights = AT(w) + ((ulong)get_group_id(1) * g.all_positions + g.first_position) * SPAN * LANES;
    const long row = (((long)n * g.a[0].size + g.a[0].first + j0 * g.a[0].step) * g.a[1].size + g.a[1].first +
                      j1 * g.a[1].step) * g.a[2].size;
    for (int first = 0; first < g.a[2].count; first += TILE) {
        const int pixels = min(TILE, g.a[2].count - first);
        realv a[TILE][COLUMNS];
#pragma unroll
        for (int i = 0; i < TILE; i++)
#pragma unroll
            for (int column = 0; column < COLUMNS; column++)
                a[i][column] = 0;
        for (int q0 = 0; q0 < g.a[0].positions; q0++)
            for (int q1 = 0; q1 < g.a[1].positions; q1++) {
                const int d = j0 * g.a[0].scale + g.a[0].offset + q0 * g.a[0].reach;
                const int h = j1 * g.a[1].scale + g.a[1].offset + q1 * g.a[1].reach;
                if (d < 0 || d >= g.a[0].source_size || h < 0 || h >= g.a[1].source_size)
                    continue;
                __global const real *source =
                    AT(x) + (((long)n * g.a[0].source_size + d) * g.a[1].source_size + h) * g.a[2].source_size * g.x_pitch +
                    channel;
                __global const real *u = weights + (q0 * g.a[1].positions + q1) * g.a[2].positions * (SPAN * LANES);
                for (int q2 = 0; q2 < g.a[2].positions; q2++, u += SPAN * LANES) {
                    const int at = first * g.a[2].scale + g.a[2].offset + q2 * g.a[2].reach;
                    const int end = at + (TILE - 1) * g.a[2].scale;
                    __global const real *p = source + (long)at * g.x_pitch;
                    if (pixels == TILE && at >= 0 && end < g.a[2].source_size) {
#pragma unroll
                        for (int i = 0; i < TILE; i++)
                            ADD_PRODUCTS(a[i], p + i * step, u)
                    } else {
#pragma unroll
                        for (int i = 0; i < TILE; i++) {
                            const int place = at + i * g.a[2].scale;
                            if (i < pixels && place >= 0 && place < g.a[2].source_size)
                                ADD_PRODUCTS(a[i], p + i * step, u)
                        }
                    }
                }
            }
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            const int at = channel + column * VECTOR, count = g.groups * SPAN - at;
            const realv bias = BIAS && count > 0 ? load_some(AT(b) + at, count) : (realv)0;
#pragma unroll
            for (int i = 0; i < TILE; i++)
                if (i < pixels && count > 0) {
                    const long pixel = row + g.a[2].first + (first + i) * g.a[2].step;
                    realv v = BIAS ? a[i][column] + bias : a[i][column];
                    EPILOGUE(realv, LOAD_COUNT, v, pixel, at)
                    store_some(v, AT(y) + pixel * g.y_pitch + at, count);
                }
        }
    }
}

/* How the gradient of the filter is divided. Twin of struct grouped_share, src/ops/conv_grouped.c. */
typedef struct {
    long lines, lines_per_chunk; /* of pixels of dy */
} grouped_share;

#define SETS (SPAN < 8 ? 8 / SPAN : 1) /* sums side by side, so that additions need not wait for each other */
#define SET_ONE(j, lanes) a[set][j] = fma(x_.lanes, dy_, a[set][j]);

/* A work-item sums one window position of one block over a chunk of lines. Result [chunk][block][position][j][LANES]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_grouped_backward_filter(IN(real, x), IN(real, dy), OUT(real, partial), const gather g, const grouped_share f)
{
    const int chunk = get_group_id(0), block = get_group_id(1), position = get_group_id(2), channel = block * LANES;
    const int q2 = position % g.a[2].positions, q1 = position / g.a[2].positions % g.a[1].positions;
    const int q0 = position / g.a[2].positions / g.a[1].positions;
    const int offset = g.a[2].offset + q2 * g.a[2].reach, scale = g.a[2].scale;
    const int first = offset < 0 ? (-offset + scale - 1) / scale : 0; /* columns whose source lies inside the image */
    const int end = g.a[2].source_size - 1 < offset ? 0 : min(g.a[2].count, (g.a[2].source_size - 1 - offset) / scale + 1);
    realv a[SETS][SPAN];
    for (int set = 0; set < SETS; set++)
        for (int j = 0; j < SPAN; j++)
            a[set][j] = 0;
    for (long line = chunk * f.lines_per_chunk; line < min(f.lines, (chunk + 1) * f.lines_per_chunk); line++) {
        const int j1 = line % g.a[1].count, j0 = line / g.a[1].count % g.a[0].count;
        const long n = line / g.a[1].count / g.a[0].count;
        const int d = j0 * g.a[0].scale + g.a[0].offset + q0 * g.a[0].reach;
        const int h = j1 * g.a[1].scale + g.a[1].offset + q1 * g.a[1].reach;
        if (d < 0 || d >= g.a[0].source_size || h < 0 || h >= g.a[1].source_size)
            continue;
        __global const real *px = AT(x) + channel +
            (((n * g.a[0].source_size + d) * g.a[1].source_size + h) * g.a[2].source_size + first * scale + offset) * g.x_pitch;
        __global const real *pdy = AT(dy) + (line * g.a[2].count + first) * g.y_pitch + channel;
        for (int j2 = first; j2 < end; j2 += SETS)
#pragma unroll
            for (int set = 0; set < SETS; set++)
                if (j2 + set < end) {
                    const realv dy_ = LOADV(pdy);
#if SPAN < VECTOR
                    const realv x_ = LOADV(px);
                    EACH(SET_ONE)
#else
#pragma unroll
                    for (int j = 0; j < SPAN; j++)
                        a[set][j] = fma((realv)px[j], dy_, a[set][j]);
#endif
                    px += scale * g.x_pitch;
                    pdy += g.y_pitch;
                }
    }
    __global real *out =
        AT(partial) + (((ulong)chunk * get_num_groups(1) + block) * g.all_positions + position) * SPAN * LANES;
#pragma unroll
    for (int j = 0; j < SPAN; j++) {
        realv sum = a[0][j];
#pragma unroll
        for (int set = 1; set < SETS; set++)
            sum += a[set][j];
        STOREV(sum, out + j * LANES);
    }
}

/* The sum over chunks, to dw (filter, j, position). A work-item takes one filter. */
__kernel void conv_grouped_sum_filter(IN(real, partial), OUT(real, dw), const gather g, const int chunks)
{
    const int k = get_global_id(0), blocks = (g.groups * SPAN + LANES - 1) / LANES, window = g.all_positions;
    if (k >= g.groups * SPAN)
        return;
    for (int r = 0; r < window; r++)
        for (int j = 0; j < SPAN; j++) {
            __global const real *from = AT(partial) + (((ulong)k / LANES * window + r) * SPAN + j) * LANES + k % LANES;
            acc sum = 0;
            for (int chunk = 0; chunk < chunks; chunk++)
                sum += from[(ulong)chunk * blocks * window * SPAN * LANES];
            AT(dw)[((ulong)k * SPAN + j) * window + r] = sum;
        }
}
