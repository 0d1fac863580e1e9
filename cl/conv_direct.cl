/* conv_direct.cl - convolution for CPUs: one work-item per work-group, explicit vectors, no barriers.
 * Host side: src/ops/conv_direct.c.
 *
 * conv_direct_gather serves the forward pass and, with the roles of x and y exchanged, the gradient of the input. It is
 * an implicit matrix product: destination pixels times (window position, source channel) times destination channels.
 * A work-item gathers the source values of PANELS * TILE pixels into packed panels (padding becomes zeros there) and
 * runs all its destination channels over them, BLOCK at a time, in a register tile of TILE x COLUMNS vectors.
 *
 * Weights come packed: [group][block of BLOCK destination channels][position][source channel][BLOCK]. */
#ifndef TILE
#define TILE 12
#endif
#ifndef COLUMNS
#define COLUMNS 2
#endif
#ifndef PANELS
#define PANELS 8
#endif
#ifndef BIAS
#define BIAS 0
#endif
#define BLOCK (COLUMNS * VECTOR)

/* Along one axis, destination pixel j lies at first + j*step, and window position q of it looks at the source pixel
 * j*scale + offset + q*reach. Twin of struct axis, src/ops/conv_direct.c. */
typedef struct {
    int count, first, step, size; /* destination pixels that are computed; their places; the whole size */
    int scale, offset, reach, source_size;
    int positions;
} axis;

typedef struct {
    axis a[3];
    int n, groups, channels, filters; /* source and destination channels are those of one group */
    int x_pitch, y_pitch;
    int first_position, all_positions; /* this launch's share of the packed weights */
    int depth;                         /* panel length: (position, channel) pairs at a time */
    int blocks;                        /* of destination channels, per work-item */
} gather;

/* The first `count` values, then zeros. */
inline realv load_some(__global const real *p, int count)
{
    if (count >= VECTOR)
        return LOADV(p);
    real lanes[VECTOR];
    for (int i = 0; i < VECTOR; i++)
        lanes[i] = i < count ? p[i] : (real)0;
    return LOADV(lanes);
}

inline void store_some(realv v, __global real *p, int count)
{
    if (count >= VECTOR) {
        STOREV(v, p);
    } else {
        real lanes[VECTOR];
        STOREV(v, lanes);
        for (int i = 0; i < count; i++)
            p[i] = lanes[i];
    }
}

