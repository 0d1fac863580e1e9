/* test_step.c - one step at a time: what may be fed and fetched, what a step changes, and that whatever comes between
 * steps leaves the next one right. */
#include "run/trainee.h"
#include "support/fail_layer.h"
#include "support/operand.h"

#include <math.h>
#include <stdlib.h>

Test(step, batches_and_tensors_are_checked)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device), other = trainee_create(device);
    float image[BATCH * SAMPLE], out[BATCH * CLASSES], before[CLASSES * 54], after[CLASSES * 54];
    int32_t label[BATCH], wrong[BATCH] = { 0, 1, 2, 5, 0, 0 }, negative[BATCH] = { 0, -3 };
    samples(0, image, label);
    const oc_feed good[] = { { t.image, image, NULL }, { t.label, label, NULL }, { 0 } };
    const oc_feed foreign[] = { { other.image, image, NULL }, { t.label, label, NULL }, { 0 } };
    const oc_feed computed[] = { { t.logits, image, NULL }, { 0 } };
    const oc_feed from_null[] = { { t.image, image, NULL }, { t.label, NULL, NULL }, { 0 } };
    const oc_feed beyond[] = { { t.image, image, NULL }, { t.label, wrong, NULL }, { 0 } };
    const oc_feed below[] = { { t.image, image, NULL }, { t.label, negative, NULL }, { 0 } };
    const oc_fetch loss[] = { { .tensor = t.loss, .data = out }, { 0 } };
    const oc_fetch foreign_loss[] = { { .tensor = other.loss, .data = out }, { 0 } };
    const oc_fetch into_null[] = { { .tensor = t.loss }, { 0 } };
    const oc_fetch no_output[] = { { .tensor = t.image, .data = out }, { 0 } };
    const oc_fetch no_gradient[] = { { .tensor = t.image, .data = out, .gradient = true }, { 0 } };
    const struct {
        const char *name;
        int batch;
        const oc_feed *feeds;
        const oc_fetch *fetches;
        oc_status status;
        const char *words;
    } table[] = {
        { "no samples", 0, good, loss, OC_E_ARGUMENT,
          "a batch of 0 is not in 1..6, for which the model was created" },
        { "negative", -1, good, loss, OC_E_ARGUMENT, "a batch of -1 is not in 1..6" },
        { "too many", BATCH + 1, good, loss, OC_E_ARGUMENT, "a batch of 7 is not in 1..6" },
        { "fed to another graph", BATCH, foreign, loss, OC_E_ARGUMENT,
          "tensor \"image\" is not of the graph that the model was made from" },
        { "fed to what is computed", BATCH, computed, loss, OC_E_ARGUMENT,
          "tensor \"fc\" is fed but is no input" },
        { "fed from NULL", BATCH, from_null, loss, OC_E_ARGUMENT, "input \"label\" is fed from NULL" },
        { "label too large", BATCH, beyond, loss, OC_E_ARGUMENT,
          "input \"label\": label 5 at position 3 is not in 0..4" },
        { "label too small", BATCH, below, loss, OC_E_ARGUMENT,
          "input \"label\": label -3 at position 1 is not in 0..4" },
        { "fetched from another graph", BATCH, good, foreign_loss, OC_E_ARGUMENT,
          "tensor \"softmax_cross_entropy1\" is not of the graph that the model was made from" },
        { "fetched into NULL", BATCH, good, into_null, OC_E_ARGUMENT,
          "tensor \"softmax_cross_entropy1\" is fetched into NULL" },
        { "no output", BATCH, good, no_output, OC_E_NOT_FOUND,
          "\"image\" cannot be fetched: it is neither the loss nor one of the model's outputs" },
        { "no gradient", BATCH, good, no_gradient, OC_E_NOT_FOUND,
          "there is no gradient of \"image\" to fetch" },
    };
    static oc_status (*const calls[])(oc_model *, int, const oc_feed *,
                                      const oc_fetch *) = { oc_train_step, oc_infer, oc_compute_gradients };
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, before, COUNT_OF(before)));
    for (int c = 0; c < COUNT_OF(calls); c++)
        for (int i = 0; i < COUNT_OF(table); i++)
            expect_failure(calls[c](t.model, table[i].batch, table[i].feeds, table[i].fetches),
                           table[i].status, table[i].words, table[i].name);
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, after, COUNT_OF(after)));
    cr_expect(memcmp(before, after, sizeof before) == 0, "a refused step trained");
    cr_expect_eq(oc_model_get_step(t.model), 0);
    CHECK(oc_train_step(t.model, 3, beyond, loss)); /* the wrong label is the fourth */
    CHECK(oc_train_step(t.model, 1, below, loss));
    CHECK(oc_train_step(t.model, BATCH, good, loss));
    cr_expect_eq(oc_model_get_step(t.model), 3);
    trainee_destroy(&other);
    trainee_destroy(&t);
    oc_device_close(device);
}

