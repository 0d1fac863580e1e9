__kernel void halve(__global double *x, int i)
{
    x[i] = x[i] / 3;
}
