/* batch_norm.c - batch normalisation. Kernels: cl/batch_norm.cl. Oracle: tests/oracle/batch_norm.c.
 *
 * In training a layer normalises by the statistics of the batch, keeps them for the backward pass and mixes them into its
 * running averages, which are parameters that no optimizer touches. In inference, and with `use_running` always, the
 * running averages take their place; the layer is then one multiply-add per value, and the factors are derived from the
 * parameters alone.
 *
 * Invariant: how sums are divided depends on shapes only, so that results repeat. A smaller batch never makes more parts
 * than the workspace of the largest one holds. */
#include "base/text.h"
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <inttypes.h>

enum {
    SUM_LOOPS = 5
}; /* iterations per summand of two sums, with those around and inside, and some to spare */
enum { CHUNK_PIXELS = 256, MAX_CHUNKS = 1024, VECTOR = 16, VECTOR_WIDTH = 4 /* of cl/batch_norm.cl */ };
enum { LANES = 16 }; /* work-items that share a channel in the second stage */

/* Outputs of the forward node in training, after y. */
enum { OUT_MEAN = 1, OUT_INVERSE, OUT_PARTIAL, OUT_SCALE };

/* Outputs of op_batch_norm_sums; the last only with the batch's statistics. */
enum { OUT_DWEIGHT, OUT_DBIAS, OUT_SUMS_PARTIAL, OUT_TERMS };

static bool has_batch_statistics(const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    return n->in[0]->graph->training && !d->use_running;
}

/* ---- the two stages of a sum over pixels ---- */

/* Twin of `batch` in cl/batch_norm.cl. */
struct batch {
    int64_t pixels;
    int32_t channels, x_pitch, dy_pitch, chunk, chunks;
    float epsilon, momentum;
    int32_t affine, running, padding;
};

static struct batch describe(const struct node *n, const oc_tensor *x, const oc_tensor *dy)
{
    const oc_batch_norm_desc *d = n->desc;
    const int64_t pixels = shape_pixels(&x->shape), even = divide_up(pixels, MAX_CHUNKS);
    const int64_t chunk = even > CHUNK_PIXELS ? even : CHUNK_PIXELS;
    return (struct batch){ .pixels = pixels,
                           .channels = (int32_t)shape_channels(&x->shape),
                           .x_pitch = (int32_t)tensor_pitch(x),
                           .dy_pitch = (int32_t)tensor_pitch(dy),
                           .chunk = (int32_t)chunk,
                           .chunks = (int32_t)divide_up(pixels, chunk),
                           .epsilon = d->epsilon,
                           .momentum = d->momentum,
                           .affine = !d->no_affine };
}

static oc_status channel_output(struct node *n, int i, int64_t rows, const oc_tensor *x)
{
    const int64_t c = shape_channels(&x->shape);
    const struct shape one = { .rank = 1, .dim = { c } }, several = { .rank = 2, .dim = { rows, c } };
    return node_output(n, i, ELEMENT_F32, rows > 1 ? &several : &one);
}

/* Two values per chunk and channel. */
static oc_status partial_output(struct node *n, int i, const oc_tensor *x)
{
    const int64_t chunks = divide_up(shape_pixels(&x->shape), CHUNK_PIXELS);
    return channel_output(n, i, 2 * (chunks < MAX_CHUNKS ? chunks : MAX_CHUNKS), x);
}

/* The first stage: a block of channels of a chunk per work-item. */
static oc_status emit_chunks(struct emitter *e, const struct node *n, struct launch_spec spec,
                             const struct batch *g, bool vector)
{
    spec.file = "batch_norm.cl";
    spec.defines = vector ? NULL : " -DVECTOR=1 -DWIDTH=1";
    spec.items[0] = g->chunks * (vector ? divide_up(g->channels, VECTOR * VECTOR_WIDTH) : g->channels);
    spec.group[0] = vector ? 1 : emitter_group(e);
    spec.iterations = SUM_LOOPS * (vector ? VECTOR_WIDTH : 1) * (int64_t)g->chunk;
    return emit(e, n, &spec);
}

