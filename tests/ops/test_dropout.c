/* test_dropout.c - dropout, channel dropout and stochastic depth: the mask against base/random.h, decision by decision,
 * and what follows from it. Each model is an input, the layer, and the inner product with a further input dy. */
#include "base/random.h"
#include "support/fixture.h"
#include "support/problem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED UINT64_C(0xFEDCBA9876543210)

enum unit { VALUE, CHANNEL, SAMPLE, BATCH };

struct layer {
    const char *op;
    enum unit unit;
    float rate;
    bool scale_at_inference;
};

static const struct layer layers[] = {
    { "dropout", VALUE, 0.5f, false },
    { "dropout", VALUE, 0.1f, false },
    { "dropout", VALUE, 0, false },
    { "channel_dropout", CHANNEL, 0.4f, false },
    { "stochastic_depth", SAMPLE, 0.5f, false },
    { "stochastic_depth", SAMPLE, 0.25f, true },
    { "stochastic_depth", BATCH, 0.5f, false },
    { "stochastic_depth", BATCH, 0.5f, true },
    { "stochastic_depth", SAMPLE, 0, false },
};

/* Rows that begin within a block of four numbers, that end within a vector, that are longer than what is drawn at once,
 * and more rows than a work-item takes on. */
static const int64_t shapes[][OC_MAX_RANK] = { { 1, 1 },        { 7, 33 },        { 3, 17, 5, 7 },
                                               { 2, 64, 4, 4 }, { 5, 3, 13 },     { 2, 5, 3, 4, 5 },
                                               { 2, 1100 },     { 1, 130, 3, 3 }, { 6, 3, 60, 60 } };

static oc_tensor *build(oc_tensor *x, const struct layer *l)
{
    if (l->unit == VALUE)
        return oc_dropout(x, l->rate);
    if (l->unit == CHANNEL)
        return oc_channel_dropout(x, l->rate);
    return oc_stochastic_depth(x, &(oc_stochastic_depth_desc){ .survival = 1 - l->rate,
                                                               .per_batch = l->unit == BATCH,
                                                               .scale_at_inference = l->scale_at_inference });
}

/* What the value at (n, c, pixel) of a tensor with so many channels and pixels is multiplied with. */
static double factor(const struct layer *l, const struct random *random, int64_t channels, int64_t pixels,
                     int64_t n, int64_t c, int64_t pixel)
{
    const int64_t decision = l->unit == VALUE     ? (n * pixels + pixel) * channels + c
                             : l->unit == CHANNEL ? n * channels + c
                             : l->unit == SAMPLE  ? n
                                                  : 0;
    const bool kept = random_uniform(random, (uint64_t)decision) >= l->rate;
    return !kept ? 0 : l->scale_at_inference ? 1 : 1 / (1 - (double)l->rate);
}

/* ---- a model ---- */

struct net {
    oc_graph *graph;
    oc_model *model;
    oc_tensor *x, *y, *dy;
    struct operand in[2]; /* x, dy */
    float *values[2], *result, *gradient;
};

static oc_tensor *input(oc_graph *graph, const char *name, const struct operand *values, int spare)
{
    oc_input_desc desc = { .name = name, .gradient = name[0] == 'x' };
    memcpy(desc.shape, values->shape, sizeof desc.shape);
    desc.shape[0] += spare;
    return oc_input(graph, &desc);
}

/* `make` turns x into y; made for `spare` more samples than it runs on. `name` NULL: none. */
static void open_net(struct net *t, oc_device *device, const int64_t *x_shape, const int64_t *y_shape,
                     oc_tensor *(*make)(oc_tensor *x, const void *user), const void *user,
                     const oc_model_desc *desc, int spare)
{
    const int rank = shape_rank(x_shape);
    *t = (struct net){ .graph = oc_graph_create(NULL) };
    operand_create(&t->in[0], rank, x_shape);
    operand_create(&t->in[1], rank, y_shape);
    for (int i = 0; i < 2; i++) {
        operand_fill(&t->in[i], FILL_REAL, 1, i ? "dy" : "x", 0);
        t->values[i] = operand_floats(&t->in[i]);
    }
    t->result = floats_unset(t->in[1].count);
    t->gradient = floats_unset(t->in[0].count);
    t->x = input(t->graph, "x", &t->in[0], spare);
    t->dy = input(t->graph, "dy", &t->in[1], spare);
    t->y = make(t->x, user);
    oc_model_desc all = *desc;
    all.loss = oc_dot(t->y, t->dy);
    all.outputs = (oc_tensor *const[]){ t->y, NULL };
    CHECK(oc_model_create(&t->model, t->graph, device, &all));
}

