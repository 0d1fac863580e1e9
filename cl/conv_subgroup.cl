/* conv_subgroup.cl - convolution for GPUs with sub-groups: tiles of a matrix product in the registers of a sub-group.
 * Host side: src/ops/conv_subgroup.c.
 *
 * A work-group is one sub-group of LANES work-items. It makes ITEM_M rows of LANES * ITEM_N results; a lane has the ITEM_N
 * columns whose number it is, modulo LANES. One factor is read by all lanes side by side and stays where it is; the other too,
 * and is then broadcast lane by lane, so that nothing goes through local memory and nobody waits. Addresses are divided
 * among the lanes in the same way: lane i finds those of pixel i, and tells the others. Results are summed in the order of the
 * rows, as in conv_tiled.cl, and what lies outside is zero.
 *
 * The source channels of a group are a multiple of LANES, so that a sub-group is at one window position at a time.
 *
 * Without SUB_GROUPS lanes exchange values through local memory: right on every device, fast on none. */
#ifndef SUB_GROUPS
#define SUB_GROUPS 0
#endif
#ifndef LANES
#define LANES 16
#endif
#ifndef ITEM_M
#define ITEM_M 8
#endif
#ifndef ITEM_N
#define ITEM_N 2
#endif
#ifndef POINT
#define POINT 0
#endif
#define TILE_N (LANES * ITEM_N)
typedef JOIN(acc, ITEM_N) columns; /* what a lane has of a row: 2, 4 or 8 */

/* EXCHANGE declares room for up to `count` values of a lane; after SHARE(room, v, count) TAKE(room, v, i, lane) is v[i] of any
 * lane. LOAD_LANES(p) is p[lane], LOAD_COLUMNS(p) the columns' values of a row that begins at p. */
#if SUB_GROUPS
#pragma OPENCL EXTENSION cl_intel_subgroups : enable
#define LANE get_sub_group_local_id()
#define EXCHANGE(type, room, count)
#define SHARE(room, v, count)
#define TAKE(room, v, i, lane) sub_group_broadcast(v[i], lane)
#define LOAD_LANES(p) as_float(intel_sub_group_block_read((__global const uint *)(p)))
#define LOAD_COLUMNS(p) \
    JOIN(as_float, ITEM_N)(JOIN(intel_sub_group_block_read, ITEM_N)((__global const uint *)(p)))
#define UNROLL _Pragma("unroll")
#define ONE_SUB_GROUP __attribute__((reqd_work_group_size(LANES, 1, 1), intel_reqd_sub_group_size(LANES)))
#else
#define LANE get_local_id(0)
#define EXCHANGE(type, room, count) __local type room[(count) * LANES]
#define SHARE(room, v, count)                \
    barrier(CLK_LOCAL_MEM_FENCE);            \
    for (int s_ = 0; s_ < (count); s_++)     \
        room[s_ * LANES + LANE] = (v)[s_];   \
    barrier(CLK_LOCAL_MEM_FENCE);
#define TAKE(room, v, i, lane) room[(i) * LANES + (lane)]
#define LOAD_LANES(p) (p)[LANE]
#define LOAD_COLUMNS(p) load_columns(p)
static columns load_columns(__global const real *p)
{
    real lanes[ITEM_N];
    for (int j = 0; j < ITEM_N; j++)
        lanes[j] = p[j * LANES + get_local_id(0)];
    return JOIN(vload, ITEM_N)(0, lanes);
}
#define UNROLL
#define ONE_SUB_GROUP __attribute__((reqd_work_group_size(LANES, 1, 1)))
#endif

/* Where the window of destination pixel `m` begins: place along each axis, and the sample. */
typedef struct {
    int at[3], n;
} origin;

static origin origin_of(const gather *g, const int m)
{
    const int row = m / g->a[2].count, plane = row / g->a[1].count;
    const origin o = { { plane % g->a[0].count * g->a[0].scale + g->a[0].offset,
                         row % g->a[1].count * g->a[1].scale + g->a[1].offset,
                         m % g->a[2].count * g->a[2].scale + g->a[2].offset },
                       plane / g->a[0].count };
    return o;
}

/* The source pixel that window position (d, h, v) of it looks at; -1: outside. */
static int source_of(const gather *g, const origin *o, const int d, const int h, const int v)
{
    const int i = o->at[0] + d * g->a[0].reach, j = o->at[1] + h * g->a[1].reach, k = o->at[2] + v * g->a[2].reach;
    const int pixel = ((o->n * g->a[0].source_size + i) * g->a[1].source_size + j) * g->a[2].source_size + k;
    return POINT || (is_inside(i, g->a[0].source_size) && is_inside(j, g->a[1].source_size) &&
                     is_inside(k, g->a[2].source_size))
               ? pixel
               : -1;
}

/* Of one pixel, the values of LANES channels. What lies outside is read elsewhere, as that takes no branch. */
static real load_pixel(__global const real *channels, const int pixel, const int pitch)
{
    const real v = LOAD_LANES(channels + (long)max(pixel, 0) * pitch);
    return POINT || pixel >= 0 ? v : (real)0;
}

