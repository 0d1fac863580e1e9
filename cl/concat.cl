/* concat.cl - copies one part of a concatenation to its channels; the gradient of a slice. Host side: src/ops/concat.c. */
__kernel void concat_reference(IN(real, x), OUT(real, y), const int pixels, const int channels, const int x_pitch,
                               const int y_pitch)
{
    const int c = get_global_id(0), pixel = get_global_id(1);
    if (c < channels && pixel < pixels)
        AT(y)[(ulong)pixel * y_pitch + c] = AT(x)[(ulong)pixel * x_pitch + c];
}

/* Some pixels per work-item. */
#ifndef PIXELS
#define PIXELS 64
#endif
__kernel void concat_vector(IN(real, x), OUT(real, y), const int pixels, const int channels, const int x_pitch,
                            const int y_pitch)
{
    const int first = get_global_id(0) * PIXELS;
    for (int pixel = first; pixel < min(first + PIXELS, pixels); pixel++) {
        __global const real *from = AT(x) + (ulong)pixel * x_pitch;
        __global real *to = AT(y) + (ulong)pixel * y_pitch;
        int c = 0;
        for (; c + VECTOR <= channels; c += VECTOR)
            STOREV(LOADV(from + c), to + c);
        for (; c < channels; c++)
            to[c] = from[c];
    }
}

/* dy between zeros. */
__kernel void slice_backward(IN(real, dy), OUT(real, dx), const int pixels, const int channels, const int first,
                             const int count, const int dy_pitch, const int dx_pitch)
{
    const int c = get_global_id(0), pixel = get_global_id(1);
    if (c < channels && pixel < pixels)
        AT(dx)[(ulong)pixel * dx_pitch + c] =
            c >= first && c < first + count ? AT(dy)[(ulong)pixel * dy_pitch + c - first] : (real)0;
}