/* The second: a channel per work-item or, beside the plain kernels of the first, per LANES of them. */
static oc_status emit_totals(struct emitter *e, const struct node *n, struct launch_spec spec,
                             const struct batch *g, bool vector)
{
    const bool shared = !vector && emitter_group_of(e, LANES * LANES) == LANES * LANES;
    char buffer[32];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DLANES=%d", shared ? LANES : 1);
    spec.file = "batch_norm.cl";
    spec.defines = defines.data;
    spec.items[0] = g->channels;
    spec.items[1] = shared ? LANES : 1;
    spec.iterations = SUM_LOOPS * (int64_t)g->chunks;
    spec.group[0] = shared ? LANES : emitter_group(e);
    spec.group[1] = spec.items[1];
    return emit(e, n, &spec);
}

/* What is known of each channel, a channel per work-item. */
static oc_status emit_channels(struct emitter *e, const struct node *n, struct launch_spec spec,
                               const struct batch *g)
{
    spec.file = "batch_norm.cl";
    spec.items[0] = g->channels;
    spec.group[0] = emitter_group(e);
    return emit(e, n, &spec);
}

/* ---- every value ---- */

struct values {
    const char *operation;                 /* OPERATION_... of cl/batch_norm.cl */
    const oc_tensor *a, *b;                /* b: a again, if there is one operand */
    const oc_tensor *mean, *scale, *terms; /* any, where the operation has no use for them */
};

static oc_status emit_values(struct emitter *e, const struct node *n, const struct values *what, bool vector)
{
    const oc_tensor *y = n->out[0];
    const struct rows r = pixel_rows(what->a, what->b, y);
    char buffer[128];
    struct text defines = TEXT_IN(buffer);
    text_print(&defines, " -DOPERATION=%s", what->operation);
    const struct epilogue_arguments tail = vector ? epilogue_any(n, &defines) : epilogue_of(n, &defines);
    return emit(e, n,
                &(struct launch_spec){
                    .file = "batch_norm.cl",
                    .kernel = vector ? "batch_norm_vector" : "batch_norm_reference",
                    .defines = defines.data,
                    .args = { TENSOR(what->a), TENSOR(what->b), TENSOR(y), TENSOR(what->mean),
                              TENSOR(what->scale), TENSOR(what->terms), STRUCT(r), EPILOGUE(tail) },
                    .items = { vector ? rows_items(&r) : r.count },
                    .group = { vector ? 1 : emitter_group(e) },
                });
}

/* ---- the factor of x, from running averages ---- */

static oc_status scale_infer(struct node *n)
{
    return node_output(n, 0, ELEMENT_F32, &n->in[0]->shape);
}

static void scale_cost(const struct node *n, struct cost *cost)
{
    const double channels = (double)shape_count(&n->in[0]->shape);
    cost->flops = 3.0 * channels;
    cost->bytes = 4.0 * channels * (double)(n->in_count + 1);
}

static oc_status scale_reference(struct emitter *e, const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const struct batch g = { .channels = (int32_t)shape_count(&n->in[0]->shape),
                             .epsilon = d->epsilon,
                             .affine = n->in_count > 1 };
    return emit_channels(
        e, n,
        (struct launch_spec){
            .kernel = "batch_norm_scale",
            .args = { TENSOR(n->in[0]), TENSOR(n->in[n->in_count - 1]), TENSOR(n->out[0]), STRUCT(g) },
        },
        &g);
}

static const struct impl scale_impls[] = {
    { .name = "reference", .emit = scale_reference },
    { 0 },
};

/* (running_var), (running_var, weight) -> weight / sqrt(running_var + epsilon) */
const struct op op_batch_norm_scale = {
    .name = "batch_norm_scale",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = scale_infer,
    .cost = scale_cost,
    .impls = scale_impls,
};

