/* elementwise.c - launching y = f(a, b), value by value. Kernels: cl/elementwise.cl. */
#include "ops/elementwise.h"
#include "base/text.h"

/* Twin of `rows` in cl/elementwise.cl. */
struct rows {
    int64_t count;
    int32_t width, a_pitch, b_pitch, y_pitch, rows_per_item;
    float alpha;
};

enum { DENSE_WIDTH = 1024, VALUES_PER_ITEM = 8192 };

bool device_is_cpu(const struct node *n, const oc_device_info *device)
{
    (void)n;
    return device->type == OC_DEVICE_CPU;
}

static struct rows make_rows(const struct elementwise *what)
{
    const int64_t count = shape_count(&what->y->shape);
    struct rows r = { .count = count, .alpha = what->alpha };
    if (tensor_is_dense(what->a) && tensor_is_dense(what->b) && tensor_is_dense(what->y)) {
        r.width = r.a_pitch = r.b_pitch = r.y_pitch = DENSE_WIDTH;
    } else {
        r.width = (int32_t)shape_channels(&what->y->shape);
        r.a_pitch = (int32_t)tensor_pitch(what->a);
        r.b_pitch = (int32_t)tensor_pitch(what->b);
        r.y_pitch = (int32_t)tensor_pitch(what->y);
    }
    r.rows_per_item = r.width < VALUES_PER_ITEM ? VALUES_PER_ITEM / r.width : 1;
    return r;
}

static oc_status launch(struct emitter *e, const struct node *n, const struct elementwise *what,
                        const char *kernel, const struct rows *r, int64_t items, int64_t group)
{
    char buffer[128];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DOPERATION=%s", what->operation);
    if (what->function)
        text_print(&defines, " -DFUNCTION=%s", what->function);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "elementwise.cl",
                    .kernel = kernel,
                    .defines = defines.data,
                    .args = { TENSOR(what->a), TENSOR(what->b), TENSOR(what->y), STRUCT(*r) },
                    .items = { items },
                    .group = { group },
                });
}

oc_status elementwise_reference(struct emitter *e, const struct node *n, const struct elementwise *what)
{
    const struct rows r = make_rows(what);
    return launch(e, n, what, "elementwise_reference", &r, r.count, emitter_group(e));
}

oc_status elementwise_vector(struct emitter *e, const struct node *n, const struct elementwise *what)
{
    const struct rows r = make_rows(what);
    const int64_t values = (int64_t)r.width * r.rows_per_item;
    return launch(e, n, what, "elementwise_vector", &r, (r.count + values - 1) / values, 1);
}
