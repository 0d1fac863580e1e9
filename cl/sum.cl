/* sum.cl - sums of many values, in an order that depends on their number only; and a constant.
 * Host side: src/ops/sum.c, src/ops/fill.c, src/ops/multiply.c.
 *
 * OPERATION chooses what is summed by `sum`: value (a), product (a*b), squared_difference ((a - b)^2), logistic
 * (the binary cross-entropy of logit a and target b), smooth_l1 ((a - b)^2/(2*beta) or, from beta on, |a - b| - beta/2).
 * A sum is made of sums of short runs, so that its error grows with their length and number, not with their product. */
#ifndef OPERATION
#define OPERATION value
#endif

#define OPERATION_value(T, a, b) (a)
#define OPERATION_product(T, a, b) ((a) * (b))
#define OPERATION_squared_difference(T, a, b) (((a) - (b)) * ((a) - (b)))
#define OPERATION_logistic(T, a, b) (((T)1 - (b)) * (a) + apply_softplus(T, -(a), 0))
#define OPERATION_smooth_l1(T, a, b) \
    (fabs((a) - (b)) < (T)r.beta ? (T)0.5f * ((a) - (b)) * ((a) - (b)) / (T)r.beta : fabs((a) - (b)) - (T)(0.5f * r.beta))
#define EVALUATE(T, a, b) JOIN(OPERATION_, OPERATION)(T, a, b)

/* alpha times the sum of some rows per work-item. */
__kernel void sum(IN(real, a), IN(real, b), OUT(real, y), const rows r)
{
    const long part = get_global_id(0), first = part * r.rows_per_item;
    if (first * r.width < r.count) {
        realv total = 0;
        acc rest = 0;
        for (long row = first; row < first + r.rows_per_item; row++) {
            const int width = (int)clamp(r.count - row * r.width, 0L, (long)r.width);
            __global const real *pa = AT(a) + row * r.a_pitch;
            __global const real *pb = AT(b) + row * r.b_pitch;
            realv sum = 0;
            int i = 0;
            for (; i + VECTOR <= width; i += VECTOR) {
                const realv u = LOADV(pa + i), v = LOADV(pb + i);
                sum += EVALUATE(realv, u, v);
            }
            total += sum;
            acc tail = 0;
            for (; i < width; i++) {
                const real u = pa[i], v = pb[i];
                tail += EVALUATE(real, u, v);
            }
            rest += tail;
        }
        AT(y)[part] = r.alpha * (sum_lanes(total) + rest);
    }
}

#define SHARERS 64 /* as in src/ops/sum.c */

/* The same for GPUs: a work-group shares the rows, so that neighbours read neighbours, and adds up its sums in pairs. */
__kernel __attribute__((reqd_work_group_size(SHARERS, 1, 1))) void
sum_group(IN(real, a), IN(real, b), OUT(real, y), const rows r)
{
    __local acc shared[SHARERS];
    const int lane = get_local_id(0);
    const long part = get_group_id(0), first = part * r.rows_per_item;
    acc total = 0;
    for (long row = first; row < first + r.rows_per_item; row++) {
        const int width = (int)clamp(r.count - row * r.width, 0L, (long)r.width);
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        acc sum = 0;
        for (int i = lane; i < width; i += SHARERS) {
            const real u = pa[i], v = pb[i];
            sum += EVALUATE(real, u, v);
        }
        total += sum;
    }
    shared[lane] = total;
    for (int count = SHARERS / 2; count > 0; count /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < count)
            shared[lane] += shared[lane + count];
    }
    if (lane == 0)
        AT(y)[part] = r.alpha * shared[0];
}

/* What the sums over pixels are told about x: rows of `width` columns, `pitch` apart, and `rest` values in one more row.
 * A column is a channel of one of the pixels in a row. */
typedef struct {
    long rows;
    int width, pitch, rest;
    int run; /* rows that are summed before they are added to the total, or that make a chunk */
} columns;

