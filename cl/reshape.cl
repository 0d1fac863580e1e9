/* reshape.cl - moves values between two channels-last tensors so that their order as (n, c, spatial...) is kept.
 * Host side: src/ops/reshape.c. */
__kernel void reshape_reference(IN(real, x), OUT(real, y), const int y_pixels, const int x_channels,
                                const int x_spatial, const int x_pitch, const int y_channels, const int y_spatial,
                                const int y_pitch)
{
    const int c = get_global_id(0), pixel = get_global_id(1);
    if (c < y_channels && pixel < y_pixels) {
        const int n = pixel / y_spatial, p = pixel % y_spatial;
        const long order = (long)c * y_spatial + p; /* position within the sample */
        const ulong from = (ulong)n * x_spatial + order % x_spatial;
        AT(y)[(ulong)pixel * y_pitch + c] = AT(x)[from * x_pitch + order / x_spatial];
    }
}

/* ---- when one side has a single pixel per sample, and so lists channel after channel ----
 *
 * SPREAD 0: x lists channels, y has pixels; 1: the other way round. */
#ifndef SPREAD
#define SPREAD 0
#endif

/* For CPUs: a work-item takes PIXELS pixels of the other side, whose channels it collects or spreads. */
#ifndef PIXELS
#define PIXELS 64
#endif

__kernel void reshape_transpose(IN(real, x), OUT(real, y), const int channels, const int spatial, const int pitch)
{
    const int first = get_global_id(0) * PIXELS, end = min(first + PIXELS, spatial);
    const ulong n = get_global_id(1);
    const ulong listed = n * channels * spatial, pixels = n * spatial * pitch;
    for (int c = 0; c < channels; c++)
        for (int p = first; p < end; p++)
#if SPREAD
            AT(y)[listed + (ulong)c * spatial + p] = AT(x)[pixels + (ulong)p * pitch + c];
#else
            AT(y)[pixels + (ulong)p * pitch + c] = AT(x)[listed + (ulong)c * spatial + p];
#endif
}

#define TILE 16 /* as in src/ops/reshape.c */

/* For GPUs: a work-group takes TILE pixels and channels through local memory, so that neighbours read and write neighbours on
 * both sides. A line of the tile is one longer, so that those of a column lie in different banks. */
__kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
reshape_tile(IN(real, x), OUT(real, y), const int channels, const int spatial, const int pitch)
{
    __local real tile[TILE][TILE + 1];
    const int side = get_local_id(0), other = get_local_id(1);
    const int p = get_group_id(0) * TILE, c = get_group_id(1) * TILE;
    const ulong n = get_global_id(2);
    const ulong in_list = (n * channels + c + other) * spatial + p + side;
    const ulong in_pixels = (n * spatial + p + other) * pitch + c + side;
    const bool is_listed = c + other < channels && p + side < spatial;
    const bool is_pixel = p + other < spatial && c + side < channels;
#if SPREAD
    if (is_pixel)
        tile[other][side] = AT(x)[in_pixels];
    barrier(CLK_LOCAL_MEM_FENCE);
    if (is_listed)
        AT(y)[in_list] = tile[side][other];
#else
    if (is_listed)
        tile[other][side] = AT(x)[in_list];
    barrier(CLK_LOCAL_MEM_FENCE);
    if (is_pixel)
        AT(y)[in_pixels] = tile[side][other];
#endif
}
