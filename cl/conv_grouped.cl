/* conv_grouped.cl - convolution whose groups have SPAN channels and as many filters, for CPUs: one work-item per
 * work-group, explicit vectors, no barriers. Host side: src/ops/conv_grouped.c.
 *
 * A block is LANES channels: VECTOR / SPAN groups side by side in a vector or, if a group fills vectors, one group. It has
 * little of each pixel, and pixels lie far apart, so a line is copied into local memory before it is used, with zeros
 * beside the image: into a ring of the lines that one line of results looks at. From there the products read it several
 * times, at distances that the compiler knows. A value meets all of the other side of its group: it is loaded into all
 * lanes or, where lanes belong to several groups, spread by a swizzle.
 *
 * Weights come packed as [block of LANES filters][position][j][LANES]; what a block of the last groups has too much is
 * never stored. */
#ifndef SPAN
#define SPAN 4
#endif
#ifndef TILE
#define TILE 8
#endif
#ifndef SCALE
#define SCALE 1 /* from one result's source pixels to the next one's, along a line */
#endif
#ifndef ACROSS
#define ACROSS 1 /* window positions of a line at a time, in the gradient of the filter */
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

/* Copies `count` pixels of a line of `size` from pixel `from` on, zeros where there are none: a block's values as they lie or,
 * if `spread`, the EACH vectors that swizzles make of them. */
#define STORE_SPREAD(j, lanes) STOREV(v.lanes, to + (j) * VECTOR);

inline void copy_line(__global const real *line, const int pitch, const int size, const int from, const int count,
                      __local real *to, const bool spread)
{
    const int begin = clamp(-from, 0, count), end = clamp(size - from, begin, count);
    const int length = spread ? SPAN * VECTOR : LANES; /* of a pixel in local memory */
    for (int i = 0; i < begin * length; i += VECTOR)
        STOREV((realv)0, to + i);
    to += begin * length;
    for (int i = begin; i < end; i++, to += length) {
        __global const real *pixel = line + (long)(from + i) * pitch;
        for (int c = 0; c < LANES; c += 16)
            PREFETCH(pixel + (long)size * pitch + c); /* the next line is copied next */
#if SPAN < VECTOR
        if (spread) {
            const realv v = LOADV(pixel);
            EACH(STORE_SPREAD)
            continue;
        }
#endif
#pragma unroll
        for (int c = 0; c < LANES; c += VECTOR)
            STOREV(LOADV(pixel + c), to + c);
    }
    for (int i = 0; i < (count - end) * length; i += VECTOR)
        STOREV((realv)0, to + i);
}

/* Adds one window position's products to the sums of a tile: `p` is what its first result looks at there. */
#if SPAN < VECTOR
#define PIXEL (SPAN * VECTOR) /* values of one in local memory */
#define ADD_POSITION(p, u)                                                        \
    _Pragma("unroll") for (int j_ = 0; j_ < SPAN; j_++) {                         \
        const realv w_ = LOADV((u) + j_ * LANES);                                 \
        _Pragma("unroll") for (int i_ = 0; i_ < TILE; i_++) a[i_][0] =            \
            fma(LOADV((p) + i_ * SCALE * PIXEL + j_ * VECTOR), w_, a[i_][0]);     \
    }
#else
#define PIXEL LANES
#define ADD_POSITION(p, u)                                                                                         \
    _Pragma("unroll 8") for (int j_ = 0; j_ < SPAN; j_++) {                                                        \
        realv w_[COLUMNS];                                                                                         \
        _Pragma("unroll") for (int c_ = 0; c_ < COLUMNS; c_++) w_[c_] = LOADV((u) + j_ * LANES + c_ * VECTOR);     \
        _Pragma("unroll") for (int i_ = 0; i_ < TILE; i_++) {                                                      \
            const realv v_ = (p)[i_ * SCALE * PIXEL + j_];                                                         \
            _Pragma("unroll") for (int c_ = 0; c_ < COLUMNS; c_++) a[i_][c_] = fma(v_, w_[c_], a[i_][c_]);         \
        }                                                                                                          \
    }
#endif

