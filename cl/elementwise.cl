/* elementwise.cl - y = f(a, b), value by value. Host side: src/ops/elementwise.c.
 *
 * OPERATION chooses f: activate (a), activate_gradient (a = dy, b = y or x), add, multiply, below_zero_product
 * (a > 0 ? 0 : a*b), and with a scalar s in memory scaled (a), scaled_difference (a - b), scaled_logistic (sigmoid(a) - b),
 * scaled_smooth_l1 (a - b over beta, cut to -1..1) and spread (s alone). The memory of y may be that of a or b. */
#ifndef OPERATION
#define OPERATION activate
#endif

#define OPERATION_activate(T, a, b) APPLY(T, a, r.alpha)
#define OPERATION_activate_gradient(T, a, b) APPLY_GRADIENT(T, a, b, r.alpha)
#define OPERATION_add(T, a, b) ((a) + (b))
#define OPERATION_multiply(T, a, b) ((a) * (b))
#define OPERATION_below_zero_product(T, a, b) ((a) > (T)0 ? (T)0 : (a) * (b))
#define OPERATION_scaled(T, a, b) ((a) * (r.alpha * AT(s)[0]))
#define OPERATION_scaled_difference(T, a, b) (((a) - (b)) * (r.alpha * AT(s)[0]))
#define OPERATION_scaled_logistic(T, a, b) ((apply_sigmoid(T, a, 0) - (b)) * (r.alpha * AT(s)[0]))
#define OPERATION_scaled_smooth_l1(T, a, b) (CUT(T, (a) - (b), (T)r.beta) * (r.alpha * AT(s)[0]))
#define OPERATION_spread(T, a, b) ((T)(r.alpha * AT(s)[0]))
#define CUT(T, d, beta) ((d) <= -(beta) ? (T)-1 : (d) >= (beta) ? (T)1 : (d) / (beta))
#define EVALUATE(T, a, b) JOIN(OPERATION_, OPERATION)(T, a, b)

/* One value per work-item. */
__kernel void elementwise_reference(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                    IN_PLACE(const real, s), const rows r)
{
    const long i = get_global_id(0);
    if (i < r.count) {
        const long row = i / r.width, column = i % r.width;
        const real u = AT(a)[row * r.a_pitch + column], v = AT(b)[row * r.b_pitch + column];
        AT(y)[row * r.y_pitch + column] = EVALUATE(real, u, v);
    }
}

/* Some rows per work-item, explicit vectors along them. */
__kernel void elementwise_vector(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                    IN_PLACE(const real, s), const rows r)
{
    const long first = (long)get_global_id(0) * r.rows_per_item;
    for (long row = first; row < first + r.rows_per_item; row++) {
        const int width = (int)clamp(r.count - row * r.width, 0L, (long)r.width);
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        __global real *py = AT(y) + row * r.y_pitch;
        int i = 0;
        for (; i + VECTOR <= width; i += VECTOR) {
            const realv u = LOADV(pa + i), v = LOADV(pb + i);
            STOREV(EVALUATE(realv, u, v), py + i);
        }
        for (; i < width; i++) {
            const real u = pa[i], v = pb[i];
            py[i] = EVALUATE(real, u, v);
        }
    }
}
