/* upsample.c - nearest and linear interpolation over 1 to 3 spatial dimensions. Kernels: cl/upsample.cl.
 * Oracle: tests/oracle/upsample.c. Page: docs/ops/upsample.md. */
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <inttypes.h>

/* Descriptor of the forward and of the backward node; both have the sizes of x and y. */
struct upsample {
    oc_upsample_desc desc;
    struct shape in, out;
};

/* Twins of the structs in cl/upsample.cl. */
struct axis {
    int64_t scale, offset, divisor;
    float part;
    int32_t padding;
};

struct upsampling {
    struct axis a[3];
    int32_t in[3], out[3];
    int32_t n, c, source_pitch, target_pitch;
};

static bool is_linear(const struct upsample *d)
{
    return d->desc.mode == OC_UPSAMPLE_LINEAR;
}

/* ---- launches ---- */

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Positions as PyTorch has them, all three numbers times the divisor:
 *     nearest          o*in/out
 *     linear           (o + 1/2)*in/out - 1/2
 *     with the corners o*(in - 1)/(out - 1) */
static struct axis make_axis(const struct upsample *d, int64_t in, int64_t out)
{
    struct axis a = { .scale = in, .divisor = out };
    if (is_linear(d)) {
        const int64_t common = greatest_divisor(in, out);
        a = (struct axis){ 2 * in / common, (in - out) / common, 2 * out / common, 0, 0 };
    }
    if (is_linear(d) && d->desc.align_corners)
        a = (struct axis){ in - 1, 0, out > 1 ? out - 1 : 1, 0, 0 };
    a.part = 1.f / (float)a.divisor;
    return a;
}

static oc_status launch(struct emitter *e, const struct node *n, bool vector)
{
    const struct upsample *d = n->desc;
    const oc_tensor *source = n->in[0], *target = n->out[0];
    const struct shape *s = &target->shape;
    const int64_t channels = s->dim[1];
    struct upsampling u = { .n = (int32_t)s->dim[0],
                            .c = (int32_t)channels,
                            .source_pitch = (int32_t)tensor_pitch(source),
                            .target_pitch = (int32_t)tensor_pitch(target) };
    for (int i = 0; i < 3; i++) {
        const int from = s->rank - 3 + i; /* axes that are not there have size 1 */
        u.in[i] = from > 1 ? (int32_t)d->in.dim[from] : 1;
        u.out[i] = from > 1 ? (int32_t)d->out.dim[from] : 1;
        u.a[i] = make_axis(d, u.in[i], u.out[i]);
    }
    char buffer[64];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DLINEAR=%d -DBACKWARD=%d -DVECTOR=%d", is_linear(d),
               n->op == &op_upsample_backward, vector ? vector_width(channels) : 1);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "upsample.cl",
                    .kernel = vector ? "upsample_vector" : "upsample_reference",
                    .defines = defines.data,
                    .args = { TENSOR(source), TENSOR(target), STRUCT(u) },
                    .items = { vector ? shape_pixels(s) / s->dim[s->rank - 1] : shape_count(s) },
                    .group = { vector ? 1 : emitter_group(e) },
                });
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, false);
}

static oc_status vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, true);
}

static const struct impl impls[] = { { .name = "vector", .supports = device_is_cpu, .emit = vector },
                                     { .name = "reference", .emit = reference },
                                     { 0 } };

/* ---- rules ---- */

/* One value holds for all dimensions. */
static int64_t per_dimension(const int *values, int i)
{
    return values[1] == 0 && values[2] == 0 ? values[0] : values[i];
}