/* A work-item computes `rows` lines of destination pixels of one block, TILE pixels at a time. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_grouped_gather(IN(real, x), IN(real, w), IN(real, b), RESULT(real, y), const gather g, const int rows,
                    EPILOGUE_ARGUMENTS, __local real *lines)
{
    const gather_axis *down = &g.a[1], *along = &g.a[2];
    const int strips = (down->count + rows - 1) / rows, channel = get_group_id(0) * LANES;
    const int plane = get_group_id(1) / strips, j0 = plane % g.a[0].count, n = plane / g.a[0].count;
    const int first_row = get_group_id(1) % strips * rows, end_row = min(first_row + rows, down->count);
    /* A phase of a stride may have no position. With a negative reach the last position looks first. */
    const int reach1 = max(down->positions - 1, 0) * down->reach, reach2 = max(along->positions - 1, 0) * along->reach;
    const int tiles = (along->count + TILE - 1) / TILE, width = (tiles * TILE - 1) * SCALE + abs(reach2) + 1;
    const int ring = abs(reach1) + 1, lowest = first_row * down->scale + down->offset + min(reach1, 0);
    __global const real *weights = AT(w) + ((ulong)get_group_id(0) * g.all_positions + g.first_position) * SPAN * LANES;

    int next = lowest; /* line to copy */
    for (int j1 = first_row; j1 < end_row; j1++) {
        const int h1 = j1 * down->scale + down->offset, low = h1 + min(reach1, 0);
        for (next = max(next, low); next < low + ring; next++)
            for (int q0 = 0; q0 < g.a[0].positions; q0++) {
                const int d = j0 * g.a[0].scale + g.a[0].offset + q0 * g.a[0].reach;
                if (is_inside(d, g.a[0].source_size) && is_inside(next, down->source_size))
                    copy_line(AT(x) + channel + (((long)n * g.a[0].source_size + d) * down->source_size + next) *
                                                    along->source_size * g.x_pitch,
                              g.x_pitch, along->source_size, along->offset + min(reach2, 0), width,
                              lines + (q0 * ring + (next - lowest) % ring) * width * PIXEL, SPAN < VECTOR);
            }
        const long row = (((long)n * g.a[0].size + g.a[0].first + j0 * g.a[0].step) * down->size + down->first +
                          j1 * down->step) * along->size + along->first;
        for (int first = 0; first < along->count; first += TILE) {
            realv a[TILE][COLUMNS];
#pragma unroll
            for (int i = 0; i < TILE; i++)
#pragma unroll
                for (int c = 0; c < COLUMNS; c++)
                    a[i][c] = 0;
            for (int q0 = 0; q0 < g.a[0].positions; q0++)
                for (int q1 = 0; q1 < down->positions; q1++) {
                    const int d = j0 * g.a[0].scale + g.a[0].offset + q0 * g.a[0].reach, h = h1 + q1 * down->reach;
                    if (!is_inside(d, g.a[0].source_size) || !is_inside(h, down->source_size))
                        continue;
                    __local const real *p =
                        lines + ((q0 * ring + (h - lowest) % ring) * width + first * SCALE - min(reach2, 0)) * PIXEL;
                    __global const real *u =
                        weights + (q0 * down->positions + q1) * along->positions * (SPAN * LANES);
                    for (int q2 = 0; q2 < along->positions; q2++, p += along->reach * PIXEL, u += SPAN * LANES)
                        ADD_POSITION(p, u)
                }
            const int pixels = min(TILE, along->count - first);
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) {
                const int k = channel + c * VECTOR, count = g.groups * SPAN - k;
                const realv bias = HAS_BIAS && count > 0 ? load_some(AT(b) + k, count) : (realv)0;
#pragma unroll
                for (int i = 0; i < TILE; i++)
                    if (i < pixels && count > 0) {
                        const long pixel = row + (first + i) * along->step;
                        realv v = a[i][c] + bias;
                        EPILOGUE(realv, LOAD_COUNT, v, pixel, k)
                        store_some(v, AT(y) + pixel * g.y_pitch + k, count);
                    }
            }
        }
    }
}

/* How the gradient of the filter is divided. Twin of struct grouped_share, src/ops/conv_grouped.c. */
typedef struct {
    long lines, lines_per_chunk; /* of pixels of dy */
} grouped_share;

/* Adds a pixel's products to the sums of a tile, that is ROWS filters of each group (`pdy` on) times WIDE vectors of x, of as
 * many window positions or, if a group fills vectors, of its channels. Lanes are channels of x. */
#if SPAN < VECTOR
#define ROWS SPAN
#define WIDE ACROSS
#define TO_NEXT (SPAN * LANES) /* from the sums of one vector of x to those of the next one */
#define FROM_NEXT (along->reach * LANES)
#define IS_THERE(p) (q2 + (p) < along->positions)
#define ADD_FILTER(i, lanes)                                                                              \
    {                                                                                                     \
        const realv value_ = dy_.lanes;                                                                   \
        _Pragma("unroll") for (int p_ = 0; p_ < WIDE; p_++) a[i][p_] = fma(value_, x_[p_], a[i][p_]);     \
    }
#define ADD_PIXEL(pdy)            \
    const realv dy_ = LOADV(pdy); \
    EACH(ADD_FILTER)
#else
#define WIDE (COLUMNS < 2 ? 1 : 2)
#define SUMS (VECTOR < 16 ? 8 : 16)
#define ROWS (SPAN * WIDE < SUMS ? SPAN : SUMS / WIDE)
#define TO_NEXT VECTOR
#define FROM_NEXT VECTOR
#define IS_THERE(p) true
#define ADD_PIXEL(pdy)                                                                                    \
    _Pragma("unroll") for (int i_ = 0; i_ < ROWS; i_++) {                                                 \
        const realv value_ = (pdy)[i_];                                                                   \
        _Pragma("unroll") for (int p_ = 0; p_ < WIDE; p_++) a[i_][p_] = fma(value_, x_[p_], a[i_][p_]);   \
    }
#endif

