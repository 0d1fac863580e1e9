/* conv_gemm.c - dense layers, convolutions of one pixel by one, and their gradients as matrix products by CLBlast. Kernel of
 * what follows: cl/conv_gemm.cl.
 *
 * CLBlast has tuned kernels for many GPUs, but compiles them in every process, on first use, and is a guest in a plan: its
 * scratch memory is its own. So nothing chooses it without a measurement. */
#include "ops/conv_forms.h"

bool conv_gemm_prefers(const struct node *n, const oc_device_info *device)
{
    (void)n, (void)device;
    return false;
}

/* Windows of one, side by side. What is added may lie where the product goes, so there must be nothing. */
bool conv_gemm_supports(const struct node *n, const oc_device_info *device)
{
    const struct conv *d = n->desc;
    const struct window *w = &d->window;
    bool plain = gemm_available() && d->groups == 1 && !n->epilogue.addend && conv_positions(d) == 1 &&
                 device->loop_limit == 0;
    for (int i = 0; i < 3; i++)
        plain = plain && w->stride[i] == 1 && w->begin[i] == 0 && w->in[i] == w->out[i];
    return plain;
}

/* Bias and function. */
static oc_status finish(struct emitter *e, const struct node *n, const oc_tensor *y, const struct gemm *g)
{
    char buffer[96];
    struct text defines = TEXT_IN(buffer);
    const oc_tensor *b = conv_bias(n);
    const struct epilogue_arguments tail = conv_epilogue_of(n, &defines);
    if (!conv_has_bias(n) && !n->epilogue.function && !n->epilogue.kept)
        return OC_OK;
    const int64_t width = emitter_group_width(e, g->n);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "conv_gemm.cl",
                    .kernel = "conv_gemm_finish",
                    .defines = defines.data,
                    .args = { TENSOR(b), TENSOR(y), EPILOGUE(tail), INT(g->n), INT(g->m), INT(g->c_pitch) },
                    .items = { g->n, g->m },
                    .group = { width, emitter_group(e) / width },
                });
}

/* y = x w^T */
oc_status conv_gemm_forward(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *y = n->out[0];
    const struct gemm g = { .m = shape_pixels(&x->shape),
                            .n = d->k,
                            .k = d->c,
                            .a_pitch = tensor_pitch(x),
                            .b_pitch = d->c,
                            .c_pitch = tensor_pitch(y),
                            .b_transposed = true };
    TRY(emit_gemm(e, n, &g, x, n->in[1], y));
    return finish(e, n, y, &g);
}

/* dx = dy w */
oc_status conv_gemm_backward_data(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *dy = n->in[0], *dx = n->out[0];
    const struct gemm g = { .m = shape_pixels(&dy->shape),
                            .n = d->c,
                            .k = d->k,
                            .a_pitch = tensor_pitch(dy),
                            .b_pitch = d->c,
                            .c_pitch = tensor_pitch(dx) };
    TRY(emit_gemm(e, n, &g, dy, n->in[1], dx));
    return finish(e, n, dx, &g);
}

/* dw = dy^T x */
oc_status conv_gemm_backward_filter(struct emitter *e, const struct node *n)
{
    const struct conv *d = n->desc;
    const oc_tensor *x = n->in[0], *dy = n->in[1];
    const struct gemm g = { .m = d->k,
                            .n = d->c,
                            .k = shape_pixels(&x->shape),
                            .a_pitch = tensor_pitch(dy),
                            .b_pitch = tensor_pitch(x),
                            .c_pitch = d->c,
                            .a_transposed = true };
    return emit_gemm(e, n, &g, dy, x, n->out[0]);
}
