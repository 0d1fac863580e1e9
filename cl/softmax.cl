/* softmax.cl - softmax and its logarithm over the channels of each pixel, and its cross-entropy with labels.
 * Host side: src/ops/softmax.c, src/ops/loss.c.
 *
 * A row is a pixel. The largest value is subtracted first, so that exp cannot overflow; a NaN, or an infinity as the
 * largest value, makes the whole row NaN. The memory of y may be that of a or b;
 * softmax itself does not look at b.
 *
 * LANES, a power of two, is how many work-items share a row in the kernels for GPUs, ROWS how many rows a work-group has. */
#ifndef LANES
#define LANES 32
#endif
#ifndef ROWS
#define ROWS 2
#endif

/* ---- one row per work-item ---- */

static real row_max(__global const real *x, const int width)
{
    real largest = -INFINITY;
    for (int i = 0; i < width; i++)
        largest = fmax(largest, x[i]);
    return largest;
}

static acc row_sum(__global const real *x, const int width, const real largest)
{
    acc sum = 0;
    for (int i = 0; i < width; i++)
        sum += exp(x[i] - largest);
    return sum;
}

__kernel void softmax_reference(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y), const rows r)
{
    const long row = get_global_id(0);
    if (row * r.width < r.count) {
        __global const real *x = AT(a) + row * r.a_pitch;
        const real largest = row_max(x, r.width);
        const acc sum = row_sum(x, r.width, largest);
        for (int i = 0; i < r.width; i++)
            AT(y)[row * r.y_pitch + i] = exp(x[i] - largest) / sum;
    }
}

/* y = b*(a - sum of a*b), with a the gradient of softmax's output b. */
__kernel void softmax_backward_reference(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                         const rows r)
{
    const long row = get_global_id(0);
    if (row * r.width < r.count) {
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        acc sum = 0;
        for (int i = 0; i < r.width; i++)
            sum = fma(pa[i], pb[i], sum);
        for (int i = 0; i < r.width; i++)
            AT(y)[row * r.y_pitch + i] = pb[i] * (pa[i] - sum);
    }
}

/* y = x - largest - log(sum). */
__kernel void log_softmax_reference(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y), const rows r)
{
    const long row = get_global_id(0);
    if (row * r.width < r.count) {
        __global const real *x = AT(a) + row * r.a_pitch;
        const real largest = row_max(x, r.width), log_sum = log(row_sum(x, r.width, largest));
        for (int i = 0; i < r.width; i++)
            AT(y)[row * r.y_pitch + i] = x[i] - largest - log_sum;
    }
}

/* y = a - exp(b)*(sum of a), with a the gradient of log-softmax's output b. */
__kernel void log_softmax_backward_reference(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                             const rows r)
{
    const long row = get_global_id(0);
    if (row * r.width < r.count) {
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        acc sum = 0;
        for (int i = 0; i < r.width; i++)
            sum += pa[i];
        for (int i = 0; i < r.width; i++)
            AT(y)[row * r.y_pitch + i] = pa[i] - exp(pb[i]) * sum;
    }
}

/* Cross-entropy with labels. Of the wanted distribution, the label has 1 - beta and all classes share beta: label
 * smoothing. */

static acc row_mean(__global const real *x, const int width, const real largest)
{
    acc sum = 0;
    for (int i = 0; i < width; i++)
        sum += x[i] - largest;
    return sum / width;
}

/* The loss of a pixel with these logits. No label is followed out of its row: a wrong one makes the loss NaN. The mean of
 * x - largest counts only if there is smoothing, since a logit may be minus infinity. */
#define ROW_LOSS(x, width, largest, sum, label, beta, mean)                                                            \
    (label < 0 || label >= width ? NAN                                                                                 \
     : beta > 0                  ? log(sum) - (1 - beta) * (x[label] - largest) - beta * (mean)                        \
                                 : log(sum) - (x[label] - largest))

