/* test_feed.c - feeding ahead of a run and fetching after it: the same bits as feeding and fetching with it, straight and
 * through staging buffers, and what is refused leaves everything as it was. */
#include "run/trainee.h"
#include "support/fail_layer.h"
#include "device/cl.h"

#include <math.h>

struct batch {
    float image[BATCH * SAMPLE];
    int32_t label[BATCH];
};

static void feed_ahead(const struct trainee *t, int step, int count)
{
    struct batch b;
    samples(step, b.image, b.label);
    CHECK(oc_model_feed(t->model, count,
                        (oc_feed[]){ { t->image, b.image, NULL }, { t->label, b.label, NULL }, { 0 } }));
    memset(&b, 0xFF, sizeof b); /* it is the caller's again */
}

static void fetch_one(const struct trainee *t, const oc_tensor *tensor, float *values)
{
    CHECK(oc_model_fetch(t->model, (oc_fetch[]){ { .tensor = tensor, .data = values }, { 0 } }));
}

static void expect_fed(const struct trainee *t, int image, int label, const char *name)
{
    cr_expect_eq(oc_model_get_fed(t->model, t->image), image, "%s", name);
    cr_expect_eq(oc_model_get_fed(t->model, t->label), label, "%s", name);
}

/* The loss of a run of `count` samples of a step, nothing fed ahead. */
static float loss_of(const struct trainee *t, int step, int count)
{
    struct batch b;
    float loss = NAN;
    samples(step, b.image, b.label);
    CHECK(oc_infer(t->model, count,
                   (oc_feed[]){ { t->image, b.image, NULL }, { t->label, b.label, NULL }, { 0 } },
                   (oc_fetch[]){ { .tensor = t->loss, .data = &loss }, { 0 } }));
    return loss;
}

/* The same of what lies where the model reads. */
static float loss_there(const struct trainee *t, int count)
{
    float loss = NAN;
    CHECK(oc_infer(t->model, count, NULL, (oc_fetch[]){ { .tensor = t->loss, .data = &loss }, { 0 } }));
    return loss;
}

/* On devices of both kinds, whatever this one is. */
static void each_kind(void (*test)(oc_device *device, const char *name))
{
    for (int staged = 0; staged < 2; staged++) {
        oc_device *device = fixture_open();
        device->unified_memory = !staged;
        test(device, staged ? "staged" : "straight");
        oc_device_close(device);
        cr_expect_eq(fail_layer_live(), 0, "%d objects left", fail_layer_live());
    }
}

/* ---- the same bits ---- */

/* Each batch is sent while the step before is under way, and its loss is read afterwards. */
static void course_ahead(const struct trainee *t, struct course *course)
{
    memset(course, 0, sizeof *course);
    feed_ahead(t, 0, BATCH);
    for (int step = 0; step < STEPS; step++) {
        expect_fed(t, BATCH, BATCH, "before");
        CHECK(oc_train_step(t->model, BATCH, NULL, NULL));
        expect_fed(t, 0, 0, "taken");
        feed_ahead(t, step + 1 < STEPS ? step + 1 : 1, BATCH);
        fetch_one(t, t->loss, &course->losses[step]);
    }
    CHECK(oc_infer(t->model, BATCH, NULL, NULL));
    fetch_one(t, t->logits, course->logits);
    read_weights(t, course);
    expect_fed(t, 0, BATCH, "labels are not read without the loss");
}

/* Pictures ahead, labels with the step. */
static void course_in_parts(const struct trainee *t, struct course *course)
{
    struct batch b;
    memset(course, 0, sizeof *course);
    for (int step = 0; step < STEPS; step++) {
        samples(step, b.image, b.label);
        CHECK(oc_model_feed(t->model, BATCH, (oc_feed[]){ { t->image, b.image, NULL }, { 0 } }));
        CHECK(oc_train_step(t->model, BATCH, (oc_feed[]){ { t->label, b.label, NULL }, { 0 } },
                            (oc_fetch[]){ { .tensor = t->loss, .later = true }, { 0 } }));
        fetch_one(t, t->loss, &course->losses[step]);
    }
    infer_once(t, 1, course->logits);
    read_weights(t, course);
}

