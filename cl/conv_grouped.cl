/* conv_grouped.cl - convolution whose groups have SPAN channels and as many filters, for CPUs: one work-item per
 * work-group, explicit vectors, no barriers. Host side: src/ops/conv_grouped.c.
 *
 * A vector holds the channels of VECTOR / SPAN groups, or a part of one. Value j of a group meets all of the other side of
 * that group: it is spread over the group's lanes by a swizzle or, if a group fills whole vectors, loaded into all. A
 * swizzle costs as much as a product, so what is spread serves all window positions of a line that need it. Only the tiles
 * at the edges of the image are gathered beforehand, with zeros: there is too little work per value to do so everywhere.
 * Weights come packed as [block of LANES filters][position][j][LANES]; what a block of the last groups has too much is
 * never stored. */
#ifndef SPAN
#define SPAN 4
#endif
#ifndef TILE
#define TILE 8
#endif
#ifndef SLIDE
#define SLIDE 0 /* the window's width, if neighbours along it and among the results are neighbours in the source */
#endif
#ifndef ACROSS
#define ACROSS 1 /* window positions of a line at a time, in the gradient of the filter */
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

/* Adds a window line's products to the sums of a tile: the pixels from p on, `pitch` apart, begin with the first that
 * any of them looks at. `u`: the weights of the position that looks there, `step` apart. */
#if SLIDE && SPAN < VECTOR
#define ADD_SPREAD(j, lanes)                                                                       \
    {                                                                                              \
        const realv value_ = x_.lanes;                                                             \
        _Pragma("unroll") for (int q_ = 0; q_ < SLIDE; q_++) {                                     \
            if (s_ >= q_ && s_ - q_ < TILE)                                                        \
                a[s_ - q_][0] = fma(value_, LOADV(u + q_ * step + (j) * LANES), a[s_ - q_][0]);    \
        }                                                                                          \
    }
#define ADD_LINE(p, pitch)                                                        \
    _Pragma("unroll") for (int s_ = 0; s_ < TILE + SLIDE - 1; s_++) {             \
        const realv x_ = LOADV((p) + s_ * (pitch));                               \
        EACH(ADD_SPREAD)                                                          \
    }
#else
#define ADD_LINE(p, pitch)                                                                                             \
    for (int q2 = 0; q2 < g.a[2].positions; q2++) {                                                                    \
        const int scale_ = g.a[2].scale * (pitch);                                                                     \
        __global const real *u_ = u + q2 * step;                                                                       \
        ADD_POSITION((p) + q2 * abs(g.a[2].reach) * (pitch))                                                           \
    }
#if SPAN < VECTOR
#define ADD_ONE(j, lanes) a[i_][0] = fma(x_.lanes, LOADV(u_ + (j) * LANES), a[i_][0]);
#define ADD_POSITION(p)                                        \
    _Pragma("unroll") for (int i_ = 0; i_ < TILE; i_++) {      \
        const realv x_ = LOADV((p) + i_ * scale_);             \
        EACH(ADD_ONE)                                          \
    }
#else
#define ADD_POSITION(p)                                                                                                \
    for (int j_ = 0; j_ < SPAN; j_++) {                                                                                \
        _Pragma("unroll") for (int column_ = 0; column_ < COLUMNS; column_++) {                                        \
            const realv w_ = LOADV(u_ + j_ * LANES + column_ * VECTOR);                                                \
            _Pragma("unroll") for (int i_ = 0; i_ < TILE; i_++) a[i_][column_] =                                       \
                fma((realv)((p)[i_ * scale_ + j_]), w_, a[i_][column_]);                                               \
        }                                                                                                              \
    }
#endif
#endif

