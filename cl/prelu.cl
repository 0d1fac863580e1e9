/* prelu.cl - y = x > 0 ? a : w*a, with a slope w per channel or, SHARED, one for all: forward a is x, backward dy.
 * Host side: src/ops/prelu.c. The memory of y may be that of a. */
#ifndef SHARED
#define SHARED 0
#endif
#if SHARED
#define SLOPE(i) AT(w)[0]
#define SLOPES(i) ((realv)(AT(w)[0]))
#else
#define SLOPE(i) AT(w)[i]
#define SLOPES(i) LOADV(AT(w) + i)
#endif

#define EVALUATE(T, a, x, w) ((x) > (T)0 ? (a) : (w) * (a))

/* One value per work-item. */
__kernel void prelu_reference(IN_PLACE(const real, a), IN_PLACE(const real, x), IN_PLACE(real, y), IN(real, w),
                              const rows r)
{
    const long i = get_global_id(0);
    if (i < r.count) {
        const long row = i / r.width, column = i % r.width;
        const real u = AT(a)[row * r.a_pitch + column], v = AT(x)[row * r.b_pitch + column];
        AT(y)[row * r.y_pitch + column] = EVALUATE(real, u, v, SLOPE(column));
    }
}

/* Some rows per work-item, explicit vectors along them. */
__kernel void prelu_vector(IN_PLACE(const real, a), IN_PLACE(const real, x), IN_PLACE(real, y), IN(real, w),
                           const rows r)
{
    const long first = (long)get_global_id(0) * r.rows_per_item;
    for (long row = first; row < first + r.rows_per_item; row++) {
        const int width = (int)clamp(r.count - row * r.width, 0L, (long)r.width);
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *px = AT(x) + row * r.b_pitch;
        __global real *py = AT(y) + row * r.y_pitch;
        int i = 0;
        for (; i + VECTOR <= width; i += VECTOR) {
            const realv u = LOADV(pa + i), v = LOADV(px + i);
            STOREV(EVALUATE(realv, u, v, SLOPES(i)), py + i);
        }
        for (; i < width; i++) {
            const real u = pa[i], v = px[i];
            py[i] = EVALUATE(real, u, v, SLOPE(i));
        }
    }
}
