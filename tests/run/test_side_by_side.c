/* test_side_by_side.c - two models on one device, taking turns or in two threads at once, do what each does alone. */
#include "run/trainee.h"

#include <pthread.h>

enum { MODELS = 2, ROUNDS = 3 };

/* Two networks that share kernels but not shapes. */
static struct trainee create(oc_device *device, int which)
{
    struct trainee t;
    oc_tensor *outputs[2];
    trainee_build(&t);
    if (which == 1) {
        oc_tensor *x =
            oc_tanh(oc_conv(t.image, &(oc_conv_desc){ .name = "wide", .filters = 6, .window = { 3 } }));
        x = oc_average_pool(x, &(oc_pool_desc){ .window = { 2 } });
        t.logits = oc_dense(oc_flatten(x), &(oc_dense_desc){ .name = "head", .units = CLASSES });
        t.loss = oc_softmax_cross_entropy(t.logits, t.label);
    }
    oc_model_desc desc = trainee_desc(&t, outputs);
    CHECK(oc_model_create(&t.model, t.graph, device, &desc));
    return t;
}

struct record {
    float losses[ROUNDS * STEPS], logits[BATCH * CLASSES];
};

static void step(const struct trainee *t, int index, struct record *record)
{
    record->losses[index] = train_once(t, index);
    if (index % 3 == 0)
        infer_once(t, index, record->logits);
}

static void alone(oc_device *device, struct record want[MODELS])
{
    memset(want, 0, sizeof *want * MODELS);
    for (int m = 0; m < MODELS; m++) {
        struct trainee t = create(device, m);
        for (int i = 0; i < ROUNDS * STEPS; i++)
            step(&t, i, &want[m]);
        trainee_destroy(&t);
    }
    cr_expect(want[0].losses[0] != want[1].losses[0]);
}

static void expect_same(const struct record want[MODELS], const struct record got[MODELS], const char *name)
{
    for (int m = 0; m < MODELS; m++)
        cr_expect(memcmp(&want[m], &got[m], sizeof *want) == 0, "%s, model %d: losses end with %g, not %g",
                  name, m, (double)got[m].losses[ROUNDS * STEPS - 1],
                  (double)want[m].losses[ROUNDS * STEPS - 1]);
}

Test(side_by_side, models_take_turns)
{
    oc_device *device = fixture_open();
    struct record want[MODELS], got[MODELS];
    struct trainee t[MODELS];
    alone(device, want);
    memset(got, 0, sizeof got);
    for (int m = 0; m < MODELS; m++)
        t[m] = create(device, m);
    for (int i = 0; i < ROUNDS * STEPS; i++)
        for (int m = 0; m < MODELS; m++)
            step(&t[m], i, &got[m]);
    expect_same(want, got, "in turns");
    for (int m = 0; m < MODELS; m++)
        trainee_destroy(&t[m]);
    oc_device_close(device);
}

struct worker {
    pthread_t thread;
    oc_device *device;
    int which;
    struct record record;
};

static void *work(void *argument)
{
    struct worker *w = argument;
    struct trainee t = create(w->device, w->which);
    for (int i = 0; i < ROUNDS * STEPS; i++)
        step(&t, i, &w->record);
    trainee_destroy(&t);
    return NULL;
}

/* Created, run and destroyed at once; the first time the kernels are compiled at once, too. */
Test(side_by_side, models_in_two_threads)
{
    struct record want[MODELS], got[MODELS];
    struct worker workers[MODELS];
    for (int round = 0; round < ROUNDS; round++) {
        oc_device *device = fixture_open();
        memset(workers, 0, sizeof workers);
        for (int m = 0; m < MODELS; m++) {
            workers[m].device = device;
            workers[m].which = m;
            cr_assert_eq(pthread_create(&workers[m].thread, NULL, work, &workers[m]), 0);
        }
        for (int m = 0; m < MODELS; m++) {
            pthread_join(workers[m].thread, NULL);
            got[m] = workers[m].record;
        }
        if (round == 0)
            alone(device, want);
        expect_same(want, got, "in two threads");
        oc_device_close(device);
    }
}