static void close_net(struct net *t)
{
    oc_model_destroy(t->model);
    oc_graph_destroy(t->graph);
    for (int i = 0; i < 2; i++) {
        operand_destroy(&t->in[i]);
        free(t->values[i]);
    }
    free(t->result);
    free(t->gradient);
}

enum mode { INFER, GRADIENTS, TRAIN };

static void run(struct net *t, enum mode mode)
{
    const int batch = (int)t->in[0].shape[0];
    const oc_feed feeds[] = { { t->x, t->values[0], NULL }, { t->dy, t->values[1], NULL }, { 0 } };
    oc_fetch fetches[] = { { .tensor = t->y, .data = t->result },
                           { .tensor = mode != INFER ? t->x : NULL, .data = t->gradient, .gradient = true },
                           { 0 } };
    CHECK(mode == INFER   ? oc_infer(t->model, batch, feeds, fetches)
          : mode == TRAIN ? oc_train_step(t->model, batch, feeds, fetches)
                          : oc_compute_gradients(t->model, batch, feeds, fetches));
}

static oc_tensor *make_layer(oc_tensor *x, const void *user)
{
    return oc_named(build(x, user), "the layer");
}

static struct random layer_random(uint32_t step)
{
    return (struct random){ .seed = SEED, .stream = random_stream("the layer"), .step = step };
}

/* A dropped value is 0 exactly; a kept one may be off by the roundings of its factor and product. */
static bool is_product(float got, double value, double by)
{
    return fabs((double)got - value * by) <= fabs(value * by) * 0x1p-22;
}

static void expect_masked(const struct net *t, const struct layer *l, uint32_t step, const char *name)
{
    const struct operand *x = &t->in[0];
    const struct random random = layer_random(step);
    const int64_t channels = x->shape[1], pixels = pixel_count(x);
    for (int64_t i = 0; i < x->count; i++) {
        const double by =
            factor(l, &random, channels, pixels, i / (channels * pixels), i / pixels % channels, i % pixels);
        if (is_product(t->result[i], x->v[i], by) && is_product(t->gradient[i], t->in[1].v[i], by))
            continue;
        cr_expect(false, "%s, step %" PRIu32 ", %" PRId64 ": %g -> %g, gradient %g -> %g, factor %g", name,
                  step, i, x->v[i], (double)t->result[i], t->in[1].v[i], (double)t->gradient[i], by);
        return;
    }
}

static void expect_inferred(const struct net *t, const struct layer *l, const char *name)
{
    const double by = l->scale_at_inference ? 1 - (double)l->rate : 1;
    for (int64_t i = 0; i < t->in[0].count; i++)
        if ((double)t->result[i] != (double)(float)(t->in[0].v[i] * by)) {
            cr_expect(false, "%s, inferred: y[%" PRId64 "] is %g, not %g", name, i, (double)t->result[i],
                      t->in[0].v[i] * by);
            return;
        }
}

/* "dropout=vector,dropout_backward=vector"; NULL past the last implementation or if the device does not support it. */
static const char *choose(char *choice, size_t capacity, const struct layer *l, int implementation)
{
    const char *name = oc_op_implementation(l->op, implementation);
    if (name)
        snprintf(choice, capacity, "%s=%s,dropout_backward=%s", l->op, name, name);
    return name ? choice : NULL;
}

static bool device_has(oc_device *device, const char *choice)
{
    return oc_device_get_info(device)->type == OC_DEVICE_CPU || !strstr(choice, "vector");
}

/* For interpreters: two of the small shapes for each layer, and all of them for some layer. */
static bool is_quick(int layer, int shape)
{
    return shape < COUNT_OF(shapes) - 1 && (layer + shape) % 4 == 0;
}

Test(dropout, masks_are_those_of_the_twin)
{
    oc_device *device = fixture_open();
    char choice[96], name[192];
    for (int k = 0; k < COUNT_OF(layers); k++)
        for (int s = 0; s < COUNT_OF(shapes); s++)
            for (int i = 0; choose(choice, sizeof choice, &layers[k], i); i++) {
                if (!device_has(device, choice) || (fixture_quick() && !is_quick(k, s)))
                    continue;
                struct net t;
                snprintf(name, sizeof name, "layer %d, shape %d, %s", k, s, choice);
                open_net(&t, device, shapes[s], shapes[s], make_layer, &layers[k],
                         &(oc_model_desc){ .seed = SEED, .implementations = choice }, i);
                for (uint32_t step = 0; step < 2; step++) {
                    run(&t, TRAIN);
                    expect_masked(&t, &layers[k], step, name);
                }
                CHECK(oc_model_set_step(t.model, 123456789));
                run(&t, GRADIENTS);
                expect_masked(&t, &layers[k], 123456789, name);
                run(&t, GRADIENTS); /* does not count as a step */
                expect_masked(&t, &layers[k], 123456789, name);
                run(&t, INFER);
                expect_inferred(&t, &layers[k], name);
                close_net(&t);
            }
    oc_device_close(device);
}

