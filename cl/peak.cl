/* peak.cl - how fast can the device multiply-add and copy? Host side: src/device/measure.c. */
#ifndef WIDTH
#define WIDTH 4
#endif
#if WIDTH == 1
typedef float vector;
#define LOAD(i, p) (p)[i]
#define STORE(v, i, p) (p)[i] = (v)
#define FIRST(v) (v)
#else
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
typedef JOIN(float, WIDTH) vector;
#define LOAD(i, p) JOIN(vload, WIDTH)(i, p)
#define STORE(v, i, p) JOIN(vstore, WIDTH)(v, i, p)
#define FIRST(v) ((v).s0)
#endif

/* Twelve independent chains hide the latency of the unit. Each goes to the constant `factor`'s fixed point, so
 * no value overflows or becomes denormal; the sum is stored so that nothing is optimised away. */
__kernel void peak_fma(__global float *out, ulong out_offset, int rounds, float factor)
{
    vector a[12];
    const vector f = (vector)factor;
    const vector start = (vector)(1.f + (float)get_global_id(0) * 1e-6f);
#pragma unroll
    for (int i = 0; i < 12; i++)
        a[i] = start + (float)i;
    for (int r = 0; r < rounds; r++) {
#pragma unroll
        for (int i = 0; i < 12; i++)
            a[i] = fma(a[i], f, start);
    }
    vector sum = a[0];
#pragma unroll
    for (int i = 1; i < 12; i++)
        sum += a[i];
    out[out_offset + get_global_id(0)] = FIRST(sum);
}

/* A work-item copies `count` neighbouring vectors. */
__kernel void peak_copy(__global const float *from, ulong from_offset, __global float *to, ulong to_offset, int count)
{
    const size_t first = get_global_id(0) * count;
    for (int i = 0; i < count; i++)
        STORE(LOAD(first + i, from + from_offset), first + i, to + to_offset);
}