/* Pixels times filters. */
__kernel ONE_SUB_GROUP void conv_subgroup_gather(IN(real, x), IN(real, w), IN(real, b), RESULT(real, y), const gather g,
                                                 EPILOGUE_ARGUMENTS)
{
    EXCHANGE(int, room_of_pixels, 1);
    EXCHANGE(real, room, ITEM_M);
    const int lane = LANE, group = get_group_id(1);
    const int blocks = (g.filters + TILE_N - 1) / TILE_N, block = get_group_id(0) % blocks;
    const int pixels = g.n * g.a[0].count * g.a[1].count * g.a[2].count;
    const int m = get_group_id(0) / blocks * ITEM_M + lane; /* the pixel of this lane, if lane < ITEM_M */
    const origin from = origin_of(&g, min(m, pixels - 1));
    __global const real *source = AT(x) + group * g.channels, *weights =
        AT(w) + ((ulong)(group * blocks + block) * g.all_positions + g.first_position) * g.channels * TILE_N;

    columns sum[ITEM_M];
    UNROLL for (int i = 0; i < ITEM_M; i++)
        sum[i] = 0;
    const int positions = g.a[0].positions * g.a[1].positions * g.a[2].positions;
    for (int p = 0; p < positions; p++) {
        const int line = p / g.a[2].positions;
        const int own[1] = { source_of(&g, &from, line / g.a[1].positions, line % g.a[1].positions, p % g.a[2].positions) };
        int pixel[ITEM_M];
        SHARE(room_of_pixels, own, 1)
        UNROLL for (int i = 0; i < ITEM_M; i++)
            pixel[i] = TAKE(room_of_pixels, own, 0, i);
        for (int c = 0; c < g.channels; c += LANES, weights += LANES * TILE_N) {
            real v[ITEM_M];
            UNROLL for (int i = 0; i < ITEM_M; i++)
                v[i] = load_pixel(source + c, pixel[i], g.x_pitch);
            SHARE(room, v, ITEM_M)
            UNROLL for (int k = 0; k < LANES; k++) {
                const columns u = LOAD_COLUMNS(weights + k * TILE_N);
                UNROLL for (int i = 0; i < ITEM_M; i++)
                    sum[i] = fma((columns)TAKE(room, v, i, k), u, sum[i]);
            }
        }
    }

    const int own[1] = { m < pixels ? destination_of(&g, m) : -1 };
    SHARE(room_of_pixels, own, 1)
    UNROLL for (int i = 0; i < ITEM_M; i++) {
        const int to = TAKE(room_of_pixels, own, 0, i);
        acc lanes[ITEM_N];
        JOIN(vstore, ITEM_N)(sum[i], 0, lanes);
        UNROLL for (int j = 0; j < ITEM_N; j++) {
            const int filter = block * TILE_N + j * LANES + lane, channel = group * g.filters + filter;
            if (to >= 0 && filter < g.filters) {
                acc v = lanes[j];
                if (HAS_BIAS)
                    v += AT(b)[channel];
                EPILOGUE(acc, LOAD1, v, to, channel)
                AT(y)[(long)to * g.y_pitch + channel] = v;
            }
        }
    }
}

/* Result [chunk][filter][row]: ITEM_M filters times rows (window position, channel), a chunk of the pixels each. Filters are
 * broadcast. */
__kernel ONE_SUB_GROUP void conv_subgroup_backward_filter(IN(real, x), IN(real, dy), OUT(real, dw), const gather g,
                                                          const int pixels_per_chunk)
{
    EXCHANGE(int, room_of_pixels, ITEM_N);
    EXCHANGE(real, room, 1);
    const int lane = LANE, chunk = get_group_id(1), group = get_group_id(2);
    const int rows = g.all_positions * g.channels, tiles = (rows + TILE_N - 1) / TILE_N;
    const int first_row = get_group_id(0) % tiles * TILE_N, first_filter = get_group_id(0) / tiles * ITEM_M;
    const int pixels = g.n * g.a[0].count * g.a[1].count * g.a[2].count;
    const int first = chunk * pixels_per_chunk, end = min(pixels, first + pixels_per_chunk);
    __global const real *source = AT(x) + group * g.channels;
    __global const real *gradients = AT(dy) + group * g.filters + first_filter;

    columns sum[ITEM_M];
    UNROLL for (int i = 0; i < ITEM_M; i++)
        sum[i] = 0;
    for (int m = first; m < end; m += LANES) {
        const origin from = origin_of(&g, min(m + lane, end - 1));
        int own[ITEM_N];
        UNROLL for (int j = 0; j < ITEM_N; j++) {
            const int position = min(first_row + j * LANES, rows - 1) / g.channels, line = position / g.a[2].positions;
            own[j] = source_of(&g, &from, line / g.a[1].positions, line % g.a[1].positions, position % g.a[2].positions);
        }
        SHARE(room_of_pixels, own, ITEM_N)
        for (int k = 0; k < LANES && m + k < end; k++) {
            const real v[1] = { LOAD_LANES(gradients + (long)(m + k) * g.y_pitch) };
            real u[ITEM_N];
            UNROLL for (int j = 0; j < ITEM_N; j++)
                u[j] = load_pixel(source + min(first_row + j * LANES, rows - LANES) % g.channels,
                                  TAKE(room_of_pixels, own, j, k), g.x_pitch);
            SHARE(room, v, 1)
            UNROLL for (int i = 0; i < ITEM_M; i++)
                sum[i] = fma((columns)TAKE(room, v, 0, i), JOIN(vload, ITEM_N)(0, u), sum[i]);
        }
    }

    __global real *to = AT(dw) + (((ulong)chunk * g.groups + group) * g.filters + first_filter) * rows + first_row + lane;
    UNROLL for (int i = 0; i < ITEM_M; i++) {
        acc lanes[ITEM_N];
        JOIN(vstore, ITEM_N)(sum[i], 0, lanes);
        UNROLL for (int j = 0; j < ITEM_N; j++)
            if (first_filter + i < g.filters && first_row + j * LANES < rows)
                to[(ulong)i * rows + j * LANES] = lanes[j];
    }
}
