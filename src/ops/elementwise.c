/* elementwise.c - launching y = f(a, b), value by value. Kernels: cl/elementwise.cl. */
#include "ops/elementwise.h"
#include "base/text.h"
#include "ops/ops.h"

enum { DENSE_WIDTH = 1024, VALUES_PER_ITEM = 8192 };

oc_status infer_like_input(struct node *n)
{
    return node_output(n, 0, ELEMENT_F32, &n->in[0]->shape);
}

bool device_is_cpu(const struct node *n, const oc_device_info *device)
{
    (void)n;
    return device->type == OC_DEVICE_CPU;
}

bool device_is_no_cpu(const struct node *n, const oc_device_info *device)
{
    return !device_is_cpu(n, device);
}

int vector_width(int64_t channels)
{
    int width = 16;
    while (width > channels)
        width /= 2;
    return width;
}

struct rows pixel_rows(const oc_tensor *a, const oc_tensor *b, const oc_tensor *y)
{
    const int32_t width = (int32_t)shape_channels(&a->shape);
    return (struct rows){ .count = shape_count(&a->shape),
                          .width = width,
                          .a_pitch = (int32_t)tensor_pitch(a),
                          .b_pitch = (int32_t)tensor_pitch(b),
                          .y_pitch = (int32_t)tensor_pitch(y),
                          .rows_per_item = width < VALUES_PER_ITEM ? VALUES_PER_ITEM / width : 1 };
}

struct rows value_rows(const oc_tensor *a, const oc_tensor *b, const oc_tensor *y)
{
    struct rows r = pixel_rows(a, b, y);
    if (tensor_is_dense(a) && tensor_is_dense(b) && tensor_is_dense(y)) {
        r.width = r.a_pitch = r.b_pitch = r.y_pitch = DENSE_WIDTH;
        r.rows_per_item = VALUES_PER_ITEM / DENSE_WIDTH;
    }
    return r;
}

int64_t rows_items(const struct rows *r)
{
    const int64_t values = (int64_t)r->width * r->rows_per_item;
    return (r->count + values - 1) / values;
}

static oc_status launch(struct emitter *e, const struct node *n, const struct elementwise *what,
                        const char *kernel, const struct rows *r, int64_t items, int64_t group)
{
    const oc_tensor *scale = what->scale ? what->scale : what->a;
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
                    .args = { TENSOR(what->a), TENSOR(what->b), TENSOR(what->y), TENSOR(scale), STRUCT(*r) },
                    .items = { items },
                    .group = { group },
                });
}

oc_status elementwise_reference(struct emitter *e, const struct node *n, const struct elementwise *what)
{
    struct rows r = value_rows(what->a, what->b, what->y);
    r.alpha = what->alpha;
    r.beta = what->beta;
    return launch(e, n, what, "elementwise_reference", &r, r.count, emitter_group(e));
}

oc_status elementwise_vector(struct emitter *e, const struct node *n, const struct elementwise *what)
{
    struct rows r = value_rows(what->a, what->b, what->y);
    r.alpha = what->alpha;
    r.beta = what->beta;
    return launch(e, n, what, "elementwise_vector", &r, rows_items(&r), 1);
}
