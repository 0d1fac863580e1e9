/* conv_winograd.cl - 3x3 convolution with stride 1 and its gradients for CPUs, as F(OUTPUT x OUTPUT, 3 x 3) of Winograd 1980
 * in the form of Lavin and Gray 2016. Host side: src/ops/conv_winograd.c, conv_winograd_filter.c.
 *
 * The image is cut into tiles of OUTPUT x OUTPUT results, which see SIDE x SIDE = POINTS values. Transformed, tile and
 * filter are multiplied point by point; summed over channels that is one matrix product per point. A work-item owns
 * PANELS * TILE tiles. Transformed tiles lie as [panel][point][channel / VECTOR][TILE][VECTOR], so that the inner loop
 * finds every value at a constant distance; transformed filters as [block of BLOCK filters][point][channel][BLOCK].
 *
 * FUSED: the work-item transforms its own tiles into local memory; otherwise winograd_tiles has done so before. */
#ifndef OUTPUT
#define OUTPUT 4
#endif
#ifndef TILE
#define TILE 12
#endif
#ifndef COLUMNS
#define COLUMNS 2
#endif
#ifndef PANELS
#define PANELS 1
#endif
#ifndef FUSED
#define FUSED 1
#endif
#define CHANNELS 16 /* as in src/ops/conv_winograd.c */
#define SIDE (OUTPUT + 2)
#define POINTS (SIDE * SIDE)
#define BLOCK (COLUMNS * VECTOR)
#define TILES (PANELS * TILE)

/* Twin of struct winograd, src/ops/conv_winograd.c. */
typedef struct {
    int n, h, w, out_h, out_w;
    int begin_h, begin_w; /* padding */
    int tiles_h, tiles_w;
    int channels, filters;
    int x_pitch, y_pitch;
    int blocks; /* of filters, per work-item */
} winograd;

/* B^T d: values `step` apart, in place. */
inline void transform_line(realv *d, int step)
{
#if OUTPUT == 4
    const realv d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    const realv a = fma(d2, (realv)-4, d4), b = fma(d1, (realv)-4, d3), c = d4 - d2, e = 2 * (d3 - d1);
    d[0] = fma(d0, (realv)4, fma(d2, (realv)-5, d4));
    d[step] = a + b;
    d[2 * step] = a - b;
    d[3 * step] = c + e;
    d[4 * step] = c - e;
    d[5 * step] = fma(d1, (realv)4, fma(d3, (realv)-5, d5));
#else
    const realv d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    d[0] = d0 - d2;
    d[step] = d1 + d2;
    d[2 * step] = d2 - d1;
    d[3 * step] = d1 - d3;
#endif
}

/* A^T m: OUTPUT sums of the SIDE values m. */
inline void result_line(const realv *m, int step, realv *y)
{
#if OUTPUT == 4
    const realv a = m[step] + m[2 * step], b = m[step] - m[2 * step];
    const realv c = m[3 * step] + m[4 * step], e = m[3 * step] - m[4 * step];
    y[0] = m[0] + a + c;
    y[1] = fma(e, (realv)2, b);
    y[2] = fma(c, (realv)4, a);
    y[3] = fma(e, (realv)8, b) + m[5 * step];
#else
    y[0] = m[0] + m[step] + m[2 * step];
    y[1] = m[step] - m[2 * step] - m[3 * step];
#endif
}

/* A tile: its image and its first result. */
typedef struct {
    int n, h, w;
} tile;

inline tile tile_at(ulong index, const winograd *g)
{
    const int plane = g->tiles_h * g->tiles_w, rest = index % plane;
    const tile t = { index / plane, rest / g->tiles_w * OUTPUT, rest % g->tiles_w * OUTPUT };
    return t;
}

