/* test_train.c - the epoch loop: every sample once per epoch, a run that is cut anywhere goes on bit for bit, and
 * what cannot work is refused in a sentence. */
#include <ocelli/models.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES = 90, BATCH = 32, STEPS = 3, MOST_STATE = 4 * 4096, PATH = 256 };

static oc_device *device;
static oc_dataset data, test_data;
static char folder[] = "/tmp/ocelli-train-XXXXXX";

#define OK(expression)                                                                                       \
    cr_assert_eq((expression), OC_OK, "%s:%d %s: %s", __FILE__, __LINE__, #expression, oc_last_error())

static void begin(void)
{
    OK(oc_device_open(&device, NULL));
    OK(oc_dataset_generate_xo(&data, &(oc_xo_desc){ .count = SAMPLES, .seed = 1 }));
    OK(oc_dataset_generate_xo(&test_data, &(oc_xo_desc){ .count = 50, .seed = 2 }));
    cr_assert_not_null(mkdtemp(folder));
}

static void end(void)
{
    static const char *const names[] = { "run.safetensors", "other.safetensors", "curve.csv", "curve.jsonl",
                                         "curve.svg" };
    char path[PATH];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    oc_dataset_clear(&data);
    oc_dataset_clear(&test_data);
    oc_device_close(device);
}

TestSuite(train, .init = begin, .fini = end);

static const char *in_folder(const char *name)
{
    static char paths[4][PATH];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH, "%s/%s", folder, name);
    return path;
}

/* A model of the X and O net and how to train it. */
struct fixture {
    oc_net net;
    oc_model *model;
    oc_train_desc desc;
};

static struct fixture fixture_create(const oc_optimizer_desc *optimizer)
{
    struct fixture f = { 0 };
    OK(oc_zoo_create(&f.net, "xo", &(oc_net_desc){ .batch = BATCH }));
    OK(oc_model_create(&f.model, f.net.graph, device,
                       &(oc_model_desc){ .loss = f.net.loss,
                                         .outputs = (oc_tensor *[]){ f.net.logits, NULL },
                                         .optimizer = *optimizer,
                                         .accumulate = true,
                                         .seed = 3 }));
    f.desc = (oc_train_desc){ .train = &data,
                              .test = &test_data,
                              .image = f.net.image,
                              .label = f.net.label,
                              .logits = f.net.logits,
                              .loss = f.net.loss,
                              .epochs = 3,
                              .seed = 4 };
    return f;
}

static void fixture_destroy(struct fixture *f)
{
    oc_model_destroy(f->model);
    oc_graph_destroy(f->net.graph);
}

/* All values and what the optimizer keeps, one after the other; returns how many. */
static int64_t read_state(oc_model *model, float state[MOST_STATE])
{
    static const oc_slot slots[] = { OC_VALUE, OC_MOMENTUM, OC_VARIANCE, OC_AVERAGE };
    int64_t count = 0;
    for (int i = 0; i < oc_parameter_count(model); i++) {
        oc_parameter_info info;
        OK(oc_parameter_info_at(model, i, &info));
        const bool kept[] = { true, info.momentum, info.variance, info.average };
        cr_assert_leq(count + 4 * info.count, MOST_STATE);
        for (int s = 0; s < 4; s++)
            if (kept[s]) {
                OK(oc_parameter_get(model, info.name, slots[s], state + count, info.count));
                count += info.count;
            }
    }
    return count;
}

/* Notes what it is told, and stops the run after `stop_after` steps. */
struct witness {
    int steps, epochs, done, stop_after;
    double first_loss[8]; /* after the first step of each epoch */
    oc_train_event epoch[8], last;
};

static bool watch(void *user, const oc_train_event *event)
{
    struct witness *witness = user;
    witness->last = *event;
    if (event->kind == OC_TRAIN_STEP && event->step == 1 && witness->epochs < 8)
        witness->first_loss[witness->epochs] = event->loss;
    if (event->kind == OC_TRAIN_EPOCH && witness->epochs < 8)
        witness->epoch[witness->epochs++] = *event;
    witness->steps += event->kind == OC_TRAIN_STEP;
    witness->done += event->kind == OC_TRAIN_DONE;
    return !(event->kind == OC_TRAIN_STEP && witness->steps == witness->stop_after);
}