/* A work-item sums one block over a chunk of lines. Result [chunk][block][position][filter of the group][LANES]. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_grouped_backward_filter(IN(real, x), IN(real, dy), OUT(real, partial), const gather g, const grouped_share f,
                             __local real *lines, __local real *dy_line)
{
    const gather_axis *down = &g.a[1], *along = &g.a[2];
    const int block = get_group_id(0), chunk = get_group_id(1), channel = block * LANES;
    const long begin = chunk * f.lines_per_chunk, end = min(f.lines, begin + f.lines_per_chunk);
    const int ring = (down->positions - 1) * down->reach + 1, places = (along->positions + ACROSS - 1) / ACROSS * ACROSS;
    const int width = (along->count - 1) * SCALE + (places - 1) * along->reach + 1;
    __global real *sums = AT(partial) + ((ulong)chunk * get_num_groups(0) + block) * g.all_positions * SPAN * LANES;

    int next = 0; /* line of x to copy, counted from the first that any result of the image looks at */
    for (long line = begin; line < end; line++) {
        const int j1 = line % down->count, j0 = line / down->count % g.a[0].count, low = j1 * down->scale;
        const long n = line / down->count / g.a[0].count;
        for (next = line == begin || j1 == 0 ? low : max(next, low); next < low + ring; next++)
            for (int q0 = 0; q0 < g.a[0].positions; q0++) {
                const int d = j0 * g.a[0].scale + g.a[0].offset + q0 * g.a[0].reach, h = next + down->offset;
                if (is_inside(d, g.a[0].source_size) && is_inside(h, down->source_size))
                    copy_line(AT(x) + channel + ((n * g.a[0].source_size + d) * down->source_size + h) *
                                                    along->source_size * g.x_pitch,
                              g.x_pitch, along->source_size, along->offset, width,
                              lines + (q0 * ring + next % ring) * width * LANES, false);
            }
        copy_line(AT(dy) + channel + line * along->count * g.y_pitch, g.y_pitch, along->count, 0, along->count, dy_line,
                  false);
        for (int q0 = 0; q0 < g.a[0].positions; q0++)
            for (int q1 = 0; q1 < down->positions; q1++) {
                const int d = j0 * g.a[0].scale + g.a[0].offset + q0 * g.a[0].reach, h = low + q1 * down->reach;
                const bool inside = is_inside(d, g.a[0].source_size) && is_inside(h + down->offset, down->source_size);
                if (!inside && line > begin)
                    continue;
                __local const real *source = lines + (q0 * ring + h % ring) * width * LANES;
                for (int q2 = 0; q2 < along->positions; q2 += ACROSS)
                    for (int i0 = 0; i0 < SPAN; i0 += ROWS)
                        for (int c0 = 0; c0 < COLUMNS; c0 += WIDE) {
                            const int position = (q0 * down->positions + q1) * along->positions + q2;
                            __global real *to = sums + (position * SPAN + i0) * LANES + c0 * VECTOR;
                            __local const real *px = source + q2 * along->reach * LANES + c0 * VECTOR, *pdy = dy_line + i0;
                            realv a[ROWS][WIDE];
#pragma unroll
                            for (int i = 0; i < ROWS; i++)
#pragma unroll
                                for (int p = 0; p < WIDE; p++)
                                    a[i][p] = line > begin && IS_THERE(p) ? LOADV(to + i * LANES + p * TO_NEXT) : (realv)0;
                            for (int column = 0; inside && column < along->count; column++) {
                                realv x_[WIDE];
#pragma unroll
                                for (int p = 0; p < WIDE; p++)
                                    x_[p] = LOADV(px + p * FROM_NEXT);
                                ADD_PIXEL(pdy)
                                px += SCALE * LANES;
                                pdy += LANES;
                            }
#pragma unroll
                            for (int i = 0; i < ROWS; i++)
#pragma unroll
                                for (int p = 0; p < WIDE; p++)
                                    if (IS_THERE(p))
                                        STOREV(a[i][p], to + i * LANES + p * TO_NEXT);
                        }
            }
    }
}

/* The sum over chunks, to dw (filter, j, position). A work-item takes a vector of channels, one position and one filter of
 * each group. */
__kernel void conv_grouped_sum_filter(IN(real, partial), OUT(real, dw), const gather g, const int chunks)
{
    const int c = get_global_id(0) * VECTOR, row = get_global_id(1), window = g.all_positions, rows = window * SPAN;
    const int all = g.groups * SPAN, blocks = (all + LANES - 1) / LANES;
    if (c >= all || row >= rows)
        return;
    __global const real *from = AT(partial) + ((ulong)c / LANES * rows + row) * LANES + c % LANES;
    realv sum = 0;
    for (int chunk = 0; chunk < chunks; chunk++)
        sum += LOADV(from + (ulong)chunk * blocks * rows * LANES);
    real lanes[VECTOR];
    STOREV(sum, lanes);
    for (int i = 0; i < min(VECTOR, all - c); i++) {
        const ulong k = (c + i) / SPAN * SPAN + row % SPAN; /* filter */
        AT(dw)[(k * SPAN + (c + i) % SPAN) * window + row / SPAN] = lanes[i];
    }
}
