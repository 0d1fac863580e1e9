/* test_parameter.c - parameters by name: what they are, reading and writing each slot, and how they start. */
#include "run/trainee.h"
#include "support/operand.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

Test(parameter, they_are_listed_and_found)
{
    static const oc_parameter_info want[] = {
        { "conv.weight", 4, { 6, CHANNELS, 3, 3 }, 6 * CHANNELS * 9, false, false, true, false, false },
        { "conv.bias", 1, { 6 }, 6, false, false, true, false, false },
        { "fc.weight", 2, { CLASSES, 54 }, CLASSES * 54, false, false, true, false, false },
        { "fc.bias", 1, { CLASSES }, CLASSES, false, false, true, false, false },
    };
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    oc_parameter_info info;
    cr_assert_eq(oc_parameter_count(t.model), COUNT_OF(want));
    for (int i = 0; i < COUNT_OF(want); i++)
        for (int by_name = 0; by_name < 2; by_name++) {
            memset(&info, 0xFF, sizeof info);
            CHECK(by_name ? oc_parameter_info_of(t.model, want[i].name, &info)
                          : oc_parameter_info_at(t.model, i, &info));
            cr_expect_str_eq(info.name, want[i].name);
            cr_expect(info.rank == want[i].rank && info.count == want[i].count &&
                          info.frozen == want[i].frozen && info.momentum == want[i].momentum &&
                          memcmp(info.shape, want[i].shape, sizeof info.shape) == 0,
                      "%s", want[i].name);
        }
    expect_failure(oc_parameter_info_at(t.model, 4, &info), OC_E_ARGUMENT,
                   "parameter 4 does not exist, the model has 4", "4");
    expect_failure(oc_parameter_info_at(t.model, -1, &info), OC_E_ARGUMENT, "parameter -1 does not exist",
                   "-1");
    static const char *const unknown[] = { "conv", "conv.weights", "aaa", "zzz", "", "fc.bias " };
    for (int i = 0; i < COUNT_OF(unknown); i++) {
        char words[64];
        snprintf(words, sizeof words, "the model has no parameter \"%s\"", unknown[i]);
        expect_failure(oc_parameter_info_of(t.model, unknown[i], &info), OC_E_NOT_FOUND, words, unknown[i]);
    }
    trainee_destroy(&t);
    oc_device_close(device);
}

Test(parameter, every_slot_gives_back_what_was_put_in)
{
    static const oc_slot slots[] = { OC_VALUE, OC_GRADIENT, OC_MOMENTUM };
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    train_once(&t, 0);
    for (int i = 0; i < oc_parameter_count(t.model); i++)
        for (int s = 0; s < COUNT_OF(slots); s++) { /* first all in, ... */
            oc_parameter_info info;
            CHECK(oc_parameter_info_at(t.model, i, &info));
            float *in = floats_unset(info.count);
            for (int64_t k = 0; k < info.count - 1; k++)
                in[k] = (float)(1000 * i + 300 * s) + (float)k / 512;
            CHECK(oc_parameter_set(t.model, info.name, slots[s], in, info.count));
            free(in);
        }
    for (int i = 0; i < oc_parameter_count(t.model); i++)
        for (int s = 0; s < COUNT_OF(slots); s++) { /* ... then all out: none lies over another */
            oc_parameter_info info;
            CHECK(oc_parameter_info_at(t.model, i, &info));
            float *out = floats_unset(info.count);
            CHECK(oc_parameter_get(t.model, info.name, slots[s], out, info.count));
            for (int64_t k = 0; k < info.count - 1; k++)
                cr_expect(out[k] == (float)(1000 * i + 300 * s) + (float)k / 512,
                          "%s, slot %d: [%" PRId64 "] is %g", info.name, s, k, (double)out[k]);
            cr_expect(isnan(out[info.count - 1]), "%s: the last value", info.name);
            free(out);
        }
    trainee_destroy(&t);
    oc_device_close(device);
}

