/* loss.c - softmax and binary cross-entropy, mean squared error, smooth L1 and inner product: scalars that training can
 * start from. Kernels: cl/softmax.cl, cl/sum.cl, cl/elementwise.cl. Oracles: tests/oracle/softmax_cross_entropy.c,
 * binary_cross_entropy.c, mean_squared_error.c, smooth_l1.c, dot.c. */
#include "ops/elementwise.h"
#include "ops/ops.h"

static const struct shape scalar;

/* ---- softmax cross-entropy ---- */

/* The descriptor is the smoothing. */
static float smoothing(const struct node *n)
{
    return *(const float *)n->desc;
}

/* Logits (n, classes, spatial...), labels (n, spatial...). Labels must be an input: the host then checks them when they
 * are fed, and they lie in host order, one after the other. */
static oc_status check_labels(const struct node *n)
{
    const oc_tensor *x = n->in[0], *labels = n->in[1];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its logits must be OC_F32");
    if (x->shape.rank < 2 || x->shape.dim[1] < 2)
        return node_fail(
            n, OC_E_SHAPE,
            "its logits must be of shape (n, classes, spatial...) with at least 2 classes, they are %s",
            SHAPE_TEXT(&x->shape));
    struct shape expected = { .rank = x->shape.rank - 1, .dim = { x->shape.dim[0] } };
    for (int i = 1; i < expected.rank; i++)
        expected.dim[i] = x->shape.dim[i + 1];
    if (labels->kind != TENSOR_INPUT || labels->type != ELEMENT_I32)
        return node_fail(n, OC_E_ARGUMENT, "its labels must be an input of type OC_I32 and shape %s",
                         SHAPE_TEXT(&expected));
    if (!shape_equal(&labels->shape, &expected))
        return node_fail(n, OC_E_SHAPE, "its labels must be of shape %s for logits of shape %s, they are %s",
                         SHAPE_TEXT(&expected), SHAPE_TEXT(&x->shape), SHAPE_TEXT(&labels->shape));
    return OC_OK;
}

/* The losses of all pixels, and their sums in parts. */
static oc_status cross_entropy_workspace(struct node *n)
{
    const int64_t pixels = shape_count(&n->in[1]->shape);
    TRY(node_output(n, 1, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { pixels } }));
    return node_output(n, 2, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { sum_workspace(pixels) } });
}

static oc_status cross_entropy_infer(struct node *n)
{
    TRY(check_labels(n));
    if (!(smoothing(n) >= 0.f && smoothing(n) <= 1.f))
        return node_fail(n, OC_E_ARGUMENT, "its label smoothing must be in 0..1, it is %g",
                         (double)smoothing(n));
    oc_tensor *labels = n->in[1];
    const int64_t classes = n->in[0]->shape.dim[1];
    if (labels->index_limit == 0 || labels->index_limit > classes)
        labels->index_limit = classes;
    TRY(node_output(n, 0, ELEMENT_F32, &scalar));
    return n->out_count > 1 ? cross_entropy_workspace(n) : OC_OK;
}

/* Softmax's five operations per value, and one more for the loss or the label. */
static void cross_entropy_cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->in[0]->shape);
    cost->flops = 6.0 * values;
    cost->bytes =
        4.0 * (values + (double)shape_count(&n->in[1]->shape) + (double)shape_count(&n->out[0]->shape));
}

static oc_status cross_entropy(struct emitter *e, const struct node *n, enum softmax_form form)
{
    const oc_tensor *x = n->in[0], *labels = n->in[1], *losses = n->out[1];
    struct rows r = pixel_rows(x, x, x);
    r.beta = smoothing(n);
    TRY(softmax_emit(
        e, n, "cross_entropy", form, &r,
        &(struct launch_spec){ .args = { TENSOR(x), TENSOR(labels), TENSOR(losses), STRUCT(r) } }));
    const struct summation s = { .a = losses,
                                 .b = losses,
                                 .scale = 1.f / (float)shape_count(&labels->shape),
                                 .grouped =
                                     form == SOFTMAX_GROUP && sum_group_supports(n, emitter_device(e)) };
    return sum_emit(e, n, &s, n->out[2], n->out[0]);
}