static oc_tensor *scale_append(const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    oc_tensor *variance = n->in[d->no_affine ? 2 : 4];
    return graph_append(&op_batch_norm_scale, d, NULL, (oc_tensor *[]){ variance, n->in[1] },
                        d->no_affine ? 1 : 2);
}

/* ---- backward: sums ---- */

static oc_status sums_infer(struct node *n)
{
    const oc_tensor *x = n->in[0];
    TRY(channel_output(n, OUT_DWEIGHT, 1, x));
    TRY(channel_output(n, OUT_DBIAS, 1, x));
    TRY(partial_output(n, OUT_SUMS_PARTIAL, x));
    return n->in_count > 4 ? channel_output(n, OUT_TERMS, 2, x) : OC_OK;
}

/* A sum of dy, and one of a difference times dy. */
static void sums_cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->in[0]->shape);
    cost->flops = 4.0 * values;
    cost->bytes = 8.0 * values;
}

static oc_status sums(struct emitter *e, const struct node *n, bool vector)
{
    const oc_tensor *x = n->in[0], *dy = n->in[1], *mean = n->in[2], *spread = n->in[3];
    const bool running = n->in_count == 4;
    const oc_tensor *partial = n->out[OUT_SUMS_PARTIAL], *scale = running ? spread : n->in[4];
    struct batch g = describe(n, x, dy);
    g.running = running;
    TRY(emit_chunks(e, n,
                    (struct launch_spec){
                        .kernel = "batch_norm_products",
                        .args = { TENSOR(x), TENSOR(dy), TENSOR(mean), TENSOR(partial), STRUCT(g) },
                    },
                    &g, vector));
    return emit_totals(
        e, n,
        (struct launch_spec){
            .kernel = "batch_norm_sums",
            .args = { TENSOR(partial), TENSOR(spread), TENSOR(scale), TENSOR(n->out[OUT_DWEIGHT]),
                      TENSOR(n->out[OUT_DBIAS]), TENSOR(n->out[running ? OUT_DBIAS : OUT_TERMS]), STRUCT(g) },
        },
        &g, vector);
}

static oc_status sums_reference(struct emitter *e, const struct node *n)
{
    return sums(e, n, false);
}

static oc_status sums_vector(struct emitter *e, const struct node *n)
{
    return sums(e, n, true);
}

static const struct impl sums_impls[] = {
    { .name = "vector", .supports = softmax_vector_supports, .emit = sums_vector },
    { .name = "reference", .emit = sums_reference },
    { 0 },
};

/* (x, dy, mean, 1/deviation, scale) or (x, dy, running_mean, running_var) -> gradients of weight and bias */
const struct op op_batch_norm_sums = {
    .name = "batch_norm_sums",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = sums_infer,
    .cost = sums_cost,
    .impls = sums_impls,
};

/* ---- backward: every value ---- */

static oc_status backward_infer(struct node *n)
{
    return node_output(n, 0, ELEMENT_F32, &n->in[0]->shape);
}

/* (dy, scale): neither x nor the batch's statistics. */
static bool scales_only(const struct node *n)
{
    return n->in[1]->shape.rank == 1;
}

static void backward_cost(const struct node *n, struct cost *cost)
{
    const bool running = scales_only(n);
    const double values = (double)shape_count(&n->in[0]->shape);
    cost->flops = values * (running ? 1.0 : 5.0);
    cost->bytes = 4.0 * values * (running ? 2.0 : 3.0);
}

static oc_status backward(struct emitter *e, const struct node *n, bool vector)
{
    oc_tensor **in = n->in;
    const struct values running = { "scale", in[0], in[0], in[1], in[1], in[1] };
    if (scales_only(n))
        return emit_values(e, n, &running, vector);
    return emit_values(e, n, &(struct values){ "gradient", in[0], in[1], in[2], in[3], in[4] }, vector);
}

static oc_status backward_reference(struct emitter *e, const struct node *n)
{
    return backward(e, n, false);
}