/* Channels c .. c + VECTOR - 1 of a tile, transformed, to v[point * distance]. */
#define TRANSFORM_TILE(v, distance, x, g, t, c)                                                                       \
    {                                                                                                                  \
        realv d[POINTS];                                                                                               \
        const int h0_ = (t).h - (g).begin_h, w0_ = (t).w - (g).begin_w, count_ = (g).channels - (c);                   \
        _Pragma("unroll") for (int i_ = 0; i_ < SIDE; i_++) {                                                          \
            _Pragma("unroll") for (int j_ = 0; j_ < SIDE; j_++) {                                                      \
                const int h_ = h0_ + i_, w_ = w0_ + j_;                                                                \
                const long at_ = (((long)(t).n * (g).h + h_) * (g).w + w_) * (g).x_pitch + (c);                        \
                d[i_ * SIDE + j_] =                                                                                    \
                    h_ >= 0 && h_ < (g).h && w_ >= 0 && w_ < (g).w ? load_some((x) + at_, count_) : (realv)0;          \
            }                                                                                                          \
        }                                                                                                              \
        _Pragma("unroll") for (int i_ = 0; i_ < SIDE; i_++) transform_line(d + i_ * SIDE, 1);                          \
        _Pragma("unroll") for (int i_ = 0; i_ < SIDE; i_++) transform_line(d + i_, SIDE);                              \
        _Pragma("unroll") for (int i_ = 0; i_ < POINTS; i_++) STOREV(d[i_], (v) + (long)i_ * (distance));              \
    }

#if HAS(GATHER)
/* A work-item transforms VECTOR channels of the tiles of one panel. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void winograd_tiles(IN(real, x), OUT(real, v), const winograd g)
{
    const int chunk = get_group_id(0), chunks = (g.channels + VECTOR - 1) / VECTOR;
    const ulong panel = get_group_id(1), tiles = (ulong)g.n * g.tiles_h * g.tiles_w;
    __global real *to = AT(v) + (panel * POINTS * chunks + chunk) * TILE * VECTOR;
    for (int i = 0; i < TILE; i++, to += VECTOR) {
        const tile t = tile_at(min(panel * TILE + i, tiles - 1), &g);
        TRANSFORM_TILE(to, chunks * TILE * VECTOR, AT(x), g, t, chunk * VECTOR)
    }
}

#define FOR_LINE _Pragma("unroll") for (int j_ = 0; j_ < OUTPUT; j_++)

/* OUTPUT x OUTPUT results of one tile for VECTOR filters, from products m[point * TILES * BLOCK]. */
#define STORE_TILE(m, g, t, channel)                                                                                   \
    {                                                                                                                  \
        realv lines[SIDE * OUTPUT], y_[OUTPUT];                                                                        \
        const int count = (g).filters - (channel);                                                                     \
        _Pragma("unroll") for (int j_ = 0; j_ < SIDE; j_++) {                                                          \
            realv column[SIDE];                                                                                        \
            _Pragma("unroll") for (int i_ = 0; i_ < SIDE; i_++)                                                        \
                column[i_] = LOADV((m) + (i_ * SIDE + j_) * (TILES * BLOCK));                                          \
            result_line(column, 1, y_);                                                                                \
            _Pragma("unroll") for (int i_ = 0; i_ < OUTPUT; i_++) lines[i_ * SIDE + j_] = y_[i_];                      \
        }                                                                                                              \
        const realv bias_ = HAS_BIAS ? load_some(AT(b) + (channel), count) : (realv)0;                                 \
        for (int i_ = 0; i_ < OUTPUT && (t).h + i_ < (g).out_h; i_++) {                                                \
            const long pixel_ = ((long)(t).n * (g).out_h + (t).h + i_) * (g).out_w + (t).w;                            \
            result_line(lines + i_ * SIDE, 1, y_);                                                                     \
            FOR_LINE y_[j_] += bias_;                                                                                  \
            if (count >= VECTOR) {                                                                                     \
                FOR_LINE if ((t).w + j_ < (g).out_w)                                                                   \
                    EPILOGUE(realv, LOADV, y_[j_], pixel_ + j_, channel)                                               \
                FOR_LINE if ((t).w + j_ < (g).out_w)                                                                   \
                    STOREV(y_[j_], AT(y) + (pixel_ + j_) * (g).y_pitch + (channel));                                   \
                continue;                                                                                              \
            }                                                                                                          \
            realv rest_[OUTPUT];                                                                                       \
            FOR_LINE rest_[j_] = y_[j_];                                                                               \
            for (int j_ = 0; j_ < OUTPUT && (t).w + j_ < (g).out_w; j_++) {                                            \
                EPILOGUE(realv, LOAD_COUNT, rest_[j_], pixel_ + j_, channel)                                           \
                store_some(rest_[j_], AT(y) + (pixel_ + j_) * (g).y_pitch + (channel), count);                         \
            }                                                                                                          \
        }                                                                                                              \
    }

