/* conv.c - convolution in 1 to 3 dimensions and its special case without any, the dense layer.
 * Implementations: conv_impls.c.
 * Oracle: tests/oracle/conv.c. Page: docs/ops/conv.md. */
#include "ops/conv.h"
#include "ops/ops.h"

#include <inttypes.h>

struct shape conv_input_shape(const struct conv *d, int64_t n)
{
    struct shape s = { .rank = d->rank, .dim = { n, d->c } };
    for (int i = 2; i < d->rank; i++)
        s.dim[i] = d->window.in[3 - d->rank + i];
    return s;
}

struct shape conv_output_shape(const struct conv *d, int64_t n)
{
    return window_output(&d->window, n, d->k, d->rank);
}

struct shape conv_filter_shape(const struct conv *d)
{
    struct shape s = { .rank = d->rank, .dim = { d->k, d->c / d->groups } };
    for (int i = 2; i < d->rank; i++)
        s.dim[i] = d->window.extent[3 - d->rank + i];
    return s;
}

void conv_cost(const struct node *n, struct cost *cost)
{
    const struct conv *d = n->desc;
    const int64_t batch = n->in[0]->shape.dim[0];
    const int64_t pixels = batch * d->window.out[0] * d->window.out[1] * d->window.out[2];
    const struct shape x = conv_input_shape(d, batch), w = conv_filter_shape(d);
    cost->flops = 2.0 * (double)pixels * (double)shape_count(&w);
    cost->bytes = 4.0 * ((double)shape_count(&x) + (double)shape_count(&w) + (double)pixels * (double)d->k);
}

struct window_request conv_request(const oc_conv_desc *desc)
{
    return (struct window_request){ .extent = desc->window,
                                    .stride = desc->stride,
                                    .dilation = desc->dilation,
                                    .pad_begin = desc->pad_begin,
                                    .pad_end = desc->pad_end,
                                    .pad = desc->pad,
                                    .padding = desc->padding,
                                    .rounding = desc->rounding,
                                    .default_rounding = OC_ROUND_EXACT };
}

void conv_describe(const struct node *n, struct text *text)
{
    const struct conv *d = n->desc;
    window_describe(&d->window, text);
    text_print(text, " groups %d", d->groups);
}

static oc_status infer(struct node *n)
{
    struct conv *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (d->desc.filters < 1)
        return node_fail(n, OC_E_ARGUMENT, "filters must be at least 1, it is %d", d->desc.filters);
    const struct window_request request = conv_request(&d->desc);
    const oc_status status = window_resolve(&d->window, &request, &x->shape);
    if (status != OC_OK)
        return node_fail_in(n, status);
    d->groups = d->desc.groups ? d->desc.groups : 1;
    d->rank = x->shape.rank;
    d->c = x->shape.dim[1];
    d->k = d->desc.filters;
    if (d->groups < 1 || d->c % d->groups != 0 || d->k % d->groups != 0)
        return node_fail(n, OC_E_ARGUMENT,
                         "%d groups do not divide %" PRId64 " input channels and %d filters", d->desc.groups,
                         d->c, d->desc.filters);
    const struct shape y = conv_output_shape(d, x->shape.dim[0]);
    return node_output(n, 0, ELEMENT_F32, &y);
}

static oc_status dense_infer(struct node *n)
{
    struct conv *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->shape.rank != 2 || x->type != ELEMENT_F32)
        return node_fail(n, OC_E_SHAPE,
                         "its input must be OC_F32 of shape (n, c), it is %s: flatten or pool it first",
                         SHAPE_TEXT(&x->shape));
    if (d->desc.filters < 1)
        return node_fail(n, OC_E_ARGUMENT, "units must be at least 1, it is %d", d->desc.filters);
    d->window =
        (struct window){ { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 }, { 0 }, { 0 }, { 1, 1, 1 }, { 1, 1, 1 } };
    d->groups = 1;
    d->rank = 2;
    d->c = x->shape.dim[1];
    d->k = d->desc.filters;
    return node_output(n, 0, ELEMENT_F32, &(struct shape){ .rank = 2, .dim = { x->shape.dim[0], d->k } });
}

static oc_status parameters(struct node *n)
{
    const struct conv *d = n->desc;
    const struct shape w = conv_filter_shape(d), b = { .rank = 1, .dim = { d->k } };
    struct parameter weight = { .init = d->desc.weight_init,
                                .usual = { .kind = OC_INIT_KAIMING },
                                .fan_in = (double)(d->c / d->groups) * (double)conv_positions(d),
                                .fan_out = (double)d->k * (double)conv_positions(d),
                                .frozen = d->desc.frozen };
    struct parameter bias = weight;
    bias.init = d->desc.bias_init;
    bias.usual = (oc_init){ .kind = OC_INIT_CONSTANT };
    TRY(node_parameter(n, "weight", &w, &weight));
    return d->desc.no_bias ? OC_OK : node_parameter(n, "bias", &b, &bias);
}

