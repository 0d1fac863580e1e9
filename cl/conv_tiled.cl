/* conv_tiled.cl - convolution for GPUs: tiles of a matrix product in local memory, smaller tiles in registers.
 * Host side: src/ops/conv_tiled.c.
 *
 * A work-group makes a tile of TILE_M x TILE_N results, a work-item ITEM_M x ITEM_N of them. DEPTH rows of the product at a
 * time go through local memory: while the sums of one pair of panels are made, the values of the next are on their way
 * into registers, and the panels alternate, so that one barrier per step is enough. Every result is summed in the order of
 * the rows, whatever the tile. Work-groups are full and all their work-items meet every barrier: what lies outside is
 * loaded as zero, or as something whose sum nobody stores. The loop over panels must not be unrolled: clang would to tell the
 * two panels apart, and need up to three times the registers.
 *
 * conv_tiled_gather makes pixels times filters, from rows (window position, source channel): the forward pass and, phase by
 * phase, the gradient of the input. conv_tiled_backward_filter makes filters times (window position, channel), from rows
 * that are pixels, in chunks that sum_filter_chunks (cl/conv_gather.cl) adds up.
 *
 * X_WIDTH and Y_WIDTH say how many values of x and y can be moved at once: 4 if channels, pitches and offsets allow it.
 * POINT says that the window is one position and lies inside everywhere. */
#ifndef TILE_M
#define TILE_M 64
#endif
#ifndef TILE_N
#define TILE_N 64
#endif
#ifndef DEPTH
#define DEPTH 8
#endif
#ifndef ITEM_M
#define ITEM_M 4
#endif
#ifndef ITEM_N
#define ITEM_N 4
#endif
#ifndef X_WIDTH
#define X_WIDTH 1
#endif
#ifndef Y_WIDTH
#define Y_WIDTH 1
#endif
#ifndef POINT
#define POINT 0
#endif

/* Everything comes in fours: vectors of values, and what a work-item has of a panel's row. */
typedef JOIN(real, 4) real4;
typedef JOIN(acc, 4) acc4;
#define ITEMS_M (TILE_M / ITEM_M)
#define ITEMS_N (TILE_N / ITEM_N)
#define ITEMS (ITEMS_M * ITEMS_N)
#define QUADS_M (TILE_M / 4)
#define QUADS_N (TILE_N / 4)
#define ROW_M (QUADS_M + 1) /* one more: it is filled column by column, which would meet few banks */
#define LOAD4(p) (*(__global const real4 *)(p)) /* aligned, unlike vload4 */

#if X_WIDTH == 4
typedef real4 x_values;
#define LOAD_X LOAD4
#else
typedef real x_values;
#define LOAD_X LOAD1
#endif
#if Y_WIDTH == 4
typedef real4 y_values;
#define LOAD_Y LOAD4
#else
typedef real y_values;
#define LOAD_Y LOAD1
#endif

/* How many moves of `width` values each work-item makes for a panel of DEPTH times `size`. */
#define MOVES(size, width) ((DEPTH * (size) / (width) + ITEMS - 1) / ITEMS)

/* Adds the product of two panels to a work-item's sums. */
static void multiply(acc4 sum[ITEM_M][ITEM_N / 4], __local const real4 *a, __local const real4 *b)
{
    a += get_local_id(0) / ITEMS_N;
    b += get_local_id(0) % ITEMS_N;
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
        real4 u[ITEM_N / 4];
#pragma unroll
        for (int j = 0; j < ITEM_N / 4; j++)
            u[j] = b[k * QUADS_N + j * ITEMS_N];
#pragma unroll
        for (int i = 0; i < ITEM_M / 4; i++) {
            const real4 v = a[k * ROW_M + i * ITEMS_M];
#pragma unroll
            for (int j = 0; j < ITEM_N / 4; j++) {
                sum[4 * i][j] = fma((acc4)v.s0, u[j], sum[4 * i][j]);
                sum[4 * i + 1][j] = fma((acc4)v.s1, u[j], sum[4 * i + 1][j]);
                sum[4 * i + 2][j] = fma((acc4)v.s2, u[j], sum[4 * i + 2][j]);
                sum[4 * i + 3][j] = fma((acc4)v.s3, u[j], sum[4 * i + 3][j]);
            }
        }
    }
}