#if FUSED
#define TILES_MEMORY __local
#else
#define TILES_MEMORY __global const
#endif

/* With FUSED, `tiles` is local memory for one panel after the other; otherwise what winograd_tiles has left. `products` is
 * local memory for POINTS * TILES * BLOCK values. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_winograd(IN(real, x), IN(real, u), IN(real, b), RESULT(real, y), const winograd g, EPILOGUE_ARGUMENTS,
#if FUSED
              __local real *tiles,
#else
              IN(real, v),
#endif
              __local real *products)
{
    const int chunks = (g.channels + VECTOR - 1) / VECTOR, panel_size = POINTS * chunks * TILE * VECTOR;
    const ulong first = (ulong)get_group_id(0) * TILES, all = (ulong)g.n * g.tiles_h * g.tiles_w;
    const int count = min((ulong)TILES, all - first), panels = (count + TILE - 1) / TILE;
    const int first_block = get_group_id(1) * g.blocks;
    const int end_block = min(first_block + g.blocks, (g.filters + BLOCK - 1) / BLOCK);
#if FUSED
    for (int i = 0; i < panels * TILE; i++) {
        const tile t = tile_at(min(first + i, all - 1), &g);
        __local real *to = tiles + i / TILE * panel_size + i % TILE * VECTOR;
        for (int chunk = 0; chunk < chunks; chunk++)
            TRANSFORM_TILE(to + chunk * (TILE * VECTOR), chunks * TILE * VECTOR, AT(x), g, t, chunk * VECTOR)
    }
#else
    __global const real *tiles = AT(v) + get_group_id(0) * (ulong)PANELS * panel_size;
#endif
    for (int block = first_block; block < end_block; block++) {
        __global const real *filters = AT(u) + (ulong)block * POINTS * g.channels * BLOCK;
        for (int point = 0; point < POINTS; point++, filters += g.channels * BLOCK)
            for (int p = 0; p < panels; p++) {
                TILES_MEMORY real *from = tiles + p * panel_size + point * (chunks * TILE * VECTOR);
                __global const real *weights = filters;
                realv a[TILE][COLUMNS];
#pragma unroll
                for (int i = 0; i < TILE; i++)
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        a[i][j] = 0;
                for (int c = 0; c < g.channels; c += VECTOR, from += TILE * VECTOR)
                    for (int k = 0; k < min(VECTOR, g.channels - c); k++, weights += BLOCK) {
                        realv w[COLUMNS];
#pragma unroll
                        for (int j = 0; j < COLUMNS; j++)
                            w[j] = LOADV(weights + j * VECTOR);
#pragma unroll
                        for (int i = 0; i < TILE; i++) {
                            const realv value = from[i * VECTOR + k];
#pragma unroll
                            for (int j = 0; j < COLUMNS; j++)
                                a[i][j] = fma(value, w[j], a[i][j]);
                        }
                    }
                __local real *to = products + (point * TILES + p * TILE) * BLOCK;
#pragma unroll
                for (int i = 0; i < TILE; i++)
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        STOREV(a[i][j], to + i * BLOCK + j * VECTOR);
            }
        for (int i = 0; i < count; i++) {
            const tile t = tile_at(first + i, &g);
            for (int j = 0; j < COLUMNS && block * BLOCK + j * VECTOR < g.filters; j++)
                STORE_TILE(products + i * BLOCK + j * VECTOR, g, t, block * BLOCK + j * VECTOR)
        }
    }
}

#endif

#if HAS(PACK)
/* G g G^T: filters w (k, c, 3, 3) of the file to the order above; transposed, for the gradient of the input: channels
 * become filters, and the window turns around. */
typedef struct {
    int channels, filters; /* of the result */
    int transposed, padding;
} winograd_filter;

inline void filter_line(const realv *g, int step, realv *u)
{
    const realv g0 = g[0], g1 = g[step], g2 = g[2 * step];
#if OUTPUT == 4
    u[0] = g0 / 4;
    u[1] = -(g0 + g1 + g2) / 6;
    u[2] = -(g0 - g1 + g2) / 6;
    u[3] = (g0 / 4 + g1 / 2 + g2) / 6;
    u[4] = (g0 / 4 - g1 / 2 + g2) / 6;
    u[5] = g2;
#else
    u[0] = g0;
    u[1] = (g0 + g1 + g2) / 2;
    u[2] = (g0 - g1 + g2) / 2;
    u[3] = g2;
#endif
}

