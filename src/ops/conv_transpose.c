/* conv_transpose.c - transposed convolution: the gradient of a convolution's input, as a layer of its own.
 * Oracle: tests/oracle/conv_transpose.c. Page: docs/ops/conv_transpose.md.
 *
 * The descriptor of its nodes is that of this convolution, whose input is our output: c are our output channels, k our
 * input channels, and window.in our output's sizes. So all three passes are the convolution's implementations. */
#include "ops/conv.h"
#include "ops/ops.h"

#include <inttypes.h>

struct conv_transpose {
    struct conv conv; /* first: the implementations see only this */
    int output_padding[3];
};

static oc_status infer(struct node *n)
{
    struct conv_transpose *t = n->desc;
    struct conv *d = &t->conv;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32)
        return node_fail(n, OC_E_ARGUMENT, "its input must be OC_F32");
    if (d->desc.filters < 1)
        return node_fail(n, OC_E_ARGUMENT, "filters must be at least 1, it is %d", d->desc.filters);
    const struct window_request request = conv_request(&d->desc);
    const oc_status status = window_resolve_transposed(&d->window, &request, t->output_padding, &x->shape);
    if (status != OC_OK)
        return node_fail_in(n, status);
    d->groups = d->desc.groups ? d->desc.groups : 1;
    d->rank = x->shape.rank;
    d->c = d->desc.filters;
    d->k = x->shape.dim[1];
    if (d->groups < 1 || d->c % d->groups != 0 || d->k % d->groups != 0)
        return node_fail(n, OC_E_ARGUMENT,
                         "%d groups do not divide %" PRId64 " input channels and %d filters", d->desc.groups,
                         d->k, d->desc.filters);
    const struct shape y = conv_input_shape(d, x->shape.dim[0]);
    return node_output(n, 0, ELEMENT_F32, &y);
}

/* A result hears, as a mean, from one in `strides` of the window's positions. */
static oc_status parameters(struct node *n)
{
    const struct conv *d = n->desc;
    const struct shape w = conv_filter_shape(d), b = { .rank = 1, .dim = { d->c } };
    const double positions = (double)conv_positions(d),
                 strides = (double)d->window.stride[0] * d->window.stride[1] * d->window.stride[2];
    struct parameter weight = { .init = d->desc.weight_init,
                                .usual = { .kind = OC_INIT_KAIMING },
                                .fan_in = (double)(d->k / d->groups) * positions / strides,
                                .fan_out = (double)d->c * positions,
                                .frozen = d->desc.frozen };
    struct parameter bias = weight;
    bias.init = d->desc.bias_init;
    bias.usual = (oc_init){ .kind = OC_INIT_CONSTANT };
    TRY(node_parameter(n, "weight", &w, &weight));
    return d->desc.no_bias ? OC_OK : node_parameter(n, "bias", &b, &bias);
}

/* (dy, w) -> dx: the convolution itself */
static oc_status infer_data(struct node *n)
{
    const struct shape x = conv_output_shape(n->desc, n->in[0]->shape.dim[0]);
    return node_output(n, 0, ELEMENT_F32, &x);
}

const struct op op_conv_transpose_backward_data = {
    .name = "conv_transpose_backward_data",
    .desc_size = sizeof(struct conv),
    .infer = infer_data,
    .cost = conv_cost,
    .describe = conv_describe,
    .impls = conv_impls,
    .epilogue = EPILOGUE_ALL,
};

/* Windows of y begin a stride apart, so a pixel of y lies in as many as its reach holds strides. */
static void receptive(const struct node *n, struct receptive *r)
{
    const struct conv *d = n->desc;
    for (int i = 0; i < d->rank - 2; i++) {
        const int axis = OC_MAX_RANK - d->rank + i;
        r->stride[i] = 1.0 / d->window.stride[axis];
        r->size[i] = 1 + (window_reach(&d->window, axis) - 1) * r->stride[i];
    }
}

static oc_status gradient(struct node *n)
{
    oc_tensor *x = n->in[0], *w = n->in[1], *dy = n->out[0]->gradient;
    if (x->wants_gradient)
        TRY(contribute(
            x, graph_append(&op_conv_transpose_backward_data, n->desc, NULL, (oc_tensor *[]){ dy, w }, 2)));
    if (w->wants_gradient)
        TRY(contribute(w,
                       graph_append(&op_conv_backward_filter, n->desc, NULL, (oc_tensor *[]){ dy, x }, 2)));
    if (conv_has_bias(n) && n->in[2]->wants_gradient)
        TRY(contribute(n->in[2], channel_sum_append(dy)));
    return OC_OK;
}

const struct op op_conv_transpose = {
    .name = "conv_transpose",
    .desc_size = sizeof(struct conv_transpose),
    .infer = infer,
    .parameters = parameters,
    .gradient = gradient,
    .cost = conv_cost,
    .describe = conv_describe,
    .receptive = receptive,
    .impls = conv_backward_data_impls,
    .epilogue = EPILOGUE_ALL,
    .layer = true,
    .multiplies = true,
};

oc_tensor *oc_conv_transpose(oc_tensor *x, const oc_conv_transpose_desc *desc)
{
    struct conv_transpose t = { 0 };
    if (desc)
        t.conv.desc = (oc_conv_desc){ .name = desc->name,
                                      .filters = desc->filters,
                                      .groups = desc->groups,
                                      .padding = desc->padding,
                                      .pad = desc->pad,
                                      .no_bias = desc->no_bias,
                                      .frozen = desc->frozen,
                                      .weight_init = desc->weight_init,
                                      .bias_init = desc->bias_init };
    for (int i = 0; desc && i < 3; i++) {
        t.conv.desc.window[i] = desc->window[i];
        t.conv.desc.stride[i] = desc->stride[i];
        t.conv.desc.dilation[i] = desc->dilation[i];
        t.conv.desc.pad_begin[i] = desc->pad_begin[i];
        t.conv.desc.pad_end[i] = desc->pad_end[i];
        t.output_padding[i] = desc->output_padding[i];
    }
    return graph_append(&op_conv_transpose, &t, t.conv.desc.name, &x, 1);
}