/* ---- in the middle of wider tensors ---- */

enum { PARTS = 5, BEFORE = 2, AFTER = 1, WIDE = BEFORE + PARTS + AFTER };

/* Channels 2 to 6 of 8 through the layer, with channels 0 and 1 behind them. */
static oc_tensor *make_part(oc_tensor *x, const void *user)
{
    oc_tensor *part = make_layer(oc_slice(x, BEFORE, PARTS), user);
    return oc_concat((oc_tensor *const[]){ part, oc_slice(x, 0, BEFORE) }, 2);
}

Test(dropout, pitch_does_not_matter)
{
    static const int64_t x_shape[OC_MAX_RANK] = { 3, WIDE, 4, 5 },
                         y_shape[OC_MAX_RANK] = { 3, PARTS + BEFORE, 4, 5 };
    oc_device *device = fixture_open();
    char choice[96];
    for (int k = 0; k < COUNT_OF(layers); k++)
        for (int i = 0; choose(choice, sizeof choice, &layers[k], i); i++) {
            if (!device_has(device, choice))
                continue;
            struct net t;
            const struct random random = layer_random(0);
            open_net(&t, device, x_shape, y_shape, make_part, &layers[k],
                     &(oc_model_desc){ .seed = SEED, .implementations = choice }, 1);
            run(&t, GRADIENTS);
            for (int64_t j = 0; j < t.in[1].count; j++) {
                const int64_t pixel = j % 20, c = j / 20 % (PARTS + BEFORE), n = j / 20 / (PARTS + BEFORE);
                const int64_t from = (n * WIDE + (c < PARTS ? c + BEFORE : c - PARTS)) * 20 + pixel;
                const double by = c < PARTS ? factor(&layers[k], &random, PARTS, 20, n, c, pixel) : 1;
                cr_assert(is_product(t.result[j], t.in[0].v[from], by) &&
                              is_product(t.gradient[from], t.in[1].v[j], by),
                          "layer %d, %s, %" PRId64, k, choice, j);
            }
            run(&t, INFER);
            for (int64_t j = 0; j < PARTS * 20; j++) {
                const double by = layers[k].scale_at_inference ? 1 - (double)layers[k].rate : 1;
                cr_assert_eq((double)t.result[j], (double)(float)(t.in[0].v[j + BEFORE * 20] * by));
            }
            close_net(&t);
        }
    oc_device_close(device);
}

/* ---- statistics ---- */

enum { VALUES = 1 << 18 };

struct named {
    const char *name;
    float rate;
};

static oc_tensor *make_named(oc_tensor *x, const void *user)
{
    const struct named *named = user;
    return oc_named(oc_dropout(x, named->rate), named->name);
}

/* The mask of one step: 1 where a value is kept. Returns the mean of y where x is 1. */
static double draw(oc_device *device, const char *name, uint64_t seed, int64_t step, float rate, char *mask)
{
    static const int64_t shape[OC_MAX_RANK] = { 4, VALUES / 4 };
    struct net t;
    double sum = 0;
    open_net(&t, device, shape, shape, make_named, &(struct named){ name, rate },
             &(oc_model_desc){ .seed = seed }, 0);
    for (int i = 0; i < VALUES; i++)
        t.values[0][i] = 1;
    CHECK(oc_model_set_step(t.model, step));
    run(&t, GRADIENTS);
    for (int i = 0; i < VALUES; i++) {
        mask[i] = t.result[i] > 0;
        sum += (double)t.result[i];
    }
    close_net(&t);
    return sum / VALUES;
}

