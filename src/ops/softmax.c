/* softmax.c - softmax and its logarithm over the channels of each pixel. Kernels: cl/softmax.cl.
 * Oracles: tests/oracle/{softmax,log_softmax}.c. The gradients need the output only, so that the input's memory is free at once. */
#include "base/text.h"
#include "ops/elementwise.h"
#include "ops/ops.h"

static oc_status infer(struct node *n)
{
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (x->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its input must be of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    return node_output(n, 0, ELEMENT_F32, &x->shape);
}

/* Forward: maximum, difference, exp, sum and division; backward: product, sum, difference and product. */
static void cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->out[0]->shape);
    cost->flops = values * (n->in_count > 1 ? 4.0 : 5.0);
    cost->bytes = 4.0 * values * (double)(n->in_count + 1);
}

bool softmax_vector_supports(const struct node *n, const oc_device_info *device)
{
    enum { VECTOR = 16 }; /* of cl/common.cl; a vector that is mostly empty costs more than it saves */
    return device_is_cpu(n, device) && shape_channels(&n->in[0]->shape) >= VECTOR;
}

/* Rows of fewer values than a GPU fetches at once (32 bytes) lie together well enough for a work-item each. */
bool softmax_group_supports(const struct node *n, const oc_device_info *device)
{
    enum { FETCHED = 8 };
    (void)device;
    return shape_channels(&n->in[0]->shape) > FETCHED;
}

/* How many work-items share a row: 32, which GPUs run side by side, or what it has values for; up to 256, while each has more
 * than four values. So a group takes at most 1 KiB of local memory, the least that a device may have. */
static int64_t lanes_of(const struct emitter *e, int64_t width)
{
    enum { TOGETHER = 32, VALUES = 4, MOST = 256 };
    int64_t lanes = 1;
    while (lanes < width && (lanes < TOGETHER || lanes * VALUES < width) &&
           2 * lanes <= emitter_group_of(e, MOST))
        lanes *= 2;
    return lanes;
}

oc_status softmax_emit(struct emitter *e, const struct node *n, const char *pass, enum softmax_form form,
                       const struct rows *r, struct launch_spec *spec)
{
    static const char *const forms[] = { "vector", "group", "reference" };
    const int64_t pixels = r->count / r->width, lanes = lanes_of(e, r->width);
    const int64_t rows = lanes < emitter_group(e) ? emitter_group(e) / lanes : 1;
    char name[64], definitions[64];
    struct text kernel = TEXT_IN(name), defines = TEXT_IN(definitions);
    text_print(&kernel, "%s_%s", pass, forms[form]);
    text_print(&defines, " -DLANES=%d -DROWS=%d", (int)lanes, (int)rows);
    spec->file = "softmax.cl";
    spec->kernel = kernel.data;
    if (form == SOFTMAX_GROUP) {
        spec->defines = defines.data;
        spec->items[0] = pixels * lanes;
        spec->group[0] = rows * lanes;
    } else {
        spec->items[0] = form == SOFTMAX_VECTOR ? rows_items(r) : pixels;
        spec->group[0] = form == SOFTMAX_VECTOR ? 1 : emitter_group(e);
    }
    return emit(e, n, spec);
}

/* Of the forward kernels b is a again. */
static oc_status launch(struct emitter *e, const struct node *n, const char *pass, enum softmax_form form)
{
    const oc_tensor *a = n->in[0], *b = n->in[n->in_count - 1], *y = n->out[0];
    const struct rows r = pixel_rows(a, b, y);
    return softmax_emit(e, n, pass, form, &r,
                        &(struct launch_spec){ .args = { TENSOR(a), TENSOR(b), TENSOR(y), STRUCT(r) } });
}

/* What carries out an operation: a kernel for each form. */
#define IMPLS(id)                                                                                            \
    static oc_status id##_vector(struct emitter *e, const struct node *n)                                    \
    {                                                                                                        \
        return launch(e, n, #id, SOFTMAX_VECTOR);                                                            \
    }                                                                                                        \
    static oc_status id##_group(struct emitter *e, const struct node *n)                                     \
    {                                                                                                        \
        return launch(e, n, #id, SOFTMAX_GROUP);                                                             \
    }                                                                                                        \
    static oc_status id##_reference(struct emitter *e, const struct node *n)                                 \
    {                                                                                                        \
        return launch(e, n, #id, SOFTMAX_REFERENCE);                                                         \
    }                                                                                                        \
    static const struct impl id##_impls[] = {                                                                \
        { .name = "vector", .supports = softmax_vector_supports, .emit = id##_vector },                      \
        { .name = "group",                                                                                   \
          .supports = softmax_group_supports,                                                                \
          .prefers = device_is_no_cpu,                                                                       \
          .emit = id##_group },                                                                              \
        { .name = "reference", .emit = id##_reference },                                                     \
        { 0 },                                                                                               \
    }

IMPLS(softmax);
IMPLS(softmax_backward);
IMPLS(log_softmax);
IMPLS(log_softmax_backward);

/* The operation and its gradient. */
#define SOFTMAX(id)                                                                                          \
    const struct op op_##id##_backward = {                                                                   \
        /* (dy, y) -> dx */                                                                                  \
        .name = #id "_backward", .infer = infer, .cost = cost, .impls = id##_backward_impls, .in_place = 3,  \
    };                                                                                                       \
    static oc_status id##_gradient(struct node *n)                                                           \
    {                                                                                                        \
        return gradient(n, &op_##id##_backward);                                                             \
    }                                                                                                        \
    const struct op op_##id = {                                                                              \
        .name = #id,                                                                                         \
        .infer = infer,                                                                                      \
        .gradient = id##_gradient,                                                                           \
        .cost = cost,                                                                                        \
        .impls = id##_impls,                                                                                 \
        .in_place = 1,                                                                                       \
        .layer = true,                                                                                       \
    }

static oc_status gradient(struct node *n, const struct op *backward)
{
    if (!n->in[0]->wants_gradient)
        return OC_OK;
    return contribute(
        n->in[0], graph_append(backward, NULL, NULL, (oc_tensor *[]){ n->out[0]->gradient, n->out[0] }, 2));
}

SOFTMAX(softmax);
SOFTMAX(log_softmax);

oc_tensor *oc_softmax(oc_tensor *x)
{
    return graph_append(&op_softmax, NULL, NULL, &x, 1);
}

oc_tensor *oc_log_softmax(oc_tensor *x)
{
    return graph_append(&op_log_softmax, NULL, NULL, &x, 1);
}