Test(parameter, what_does_not_exist_is_refused)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device), plain;
    float values[CLASSES] = { 0 };
    const float *in = values;
    expect_failure(oc_parameter_get(t.model, "fc.bias", OC_GRADIENT, values, CLASSES), OC_E_NOT_FOUND,
                   "there are no gradients yet: train a step or call oc_compute_gradients first",
                   "too early");
    train_once(&t, 0);
    CHECK(oc_parameter_get(t.model, "fc.bias", OC_GRADIENT, values, CLASSES));
    static const struct {
        const char *name;
        oc_slot slot;
        int64_t count;
        oc_status status;
        const char *words;
    } table[] = {
        { "fc.biases", OC_VALUE, CLASSES, OC_E_NOT_FOUND, "the model has no parameter \"fc.biases\"" },
        { "fc.bias", OC_VALUE, CLASSES - 1, OC_E_SHAPE, "parameter \"fc.bias\" has 5 values, not 4" },
        { "fc.bias", OC_MOMENTUM, CLASSES + 1, OC_E_SHAPE, "parameter \"fc.bias\" has 5 values, not 6" },
        { "fc.bias", OC_GRADIENT, 0, OC_E_SHAPE, "parameter \"fc.bias\" has 5 values, not 0" },
        { "fc.bias", (oc_slot)9, CLASSES, OC_E_ARGUMENT, "slot 9 is none of oc_slot" },
    };
    for (int i = 0; i < COUNT_OF(table); i++) {
        expect_failure(oc_parameter_get(t.model, table[i].name, table[i].slot, values, table[i].count),
                       table[i].status, table[i].words, "get");
        expect_failure(oc_parameter_set(t.model, table[i].name, table[i].slot, in, table[i].count),
                       table[i].status, table[i].words, "set");
    }
    expect_failure(oc_parameter_initialize(t.model, "fc.biases", NULL, 1), OC_E_NOT_FOUND,
                   "no parameter \"fc.biases\"", "draw");
    expect_failure(oc_parameter_initialize(t.model, "fc.bias", &(oc_init){ .kind = (oc_init_kind)9 }, 1),
                   OC_E_ARGUMENT, "parameter \"fc.bias\": initialiser 9 is none of oc_init_kind", "draw");
    trainee_destroy(&t);

    trainee_build(&plain); /* without momentum, then without a loss */
    CHECK(oc_model_create(&plain.model, plain.graph, device, &(oc_model_desc){ .loss = plain.loss }));
    train_once(&plain, 0);
    CHECK(oc_parameter_get(plain.model, "fc.bias", OC_GRADIENT, values, CLASSES));
    expect_failure(oc_parameter_get(plain.model, "fc.bias", OC_MOMENTUM, values, CLASSES), OC_E_NOT_FOUND,
                   "the model keeps no momentum for parameter \"fc.bias\"", "no momentum");
    oc_model_destroy(plain.model);
    CHECK(oc_model_create(&plain.model, plain.graph, device,
                          &(oc_model_desc){ .outputs = (oc_tensor *const[]){ plain.logits, NULL } }));
    CHECK(oc_parameter_get(plain.model, "fc.bias", OC_VALUE, values, CLASSES));
    expect_failure(oc_parameter_get(plain.model, "fc.bias", OC_GRADIENT, values, CLASSES), OC_E_NOT_FOUND,
                   "the model keeps no gradient for parameter \"fc.bias\"", "no gradient");
    expect_failure(oc_parameter_set(plain.model, "fc.bias", OC_MOMENTUM, in, CLASSES), OC_E_NOT_FOUND,
                   "the model keeps no momentum for parameter \"fc.bias\"", "no momentum");
    trainee_destroy(&plain);
    oc_device_close(device);
}

/* ---- how they start ---- */

enum { WIDE = 240, GROUPS = 2, FILTERS = 64, IN = 48 };

/* A grouped convolution and a dense layer, with enough weights for statistics. */
static oc_graph *wide_graph(oc_init weight, oc_init bias, oc_tensor **y)
{
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 1, IN, 3, 5 } });
    x = oc_conv(x, &(oc_conv_desc){ .name = "conv",
                                    .filters = FILTERS,
                                    .window = { 3, 5 },
                                    .groups = GROUPS,
                                    .weight_init = weight,
                                    .bias_init = bias });
    *y = oc_dense(oc_flatten(x),
                  &(oc_dense_desc){ .name = "fc", .units = WIDE, .weight_init = weight, .bias_init = bias });
    return graph;
}

