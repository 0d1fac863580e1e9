/* test_accumulate.c - gradients of several micro-batches: that they make one, what starts anew, and what is refused. */
#include "run/trainee.h"
#include "support/operand.h"

#include <math.h>
#include <stdlib.h>

enum { WHOLE = 16, PIXELS = 3 * 6 * 6, KINDS = 4 };

struct pair {
    oc_graph *graph;
    oc_tensor *image, *label, *loss;
    oc_model *model;
    float images[WHOLE * PIXELS];
    int32_t labels[WHOLE];
};

static void pair_create(struct pair *p, oc_device *device, int batch, bool accumulate, float dropped)
{
    *p = (struct pair){ .graph = oc_graph_create(NULL) };
    p->image = oc_input(p->graph, &(oc_input_desc){ .name = "image", .shape = { batch, 3, 6, 6 } });
    p->label = oc_input(p->graph, &(oc_input_desc){ .name = "label", .shape = { batch }, .type = OC_I32 });
    oc_tensor *x =
        oc_relu(oc_conv(p->image, &(oc_conv_desc){ .name = "conv", .filters = 5, .window = { 3 } }));
    x = oc_flatten(x);
    if (dropped > 0)
        x = oc_dropout(x, dropped);
    p->loss =
        oc_softmax_cross_entropy(oc_dense(x, &(oc_dense_desc){ .name = "fc", .units = KINDS }), p->label);
    CHECK(oc_model_create(&p->model, p->graph, device,
                          &(oc_model_desc){ .loss = p->loss,
                                            .optimizer = { .rate = 0.1f, .clip_norm = 0.5f },
                                            .accumulate = accumulate,
                                            .seed = 3 }));
    for (int i = 0; i < WHOLE * PIXELS; i++)
        p->images[i] = (float)(i * 131 % 257) / 128 - 1;
    for (int i = 0; i < WHOLE; i++)
        p->labels[i] = i * 7 % KINDS;
}

static void pair_destroy(struct pair *p)
{
    oc_model_destroy(p->model);
    oc_graph_destroy(p->graph);
}

typedef oc_status (*call)(oc_model *, int, const oc_feed *, const oc_fetch *);

static void run(struct pair *p, call how, int first, int count)
{
    CHECK(how(p->model, count,
              (oc_feed[]){ { p->image, p->images + first * PIXELS, NULL },
                           { p->label, p->labels + first, NULL },
                           { 0 } },
              NULL));
}

static float *values(struct pair *p, const char *name, oc_slot slot, int64_t *count)
{
    oc_parameter_info info;
    CHECK(oc_parameter_info_of(p->model, name, &info));
    float *v = floats_unset(info.count);
    CHECK(oc_parameter_get(p->model, name, slot, v, info.count));
    *count = info.count;
    return v;
}

/* Sums of the same numbers in another order: their error is a few units in the last place of the largest. */
static void expect_alike(struct pair *a, struct pair *b, oc_slot slot, bool alike, const char *what)
{
    static const char *const names[] = { "conv.weight", "conv.bias", "fc.weight", "fc.bias" };
    for (int k = 0; k < COUNT_OF(names); k++) {
        int64_t count;
        float *u = values(a, names[k], slot, &count), *v = values(b, names[k], slot, &count);
        double worst = 0, largest = 0;
        for (int64_t i = 0; i < count; i++) {
            worst = fmax(worst, fabs((double)u[i] - (double)v[i]));
            largest = fmax(largest, fabs((double)v[i]));
            cr_assert(isfinite(u[i]) && isfinite(v[i]), "%s: %s[%d]", what, names[k], (int)i);
        }
        cr_expect((worst <= 3e-6 * largest) == alike, "%s: %s, slot %d: %g apart of %g", what, names[k],
                  (int)slot, worst, largest);
        free(u);
        free(v);
    }
}

