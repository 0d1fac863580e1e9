/* test_batch_norm.c - what batch normalisation does beyond one case of test_ops.c: its running averages from step to step,
 * what is trained, what is refused, and its neighbours: fused functions, concatenations, slices. */
#include "support/fixture.h"
#include "support/problem.h"
#include "support/scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3, C = 18, PIXELS = 4, COUNT = N * C * PIXELS };

extern const struct op_spec batch_norm_spec;

/* x -> batch_norm -> the inner product with dy. */
struct net {
    oc_device *device;
    oc_graph *graph;
    oc_tensor *x, *y, *dy, *loss;
    oc_model *model;
    struct problem p; /* the same, for the oracle */
    struct op_case c;
    float *values, *gradient;
};

static void net_open(struct net *net, oc_batch_norm_desc desc)
{
    *net = (struct net){ .c = { .name = "test", .shape = { { N, C, 2, 2 } }, .batch_norm = desc } };
    desc.name = "bn";
    problem_create(&net->p, &batch_norm_spec, &net->c, FILL_REAL);
    net->values = operand_floats(&net->p.in[0]);
    net->gradient = operand_floats(&net->p.dy);
    net->device = fixture_open();
    net->graph = oc_graph_create(NULL);
    net->x = oc_input(net->graph, &(oc_input_desc){ .name = "x", .shape = { N, C, 2, 2 }, .gradient = true });
    net->dy = oc_input(net->graph, &(oc_input_desc){ .name = "dy", .shape = { N, C, 2, 2 } });
    net->y = oc_batch_norm(net->x, &desc);
    net->loss = oc_dot(net->y, net->dy);
    CHECK(oc_model_create(&net->model, net->graph, net->device,
                          &(oc_model_desc){ .loss = net->loss,
                                            .outputs = (oc_tensor *const[]){ net->y, NULL },
                                            .optimizer = { .rate = 0.5f, .momentum = 0.9f } }));
}

static void net_close(struct net *net)
{
    oc_model_destroy(net->model);
    oc_graph_destroy(net->graph);
    oc_device_close(net->device);
    problem_destroy(&net->p);
    free(net->values);
    free(net->gradient);
}

static void net_feeds(const struct net *net, oc_feed feeds[3])
{
    feeds[0] = (oc_feed){ net->x, net->values, NULL };
    feeds[1] = (oc_feed){ net->dy, net->gradient, NULL };
    feeds[2] = (oc_feed){ 0 };
}

static void train(struct net *net)
{
    oc_feed feeds[3];
    net_feeds(net, feeds);
    CHECK(oc_train_step(net->model, N, feeds, NULL));
}

/* The parameter has all of these values, to within rounding; the oracle's operand or, without one, a constant. */
static void expect_values(struct net *net, const char *name, const struct operand *want, float constant)
{
    float got[C];
    struct difference worst;
    CHECK(oc_parameter_get(net->model, name, OC_VALUE, got, C));
    if (want)
        cr_expect(operand_compare(want, got, &(struct rule){ 0 }, &worst), "%s[%d] is %g, not %g", name,
                  (int)worst.index, worst.got, worst.want);
    for (int i = 0; !want && i < C; i++)
        cr_expect_eq(got[i], constant, "%s[%d] is %g, not %g", name, i, (double)got[i], (double)constant);
}

/* Lets the oracle start from these averages: the state after each of its forward passes. */
static void next_state(struct net *net)
{
    for (int i = 3; i < 5; i++)
        memcpy(net->p.in[i].v, net->p.din[i].v, C * sizeof(double));
    for (int i = 0; i < net->p.count; i++) {
        memset(net->p.din[i].v, 0, (size_t)net->p.din[i].count * sizeof(double));
        memset(net->p.din[i].s, 0, (size_t)net->p.din[i].count * sizeof(double));
    }
    net->p.spec->backward(&net->c, net->p.in, &net->p.y, &net->p.dy, net->p.din);
}