static void compare_courses(oc_device *device, const char *name)
{
    struct course want, got;
    struct trainee t = trainee_create(device);
    run_course(&t, &want);
    trainee_destroy(&t);
    for (int way = 0; way < 2; way++) {
        t = trainee_create(device);
        const int64_t bytes = fail_layer_bytes();
        const int live = fail_layer_live();
        (way == 0 ? course_ahead : course_in_parts)(&t, &got);
        expect_same_course(&want, &got, name);
        cr_expect_eq(fail_layer_bytes(), bytes, "%s: steps allocate", name);
        cr_expect(fail_layer_live() <= live + 4, "%s: more than events of uploads", name);
        trainee_destroy(&t);
    }
}

Test(feed, ahead_gives_the_same_bits)
{
    each_kind(compare_courses);
}

/* ---- which values a run takes ---- */

static void choose(oc_device *device, const char *name)
{
    struct trainee t = trainee_create(device);
    struct batch b;
    float logits[2][BATCH * CLASSES];
    const float want[] = { loss_of(&t, 0, BATCH), loss_of(&t, 1, BATCH), loss_of(&t, 2, 4) };
    cr_assert(want[0] != want[1] && want[0] != want[2] && want[1] != want[2]);

    feed_ahead(&t, 0, BATCH); /* replaced, by another batch as well */
    feed_ahead(&t, 2, 4);
    expect_fed(&t, 4, 4, name);
    cr_expect_eq(loss_there(&t, 4), want[2], "%s: replaced", name);
    cr_expect_eq(loss_there(&t, 4), want[2], "%s: values stay", name);

    feed_ahead(&t, 0, BATCH); /* dropped where the run feeds */
    cr_expect_eq(loss_of(&t, 1, BATCH), want[1], "%s: the run's own", name);
    expect_fed(&t, 0, 0, name);
    cr_expect_eq(loss_there(&t, BATCH), want[1], "%s: dropped", name);

    feed_ahead(&t, 0, 4); /* taken back */
    CHECK(oc_model_feed(t.model, 0, NULL));
    expect_fed(&t, 0, 0, name);
    cr_expect_eq(loss_there(&t, BATCH), want[1], "%s: taken back", name);

    feed_ahead(
        &t, 1,
        BATCH); /* labels wait for a run that reads them; that they are of another batch is no matter */
    samples(0, b.image, b.label);
    CHECK(oc_infer(t.model, 2, (oc_feed[]){ { t.image, b.image, NULL }, { 0 } },
                   (oc_fetch[]){ { .tensor = t.logits, .data = logits[0] }, { 0 } }));
    expect_fed(&t, 0, BATCH, name);
    samples(1, b.image, b.label);
    CHECK(oc_model_feed(t.model, BATCH, (oc_feed[]){ { t.image, b.image, NULL }, { 0 } }));
    cr_expect_eq(loss_there(&t, BATCH), want[1], "%s: waited", name);

    infer_once(&t, 0, logits[0]); /* what is fed ahead does not show in what comes before */
    feed_ahead(&t, 1, BATCH);
    fetch_one(&t, t.logits, logits[1]);
    cr_expect(memcmp(logits[0], logits[1], sizeof logits[0]) == 0, "%s: not beside", name);
    cr_expect_eq(oc_model_get_fed(t.model, t.logits), 0);
    trainee_destroy(&t);
}

Test(feed, the_next_run_takes_what_waits)
{
    each_kind(choose);
}

static void wrong_batch(oc_device *device, const char *name)
{
    struct trainee t = trainee_create(device);
    float before[CLASSES * 54], after[CLASSES * 54], logits[2][BATCH * CLASSES];
    const float want = loss_of(&t, 1, 4);
    infer_once(&t, 0, logits[0]);
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, before, COUNT_OF(before)));
    feed_ahead(&t, 1, 4);
    static const char words[] = "input \"image\" was fed ahead with a batch of 4, but the run has one of 6";
    expect_failure(oc_infer(t.model, BATCH, NULL, NULL), OC_E_ARGUMENT, words, name);
    expect_failure(oc_train_step(t.model, BATCH, NULL, NULL), OC_E_ARGUMENT, words, name);
    expect_fed(&t, 4, 4, name);
    fetch_one(&t, t.logits, logits[1]); /* of the run before, of its batch */
    cr_expect(memcmp(logits[0], logits[1], sizeof logits[0]) == 0, "%s: results are lost", name);
    cr_expect_eq(loss_there(&t, 4), want, "%s: values are lost", name);

    feed_ahead(&t, 0, 3); /* each input has a batch of its own */
    struct batch b;
    samples(1, b.image, b.label);
    CHECK(oc_model_feed(t.model, 4, (oc_feed[]){ { t.image, b.image, NULL }, { 0 } }));
    expect_failure(oc_compute_gradients(t.model, 4, NULL, NULL), OC_E_ARGUMENT,
                   "input \"label\" was fed ahead with a batch of 3, but the run has one of 4", name);
    CHECK(oc_infer(t.model, 4, (oc_feed[]){ { t.label, b.label, NULL }, { 0 } },
                   (oc_fetch[]){ { .tensor = t.loss, .later = true }, { 0 } }));
    float loss = NAN;
    fetch_one(&t, t.loss, &loss);
    cr_expect_eq(loss, want, "%s: given with the run", name);
    expect_fed(&t, 0, 0, name);
    CHECK(oc_parameter_get(t.model, "fc.weight", OC_VALUE, after, COUNT_OF(after)));
    cr_expect(memcmp(before, after, sizeof before) == 0, "%s: a refused step trained", name);
    trainee_destroy(&t);
}