static void clear(acc4 sum[ITEM_M][ITEM_N / 4])
{
#pragma unroll
    for (int i = 0; i < ITEM_M; i++)
#pragma unroll
        for (int j = 0; j < ITEM_N / 4; j++)
            sum[i][j] = 0;
}

/* The row and the first of four columns, within the tile, of a work-item's sum[i][j]. */
static int row_of(const int i)
{
    return (i / 4 * ITEMS_M + get_local_id(0) / ITEMS_N) * 4 + i % 4;
}

static int column_of(const int j)
{
    return (j * ITEMS_N + get_local_id(0) % ITEMS_N) * 4;
}

/* A number whose digits 0 to 2 count up to given sizes, digit 0 first; digit 3 takes what is left. Adding the steps of a
 * loop takes the place of divisions. Twin of struct digits, src/ops/conv_tiled.c. */
typedef struct {
    int d[4];
} digits;

static digits digits_of(const int number, const int *size)
{
    const int a = number / size[0], b = a / size[1];
    const digits q = { { number % size[0], a % size[1], b % size[2], b / size[2] } };
    return q;
}

static void add_digits(digits *q, const digits *step, const int *size)
{
    int carry = 0;
#pragma unroll
    for (int i = 0; i < 3; i++) {
        q->d[i] += step->d[i] + carry;
        carry = q->d[i] >= size[i];
        q->d[i] -= carry ? size[i] : 0;
    }
    q->d[3] += step->d[3] + carry;
}

