/* pad.c - wider or narrower borders over 1 to 3 spatial dimensions. Kernels: cl/pad.cl. Oracle: tests/oracle/pad.c.
 * Page: docs/ops/pad.md. */
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <inttypes.h>

/* Descriptor of the forward and of the backward node; both have the sizes of x and y. */
struct pad {
    oc_pad_desc desc;
    struct shape in, out;
};

/* Twin of `padding` in cl/pad.cl. */
struct padding {
    int32_t in[3], out[3], begin[3];
    int32_t n, c, source_pitch, target_pitch;
    float value;
};

/* ---- launches ---- */

static oc_status launch(struct emitter *e, const struct node *n, bool vector)
{
    static const char *const borders[] = { "BORDER_CONSTANT", "BORDER_REFLECT", "BORDER_REPLICATE" };
    const struct pad *d = n->desc;
    const oc_tensor *source = n->in[0], *target = n->out[0];
    const struct shape *s = &target->shape;
    struct padding p = { .n = (int32_t)s->dim[0],
                         .c = (int32_t)s->dim[1],
                         .source_pitch = (int32_t)tensor_pitch(source),
                         .target_pitch = (int32_t)tensor_pitch(target),
                         .value = d->desc.value };
    for (int i = 0; i < 3; i++) {
        const int from = s->rank - 3 + i; /* axes that are not there have size 1 */
        p.in[i] = from > 1 ? (int32_t)d->in.dim[from] : 1;
        p.out[i] = from > 1 ? (int32_t)d->out.dim[from] : 1;
        p.begin[i] = from > 1 ? d->desc.begin[from - 2] : 0;
    }
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DBORDER=%s -DBACKWARD=%d -DVECTOR=%d", borders[d->desc.border],
               n->op == &op_pad_backward, vector ? vector_width(s->dim[1]) : 1);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "pad.cl",
                    .kernel = vector ? "pad_vector" : "pad_reference",
                    .defines = defines.data,
                    .args = { TENSOR(source), TENSOR(target), STRUCT(p) },
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

static oc_status check(const struct node *n)
{
    const struct pad *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (x->shape.rank < 3)
        return node_fail(n, OC_E_SHAPE, "its input must have 1 to 3 spatial dimensions, it is %s",
                         SHAPE_TEXT(&x->shape));
    if (d->desc.border < OC_BORDER_CONSTANT || d->desc.border > OC_BORDER_REPLICATE)
        return node_fail(n, OC_E_ARGUMENT, "border %d is none of OC_BORDER_*", (int)d->desc.border);
    if (d->desc.border != OC_BORDER_CONSTANT && d->desc.value != 0.f)
        return node_fail(n, OC_E_ARGUMENT, "only OC_BORDER_CONSTANT has a value, it is %g",
                         (double)d->desc.value);
    return OC_OK;
}

static oc_status infer(struct node *n)
{
    enum { LIMIT = INT32_MAX / 4 };
    struct pad *d = n->desc;
    const oc_tensor *x = n->in[0];
    TRY(check(n));
    d->in = d->out = x->shape;
    for (int i = 2; i < x->shape.rank; i++) {
        const int begin = d->desc.begin[i - 2], end = d->desc.end[i - 2];
        const int64_t in = x->shape.dim[i], out = in + begin + end;
        if (in > LIMIT || out < 1 || out > LIMIT)
            return node_fail(n, OC_E_SHAPE, "%" PRId64 " and %d + %d more make %" PRId64 ", not 1 to %d", in,
                             begin, end, out, (int)LIMIT);
        if (d->desc.border == OC_BORDER_REFLECT && (begin >= in || end >= in))
            return node_fail(n, OC_E_SHAPE, "%d and %d more cannot mirror %" PRId64 ", they must be fewer",
                             begin, end, in);
        d->out.dim[i] = out;
    }
    return node_output(n, 0, ELEMENT_F32, &d->out);
}

/* dy -> dx */
static oc_status infer_backward(struct node *n)
{
    const struct pad *d = n->desc;
    struct shape dx = d->in;
    dx.dim[0] = n->in[0]->shape.dim[0];
    return node_output(n, 0, ELEMENT_F32, &dx);
}

const struct op op_pad_backward = {
    .name = "pad_backward",
    .desc_size = sizeof(struct pad),
    .infer = infer_backward,
    .impls = impls,
};

static oc_status gradient(struct node *n)
{
    if (!n->in[0]->wants_gradient)
        return OC_OK;
    return contribute(n->in[0], graph_append(&op_pad_backward, n->desc, NULL, &n->out[0]->gradient, 1));
}

/* One pixel, whatever the sizes. */
static void receptive(const struct node *n, struct receptive *r)
{
    (void)n;
    (void)r;
}

const struct op op_pad = {
    .name = "pad",
    .desc_size = sizeof(struct pad),
    .infer = infer,
    .gradient = gradient,
    .receptive = receptive,
    .impls = impls,
    .layer = true,
};

oc_tensor *oc_pad(oc_tensor *x, const oc_pad_desc *desc)
{
    static const oc_pad_desc nothing;
    const struct pad d = { .desc = desc ? *desc : nothing };
    return graph_append(&op_pad, &d, NULL, &x, 1);
}