__kernel void cross_entropy_reference(IN(real, a), IN(int, label), OUT(real, y), const rows r)
{
    const long row = get_global_id(0);
    if (row * r.width < r.count) {
        __global const real *x = AT(a) + row * r.a_pitch;
        const real largest = row_max(x, r.width);
        const acc sum = row_sum(x, r.width, largest);
        const int wanted = AT(label)[row];
        AT(y)[row] = ROW_LOSS(x, r.width, largest, sum, wanted, r.beta, row_mean(x, r.width, largest));
    }
}

/* y = (softmax(a) - (1 - beta)*onehot(label) - beta/width) * alpha * dy, with dy the gradient of the loss. */
__kernel void cross_entropy_backward_reference(IN_PLACE(const real, a), IN(int, label), IN(real, dy),
                                               IN_PLACE(real, y), const rows r)
{
    const long row = get_global_id(0);
    if (row * r.width < r.count) {
        __global const real *x = AT(a) + row * r.a_pitch;
        const real largest = row_max(x, r.width), scale = AT(dy)[0] * r.alpha;
        const acc sum = row_sum(x, r.width, largest);
        for (int i = 0; i < r.width; i++)
            AT(y)[row * r.y_pitch + i] =
                (exp(x[i] - largest) / sum - r.beta / r.width - (AT(label)[row] == i ? 1 - r.beta : 0)) * scale;
    }
}

/* ---- explicit vectors along the row, some rows per work-item; a row's last vector may be partly empty ---- */

static real row_max_vector(__global const real *x, const int width)
{
    real lane[VECTOR], largest = -INFINITY;
    realv v = -INFINITY;
    for (int i = 0; i < width; i += VECTOR)
        v = fmax(v, load_or(x + i, width - i, -INFINITY));
    STOREV(v, lane);
    for (int i = 0; i < VECTOR; i++)
        largest = fmax(largest, lane[i]);
    return largest;
}

static acc row_sum_vector(__global const real *x, const int width, const real largest)
{
    realv sum = 0;
    for (int i = 0; i < width; i += VECTOR)
        sum += exp(load_or(x + i, width - i, -INFINITY) - largest);
    return sum_lanes(sum);
}

/* y = exp(x - largest), and the sum of that. */
static acc row_exp_vector(__global const real *x, __global real *y, const int width, const real largest)
{
    realv sum = 0;
    for (int i = 0; i < width; i += VECTOR) {
        const realv e = exp(load_or(x + i, width - i, -INFINITY) - largest);
        sum += e;
        store_some(e, y + i, width - i);
    }
    return sum_lanes(sum);
}

#define FOR_ROWS                                                                                                       \
    const long first = (long)get_global_id(0) * r.rows_per_item;                                                       \
    const long end = min(first + r.rows_per_item, r.count / r.width);                                                  \
    for (long row = first; row < end; row++)

__kernel void softmax_vector(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y), const rows r)
{
    FOR_ROWS
    {
        __global const real *x = AT(a) + row * r.a_pitch;
        __global real *py = AT(y) + row * r.y_pitch;
        const acc sum = row_exp_vector(x, py, r.width, row_max_vector(x, r.width));
        for (int i = 0; i < r.width; i += VECTOR)
            store_some(load_or(py + i, r.width - i, 0) / sum, py + i, r.width - i);
    }
}

__kernel void softmax_backward_vector(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                      const rows r)
{
    FOR_ROWS
    {
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        realv products = 0;
        for (int i = 0; i < r.width; i += VECTOR)
            products = fma(load_or(pa + i, r.width - i, 0), load_or(pb + i, r.width - i, 0), products);
        const acc sum = sum_lanes(products);
        for (int i = 0; i < r.width; i += VECTOR) {
            const realv u = load_or(pa + i, r.width - i, 0), v = load_or(pb + i, r.width - i, 0);
            store_some(v * (u - sum), AT(y) + row * r.y_pitch + i, r.width - i);
        }
    }
}

__kernel void log_softmax_vector(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y), const rows r)
{
    FOR_ROWS
    {
        __global const real *x = AT(a) + row * r.a_pitch;
        const real largest = row_max_vector(x, r.width), log_sum = log(row_sum_vector(x, r.width, largest));
        for (int i = 0; i < r.width; i += VECTOR)
            store_some(load_or(x + i, r.width - i, 0) - largest - log_sum, AT(y) + row * r.y_pitch + i, r.width - i);
    }
}