Test(accumulate, micro_batches_make_one)
{
    static const int parts[][8] = {
        { 4, 4, 4, 4 }, { 1, 5, 4, 6 }, { 16 }, { 6, 6, 3, 1 }, { 4, 3, 2, 1, 1, 2, 2, 1 }
    };
    oc_device *device = fixture_open();
    struct pair whole;
    pair_create(&whole, device, WHOLE, false, 0);
    for (int step = 0; step < 2; step++)
        run(&whole, oc_train_step, 0, WHOLE);
    for (int k = 0; k < COUNT_OF(parts); k++) {
        struct pair split;
        pair_create(&split, device, k == 2 ? WHOLE : 6, true, 0);
        for (int step = 0; step < 2; step++)
            for (int i = 0, first = 0; first < WHOLE; first += parts[k][i++])
                run(&split, first + parts[k][i] < WHOLE ? oc_accumulate_gradients : oc_train_step, first,
                    parts[k][i]);
        cr_expect_eq(oc_model_get_step(split.model), 2);
        expect_alike(&split, &whole, OC_GRADIENT, true, "whole");
        expect_alike(&split, &whole, OC_VALUE, true, "whole");
        pair_destroy(&split);
    }
    pair_destroy(&whole);
    oc_device_close(device);
}

Test(accumulate, gradients_can_be_read_in_between_and_started_anew)
{
    oc_device *device = fixture_open();
    struct pair whole, split;
    pair_create(&whole, device, WHOLE, false, 0);
    pair_create(&split, device, 8, true, 0);
    run(&whole, oc_compute_gradients, 0, 10);
    run(&split, oc_accumulate_gradients, 0, 3);
    run(&split, oc_accumulate_gradients, 3, 7);
    expect_alike(&split, &whole, OC_GRADIENT, true, "in between");
    run(&split, oc_accumulate_gradients, 10, 6);
    expect_alike(&split, &whole, OC_GRADIENT, false, "more samples");
    cr_expect_eq(oc_model_get_step(split.model), 0);
    run(&whole, oc_compute_gradients, 2, 5);
    run(&split, oc_compute_gradients, 2, 5);
    expect_alike(&split, &whole, OC_GRADIENT, true, "forgotten");
    run(&whole, oc_train_step, 4, 6);
    run(&split, oc_train_step, 4, 6);
    expect_alike(&split, &whole, OC_VALUE, true, "a step of its own");
    pair_destroy(&split);
    pair_destroy(&whole);
    oc_device_close(device);
}

/* The same samples with dropout: each micro-batch draws anew, so two of them differ from one. */
Test(accumulate, micro_batches_draw_different_numbers)
{
    oc_device *device = fixture_open();
    struct pair one, two;
    pair_create(&one, device, 8, true, 0.5f);
    pair_create(&two, device, 8, true, 0.5f);
    run(&one, oc_accumulate_gradients, 0, 8);
    run(&two, oc_accumulate_gradients, 0, 8);
    expect_alike(&one, &two, OC_GRADIENT, true, "the first");
    run(&two, oc_accumulate_gradients, 0, 8);
    expect_alike(&one, &two, OC_GRADIENT, false, "the second");
    pair_destroy(&one);
    pair_destroy(&two);
    oc_device_close(device);
}

Test(accumulate, it_takes_memory_that_was_asked_for)
{
    oc_device *device = fixture_open();
    struct pair plain, split;
    oc_memory_info without, with;
    pair_create(&plain, device, 8, false, 0);
    pair_create(&split, device, 8, true, 0);
    oc_model_get_memory(plain.model, &without);
    oc_model_get_memory(split.model, &with);
    cr_expect_eq(with.gradients, 2 * without.gradients);
    cr_expect_eq(with.total - without.total, without.gradients);
    expect_failure(oc_accumulate_gradients(plain.model, 8, NULL, NULL), OC_E_ARGUMENT,
                   "the model was created without `accumulate`", "plain");
    pair_destroy(&plain);
    pair_destroy(&split);
    oc_device_close(device);
}
