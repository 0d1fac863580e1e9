/* batch_norm.h - what the parts of batch normalisation share: the layer (batch_norm.c), running averages
 * (batch_norm_running.c), the backward pass (batch_norm_backward.c) and the launches of all (batch_norm_emit.c).
 *
 * Invariant: how sums are divided depends on shapes only, so that results repeat. A smaller batch never makes more parts
 * than the workspace of the largest one holds. */
#ifndef OPS_BATCH_NORM_H
#define OPS_BATCH_NORM_H

#include "ops/elementwise.h"
#include "ops/ops.h"

/* Outputs of the forward node in training, after y. */
enum { OUT_MEAN = 1, OUT_INVERSE, OUT_PARTIAL, OUT_SCALE };

/* Outputs of op_batch_norm_sums; the last only with the batch's statistics. */
enum { OUT_DWEIGHT, OUT_DBIAS, OUT_SUMS_PARTIAL, OUT_TERMS };

/* Twin of `batch` in cl/batch_norm.cl. */
struct batch {
    int64_t pixels;
    int32_t channels, x_pitch, dy_pitch, chunk, chunks;
    float epsilon, momentum;
    int32_t affine, running, block;
};

/* Whether the layer normalises by the statistics of the batch, and not by running averages. */
static inline bool has_batch_statistics(const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    return n->in[0]->graph->training && !d->use_running;
}

/* ---- the two stages of a sum over pixels ---- */

/* How the pixels are divided. */
struct batch batch_norm_describe(const struct emitter *e, const struct node *n, const oc_tensor *x,
                                 const oc_tensor *dy, bool vector);

/* Declares output i: `rows` values per channel of x. */
oc_status batch_norm_channels(struct node *n, int i, int64_t rows, const oc_tensor *x);

/* Declares output i, between the stages: two values per chunk and channel of x. */
oc_status batch_norm_partial(struct node *n, int i, const oc_tensor *x);

/* The first stage: a block of channels of a chunk per work-item. `spec` has the kernel and its arguments. */
oc_status batch_norm_emit_chunks(struct emitter *e, const struct node *n, struct launch_spec spec,
                                 const struct batch *g, bool vector);

/* The second: a channel per work-item or, beside the plain kernels of the first, several work-items per channel. */
oc_status batch_norm_emit_totals(struct emitter *e, const struct node *n, struct launch_spec spec,
                                 const struct batch *g, bool vector);

/* ---- every value ---- */

struct batch_norm_values {
    const char *operation;                 /* OPERATION_... of cl/batch_norm.cl */
    const oc_tensor *a, *b;                /* b: a again, if there is one operand */
    const oc_tensor *mean, *scale, *terms; /* any, where the operation has no use for them */
};

/* n's output 0, with its epilogue. */
oc_status batch_norm_emit_values(struct emitter *e, const struct node *n,
                                 const struct batch_norm_values *what, bool vector);

/* ---- members of op_batch_norm ---- */

/* Appends the factor that running averages make of x. */
oc_tensor *batch_norm_scale(const struct node *n);
bool batch_norm_is_affine(const struct node *n);
oc_status batch_norm_affine(const struct node *n, oc_tensor *b, oc_tensor **scale, oc_tensor **shift);
oc_status batch_norm_gradient(struct node *n);

#endif