static oc_status backward_vector(struct emitter *e, const struct node *n)
{
    return backward(e, n, true);
}

static const struct impl backward_impls[] = {
    { .name = "vector", .supports = softmax_vector_supports, .emit = backward_vector },
    { .name = "reference", .emit = backward_reference },
    { 0 },
};

/* (dy, x, mean, scale, terms) or (dy, scale) -> dx */
const struct op op_batch_norm_backward = {
    .name = "batch_norm_backward",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = backward_infer,
    .cost = backward_cost,
    .impls = backward_impls,
    .in_place = 3,
    .epilogue = EPILOGUE_ALL,
};

static oc_status gradient(struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const bool batch = has_batch_statistics(n), trained = !d->no_affine && n->in[1]->wants_gradient;
    oc_tensor *x = n->in[0], *dy = n->out[0]->gradient, **states = &n->in[d->no_affine ? 1 : 3];
    oc_tensor *sums = NULL;
    if (batch) {
        oc_tensor *scale = n->out[d->no_affine ? OUT_INVERSE : OUT_SCALE], *mean = n->out[OUT_MEAN];
        sums = graph_append(&op_batch_norm_sums, d, NULL,
                            (oc_tensor *[]){ x, dy, mean, n->out[OUT_INVERSE], scale }, 5);
        TRY(oc_graph_check(x->graph));
        if (x->wants_gradient)
            TRY(contribute(
                x, graph_append(&op_batch_norm_backward, d, NULL,
                                (oc_tensor *[]){ dy, x, mean, scale, sums->producer->out[OUT_TERMS] }, 5)));
    } else {
        if (trained)
            sums =
                graph_append(&op_batch_norm_sums, d, NULL, (oc_tensor *[]){ x, dy, states[0], states[1] }, 4);
        TRY(oc_graph_check(x->graph));
        if (x->wants_gradient)
            TRY(contribute(x, graph_append(&op_batch_norm_backward, d, NULL,
                                           (oc_tensor *[]){ dy, scale_append(n) }, 2)));
    }
    if (!trained)
        return OC_OK;
    TRY(contribute(n->in[1], sums));
    return contribute(n->in[2], sums->producer->out[OUT_DBIAS]);
}

/* ---- forward ---- */

static oc_status check(const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (x->type != ELEMENT_F32 || x->shape.rank < 2)
        return node_fail(n, OC_E_SHAPE, "its input must be OC_F32 of shape (n, c, spatial...), it is %s",
                         SHAPE_TEXT(&x->shape));
    if (!(d->epsilon > 0.f && d->epsilon <= 1.f) || !(d->momentum > 0.f && d->momentum <= 1.f))
        return node_fail(n, OC_E_ARGUMENT, "epsilon %g and momentum %g must be above 0 and at most 1",
                         (double)d->epsilon, (double)d->momentum);
    if (has_batch_statistics(n) && shape_pixels(&x->shape) < 2)
        return node_fail(n, OC_E_SHAPE,
                         "training needs at least 2 values per channel to normalise over; its input of shape "
                         "%s has %" PRId64 ": use a larger batch, or use_running",
                         SHAPE_TEXT(&x->shape), shape_pixels(&x->shape));
    return OC_OK;
}

static oc_status infer(struct node *n)
{
    oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0];
    if (d->epsilon == 0.f)
        d->epsilon = 1e-5f;
    if (d->momentum == 0.f)
        d->momentum = 0.1f;
    TRY(check(n));
    TRY(node_output(n, 0, ELEMENT_F32, &x->shape));
    if (!has_batch_statistics(n))
        return OC_OK;
    TRY(channel_output(n, OUT_MEAN, 1, x));
    TRY(channel_output(n, OUT_INVERSE, 1, x));
    TRY(partial_output(n, OUT_PARTIAL, x));
    return d->no_affine ? OC_OK : channel_output(n, OUT_SCALE, 1, x);
}

