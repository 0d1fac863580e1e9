/* conv_direct.cl - convolution for CPUs: one work-item per work-group, explicit vectors, no barriers.
 * Host side: src/ops/conv_direct.c.
 *
 * conv_direct_gather serves the forward pass and, with the roles of x and y exchanged, the gradient of the input, which
 * is the forward pass of a transposed convolution as well. It is an implicit matrix product: destination pixels times
 * (window position, source channel) times destination channels. A work-item copies the source values of PANELS * TILE
 * pixels into panels, DEPTH values of each pixel side by side (padding becomes zeros there), and runs all its
 * destination channels over them, BLOCK at a time, in a register tile of TILE x COLUMNS vectors. The constant distance
 * of the rows lets every load of the inner loop be one instruction.
 *
 * Weights come packed, see conv_gather.cl. */
#ifndef TILE
#define TILE 12
#endif
#ifndef COLUMNS
#define COLUMNS 2
#endif
#ifndef PANELS
#define PANELS 8
#endif
#ifndef DEPTH
#define DEPTH 256
#endif
#ifndef FILTERS
#define FILTERS 256
#endif
#ifndef PIXELS
#define PIXELS 128
#endif
#define BLOCK (COLUMNS * VECTOR)
#define ROW (DEPTH + 16)              /* of a panel: the values of one pixel, and slack; whole cache lines */
#define DY_BLOCK (PIXELS * TILE + 16) /* of the panel of dy: a tile's filters, and slack */

/* A destination pixel: its sample and its index along each axis. */
typedef struct {
    int n, j[3];
} pixel;

inline void next_pixel(pixel *p, const gather *g)
{
    if (++p->j[2] == g->a[2].count) {
        p->j[2] = 0;
        if (++p->j[1] == g->a[1].count) {
            p->j[1] = 0;
            if (++p->j[0] == g->a[0].count) {
                p->j[0] = 0;
                p->n++;
            }
        }
    }
}

inline pixel pixel_at(const ulong index, const gather *g)
{
    const ulong plane = (ulong)g->a[1].count * g->a[2].count, volume = plane * g->a[0].count;
    const int in_plane = index % plane;
    return (pixel){ index / volume, { index % volume / plane, in_plane / g->a[2].count, in_plane % g->a[2].count } };
}

inline long place_of(const pixel *p, const gather *g)
{
    const int d = g->a[0].first + p->j[0] * g->a[0].step, h = g->a[1].first + p->j[1] * g->a[1].step;
    const int w = g->a[2].first + p->j[2] * g->a[2].step;
    return (((long)p->n * g->a[0].size + d) * g->a[1].size + h) * g->a[2].size + w;
}

/* These move whole vectors: up to VECTOR - 1 values too many, which the next run, or the slack of a row, takes. */
inline void copy_run(__local real *to, __global const real *from, int count)
{
    for (int i = 0; i < count; i += VECTOR)
        STOREV(LOADV(from + i), to + i);
}

inline void zero_run(__local real *to, int count)
{
    for (int i = 0; i < count; i += VECTOR)
        STOREV((realv)0, to + i);
}

/* copy_run with the prologue. Of x it reads no more than asked: y may lie beside it. */
inline void scale_run(__local real *to, __global const real *from, __global const real *scale, __global const real *shift,
                      int count)
{
    for (int i = 0; i < count; i += VECTOR) {
        realv v = load_some(from + i, count - i);
        BEGIN(realv, v, LOADV(scale + i), LOADV(shift + i))
        STOREV(v, to + i);
    }
}

/* Where row k = position*channels + channel of the product lies: value `in_unit` of the unit that begins at position q. A unit
 * is what lies side by side in memory: the channels of one position or, if g->joined, those of a line of positions. */
typedef struct {
    int q[3], in_unit;
} row_start;

inline row_start row_at(const int k, const gather *g)
{
    const int line = max(g->a[2].positions, 1), sheet = max(g->a[1].positions, 1) * line, position = k / g->channels;
    return (row_start){ { position / sheet, position % sheet / line, g->joined ? 0 : position % line },
                        k % (g->joined ? line * g->channels : g->channels) };
}

