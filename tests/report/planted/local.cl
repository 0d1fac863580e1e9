__kernel void turn(__global float *x, __local float *y)
{
    __local float z[8192];
    const int i = get_local_id(0);
    z[i] = y[i] = x[i];
    barrier(CLK_LOCAL_MEM_FENCE);
    x[i] = z[i ^ 1] + y[i ^ 2];
}