/* A work-item transforms the windows of CHANNELS channels, whose values lie side by side, for VECTOR filters. */
__kernel void pack_filter_winograd(IN(real, w), OUT(real, u), const winograd_filter f)
{
    const int first = get_global_id(0) * CHANNELS, k = get_global_id(1) * VECTOR, block = k / BLOCK;
    for (int c = first; c < min(first + CHANNELS, f.channels); c++) {
        real lanes[9 * VECTOR];
        for (int lane = 0; lane < VECTOR; lane++) {
            const ulong filter = k + lane;
            __global const real *from = AT(w) + (f.transposed ? c * (ulong)f.filters + filter : filter * f.channels + c) * 9;
            for (int i = 0; i < 9; i++)
                lanes[i * VECTOR + lane] = k + lane < f.filters ? from[f.transposed ? 8 - i : i] : (real)0;
        }
        realv window[9], lines[3 * SIDE], points[SIDE];
#pragma unroll
        for (int i = 0; i < 9; i++)
            window[i] = LOADV(lanes + i * VECTOR);
#pragma unroll
        for (int i = 0; i < 3; i++)
            filter_line(window + 3 * i, 1, lines + SIDE * i);
        __global real *to = AT(u) + ((ulong)block * POINTS * f.channels + c) * BLOCK + k % BLOCK;
#pragma unroll
        for (int j = 0; j < SIDE; j++) {
            filter_line(lines + j, SIDE, points);
#pragma unroll
            for (int i = 0; i < SIDE; i++)
                STOREV(points[i], to + (ulong)(i * SIDE + j) * f.channels * BLOCK);
        }
    }
}

#endif

#if HAS(FILTER)
/* ---- gradient of the filter ----
 *
 * The same products, seen from the filter: dw = G^T ((A dy A^T) x (B^T d B)) G, summed over tiles; that is one matrix product
 * per point whose depth are the tiles. A work-item owns SPAN channels and SPAN filters and goes through its share of the
 * tiles at most DEPTH at a time, line of points after line of points: it transforms them into local memory as
 * [point of the line][vector of channels or filters][tile][VECTOR], multiplies in a register tile of TILE filters times
 * COLUMNS vectors of channels, and adds what the line means for the filter to its result. FEW_FILTERS and FEW_CHANNELS of
 * them go through all points of the line before the next ones, so that products find their operands in the nearest cache.
 * The fractions of G go to the transform of dy, so that everything after it is exact for small integers. */
#ifndef DEPTH
#define DEPTH 64
#endif
#ifndef SPAN
#define SPAN 64
#endif
#define STRIP (VECTOR * DEPTH + 16)  /* values of one vector of channels; a distance that is no power of two */
#define LINE (SPAN / VECTOR * STRIP) /* of one point */
#define FEW_FILTERS 16 /* as in src/ops/conv_winograd_filter.c */
#define FEW_CHANNELS 64

#if OUTPUT == 4
__constant real image_row[SIDE][SIDE] = { { 4, 0, -5, 0, 1, 0 },  { 0, -4, -4, 1, 1, 0 }, { 0, 4, -4, -1, 1, 0 },
                                          { 0, -2, -1, 2, 1, 0 }, { 0, 2, -1, -2, 1, 0 }, { 0, 4, 0, -5, 0, 1 } };
__constant real result_row[SIDE][OUTPUT] = { { 1, 0, 0, 0 }, { 1, 1, 1, 1 },   { 1, -1, 1, -1 },
                                             { 1, 2, 4, 8 }, { 1, -2, 4, -8 }, { 0, 0, 0, 1 } };