static oc_status cross_entropy_vector(struct emitter *e, const struct node *n)
{
    return cross_entropy(e, n, SOFTMAX_VECTOR);
}

static oc_status cross_entropy_group(struct emitter *e, const struct node *n)
{
    return cross_entropy(e, n, SOFTMAX_GROUP);
}

static oc_status cross_entropy_reference(struct emitter *e, const struct node *n)
{
    return cross_entropy(e, n, SOFTMAX_REFERENCE);
}

static oc_status cross_entropy_backward(struct emitter *e, const struct node *n, enum softmax_form form)
{
    const oc_tensor *x = n->in[0], *labels = n->in[1], *dy = n->in[2], *dx = n->out[0];
    struct rows r = pixel_rows(x, x, dx);
    r.alpha = 1.f / (float)shape_count(&labels->shape);
    r.beta = smoothing(n);
    return softmax_emit(
        e, n, "cross_entropy_backward", form, &r,
        &(struct launch_spec){ .args = { TENSOR(x), TENSOR(labels), TENSOR(dy), TENSOR(dx), STRUCT(r) } });
}

static oc_status cross_entropy_backward_vector(struct emitter *e, const struct node *n)
{
    return cross_entropy_backward(e, n, SOFTMAX_VECTOR);
}

static oc_status cross_entropy_backward_group(struct emitter *e, const struct node *n)
{
    return cross_entropy_backward(e, n, SOFTMAX_GROUP);
}

static oc_status cross_entropy_backward_reference(struct emitter *e, const struct node *n)
{
    return cross_entropy_backward(e, n, SOFTMAX_REFERENCE);
}

static const struct impl cross_entropy_backward_impls[] = {
    { .name = "vector", .supports = softmax_vector_supports, .emit = cross_entropy_backward_vector },
    { .name = "group",
      .supports = softmax_group_supports,
      .prefers = device_is_no_cpu,
      .emit = cross_entropy_backward_group },
    { .name = "reference", .emit = cross_entropy_backward_reference },
    { 0 },
};

/* (logits, labels, dy) -> gradient of the logits, from a softmax computed anew */
const struct op op_softmax_cross_entropy_backward = {
    .name = "softmax_cross_entropy_backward",
    .desc_size = sizeof(float),
    .infer = infer_like_input,
    .cost = cross_entropy_cost,
    .impls = cross_entropy_backward_impls,
    .in_place = 1,
};

static oc_status cross_entropy_gradient(struct node *n)
{
    oc_tensor *x = n->in[0];
    if (!x->wants_gradient)
        return OC_OK;
    return contribute(x, graph_append(&op_softmax_cross_entropy_backward, n->desc, NULL,
                                      (oc_tensor *[]){ x, n->in[1], n->out[0]->gradient }, 3));
}

static const struct impl cross_entropy_impls[] = {
    { .name = "vector",
      .supports = softmax_vector_supports,
      .prepare = cross_entropy_workspace,
      .emit = cross_entropy_vector },
    { .name = "group",
      .supports = softmax_group_supports,
      .prefers = device_is_no_cpu,
      .prepare = cross_entropy_workspace,
      .emit = cross_entropy_group },
    { .name = "reference", .prepare = cross_entropy_workspace, .emit = cross_entropy_reference },
    { 0 },
};

const struct op op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .desc_size = sizeof(float),
    .infer = cross_entropy_infer,
    .gradient = cross_entropy_gradient,
    .cost = cross_entropy_cost,
    .impls = cross_entropy_impls,
    .layer = true,
};

oc_tensor *oc_softmax_cross_entropy(oc_tensor *logits, oc_tensor *labels)
{
    return oc_softmax_cross_entropy_smoothed(logits, labels, 0.f);
}

oc_tensor *oc_softmax_cross_entropy_smoothed(oc_tensor *logits, oc_tensor *labels, float smooth)
{
    return graph_append(&op_softmax_cross_entropy, &smooth, NULL, (oc_tensor *[]){ logits, labels }, 2);
}

/* ---- sums over pairs of values: mean squared error, smooth L1, binary cross-entropy, inner product ---- */