__kernel void log_softmax_backward_vector(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                          const rows r)
{
    FOR_ROWS
    {
        __global const real *pa = AT(a) + row * r.a_pitch;
        __global const real *pb = AT(b) + row * r.b_pitch;
        realv gradients = 0;
        for (int i = 0; i < r.width; i += VECTOR)
            gradients += load_or(pa + i, r.width - i, 0);
        const acc sum = sum_lanes(gradients);
        for (int i = 0; i < r.width; i += VECTOR) {
            const realv u = load_or(pa + i, r.width - i, 0), v = load_or(pb + i, r.width - i, 0);
            store_some(u - exp(v) * sum, AT(y) + row * r.y_pitch + i, r.width - i);
        }
    }
}

static acc row_mean_vector(__global const real *x, const int width, const real largest)
{
    realv sum = 0;
    for (int i = 0; i < width; i += VECTOR)
        sum += load_or(x + i, width - i, largest) - largest;
    return sum_lanes(sum) / width;
}

__kernel void cross_entropy_vector(IN(real, a), IN(int, label), OUT(real, y), const rows r)
{
    FOR_ROWS
    {
        __global const real *x = AT(a) + row * r.a_pitch;
        const real largest = row_max_vector(x, r.width);
        const acc sum = row_sum_vector(x, r.width, largest);
        const int wanted = AT(label)[row];
        AT(y)[row] = ROW_LOSS(x, r.width, largest, sum, wanted, r.beta, row_mean_vector(x, r.width, largest));
    }
}

__kernel void cross_entropy_backward_vector(IN_PLACE(const real, a), IN(int, label), IN(real, dy), IN_PLACE(real, y),
                                            const rows r)
{
    const real scale = AT(dy)[0] * r.alpha;
    FOR_ROWS
    {
        __global const real *x = AT(a) + row * r.a_pitch;
        __global real *py = AT(y) + row * r.y_pitch;
        const int label = AT(label)[row];
        const acc sum = row_exp_vector(x, py, r.width, row_max_vector(x, r.width));
        for (int i = 0; i < r.width; i += VECTOR)
            store_some((load_or(py + i, r.width - i, 0) / sum - r.beta / r.width) * scale, py + i, r.width - i);
        if (label >= 0 && label < r.width)
            py[label] -= (1 - r.beta) * scale;
    }
}

/* ---- LANES work-items side by side share a row: for GPUs, whose neighbours should read neighbours ----
 *
 * A work-item reads and writes the same values of its row every time, so nobody waits for what another one stored, and y may
 * be the memory of a or b. Those beyond the last row have no values, but come to every barrier. */

#define SHARED_ROWS __kernel __attribute__((reqd_work_group_size(LANES * ROWS, 1, 1)))

#define SHARE_ROW                                                                                                      \
    __local acc memory[ROWS][LANES];                                                                                   \
    __local acc *shared = memory[get_local_id(0) / LANES];                                                             \
    const long row = get_global_id(0) / LANES;                                                                         \
    const int width = row * r.width < r.count ? r.width : 0;

#define LANE ((int)(get_local_id(0) % LANES))
#define FOR_LANE for (int i = LANE; i < width; i += LANES)

/* What COMBINE makes of the values `own` of a row's work-items, in pairs; each of them gets it. */
#define REDUCTION(name, COMBINE)                                                                                       \
    static acc name(__local acc *shared, const acc own)                                                                \
    {                                                                                                                  \
        const int lane = LANE;                                                                                         \
        shared[lane] = own;                                                                                            \
        for (int count = LANES / 2; count > 0; count /= 2) {                                                           \
            barrier(CLK_LOCAL_MEM_FENCE);                                                                              \
            if (lane < count)                                                                                          \
                shared[lane] = COMBINE(shared[lane], shared[lane + count]);                                            \
        }                                                                                                              \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                                  \
        const acc result = shared[0];                                                                                  \
        barrier(CLK_LOCAL_MEM_FENCE); /* before the next one stores there */                                           \
        return result;                                                                                                 \
    }