static const oc_optimizer_desc optimizers[] = {
    { .rate = 0.05f },
    { .rate = 0.05f, .momentum = 0.9f },
    { .rate = 0.05f, .momentum = 0.9f, .nesterov = true, .weight_decay = 1e-3f },
    { .kind = OC_ADAM, .rate = 0.01f, .average = 0.9f, .clip_norm = 1 },
    { .kind = OC_RMSPROP, .momentum = 0.5f, .weight_decay = 1e-3f, .decay_weights_only = true },
};

Test(train, a_run_cut_anywhere_goes_on_bit_for_bit)
{
    static const int cuts[] = { 1, STEPS, STEPS + 2, 3 * STEPS };
    static float want[MOST_STATE], got[MOST_STATE];
    for (size_t o = 0; o < sizeof optimizers / sizeof optimizers[0]; o++) {
        struct witness whole = { 0 };
        struct fixture f = fixture_create(&optimizers[o]);
        f.desc.progress = watch;
        f.desc.user = &whole;
        f.desc.rate_decay = 0.5f;
        f.desc.rate_every = 2;
        OK(oc_train(f.model, &f.desc));
        const int64_t count = read_state(f.model, want);
        fixture_destroy(&f);

        for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
            struct witness parts = { .stop_after = cuts[c] };
            f = fixture_create(&optimizers[o]);
            f.desc.progress = watch;
            f.desc.user = &parts;
            f.desc.rate_decay = 0.5f;
            f.desc.rate_every = 2;
            f.desc.checkpoint = in_folder("run.safetensors");
            cr_assert_eq(oc_train(f.model, &f.desc), OC_E_INTERRUPTED);
            const oc_train_desc desc = f.desc;
            fixture_destroy(&f);

            f = fixture_create(&optimizers[o]);
            f.desc.progress = desc.progress;
            f.desc.user = desc.user;
            f.desc.rate_decay = desc.rate_decay;
            f.desc.rate_every = desc.rate_every;
            f.desc.resume = desc.checkpoint;
            OK(oc_train(f.model, &f.desc));
            cr_expect_eq(read_state(f.model, got), count);
            cr_expect_arr_eq(got, want, (size_t)count * sizeof(float), "optimizer %zu cut after %d steps", o,
                             cuts[c]);
            cr_expect_eq(oc_model_get_step(f.model), 3 * STEPS);
            cr_expect_eq(parts.steps, whole.steps);
            cr_expect_eq(parts.epochs, whole.epochs);
            for (int e = 0; e < whole.epochs; e++) {
                cr_expect_eq(parts.epoch[e].loss, whole.epoch[e].loss);
                cr_expect_eq(parts.epoch[e].accuracy, whole.epoch[e].accuracy);
                cr_expect_eq(parts.epoch[e].test_loss, whole.epoch[e].test_loss);
                cr_expect_eq(parts.epoch[e].rate, whole.epoch[e].rate);
            }
            fixture_destroy(&f);
        }
    }
}

/* Batches of 4 make steps of 32, the last one of an epoch of 26; and a run of those goes on as well. */
Test(train, accumulated_batches_make_the_same_steps)
{
    static float want[MOST_STATE], got[MOST_STATE], again[MOST_STATE];
    struct witness whole = { 0 }, split = { 0 }, cut = { .stop_after = STEPS + 1 };
    int64_t count = 0;
    for (int run = 0; run < 4; run++) { /* in one piece, in parts, cut, and on */
        struct fixture f = fixture_create(&optimizers[1]);
        f.desc.progress = watch;
        f.desc.user = run == 0 ? &whole : run == 1 ? &split : &cut;
        f.desc.batch = run == 0 ? BATCH : 4;
        f.desc.accumulate = run == 0 ? 0 : BATCH / 4;
        f.desc.checkpoint = run == 2 ? in_folder("run.safetensors") : NULL;
        f.desc.resume = run == 3 ? in_folder("run.safetensors") : NULL;
        cr_assert_eq(oc_train(f.model, &f.desc), run == 2 ? OC_E_INTERRUPTED : OC_OK, "%s", oc_last_error());
        count = read_state(f.model, run == 0 ? want : run == 1 ? got : again);
        if (run != 2)
            cr_expect_eq(oc_model_get_step(f.model), 3 * STEPS);
        fixture_destroy(&f);
    }
    for (int64_t i = 0; i < count; i++)
        cr_expect(fabs((double)got[i] - (double)want[i]) <= 1e-5 * (1 + fabs((double)want[i])),
                  "[%d] is %g, not %g", (int)i, (double)got[i], (double)want[i]);
    cr_expect_arr_eq(again, got, (size_t)count * sizeof(float));
    cr_expect_eq(split.steps, whole.steps);
    cr_expect_float_eq(split.epoch[2].loss, whole.epoch[2].loss, 1e-5);
    cr_expect_eq(split.epoch[2].accuracy, whole.epoch[2].accuracy);
}