/* A work-item computes a line of destination pixels of one block, TILE pixels at a time. `edge` is local memory for the
 * source pixels that a tile looks at along a line. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_grouped_gather(IN(real, x), IN(real, w), IN(real, b), RESULT(real, y), const gather g, EPILOGUE_ARGUMENTS,
                    __local real *edge)
{
    const int channel = get_group_id(0) * LANES, line = get_group_id(1);
    const int j1 = line % g.a[1].count, j0 = line / g.a[1].count % g.a[0].count, n = line / g.a[1].count / g.a[0].count;
    const int reach = max(g.a[2].positions - 1, 0) * g.a[2].reach; /* a phase of a stride may have no position */
    const int length = (TILE - 1) * g.a[2].scale + abs(reach) + 1;
    const int step = reach < 0 ? -SPAN * LANES : SPAN * LANES; /* with a negative reach the last position looks first */
    __global const real *weights = AT(w) + ((ulong)get_group_id(0) * g.all_positions + g.first_position) * SPAN * LANES +
                                   (reach < 0 ? (g.a[2].positions - 1) * SPAN * LANES : 0);
    const long row = (((long)n * g.a[0].size + g.a[0].first + j0 * g.a[0].step) * g.a[1].size + g.a[1].first +
                      j1 * g.a[1].step) * g.a[2].size;
    for (int first = 0; first < g.a[2].count; first += TILE) {
        const int pixels = min(TILE, g.a[2].count - first), at = first * g.a[2].scale + g.a[2].offset + min(reach, 0);
        const bool inside = at >= 0 && at + length <= g.a[2].source_size;
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
                    AT(x) + channel +
                    ((((long)n * g.a[0].source_size + d) * g.a[1].source_size + h) * g.a[2].source_size + at) * g.x_pitch;
                __global const real *u = weights + (q0 * g.a[1].positions + q1) * g.a[2].positions * (SPAN * LANES);
                if (inside) {
                    ADD_LINE(source, g.x_pitch)
                } else {
                    for (int i = 0; i < length; i++)
                        for (int c = 0; c < LANES; c += VECTOR)
                            if (at + i >= 0 && at + i < g.a[2].source_size)
                                STOREV(LOADV(source + i * g.x_pitch + c), edge + i * LANES + c);
                            else
                                STOREV((realv)0, edge + i * LANES + c);
                    ADD_LINE(edge, LANES)
                }
            }
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            const int c = channel + column * VECTOR, count = g.groups * SPAN - c;
            const realv bias = BIAS && count > 0 ? load_some(AT(b) + c, count) : (realv)0;
#pragma unroll
            for (int i = 0; i < TILE; i++)
                if (i < pixels && count > 0) {
                    const long pixel = row + g.a[2].first + (first + i) * g.a[2].step;
                    realv v = BIAS ? a[i][column] + bias : a[i][column];
                    EPILOGUE(realv, LOAD_COUNT, v, pixel, c)
                    store_some(v, AT(y) + pixel * g.y_pitch + c, count);
                }
        }
    }
}

/* How the gradient of the filter is divided. Twin of struct grouped_share, src/ops/conv_grouped.c. */
typedef struct {
    long lines, lines_per_chunk; /* of pixels of dy */
} grouped_share;

#define LINES 8 /* of dy at a time: they stay in the cache for all window positions */

/* The columns of dy whose source at `offset` lies inside the image: from *first up to the result. */
inline int columns_inside(const gather_axis *a, const int offset, int *first)
{
    *first = min(a->count, offset < 0 ? (-offset + a->scale - 1) / a->scale : 0);
    return a->source_size - 1 < offset ? *first : max(*first, min(a->count, (a->source_size - 1 - offset) / a->scale + 1));
}

/* sums[i] += dy of filter i in each group times x, of one pixel. */
#if SPAN < VECTOR
#define ADD_FILTER(i, lanes)                                                     \
    {                                                                            \
        const realv value_ = dy_.lanes;                                          \
        _Pragma("unroll") for (int p_ = 0; p_ < ACROSS; p_++) {                  \
            if (p_ >= from_ && p_ < to_)                                         \
                a[p_][i] = fma(value_, LOADV(px_ + p_ * distance), a[p_][i]);    \
        }                                                                        \
    }
#define ADD_PIXEL(column, from, to)                                              \
    {                                                                            \
        const int from_ = (from), to_ = (to);                                    \
        const realv dy_ = LOADV(pdy + (column) * g.y_pitch);                     \
        __global const real *px_ = px + (column) * g.a[2].scale * g.x_pitch;     \
        EACH(ADD_FILTER)                                                         \
    }
