__kernel void copy(__global float *x, __local float *y)
{
    __global float *p = y;
    x[0] = p[0];
}