/* Whether all positions along an axis look into the image, the first one at source pixel `first`. */
inline bool all_inside(const int first, const gather_axis *a)
{
    const int last = first + (a->positions - 1) * a->reach;
    return min(first, last) >= 0 && max(first, last) < a->source_size;
}

/* Fills `row` with `length` values of a pixel's rows from `from` on. The position advances like an odometer: divisions would
 * cost as much as the copy. */
inline void pack_pixel(__local real *row, __global const real *x, const gather *g, const pixel *p, const row_start *from,
                       int length)
{
    const int *q = from->q;
    int c = from->in_unit;
    const int first_h = p->j[1] * g->a[1].scale + g->a[1].offset, first_w = p->j[2] * g->a[2].scale + g->a[2].offset;
    const int positions = g->joined ? g->a[2].positions : 1, unit = positions * g->channels;
    const int first_d = p->j[0] * g->a[0].scale + g->a[0].offset;
    const bool inside = all_inside(first_d, &g->a[0]) && all_inside(first_h, &g->a[1]) && all_inside(first_w, &g->a[2]);
    int q1 = q[1], q2 = q[2], d = first_d + q[0] * g->a[0].reach;
    int h = first_h + q1 * g->a[1].reach, w = first_w + q2 * g->a[2].reach;
    while (length > 0) {
        const int end = min(unit, c + length);
        const long line = (((long)p->n * g->a[0].source_size + d) * g->a[1].source_size + h) * g->a[2].source_size;
        __global const real *values = x + (line + w) * g->x_pitch;
        if (inside) {
            copy_run(row, values + c, end - c);
        } else {
            int first = end, last = end; /* of the values inside the image */
            if (d >= 0 && d < g->a[0].source_size && h >= 0 && h < g->a[1].source_size) {
                first = clamp(max(-w, 0) * g->channels, c, end);
                last = clamp(min(g->a[2].source_size - w, positions) * g->channels, first, end);
            }
            zero_run(row, first - c);
            copy_run(row + first - c, values + first, last - first);
            zero_run(row + last - c, end - last);
        }
        row += end - c;
        length -= end - c;
        c = 0;
        q2 += positions;
        w += g->a[2].reach;
        if (q2 >= g->a[2].positions) {
            q2 = 0;
            w = first_w;
            h += g->a[1].reach;
            if (++q1 == g->a[1].positions) {
                q1 = 0;
                h = first_h;
                d += g->a[0].reach;
            }
        }
    }
}

/* First layers: whether the windows are lines of values side by side, one below the other, of which `length` are all. */
inline bool is_joined(const gather *g, const int length)
{
    return g->joined && g->a[0].positions == 1 && length == g->a[1].positions * g->a[2].positions * g->channels;
}

/* pack_pixel for those, as long as the window lies inside the image; else false. */
inline bool pack_window(__local real *row, __global const real *x, const gather *g, const pixel *p)
{
    const int d = p->j[0] * g->a[0].scale + g->a[0].offset, h = p->j[1] * g->a[1].scale + g->a[1].offset;
    const int w = p->j[2] * g->a[2].scale + g->a[2].offset, unit = g->a[2].positions * g->channels;
    if (!all_inside(d, &g->a[0]) || !all_inside(h, &g->a[1]) || !all_inside(w, &g->a[2]))
        return false;
    const long plane = (long)p->n * g->a[0].source_size + d, pitch = (long)g->a[2].source_size * g->x_pitch;
    __global const real *line = x + (plane * g->a[1].source_size + h) * pitch + w * g->x_pitch;
    for (int i = 0; i < g->a[1].positions; i++, row += unit, line += g->a[1].reach * pitch)
        copy_run(row, line, unit);
    return true;
}

/* Whether each destination pixel looks at just one source pixel, and none beside the image. */
inline bool is_pointwise(const gather *g)
{
    bool one = true;
    for (int i = 0; i < 3; i++)
        one = one && g->a[i].positions == 1 && g->a[i].offset == 0 &&
              (g->a[i].count - 1) * g->a[i].scale < g->a[i].source_size;
    return one;
}

