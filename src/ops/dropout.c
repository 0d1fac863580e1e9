/* dropout.c - dropout, of values or of whole channels, and stochastic depth. Kernels: cl/dropout.cl.
 * Tests: tests/ops/test_dropout.c.
 *
 * The mask is drawn from (seed, layer, step, index) whenever it is needed, so it is never stored; the index counts
 * values in the order (n, spatial..., c), channels as (n, c), or samples. Where nothing is dropped or scaled the layer
 * is a view of its input: at inference, as a rule. */
#include "base/random.h"
#include "ops/elementwise.h"
#include "ops/ops.h"

/* What a random number decides about. */
enum drop_unit { DROP_VALUE, DROP_CHANNEL, DROP_SAMPLE, DROP_BATCH };

struct dropout {
    enum drop_unit unit;
    float rate, survival;
    bool scale_at_inference;
    uint32_t stream;
};

/* Twin of `dropping` in cl/dropout.cl. */
struct dropping {
    struct rows rows;
    int64_t span;
    uint32_t seed_low, seed_high, stream, step;
    float rate, factor;
};

/* ---- launches ---- */

static bool is_training(const struct node *n)
{
    return n->in[0]->graph->training;
}

/* What kept values are multiplied with. */
static float present_factor(const struct node *n)
{
    const struct dropout *d = n->desc;
    if (d->scale_at_inference)
        return is_training(n) ? 1.f : d->survival;
    return is_training(n) ? 1.f / d->survival : 1.f;
}

static float present_rate(const struct node *n)
{
    const struct dropout *d = n->desc;
    return is_training(n) ? d->rate : 0.f;
}

/* Rows that share their decisions. */
static int64_t decision_span(const struct node *n)
{
    const struct dropout *d = n->desc;
    const struct shape *s = &n->in[0]->shape;
    return d->unit == DROP_VALUE ? 1 : d->unit == DROP_BATCH ? shape_pixels(s) : shape_spatial(s);
}

static oc_status launch(struct emitter *e, const struct node *n, bool vector)
{
    const struct dropout *d = n->desc;
    const oc_tensor *x = n->in[0], *y = n->out[0];
    const uint64_t seed = x->graph->seed;
    const bool values = d->unit == DROP_VALUE;
    const struct dropping drop = { .rows = values ? value_rows(x, x, y) : pixel_rows(x, x, y),
                                   .span = decision_span(n),
                                   .seed_low = (uint32_t)seed,
                                   .seed_high = (uint32_t)(seed >> 32),
                                   .stream = d->stream,
                                   .rate = present_rate(n),
                                   .factor = present_factor(n) };
    return emit(e, n,
                &(struct launch_spec){
                    .file = "dropout.cl",
                    .kernel = vector ? "dropout_vector" : "dropout_reference",
                    .defines = d->unit >= DROP_SAMPLE ? " -DWHOLE_ROWS=1" : NULL,
                    .args = { TENSOR(x), TENSOR(y), STRUCT(drop), DRAW() },
                    .items = { vector ? rows_items(&drop.rows) : drop.rows.count },
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

static const struct impl impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = vector },
    { .name = "reference", .emit = reference },
    { 0 },
};

/* ---- rules ---- */

static oc_status check(const struct node *n)
{
    const struct dropout *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (d->unit == DROP_CHANNEL && x->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its input must be of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    if (d->unit <= DROP_CHANNEL && !(d->rate >= 0.f && d->rate < 1.f))
        return node_fail(n, OC_E_ARGUMENT, "rate must be at least 0 and below 1, it is %g", (double)d->rate);
    if (d->unit >= DROP_SAMPLE && !(d->survival > 0.f && d->survival <= 1.f))
        return node_fail(n, OC_E_ARGUMENT, "survival must be above 0 and at most 1, it is %g",
                         (double)d->survival);
    return OC_OK;
}

/* The layer may have got its name, and the graph its purpose, since the rule ran last. */
static oc_status infer(struct node *n)
{
    struct dropout *d = n->desc;
    const oc_tensor *x = n->in[0];
    TRY(check(n));
    d->stream = random_stream(n->name);
    TRY(node_output(n, 0, ELEMENT_F32, &x->shape));
    const bool was_view = n->view;
    n->view = present_rate(n) == 0.f && present_factor(n) == 1.f;
    if (n->view)
        n->out[0]->pitch = tensor_pitch(x);
    else if (was_view)
        n->out[0]->pitch = 0;
    return OC_OK;
}

/* dy -> dx, with the layer's stream: the same as the layer does to x */
const struct op op_dropout_backward = {
    .name = "dropout_backward",
    .desc_size = sizeof(struct dropout),
    .infer = infer_like_input,
    .impls = impls,
    .in_place = 1,
};

static oc_status gradient(struct node *n)
{
    oc_tensor *x = n->in[0], *dy = n->out[0]->gradient;
    if (!x->wants_gradient)
        return OC_OK;
    return contribute(x, n->view ? dy : graph_append(&op_dropout_backward, n->desc, NULL, &dy, 1));
}

#define DROPOUT(id)                                                                                          \
    const struct op op_##id = {                                                                              \
        .name = #id,                                                                                         \
        .desc_size = sizeof(struct dropout),                                                                 \
        .infer = infer,                                                                                      \
        .gradient = gradient,                                                                                \
        .impls = impls,                                                                                      \
        .in_place = 1,                                                                                       \
        .layer = true,                                                                                       \
    }

DROPOUT(dropout);
DROPOUT(channel_dropout);
DROPOUT(stochastic_depth);

/* ---- builders ---- */

static oc_tensor *append(const struct op *op, enum drop_unit unit, oc_tensor *x, float rate)
{
    const struct dropout d = { .unit = unit, .rate = rate, .survival = 1.f - rate };
    return graph_append(op, &d, NULL, &x, 1);
}

oc_tensor *oc_dropout(oc_tensor *x, float rate)
{
    return append(&op_dropout, DROP_VALUE, x, rate);
}

oc_tensor *oc_channel_dropout(oc_tensor *x, float rate)
{
    return append(&op_channel_dropout, DROP_CHANNEL, x, rate);
}

oc_tensor *oc_stochastic_depth(oc_tensor *x, const oc_stochastic_depth_desc *desc)
{
    static const oc_stochastic_depth_desc nothing;
    const oc_stochastic_depth_desc *from = desc ? desc : &nothing;
    const struct dropout d = { .unit = from->per_batch ? DROP_BATCH : DROP_SAMPLE,
                               .rate = 1.f - from->survival,
                               .survival = from->survival,
                               .scale_at_inference = from->scale_at_inference };
    return graph_append(&op_stochastic_depth, &d, NULL, &x, 1);
}