static oc_status check(const struct node *n)
{
    const struct upsample *d = n->desc;
    const oc_tensor *x = n->in[0];
    const bool by_size = d->desc.size[0] != 0, by_factor = d->desc.factor[0] != 0;
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (x->shape.rank < 3)
        return node_fail(n, OC_E_SHAPE, "its input must have 1 to 3 spatial dimensions, it is %s",
                         SHAPE_TEXT(&x->shape));
    if (by_size == by_factor)
        return node_fail(n, OC_E_ARGUMENT, "it needs either a factor or a size, it has %s",
                         by_size ? "both" : "neither");
    if (d->desc.mode < OC_UPSAMPLE_NEAREST || d->desc.mode > OC_UPSAMPLE_LINEAR)
        return node_fail(n, OC_E_ARGUMENT, "mode %d is none of OC_UPSAMPLE_*", (int)d->desc.mode);
    if (d->desc.align_corners && !is_linear(d))
        return node_fail(n, OC_E_ARGUMENT, "only linear interpolation has align_corners");
    return OC_OK;
}

static oc_status infer(struct node *n)
{
    enum { LIMIT = INT32_MAX / 4 };
    struct upsample *d = n->desc;
    const oc_tensor *x = n->in[0];
    const bool by_size = d->desc.size[0] != 0;
    TRY(check(n));
    d->in = d->out = x->shape;
    for (int i = 2; i < x->shape.rank; i++) {
        const int64_t value = per_dimension(by_size ? d->desc.size : d->desc.factor, i - 2);
        if (value < 1)
            return node_fail(n, OC_E_ARGUMENT, "%s must be at least 1 in every dimension, it is %" PRId64,
                             by_size ? "size" : "factor", value);
        d->out.dim[i] = by_size ? value : x->shape.dim[i] * value;
        if (d->in.dim[i] > LIMIT || d->out.dim[i] > LIMIT)
            return node_fail(n, OC_E_SHAPE, "sizes %" PRId64 " and %" PRId64 " must be at most %d",
                             d->in.dim[i], d->out.dim[i], (int)LIMIT);
    }
    return node_output(n, 0, ELEMENT_F32, &d->out);
}

/* dy -> dx */
static oc_status infer_backward(struct node *n)
{
    const struct upsample *d = n->desc;
    struct shape dx = d->in;
    dx.dim[0] = n->in[0]->shape.dim[0];
    return node_output(n, 0, ELEMENT_F32, &dx);
}

/* A product and a sum per neighbour: one, or two along each axis. */
static void cost(const struct node *n, struct cost *cost)
{
    const struct upsample *d = n->desc;
    const int64_t batch = n->in[0]->shape.dim[0], in = batch * shape_count(&d->in) / d->in.dim[0],
                  out = batch * shape_count(&d->out) / d->out.dim[0];
    cost->flops = is_linear(d) ? 2.0 * (double)out * (double)(1 << (d->in.rank - 2)) : 0.0;
    cost->bytes = 4.0 * ((double)in + (double)out);
}

const struct op op_upsample_backward = {
    .name = "upsample_backward",
    .desc_size = sizeof(struct upsample),
    .infer = infer_backward,
    .cost = cost,
    .impls = impls,
};

static oc_status gradient(struct node *n)
{
    if (!n->in[0]->wants_gradient)
        return OC_OK;
    return contribute(n->in[0], graph_append(&op_upsample_backward, n->desc, NULL, &n->out[0]->gradient, 1));
}

static void receptive(const struct node *n, struct receptive *r)
{
    const struct upsample *d = n->desc;
    for (int i = 0; i < d->in.rank - 2; i++) {
        r->size[i] = is_linear(d) ? 2 : 1;
        r->stride[i] = (double)d->in.dim[2 + i] / (double)d->out.dim[2 + i];
    }
}

const struct op op_upsample = {
    .name = "upsample",
    .desc_size = sizeof(struct upsample),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .receptive = receptive,
    .impls = impls,
    .layer = true,
};

oc_tensor *oc_upsample(oc_tensor *x, const oc_upsample_desc *desc)
{
    const struct upsample d = { .desc = desc ? *desc : (oc_upsample_desc){ 0 } };
    return graph_append(&op_upsample, &d, NULL, &x, 1);
}