static void start_state(struct net *net)
{
    for (int i = 0; i < C; i++) {
        net->p.din[3].v[i] = 0;
        net->p.din[4].v[i] = 1;
    }
    next_state(net);
}

Test(batch_norm, averages_follow_the_batches)
{
    struct net net;
    net_open(&net, (oc_batch_norm_desc){ .momentum = 0.25f });
    expect_values(&net, "bn.running_mean", NULL, 0); /* the warm-up has left no trace */
    expect_values(&net, "bn.running_var", NULL, 1);
    start_state(&net);
    for (int step = 0; step < 5; step++) {
        train(&net);
        expect_values(&net, "bn.running_mean", &net.p.din[3], 0);
        expect_values(&net, "bn.running_var", &net.p.din[4], 0);
        next_state(&net);
    }
    net_close(&net);
}

/* Squares are taken about the mean of a chunk's first 64 pixels. Here these are 0 and the others 1000, give or take 1, so that
 * these squares are 256/64 times those about the mean: the most that can be. Sums of runs of 64 lose some bits more. */
Test(batch_norm, the_first_pixels_need_not_be_like_the_others)
{
    enum { CHANNELS = 19, ALL = 16 * 16, FIRST = 64 };
    static const char *const implementations[] = { NULL, "reference" };
    static float values[CHANNELS * ALL], variance[CHANNELS];
    for (int i = 0; i < CHANNELS * ALL; i++)
        values[i] = i % ALL < FIRST ? 0.f : 1000.f + (float)(i % 3 - 1);
    for (int i = 0; i < COUNT_OF(implementations); i++) {
        oc_device *device = fixture_open();
        oc_graph *graph = oc_graph_create(NULL);
        oc_model *model;
        oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 1, CHANNELS, 16, 16 } });
        oc_tensor *y = oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "bn", .momentum = 1 });
        CHECK(
            oc_model_create(&model, graph, device,
                            &(oc_model_desc){ .loss = oc_dot(y, x), .implementations = implementations[i] }));
        CHECK(oc_train_step(model, 1, (oc_feed[]){ { x, values, NULL }, { 0 } }, NULL));
        CHECK(oc_parameter_get(model, "bn.running_var", OC_VALUE, variance, CHANNELS));
        for (int c = 0; c < CHANNELS; c++) {
            double mean = 0, squares = 0;
            for (int p = 0; p < ALL; p++)
                mean += (double)values[c * ALL + p] / ALL;
            for (int p = 0; p < ALL; p++)
                squares += pow((double)values[c * ALL + p] - mean, 2);
            const double want = squares / (ALL - 1), error = fabs(variance[c] - want) / want;
            cr_expect(error < 4 * 16 * 0x1p-24, "variance of channel %d is %g, not %g", c,
                      (double)variance[c], want);
        }
        oc_model_destroy(model);
        oc_graph_destroy(graph);
        oc_device_close(device);
    }
}

static void ignore(void *user, const oc_profile_entry *entry)
{
    (void)user, (void)entry;
}

Test(batch_norm, only_training_changes_averages)
{
    struct net net;
    oc_feed feeds[3];
    net_open(&net, (oc_batch_norm_desc){ 0 });
    net_feeds(&net, feeds);
    start_state(&net);
    CHECK(oc_infer(net.model, N, feeds, NULL));
    CHECK(oc_model_profile(net.model, false, ignore, NULL));
    expect_values(&net, "bn.running_mean", NULL, 0);
    CHECK(oc_compute_gradients(net.model, N, feeds, NULL));
    expect_values(&net, "bn.running_mean", &net.p.din[3], 0);
    expect_values(&net, "bn.running_var", &net.p.din[4], 0);
    next_state(&net);
    CHECK(oc_model_profile(net.model, true, ignore, NULL)); /* as much as one pass more */
    expect_values(&net, "bn.running_mean", &net.p.din[3], 0);
    expect_values(&net, "bn.running_var", &net.p.din[4], 0);
    net_close(&net);
}

