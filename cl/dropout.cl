/* dropout.cl - values kept times `factor`, the others times 0, as random numbers decide. Host side: src/ops/dropout.c.
 *
 * The mask is a function of (seed, stream, step, index of the decision), so the backward pass, which does the same to a
 * gradient, makes it again. Groups of `span` rows share their decisions: a row decides for each of its columns, or,
 * with WHOLE_ROWS, once. Memory order and pitch play no part. The memory of y may be that of x. */
#ifndef WHOLE_ROWS
#define WHOLE_ROWS 0
#endif

/* Twin of struct dropping, src/ops/dropout.c. b of the rows is a again. */
typedef struct {
    rows r;
    long span;
    random_source source; /* the step comes as an argument */
    float rate, factor;
} dropping;

static ulong decision(const dropping *d, const long row, const int column)
{
    return WHOLE_ROWS ? row / d->span : row / d->span * d->r.width + column;
}

/* One value per work-item. */
__kernel void dropout_reference(IN_PLACE(const real, x), IN_PLACE(real, y), const dropping drop, const int step)
{
    const long i = get_global_id(0);
    dropping d = drop;
    d.source.step = step;
    if (i < d.r.count) {
        const long row = i / d.r.width;
        const int column = i % d.r.width;
        const bool kept = random_uniform(d.source, decision(&d, row, column)) >= d.rate;
        AT(y)[row * d.r.y_pitch + column] = AT(x)[row * d.r.a_pitch + column] * (kept ? d.factor : 0);
    }
}

/* ---- some rows per work-item, explicit vectors along them ---- */

enum { CHUNK = 4 * VECTOR };

/* What to multiply with from this decision on; returns for how many values of the row that is good, and where in the
 * chunk it begins. */
static int make_factors(const dropping *d, const long row, const int column, real *factors, int *begin)
{
    const ulong first = decision(d, row, column);
    *begin = WHOLE_ROWS ? 0 : first % 4;
    random_uniforms(d->source, first / 4 * 4, factors);
    if (WHOLE_ROWS) {
        const real number = factors[first % 4];
        for (int i = 0; i < CHUNK; i++)
            factors[i] = number;
    }
    for (int i = 0; i < CHUNK; i += VECTOR)
        STOREV(LOADV(factors + i) >= d->rate ? (realv)d->factor : (realv)0, factors + i);
    return CHUNK - *begin;
}

static void multiply(__global const real *x, const real *factors, __global real *y, const int count)
{
    int i = 0;
    for (; i + VECTOR <= count; i += VECTOR)
        STOREV(LOADV(x + i) * LOADV(factors + i), y + i);
    for (; i < count; i++)
        y[i] = x[i] * factors[i];
}

__kernel void dropout_vector(IN_PLACE(const real, x), IN_PLACE(real, y), const dropping drop, const int step)
{
    real factors[CHUNK];
    dropping d = drop;
    d.source.step = step;
    const rows *r = &d.r;
    const long first = (long)get_global_id(0) * r->rows_per_item;
    const long end = min(first + r->rows_per_item, (r->count + r->width - 1) / r->width);
    for (long row = first, next; row < end; row = next) {
        const int width = (int)min(r->count - row * r->width, (long)r->width);
        next = min((row / d.span + 1) * d.span, end);
        for (int i = 0, begin, count; i < width; i += count) {
            count = min(make_factors(&d, row, i, factors, &begin), width - i);
            for (long k = row; k < next; k++)
                multiply(AT(x) + k * r->a_pitch + i, factors + begin, AT(y) + k * r->y_pitch + i, count);
        }
    }
}