/* Where that source pixel's values begin. */
inline long source_of(const pixel *p, const gather *g)
{
    const int d = p->j[0] * g->a[0].scale, h = p->j[1] * g->a[1].scale, w = p->j[2] * g->a[2].scale;
    return ((((long)p->n * g->a[0].source_size + d) * g->a[1].source_size + h) * g->a[2].source_size + w) * g->x_pitch;
}

inline void prefetch_run(__global const real *from, const int count)
{
    for (int i = 0; i < count; i += 16) /* a cache line */
        PREFETCH(from + i);
}

#if HAS(GATHER)
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_direct_gather(IN(real, x), IN(real, w), IN(real, b), PROLOGUE_ARGUMENTS, RESULT(real, y), const gather g,
                   EPILOGUE_ARGUMENTS, __local real *panels)
{
    const int group = get_group_id(1), first_block = get_group_id(2) * g.blocks;
    const int rows = g.a[0].positions * g.a[1].positions * g.a[2].positions * g.channels;
    const ulong pixels = (ulong)g.n * g.a[0].count * g.a[1].count * g.a[2].count;
    const ulong first = (ulong)get_group_id(0) * (TILE * PANELS);
    const int block_count = (g.filters + BLOCK - 1) / BLOCK;
    const int end_block = min(first_block + g.blocks, block_count);
    const pixel start = pixel_at(first, &g);
    const bool pointwise = is_pointwise(&g);
    const bool streamed = g.streamed && ((ulong)AT(y) / sizeof(real) | g.y_pitch | g.filters) % VECTOR == 0;
    long place[TILE * PANELS]; /* the pixel of each result; -1: none */

    for (int k0 = 0; k0 == 0 || k0 < rows; k0 += DEPTH) { /* once even if no position reaches these pixels */
        const int length = min(DEPTH, rows - k0);
        const bool joined = is_joined(&g, length);
        const row_start from = row_at(k0, &g);
        pixel p = start;
        for (int t = 0; t < TILE * PANELS; t++) {
            if (first + t < pixels) {
                place[t] = place_of(&p, &g);
                const int channel = group * g.channels + k0;
                if (PROLOGUE > 0)
                    scale_run(panels + t * ROW, AT(x) + source_of(&p, &g) + channel, AT(scale) + channel,
                              AT(shift) + channel, length);
                else if (pointwise)
                    copy_run(panels + t * ROW, AT(x) + source_of(&p, &g) + channel, length);
                else if (!joined || !pack_window(panels + t * ROW, AT(x), &g, &p))
                    pack_pixel(panels + t * ROW, AT(x) + group * g.channels, &g, &p, &from, length);
                next_pixel(&p, &g);
            } else {
                place[t] = -1;
                zero_run(panels + t * ROW, length);
            }
        }
        const bool complete = k0 + DEPTH >= rows;
        /* What is copied next, if nothing is beside the image: more of these pixels, or the pixels of the next work-item. */
        const int next_k = complete ? 0 : k0 + DEPTH, tiles = (end_block - first_block) * PANELS;
        const ulong next_first = complete ? first + TILE * PANELS : first;
        int ahead = !pointwise || next_first >= pixels ? 0 : min((ulong)(TILE * PANELS), pixels - next_first);
        pixel next = complete ? p : start;
        for (int block = first_block; block < end_block; block++) {
            __global const real *weights =
                AT(w) + (((ulong)group * block_count + block) * g.all_positions + g.first_position) * g.channels * BLOCK +
                (ulong)k0 * BLOCK;
            for (int p = 0; p < PANELS && first + p * TILE < pixels; p++) {
                __local const real *panel = panels + p * (TILE * ROW);
                for (int i = 0; i < TILE * PANELS && ahead > 0; i += tiles, ahead--) {
                    prefetch_run(AT(x) + source_of(&next, &g) + group * g.channels + next_k, min(DEPTH, rows - next_k));
                    next_pixel(&next, &g);
                }
                for (int i = 0; i < TILE && !streamed; i++) /* stores read the lines that they change: multiplying hides it */
                    if (place[p * TILE + i] >= 0)
                        prefetch_run(AT(y) + place[p * TILE + i] * g.y_pitch + group * g.filters + block * BLOCK, BLOCK);
                realv a[TILE][COLUMNS];
                FOR_TILE a[i][j] = 0;
                for (int k = 0; k < length; k++) {
                    realv u[COLUMNS];
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        u[j] = LOADV(weights + k * BLOCK + j * VECTOR);
#pragma unroll
                    for (int i = 0; i < TILE; i++) {
                        const realv v = panel[i * ROW + k];
#pragma unroll
                        for (int j = 0; j < COLUMNS; j++)
                            a[i][j] = fma(v, u[j], a[i][j]);
                    }
                }
                const long *to = place + p * TILE;
                const int channel = group * g.filters + block * BLOCK, left = g.filters - block * BLOCK;
                if (first + (p + 1) * TILE <= pixels && left >= BLOCK) {
                    if (k0 > 0)
                        FOR_TILE a[i][j] += LOADV(AT(y) + to[i] * g.y_pitch + channel + j * VECTOR);
                    else
                        FOR_TILE ADD_ADDEND(realv, LOADV, a[i][j], to[i], channel + j * VECTOR)
                    if (complete && HAS_BIAS)
                        FOR_TILE a[i][j] += LOADV(AT(b) + channel + j * VECTOR);
                    if (complete)
                        FOR_TILE FINISH(realv, LOADV, a[i][j], to[i], channel + j * VECTOR)
                    if (streamed)
                        FOR_TILE STREAMV(a[i][j], AT(y) + to[i] * g.y_pitch + channel + j * VECTOR);
                    else
                        FOR_TILE STOREV(a[i][j], AT(y) + to[i] * g.y_pitch + channel + j * VECTOR);
                    continue;
                }
                realv rest[TILE][COLUMNS];
                FOR_TILE rest[i][j] = a[i][j];
                for (int i = 0; i < TILE && to[i] >= 0; i++)
                    for (int c = 0; c < min(left, BLOCK); c += VECTOR) {
                        const int count = left - c;
                        __global real *result = AT(y) + to[i] * g.y_pitch + channel + c;
                        realv v = rest[i][c / VECTOR];
                        if (k0 > 0)
                            v += load_some(result, count);
                        else
                            ADD_ADDEND(realv, LOAD_COUNT, v, to[i], channel + c)
                        if (complete && HAS_BIAS)
                            v += load_some(AT(b) + channel + c, count);
                        if (complete)
                            FINISH(realv, LOAD_COUNT, v, to[i], channel + c)
                        store_some(v, result, count);
                    }
            }
        }
    }
}

