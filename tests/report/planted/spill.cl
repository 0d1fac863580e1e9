__kernel void scatter(__global float *x, __global const int *at)
{
    float a[512];
    for (int i = 0; i < 512; i++)
        a[i] = x[i];
    for (int i = 0; i < 512; i++)
        a[at[i] & 511] += a[at[i + 1] & 511];
    for (int i = 0; i < 512; i++)
        x[i] = a[i];
}