/* What is tested, and what others read in the checkpoint, is the averages. */
Test(train, averages_are_tested_and_written)
{
    double loss = 0, accuracy = 0;
    struct witness witness = { 0 };
    struct fixture f = fixture_create(&optimizers[3]), plain = fixture_create(&optimizers[0]);
    f.desc.progress = watch;
    f.desc.user = &witness;
    f.desc.checkpoint = in_folder("run.safetensors");
    OK(oc_train(f.model, &f.desc));
    OK(oc_model_load(plain.model, f.desc.checkpoint));
    OK(oc_evaluate(plain.model, &plain.desc, &test_data, &loss, &accuracy));
    cr_expect_eq(loss, witness.epoch[2].test_loss);
    OK(oc_evaluate(f.model, &f.desc, &test_data, &loss, &accuracy));
    cr_expect_neq(loss, witness.epoch[2].test_loss);
    fixture_destroy(&f);
    fixture_destroy(&plain);
}

/* SGD's velocities and step count say nothing about Adam's moments; the weights do. */
Test(train, the_state_of_another_optimizer_is_not_used)
{
    static float sgd[MOST_STATE], adam[MOST_STATE];
    oc_parameter_info info;
    struct fixture f = fixture_create(&optimizers[1]),
                   other = fixture_create(&(oc_optimizer_desc){ .kind = OC_ADAM });
    f.desc.checkpoint = in_folder("run.safetensors");
    OK(oc_train(f.model, &f.desc));
    OK(oc_train(other.model, &other.desc));
    OK(oc_model_load(other.model, f.desc.checkpoint));
    cr_expect_eq(oc_model_get_step(other.model), 0);
    OK(oc_parameter_info_at(other.model, 0, &info));
    OK(oc_parameter_get(f.model, info.name, OC_VALUE, sgd, info.count));
    OK(oc_parameter_get(other.model, info.name, OC_VALUE, adam, info.count));
    cr_expect_arr_eq(sgd, adam, (size_t)info.count * sizeof(float));
    for (oc_slot slot = OC_MOMENTUM; slot <= OC_VARIANCE; slot++) {
        OK(oc_parameter_get(other.model, info.name, slot, adam, info.count));
        for (int64_t i = 0; i < info.count; i++)
            cr_assert_eq(adam[i], 0, "slot %d", (int)slot);
    }
    fixture_destroy(&f);
    fixture_destroy(&other);
}

Test(train, the_same_run_gives_the_same_bits_and_another_seed_others)
{
    static float state[3][MOST_STATE];
    int64_t count = 0;
    for (int run = 0; run < 3; run++) {
        struct fixture f = fixture_create(&optimizers[1]);
        f.desc.seed = run < 2 ? 4 : 5;
        OK(oc_train(f.model, &f.desc));
        count = read_state(f.model, state[run]);
        fixture_destroy(&f);
    }
    cr_expect_arr_eq(state[0], state[1], (size_t)count * sizeof(float));
    cr_expect_neq(memcmp(state[0], state[2], (size_t)count * sizeof(float)), 0);
}

/* With a rate that changes nothing, the loss over an epoch is the loss over the data: every sample once. That of
 * the first step tells that the order is another in each epoch. */
Test(train, an_epoch_sees_every_sample_once_in_an_order_of_its_own)
{
    struct witness witness = { 0 };
    double loss = 0, accuracy = 0;
    struct fixture f = fixture_create(&(oc_optimizer_desc){ .rate = 1e-30f });
    f.desc.progress = watch;
    f.desc.user = &witness;
    OK(oc_train(f.model, &f.desc));
    OK(oc_evaluate(f.model, &f.desc, &data, &loss, &accuracy));
    cr_expect_eq(witness.steps, 3 * STEPS);
    cr_expect_eq(witness.epochs, 3);
    cr_expect_eq(witness.done, 1);
    cr_expect_eq(oc_model_get_step(f.model), 3 * STEPS);
    cr_expect_neq(witness.first_loss[0], witness.first_loss[1]);
    cr_expect_neq(witness.first_loss[1], witness.first_loss[2]);
    for (int e = 0; e < 3; e++) {
        const oc_train_event *event = &witness.epoch[e];
        cr_expect_eq(event->epoch, e + 1);
        cr_expect_eq(event->step, STEPS);
        cr_expect_eq(event->steps, STEPS);
        cr_expect_float_eq(event->loss, loss, 1e-5 * loss, "epoch %d: %g, not %g", e, event->loss, loss);
        cr_expect_float_eq(event->accuracy, accuracy, 1e-12);
        cr_expect(event->seconds >= 0 && event->seconds_left >= 0 && event->images_per_second > 0);
    }
    fixture_destroy(&f);
}