__constant real filter_row[SIDE][3] = { { 1, 0, 0 }, { -1, -1, -1 }, { -1, 1, -1 }, { 1, 2, 4 }, { 1, -2, 4 }, { 0, 0, 1 } };
__constant real fraction[SIDE] = { 1.f / 4, 1.f / 6, 1.f / 6, 1.f / 24, 1.f / 24, 1 };
#else
__constant real image_row[SIDE][SIDE] = { { 1, 0, -1, 0 }, { 0, 1, 1, 0 }, { 0, -1, 1, 0 }, { 0, 1, 0, -1 } };
__constant real result_row[SIDE][OUTPUT] = { { 1, 0 }, { 1, 1 }, { 1, -1 }, { 0, -1 } };
__constant real filter_row[SIDE][3] = { { 1, 0, 0 }, { 1, 1, 1 }, { 1, -1, 1 }, { 0, 0, 1 } };
__constant real fraction[SIDE] = { 1, 1.f / 2, 1.f / 2, 1 };
#endif

/* A dy: the results' part in each point, with its fraction. */
inline void spread_line(const realv *y, realv *m)
{
#if OUTPUT == 4
    const realv a = y[0] + y[2], b = y[1] + y[3];
    const realv c = fma(y[2], (realv)4, y[0]), e = fma(y[3], (realv)8, 2 * y[1]);
    m[0] = y[0] * fraction[0];
    m[1] = (a + b) * fraction[1];
    m[2] = (a - b) * fraction[2];
    m[3] = (c + e) * fraction[3];
    m[4] = (c - e) * fraction[4];
    m[5] = y[3];
#else
    m[0] = y[0];
    m[1] = (y[0] + y[1]) * fraction[1];
    m[2] = (y[0] - y[1]) * fraction[2];
    m[3] = -y[1];
#endif
}

/* G^T m without the fractions. */
inline void gather_line(const realv *m, realv *g)
{
#if OUTPUT == 4
    const realv a = m[1] + m[2], b = m[2] - m[1], c = m[3] + m[4], e = m[3] - m[4];
    g[0] = m[0] - a + c;
    g[1] = fma(e, (realv)2, b);
    g[2] = fma(c, (realv)4, m[5] - a);
#else
    const realv a = m[1] + m[2];
    g[0] = m[0] + a;
    g[1] = m[1] - m[2];
    g[2] = a + m[3];
#endif
}