/* Inference after training must not go on with factors of older averages. */
Test(batch_norm, inference_sees_new_averages)
{
    struct net net;
    oc_feed feeds[3];
    float before[COUNT], after[COUNT];
    net_open(&net, (oc_batch_norm_desc){ .momentum = 1 });
    net_feeds(&net, feeds);
    CHECK(oc_infer(net.model, N, feeds, (oc_fetch[]){ { .tensor = net.y, .data = before }, { 0 } }));
    CHECK(oc_compute_gradients(net.model, N, feeds, NULL));
    CHECK(oc_infer(net.model, N, feeds, (oc_fetch[]){ { .tensor = net.y, .data = after }, { 0 } }));
    for (int c = 0; c < C; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < N * PIXELS; i++) {
            const double value = (double)after[(i / PIXELS * C + c) * PIXELS + i % PIXELS];
            sum += value;
            squares += value * value;
        }
        cr_expect(fabs(sum) < 1e-4, "channel %d has the sum %g", c, sum);
        cr_expect(fabs(squares - (N * PIXELS - 1)) < 1e-2, "channel %d has the sum of squares %g", c,
                  squares);
    }
    for (int i = 0; i < COUNT; i++) /* means of 0, variances of 1 */
        cr_expect(fabs((double)(before[i] - net.values[i])) < 1e-5);
    net_close(&net);
}

Test(batch_norm, frozen_parameters_keep_their_values)
{
    struct net net;
    float values[C];
    oc_parameter_info info;
    net_open(&net, (oc_batch_norm_desc){ .frozen = true });
    train(&net);
    expect_values(&net, "bn.weight", NULL, 1);
    expect_values(&net, "bn.bias", NULL, 0);
    cr_expect_eq(oc_parameter_get(net.model, "bn.weight", OC_GRADIENT, values, C), OC_E_NOT_FOUND);
    CHECK(oc_parameter_info_of(net.model, "bn.weight", &info));
    cr_expect(info.frozen && !info.state);
    CHECK(oc_parameter_info_of(net.model, "bn.running_var", &info));
    cr_expect(info.frozen && info.state);
    cr_expect_eq(oc_parameter_get(net.model, "bn.running_var", OC_MOMENTUM, values, C), OC_E_NOT_FOUND);
    net_close(&net);
}

Test(batch_norm, training_moves_weight_and_bias_only)
{
    struct net net;
    float weight[C], bias[C], dweight[C], dbias[C];
    net_open(&net, (oc_batch_norm_desc){ .use_running = true });
    train(&net);
    CHECK(oc_parameter_get(net.model, "bn.weight", OC_VALUE, weight, C));
    CHECK(oc_parameter_get(net.model, "bn.bias", OC_VALUE, bias, C));
    CHECK(oc_parameter_get(net.model, "bn.weight", OC_GRADIENT, dweight, C));
    CHECK(oc_parameter_get(net.model, "bn.bias", OC_GRADIENT, dbias, C));
    for (int i = 0; i < C; i++) {
        cr_expect_eq(weight[i], fmaf(-0.5f, dweight[i], 1));
        cr_expect_eq(bias[i], -0.5f * dbias[i]);
        cr_expect(dweight[i] != 0 && dbias[i] != 0);
    }
    expect_values(&net, "bn.running_mean", NULL, 0);
    expect_values(&net, "bn.running_var", NULL, 1);
    net_close(&net);
}

Test(batch_norm, drawing_all_parameters_anew_resets_averages)
{
    struct net net;
    net_open(&net, (oc_batch_norm_desc){ 0 });
    train(&net);
    CHECK(oc_parameter_initialize(net.model, NULL, &(oc_init){ OC_INIT_CONSTANT, 3 }, 1));
    expect_values(&net, "bn.weight", NULL, 3);
    expect_values(&net, "bn.running_mean", NULL, 0);
    expect_values(&net, "bn.running_var", NULL, 1);
    CHECK(oc_parameter_initialize(net.model, "bn.running_var", &(oc_init){ OC_INIT_CONSTANT, 4 }, 1));
    expect_values(&net, "bn.running_var", NULL, 4);
    net_close(&net);
}