Test(dropout, shares_and_means_are_right_and_masks_independent)
{
    static char masks[4][VALUES];
    const float rate = 0.3f;
    const double keep = 1 - (double)rate, deviation = sqrt(keep * (1 - keep) / VALUES);
    const double same = keep * keep + (1 - keep) * (1 - keep), spread = sqrt(same * (1 - same) / VALUES);
    if (fixture_quick())
        cr_skip_test("the masks are those of the twin, and there are many");
    oc_device *device = fixture_open();
    const double mean = draw(device, "a", SEED, 7, rate, masks[0]);
    draw(device, "b", SEED, 7, rate, masks[1]);
    draw(device, "a", SEED, 8, rate, masks[2]);
    draw(device, "a", SEED + 1, 7, rate, masks[3]);
    cr_expect(fabs(mean - 1) <= 5 * deviation / keep, "the mean is %g", mean);
    for (int k = 0; k < 4; k++) {
        int kept = 0, equal = 0, repeated = 0;
        for (int i = 0; i < VALUES; i++) {
            kept += masks[k][i];
            equal += masks[k][i] == masks[0][i];
            repeated += i > 0 && masks[k][i] == masks[k][i - 1];
        }
        cr_expect(fabs((double)kept / VALUES - keep) <= 5 * deviation, "mask %d keeps %d of %d", k, kept,
                  VALUES);
        cr_expect(k == 0 || fabs((double)equal / VALUES - same) <= 5 * spread,
                  "mask %d is mask 0 at %d of %d", k, equal, VALUES);
        cr_expect(fabs((double)repeated / VALUES - same) <= 5 * spread, "mask %d repeats itself at %d of %d",
                  k, repeated, VALUES);
    }
    oc_device_close(device);
}

/* ---- memory and errors ---- */

static oc_memory_info memory_of(oc_device *device, bool with_dropout, bool train)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 8, 1000 } });
    oc_tensor *dy = oc_input(graph, &(oc_input_desc){ .name = "dy", .shape = { 8, 1000 } });
    oc_tensor *y = oc_dense(x, &(oc_dense_desc){ .name = LAYER, .units = 1000 });
    y = oc_dense(with_dropout ? oc_dropout(y, 0.5f) : y, &(oc_dense_desc){ .name = "second", .units = 1000 });
    oc_memory_info info;
    CHECK(oc_model_predict_memory(&info, graph, device,
                                  &(oc_model_desc){ .loss = train ? oc_dot(y, dy) : NULL,
                                                    .outputs = (oc_tensor *const[]){ y, NULL } }));
    oc_graph_destroy(graph);
    return info;
}

/* A view at inference; in place, with no mask, in training. */
Test(dropout, takes_no_memory)
{
    oc_device *device = fixture_open();
    for (int train = 0; train < 2; train++) {
        const oc_memory_info without = memory_of(device, false, train), with = memory_of(device, true, train);
        cr_expect_eq(with.total, without.total, "%s: %" PRId64 " bytes, %" PRId64 " without",
                     train ? "training" : "inference", with.total, without.total);
    }
    oc_device_close(device);
}

static void expect_refused(const oc_tensor *y, oc_graph *graph, oc_status wanted, const char *words)
{
    (void)y;
    cr_expect_eq(oc_graph_check(graph), wanted);
    cr_expect(strstr(oc_last_error(), words), "\"%s\" does not say \"%s\"", oc_last_error(), words);
    oc_graph_destroy(graph);
}

static oc_tensor *some_input(oc_graph **graph, int rank, oc_type type)
{
    *graph = oc_graph_create(NULL);
    return oc_input(*graph, &(oc_input_desc){ .name = "x", .shape = { 4, rank > 1 ? 6 : 0 }, .type = type });
}

Test(dropout, impossible_rates_are_refused_by_name)
{
    static const float rates[] = { 1, -0.25f, 1.5f, NAN };
    static const char *const words[] = { "it is 1", "it is -0.25", "it is 1.5", "nan" };
    oc_graph *graph;
    oc_tensor *x;
    for (int i = 0; i < COUNT_OF(rates); i++) {
        x = some_input(&graph, 2, OC_F32);
        expect_refused(oc_dropout(x, rates[i]), graph, OC_E_ARGUMENT, words[i]);
        x = some_input(&graph, 2, OC_F32);
        expect_refused(oc_channel_dropout(x, rates[i]), graph, OC_E_ARGUMENT, "layer \"channel_dropout1\"");
    }
    static const float survivals[] = { 0, -0.25f, 1.5f, NAN };
    static const char *const sentences[] = { "it is 0", "it is -0.25", "it is 1.5", "nan" };
    for (int i = 0; i < COUNT_OF(survivals); i++) {
        x = some_input(&graph, 2, OC_F32);
        expect_refused(oc_stochastic_depth(x, &(oc_stochastic_depth_desc){ .survival = survivals[i] }), graph,
                       OC_E_ARGUMENT, sentences[i]);
    }
    x = some_input(&graph, 2, OC_F32);
    expect_refused(oc_stochastic_depth(x, NULL), graph, OC_E_ARGUMENT, "layer \"stochastic_depth1\"");
    x = some_input(&graph, 2, OC_I32);
    expect_refused(oc_dropout(x, 0.5f), graph, OC_E_ARGUMENT, "OC_F32");
    x = some_input(&graph, 1, OC_F32);
    expect_refused(oc_channel_dropout(x, 0.5f), graph, OC_E_SHAPE, "(n, c, spatial...)");
}