Test(train, the_rate_follows_its_schedule_and_comes_back)
{
    struct witness witness = { 0 };
    struct fixture f = fixture_create(&(oc_optimizer_desc){ .rate = 0.04f });
    f.desc.progress = watch;
    f.desc.user = &witness;
    f.desc.epochs = 5;
    f.desc.rate_decay = 0.5f;
    f.desc.rate_every = 2;
    OK(oc_train(f.model, &f.desc));
    static const float want[] = { 0.04f, 0.04f, 0.02f, 0.02f, 0.01f };
    for (int e = 0; e < 5; e++)
        cr_expect_eq(witness.epoch[e].rate, want[e]);
    cr_expect_eq(oc_model_get_rate(f.model), 0.04f);
    fixture_destroy(&f);
}

/* Uses the model after each step in a way of its own, as its caller may. */
struct guest {
    const struct fixture *fixture;
    struct witness witness;
};

static bool use_model(void *user, const oc_train_event *event)
{
    struct guest *guest = user;
    const struct fixture *f = guest->fixture;
    const oc_feed some[] = { { .tensor = f->net.image, .data = data.images },
                             { .tensor = f->net.label, .data = data.labels },
                             { 0 } };
    const oc_feed pictures[] = { some[0], { 0 } };
    float logits[2 * BATCH], loss = 0;
    double of_all = 0, accuracy = 0;
    const oc_fetch both[] = { { .tensor = f->net.logits, .data = logits },
                              { .tensor = f->net.loss, .data = &loss },
                              { 0 } };
    const oc_fetch first[] = { both[0], { 0 } };
    if (event->kind == OC_TRAIN_STEP)
        switch (guest->witness.steps % 6) {
        case 0:
            OK(oc_evaluate(f->model, &f->desc, &test_data, &of_all, &accuracy));
            break;
        case 1:
            OK(oc_evaluate(f->model, &f->desc, &test_data, NULL, &accuracy));
            break;
        case 2:
            OK(oc_infer(f->model, 3, pictures, first));
            break;
        case 3:
            OK(oc_infer(f->model, BATCH, some, both));
            break;
        case 4:
            OK(oc_model_save(f->model, in_folder("other.safetensors"), NULL));
            break;
        default:
            OK(oc_infer(f->model, BATCH, pictures, first));
        }
    return watch(&guest->witness, event);
}

/* Although each of these runs takes, drops or leaves what was fed ahead. */
Test(train, using_the_model_in_between_changes_nothing)
{
    static float want[MOST_STATE], got[MOST_STATE];
    struct fixture f = fixture_create(&optimizers[1]);
    struct witness alone = { 0 };
    f.desc.batch = 7; /* the last of an epoch has 6 samples */
    f.desc.progress = watch;
    f.desc.user = &alone;
    OK(oc_train(f.model, &f.desc));
    const int64_t count = read_state(f.model, want);
    fixture_destroy(&f);
    f = fixture_create(&optimizers[1]);
    struct guest guest = { .fixture = &f };
    f.desc.batch = 7;
    f.desc.progress = use_model;
    f.desc.user = &guest;
    OK(oc_model_feed(f.model, 7, /* not of this run */
                     (oc_feed[]){ { .tensor = f.net.image, .data = data.images },
                                  { .tensor = f.net.label, .data = data.labels },
                                  { 0 } }));
    OK(oc_train(f.model, &f.desc));
    cr_expect_eq(read_state(f.model, got), count);
    cr_expect_arr_eq(got, want, (size_t)count * sizeof(float));
    cr_expect_eq(guest.witness.steps, alone.steps);
    for (int e = 0; e < alone.epochs; e++)
        cr_expect(guest.witness.epoch[e].loss == alone.epoch[e].loss &&
                  guest.witness.epoch[e].accuracy == alone.epoch[e].accuracy &&
                  guest.witness.epoch[e].test_loss == alone.epoch[e].test_loss);
    fixture_destroy(&f);
}