/* Mean, deviation and kurtosis of so many draws scatter by 1/sqrt(n), 1/sqrt(2n) and sqrt(24/n). */
static void expect_gaussian(const float *v, int64_t count, double deviation, const char *name)
{
    double mean = 0, square = 0, fourth = 0;
    const double n = (double)count;
    for (int64_t i = 0; i < count; i++) {
        mean += (double)v[i] / n;
        square += pow((double)v[i], 2) / n;
        fourth += pow((double)v[i], 4) / n;
    }
    cr_expect(fabs(mean) < 4 * deviation / sqrt(n), "%s: mean %g, deviation wanted %g", name, mean,
              deviation);
    cr_expect(fabs(sqrt(square) / deviation - 1) < 4 / sqrt(2 * n), "%s: deviation %g, not %g", name,
              sqrt(square), deviation);
    cr_expect(fabs(fourth / (square * square) - 3) < 4 * sqrt(24 / n), "%s: kurtosis %g", name,
              fourth / (square * square));
}

static void expect_constant(const float *v, int64_t count, float value, const char *name)
{
    int64_t same = 0;
    for (int64_t i = 0; i < count; i++)
        same += v[i] == value;
    cr_expect_eq(same, count, "%s: %" PRId64 " of %" PRId64 " are %g", name, same, count, (double)value);
}

/* Checks a parameter; deviation 0: it is `value`. */
static void expect_start(oc_model *model, const char *name, double deviation, float value)
{
    oc_parameter_info info;
    CHECK(oc_parameter_info_of(model, name, &info));
    float *v = floats_unset(info.count);
    CHECK(oc_parameter_get(model, name, OC_VALUE, v, info.count));
    if (deviation > 0)
        expect_gaussian(v, info.count, deviation, name);
    else
        expect_constant(v, info.count, value, name);
    free(v);
}