/* `line`[j] = sum over i of weight[i] * the vector at row h + i, column w + j of an image; zeros lie around it. */
#define COMBINE_ROWS(line, length, weight, rows, image, h0, w0, height, width, pitch, count)                           \
    {                                                                                                                  \
        const bool whole_ = (w0) >= 0 && (w0) + (length) <= (width) && (count) >= VECTOR;                              \
        _Pragma("unroll") for (int j_ = 0; j_ < (length); j_++) line[j_] = 0;                                          \
        for (int i_ = 0; i_ < (rows); i_++) {                                                                          \
            const int h_ = (h0) + i_;                                                                                  \
            const real weight_ = (weight)[i_];                                                                         \
            if (weight_ == 0 || h_ < 0 || h_ >= (height))                                                              \
                continue;                                                                                              \
            __global const real *from_ = (image) + ((long)h_ * (width) + (w0)) * (pitch);                              \
            if (whole_) {                                                                                              \
                _Pragma("unroll") for (int j_ = 0; j_ < (length); j_++)                                                \
                    line[j_] = fma((realv)weight_, LOADV(from_ + j_ * (pitch)), line[j_]);                             \
            } else {                                                                                                   \
                for (int j_ = 0; j_ < (length); j_++)                                                                  \
                    if ((w0) + j_ >= 0 && (w0) + j_ < (width))                                                         \
                        line[j_] = fma((realv)weight_, load_some(from_ + j_ * (pitch), count), line[j_]);              \
            }                                                                                                          \
        }                                                                                                              \
    }

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_winograd_backward_filter(IN(real, x), IN(real, dy), OUT(real, dw), const winograd g, const int tiles_per_chunk,
                              const int tiles_per_panel, __local real *images, __local real *results, __local real *products)
{
    const int c0 = get_group_id(0) * SPAN, k0 = get_group_id(1) * SPAN, chunk = get_group_id(2);
    const int channels = min(SPAN, g.channels - c0), filters = min(SPAN, g.filters - k0);
    const int first = chunk * tiles_per_chunk, end = min(first + tiles_per_chunk, g.n * g.tiles_h * g.tiles_w);
    __global real *out = AT(dw) + ((ulong)chunk * g.filters + k0) * 9 * g.channels + c0;

    for (int t0 = first; t0 < end; t0 += tiles_per_panel)
        for (int point = 0; point < SIDE; point++) { /* the line of points with this row */
            const int count = min(tiles_per_panel, end - t0);
            for (int i = 0; i < count; i++) {
                const tile t = tile_at(t0 + i, &g);
                const int h = t.h - g.begin_h, w = t.w - g.begin_w;
                __global const real *image = AT(x) + (long)t.n * g.h * g.w * g.x_pitch + c0;
                for (int c = 0; c < channels; c += VECTOR) {
                    realv line[SIDE];
                    COMBINE_ROWS(line, SIDE, image_row[point], SIDE, image + c, h, w, g.h, g.w, g.x_pitch, channels - c)
                    transform_line(line, 1);
#pragma unroll
                    for (int j = 0; j < SIDE; j++)
                        STOREV(line[j], images + j * LINE + c / VECTOR * STRIP + i * VECTOR);
                }
                __global const real *result = AT(dy) + (long)t.n * g.out_h * g.out_w * g.y_pitch + k0;
                for (int k = 0; k < filters; k += VECTOR) {
                    realv line[OUTPUT], points[SIDE];
                    COMBINE_ROWS(line, OUTPUT, result_row[point], OUTPUT, result + k, t.h, t.w, g.out_h, g.out_w, g.y_pitch,
                                 filters - k)
                    spread_line(line, points);
#pragma unroll
                    for (int j = 0; j < SIDE; j++)
                        STOREV(points[j] * fraction[point], results + j * LINE + k / VECTOR * STRIP + i * VECTOR);
                }
            }
            for (int k1 = 0; k1 < filters; k1 += FEW_FILTERS)
                for (int c1 = 0; c1 < channels; c1 += FEW_CHANNELS) {
                    const int end_k = min(filters, k1 + FEW_FILTERS), end_c = min(channels, c1 + FEW_CHANNELS);
                    for (int j = 0; j < SIDE; j++)
                        for (int k = k1; k < end_k; k += TILE)
                            for (int c = c1; c < end_c; c += BLOCK) {
                                __local const real *u = images + j * LINE + c / VECTOR * STRIP;
                                __local const real *v = results + j * LINE + k / VECTOR * STRIP + k % VECTOR;
                                realv a[TILE][COLUMNS];
#pragma unroll
                                for (int f = 0; f < TILE; f++)
#pragma unroll
                                    for (int column = 0; column < COLUMNS; column++)
                                        a[f][column] = 0;
                                for (int i = 0; i < count; i++, u += VECTOR, v += VECTOR) {
                                    realv values[COLUMNS];
#pragma unroll
                                    for (int column = 0; column < COLUMNS; column++)
                                        values[column] = LOADV(u + column * STRIP);
#pragma unroll
                                    for (int f = 0; f < TILE; f++) {
                                        const realv value = v[f];
#pragma unroll
                                        for (int column = 0; column < COLUMNS; column++)
                                            a[f][column] = fma(value, values[column], a[f][column]);
                                    }
                                }
                                __local real *to = products + ((k - k1) * SIDE + j) * FEW_CHANNELS + c - c1;
#pragma unroll
                                for (int f = 0; f < TILE; f++)
#pragma unroll
                                    for (int column = 0; column < COLUMNS; column++)
                                        STOREV(a[f][column], to + f * SIDE * FEW_CHANNELS + column * VECTOR);
                            }
                    for (int k = k1; k < end_k; k++)
                        for (int c = c1; c < end_c; c += VECTOR) {
                            const int left = channels - c;
                            realv line[SIDE], taps[3];
#pragma unroll
                            for (int j = 0; j < SIDE; j++)
                                line[j] = LOADV(products + ((k - k1) * SIDE + j) * FEW_CHANNELS + c - c1);
                            gather_line(line, taps);
                            for (int i = 0; i < 3; i++) {
                                const real weight = filter_row[point][i];
                                __global real *to = out + (k * 9 + i * 3) * (ulong)g.channels + c;
                                for (int j = 0; j < 3; j++, to += g.channels)
                                    if (point == 0 && t0 == first)
                                        store_some(weight * taps[j], to, left);
                                    else if (weight != 0)
                                        store_some(fma((realv)weight, taps[j], load_some(to, left)), to, left);
                            }
                        }
                }
        }
}
#endif
