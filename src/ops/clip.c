/* clip.c - gradient clipping: the factor that limits the norm of all gradients together. Kernel: cl/clip.cl. Page:
 * docs/ops/optimizers.md.
 *
 * The factor is min(1, limit/(norm + 1e-6)), PyTorch's clip_grad_norm_; the update multiplies by it. It never leaves the
 * device. The squares are summed slab by slab, so the padding between gradients must be zero. */
#include "ops/emit.h"
#include "ops/ops.h"

/* The sum of squares -> the factor; the descriptor is the limit. */
static oc_status infer(struct node *n)
{
    return node_output(n, 0, ELEMENT_F32, &(struct shape){ 0 });
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    const float *limit = n->desc;
    return emit(e, n,
                &(struct launch_spec){
                    .file = "clip.cl",
                    .kernel = "clip_factor",
                    .args = { TENSOR(n->in[0]), TENSOR(n->out[0]), FLOAT(*limit) },
                });
}

static const struct impl impls[] = { { .name = "reference", .emit = reference }, { 0 } };

const struct op op_clip_factor = {
    .name = "clip_factor",
    .desc_size = sizeof(float),
    .infer = infer,
    .impls = impls,
};

oc_status clip_append(oc_tensor **factor, oc_tensor *const *gradients, int count, float limit)
{
    oc_tensor *sum = oc_dot(gradients[0], gradients[0]);
    for (int i = 1; i < count; i++)
        sum = oc_add(sum, oc_dot(gradients[i], gradients[i]));
    *factor = graph_append(&op_clip_factor, &limit, NULL, &sum, 1);
    return oc_graph_check(sum->graph);
}