#else
#define ADD_PIXEL(column, from, to)                                                                  \
    {                                                                                                \
        __global const real *pdy_ = pdy + (column) * g.y_pitch;                                      \
        __global const real *px_ = px + (column) * g.a[2].scale * g.x_pitch;                         \
        _Pragma("unroll") for (int p_ = 0; p_ < ACROSS; p_++) {                                      \
            if (p_ >= (from) && p_ < (to)) {                                                         \
                const realv x_ = LOADV(px_ + p_ * distance);                                         \
                _Pragma("unroll") for (int i_ = 0; i_ < SPAN; i_++) a[p_][i_] = fma((realv)pdy_[i_], x_, a[p_][i_]); \
            }                                                                                        \
        }                                                                                            \
    }
#endif

/* A work-item sums one block over a chunk of lines, ACROSS window positions at a time. Lanes are channels of x. Result
 * [chunk][block][position][filter of the group][LANES]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_grouped_backward_filter(IN(real, x), IN(real, dy), OUT(real, partial), const gather g, const grouped_share f)
{
    const int block = get_group_id(0), chunk = get_group_id(1), channel = block * LANES;
    const long begin = chunk * f.lines_per_chunk, end = min(f.lines, begin + f.lines_per_chunk);
    const int distance = g.a[2].reach * g.x_pitch; /* from one position's pixel to the next one's */
    __global real *sums = AT(partial) + ((ulong)chunk * get_num_groups(0) + block) * g.all_positions * SPAN * LANES;
    for (long line0 = begin; line0 < end; line0 += LINES)
        for (int position = 0; position < g.all_positions;) {
            const int q2 = position % g.a[2].positions, q1 = position / g.a[2].positions % g.a[1].positions;
            const int q0 = position / g.a[2].positions / g.a[1].positions, count = min(ACROSS, g.a[2].positions - q2);
            const int offset = g.a[2].offset + q2 * g.a[2].reach;
            int first = 0, last = g.a[2].count; /* of the columns that all positions have */
            for (int p = 0; p < ACROSS; p++) {
                int inside;
                last = min(last, columns_inside(&g.a[2], offset + p * g.a[2].reach, &inside));
                first = max(first, inside);
            }
            if (count < ACROSS || first >= last)
                first = last = 0;
            realv a[ACROSS][SPAN];
#pragma unroll
            for (int p = 0; p < ACROSS; p++)
#pragma unroll
                for (int i = 0; i < SPAN; i++)
                    a[p][i] = 0;
            for (long line = line0; line < min(line0 + LINES, end); line++) {
                const int j1 = line % g.a[1].count, j0 = line / g.a[1].count % g.a[0].count;
                const long n = line / g.a[1].count / g.a[0].count;
                const int d = j0 * g.a[0].scale + g.a[0].offset + q0 * g.a[0].reach;
                const int h = j1 * g.a[1].scale + g.a[1].offset + q1 * g.a[1].reach;
                if (d < 0 || d >= g.a[0].source_size || h < 0 || h >= g.a[1].source_size)
                    continue;
                __global const real *px = AT(x) + channel +
                    (((n * g.a[0].source_size + d) * g.a[1].source_size + h) * g.a[2].source_size + offset) * g.x_pitch;
                __global const real *pdy = AT(dy) + line * g.a[2].count * g.y_pitch + channel;
                for (int column = first; column < last; column++)
                    ADD_PIXEL(column, 0, ACROSS)
#pragma unroll
                for (int p = 0; p < ACROSS; p++) {
                    int start = 0;
                    const int stop = p < count ? columns_inside(&g.a[2], offset + p * g.a[2].reach, &start) : 0;
                    for (int column = start; column < min(stop, first); column++)
                        ADD_PIXEL(column, p, p + 1)
                    for (int column = max(start, last); column < stop; column++)
                        ADD_PIXEL(column, p, p + 1)
                }
            }
#pragma unroll
            for (int p = 0; p < ACROSS; p++)
#pragma unroll
                for (int i = 0; i < SPAN; i++) {
                    __global real *to = sums + ((position + p) * SPAN + i) * LANES;
                    if (p < count)
                        STOREV(line0 > begin ? a[p][i] + LOADV(to) : a[p][i], to);
                }
            position += count;
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
            __global const real *from = AT(partial) + (((ulong)k / LANES * window + r) * SPAN + k % SPAN) * LANES +
                                        k % LANES / SPAN * SPAN + j;
            acc sum = 0;
            for (int chunk = 0; chunk < chunks; chunk++)
                sum += from[(ulong)chunk * blocks * window * SPAN * LANES];
            AT(dw)[((ulong)k * SPAN + j) * window + r] = sum;
        }
}