Test(feed, a_run_of_another_batch_is_refused)
{
    each_kind(wrong_batch);
}

Test(feed, what_is_fed_ahead_is_checked)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device), other = trainee_create(device);
    struct batch b;
    int32_t wrong[BATCH] = { 0, 1, 2, 5, 0, 0 };
    samples(0, b.image, b.label);
    const oc_feed good[] = { { t.image, b.image, NULL }, { t.label, b.label, NULL }, { 0 } };
    const struct {
        int batch;
        oc_feed feed;
        const char *words;
    } table[] = {
        { 0, { t.image, b.image, NULL }, "a batch of 0 is not in 1..6" },
        { BATCH + 1, { t.image, b.image, NULL }, "a batch of 7 is not in 1..6" },
        { BATCH, { other.image, b.image, NULL }, "is not of the graph that the model was made from" },
        { BATCH, { t.logits, b.image, NULL }, "tensor \"fc\" is fed but is no input" },
        { BATCH, { t.image, NULL, NULL }, "input \"image\" is fed from NULL" },
        { BATCH, { t.label, wrong, NULL }, "input \"label\": label 5 at position 3 is not in 0..4" },
        { BATCH, { t.image, NULL, b.image }, "input \"image\" is fed ahead from a buffer: only host memory" },
    };
    const float want = loss_of(&t, 1, 4);
    feed_ahead(&t, 1, 4);
    for (int i = 0; i < COUNT_OF(table); i++)
        expect_failure(oc_model_feed(t.model, table[i].batch, (oc_feed[]){ good[0], table[i].feed, { 0 } }),
                       OC_E_ARGUMENT, table[i].words, "feed");
    expect_fed(&t, 4, 4, "what waits is left alone");
    cr_expect_eq(oc_model_get_fed(t.model, other.image), 0);
    cr_expect_eq(loss_there(&t, 4), want);
    CHECK(oc_model_feed(t.model, 3, (oc_feed[]){ { t.label, wrong, NULL }, { 0 } })); /* it is the fourth */
    trainee_destroy(&other);
    trainee_destroy(&t);
    oc_device_close(device);
}

/* ---- results ---- */

static void ignore(void *user, const oc_profile_entry *entry)
{
    (void)user;
    (void)entry;
}