/* Whether it ends, is stopped or fails. */
Test(train, nothing_is_left_fed_ahead)
{
    for (int way = 0; way < 3; way++) {
        struct fixture f = fixture_create(&(oc_optimizer_desc){ .rate = way == 2 ? 1e30f : 0.01f });
        struct witness witness = { .stop_after = way == 1 ? 2 : 0 };
        f.desc.progress = watch;
        f.desc.user = &witness;
        const oc_status status = oc_train(f.model, &f.desc);
        cr_expect_eq(status, way == 0 ? OC_OK : way == 1 ? OC_E_INTERRUPTED : OC_E_ARGUMENT);
        cr_expect_eq(oc_model_get_fed(f.model, f.net.image), 0);
        cr_expect_eq(oc_model_get_fed(f.model, f.net.label), 0);
        fixture_destroy(&f);
    }
}

/* Logits that are the pixels themselves: loss and accuracy known by heart. */
Test(train, evaluation_weighs_every_sample_the_same)
{
    static float images[] = { 2, 0, /**/ 0, 2, /**/ 2, 0 };
    static int32_t labels[] = { 0, 1, 1 };
    static const float identity[] = { 1, 0, 0, 1 }, zeros[] = { 0, 0 };
    const oc_dataset set = {
        .count = 3, .channels = 2, .height = 1, .width = 1, .classes = 2, .images = images, .labels = labels
    };
    oc_model *model = NULL;
    oc_graph *graph = oc_graph_create(NULL);
    oc_tensor *image = oc_input(graph, &(oc_input_desc){ .name = "image", .shape = { 2, 2 } });
    oc_tensor *label = oc_input(graph, &(oc_input_desc){ .name = "label", .shape = { 2 }, .type = OC_I32 });
    oc_tensor *logits = oc_dense(image, &(oc_dense_desc){ .name = "same", .units = 2 });
    oc_tensor *loss = oc_softmax_cross_entropy(logits, label);
    OK(oc_model_create(&model, graph, device,
                       &(oc_model_desc){ .outputs = (oc_tensor *[]){ logits, loss, NULL } }));
    OK(oc_parameter_set(model, "same.weight", OC_VALUE, identity, 4));
    OK(oc_parameter_set(model, "same.bias", OC_VALUE, zeros, 2));
    const oc_train_desc desc = { .image = image, .label = label, .logits = logits, .loss = loss };
    double got_loss = 0, got_accuracy = 0;
    OK(oc_evaluate(model, &desc, &set, &got_loss, &got_accuracy));
    cr_expect_float_eq(got_accuracy, 2.0 / 3, 1e-12);
    const double right = log(1 + exp(-2.0)), wrong = log(1 + exp(2.0));
    cr_expect_float_eq(got_loss, (2 * right + wrong) / 3, 1e-6);
    oc_model_destroy(model);
    oc_graph_destroy(graph);
}

Test(train, an_x_is_told_from_an_o)
{
    oc_dataset many = { 0 }, unseen = { 0 };
    OK(oc_dataset_generate_xo(&many, &(oc_xo_desc){ .count = 2000, .seed = 11 }));
    OK(oc_dataset_generate_xo(&unseen, &(oc_xo_desc){ .count = 500, .seed = 12 }));
    struct witness witness = { 0 };
    struct fixture f = fixture_create(&(oc_optimizer_desc){ .rate = 0.05f, .momentum = 0.9f });
    f.desc.train = &many;
    f.desc.test = &unseen;
    f.desc.epochs = 5;
    f.desc.progress = watch;
    f.desc.user = &witness;
    OK(oc_train(f.model, &f.desc));
    cr_expect_geq(witness.last.test_accuracy, 0.99, "%g", witness.last.test_accuracy);
    fixture_destroy(&f);
    oc_dataset_clear(&many);
    oc_dataset_clear(&unseen);
}

Test(train, a_run_that_diverges_leaves_its_checkpoint_alone)
{
    static float before[MOST_STATE], after[MOST_STATE];
    struct fixture f = fixture_create(&(oc_optimizer_desc){ .rate = 0.01f });
    f.desc.checkpoint = in_folder("run.safetensors");
    f.desc.epochs = 1;
    OK(oc_train(f.model, &f.desc));
    const int64_t count = read_state(f.model, before);
    OK(oc_model_set_rate(f.model, 1e30f));
    f.desc.epochs = 9;
    cr_expect_eq(oc_train(f.model, &f.desc), OC_E_ARGUMENT);
    cr_expect_not_null(strstr(oc_last_error(), "diverged"), "%s", oc_last_error());
    OK(oc_model_load(f.model, f.desc.checkpoint));
    read_state(f.model, after);
    cr_expect_arr_eq(after, before, (size_t)count * sizeof(float));
    fixture_destroy(&f);
}

