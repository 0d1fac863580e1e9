/* lrn.cl - local response normalisation across channels. Host side: src/ops/lrn.c.
 *
 *     s[c] = k + alpha * (sum of squares of x over the window of c)          y = x * s^-beta
 *     dx = dy * s^-beta - 2*alpha*beta * x * (sum of dy*x*s^(-beta-1) over the channels whose windows contain c)
 *
 * alpha is already divided by `size`. The window of c is c - size/2 .. c + (size-1)/2, so that c lies in the windows of
 * c - (size-1)/2 .. c + size/2; what would lie outside the channels counts as 0. The scale s is computed from x in both
 * passes. No sum slides: an infinity or a NaN must leave it again. b of the forward kernels is a again. */
/* s^-beta; s is above 0. Several times faster than pow(), and as exact where s is not far from 1. */
#define POWER(s) exp(-beta * log(s))

#ifndef ROW /* values that a work-item's rows hold: the channels and `size` values at each side of them */
#define ROW 1024
#endif

/* ---- one value per work-item ---- */

static real scale_at(__global const real *x, const int c, const int width, const int size, const real alpha,
                     const real k)
{
    acc sum = 0;
    for (int i = max(c - size / 2, 0); i <= min(c + (size - 1) / 2, width - 1); i++)
        sum = fma(x[i], x[i], sum);
    return fma(alpha, sum, k);
}

__kernel void lrn_reference(IN(real, a), IN(real, b), OUT(real, y), const rows r, const int size, const float beta,
                            const float k)
{
    const long i = get_global_id(0);
    if (i < r.count) {
        const long row = i / r.width;
        const int c = i % r.width;
        __global const real *x = AT(a) + row * r.a_pitch;
        AT(y)[row * r.y_pitch + c] = x[c] * POWER(scale_at(x, c, r.width, size, r.alpha, k));
    }
}

/* a = dy, b = x, y = dx */
__kernel void lrn_backward_reference(IN(real, a), IN(real, b), OUT(real, y), const rows r, const int size,
                                     const float beta, const float k)
{
    const long i = get_global_id(0);
    if (i < r.count) {
        const long row = i / r.width;
        const int c = i % r.width;
        __global const real *dy = AT(a) + row * r.a_pitch;
        __global const real *x = AT(b) + row * r.b_pitch;
        acc sum = 0;
        for (int j = max(c - (size - 1) / 2, 0); j <= min(c + size / 2, r.width - 1); j++) {
            const real s = scale_at(x, j, r.width, size, r.alpha, k);
            sum += dy[j] * x[j] * POWER(s) / s;
        }
        const real direct = dy[c] * POWER(scale_at(x, c, r.width, size, r.alpha, k));
        AT(y)[row * r.y_pitch + c] = fma(-2 * r.alpha * beta * x[c], sum, direct);
    }
}

/* ---- some rows per work-item, explicit vectors along them; a row's last vector may be partly empty ----
 *
 * Vectors past the end of a row are loaded all the same, and what comes of them is cleared before it is used. */

static void clear(real *p, const int count)
{
    for (int i = 0; i < count; i++)
        p[i] = 0;
}

/* The sum of size values at each of VECTOR places. */
static realv window_sum(const real *p, const int size)
{
    realv sum = LOADV(p);
    for (int i = 1; i < size; i++)
        sum += LOADV(p + i);
    return sum;
}

static void square_row(__global const real *x, const int width, real *square)
{
    for (int i = 0; i < width; i += VECTOR) {
        const realv v = LOADV(x + i);
        STOREV(v * v, square + i);
    }
    clear(square + width, VECTOR);
}

#define FOR_ROWS                                                                                                       \
    const long first = (long)get_global_id(0) * r.rows_per_item;                                                       \
    const long end = min(first + r.rows_per_item, r.count / r.width);                                                  \
    for (long row = first; row < end; row++)

__kernel void lrn_vector(IN(real, a), IN(real, b), OUT(real, y), const rows r, const int size, const float beta,
                         const float k)
{
    real memory[ROW + VECTOR], *square = memory + size;
    clear(memory, ROW + VECTOR);
    FOR_ROWS
    {
        __global const real *x = AT(a) + row * r.a_pitch;
        square_row(x, r.width, square);
        for (int c = 0; c < r.width; c += VECTOR) {
            const realv s = fma((realv)r.alpha, window_sum(square + c - size / 2, size), (realv)k);
            store_some(LOADV(x + c) * POWER(s), AT(y) + row * r.y_pitch + c, r.width - c);
        }
    }
}

/* a = dy, b = x, y = dx */
__kernel void lrn_backward_vector(IN(real, a), IN(real, b), OUT(real, y), const rows r, const int size,
                                  const float beta, const float k)
{
    real squares[ROW + VECTOR], ratios[ROW + VECTOR], direct[ROW + VECTOR];
    real *square = squares + size, *ratio = ratios + size;
    clear(squares, ROW + VECTOR);
    clear(ratios, ROW + VECTOR);
    FOR_ROWS
    {
        __global const real *dy = AT(a) + row * r.a_pitch;
        __global const real *x = AT(b) + row * r.b_pitch;
        square_row(x, r.width, square);
        for (int c = 0; c < r.width; c += VECTOR) {
            const realv s = fma((realv)r.alpha, window_sum(square + c - size / 2, size), (realv)k);
            const realv d = LOADV(dy + c) * POWER(s);
            STOREV(d, direct + c);
            STOREV(d * LOADV(x + c) / s, ratio + c);
        }
        clear(ratio + r.width, VECTOR);
        for (int c = 0; c < r.width; c += VECTOR) {
            const realv sum = window_sum(ratio + c - (size - 1) / 2, size);
            const realv coefficient = -2 * r.alpha * beta * LOADV(x + c);
            store_some(fma(coefficient, sum, LOADV(direct + c)), AT(y) + row * r.y_pitch + c, r.width - c);
        }
    }
}
