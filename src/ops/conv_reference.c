/* conv_reference.c - convolution, the plain way. Kernels: cl/conv.cl. */
#include "ops/conv.h"

static oc_status launch(struct emitter *e, const struct node *n, struct launch_spec *spec,
                        const oc_tensor *result)
{
    spec->file = "conv.cl";
    spec->items[0] = shape_count(&result->shape);
    spec->group[0] = emitter_group(e);
    return emit(e, n, spec);
}

const oc_tensor *conv_bias(const struct node *n)
{
    return n->in[conv_has_bias(n) ? 2 : 1];
}

struct epilogue_arguments conv_epilogue_of(const struct node *n, struct text *defines)
{
    text_print(defines, " -DBIAS=%d", conv_has_bias(n));
    return epilogue_of(n, defines);
}

struct epilogue_arguments conv_epilogue_any(const struct node *n, struct text *defines)
{
    struct epilogue_arguments tail = epilogue_any(n, defines);
    tail.values.biased = conv_has_bias(n);
    return tail;
}

void conv_prologue(const struct node *n, struct text *defines)
{
    if (n->prologue.scale)
        text_print(defines, " -DPROLOGUE=%d", 1 + n->prologue.relu);
}

bool conv_reference_has_prologue(const struct node *n)
{
    (void)n;
    return true;
}

oc_status conv_reference_forward(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *w = n->in[1], *y = n->out[0];
    const struct geometry g = window_geometry(&d->window, d->groups, x, y);
    char buffer[112];
    struct text defines = TEXT_IN(buffer);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_of(n, &defines);
    conv_prologue(n, &defines);
    return launch(
        e, n,
        &(struct launch_spec){
            .kernel = "conv_reference_forward",
            .defines = defines.data,
            .args = { TENSOR(x), TENSOR(w), TENSOR(b), PROLOGUE(n), TENSOR(y), STRUCT(g), EPILOGUE(tail) },
            .iterations = conv_positions(d) * (d->c / d->groups + 1),
        },
        y);
}

oc_status conv_reference_backward_data(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *dy = n->in[0], *w = n->in[1], *dx = n->out[0];
    const struct geometry g = window_geometry(&d->window, d->groups, dx, dy);
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_of(n, &defines);
    return launch(e, n,
                  &(struct launch_spec){
                      .kernel = "conv_reference_backward_data",
                      .defines = defines.data,
                      .args = { TENSOR(dy), TENSOR(w), TENSOR(b), TENSOR(dx), STRUCT(g), EPILOGUE(tail) },
                      .iterations = conv_positions(d) * (d->k / d->groups + 1),
                  },
                  dx);
}

oc_status conv_reference_backward_filter(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *dy = n->in[1], *dw = n->out[0];
    const struct geometry g = window_geometry(&d->window, d->groups, x, dy);
    return launch(e, n,
                  &(struct launch_spec){
                      .kernel = "conv_reference_backward_filter",
                      .args = { TENSOR(x), TENSOR(dy), TENSOR(dw), STRUCT(g) },
                      .iterations = 2 * shape_pixels(&dy->shape),
                  },
                  dw);
}

oc_status conv_scale_filter(struct emitter *e, const struct node *n)
{
    const oc_tensor *w = n->in[0];
    const int64_t filters = w->shape.dim[0], values = shape_count(&w->shape) / filters;
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv.cl",
                    .kernel = "conv_scale_filter",
                    .args = { TENSOR(w), TENSOR(n->in[1]), TENSOR(n->out[0]), INT(values) },
                    .items = { values, filters },
                    .group = { emitter_group(e) },
                });
}