Test(batch_norm, averages_are_saved_and_loaded, .init = scratch_open, .fini = scratch_close)
{
    struct net net;
    float mean[C], loaded[C];
    net_open(&net, (oc_batch_norm_desc){ 0 });
    train(&net);
    CHECK(oc_parameter_get(net.model, "bn.running_mean", OC_VALUE, mean, C));
    const oc_status status = oc_model_save(net.model, scratch_path("w"), NULL);
    if (status == OC_E_UNSUPPORTED)
        cr_skip_test("this build has no safetensors");
    CHECK(status);
    CHECK(oc_parameter_initialize(net.model, NULL, NULL, 0));
    CHECK(oc_model_load(net.model, scratch_path("w")));
    CHECK(oc_parameter_get(net.model, "bn.running_mean", OC_VALUE, loaded, C));
    cr_expect_eq(memcmp(mean, loaded, sizeof mean), 0);
    cr_expect(mean[0] != 0);
    net_close(&net);
}

/* Batch statistics of one value are refused where they would be taken, and nowhere else. */
Test(batch_norm, one_value_per_channel_is_refused_in_training)
{
    for (int running = 0; running < 2; running++) {
        oc_device *device = fixture_open();
        oc_model *model;
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 1, 5, 1, 1 } });
        oc_tensor *target = oc_input(graph, &(oc_input_desc){ .name = "target", .shape = { 1, 5, 1, 1 } });
        oc_tensor *y = oc_batch_norm(x, &(oc_batch_norm_desc){ .name = "norm", .use_running = running });
        oc_tensor *loss = oc_mean_squared_error(y, target), *const outputs[] = { y, NULL };
        CHECK(oc_graph_check(graph));
        const oc_status status = oc_model_create(&model, graph, device, &(oc_model_desc){ .loss = loss });
        cr_expect_eq(status, running ? OC_OK : OC_E_SHAPE);
        cr_expect(running ||
                      (strstr(oc_last_error(), "\"norm\"") && strstr(oc_last_error(), "1x5x1x1 has 1")),
                  "%s", oc_last_error());
        oc_model_destroy(model);
        CHECK(oc_model_create(&model, graph, device, &(oc_model_desc){ .outputs = outputs }));
        oc_model_destroy(model);
        oc_graph_destroy(graph);
        oc_device_close(device);
    }
}

Test(batch_norm, a_last_batch_of_one_value_is_refused_and_the_next_runs)
{
    oc_device *device = fixture_open();
    oc_model *model;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 4, 3 } });
    oc_tensor *y = oc_input(graph, &(oc_input_desc){ .name = "y", .shape = { 4, 3 } });
    oc_tensor *loss = oc_mean_squared_error(oc_batch_norm(x, NULL), y);
    const float values[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const oc_feed feeds[] = { { x, values, NULL }, { y, values, NULL }, { 0 } };
    float result = NAN;
    const oc_fetch fetches[] = { { .tensor = loss, .data = &result }, { 0 } };
    CHECK(oc_model_create(&model, graph, device, &(oc_model_desc){ .loss = loss }));
    cr_expect_eq(oc_train_step(model, 1, feeds, fetches), OC_E_SHAPE);
    cr_expect(strstr(oc_last_error(), "at least 2 values"), "%s", oc_last_error());
    CHECK(oc_infer(model, 1, feeds, fetches));
    CHECK(oc_train_step(model, 4, feeds, fetches));
    cr_expect(isfinite(result));
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

static void expect_refusal(oc_tensor *y, oc_graph *graph, oc_status status, const char *sentence)
{
    (void)y;
    cr_expect_eq(oc_graph_check(graph), status);
    cr_expect(strstr(oc_last_error(), sentence), "%s", oc_last_error());
    oc_graph_destroy(graph);
}

Test(batch_norm, invalid_descriptors_are_refused)
{
    static const oc_batch_norm_desc wrong[] = {
        { .epsilon = -1 }, { .epsilon = NAN }, { .epsilon = 2 }, { .momentum = -0.1f }, { .momentum = 1.5f }
    };
    for (int i = 0; i < COUNT_OF(wrong); i++) {
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 4, 3 } });
        expect_refusal(oc_batch_norm(x, &wrong[i]), graph, OC_E_ARGUMENT, "must be above 0 and at most 1");
    }
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 4 } });
    expect_refusal(oc_batch_norm(x, NULL), graph, OC_E_SHAPE, "(n, c, spatial...), it is 4");
}