/* Descriptor of the forward and of the backward nodes. */
struct pair {
    const char *summand;  /* OPERATION_... of cl/sum.cl */
    const char *gradient; /* OPERATION_... of cl/elementwise.cl, to be multiplied by dy and this: */
    float factor;
    bool mean;
    float beta; /* parameter of both operations */
};

static float pair_scale(const struct node *n, float factor)
{
    const struct pair *d = n->desc;
    return d->mean ? factor / (float)shape_count(&n->in[0]->shape) : factor;
}

static oc_status pair_workspace(struct node *n)
{
    const int64_t count = shape_count(&n->in[0]->shape);
    return node_output(n, 1, ELEMENT_F32, &(struct shape){ .rank = 1, .dim = { sum_workspace(count) } });
}

static oc_status pair_infer(struct node *n)
{
    const oc_tensor *a = n->in[0], *b = n->in[1];
    const struct pair *d = n->desc;
    if (!(d->beta > 0.f && d->beta <= 1e30f))
        return node_fail(n, OC_E_ARGUMENT, "its beta must be above 0, it is %g", (double)d->beta);
    if (a->type != ELEMENT_F32 || b->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its inputs must be OC_F32");
    if (!shape_equal(&a->shape, &b->shape))
        return node_fail(n, OC_E_SHAPE, "its inputs must have equal shapes, they are %s and %s",
                         SHAPE_TEXT(&a->shape), SHAPE_TEXT(&b->shape));
    TRY(node_output(n, 0, ELEMENT_F32, &scalar));
    return n->out_count > 1 ? pair_workspace(n) : OC_OK;
}

/* Two operations per value, and one more for a difference. */
static void pair_cost(const struct node *n, struct cost *cost)
{
    const struct pair *d = n->desc;
    const double values = (double)shape_count(&n->in[0]->shape);
    cost->flops = values * (d->mean ? 3.0 : 2.0);
    cost->bytes = 8.0 * values + 4.0;
}

static oc_status pair_sum(struct emitter *e, const struct node *n, bool grouped)
{
    const struct pair *d = n->desc;
    const struct summation s = { .a = n->in[0],
                                 .b = n->in[1],
                                 .operation = d->summand,
                                 .beta = d->beta,
                                 .scale = pair_scale(n, 1.f),
                                 .grouped = grouped };
    return sum_emit(e, n, &s, n->out[1], n->out[0]);
}

static oc_status pair_group(struct emitter *e, const struct node *n)
{
    return pair_sum(e, n, true);
}

static oc_status pair_reference(struct emitter *e, const struct node *n)
{
    return pair_sum(e, n, false);
}

static const struct impl pair_impls[] = {
    { .name = "group",
      .supports = sum_group_supports,
      .prefers = device_is_no_cpu,
      .prepare = pair_workspace,
      .emit = pair_group },
    { .name = "reference", .prepare = pair_workspace, .emit = pair_reference },
    { 0 },
};

static void pair_backward_cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->out[0]->shape);
    cost->flops = values * (double)(n->in_count - 1);
    cost->bytes = 4.0 * values * (double)n->in_count;
}

/* The last input is dy, the others are what the gradient is made of. */
static struct elementwise pair_backward(const struct node *n)
{
    const struct pair *d = n->desc;
    return (struct elementwise){
        .operation = d->gradient,
        .alpha = pair_scale(n, d->factor),
        .a = n->in[0],
        .b = n->in[n->in_count - 2],
        .y = n->out[0],
        .scale = n->in[n->in_count - 1],
        .beta = d->beta,
    };
}

static oc_status pair_backward_reference(struct emitter *e, const struct node *n)
{
    const struct elementwise what = pair_backward(n);
    return elementwise_reference(e, n, &what);
}

static oc_status pair_backward_vector(struct emitter *e, const struct node *n)
{
    const struct elementwise what = pair_backward(n);
    return elementwise_vector(e, n, &what);
}

static const struct impl pair_backward_impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = pair_backward_vector },
    { .name = "reference", .emit = pair_backward_reference },
    { 0 },
};