Test(parameter, weights_start_as_the_layer_says)
{
    enum { FAN_IN = IN / GROUPS * 15, FAN_OUT = FILTERS * 15 };
    const double kaiming[2] = { sqrt(2.0 / FAN_IN), sqrt(2.0 / FILTERS) },
                 xavier[2] = { sqrt(2.0 / (FAN_IN + FAN_OUT)), sqrt(2.0 / (FILTERS + WIDE)) };
    const struct {
        oc_init weight, bias;
        double deviation[2]; /* of the weights of the convolution, of the dense layer */
        float value, bias_value;
    } table[] = {
        { { 0 }, { 0 }, { kaiming[0], kaiming[1] }, 0, 0 },
        { { OC_INIT_KAIMING, 0 }, { OC_INIT_CONSTANT, 0.5f }, { kaiming[0], kaiming[1] }, 0, 0.5f },
        { { OC_INIT_XAVIER, 0 }, { 0 }, { xavier[0], xavier[1] }, 0, 0 },
        { { OC_INIT_GAUSSIAN, 0.01f }, { 0 }, { 0.01, 0.01 }, 0, 0 },
        { { OC_INIT_GAUSSIAN, 0 }, { OC_INIT_CONSTANT, -3 }, { 0, 0 }, 0, -3 },
        { { OC_INIT_CONSTANT, 1.25f }, { 0 }, { 0, 0 }, 1.25f, 0 },
    };
    oc_device *device = fixture_open();
    for (int i = 0; i < COUNT_OF(table); i++) {
        oc_tensor *y;
        oc_model *model = NULL;
        oc_graph *graph = wide_graph(table[i].weight, table[i].bias, &y);
        const oc_model_desc desc = { .outputs = (oc_tensor *const[]){ y, NULL }, .seed = 3 };
        CHECK(oc_model_create(&model, graph, device, &desc));
        for (int again = 0; again < 2; again++) {
            expect_start(model, "conv.weight", table[i].deviation[0], table[i].value);
            expect_start(model, "fc.weight", table[i].deviation[1], table[i].value);
            expect_start(model, "conv.bias", 0, table[i].bias_value);
            expect_start(model, "fc.bias", 0, table[i].bias_value);
            CHECK(oc_parameter_initialize(model, NULL, NULL, 4)); /* as the layers say, drawn anew */
        }
        oc_model_destroy(model);
        oc_graph_destroy(graph);
    }
    oc_tensor *y;
    oc_model *model = NULL;
    oc_graph *graph = wide_graph((oc_init){ .kind = (oc_init_kind)9 }, (oc_init){ 0 }, &y);
    expect_failure(oc_model_create(&model, graph, device,
                                   &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }),
                   OC_E_ARGUMENT, "parameter \"conv.weight\": initialiser 9 is none of oc_init_kind",
                   "unknown");
    cr_expect_null(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

Test(parameter, they_can_be_drawn_anew)
{
    oc_device *device = fixture_open();
    oc_tensor *y;
    oc_model *model = NULL;
    oc_graph *graph = wide_graph((oc_init){ OC_INIT_CONSTANT, 2 }, (oc_init){ OC_INIT_CONSTANT, 3 }, &y);
    CHECK(oc_model_create(&model, graph, device,
                          &(oc_model_desc){ .outputs = (oc_tensor *const[]){ y, NULL } }));
    CHECK(oc_parameter_initialize(model, "fc.weight", &(oc_init){ OC_INIT_GAUSSIAN, 0.5f },
                                  1)); /* this one only */
    expect_start(model, "fc.weight", 0.5, 0);
    expect_start(model, "conv.weight", 0, 2);
    expect_start(model, "fc.bias", 0, 3);
    CHECK(oc_parameter_initialize(model, "fc.weight", NULL, 1)); /* the layer's own */
    expect_start(model, "fc.weight", 0, 2);
    CHECK(
        oc_parameter_initialize(model, NULL, &(oc_init){ 0 }, 1)); /* the default, whatever the layers say */
    expect_start(model, "conv.weight", sqrt(2.0 / (IN / GROUPS * 15)), 0);
    expect_start(model, "fc.weight", sqrt(2.0 / FILTERS), 0);
    expect_start(model, "conv.bias", 0, 0);
    expect_start(model, "fc.bias", 0, 0);
    oc_model_destroy(model);
    oc_graph_destroy(graph);
    oc_device_close(device);
}

/* Wherever a layer stands in whatever graph, and whatever else is drawn. */
Test(parameter, values_depend_on_seed_and_name_only)
{
    enum { COUNT = 4 * 20 };
    static const struct {
        const char *name;
        uint64_t seed;
        bool deeper, same; /* as the first */
    } table[] = {
        { "a", 1, false, true }, { "a", 1, true, true }, { "b", 1, false, false }, { "a", 2, false, false }
    };
    oc_device *device = fixture_open();
    float first[COUNT], values[COUNT];
    for (int i = 0; i < COUNT_OF(table); i++) {
        char name[16];
        oc_model *model = NULL;
        oc_graph *graph = oc_graph_create(NULL);
        oc_tensor *x = oc_input(graph, &(oc_input_desc){ .name = "x", .shape = { 1, 20 } });
        if (table[i].deeper)
            x = oc_dense(x, &(oc_dense_desc){ .name = "before", .units = 20 });
        x = oc_dense(x, &(oc_dense_desc){ .name = table[i].name, .units = 4 });
        CHECK(oc_model_create(
            &model, graph, device,
            &(oc_model_desc){ .outputs = (oc_tensor *const[]){ x, NULL }, .seed = table[i].seed }));
        snprintf(name, sizeof name, "%s.weight", table[i].name);
        CHECK(oc_parameter_get(model, name, OC_VALUE, i == 0 ? first : values, COUNT));
        cr_expect(i == 0 || (memcmp(first, values, sizeof first) == 0) == table[i].same, "%d", i);
        if (i == 0) { /* drawing again gives the same again */
            CHECK(oc_parameter_set(model, name, OC_VALUE, values, COUNT));
            CHECK(oc_parameter_initialize(model, NULL, NULL, 1));
            CHECK(oc_parameter_get(model, name, OC_VALUE, values, COUNT));
            cr_expect(memcmp(first, values, sizeof first) == 0);
        }
        oc_model_destroy(model);
        oc_graph_destroy(graph);
    }
    oc_device_close(device);
}