Test(batch_norm, summary_counts_weights_and_no_multiply_adds)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_layer_info info;
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 4, 3, 5 } });
    oc_batch_norm(x, NULL);
    CHECK(oc_graph_layer(graph, 1, &info));
    cr_expect_str_eq(info.name, "batch_norm1");
    cr_expect(info.parameters == 6 && info.macs == 0);
    oc_graph_destroy(graph);
}

/* ---- Neighbours ---- */

/* The layer between x and the inner product of `y` with dy, run once in training. Operands hold what is fed. */
struct run {
    const char *implementations;
    oc_tensor *(*build)(oc_tensor *x);
    struct operand x, dy;
    float y[2 * COUNT], dx[COUNT];
};

static void run_once(struct run *run)
{
    oc_device *device = fixture_open();
    oc_model *model;
    oc_graph *graph = oc_graph_create(NULL);
    oc_input_desc desc = { .name = "dy" };
    oc_tensor *x =
        oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { N, C, 2, 2 }, .gradient = true });
    oc_tensor *y = run->build(x);
    const int rank = oc_tensor_shape(y, desc.shape);
    oc_tensor *dy = oc_input(graph, &desc);
    operand_create(&run->x, 4, (int64_t[]){ N, C, 2, 2 });
    operand_create(&run->dy, rank, desc.shape);
    operand_fill(&run->x, FILL_REAL, 1, "x", 0);
    operand_fill(&run->dy, FILL_REAL, 1, "dy", 0);
    float *const x_values = operand_floats(&run->x), *const dy_values = operand_floats(&run->dy);
    cr_assert(run->dy.count <= COUNT_OF(run->y));
    CHECK(oc_model_create(&model, graph, device,
                          &(oc_model_desc){ .loss = oc_dot(y, dy),
                                            .outputs = (oc_tensor *const[]){ y, NULL },
                                            .implementations = run->implementations }));
    CHECK(oc_compute_gradients(model, N, (oc_feed[]){ { x, x_values, NULL }, { dy, dy_values, NULL }, { 0 } },
                               (oc_fetch[]){ { .tensor = y, .data = run->y },
                                             { .tensor = x, .data = run->dx, .gradient = true },
                                             { 0 } }));
    free(x_values);
    free(dy_values);
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* Copies channels between operands of shape (N, channels, 2, 2), or adds them. */
static void copy_channels(double *to, int to_channels, int to_first, const double *from, int from_channels,
                          int from_first, int count)
{
    for (int n = 0; n < N; n++)
        for (int i = 0; i < count * PIXELS; i++)
            to[(n * to_channels + to_first) * PIXELS + i] +=
                from[(n * from_channels + from_first) * PIXELS + i];
}