static void receptive(const struct node *n, struct receptive *r)
{
    const struct conv *d = n->desc;
    window_receptive(&d->window, d->rank, r);
}

static oc_status gradient(struct node *n)
{
    oc_tensor *x = n->in[0], *w = n->in[1], *dy = n->out[0]->gradient;
    if (x->wants_gradient)
        TRY(contribute(x, graph_append(&op_conv_backward_data, n->desc, NULL, (oc_tensor *[]){ dy, w }, 2)));
    if (w->wants_gradient)
        TRY(contribute(w,
                       graph_append(&op_conv_backward_filter, n->desc, NULL, (oc_tensor *[]){ x, dy }, 2)));
    if (conv_has_bias(n) && n->in[2]->wants_gradient)
        TRY(contribute(n->in[2], channel_sum_append(dy)));
    return OC_OK;
}

/* w and b become those of the convolution and the affine function together. */
static oc_status absorb(struct node *n, const struct node *affine)
{
    oc_graph *graph = n->in[0]->graph;
    oc_tensor *b = conv_has_bias(n) ? n->in[2] : NULL, *scale, *shift;
    graph->insert_before = n;
    TRY(affine->op->affine(affine, b, &scale, &shift));
    n->in[1] = graph_append(&op_scale_filter, NULL, NULL, (oc_tensor *[]){ n->in[1], scale }, 2);
    graph->insert_before = NULL;
    TRY(oc_graph_check(graph));
    if (b) {
        n->in[2] = shift;
        return OC_OK;
    }
    n->parameter_count++;
    return node_add_input(n, shift);
}

const struct op op_conv = {
    .name = "conv",
    .desc_size = sizeof(struct conv),
    .infer = infer,
    .parameters = parameters,
    .gradient = gradient,
    .cost = conv_cost,
    .receptive = receptive,
    .describe = conv_describe,
    .impls = conv_impls,
    .absorb = absorb,
    .epilogue = EPILOGUE_ALL,
    .layer = true,
    .multiplies = true,
};

const struct op op_dense = {
    .name = "dense",
    .desc_size = sizeof(struct conv),
    .infer = dense_infer,
    .parameters = parameters,
    .gradient = gradient,
    .cost = conv_cost,
    .describe = conv_describe,
    .impls = dense_impls,
    .absorb = absorb,
    .epilogue = EPILOGUE_ALL,
    .layer = true,
    .multiplies = true,
};

/* (dy, w) -> dx */
static oc_status infer_data(struct node *n)
{
    const struct shape x = conv_input_shape(n->desc, n->in[0]->shape.dim[0]);
    return node_output(n, 0, ELEMENT_F32, &x);
}

const struct op op_conv_backward_data = {
    .name = "conv_backward_data",
    .desc_size = sizeof(struct conv),
    .infer = infer_data,
    .cost = conv_cost,
    .describe = conv_describe,
    .impls = conv_backward_data_impls,
    .epilogue = EPILOGUE_ALL,
};

/* (x, dy) -> dw */
static oc_status infer_filter(struct node *n)
{
    const struct shape w = conv_filter_shape(n->desc);
    return node_output(n, 0, ELEMENT_F32, &w);
}

const struct op op_conv_backward_filter = {
    .name = "conv_backward_filter",
    .desc_size = sizeof(struct conv),
    .infer = infer_filter,
    .cost = conv_cost,
    .describe = conv_describe,
    .impls = conv_backward_filter_impls,
};

static const struct impl scale_filter_impls[] = { { .name = "reference", .emit = conv_scale_filter }, { 0 } };

/* (w, scale) -> w, each filter times its scale */
const struct op op_scale_filter = {
    .name = "scale_filter",
    .infer = infer_like_input,
    .impls = scale_filter_impls,
};

oc_tensor *oc_conv(oc_tensor *x, const oc_conv_desc *desc)
{
    const struct conv conv = { .desc = desc ? *desc : (oc_conv_desc){ 0 } };
    return graph_append(&op_conv, &conv, conv.desc.name, &x, 1);
}

oc_tensor *oc_dense(oc_tensor *x, const oc_dense_desc *desc)
{
    struct conv conv = { 0 };
    if (desc)
        conv.desc = (oc_conv_desc){ .name = desc->name,
                                    .filters = desc->units,
                                    .no_bias = desc->no_bias,
                                    .frozen = desc->frozen,
                                    .weight_init = desc->weight_init,
                                    .bias_init = desc->bias_init };
    return graph_append(&op_dense, &conv, conv.desc.name, &x, 1);
}