Test(step, a_model_for_inference_does_not_train)
{
    oc_device *device = fixture_open();
    struct trainee t;
    float image[BATCH * SAMPLE], logits[BATCH * CLASSES], loss;
    int32_t label[BATCH];
    samples(0, image, label);
    trainee_build(&t);
    CHECK(oc_model_create(&t.model, t.graph, device,
                          &(oc_model_desc){ .outputs = (oc_tensor *const[]){ t.logits, NULL } }));
    const oc_feed feeds[] = { { t.image, image, NULL },
                              { t.label, label, NULL },
                              { 0 } }; /* the label is not needed */
    static const char words[] = "the model was created without a loss";
    expect_failure(oc_train_step(t.model, BATCH, feeds, NULL), OC_E_ARGUMENT, words, "train");
    expect_failure(oc_compute_gradients(t.model, BATCH, feeds, NULL), OC_E_ARGUMENT, words, "gradients");
    expect_failure(oc_model_profile(t.model, true, NULL, NULL), OC_E_ARGUMENT, words, "profile");
    expect_failure(
        oc_infer(t.model, BATCH, feeds, (oc_fetch[]){ { .tensor = t.loss, .data = &loss }, { 0 } }),
        OC_E_NOT_FOUND, "\"softmax_cross_entropy1\" cannot be fetched", "loss");
    CHECK(oc_infer(t.model, BATCH, feeds, (oc_fetch[]){ { .tensor = t.logits, .data = logits }, { 0 } }));
    cr_expect(isfinite(logits[0]) && isfinite(logits[BATCH * CLASSES - 1]));
    trainee_destroy(&t);
    oc_device_close(device);
}

Test(step, steps_and_rates_are_counted_and_kept)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device), still;
    float before[CLASSES * 54], after[CLASSES * 54], logits[BATCH * CLASSES];
    cr_expect_eq(oc_model_get_step(t.model), 0);
    train_once(&t, 0);
    infer_once(&t, 0, logits);
    cr_expect_eq(oc_model_get_step(t.model), 1);
    CHECK(oc_model_set_step(t.model, 100));
    train_once(&t, 1);
    cr_expect_eq(oc_model_get_step(t.model), 101);
    expect_failure(oc_model_set_step(t.model, -1), OC_E_ARGUMENT,
                   "the step count must be at least 0, it is -1", "step");
    expect_failure(oc_model_set_rate(t.model, -0.5f), OC_E_ARGUMENT,
                   "the learning rate must be at least 0, it is -0.5", "rate");
    expect_failure(oc_model_set_rate(t.model, NAN), OC_E_ARGUMENT,
                   "the learning rate must be at least 0, it is nan", "rate");
    cr_expect_eq(oc_model_get_rate(t.model), 0.1f);

    CHECK(oc_model_set_rate(t.model, 0)); /* no rate, no change */
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, before, COUNT_OF(before)));
    train_once(&t, 2);
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, after, COUNT_OF(after)));
    cr_expect(memcmp(before, after, sizeof before) == 0);
    CHECK(oc_model_set_rate(t.model, 0.25f));
    cr_expect_eq(oc_model_get_rate(t.model), 0.25f);
    train_once(&t, 2);
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, after, COUNT_OF(after)));
    cr_expect(memcmp(before, after, sizeof before) != 0);
    trainee_destroy(&t);

    trainee_build(&still);
    CHECK(oc_model_create(&still.model, still.graph, device, &(oc_model_desc){ .loss = still.loss }));
    cr_expect_eq(oc_model_get_rate(still.model), 0.01f); /* the default */
    trainee_destroy(&still);
    oc_device_close(device);
}

/* The loss of inference is that of training, and is not computed for nothing: without labels there is none. */
Test(step, the_loss_is_there_when_it_is_asked_for)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    float image[BATCH * SAMPLE], logits[2][BATCH * CLASSES], loss[3] = { NAN, NAN, NAN };
    int32_t label[BATCH];
    samples(0, image, label);
    const oc_feed feeds[] = { { t.image, image, NULL }, { t.label, label, NULL }, { 0 } };
    infer_once(&t, 0, logits[0]); /* no label was ever fed */
    CHECK(oc_infer(t.model, BATCH, feeds,
                   (oc_fetch[]){ { .tensor = t.loss, .data = &loss[0] },
                                 { .tensor = t.logits, .data = logits[1] },
                                 { 0 } }));
    CHECK(oc_compute_gradients(t.model, BATCH, feeds,
                               (oc_fetch[]){ { .tensor = t.loss, .data = &loss[1] }, { 0 } }));
    CHECK(oc_infer(t.model, BATCH, NULL,
                   (oc_fetch[]){ { .tensor = t.loss, .data = &loss[2] }, { 0 } })); /* fed before */
    cr_expect(memcmp(logits[0], logits[1], sizeof logits[0]) == 0);
    cr_expect(isfinite(loss[0]) && loss[0] == loss[1] && loss[0] == loss[2], "%g %g %g", (double)loss[0],
              (double)loss[1], (double)loss[2]);
    cr_expect_eq(oc_model_get_step(t.model), 0);

    const oc_fetch both[] = { { .tensor = t.logits, .data = logits[1] },
                              { .tensor = t.loss, .data = &loss[0] },
                              { 0 } };
    const oc_fetch one[] = { { .tensor = t.logits, .data = logits[0] }, { 0 } };
    int calls[2];
    for (int with = 0; with < 2; with++) {
        fail_layer_disarm();
        CHECK(oc_infer(t.model, BATCH, NULL, with ? both : one));
        calls[with] = fail_layer_calls();
    }
    cr_expect(calls[1] >= calls[0] + 3,
              "%d calls with the loss, %d without: a read, and launches of at least two kernels", calls[1],
              calls[0]);
    trainee_destroy(&t);
    oc_device_close(device);
}

