/* conv_gemm.cl - what follows a matrix product by CLBlast, which has no epilogue: bias and function, in place. Host side:
 * src/ops/conv_gemm.c. */

__kernel void conv_gemm_finish(IN(real, b), IN_PLACE(real, y), EPILOGUE_ARGUMENTS, const int channels, const int pixels,
                               const int pitch)
{
    const int channel = get_global_id(0), pixel = get_global_id(1);
    if (channel >= channels || pixel >= pixels)
        return;
    __global real *result = AT(y) + (long)pixel * pitch + channel;
    acc v = *result;
    if (HAS_BIAS)
        v += AT(b)[channel];
    EPILOGUE(acc, LOAD1, v, pixel, channel)
    *result = v;
}
