__kernel void halve(__global float *x, int i)
{
    x[i] = x[i] * 0.1;
}