/* In the gather, a work-item loads one column of the panel of x, for several pixels. */
#define X_COLUMNS (DEPTH / X_WIDTH)
#define X_ROWS (ITEMS / X_COLUMNS)
#define X_MOVES MOVES(TILE_M, X_WIDTH)
#define W_MOVES MOVES(TILE_N, 4)

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
conv_tiled_gather(IN(real, x), IN(real, w), IN(real, b), RESULT(real, y), const gather g,
                  const digits step, EPILOGUE_ARGUMENTS)
{
    __local real4 panel_x[2][DEPTH * ROW_M], panel_w[2][DEPTH * QUADS_N];
    const int item = get_local_id(0), group = get_group_id(1);
    const int blocks = (g.filters + TILE_N - 1) / TILE_N, block = get_group_id(0) % blocks;
    const int pixels = g.n * g.a[0].count * g.a[1].count * g.a[2].count;
    const int first = get_group_id(0) / blocks * TILE_M;
    const int rows = g.a[0].positions * g.a[1].positions * g.a[2].positions * g.channels;
    const int column = item % X_COLUMNS * X_WIDTH, pixel = item / X_COLUMNS;

    /* The row of this work-item's column: channel, then window position from the last axis on. */
    const int size[3] = { g.channels, max(g.a[2].positions, 1), max(g.a[1].positions, 1) };
    digits q = digits_of(column, size);

    /* Where the windows of its pixels begin. Pixels beyond the last are the last once more. */
    int from[X_MOVES], at[X_MOVES][3];
#pragma unroll
    for (int i = 0; i < X_MOVES; i++) {
        const int m = min(first + pixel + i * X_ROWS, pixels - 1);
        const int row = m / g.a[2].count, plane = row / g.a[1].count;
        at[i][0] = plane % g.a[0].count * g.a[0].scale + g.a[0].offset;
        at[i][1] = row % g.a[1].count * g.a[1].scale + g.a[1].offset;
        at[i][2] = m % g.a[2].count * g.a[2].scale + g.a[2].offset;
        const int line = (plane / g.a[0].count * g.a[0].source_size + at[i][0]) * g.a[1].source_size + at[i][1];
        from[i] = line * g.a[2].source_size + at[i][2];
    }
    __global const real *source = AT(x) + group * g.channels, *weights =
        AT(w) + ((ulong)(group * blocks + block) * g.all_positions + g.first_position) * g.channels * TILE_N;

    x_values next_x[X_MOVES];
    real4 next_w[W_MOVES];
    acc4 sum[ITEM_M][ITEM_N / 4];
    clear(sum);
#pragma unroll 1
    for (int k = 0, turn = 0; k < rows + DEPTH; k += DEPTH, turn ^= 1) {
        /* From row k on, which the last turn does not have: it only multiplies. */
        if (k < rows) {
#if POINT
            const int shift = 0, channel = k + column;
#else
            const int d = q.d[3] * g.a[0].reach, h = q.d[2] * g.a[1].reach, v = q.d[1] * g.a[2].reach;
            const int shift = (d * g.a[1].source_size + h) * g.a[2].source_size + v, channel = q.d[0];
            add_digits(&q, &step, size);
#endif
#pragma unroll
            for (int i = 0; i < X_MOVES; i++) {
                bool inside = k + column < rows;
#if !POINT
                inside = inside && is_inside(at[i][0] + d, g.a[0].source_size) &&
                         is_inside(at[i][1] + h, g.a[1].source_size) && is_inside(at[i][2] + v, g.a[2].source_size);
#endif
                next_x[i] = inside ? LOAD_X(source + (long)(from[i] + shift) * g.x_pitch + channel) : (x_values)0;
            }
#pragma unroll
            for (int i = 0; i < W_MOVES; i++) {
                const int j = item + i * ITEMS;
                next_w[i] = k + j / QUADS_N < rows ? LOAD4(weights + (long)k * TILE_N + 4 * j) : (real4)0;
            }
        }
        if (k > 0)
            multiply(sum, panel_x[turn], panel_w[turn]);
        if (k < rows) {
            __local real *to = (__local real *)panel_x[turn ^ 1] + column * (4 * ROW_M) + pixel;
#pragma unroll
            for (int i = 0; i < X_MOVES; i++)
                if (X_ROWS * X_MOVES == TILE_M || pixel + i * X_ROWS < TILE_M) {
#if X_WIDTH == 4
                    to[i * X_ROWS] = next_x[i].s0;
                    to[i * X_ROWS + 4 * ROW_M] = next_x[i].s1;
                    to[i * X_ROWS + 8 * ROW_M] = next_x[i].s2;
                    to[i * X_ROWS + 12 * ROW_M] = next_x[i].s3;
#else
                    to[i * X_ROWS] = next_x[i];
#endif
                }
#pragma unroll
            for (int i = 0; i < W_MOVES; i++)
                if (W_MOVES * ITEMS == DEPTH * QUADS_N || item + i * ITEMS < DEPTH * QUADS_N)
                    panel_w[turn ^ 1][item + i * ITEMS] = next_w[i];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }

#pragma unroll
    for (int i = 0; i < ITEM_M; i++) {
        const int m = first + row_of(i), to = destination_of(&g, min(m, pixels - 1));
#pragma unroll
        for (int j = 0; j < ITEM_N / 4; j++) {
            const int filter = block * TILE_N + column_of(j), channel = group * g.filters + filter;
            __global real *result = AT(y) + (long)to * g.y_pitch + channel;
            if (m >= pixels)
                continue;
#if Y_WIDTH == 4
            if (filter < g.filters) {
                acc4 v = sum[i][j];
                if (HAS_BIAS)
                    v += vload4(0, AT(b) + channel);
                EPILOGUE(acc4, LOAD4, v, to, channel)
                *(__global real4 *)result = v;
            }
#else
            const acc lanes[4] = { sum[i][j].s0, sum[i][j].s1, sum[i][j].s2, sum[i][j].s3 };
#pragma unroll
            for (int l = 0; l < 4; l++)
                if (filter + l < g.filters) {
                    acc v = lanes[l];
                    if (HAS_BIAS)
                        v += AT(b)[channel + l];
                    EPILOGUE(acc, LOAD1, v, to, channel + l)
                    result[l] = v;
                }
#endif
        }
    }
}

/* In the gradient of the filter, a work-item loads one column of the panel of x, a window position and channel, for several
 * pixels; they count from the last axis on. */
#define ROW_COLUMNS (TILE_N / X_WIDTH)
#define ROW_STEP (ITEMS / ROW_COLUMNS)
#define ROW_MOVES MOVES(TILE_N, X_WIDTH)
#define DY_COLUMNS (TILE_M / Y_WIDTH)
#define DY_MOVES MOVES(TILE_M, Y_WIDTH)

/* Result [chunk][filter][row]: filters times rows, a chunk of the pixels each. */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
conv_tiled_backward_filter(IN(real, x), IN(real, dy), OUT(real, dw), const gather g, const digits step,
                           const int pixels_per_chunk)
{
    __local real4 panel_dy[2][DEPTH * ROW_M], panel_x[2][DEPTH * QUADS_N];
    const int item = get_local_id(0), chunk = get_group_id(1), group = get_group_id(2);
    const int rows = g.all_positions * g.channels, tiles = (rows + TILE_N - 1) / TILE_N;
    const int first_row = get_group_id(0) % tiles * TILE_N, first_filter = get_group_id(0) / tiles * TILE_M;
    const int pixels = g.n * g.a[0].count * g.a[1].count * g.a[2].count;
    const int first = chunk * pixels_per_chunk, end = min(pixels, first + pixels_per_chunk);

    /* What this work-item's column looks at, for a pixel at the origin. */
    const int column = item % ROW_COLUMNS * X_WIDTH, row = first_row + column, start = item / ROW_COLUMNS;
    const int position = row / g.channels, line = position / g.a[2].positions;
    const int d = line / g.a[1].positions * g.a[0].reach + g.a[0].offset;
    const int h = line % g.a[1].positions * g.a[1].reach + g.a[1].offset;
    const int v = position % g.a[2].positions * g.a[2].reach + g.a[2].offset;
    __global const real *source = AT(x) + group * g.channels + row % g.channels;

    const int size[3] = { g.a[2].count, g.a[1].count, g.a[0].count };
    digits q[ROW_MOVES];
#pragma unroll
    for (int i = 0; i < ROW_MOVES; i++)
        q[i] = digits_of(first + start + i * ROW_STEP, size);

    x_values next_x[ROW_MOVES];
    y_values next_dy[DY_MOVES];
    acc4 sum[ITEM_M][ITEM_N / 4];
    clear(sum);
#pragma unroll 1
    for (int m = first, turn = 0; m < end + DEPTH; m += DEPTH, turn ^= 1) {
        if (m < end) {
#pragma unroll
            for (int i = 0; i < ROW_MOVES; i++) {
                const int at_d = q[i].d[2] * g.a[0].scale + d, at_h = q[i].d[1] * g.a[1].scale + h;
                const int at_v = q[i].d[0] * g.a[2].scale + v;
                const bool inside = row < rows && m + start + i * ROW_STEP < end && is_inside(at_d, g.a[0].source_size) &&
                                    is_inside(at_h, g.a[1].source_size) && is_inside(at_v, g.a[2].source_size);
                const int line = (q[i].d[3] * g.a[0].source_size + at_d) * g.a[1].source_size + at_h;
                next_x[i] = inside ? LOAD_X(source + (long)(line * g.a[2].source_size + at_v) * g.x_pitch) : (x_values)0;
                add_digits(&q[i], &step, size);
            }
#pragma unroll
            for (int i = 0; i < DY_MOVES; i++) {
                const int j = item + i * ITEMS, filter = first_filter + j % DY_COLUMNS * Y_WIDTH;
                const int p = m + j / DY_COLUMNS;
                next_dy[i] = p < end && filter < g.filters
                                 ? LOAD_Y(AT(dy) + (long)p * g.y_pitch + group * g.filters + filter)
                                 : (y_values)0;
            }
        }
        if (m > first)
            multiply(sum, panel_dy[turn], panel_x[turn]);
        if (m < end) {
#pragma unroll
            for (int i = 0; i < ROW_MOVES; i++)
                if (ROW_STEP * ROW_MOVES == DEPTH || start + i * ROW_STEP < DEPTH)
                    *(__local x_values *)((__local real *)panel_x[turn ^ 1] + (start + i * ROW_STEP) * TILE_N + column) =
                        next_x[i];
#pragma unroll
            for (int i = 0; i < DY_MOVES; i++) {
                const int j = item + i * ITEMS, p = j / DY_COLUMNS;
                if (ITEMS * DY_MOVES == DEPTH * DY_COLUMNS || p < DEPTH)
                    *(__local y_values *)((__local real *)panel_dy[turn ^ 1] + p * (4 * ROW_M) + j % DY_COLUMNS * Y_WIDTH) =
                        next_dy[i];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }

#pragma unroll
    for (int i = 0; i < ITEM_M; i++) {
        const int filter = first_filter + row_of(i);
#pragma unroll
        for (int j = 0; j < ITEM_N / 4; j++) {
            const int r = first_row + column_of(j);
            __global real *to = AT(dw) + (((ulong)chunk * g.groups + group) * g.filters + filter) * rows + r;
            const acc lanes[4] = { sum[i][j].s0, sum[i][j].s1, sum[i][j].s2, sum[i][j].s3 };
#pragma unroll
            for (int l = 0; l < 4; l++)
                if (filter < g.filters && r + l < rows)
                    to[l] = lanes[l];
        }
    }
}