Test(fetch, reads_what_the_last_run_computed)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device), other = trainee_create(device);
    struct batch b;
    float logits[2][BATCH * CLASSES], loss[2] = { NAN, NAN };
    const oc_fetch loss_only[] = { { .tensor = t.loss, .data = &loss[1] }, { 0 } };
    static const char none[] = "there is nothing to fetch: the model has not run yet";
    samples(0, b.image, b.label);
    const oc_feed feeds[] = { { t.image, b.image, NULL }, { t.label, b.label, NULL }, { 0 } };
    expect_failure(oc_model_fetch(t.model, loss_only), OC_E_ARGUMENT, none, "new");

    CHECK(oc_infer(t.model, BATCH, feeds, (oc_fetch[]){ { .tensor = t.logits, .data = logits[0] }, { 0 } }));
    fetch_one(&t, t.logits, logits[1]);
    cr_expect(memcmp(logits[0], logits[1], sizeof logits[0]) == 0);
    expect_failure(oc_model_fetch(t.model, loss_only), OC_E_NOT_FOUND,
                   "\"softmax_cross_entropy1\" was not computed by the last run", "without the loss");
    loss[0] = loss_of(&t, 0, BATCH);
    CHECK(oc_model_fetch(t.model, loss_only));
    cr_expect(loss[0] == loss[1] && isfinite(loss[0]));
    CHECK(oc_compute_gradients(t.model, BATCH, NULL, NULL));
    loss[1] = NAN;
    CHECK(oc_model_fetch(t.model, loss_only));
    cr_expect_eq(loss[0], loss[1]);

    const struct {
        oc_fetch fetch;
        oc_status status;
        const char *words;
    } table[] = {
        { { .tensor = other.loss, .data = loss }, OC_E_ARGUMENT, "is not of the graph" },
        { { .tensor = t.loss }, OC_E_ARGUMENT, "is fetched into NULL" },
        { { .tensor = t.image, .data = logits[1] }, OC_E_NOT_FOUND, "\"image\" cannot be fetched" },
        { { .tensor = t.image, .data = logits[1], .gradient = true },
          OC_E_NOT_FOUND,
          "there is no gradient of \"image\" to fetch" },
        { { .tensor = t.loss, .later = true }, OC_E_ARGUMENT, "is fetched later, but this is when" },
        { { .tensor = t.loss, .data = loss, .later = true }, OC_E_ARGUMENT, "is fetched both now and later" },
    };
    for (int i = 0; i < COUNT_OF(table); i++)
        expect_failure(oc_model_fetch(t.model, (oc_fetch[]){ table[i].fetch, { 0 } }), table[i].status,
                       table[i].words, "fetch");
    expect_failure(oc_infer(t.model, BATCH, NULL, (oc_fetch[]){ table[5].fetch, { 0 } }), OC_E_ARGUMENT,
                   "both now and later", "run");
    expect_failure(oc_infer(t.model, BATCH + 1, NULL, NULL), OC_E_ARGUMENT, "a batch of 7", "run");
    CHECK(oc_model_fetch(t.model, loss_only)); /* what is refused leaves it there */
    CHECK(oc_model_profile(t.model, false, ignore, NULL));
    expect_failure(oc_model_fetch(t.model, loss_only), OC_E_ARGUMENT, none, "profiled");
    trainee_destroy(&other);
    trainee_destroy(&t);
    oc_device_close(device);
}

/* Of a batch smaller than the model's as many as it has; and of another plan than the one that was set last. */
Test(fetch, results_are_of_the_batch_of_their_run)
{
    oc_device *device = fixture_open();
    struct trainee t = trainee_create(device);
    float logits[2][BATCH * CLASSES];
    infer_once(&t, 0, logits[0]);
    CHECK(oc_infer(t.model, 2, NULL, NULL));
    memset(logits[1], 0, sizeof logits[1]);
    fetch_one(&t, t.logits, logits[1]);
    cr_expect(memcmp(logits[0], logits[1], 2 * CLASSES * sizeof(float)) == 0);
    cr_expect(logits[1][2 * CLASSES] == 0, "more than two samples");
    trainee_destroy(&t);
    oc_device_close(device);
}

/* ---- memory ---- */

Test(feed, staging_is_counted)
{
    enum { INPUTS = (BATCH * SAMPLE + BATCH) * 4 };
    oc_device *device = fixture_open();
    struct trainee t;
    oc_tensor *outputs[2];
    oc_memory_info predicted[3], taken;
    trainee_build(&t);
    const oc_model_desc desc = trainee_desc(&t, outputs);
    for (int kind = 0; kind < 3; kind++) { /* unified, staged, everything in a caller's queue */
        device->unified_memory = kind == 0;
        device->caller_queue = kind == 2;
        const int64_t before = fail_layer_bytes();
        CHECK(oc_model_predict_memory(&predicted[kind], t.graph, device, &desc));
        cr_expect_eq(fail_layer_bytes(), before);
        CHECK(oc_model_create(&t.model, t.graph, device, &desc));
        oc_model_get_memory(t.model, &taken);
        cr_expect_eq(fail_layer_bytes() - before, taken.total);
        cr_expect(memcmp(&taken, &predicted[kind], sizeof taken) == 0, "kind %d", kind);
        cr_expect_eq(taken.total, taken.parameters + taken.gradients + taken.optimizer + taken.activations);
        oc_model_destroy(t.model);
        cr_expect_eq(fail_layer_bytes(), before);
    }
    cr_expect_eq(predicted[1].activations - predicted[0].activations, 2 * INPUTS);
    cr_expect_eq(predicted[1].unshared - predicted[0].unshared, 2 * INPUTS);
    cr_expect(memcmp(&predicted[0], &predicted[2], sizeof taken) == 0);
    oc_graph_destroy(t.graph);
    oc_device_close(device);
}