#define PAIR_OPS(id, gradient_rule, in_places)                                                               \
    const struct op op_##id##_backward = {                                                                   \
        .name = #id "_backward",                                                                             \
        .desc_size = sizeof(struct pair),                                                                    \
        .infer = infer_like_input,                                                                           \
        .cost = pair_backward_cost,                                                                          \
        .impls = pair_backward_impls,                                                                        \
        .in_place = in_places,                                                                               \
    };                                                                                                       \
    const struct op op_##id = {                                                                              \
        .name = #id,                                                                                         \
        .desc_size = sizeof(struct pair),                                                                    \
        .infer = pair_infer,                                                                                 \
        .gradient = gradient_rule,                                                                           \
        .cost = pair_cost,                                                                                   \
        .impls = pair_impls,                                                                                 \
        .layer = true,                                                                                       \
    }

/* (y, target, dy) -> gradient of y; with y and target exchanged, that of the target. */
static oc_status difference_gradient(struct node *n, const struct op *backward)
{
    for (int i = 0; i < 2; i++)
        if (n->in[i]->wants_gradient)
            TRY(contribute(n->in[i],
                           graph_append(backward, n->desc, NULL,
                                        (oc_tensor *[]){ n->in[i], n->in[1 - i], n->out[0]->gradient }, 3)));
    return OC_OK;
}

static oc_status mean_squared_error_gradient(struct node *n)
{
    return difference_gradient(n, &op_mean_squared_error_backward);
}

static oc_status smooth_l1_gradient(struct node *n)
{
    return difference_gradient(n, &op_smooth_l1_backward);
}

/* (logits, target, dy) -> gradient of the logits; (logits, dy) -> that of the target, which enters as -logits*target. */
static oc_status binary_cross_entropy_gradient(struct node *n)
{
    oc_tensor *x = n->in[0], *target = n->in[1], *dy = n->out[0]->gradient;
    struct pair of_target = *(const struct pair *)n->desc;
    of_target.gradient = "scaled";
    of_target.factor = -1.f;
    if (x->wants_gradient)
        TRY(contribute(x, graph_append(&op_binary_cross_entropy_backward, n->desc, NULL,
                                       (oc_tensor *[]){ x, target, dy }, 3)));
    if (target->wants_gradient)
        TRY(contribute(target, graph_append(&op_binary_cross_entropy_backward, &of_target, NULL,
                                            (oc_tensor *[]){ x, dy }, 2)));
    return OC_OK;
}

/* (b, dy) -> gradient of a, and the other way round. */
static oc_status dot_gradient(struct node *n)
{
    for (int i = 0; i < 2; i++)
        if (n->in[i]->wants_gradient)
            TRY(contribute(n->in[i], graph_append(&op_dot_backward, n->desc, NULL,
                                                  (oc_tensor *[]){ n->in[1 - i], n->out[0]->gradient }, 2)));
    return OC_OK;
}

PAIR_OPS(mean_squared_error, mean_squared_error_gradient, 3);
PAIR_OPS(smooth_l1, smooth_l1_gradient, 3);
PAIR_OPS(binary_cross_entropy, binary_cross_entropy_gradient, 1); /* input 1 may be the scalar dy */
PAIR_OPS(dot, dot_gradient, 1);

oc_tensor *oc_mean_squared_error(oc_tensor *y, oc_tensor *target)
{
    static const struct pair pair = { "squared_difference", "scaled_difference", 2.f, true, 1.f };
    return graph_append(&op_mean_squared_error, &pair, NULL, (oc_tensor *[]){ y, target }, 2);
}

oc_tensor *oc_dot(oc_tensor *a, oc_tensor *b)
{
    static const struct pair pair = { "product", "scaled", 1.f, false, 1.f };
    return graph_append(&op_dot, &pair, NULL, (oc_tensor *[]){ a, b }, 2);
}

oc_tensor *oc_binary_cross_entropy(oc_tensor *logits, oc_tensor *target)
{
    static const struct pair pair = { "logistic", "scaled_logistic", 1.f, true, 1.f };
    return graph_append(&op_binary_cross_entropy, &pair, NULL, (oc_tensor *[]){ logits, target }, 2);
}

oc_tensor *oc_smooth_l1(oc_tensor *y, oc_tensor *target, float beta)
{
    const struct pair pair = { "smooth_l1", "scaled_smooth_l1", 1.f, true, beta };
    return graph_append(&op_smooth_l1, &pair, NULL, (oc_tensor *[]){ y, target }, 2);
}