/* ---- what comes between steps ---- */

static void ignore(void *user, const oc_profile_entry *entry)
{
    *(int *)user += entry->milliseconds >= 0;
}

static void between_inference(const struct trainee *t, int step)
{
    float logits[BATCH * CLASSES];
    infer_once(t, step, logits);
}

static void between_small_batch(const struct trainee *t, int step)
{
    float image[BATCH * SAMPLE], loss;
    int32_t label[BATCH];
    samples(step + 5, image, label);
    const oc_feed feeds[] = { { t->image, image, NULL }, { t->label, label, NULL }, { 0 } };
    CHECK(
        oc_infer(t->model, 1 + step % 3, feeds, (oc_fetch[]){ { .tensor = t->loss, .data = &loss }, { 0 } }));
    CHECK(oc_compute_gradients(t->model, 2, feeds, NULL));
}

static void between_profile(const struct trainee *t, int step)
{
    int launches = 0;
    CHECK(oc_model_profile(t->model, step % 2, ignore, &launches));
    cr_expect(launches > 4);
}

static void between_set(const struct trainee *t, int step)
{
    float values[6 * CHANNELS * 9], other[6 * CHANNELS * 9] = { 0 }, logits[BATCH * CLASSES];
    CHECK(oc_parameter_get(t->model, "conv.weight", OC_VALUE, values, COUNT_OF(values)));
    CHECK(oc_parameter_set(t->model, "conv.weight", OC_VALUE, other, COUNT_OF(other)));
    infer_once(t, step, logits);
    CHECK(oc_parameter_set(t->model, "conv.weight", OC_VALUE, values, COUNT_OF(values)));
}

static void between_refused(const struct trainee *t, int step)
{
    (void)step;
    cr_expect_neq(oc_train_step(t->model, BATCH + 1, NULL, NULL), OC_OK);
    cr_expect_neq(oc_infer(t->model, 2, (oc_feed[]){ { t->logits, "", NULL }, { 0 } }, NULL), OC_OK);
}

static void between_finish(const struct trainee *t, int step)
{
    (void)step;
    CHECK(oc_model_finish(t->model));
}

Test(step, nothing_that_comes_between_changes_training)
{
    static const struct {
        const char *name;
        void (*run)(const struct trainee *t, int step);
    } between[] = { { "inference", between_inference },     { "smaller batches", between_small_batch },
                    { "a profile", between_profile },       { "weights set and set back", between_set },
                    { "calls that fail", between_refused }, { "waiting", between_finish } };
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    struct course want, got;
    run_course(&t, &want);
    trainee_destroy(&t);
    for (int i = 0; i < COUNT_OF(between); i++) {
        t = trainee_create(device);
        memset(&got, 0, sizeof got);
        for (int step = 0; step < STEPS; step++) {
            between[i].run(&t, step);
            got.losses[step] = train_once(&t, step);
        }
        between[i].run(&t, STEPS);
        infer_once(&t, 1, got.logits);
        read_weights(&t, &got);
        expect_same_course(&want, &got, between[i].name);
        trainee_destroy(&t);
    }
    oc_device_close(device);
}

/* Weights that are set take effect at once, in both plans, also where kernels use them in another form. */
Test(step, weights_that_are_set_take_effect)
{
    oc_device *device = fixture_open();
    struct trainee a = trainee_create(device), b = trainee_create(device);
    struct course trained, copied;
    run_course(&a, &trained);
    infer_once(&b, 0, copied.logits);
    for (int i = 0; i < oc_parameter_count(a.model); i++) {
        static const oc_slot slots[] = { OC_VALUE, OC_MOMENTUM };
        oc_parameter_info info;
        CHECK(oc_parameter_info_at(a.model, i, &info));
        float *values = floats_unset(info.count);
        for (int s = 0; s < COUNT_OF(slots); s++) {
            CHECK(oc_parameter_get(a.model, info.name, slots[s], values, info.count));
            CHECK(oc_parameter_set(b.model, info.name, slots[s], values, info.count));
        }
        free(values);
    }
    infer_once(&b, 1, copied.logits);
    cr_expect(memcmp(trained.logits, copied.logits, sizeof trained.logits) == 0);
    run_course(&a, &trained);
    run_course(&b, &copied);
    expect_same_course(&trained, &copied, "going on elsewhere");
    trainee_destroy(&a);
    trainee_destroy(&b);
    oc_device_close(device);
}