static oc_status parameters(struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const struct shape c = { .rank = 1, .dim = { shape_channels(&n->in[0]->shape) } };
    const oc_init zero = { .kind = OC_INIT_CONSTANT }, one = { .kind = OC_INIT_CONSTANT, .value = 1.f };
    if (!d->no_affine) {
        TRY(node_parameter(n, "weight", &c, &(struct parameter){ .init = one, .frozen = d->frozen }));
        TRY(node_parameter(n, "bias", &c, &(struct parameter){ .init = zero, .frozen = d->frozen }));
    }
    TRY(node_parameter(n, "running_mean", &c, &(struct parameter){ .init = zero, .state = true }));
    return node_parameter(n, "running_var", &c, &(struct parameter){ .init = one, .state = true });
}

/* A multiply-add per value; the batch's statistics take a sum, a difference, a square and its sum. */
static void cost(const struct node *n, struct cost *cost)
{
    const double values = (double)shape_count(&n->out[0]->shape);
    cost->flops = values * (has_batch_statistics(n) ? 7.0 : 3.0);
    cost->bytes = 8.0 * values;
}

/* ---- running averages as a factor and a constant ---- */

static oc_status shift_reference(struct emitter *e, const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    const int affine = !d->no_affine;
    const struct batch g = { .channels = (int32_t)shape_count(&n->in[0]->shape), .affine = affine };
    const oc_tensor *mean = n->in[1], *bias = affine ? n->in[2] : mean, *b = n->in[n->in_count - 1];
    return emit_channels(e, n,
                         (struct launch_spec){
                             .kernel = "batch_norm_shift",
                             .args = { TENSOR(n->in[0]), TENSOR(mean), TENSOR(bias), TENSOR(b),
                                       TENSOR(n->out[0]), INT(n->in_count > 2 + affine), STRUCT(g) },
                         },
                         &g);
}

static const struct impl shift_impls[] = {
    { .name = "reference", .emit = shift_reference },
    { 0 },
};

/* (scale, running_mean), bias unless no_affine, b if there is one -> (b - running_mean)*scale + bias */
const struct op op_batch_norm_shift = {
    .name = "batch_norm_shift",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = scale_infer,
    .cost = scale_cost,
    .impls = shift_impls,
};

static bool is_affine(const struct node *n)
{
    return !has_batch_statistics(n);
}

static oc_status affine(const struct node *n, oc_tensor *b, oc_tensor **scale, oc_tensor **shift)
{
    const oc_batch_norm_desc *d = n->desc;
    oc_tensor *in[4] = { *scale = scale_append(n), n->in[d->no_affine ? 1 : 3] };
    int count = 2;
    if (!d->no_affine)
        in[count++] = n->in[2];
    if (b)
        in[count++] = b;
    *shift = graph_append(&op_batch_norm_shift, d, NULL, in, count);
    return oc_graph_check(n->in[0]->graph);
}

/* ---- the layer ---- */

static oc_status derive_scale(struct node *n)
{
    if (has_batch_statistics(n))
        return OC_OK;
    oc_graph *graph = n->in[0]->graph;
    graph->insert_before = n;
    oc_tensor *scale = scale_append(n);
    graph->insert_before = NULL;
    TRY(oc_graph_check(graph));
    return node_add_input(n, scale);
}

static oc_status statistics(struct emitter *e, const struct node *n, bool vector)
{
    const oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0], *partial = n->out[OUT_PARTIAL], *inverse = n->out[OUT_INVERSE];
    const oc_tensor *weight = d->no_affine ? x : n->in[1],
                    *scale = d->no_affine ? inverse : n->out[OUT_SCALE];
    oc_tensor **states = &n->in[d->no_affine ? 1 : 3];
    const struct batch g = describe(n, x, x);
    TRY(emit_chunks(e, n,
                    (struct launch_spec){
                        .kernel = "batch_norm_moments",
                        .args = { TENSOR(x), TENSOR(partial), STRUCT(g) },
                    },
                    &g, vector));
    return emit_totals(
        e, n,
        (struct launch_spec){
            .kernel = "batch_norm_statistics",
            .args = { TENSOR(x), TENSOR(partial), TENSOR(weight), TENSOR(n->out[OUT_MEAN]), TENSOR(inverse),
                      TENSOR(scale), TENSOR(states[0]), TENSOR(states[1]), STRUCT(g) },
        },
        &g, vector);
}

