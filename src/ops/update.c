/* update.c - the optimizer's step on all parameters of one slab. Kernels: cl/update.cl. Page: docs/ops/optimizers.md.
 *
 * The node's output is the memory of w itself, so there is nothing to place. The padding between parameters is updated
 * with them: whatever it holds, nobody reads it. */
#include "base/text.h"
#include "ops/elementwise.h"
#include "ops/ops.h"
#include "ops/optimizer.h"

/* Twin of `update` in cl/update.cl. */
struct update {
    int64_t count;
    int32_t values_per_item;
    float momentum, decay, beta1, gain1, beta2, gain2, epsilon, average, padding;
};

enum { VALUES_PER_ITEM = 8192 };

/* (w, dw, m, v, average, factor), without those that there are not; flat tensors, but for the factor, of equal size. */
static struct update_tensors tensors_of(const struct node *n)
{
    const oc_optimizer_desc *d = n->desc;
    struct update_tensors t = { .w = n->in[0], .dw = n->in[1] };
    oc_tensor *const *next = &n->in[2];
    if (optimizer_keeps(d, REGION_MOMENTUM))
        t.m = *next++;
    if (optimizer_keeps(d, REGION_VARIANCE))
        t.v = *next++;
    if (optimizer_keeps(d, REGION_AVERAGE))
        t.average = *next++;
    if (d->clip_norm > 0.f)
        t.factor = *next++;
    return t;
}

static oc_status infer(struct node *n)
{
    const struct update_tensors t = tensors_of(n);
    oc_tensor *w = t.w;
    for (int i = 1; i < n->in_count; i++)
        if (n->in[i] != t.factor && shape_count(&n->in[i]->shape) != shape_count(&w->shape))
            return node_fail(n, OC_E_SHAPE, "parameters and their slots must be equal in size, not %s and %s",
                             SHAPE_TEXT(&w->shape), SHAPE_TEXT(&n->in[i]->shape));
    TRY(node_output(n, 0, ELEMENT_F32, &w->shape));
    n->out[0]->base = w;
    n->out[0]->placed = true;
    return OC_OK;
}

/* Two operations for the step itself; what each slot takes is read and written. */
static void cost(const struct node *n, struct cost *cost)
{
    const oc_optimizer_desc *d = n->desc;
    const double count = (double)shape_count(&n->in[0]->shape);
    const int slots = n->in_count - 2 - (d->clip_norm > 0.f);
    cost->flops = count * (2.0 + 2.0 * (d->weight_decay > 0.f) + 3.0 * slots);
    cost->bytes = 4.0 * count * (3.0 + 2.0 * slots);
}

static oc_status launch(struct emitter *e, const struct node *n, const char *kernel, int64_t values_per_item,
                        int64_t group)
{
    static const struct step_numbers numbers; /* set before each step */
    const oc_optimizer_desc *d = n->desc;
    struct update_tensors t = tensors_of(n);
    const struct update u = { .count = shape_count(&t.w->shape),
                              .values_per_item = (int32_t)values_per_item,
                              .momentum = d->momentum,
                              .decay = d->kind == OC_ADAMW ? 0.f : d->weight_decay,
                              .beta1 = d->beta1,
                              .gain1 = (float)(1.0 - (double)d->beta1),
                              .beta2 = d->beta2,
                              .gain2 = (float)(1.0 - (double)d->beta2),
                              .epsilon = d->epsilon,
                              .average = d->average };
    char buffer[128];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DOPTIMIZER=%s -DMOMENTUM=%d -DNESTEROV=%d -DSHRINK=%d -DAVERAGE=%d -DCLIP=%d",
               n->op->name, t.m != NULL, d->nesterov, d->kind == OC_ADAMW && d->weight_decay > 0.f,
               t.average != NULL, t.factor != NULL);
    oc_tensor **const slots[] = { &t.m, &t.v, &t.average, &t.factor };
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (!*slots[i])
            *slots[i] = t.w; /* not touched */
    return emit(e, n,
                &(struct launch_spec){
                    .file = "update.cl",
                    .kernel = kernel,
                    .defines = defines.data,
                    .args = { TENSOR(t.w), TENSOR(t.dw), TENSOR(t.m), TENSOR(t.v), TENSOR(t.average),
                              TENSOR(t.factor), NUMBERS(numbers), STRUCT(u) },
                    .items = { (u.count + values_per_item - 1) / values_per_item },
                    .group = { group },
                });
}

static oc_status reference(struct emitter *e, const struct node *n)
{
    return launch(e, n, "update_reference", 1, emitter_group(e));
}

static oc_status vector(struct emitter *e, const struct node *n)
{
    return launch(e, n, "update_vector", VALUES_PER_ITEM, 1);
}

static const struct impl impls[] = {
    { .name = "vector", .supports = device_is_cpu, .emit = vector },
    { .name = "reference", .emit = reference },
    { 0 },
};

#define UPDATE_OP(which)                                                                                     \
    const struct op op_##which = {                                                                           \
        .name = #which,                                                                                      \
        .desc_size = sizeof(oc_optimizer_desc),                                                              \
        .infer = infer,                                                                                      \
        .cost = cost,                                                                                        \
        .impls = impls,                                                                                      \
    }

UPDATE_OP(sgd);
UPDATE_OP(adam);
UPDATE_OP(rmsprop);
UPDATE_OP(adagrad);

oc_status update_append(oc_graph *graph, const oc_optimizer_desc *optimizer, const struct update_tensors *t)
{
    static const struct op *const ops[] = { [OC_SGD] = &op_sgd,
                                            [OC_ADAM] = &op_adam,
                                            [OC_ADAMW] = &op_adam,
                                            [OC_RMSPROP] = &op_rmsprop,
                                            [OC_ADAGRAD] = &op_adagrad };
    oc_tensor *const all[] = { t->w, t->dw, t->m, t->v, t->average, t->factor };
    oc_tensor *in[sizeof all / sizeof all[0]];
    int count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i])
            in[count++] = all[i];
    graph_append(ops[optimizer->kind], optimizer, NULL, in, count);
    return oc_graph_check(graph);
}
