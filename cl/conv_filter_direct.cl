/* conv_filter_direct.cl - gradient of a convolution's filter for CPUs. Host side: src/ops/conv_filter_direct.c.
 *
 * One work-item per work-group owns one window position, one chunk of output rows and a range of input channels. It
 * sums over the pixels of its rows in a register tile of TILE input channels (broadcast) times COLUMNS vectors of
 * output channels; nothing is packed. `rows_per_block` rows at a time stay in cache while all tiles pass over them.
 * Each chunk writes a partial filter; the second kernel adds them up in order, so that there are no atomics.
 *
 * Vector loads of dy may run past the last channel of the last pixel: activations end in a margin for that
 * (compile/memory.c). What is read there is never stored. */
#ifndef TILE
#define TILE 8
#endif
#ifndef COLUMNS
#define COLUMNS 2
#endif
#define BLOCK (COLUMNS * VECTOR)
#define SUM_CHANNELS 16 /* as in src/ops/conv_filter_direct.c */

/* Twin of struct filter_share, src/ops/conv_filter_direct.c. */
typedef struct {
    geometry g;
    long pixels; /* output pixels; the last row may be shorter than out[2] */
    int chunks, rows_per_chunk, rows_per_block;
    int tiles;  /* of TILE input channels, per work-item */
    int shares; /* work-items that divide the channels of a group among them */
    int padding; /* Mesa wants struct arguments without hidden padding at their end */
} filter_share;

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
conv_direct_backward_filter(IN(real, x), IN(real, dy), OUT(real, partial), const filter_share f)
{
    const geometry g = f.g;
    const int r = get_group_id(0), chunk = get_group_id(1), group = get_group_id(2) / f.shares;
    const int cg = g.c / g.groups, kg = g.k / g.groups, kp = (kg + BLOCK - 1) / BLOCK * BLOCK;
    const int first_c = get_group_id(2) % f.shares * f.tiles * TILE, end_c = min(first_c + f.tiles * TILE, cg);
    const int rd = r / (g.extent[2] * g.extent[1]) * g.dilation[0] - g.begin[0];
    const int rh = r / g.extent[2] % g.extent[1] * g.dilation[1] - g.begin[1];
    const int rw = r % g.extent[2] * g.dilation[2] - g.begin[2];
    const int window = g.extent[0] * g.extent[1] * g.extent[2];
    const long rows = (long)g.n * g.out[0] * g.out[1];
    const long first_row = (long)chunk * f.rows_per_chunk, end_row = min(rows, first_row + f.rows_per_chunk);
    __global real *out = AT(partial) + ((((ulong)chunk * g.groups + group) * window + r) * cg) * kp;

    /* Columns whose input lies inside the image. */
    const int first_w = rw < 0 ? (-rw + g.stride[2] - 1) / g.stride[2] : 0;
    const int end_w = g.in[2] - 1 - rw < 0 ? 0 : min(g.out[2], (g.in[2] - 1 - rw) / g.stride[2] + 1);

    for (ulong i = (ulong)first_c * kp; i < (ulong)end_c * kp; i += VECTOR)
        STOREV((realv)0, out + i);
    for (long block = first_row; block < end_row; block += f.rows_per_block) {
        const long block_end = min(end_row, block + f.rows_per_block);
        for (int c = first_c; c < end_c; c += TILE)
            for (int k = 0; k < kg; k += BLOCK) {
                realv a[TILE][COLUMNS];
                int channel[TILE]; /* beyond the last: the last again, computed for nothing */
#pragma unroll
                for (int i = 0; i < TILE; i++) {
                    channel[i] = min(c + i, cg - 1) - c;
#pragma unroll
                    for (int j = 0; j < COLUMNS; j++)
                        a[i][j] = 0;
                }
                for (long row = block; row < block_end; row++) {
                    const int oh = row % g.out[1], od = row / g.out[1] % g.out[0];
                    const ulong n = row / ((long)g.out[1] * g.out[0]);
                    const int id = od * g.stride[0] + rd, ih = oh * g.stride[1] + rh;
                    const int end = (int)min((long)end_w, f.pixels - row * g.out[2]);
                    if (id < 0 || id >= g.in[0] || ih < 0 || ih >= g.in[1])
                        continue;
                    __global const real *px =
                        AT(x) + (((n * g.in[0] + id) * g.in[1] + ih) * g.in[2] + first_w * g.stride[2] + rw) * g.x_pitch +
                        group * cg + c;
                    __global const real *pdy = AT(dy) + (row * g.out[2] + first_w) * g.y_pitch + group * kg + k;
                    for (int ow = first_w; ow < end; ow++) {
                        realv u[COLUMNS];
#pragma unroll
                        for (int j = 0; j < COLUMNS; j++)
                            u[j] = LOADV(pdy + j * VECTOR);
#pragma unroll
                        for (int i = 0; i < TILE; i++) {
                            const realv v = px[channel[i]];
#pragma unroll
                            for (int j = 0; j < COLUMNS; j++)
                                a[i][j] = fma(v, u[j], a[i][j]);
                        }
                        px += g.stride[2] * g.x_pitch;
                        pdy += g.y_pitch;
                    }
                }
#pragma unroll
                for (int i = 0; i < TILE; i++)
                    if (c + i < end_c)
#pragma unroll
                        for (int j = 0; j < COLUMNS; j++) {
                            __global real *o = out + (ulong)(c + i) * kp + k + j * VECTOR;
                            STOREV(LOADV(o) + a[i][j], o);
                        }
            }
    }
}

/* partial [chunk][group][window][c][k, padded] to dw (k, c, window). A work-item takes one output channel and some
 * input channels, so that it writes one piece of dw from start to end. */
__kernel void conv_direct_sum_filter(IN(real, partial), OUT(real, dw), const filter_share f)
{
    const geometry g = f.g;
    const int cg = g.c / g.groups, kg = g.k / g.groups, kp = (kg + BLOCK - 1) / BLOCK * BLOCK;
    const int window = g.extent[0] * g.extent[1] * g.extent[2];
    const int k = get_global_id(0), first = get_global_id(1) * SUM_CHANNELS;
    if (k >= g.k)
        return;
    const ulong count = (ulong)g.groups * window * cg * kp;
    __global const real *from = AT(partial) + (ulong)(k / kg) * window * cg * kp + k % kg;
    for (int c = first; c < min(first + SUM_CHANNELS, cg); c++)
        for (int r = 0; r < window; r++) {
            acc sum = 0;
            for (int chunk = 0; chunk < f.chunks; chunk++)
                sum += from[chunk * count + ((ulong)r * cg + c) * kp];
            AT(dw)[((ulong)k * cg + c) * window + r] = sum;
        }
}