static oc_status normalize(struct emitter *e, const struct node *n, const oc_tensor *mean,
                           const oc_tensor *scale, bool vector)
{
    const oc_batch_norm_desc *d = n->desc;
    const oc_tensor *x = n->in[0], *bias = d->no_affine ? mean : n->in[2];
    const char *operation = d->no_affine ? "normalized_only" : "normalized";
    return emit_values(e, n, &(struct values){ operation, x, x, mean, scale, bias }, vector);
}

static oc_status forward(struct emitter *e, const struct node *n, bool vector)
{
    const oc_batch_norm_desc *d = n->desc;
    if (!has_batch_statistics(n))
        return normalize(e, n, n->in[d->no_affine ? 1 : 3], n->in[n->in_count - 1], vector);
    TRY(statistics(e, n, vector));
    return normalize(e, n, n->out[OUT_MEAN], n->out[d->no_affine ? OUT_INVERSE : OUT_SCALE], vector);
}

static oc_status forward_reference(struct emitter *e, const struct node *n)
{
    return forward(e, n, false);
}

static oc_status forward_vector(struct emitter *e, const struct node *n)
{
    return forward(e, n, true);
}

static const struct impl forward_impls[] = {
    { .name = "vector",
      .supports = softmax_vector_supports,
      .prepare = derive_scale,
      .emit = forward_vector },
    { .name = "reference", .prepare = derive_scale, .emit = forward_reference },
    { 0 },
};

/* ---- once more, with the statistics that are known ---- */

static oc_status again_reference(struct emitter *e, const struct node *n)
{
    return normalize(e, n, n->in[n->in_count - 2], n->in[n->in_count - 1], false);
}

static oc_status again_vector(struct emitter *e, const struct node *n)
{
    return normalize(e, n, n->in[n->in_count - 2], n->in[n->in_count - 1], true);
}

static const struct impl again_impls[] = {
    { .name = "vector", .supports = softmax_vector_supports, .emit = again_vector },
    { .name = "reference", .emit = again_reference },
    { 0 },
};

/* The layer's inputs, those of its epilogue, the batch's mean and scale. The running averages are left as they are. */
const struct op op_batch_norm_again = {
    .name = "batch_norm_again",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = backward_infer,
    .impls = again_impls,
    .in_place = 1,
    .epilogue = EPILOGUE_ALL,
};

static oc_status repeat(struct node *copy, const struct node *n)
{
    const oc_batch_norm_desc *d = n->desc;
    if (!has_batch_statistics(n))
        return OC_OK;
    copy->op = &op_batch_norm_again;
    TRY(node_add_input(copy, n->out[OUT_MEAN]));
    return node_add_input(copy, n->out[d->no_affine ? OUT_INVERSE : OUT_SCALE]);
}

/* (x, weight, bias, running_mean, running_var) without the second and third if no_affine; without the batch's statistics
 * the scale follows */
const struct op op_batch_norm = {
    .name = "batch_norm",
    .desc_size = sizeof(oc_batch_norm_desc),
    .infer = infer,
    .parameters = parameters,
    .gradient = gradient,
    .repeat = repeat,
    .cost = cost,
    .impls = forward_impls,
    .in_place = 1,
    .is_affine = is_affine,
    .affine = affine,
    .epilogue = EPILOGUE_ALL,
    .layer = true,
};

oc_tensor *oc_batch_norm(oc_tensor *x, const oc_batch_norm_desc *desc)
{
    static const oc_batch_norm_desc defaults;
    if (!desc)
        desc = &defaults;
    return graph_append(&op_batch_norm, desc, desc->name, &x, 1);
}