#endif

#if HAS(FILTER)
/* How the gradient of the filter is divided. Twin of struct filter_share, src/ops/conv_direct_filter.c. */
typedef struct {
    long pixels, pixels_per_chunk;
    int rows, pitch;                       /* of the filter's gradient: (position, channel); from one filter to the next */
    int row_part, filter_part, panel_part; /* rows and filters of a work-item, pixels of a panel */
    int padding; /* Mesa wants struct arguments without hidden padding at their end */
} filter_share;

/* Gradient of the filter: filters times (position, channel), summed over pixels. A work-item owns at most DEPTH of the rows,
 * FILTERS filters and a chunk of the pixels. It gathers at most PIXELS pixels of x at a time into a panel, as above, and those of
 * dy into another, [tile of filters][pixel][TILE], and adds their products in a register tile of TILE filters (broadcast) times
 * COLUMNS vectors of rows. Result [chunk][filter][row], with room for whole blocks of rows if there are several chunks. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_direct_backward_filter(IN(real, x), IN(real, dy), OUT(real, dw), const gather g, const filter_share f,
                            __local real *panel, __local real *dy_panel)
{
    const int filter_parts = (g.filters + f.filter_part - 1) / f.filter_part, group = get_group_id(2) / filter_parts;
    const int k0 = get_group_id(2) % filter_parts * f.filter_part, filters = min(f.filter_part, g.filters - k0);
    const int row0 = get_group_id(0) * f.row_part, length = min(f.row_part, f.rows - row0), chunk = get_group_id(1);
    const row_start start = row_at(row0, &g);
    const bool joined = is_joined(&g, length);
    const bool pointwise = is_pointwise(&g);
    const ulong first = (ulong)chunk * f.pixels_per_chunk, end = min((ulong)f.pixels, first + f.pixels_per_chunk);
    pixel p = pixel_at(first, &g);
    __global real *out = AT(dw) + (((ulong)chunk * g.groups + group) * g.filters + k0) * f.pitch + row0;

    for (ulong m = first; m < end; m += f.panel_part) {
        const int count = min((ulong)f.panel_part, end - m);
        for (int t = 0; t < count; t++) {
            if (pointwise)
                copy_run(panel + t * ROW, AT(x) + source_of(&p, &g) + group * g.channels + row0, length);
            else if (!joined || !pack_window(panel + t * ROW, AT(x), &g, &p))
                pack_pixel(panel + t * ROW, AT(x) + group * g.channels, &g, &p, &start, length);
            next_pixel(&p, &g);
            __global const real *from = AT(dy) + (m + t) * g.y_pitch + group * g.filters + k0;
            for (int k = 0; k < filters; k += TILE) /* a vector each: the next pixel takes what is too much */
                STOREV(LOADV(from + k), dy_panel + k / TILE * DY_BLOCK + t * TILE);
        }
        const int tiles = (length + BLOCK - 1) / BLOCK * ((filters + TILE - 1) / TILE);
        __global const real *dy_ahead = AT(dy) + (m + count) * g.y_pitch + group * g.filters + k0;
        int ahead = min((ulong)f.panel_part, end - m - count);
        pixel next = p;
        for (int row = 0; row < length; row += BLOCK)
            for (int k = 0; k < filters; k += TILE) {
                for (int i = 0; i < PIXELS && ahead > 0; i += tiles, ahead--) {
                    prefetch_run(dy_ahead, filters);
                    dy_ahead += g.y_pitch;
                    if (pointwise) {
                        prefetch_run(AT(x) + source_of(&next, &g) + group * g.channels + row0, length);
                        next_pixel(&next, &g);
                    }
                }
                __local const real *from = panel + row, *dy = dy_panel + k / TILE * DY_BLOCK;
                __global real *to = out + (ulong)k * f.pitch + row;
                for (int i = 0; i < TILE && m > first; i++)
                    prefetch_run(to + (ulong)i * f.pitch, BLOCK);
                realv a[TILE][COLUMNS];
                FOR_TILE a[i][j] = 0;
                for (int t = 0; t < count; t++) {
                    realv u[COLUMNS];
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        u[j] = LOADV(from + j * VECTOR);
#pragma unroll
                    for (int i = 0; i < TILE; i++) {
                        const realv v = dy[i];
#pragma unroll
                        for (int j = 0; j < COLUMNS; j++)
                            a[i][j] = fma(v, u[j], a[i][j]);
                    }
                    from += ROW;
                    dy += TILE;
                }
                const int left = length - row;
                if (k + TILE <= filters && row0 + row + BLOCK <= f.pitch) {
                    if (m > first)
                        FOR_TILE a[i][j] += LOADV(to + (ulong)i * f.pitch + j * VECTOR);
                    FOR_TILE STOREV(a[i][j], to + (ulong)i * f.pitch + j * VECTOR);
                    continue;
                }
                realv rest[TILE][COLUMNS];
                FOR_TILE rest[i][j] = a[i][j];
                for (int i = 0; i < TILE && k + i < filters; i++, to += f.pitch)
                    for (int c = 0; c < min(left, BLOCK); c += VECTOR) {
                        const realv v = m > first ? load_some(to + c, left - c) : (realv)0;
                        store_some(rest[i][c / VECTOR] + v, to + c, left - c);
                    }
            }
    }
}
#endif
