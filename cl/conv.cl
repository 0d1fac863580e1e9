/* conv.cl - convolution, the plain way: one result per work-item. Host side: src/ops/conv_reference.c.
 *
 * x (n, in, c), w (k, c/groups, window) in file order, y (n, out, k). A dense layer is a convolution without spatial
 * dimensions. Outputs and input gradients have a bias and an epilogue, outputs a prologue. */

__kernel void conv_reference_forward(IN(real, x), IN(real, w), IN(real, b), PROLOGUE_ARGUMENTS,
                                     RESULT(real, y), const geometry g, EPILOGUE_ARGUMENTS)
{
    const ulong i = get_global_id(0);
    const ulong pixels = (ulong)g.n * g.out[0] * g.out[1] * g.out[2];
    if (i < pixels * g.k) {
        const int k = i % g.k, cg = g.c / g.groups, first = k / (g.k / g.groups) * cg;
        const ulong pixel = i / g.k;
        const int ow = pixel % g.out[2], oh = pixel / g.out[2] % g.out[1];
        const int od = pixel / ((ulong)g.out[2] * g.out[1]) % g.out[0];
        const ulong n = pixel / ((ulong)g.out[2] * g.out[1] * g.out[0]);
        const int window = g.extent[0] * g.extent[1] * g.extent[2];
        acc sum = 0;
        for (int r = 0; r < window; r++) {
            const int id = od * g.stride[0] - g.begin[0] + r / (g.extent[2] * g.extent[1]) * g.dilation[0];
            const int ih = oh * g.stride[1] - g.begin[1] + r / g.extent[2] % g.extent[1] * g.dilation[1];
            const int iw = ow * g.stride[2] - g.begin[2] + r % g.extent[2] * g.dilation[2];
            if (id < 0 || id >= g.in[0] || ih < 0 || ih >= g.in[1] || iw < 0 || iw >= g.in[2])
                continue;
            __global const real *px = AT(x) + (((n * g.in[0] + id) * g.in[1] + ih) * g.in[2] + iw) * g.x_pitch + first;
            __global const real *pw = AT(w) + (ulong)k * cg * window + r;
            for (int c = 0; c < cg; c++) {
                real v = px[c];
                BEGIN(real, v, AT(scale)[first + c], AT(shift)[first + c])
                sum = fma(v, pw[(ulong)c * window], sum);
            }
        }
        if (HAS_BIAS)
            sum += AT(b)[k];
        EPILOGUE(acc, LOAD1, sum, pixel, k)
        AT(y)[pixel * g.y_pitch + k] = sum;
    }
}

/* Gathers: which outputs saw this input, through which element of the window? With a bias as the forward pass of a
 * transposed convolution. */
__kernel void conv_reference_backward_data(IN(real, dy), IN(real, w), IN(real, b), RESULT(real, dx), const geometry g,
                                           EPILOGUE_ARGUMENTS)
{
    const ulong i = get_global_id(0);
    const ulong pixels = (ulong)g.n * g.in[0] * g.in[1] * g.in[2];
    if (i < pixels * g.c) {
        const int c = i % g.c, cg = g.c / g.groups, kg = g.k / g.groups, first = c / cg * kg;
        const ulong pixel = i / g.c;
        const int iw = pixel % g.in[2], ih = pixel / g.in[2] % g.in[1];
        const int id = pixel / ((ulong)g.in[2] * g.in[1]) % g.in[0];
        const ulong n = pixel / ((ulong)g.in[2] * g.in[1] * g.in[0]);
        const int window = g.extent[0] * g.extent[1] * g.extent[2];
        acc sum = 0;
        for (int r = 0; r < window; r++) {
            const int sd = id + g.begin[0] - r / (g.extent[2] * g.extent[1]) * g.dilation[0];
            const int sh = ih + g.begin[1] - r / g.extent[2] % g.extent[1] * g.dilation[1];
            const int sw = iw + g.begin[2] - r % g.extent[2] * g.dilation[2];
            if (sd < 0 || sh < 0 || sw < 0 || sd % g.stride[0] != 0 || sh % g.stride[1] != 0 || sw % g.stride[2] != 0)
                continue;
            const int od = sd / g.stride[0], oh = sh / g.stride[1], ow = sw / g.stride[2];
            if (od >= g.out[0] || oh >= g.out[1] || ow >= g.out[2])
                continue;
            __global const real *pdy =
                AT(dy) + (((n * g.out[0] + od) * g.out[1] + oh) * g.out[2] + ow) * g.y_pitch + first;
            __global const real *pw = AT(w) + ((ulong)first * cg + c % cg) * window + r;
            for (int k = 0; k < kg; k++)
                sum = fma(pdy[k], pw[(ulong)k * cg * window], sum);
        }
        if (HAS_BIAS)
            sum += AT(b)[c];
        EPILOGUE(acc, LOAD1, sum, pixel, c)
        AT(dx)[pixel * g.x_pitch + c] = sum;
    }
}

/* One weight per work-item; the sum over pixels goes row by row, so that its error grows with the number of rows
 * plus the length of one, not with their product. */
__kernel void conv_reference_backward_filter(IN(real, x), IN(real, dy), OUT(real, dw), const geometry g)
{
    const ulong i = get_global_id(0);
    const int window = g.extent[0] * g.extent[1] * g.extent[2], cg = g.c / g.groups;
    if (i < (ulong)g.k * cg * window) {
        const int r = i % window, k = i / ((ulong)cg * window);
        const int c = i / window % cg + k / (g.k / g.groups) * cg;
        const int rd = r / (g.extent[2] * g.extent[1]) * g.dilation[0] - g.begin[0];
        const int rh = r / g.extent[2] % g.extent[1] * g.dilation[1] - g.begin[1];
        const int rw = r % g.extent[2] * g.dilation[2] - g.begin[2];
        acc sum = 0;
        for (ulong row = 0; row < (ulong)g.n * g.out[0] * g.out[1]; row++) {
            const int oh = row % g.out[1], od = row / g.out[1] % g.out[0];
            const ulong n = row / ((ulong)g.out[1] * g.out[0]);
            const int id = od * g.stride[0] + rd, ih = oh * g.stride[1] + rh;
            if (id < 0 || id >= g.in[0] || ih < 0 || ih >= g.in[1])
                continue;
            acc part = 0;
            for (int ow = 0; ow < g.out[2]; ow++) {
                const int iw = ow * g.stride[2] + rw;
                if (iw >= 0 && iw < g.in[2])
                    part = fma(AT(x)[(((n * g.in[0] + id) * g.in[1] + ih) * g.in[2] + iw) * g.x_pitch + c],
                               AT(dy)[(row * g.out[2] + ow) * g.y_pitch + k], part);
            }
            sum += part;
        }
        AT(dw)[i] = sum;
    }
}

/* The values of each filter, times a number of its own. */
__kernel void conv_scale_filter(IN(real, w), IN(real, scale), OUT(real, scaled), const int values)
{
    const int i = get_global_id(0), k = get_global_id(1);
    if (i < values)
        AT(scaled)[(ulong)k * values + i] = AT(w)[(ulong)k * values + i] * AT(scale)[k];
}