Test(train, a_complete_run_only_measures)
{
    struct witness witness = { 0 };
    struct fixture f = fixture_create(&optimizers[1]);
    double accuracy = 0;
    f.desc.checkpoint = in_folder("run.safetensors");
    f.desc.metadata = (const char *const[]){ "who", "me", NULL };
    OK(oc_train(f.model, &f.desc));
    f.desc.resume = f.desc.checkpoint;
    f.desc.progress = watch;
    f.desc.user = &witness;
    OK(oc_train(f.model, &f.desc));
    OK(oc_evaluate(f.model, &f.desc, &test_data, NULL, &accuracy));
    cr_expect_eq(witness.steps, 0);
    cr_expect_eq(witness.done, 1);
    cr_expect_eq(witness.last.epoch, 3);
    cr_expect_eq(witness.last.test_accuracy, accuracy);

    char who[8];
    OK(oc_metadata_get(f.desc.checkpoint, "who", who, sizeof who));
    cr_expect_str_eq(who, "me");
    fixture_destroy(&f);
}

Test(train, plain_weights_are_where_epoch_one_starts)
{
    struct witness witness = { 0 };
    struct fixture f = fixture_create(&optimizers[1]);
    OK(oc_model_save(f.model, in_folder("other.safetensors"), NULL));
    f.desc.resume = in_folder("other.safetensors");
    f.desc.progress = watch;
    f.desc.user = &witness;
    OK(oc_train(f.model, &f.desc));
    cr_expect_eq(witness.steps, 3 * STEPS);
    fixture_destroy(&f);
}

Test(train, what_cannot_work_is_refused_in_a_sentence)
{
    struct fixture f = fixture_create(&optimizers[1]);
    const oc_dataset empty = { .channels = 1, .height = 9, .width = 9, .classes = 2 };
    oc_dataset large = { 0 }, many = data;
    many.classes = 3;
    OK(oc_dataset_generate_xo(&large, &(oc_xo_desc){ .count = 4, .size = 12 }));
    struct witness cut = { .stop_after = 1 };
    oc_train_desc stopped = f.desc;
    stopped.checkpoint = in_folder("run.safetensors");
    stopped.progress = watch;
    stopped.user = &cut;
    cr_assert_eq(oc_train(f.model, &stopped), OC_E_INTERRUPTED);
    oc_train_desc cases[12];
    static const struct {
        oc_status status;
        const char *word;
    } want[12] = {
        { OC_E_ARGUMENT, "training data" },
        { OC_E_ARGUMENT, "empty" },
        { OC_E_SHAPE, "1x12x12" },
        { OC_E_SHAPE, "3 classes" },
        { OC_E_ARGUMENT, "33 samples is not in 1..32" },
        { OC_E_ARGUMENT, "-1" },
        { OC_E_ARGUMENT, "logits" },
        { OC_E_ARGUMENT, "loss" },
        { OC_E_ARGUMENT, "-0.5" },
        { OC_E_FILE, "nowhere" },
        { OC_E_ARGUMENT, "seed 99" },
        { OC_E_FILE, "nowhere" },
    };
    for (int i = 0; i < 12; i++)
        cases[i] = f.desc;
    cases[0].train = NULL;
    cases[1].train = &empty;
    cases[2].train = &large;
    cases[3].train = &many;
    cases[4].batch = BATCH + 1;
    cases[5].epochs = -1;
    cases[6].logits = NULL;
    cases[7].loss = NULL;
    cases[8].rate_decay = -0.5f;
    cases[9].resume = "/nowhere/x.safetensors";
    cases[10].resume = stopped.checkpoint;
    cases[10].seed = 99;
    cases[11].checkpoint = "/nowhere/x.safetensors";
    for (int i = 0; i < 12; i++) {
        const oc_status status = oc_train(f.model, &cases[i]);
        cr_expect_eq(status, want[i].status, "case %d: %s %s", i, oc_status_name(status), oc_last_error());
        cr_expect_not_null(strstr(oc_last_error(), want[i].word), "case %d: %s", i, oc_last_error());
    }
    oc_dataset_clear(&large);
    fixture_destroy(&f);
}
