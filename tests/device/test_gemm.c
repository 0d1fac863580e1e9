/* test_gemm.c - matrix products by CLBlast, against sums in double. */
#include "support/case.h"
#include "support/fixture.h"
#include "device/gemm.h"

#include <math.h>
#include <stdlib.h>

/* A matrix in device memory, some values after its start, its rows further apart than they are long. */
struct matrix {
    struct buffer *buffer;
    float *values;
    int64_t rows, columns, pitch, offset;
};

static struct matrix matrix_create(oc_device *device, struct queue *queue, int64_t rows, int64_t columns)
{
    struct matrix m = { .rows = rows, .columns = columns, .pitch = columns + 3, .offset = 5 };
    const size_t count = (size_t)(m.offset + rows * m.pitch);
    m.values = malloc(count * sizeof(float));
    cr_assert(m.values);
    for (size_t i = 0; i < count; i++)
        m.values[i] = (float)((i * 37 + (size_t)columns) % 17) - 8.f;
    CHECK(buffer_create(&m.buffer, device, count * sizeof(float)));
    CHECK(buffer_write(queue, m.buffer, 0, m.values, count * sizeof(float)));
    return m;
}

static void matrix_read(struct matrix *m, struct queue *queue)
{
    CHECK(buffer_read(queue, m->buffer, 0, m->values,
                      (size_t)(m->offset + m->rows * m->pitch) * sizeof(float)));
}

static void matrix_destroy(struct matrix *m)
{
    buffer_destroy(m->buffer);
    free(m->values);
}

static double at(const struct matrix *m, bool transposed, int64_t i, int64_t j)
{
    return (double)m->values[m->offset + (transposed ? j * m->pitch + i : i * m->pitch + j)];
}

static struct argument operand(const struct matrix *m)
{
    return (struct argument){ .kind = ARGUMENT_BUFFER, .buffer = m->buffer, .offset = (uint64_t)m->offset };
}

/* Small integers: every sum is exact, whatever its order. What lies between the rows of C stays. */
static void check(oc_device *device, struct launch *launch, int64_t m, int64_t n, int64_t k, bool ta, bool tb)
{
    struct queue *queue;
    double milliseconds = -1;
    CHECK(queue_create(&queue, device, true));
    struct matrix a = matrix_create(device, queue, ta ? k : m, ta ? m : k),
                  b = matrix_create(device, queue, tb ? n : k, tb ? k : n),
                  c = matrix_create(device, queue, m, n);
    const struct gemm gemm = { m, n, k, a.pitch, b.pitch, c.pitch, ta, tb };
    const float between = c.values[c.offset + n];
    CHECK(launch_set_gemm(launch, &gemm, (struct argument[]){ operand(&a), operand(&b), operand(&c) }));
    CHECK(launch_enqueue(queue, launch));
    matrix_read(&c, queue);
    int wrong = 0;
    for (int64_t i = 0; i<m; i += m> 99 ? 13 : 1)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t r = 0; r < k; r++)
                sum += at(&a, ta, i, r) * at(&b, tb, r, j);
            wrong += sum != at(&c, false, i, j);
        }
    cr_expect_eq(wrong, 0, "%d x %d x %d, %d %d: %d results are wrong", (int)m, (int)n, (int)k, ta, tb,
                 wrong);
    cr_expect_eq(c.values[c.offset + n], between, "the gap after the first row was written");
    CHECK(launch_time(queue, launch, &milliseconds));
    cr_expect(milliseconds > 0 && milliseconds < 60000, "%g ms", milliseconds);
    matrix_destroy(&a);
    matrix_destroy(&b);
    matrix_destroy(&c);
    queue_destroy(queue);
}

/* One launch, set anew each time; the last sizes go through CLBlast's copies of the operands. */
Test(gemm, products_are_exact)
{
    if (!gemm_available())
        cr_skip_test("built without CLBlast");
    oc_device *device = fixture_open();
    struct launch *launch;
    CHECK(launch_create_gemm(&launch, device));
    cr_expect(!launch_same_code(launch, launch), "sizes decide over its kernels");
    for (int form = 0; form < 4; form++)
        check(device, launch, 33, 17, 65, form & 1, form & 2);
    check(device, launch, 1, 130, 7, false, true);
    check(device, launch, 514, 515, 513, false, true);
    check(device, launch, 514, 515, 513, true, false);
    launch_destroy(launch);
    oc_device_close(device);
}