/* Fills panel[(k - k0)*TILE] for one destination pixel and k0 <= k < k0 + length, k = position*channels + channel. */
inline void pack_pixel(__local real *panel, __global const real *x, const gather *g, ulong n, const int *base, int k0,
                       int length)
{
    const int width = g->a[2].positions, plane = g->a[1].positions * width;
    int q = k0 / g->channels, c = k0 % g->channels, k = 0;
    while (k < length) {
        const int d = base[0] + q / plane * g->a[0].reach;
        const int h = base[1] + q % plane / width * g->a[1].reach;
        const int w = base[2] + q % width * g->a[2].reach;
        const int run = min(g->channels - c, length - k);
        if (d >= 0 && d < g->a[0].source_size && h >= 0 && h < g->a[1].source_size && w >= 0 && w < g->a[2].source_size) {
            __global const real *p =
                x + (((n * g->a[0].source_size + d) * g->a[1].source_size + h) * g->a[2].source_size + w) * g->x_pitch + c;
            for (int i = 0; i < run; i++)
                panel[(k + i) * TILE] = p[i];
        } else {
            for (int i = 0; i < run; i++)
                panel[(k + i) * TILE] = 0;
        }
        k += run;
        c = 0;
        q++;
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_direct_gather(IN(real, x), IN(real, w), IN(real, b), OUT(real, y), const gather g, const float alpha,
                   __local real *panels)
{
    const int group = get_group_id(1), first_block = get_group_id(2) * g.blocks;
    const int rows = g.a[0].positions * g.a[1].positions * g.a[2].positions * g.channels;
    const ulong pixels = (ulong)g.n * g.a[0].count * g.a[1].count * g.a[2].count;
    const ulong first = (ulong)get_group_id(0) * (TILE * PANELS);
    const int block_count = (g.filters + BLOCK - 1) / BLOCK;
    const int end_block = min(first_block + g.blocks, block_count);
    long place[TILE * PANELS]; /* where each pixel's result goes; -1: nowhere */

    for (int k0 = 0; k0 == 0 || k0 < rows; k0 += g.depth) { /* once even if no position reaches these pixels */
        const int length = min(g.depth, rows - k0);
        for (int t = 0; t < TILE * PANELS; t++) {
            __local real *panel = panels + t / TILE * (g.depth * TILE) + t % TILE;
            const ulong m = first + t;
            if (m < pixels) {
                const int j2 = m % g.a[2].count, j1 = m / g.a[2].count % g.a[1].count;
                const ulong rest = m / ((ulong)g.a[2].count * g.a[1].count), n = rest / g.a[0].count;
                const int j0 = rest % g.a[0].count;
                const int base[3] = { j0 * g.a[0].scale + g.a[0].offset, j1 * g.a[1].scale + g.a[1].offset,
                                      j2 * g.a[2].scale + g.a[2].offset };
                place[t] = (((n * g.a[0].size + g.a[0].first + j0 * g.a[0].step) * g.a[1].size + g.a[1].first +
                             j1 * g.a[1].step) * g.a[2].size + g.a[2].first + j2 * g.a[2].step) * g.y_pitch;
                pack_pixel(panel, AT(x) + group * g.channels, &g, n, base, k0, length);
            } else {
                place[t] = -1;
                for (int k = 0; k < length; k++)
                    panel[k * TILE] = 0;
            }
        }
        const bool last = k0 + g.depth >= rows;
        for (int block = first_block; block < end_block; block++) {
            __global const real *weights =
                AT(w) + (((ulong)group * block_count + block) * g.all_positions + g.first_position) * g.channels * BLOCK +
                (ulong)k0 * BLOCK;
            for (int p = 0; p < PANELS && first + p * TILE < pixels; p++) {
                __local const real *panel = panels + p * (g.depth * TILE);
                realv a[TILE][COLUMNS];
#pragma unroll
                for (int i = 0; i < TILE; i++)
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        a[i][j] = 0;
                for (int k = 0; k < length; k++) {
                    realv u[COLUMNS];
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        u[j] = LOADV(weights + k * BLOCK + j * VECTOR);
#pragma unroll
                    for (int i = 0; i < TILE; i++) {
                        const realv v = panel[k * TILE + i];
#pragma unroll
                        for (int j = 0; j < COLUMNS; j++)
                            a[i][j] = fma(v, u[j], a[i][j]);
                    }
                }
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) {
                    const int column = block * BLOCK + j * VECTOR, count = g.filters - column;
                    const int channel = group * g.filters + column;
#if BIAS
                    const realv bias = last && count > 0 ? load_some(AT(b) + channel, count) : (realv)0;
#endif
#pragma unroll
                    for (int i = 0; i < TILE; i++) {
                        const long to = place[p * TILE + i];
                        if (to < 0 || count <= 0)
                            continue;
                        realv v = a[i][j];
                        if (k0 > 0)
                            v += load_some(AT(y) + to + channel, count);
#if BIAS
                        v += bias;
#endif
                        if (last)
                            v = APPLY(realv, v, alpha);
                        store_some(v, AT(y) + to + channel, count);
                    }
                }
            }
        }
    }
}

/* Weights (k, c, window) of the file to the order above, for one class of window positions: along each axis those at
 * first + q*period. Twin of struct pack, src/ops/conv_direct.c. */
typedef struct {
    int first[3], period[3], count[3], extent[3];
    int groups, channels, filters; /* of one group: source, destination */
    int first_position, all_positions;
    int transposed; /* 1: the destination channels are the convolution's input channels */
} pack;

__kernel void pack_filter_direct(IN(real, w), OUT(real, packed), const pack p)
{
    const int lane = get_global_id(0), row = get_global_id(1), block = get_global_id(2);
    const int blocks = (p.filters + BLOCK - 1) / BLOCK, window = p.extent[0] * p.extent[1] * p.extent[2];
    if (lane < BLOCK && row < p.count[0] * p.count[1] * p.count[2] * p.channels) {
        const int group = block / blocks, filter = block % blocks * BLOCK + lane;
        const int channel = row % p.channels, q = row / p.channels;
        const int d = p.first[0] + q / (p.count[1] * p.count[2]) * p.period[0];
        const int h = p.first[1] + q / p.count[2] % p.count[1] * p.period[1];
        const int s = p.first[2] + q % p.count[2] * p.period[2];
        const int r = (d * p.extent[1] + h) * p.extent[2] + s;
        const ulong k = p.transposed ? channel : filter, c = p.transposed ? filter : channel;
        const int group_k = p.transposed ? p.channels : p.filters, group_c = p.transposed ? p.filters : p.channels;
        const ulong to = ((ulong)block * p.all_positions + p.first_position) * p.channels + row;
        AT(packed)[to * BLOCK + lane] =
            filter < p.filters ? AT(w)[((group * (ulong)group_k + k) * group_c + c) * window + r] : (real)0;
    }
}