/* The sum of one channel per work-item. */
__kernel void channel_sum_reference(IN(real, x), OUT(real, y), const columns g)
{
    const int column = get_global_id(0);
    if (column < g.width) {
        acc total = 0;
        for (long first = 0; first < g.rows; first += g.run) {
            const long end = min(first + g.run, g.rows);
            acc sum = 0;
            for (long row = first; row < end; row++)
                sum += AT(x)[row * g.pitch + column];
            total += sum;
        }
        AT(y)[column] = total;
    }
}

#define BLOCK (4 * VECTOR) /* columns per work-item */
#define RUN 64

/* Sums of WIDTH vectors of columns, from p in the first row on. */
#define ADD_UP(T, LOAD, WIDTH)                                                                                         \
    T total[WIDTH] = { 0 };                                                                                            \
    for (long run = first; run < end; run += RUN) {                                                                    \
        T sum[WIDTH] = { 0 };                                                                                          \
        const long stop = min(run + RUN, end);                                                                         \
        for (long row = run; row < stop; row++)                                                                        \
            for (int v = 0; v < WIDTH; v++)                                                                            \
                sum[v] += LOAD;                                                                                        \
        for (int v = 0; v < WIDTH; v++)                                                                                \
            total[v] += sum[v];                                                                                        \
    }

/* The first stage: sums of a block of columns over a chunk of rows. */
__kernel void channel_sum_split(IN(real, x), OUT(real, partial), const columns g, const int chunks)
{
    const int blocks = (g.width + BLOCK - 1) / BLOCK;
    const int chunk = get_global_id(0) / blocks, column = get_global_id(0) % blocks * BLOCK;
    const long first = (long)chunk * g.run, end = min(first + g.run, g.rows);
    __global const real *p = AT(x) + column;
    __global real *result = AT(partial) + (long)chunk * g.width + column;
    if (chunk < chunks) {
        if (column + BLOCK <= g.width) {
            ADD_UP(realv, LOADV(p + row * g.pitch + v * VECTOR), 4)
            for (int v = 0; v < 4; v++)
                STOREV(total[v], result + v * VECTOR);
        } else {
            for (int i = 0; column + i < g.width; i++) {
                ADD_UP(acc, p[row * g.pitch + i], 1)
                result[i] = total[0];
            }
        }
        if (first <= g.rows && g.rows < first + g.run) /* the last row is in this chunk */
            for (int i = 0; i < BLOCK && column + i < g.rest; i++)
                result[i] += p[g.rows * g.pitch + i];
    }
}

#define LANES 16 /* as in src/ops/sum.c */

/* The same for GPUs: a work-group sums LANES columns over a chunk, LANES work-items each. */
__kernel __attribute__((reqd_work_group_size(LANES, LANES, 1))) void
channel_sum_group(IN(real, x), OUT(real, partial), const columns g)
{
    __local acc shared[LANES][LANES];
    const int column = get_global_id(0), lane = get_local_id(1), chunk = get_group_id(1);
    const long first = (long)chunk * g.run, end = min(first + g.run, g.rows);
    acc total = 0;
    if (column < g.width)
        for (long row = first + lane; row < end; row += LANES)
            total += AT(x)[row * g.pitch + column];
    if (lane == 0 && column < g.rest && first <= g.rows && g.rows < first + g.run) /* the last row is in this chunk */
        total += AT(x)[g.rows * g.pitch + column];
    shared[lane][get_local_id(0)] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0 && column < g.width) {
        acc sum = 0;
        for (int i = 0; i < LANES; i++)
            sum += shared[i][get_local_id(0)];
        AT(partial)[(long)chunk * g.width + column] = sum;
    }
}

/* A summand of a weighted sum of scalars: y += weight*x; the first one sets y. */
__kernel void weighted_sum(IN(real, x), IN_PLACE(real, y), const float weight, const int first)
{
    const acc before = first ? 0 : AT(y)[0];
    AT(y)[0] = before + weight * AT(x)[0];
}

/* A scalar constant. */
__kernel void fill(OUT(real, y), const float value)
{
    AT(y)[0] = value;
}