#define PLUS(a, b) ((a) + (b))
REDUCTION(largest_of_lanes, fmax)
REDUCTION(sum_of_lanes, PLUS)

static real row_max_group(__local acc *shared, __global const real *x, const int width)
{
    real largest = -INFINITY;
    FOR_LANE
        largest = fmax(largest, x[i]);
    return largest_of_lanes(shared, largest);
}

static acc row_sum_group(__local acc *shared, __global const real *x, const int width, const real largest)
{
    acc sum = 0;
    FOR_LANE
        sum += exp(x[i] - largest);
    return sum_of_lanes(shared, sum);
}

SHARED_ROWS void softmax_group(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y), const rows r)
{
    SHARE_ROW
    __global const real *x = AT(a) + row * r.a_pitch;
    const real largest = row_max_group(shared, x, width);
    const acc sum = row_sum_group(shared, x, width, largest);
    FOR_LANE
        AT(y)[row * r.y_pitch + i] = exp(x[i] - largest) / sum;
}

SHARED_ROWS void softmax_backward_group(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                        const rows r)
{
    SHARE_ROW
    __global const real *pa = AT(a) + row * r.a_pitch;
    __global const real *pb = AT(b) + row * r.b_pitch;
    acc own = 0;
    FOR_LANE
        own = fma(pa[i], pb[i], own);
    const acc sum = sum_of_lanes(shared, own);
    FOR_LANE
        AT(y)[row * r.y_pitch + i] = pb[i] * (pa[i] - sum);
}

SHARED_ROWS void log_softmax_group(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y), const rows r)
{
    SHARE_ROW
    __global const real *x = AT(a) + row * r.a_pitch;
    const real largest = row_max_group(shared, x, width);
    const real log_sum = log(row_sum_group(shared, x, width, largest));
    FOR_LANE
        AT(y)[row * r.y_pitch + i] = x[i] - largest - log_sum;
}

SHARED_ROWS void log_softmax_backward_group(IN_PLACE(const real, a), IN_PLACE(const real, b), IN_PLACE(real, y),
                                            const rows r)
{
    SHARE_ROW
    __global const real *pa = AT(a) + row * r.a_pitch;
    __global const real *pb = AT(b) + row * r.b_pitch;
    acc own = 0;
    FOR_LANE
        own += pa[i];
    const acc sum = sum_of_lanes(shared, own);
    FOR_LANE
        AT(y)[row * r.y_pitch + i] = pa[i] - exp(pb[i]) * sum;
}

SHARED_ROWS void cross_entropy_group(IN(real, a), IN(int, label), OUT(real, y), const rows r)
{
    SHARE_ROW
    __global const real *x = AT(a) + row * r.a_pitch;
    const real largest = row_max_group(shared, x, width);
    const acc sum = row_sum_group(shared, x, width, largest);
    acc own = 0, mean = 0;
    if (r.beta > 0) { /* so it is for all */
        FOR_LANE
            own += x[i] - largest;
        mean = sum_of_lanes(shared, own) / r.width;
    }
    if (LANE == 0 && width > 0) {
        const int wanted = AT(label)[row];
        AT(y)[row] = ROW_LOSS(x, width, largest, sum, wanted, r.beta, mean);
    }
}

SHARED_ROWS void cross_entropy_backward_group(IN_PLACE(const real, a), IN(int, label), IN(real, dy), IN_PLACE(real, y),
                                              const rows r)
{
    SHARE_ROW
    __global const real *x = AT(a) + row * r.a_pitch;
    const real largest = row_max_group(shared, x, width), scale = AT(dy)[0] * r.alpha;
    const acc sum = row_sum_group(shared, x, width, largest);
    FOR_LANE
        AT(y)[row * r.y_pitch + i] =
            (exp(x[i] - largest) / sum - r.beta / r.width - (AT(label)[row] == i ? 1 - r.beta : 0)) * scale;
}