/* What the oracle makes of a layer without weight and bias on some channels of x: added to dx and at `place` of y. */
static void expect_part(struct run *run, int first, int count, int place, struct operand *y,
                        struct operand *dx)
{
    const struct op_case c = { .shape = { { N, count, 2, 2 } }, .batch_norm = { .no_affine = true } };
    const int wide = (int)y->shape[1];
    struct operand in[3], din[3], part_y, part_dy;
    operand_create(&in[0], 4, c.shape[0]);
    operand_create(&part_dy, 4, c.shape[0]);
    batch_norm_spec.parameters(&c, in + 1);
    for (int i = 0; i < 3; i++)
        operand_like(&din[i], &in[i]);
    copy_channels(in[0].v, count, 0, run->x.v, C, first, count);
    copy_channels(part_dy.v, count, 0, run->dy.v, wide, place, count);
    batch_norm_spec.forward(&c, in, &part_y);
    batch_norm_spec.backward(&c, in, &part_y, &part_dy, din);
    copy_channels(y->v, wide, place, part_y.v, count, 0, count);
    copy_channels(y->s, wide, place, part_y.s, count, 0, count);
    copy_channels(dx->v, C, first, din[0].v, count, 0, count);
    copy_channels(dx->s, C, first, din[0].s, count, 0, count);
    y->terms = part_y.terms;
    dx->terms = din[0].terms + 1;
    operand_destroy(&part_y);
    operand_destroy(&part_dy);
    for (int i = 0; i < 3; i++) {
        operand_destroy(&in[i]);
        operand_destroy(&din[i]);
    }
}

enum { PART = 5 };

/* Every tensor of the layers has a pitch of its own: x is a slice, y and dy are parts of a concatenation. */
static oc_tensor *between_slices(oc_tensor *x)
{
    const oc_batch_norm_desc desc = { .no_affine = true };
    return oc_concat((oc_tensor *const[]){ oc_batch_norm(oc_slice(x, 1, C - 1), &desc),
                                           oc_batch_norm(oc_slice(x, 0, PART), &desc) },
                     2);
}

Test(batch_norm, works_on_slices_of_wider_tensors)
{
    static const char *const implementations[] = { NULL, "reference" };
    for (int i = 0; i < COUNT_OF(implementations); i++) {
        struct run run = { .implementations = implementations[i], .build = between_slices };
        struct operand y, dx;
        struct difference worst;
        run_once(&run);
        operand_like(&y, &run.dy);
        operand_like(&dx, &run.x);
        expect_part(&run, 1, C - 1, 0, &y, &dx);
        expect_part(&run, 0, PART, C - 1, &y, &dx);
        cr_expect(operand_compare(&y, run.y, &(struct rule){ 0 }, &worst), "y[%d] is %g, not %g",
                  (int)worst.index, worst.got, worst.want);
        cr_expect(operand_compare(&dx, run.dx, &(struct rule){ 0 }, &worst), "dx[%d] is %g, not %g",
                  (int)worst.index, worst.got, worst.want);
        operand_destroy(&y);
        operand_destroy(&dx);
        operand_destroy(&run.x);
        operand_destroy(&run.dy);
    }
}

static oc_tensor *with_relu(oc_tensor *x)
{
    return oc_relu(oc_batch_norm(x, NULL));
}

static oc_tensor *without_relu(oc_tensor *x)
{
    return oc_batch_norm(x, NULL);
}

/* The layer applies the function before it stores. */
Test(batch_norm, fused_functions_see_the_same_values)
{
    static const char *const implementations[] = { NULL, "reference" };
    for (int i = 0; i < COUNT_OF(implementations); i++) {
        struct run fused = { .implementations = implementations[i], .build = with_relu };
        struct run plain = { .implementations = implementations[i], .build = without_relu };
        run_once(&fused);
        run_once(&plain);
        for (int k = 0; k < COUNT; k++)
            cr_expect_eq(fused.y[k], plain.y[k] > 0 ? plain.y[k] : 0, "y[%d] is %g, not relu of %g", k,
                         (double)fused.y[k], (double)plain.y[k]);
        operand_destroy(&fused.x);
        operand_destroy(&fused.dy);
        operand_destroy(&plain.x);
        operand_destroy(&plain.dy);
    }
}
