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
