/* loss.cl - the gradients of losses, value by value. Host side: src/ops/loss.c, src/ops/fill.c.
 *
 * OPERATION chooses what is scaled by the gradient dy of the loss, a scalar: first (a), difference (a - b). The memory of
 * y may be that of a or b. */
#ifndef OPERATION
#define OPERATION first
#endif

#define OPERATION_first(T, a, b) (a)
#define OPERATION_difference(T, a, b) ((a) - (b))
#define EVALUATE(T, a, b) JOIN(OPERATION_, OPERATION)(T, a, b)

/* One value per work-item. */
__kernel void loss_backward_reference(IN_PLACE(const real, a), IN_PLACE(const real, b), IN(real, dy),
                                      IN_PLACE(real, y), const rows r)
{
    const long i = get_global_id(0);
    if (i < r.count) {
        const long row = i / r.width, column = i % r.width;
        const real u = AT(a)[row * r.a_pitch + column], v = AT(b)[row * r.b_pitch + column];
        AT(y)[row * r.y_pitch + column] = EVALUATE(real, u, v) * (r.alpha * AT(dy)[0]);
    }
}

/* Some rows per work-item, explicit vectors along them. */
__kernel void loss_backward_vector(IN_PLACE(const real, a), IN_PLACE(const real, b), IN(real, dy), IN_PLACE(real, y),
                                   const rows r)
{
    const real scale = r.alpha * AT(dy)[0];
    const long first = (long)get_global_id(0) * r.rows_per_item;
    for (long row = first; row < first + r.rows_per_item; row++) {
        const int width = (int)clamp(r.count - row * r.width, 0L, (long)r.width);
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        __global real *py = AT(y) + row * r.y_pitch;
        int i = 0;
        for (; i + VECTOR <= width; i += VECTOR) {
            const realv u = LOADV(pa + i), v = LOADV(pb + i);
            STOREV(EVALUATE(realv, u, v) * scale, py + i);
        }
        for (; i < width; i++) {
            const real u = pa[i], v = pb[i];
            py[i] = EVALUATE(real, u, v) * scale;
        }
    }
}

/* A scalar constant. */
__kernel void fill(OUT(real, y), const float value)
{
    AT(y)[0] = value;
}
